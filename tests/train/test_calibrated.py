"""The temperature at the end of a run: in the record, and in the weights that every other command reads."""

import dataclasses
import shutil

import numpy as np
import pytest

from keras_resnet import train
from keras_resnet.data import load_signs
from keras_resnet.deploy import Predictor
from keras_resnet.evaluate.calibration import fit_temperature, tempered
from keras_resnet.evaluate.feature_space import FeatureSpace
from keras_resnet.evaluate.metrics import calibration_error
from keras_resnet.models.calls import embedding
from keras_resnet.train.images import cut
from keras_resnet.workdir import Workdir


def test_the_saved_network_is_the_trained_one_at_its_temperature(tiny_run, tiny_set):
    _, path = tiny_run
    record = Workdir(path).read()["calibration"]
    _, validation = cut(load_signs(tiny_set).train, 0.1, seed=0)
    probabilities = Predictor(path, engine="keras")(validation.images)
    assert record["images"] == len(validation) and record["interval"][0] <= record["temperature"] <= record["interval"][1]
    again = fit_temperature(probabilities, validation.labels)
    assert again.temperature == pytest.approx(1, abs=0.02)  # nothing is left to divide by
    assert calibration_error(probabilities, validation.labels) == pytest.approx(record["ece_after"], abs=1e-3)
    before = tempered(probabilities, 1 / record["temperature"])
    assert calibration_error(before, validation.labels) == pytest.approx(record["ece_before"], abs=1e-3)


def test_the_weight_file_holds_the_temperature_too(tiny_run, tiny_set):
    import keras_resnet as kr

    images = load_signs(tiny_set).test.images[:4]
    bare = kr.create_model("resnet-tiny", input_shape=(32, 32, 3), classes=3, weights=str(tiny_run[1] / "weights.h5"))
    np.testing.assert_allclose(bare.predict(images / 255, verbose=0), Predictor(tiny_run[1])(images), atol=1e-5)


def test_without_validation_images_it_is_said(tiny_set, tiny_recipe, tmp_path):
    said = []
    settings = {"model": "resnet-tiny", "recipe": tiny_recipe, "epochs": 1, "validation_fraction": 0, "verbose": 0}
    train.run(data=tiny_set, out=tmp_path / "run", say=said.append, **settings)
    assert any("Without validation images probabilities are not calibrated" in line for line in said)
    assert Workdir(tmp_path / "run").read()["calibration"] is None
    page = (tmp_path / "run" / "report.html").read_text()
    assert "How far to believe a probability" in page and (tmp_path / "run" / "reliability.png").exists()


def test_a_photo_beyond_the_limit_is_unlike_the_training_images(tiny_run, tiny_set, tmp_path):
    """Test images are named that lie beyond the limit of the run, and no others; by how much is said."""
    predictor, test = Predictor(tiny_run[1], engine="keras"), load_signs(tiny_set).test
    space = FeatureSpace.load(tiny_run[1] / "features.npz")
    distances = space.distances(embedding(Workdir(tiny_run[1]).load_model())(test.images))
    assert [predictor.unlike_training(image) is not None for image in test.images] == (distances > space.limit).tolist()
    distance = distances[0]
    shutil.copytree(tiny_run[1], tmp_path / "run")
    dataclasses.replace(space, limit=distance / 2).save(tmp_path / "run" / "features.npz")
    expected = "by the network's features it is 2.00 times as far from the training images as nearly all good ones are"
    assert Predictor(tmp_path / "run", engine="keras").unlike_training(test.images[0]) == expected


def test_few_validation_images_give_no_limit_and_with_more_the_report_counts(tiny_run, tiny_set, tiny_recipe, tmp_path):
    told = "test images are unlike those that it was trained on"
    assert FeatureSpace.load(tiny_run[1] / "features.npz").limit == np.inf  # of nine images
    assert told not in (tiny_run[1] / "report.html").read_text()
    settings = {"model": "resnet-tiny", "recipe": tiny_recipe, "epochs": 2, "validation_fraction": 0.25, "verbose": 0}
    train.run(data=tiny_set, out=tmp_path / "run", say=lambda line: None, **settings)
    assert np.isfinite(FeatureSpace.load(tmp_path / "run" / "features.npz").limit)
    assert f"of the 24 {told}" in (tmp_path / "run" / "report.html").read_text()


def test_a_run_of_an_earlier_version_has_no_such_measure(tiny_run, tiny_set, tmp_path):
    shutil.copytree(tiny_run[1], tmp_path / "run")
    (tmp_path / "run" / "features.npz").unlink()
    assert Predictor(tmp_path / "run", engine="keras").unlike_training(load_signs(tiny_set).test.images[0]) is None
