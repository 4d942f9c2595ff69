import numpy as np
import pytest
from conftest import tiny_split
from PIL import Image

from keras_resnet import evaluate, train
from keras_resnet.data import Split, load_signs, write_signs
from keras_resnet.deploy import Predictor
from keras_resnet.errors import DataError, RunError


def test_predictor_gives_the_probabilities_behind_the_runs_accuracy(tiny_run, tiny_set):
    outcome, path = tiny_run
    predictor, test = Predictor(path), load_signs(tiny_set).test
    probabilities = predictor(test.images)
    assert predictor.class_names == ("left", "middle", "right")
    assert (probabilities.argmax(axis=1) == test.labels).mean() == outcome.accuracy
    of_truth = probabilities[np.arange(24), test.labels]
    assert -np.log(of_truth).mean() == pytest.approx(outcome.loss, rel=1e-4)


def test_photographs_are_cut_to_the_shape_of_a_set_that_is_not_square(tmp_path, tiny_recipe):
    splits = [tiny_split(count, seed=count, size=48) for count in (48, 12)]
    splits = [Split(np.ascontiguousarray(split.images[:, 8:40]), split.labels) for split in splits]
    write_signs(tmp_path / "set", *splits, ("left", "middle", "right"))
    settings = {"model": "resnet-tiny", "recipe": tiny_recipe, "epochs": 1, "say": lambda line: None, "verbose": 0}
    train.run(data=tmp_path / "set", out=tmp_path / "run", **settings)
    for number, name in enumerate(("left", "middle", "right")):
        (tmp_path / "photos" / name).mkdir(parents=True)
        Image.fromarray(splits[1].images[number]).resize((96, 96)).save(tmp_path / "photos" / name / "0.png")
    photo, predictor = tmp_path / "photos" / "left" / "0.png", Predictor(tmp_path / "run")
    image = predictor.photo(photo)
    assert image.shape == (32, 48, 3)
    expected = Image.open(photo).resize((48, 32), Image.Resampling.LANCZOS, box=(0, 16, 96, 80))
    np.testing.assert_array_equal(image, np.asarray(expected))
    assert predictor(image[None]).shape == (1, 3) and predictor.picture(photo, tmp_path / "p.png").exists()
    assert evaluate.report(tmp_path / "run", tmp_path / "photos").images == 3


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
