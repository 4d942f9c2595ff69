"""Exports of a tiny run, read back by their own engines; and broken ones, which the check refuses."""

import json
from dataclasses import replace

import keras
import numpy as np
import pytest
from conftest import tiny_split
from exports import needs, needs_engine
from PIL import Image

from keras_resnet import deploy
from keras_resnet.data import load_signs
from keras_resnet.deploy import engines, exporter, metadata, quantize, sources, writers
from keras_resnet.deploy.formats import FORMATS
from keras_resnet.errors import DataError, DeployError
from keras_resnet.workdir import Workdir

FORMAT_NAMES = tuple(FORMATS)
INT8_NAMES = tuple(name for name, row in FORMATS.items() if row.int8 is not None)


@pytest.fixture(scope="module")
def test_images(tiny_set):
    return load_signs(tiny_set).test


@pytest.fixture(scope="module")
def kept(tiny_run, test_images):
    """What Keras says of the test images."""
    return np.asarray(Workdir(tiny_run[1]).load_model().predict(test_images.images, verbose=0))


@pytest.mark.parametrize("format", FORMAT_NAMES)
def test_an_export_answers_as_keras_does_in_its_own_engine(tiny_export, format, test_images, kept):
    exported = tiny_export(format)
    engine = deploy.load(exported.path, FORMATS[format].engine)
    for start, end in ((0, 1), (1, 4), (4, 20), (0, 24)):
        answers = engine(test_images.images[start:end])
        assert answers.dtype == np.float32
        np.testing.assert_allclose(answers, kept[start:end], atol=1e-5)
    assert exported.parity.agreement == 1 and exported.parity.largest_logit_difference <= exported.parity.bound
    assert exported.bytes == sum(file.stat().st_size for file in metadata.files_of(exported.path))


@pytest.mark.parametrize("format", FORMAT_NAMES)
def test_an_export_says_in_its_file_and_beside_it_what_its_user_has_to_know(tiny_export, format, tiny_run):
    exported = tiny_export(format)
    inside, outside = engines.metadata_in(exported.path), metadata.read(exported.path)
    assert inside.items() <= outside.items()
    assert inside["classes"] == ["left", "middle", "right"] and inside["precision"] == "float32"
    assert inside["input"]["name"] == "images" and inside["input"]["shape"] == [None, 32, 32, 3]
    assert inside["source"]["sha256"] == metadata.digest(tiny_run[1] / "model.keras")
    assert inside["photograph"]["resize"] == [{"size": [32, 32], "filter": "lanczos"}]
    assert outside["check"]["parity"]["agreement"] == 1


@pytest.mark.parametrize("format", INT8_NAMES)
def test_int8_is_smaller_or_says_what_it_costs(tiny_export, format, test_images, kept):
    exported = tiny_export(format, int8=True)
    found = exported.to_json()
    assert found["precision"] == "int8" and found["accuracy"]["labeled"] and found["accuracy"]["images"] == 9
    assert found["accuracy"]["before"] - found["accuracy"]["after"] <= 0.005
    answers = deploy.load(exported.path, FORMATS[format].engine, "int8")(test_images.images)
    assert (answers.argmax(axis=1) == kept.argmax(axis=1)).mean() > 0.9
    assert 1e-4 < np.abs(answers - kept).max()  # integers it is
    assert engines.metadata_in(exported.path)["precision"] == "int8"


def broken(how, source):
    """The network of a source with one of the mistakes that exports are made with."""
    images = keras.Input(source.image_shape, dtype="uint8", name="images")
    pixels = keras.ops.cast(images, "float32")
    network = source.network
    if how == "BGR":
        pixels = pixels[..., ::-1]
    elif how == "scaled twice":
        pixels = pixels / 255
    elif how == "a kernel zeroed":
        network = keras.models.clone_model(network)
        network.set_weights(source.network.get_weights())
        layer = next(layer for layer in network.layers if "branch2b" in layer.name and isinstance(layer, keras.layers.Conv2D))
        layer.kernel.assign(0 * layer.kernel)
    answers = keras.tree.flatten(network(pixels))[0]
    if how == "classes permuted":
        answers = keras.ops.take(answers, [1, 2, 0], axis=-1)
    return keras.Model(images, {"probabilities": keras.layers.Identity(name="probabilities")(answers)})


