"""What a run starts from, and what stands in front of its network."""

import json

import keras
import numpy as np
import pytest
from conftest import tiny_split

import keras_resnet as kr
from keras_resnet import train
from keras_resnet.data import load_signs, write_signs
from keras_resnet.errors import DataError, RunError, WeightsError
from keras_resnet.models import preprocess_input
from keras_resnet.train.network import Start, start_from, training_model

QUIET = {"say": lambda line: None, "verbose": 0, "model": "resnet-tiny"}
NAMES = ("left", "middle", "right")


@pytest.fixture(scope="module")
def torchvision_file(tmp_path_factory):
    """Weights of the tiny network in torchvision's lineage, for three classes: `(network, path)`."""
    network = kr.create_model("resnet-tiny", lineage="torchvision", input_shape=(32, 32, 3), classes=3)
    path = tmp_path_factory.mktemp("weights") / "tiny.weights.h5"
    network.save_weights(path)
    return network, path


def test_a_run_gives_its_network_pixels_and_classifier(tiny_run):
    for weights in (tiny_run[1], tiny_run[1] / "weights.h5"):
        start = start_from(weights, "resnet-tiny", NAMES)
        assert (start.lineage, start.pixels, start.head) == ("chollet", "unit", "require")
        assert start.weights == str(tiny_run[1] / "weights.h5") and len(start.sha256) == 64
    assert start_from(tiny_run[1], "resnet-tiny", ("right", "left", "middle")).head == "skip"  # other classes, though as many


def test_a_file_gives_its_lineage_and_the_pixels_of_that(torchvision_file, tiny_run, tmp_path):
    start = start_from(torchvision_file[1], "resnet-tiny", NAMES)
    assert (start.lineage, start.pixels, start.head) == ("torchvision", "torch", "require")
    assert start_from(torchvision_file[1], "resnet-tiny", ("a", "b")).head == "skip"
    assert start_from(None, "resnet-tiny", NAMES) == Start()


def test_weights_that_are_not_there_are_named(tmp_path):
    with pytest.raises(WeightsError, match="nowhere.h5"):
        start_from(tmp_path / "nowhere.h5", "resnet-tiny", NAMES)
    with pytest.raises(RunError, match="is not a run folder: it has no run.json"):
        start_from(tmp_path, "resnet-tiny", NAMES)
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(RunError, match="holds no trained weights yet: .*weights.h5 is missing; go on with the run by --resume"):
        start_from(tmp_path, "resnet-tiny", NAMES)


@pytest.mark.parametrize("mode", ["caffe", "torch", "tf", "unit", "none"])
def test_the_network_does_to_pixels_what_preprocess_input_does(mode, torchvision_file):
    network, path = torchvision_file
    images = tiny_split(5, seed=4).images
    recipe = train.Recipe(name="r", summary="", epochs=1)
    start = Start(str(path), "torchvision", mode)
    trained = training_model("resnet-tiny", (32, 32, 3), 3, recipe, images=5, start=start)
    expected = network.predict(preprocess_input(images, mode=mode), verbose=0)
    np.testing.assert_allclose(trained.predict(images, verbose=0), expected, rtol=1e-4, atol=1e-6)


def test_finetuning_starts_from_a_run_and_leaves_what_is_frozen(tiny_run, tiny_set, torchvision_file, tmp_path):
    arguments = {"data": tiny_set, "recipe": "finetune", "epochs": 2, "weights": tiny_run[1], "per_class": 10, **QUIET}
    arguments |= {"freeze": "stage4"}
    lines = []
    outcome = train.run(**{**arguments, "say": lines.append}, out=tmp_path / "run")
    before, after = (kr.workdir.Workdir(path).load_model() for path in (tiny_run[1], tmp_path / "run"))
    changed = {
        layer.name
        for layer in before.layers
        if layer.weights
        for one, other in zip(layer.get_weights(), after.get_layer(layer.name).get_weights(), strict=True)
        if not np.array_equal(one, other)
    }
    assert changed and all(name[3] == "5" or name[2] == "5" or name == "fc1000" for name in changed), changed
    assert {"res5a_branch2a", "bn5a_branch2a", "fc1000"} <= changed
    assert any("30 images to train on" in line and "the stem to stage4 frozen" in line for line in lines)
    assert outcome.accuracy >= 0.9  # the classifier came along, and the rates are small

    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert (record["per_class"], record["data"]["used"]) == (10, 30)
    assert record["weights"]["head"] == "require" and record["weights"]["path"].endswith("weights.h5")
    assert f"--per-class 10 --weights {tiny_run[1]} --out" in record["command"]
    with pytest.raises(RunError, match="was begun with weights .*weights.h5, and now it is .*tiny.weights.h5"):
        train.run(**{**arguments, "weights": torchvision_file[1]}, out=tmp_path / "run", resume=True)
    with pytest.raises(RunError, match="was begun with freeze of recipe finetune stage4, and now it is stem"):
        train.run(**{**arguments, "freeze": "stem"}, out=tmp_path / "run", resume=True)


