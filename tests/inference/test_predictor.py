import numpy as np
import pytest

from keras_resnet.data import load_signs
from keras_resnet.errors import DataError, RunError
from keras_resnet.inference import Predictor


def test_predictor_gives_the_probabilities_behind_the_runs_accuracy(tiny_run, tiny_set):
    outcome, path = tiny_run
    predictor, test = Predictor(path), load_signs(tiny_set).test
    probabilities = predictor(test.images)
    assert predictor.class_names == ("left", "middle", "right")
    assert (probabilities.argmax(axis=1) == test.labels).mean() == outcome.accuracy
    of_truth = probabilities[np.arange(24), test.labels]
    assert -np.log(of_truth).mean() == pytest.approx(outcome.loss, rel=1e-4)


def test_a_photo_unlike_the_training_images_is_named(tiny_run, tiny_set):
    predictor, test = Predictor(tiny_run[1]), load_signs(tiny_set).test
    assert predictor.unlike_training(test.images[0]) is None
    assert "its brightness, 255, is far from" in predictor.unlike_training(np.full((32, 32, 3), 255, "uint8"))


def test_wrong_images_and_unfinished_runs_are_named(tiny_run, tmp_path):
    with pytest.raises(DataError, match=r"expected uint8 \(N, 32, 32, 3\), received float64 \(1, 32, 32, 3\)"):
        Predictor(tiny_run[1])(np.zeros((1, 32, 32, 3)))
    (tmp_path / "run.json").write_text('{"status": "running"}')
    with pytest.raises(RunError, match="holds no trained model yet"):
        Predictor(tmp_path)
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(RunError, match="is not readable as JSON"):
        Predictor(tmp_path)
    (tmp_path / "run.json").unlink()
    with pytest.raises(RunError, match="is not a run folder: it has no run.json"):
        Predictor(tmp_path)