@pytest.mark.parametrize("how", ["nothing", "BGR", "scaled twice", "a kernel zeroed", "classes permuted"])
def test_a_broken_export_is_refused(how, a_format, tiny_run, tmp_path):
    source, path = sources.find(tiny_run[1], None), tmp_path / f"model{FORMATS[a_format].ending}"
    described = exporter._described(source, exporter.Order(a_format))
    writers.write(broken(how, source), path, a_format, described)
    metadata.write(path, described, {})
    if how == "nothing":
        assert deploy.check(path, tiny_run[1]).agreement == 1
    else:
        with pytest.raises(DeployError, match="is not the same function as .*logits differ by up to"):
            deploy.check(path, tiny_run[1])


def resizing(interpolation):
    """A network of its own resizing: images 48 x 48 to 32 x 32, then what of the quarters is brighter."""
    images = keras.Input((48, 48, 3))
    x = keras.layers.Resizing(32, 32, interpolation=interpolation)(images)
    x = keras.layers.Conv2D(4, 3, kernel_initializer=keras.initializers.GlorotUniform(seed=1))(x)
    x = keras.layers.Flatten()(keras.layers.AveragePooling2D(15)(x))
    return keras.Model(images, keras.layers.Dense(3, "softmax", kernel_initializer=keras.initializers.GlorotUniform(seed=2))(x))


def test_a_network_that_resizes_with_another_filter_is_refused(a_format, tmp_path):
    path = tmp_path / f"model{FORMATS[a_format].ending}"
    deploy.export(resizing("bilinear"), path, format=a_format, preprocess="unit")
    assert deploy.check(path, resizing("bilinear"), preprocess="unit").agreement == 1
    with pytest.raises(DeployError, match="logits differ"):
        deploy.check(path, resizing("nearest"), preprocess="unit")


def rewritten(exported, tmp_path, format, **changes):
    """A copy of an export with other metadata, in the file and beside it, as if it had been written so."""
    path = tmp_path / exported.path.name
    for file in metadata.files_of(exported.path):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    described = {**engines.metadata_in(exported.path), **changes}
    writers.stamp(path, format, described)
    metadata.write(path, described, {})
    return path


@pytest.mark.parametrize("filter", ["bilinear", "lanczos"])
def test_metadata_of_another_resize_filter_are_refused(filter, tiny_export, tiny_run, tmp_path):
    exported = tiny_export("openvino")
    photograph = metadata.photograph([{"size": [32, 32], "filter": filter}])
    path = rewritten(exported, tmp_path, "openvino", photograph=photograph)
    if filter == "lanczos":
        assert deploy.check(path, tiny_run[1]).agreement == 1
    else:
        with pytest.raises(DeployError, match=r"photographs are resized by bilinear to \[32, 32\].*makes other pixels"):
            deploy.check(path, tiny_run[1])


def test_metadata_of_permuted_classes_are_refused(tiny_export, tiny_run, tmp_path):
    path = rewritten(tiny_export("openvino"), tmp_path, "openvino", classes=["middle", "left", "right"])
    with pytest.raises(DeployError, match="names the classes"):
        deploy.check(path, tiny_run[1])


def test_a_refused_export_leaves_no_file(a_format, tiny_run, tmp_path, monkeypatch):
    monkeypatch.setattr(exporter, "raw_pixels", lambda source, name: broken("BGR", source))
    path = tmp_path / "new" / f"model{FORMATS[a_format].ending}"
    with pytest.raises(DeployError, match="nothing was written"):
        deploy.export(tiny_run[1], path, format=a_format)
    assert list(tmp_path.iterdir()) == []