def test_a_new_classifier_for_other_classes(tiny_run, tmp_path):
    write_signs(tmp_path / "two", tiny_split(20, 1, classes=2), tiny_split(10, 2, classes=2), ("up", "down"))
    lines = []
    arguments = {**QUIET, "say": lines.append, "recipe": "finetune", "epochs": 1, "weights": tiny_run[1]}
    train.run(data=tmp_path / "two", out=tmp_path / "run", **arguments)
    assert any("with a new classifier" in line for line in lines)
    model = kr.workdir.Workdir(tmp_path / "run").load_model()
    stem = kr.workdir.Workdir(tiny_run[1]).load_model().get_layer("conv1").get_weights()
    np.testing.assert_array_equal(model.get_layer("conv1").get_weights()[0], stem[0])
    assert model.output_shape == (None, 2)


def test_a_network_of_another_lineage_stays_one_to_the_end(torchvision_file, tiny_set, tiny_recipe, tmp_path):
    train.run(data=tiny_set, out=tmp_path / "run", recipe=tiny_recipe, epochs=1, weights=torchvision_file[1], **QUIET)
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert (record["lineage"], record["pixels"]) == ("torchvision", "torch")
    assert "normalises them by the means and deviations of ImageNet" in record["preprocessing"]
    images = load_signs(tiny_set).test.images
    saved = keras.models.load_model(tmp_path / "run" / "model.keras", compile=False).predict(images, verbose=0)
    bare = kr.create_model("resnet-tiny", lineage="torchvision", input_shape=(32, 32, 3), classes=3)
    kr.weights.load(bare, tmp_path / "run" / "weights.h5")
    np.testing.assert_allclose(bare.predict(preprocess_input(images, "torch"), verbose=0), saved, rtol=1e-4, atol=1e-5)
    assert start_from(tmp_path / "run", "resnet-tiny", NAMES).pixels == "torch"  # and the next run starts as this one did


def test_images_too_small_for_the_network_are_told_with_both_sizes(tmp_path):
    write_signs(tmp_path / "small", tiny_split(9, 1, size=16), tiny_split(9, 2, size=16), NAMES)
    with pytest.raises(DataError, match="small gives images of 16 x 16, and resnet-tiny takes 32 x 32 or more: --size 64"):
        train.run(data=tmp_path / "small", out=tmp_path / "run", **QUIET)
    with pytest.raises(DataError, match="gives images resized to 20 x 20, and resnet-tiny takes 32 x 32 or more"):
        train.run(data=tmp_path / "small", out=tmp_path / "run", size=20, **QUIET)
    assert not (tmp_path / "run").exists()


def test_a_run_that_resizes_does_so_ever_after(tiny_recipe, tiny_run, tmp_path):
    from PIL import Image

    from keras_resnet.data.photo import read_photo
    from keras_resnet.deploy import Predictor

    write_signs(tmp_path / "small", tiny_split(48, 1, size=24), tiny_split(12, 2, size=24), NAMES)
    outcome = train.run(data=tmp_path / "small", out=tmp_path / "run", recipe=tiny_recipe, epochs=1, size=36, **QUIET)
    signs = load_signs(tmp_path / "small")
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert (record["size"], record["data"]["shape"], record["data"]["set_shape"]) == (36, [36, 36, 3], [24, 24, 3])

    assert kr.evaluate.report(tmp_path / "run", tmp_path / "small").loss == pytest.approx(outcome.loss, rel=1e-5)
    predictor = Predictor(tmp_path / "run")
    large = [np.asarray(Image.fromarray(image).resize((36, 36), Image.Resampling.BILINEAR)) for image in signs.test.images]
    np.testing.assert_array_equal(predictor(signs.test.images), predictor(np.stack(large)))
    Image.fromarray(np.repeat(np.repeat(signs.test.images[3], 5, 0), 5, 1)).save(tmp_path / "photo.png")
    photo = Image.fromarray(read_photo(tmp_path / "photo.png", 24)).resize((36, 36), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(predictor.photo(tmp_path / "photo.png"), np.asarray(photo))

    with pytest.raises(DataError, match=r"has images of \(24, 24, 3\); the run was trained on \(32, 32, 3\); one trained with"):
        kr.evaluate.report(tiny_run[1], tmp_path / "small")
    with pytest.raises(RunError, match="was begun with size 36, and now it is 40"):
        train.run(data=tmp_path / "small", out=tmp_path / "run", recipe=tiny_recipe, epochs=1, size=40, resume=True, **QUIET)


def test_the_shipped_file_gets_the_pixels_that_it_was_trained_on():
    """No file of its lineage is published, so it is taken for one of this package's own runs."""
    from conftest import ROOT

    from keras_resnet.train.network import start_from

    start = start_from(ROOT / "weights" / "resnet20_synthetic_signs.h5", "resnet20", list("012345"))
    assert (start.pixels, start.lineage, start.head) == ("unit", "he", "require")


def test_choices_reach_the_network(tiny_recipe):
    network = train.training_model(
        "resnet20", (32, 32, 3), 3, tiny_recipe, images=96, choices={"depths": (2, 1, 1), "norm": "none"}
    )
    blocks = {layer.name.rpartition("block")[2][0] for layer in network.layers if layer.name.startswith("conv2_block")}
    assert blocks == {"1", "2"}
    assert not any(isinstance(layer, keras.layers.BatchNormalization) for layer in network.layers)