def test_preparation_by_the_metadata_is_what_pillow_does(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (90, 131, 3)).astype("uint8")
    steps = [{"size": [40, 40], "filter": "lanczos"}, {"size": [24, 24], "filter": "bilinear"}]
    expected = Image.fromarray(pixels).resize((40, 40), Image.Resampling.LANCZOS, box=(20, 0, 110, 90))
    expected = np.asarray(expected.resize((24, 24), Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(metadata.prepared(metadata.photograph(steps), pixels), expected)


def damaged(path, how):
    file = metadata.files_of(path)[-1]
    if how == "one byte":
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        file.write_bytes(content)
    elif how == "cut short":
        file.write_bytes(file.read_bytes()[:-100])
    elif how == "gone":
        file.unlink()
    elif how == "no JSON":
        metadata.beside(path).unlink()
    elif how == "half the JSON":
        text = metadata.beside(path).read_text()
        metadata.beside(path).write_text(text[: len(text) // 2])
    elif how == "classes in the JSON":
        text = metadata.beside(path).read_text()
        metadata.beside(path).write_text(text.replace("left", "right"))
    elif how == "a list":
        metadata.beside(path).write_text("[]")


@pytest.mark.parametrize(
    ("how", "line"),
    [
        ("one byte", "was changed"),
        ("cut short", "was changed"),
        ("gone", "is missing"),
        ("no JSON", "is no export of this package"),
        ("half the JSON", "is damaged"),
        ("classes in the JSON", "was changed after it was written"),
        ("a list", "is damaged"),
    ],
)
def test_a_damaged_or_changed_export_is_one_line(how, line, tiny_export, tmp_path):
    exported = tiny_export("openvino")
    for file in (*metadata.files_of(exported.path), metadata.beside(exported.path)):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    path = tmp_path / exported.path.name
    assert metadata.read(path)["classes"] == ["left", "middle", "right"]
    damaged(path, how)
    with pytest.raises(DeployError, match=line) as problem:
        metadata.read(path)
    assert "\n" not in str(problem.value)


@pytest.mark.parametrize(("format", "content"), [("openvino", b"<net/>"), ("onnx", b"\x08\x01"), ("litert", b"TFL3" * 9)])
def test_files_of_others_are_one_line(format, content, tmp_path):
    needs_engine(FORMATS[format].engine)
    path = tmp_path / f"model{FORMATS[format].ending}"
    path.write_bytes(content)
    with pytest.raises(DeployError) as problem:
        deploy.load(path, FORMATS[format].engine)
    assert "\n" not in str(problem.value) and str(path) in str(problem.value)


def test_features_are_what_the_classifier_takes(a_format, tiny_run, tmp_path, test_images):
    path = tmp_path / f"model{FORMATS[a_format].ending}"
    deploy.export(tiny_run[1], path, format=a_format, features=True)
    features = deploy.load(path, FORMATS[a_format].engine)(test_images.images)
    network = Workdir(tiny_run[1]).load_model()
    kernel, bias = network.layers[-1].get_weights()
    logits = features.astype("float64") @ kernel + bias
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(network.predict(test_images.images, verbose=0), expected, atol=1e-5)


def tiny_network(activation):
    images = keras.Input((32, 32, 3))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 3, name="conv")(images))
    return keras.Model(images, keras.layers.Dense(3, activation)(x))


def test_logits_get_a_softmax_and_that_is_said(a_format, tmp_path, caplog):
    path, network = tmp_path / f"model{FORMATS[a_format].ending}", tiny_network(None)
    deploy.export(network, path, format=a_format, preprocess="torch")
    assert "gives logits: a softmax is put behind them" in caplog.text
    images = sources.seeded(3, (32, 32, 3))
    pixels = (images / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    logits = network.predict(pixels.astype("float32"), verbose=0)
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(deploy.load(path, FORMATS[a_format].engine)(images), expected, atol=1e-5)


def test_what_cannot_be_exported_is_one_line(a_format, tmp_path, tiny_run):
    path = tmp_path / f"model{FORMATS[a_format].ending}"
    softmax = tiny_network("softmax")
    several = keras.Model(softmax.inputs, [softmax.outputs[0], softmax.outputs[0]])
    opened = keras.Sequential([keras.Input((None, None, 3)), keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(3)])
    gray = keras.Sequential([keras.Input((32, 32, 1)), keras.layers.Flatten(), keras.layers.Dense(3, "softmax")])
    cases = [
        (softmax, {}, "preprocess: what .* expects of pixels is not known"),
        (softmax, {"preprocess": "unti"}, "Unknown preprocess"),
        (tiny_network("sigmoid"), {"preprocess": "unit"}, "expected a softmax, or logits"),
        (several, {"preprocess": "unit"}, "expected one tensor"),
        (opened, {"preprocess": "unit"}, "expected RGB images of one size"),
        (gray, {"preprocess": "unit"}, "expected RGB images of one size"),
        (3, {}, "source: expected a run folder, a weight file or a keras.Model, received int"),
        (tiny_run[1], {"preprocess": "unit"}, "a run's network prepares pixels itself"),
        (tiny_run[1], {"max_drop": -1}, "max_drop: expected points from 0 to 100"),
    ]
    for source, options, line in cases:
        with pytest.raises(DeployError, match=line):
            deploy.export(source, path, format=a_format, **options)
    with pytest.raises(DeployError, match="path: expected one to write to"):
        deploy.export(softmax, format=a_format, preprocess="unit")
    (tmp_path / f"other{FORMATS[a_format].ending}").write_text("mine")
    with pytest.raises(DeployError, match="exists and is no export of this package"):
        deploy.export(tiny_run[1], tmp_path / f"other{FORMATS[a_format].ending}", format=a_format)
    with pytest.raises(DataError, match=r"images: expected uint8 \(N, 32, 32, 3\)"):
        deploy.export(tiny_run[1], path, format=a_format, images=np.zeros((4, 16, 16, 3), "uint8"))
    assert not path.exists()


def test_int8_is_calibrated_on_training_images_alone(tiny_run, tiny_set, tmp_path, monkeypatch):
    needs("openvino", int8=True)
    seen = []
    original = quantize.quantize

    def spy(path, format, images, judge):
        seen.append(images)
        original(path, format, images, judge)

    monkeypatch.setattr(quantize, "quantize", spy)
    deploy.export(tiny_run[1], tmp_path / "model.xml", format="openvino", int8=True)
    signs = load_signs(tiny_set)
    train, test = ({image.tobytes() for image in split.images} for split in (signs.train, signs.test))
    calibrated = {image.tobytes() for image in seen[0]}
    assert len(calibrated) == len(seen[0]) == 87 and calibrated <= train and not calibrated & test


def test_int8_without_images_to_calibrate_on_is_one_line(tmp_path):
    needs("openvino", int8=True)
    with pytest.raises(DeployError, match="int8: expected photographs to calibrate on"):
        deploy.export(tiny_network("softmax"), tmp_path / "model.xml", format="openvino", int8=True, preprocess="unit")


def lossy_network():
    """One channel a thousand times the others, which alone say what class it is: in one scale of 8 bits these are all 0."""
    images = keras.Input((32, 32, 3))
    x = keras.layers.Conv2D(4, 1, use_bias=False, name="wide")(images)
    x = keras.layers.ReLU()(x)
    x = keras.layers.Conv2D(3, 1, use_bias=False, name="narrow")(x)
    x = keras.layers.AveragePooling2D(32)(x)
    network = keras.Model(images, keras.layers.Softmax()(keras.layers.Flatten()(x)))
    wide = np.concatenate([np.eye(3), np.full((3, 1), 2000.0)], axis=1)
    narrow = np.concatenate([20 * np.eye(3), np.zeros((1, 3))])
    network.set_weights([wide[None, None].astype("float32"), narrow[None, None].astype("float32")])
    return network


@pytest.mark.parametrize("format", ["openvino", "onnx"])
def test_layers_that_lose_accuracy_stay_in_float32_and_are_named(format, tmp_path):
    needs(format, int8=True)
    random = np.random.default_rng(0)
    images = random.integers(0, 60, (60, 32, 32, 3))
    images[np.arange(60), :, :, np.arange(60) % 3] += 20
    network, path = lossy_network(), tmp_path / f"model{FORMATS[format].ending}"
    exported = deploy.export(
        network, path, format=format, int8=True, preprocess="unit", images=images.astype("uint8"), max_drop=1
    )
    assert "narrow" in exported.float_layers and exported.parity.accuracy.after >= 0.99
    assert "in float32: " in str(exported)


def test_a_run_without_its_images_is_checked_on_seeded_ones_and_that_is_said(a_format, tiny_run, tmp_path, caplog):
    import shutil

    run = tmp_path / "run"
    shutil.copytree(tiny_run[1], run)
    record = json.loads((run / "run.json").read_text())
    record["data"]["path"] = str(tmp_path / "gone")
    (run / "run.json").write_text(json.dumps(record))
    exported = deploy.export(run, format=a_format)
    assert (exported.images, exported.parity.images) == (
        "seeded images",
        20,
    ) and "own images are not at hand, seeded ones" in caplog.text
    assert exported.path.parent.parent.parent == run / "exports"


def test_a_run_of_lower_precision_is_exported_in_float32(a_format, tmp_path, caplog):
    network = tiny_network("softmax")
    lower = keras.models.clone_model(
        network, clone_function=lambda layer: layer.__class__.from_config({**layer.get_config(), "dtype": "mixed_bfloat16"})
    )
    lower.set_weights(network.get_weights())
    exported = deploy.export(lower, tmp_path / f"model{FORMATS[a_format].ending}", format=a_format, preprocess="unit")
    assert "computes in bfloat16; it is exported, and checked, in float32" in caplog.text
    images = sources.seeded(4, (32, 32, 3))
    expected = network.predict(images.astype("float32") / 255, verbose=0)
    np.testing.assert_allclose(deploy.load(exported.path, FORMATS[a_format].engine)(images), expected, atol=1e-5)


def test_a_set_of_other_classes_is_refused(a_format, tiny_run, tmp_path):
    from keras_resnet.data import write_signs

    write_signs(tmp_path / "set", tiny_split(24, seed=1), tiny_split(12, seed=2), ("a", "b", "c"))
    with pytest.raises(DataError, match="the network tells"):
        deploy.export(tiny_run[1], tmp_path / f"m{FORMATS[a_format].ending}", format=a_format, images=tmp_path / "set")


def test_weights_of_a_run_are_the_run(tiny_run):
    assert replace(sources.find(tiny_run[1] / "weights.h5", None), network=None).path == tiny_run[1]


def test_a_weight_file_says_what_its_pixels_are_taken_to_be_or_is_refused(a_format, tmp_path, caplog):
    from keras_resnet import weights
    from keras_resnet.models import create_model

    path = tmp_path / f"model{FORMATS[a_format].ending}"
    network = create_model("resnet18", lineage="torchvision", classes=3, input_shape=(32, 32, 3))
    weights.save(network, tmp_path / "torchvision.weights.h5")
    deploy.export(tmp_path / "torchvision.weights.h5", path, format=a_format)
    assert "taken to be preprocess_input(mode='torch'), as for published weights of lineage torchvision" in caplog.text
    images = sources.seeded(3, shape := (*metadata.read(path)["input"]["shape"][1:3], 3))
    pixels = ((images / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]).astype("float32")
    same = create_model("resnet18", lineage="torchvision", classes=3, input_shape=shape)
    same.set_weights(network.get_weights())
    np.testing.assert_allclose(deploy.load(path, FORMATS[a_format].engine)(images), same.predict(pixels, verbose=0), atol=1e-5)
    weights.save(create_model("resnet20", classes=3), tmp_path / "he.h5")
    with pytest.raises(DeployError, match="preprocess: .*he.h5 does not say .* expected one of caffe"):
        deploy.export(tmp_path / "he.h5", path, format=a_format)


@pytest.mark.full
@pytest.mark.parametrize("format", FORMAT_NAMES)
def test_resnet50_is_the_same_function_in_every_engine(format, tmp_path):
    from keras_resnet.models import create_model

    needs(format)
    keras.utils.set_random_seed(0)
    network = create_model("resnet50", lineage="torchvision", classes=10, weights=None)
    path = tmp_path / f"model{FORMATS[format].ending}"
    deploy.export(network, path, format=format, preprocess="torch")
    images = sources.seeded(4, (224, 224, 3))
    pixels = ((images / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]).astype("float32")
    answers = deploy.load(path, FORMATS[format].engine)(images)
    np.testing.assert_allclose(answers, network.predict(pixels, verbose=0), atol=1e-5)
