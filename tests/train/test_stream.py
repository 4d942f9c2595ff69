"""Runs whose images stay on the disk, and runs on folders of photographs."""

import json

import numpy as np
import pytest
from conftest import tiny_split
from PIL import Image

from keras_resnet import evaluate, train
from keras_resnet.errors import DataError, RunError
from keras_resnet.workdir import Workdir

QUIET = {"say": lambda line: None, "verbose": 0, "model": "resnet-tiny"}


def weights(run):
    return Workdir(run).load_model().get_weights()


def test_a_small_set_on_the_disk_ends_with_the_weights_of_the_one_in_memory(tiny_set, tiny_recipe, tmp_path):
    runs = [tmp_path / name for name in ("disk", "memory")]
    outcomes = [
        train.run(data=tiny_set, out=run, recipe=tiny_recipe, epochs=2, stream=run.name == "disk", **QUIET) for run in runs
    ]
    for one, other in zip(*map(weights, runs), strict=True):
        np.testing.assert_array_equal(one, other)
    assert (outcomes[0].accuracy, outcomes[0].loss) == pytest.approx((outcomes[1].accuracy, outcomes[1].loss), abs=1e-6)
    assert "--stream" in json.loads((runs[0] / "run.json").read_text())["command"]
    with pytest.raises(RunError, match="was begun with stream True, and now it is None$"):
        train.run(data=tiny_set, out=runs[0], recipe=tiny_recipe, epochs=2, resume=True, **QUIET)


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photographs")
    split = tiny_split(60, seed=1)
    for number, (image, label) in enumerate(zip(split.images, split.labels, strict=True)):
        (folder / "left middle right".split()[label]).mkdir(exist_ok=True)
        Image.fromarray(image).save(folder / "left middle right".split()[label] / f"{number}.png")
    return folder


def test_training_on_a_folder_of_photographs_and_evaluating(photographs, tiny_recipe, tmp_path):
    settings = {"data": photographs, "recipe": tiny_recipe, "test_fraction": 0.2, "size": 32, **QUIET}
    runs = [tmp_path / name for name in ("disk", "memory")]
    outcomes = [train.run(out=run, stream=run.name == "disk", **settings) for run in runs]
    for one, other in zip(*map(weights, runs), strict=True):
        np.testing.assert_array_equal(one, other)
    assert outcomes[0].images == 12 and outcomes[0].accuracy > 0.9
    record = json.loads((runs[0] / "run.json").read_text())
    assert record["photographs"] == {"test_fraction": 0.2, "groups": None} and record["data"]["test"] == 12
    again = evaluate.report(runs[0], photographs)  # the run's own test photographs, not those that it was trained on
    assert again.images == 12 and again.loss == pytest.approx(outcomes[0].loss, abs=1e-6)


def test_a_photograph_that_goes_is_one_line_and_the_run_is_kept(photographs, tiny_recipe, tmp_path):
    import keras

    class Remove(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            for file in (tmp_path / "copy").glob("*/*.png"):
                file.unlink()

    import shutil

    shutil.copytree(photographs, tmp_path / "copy")
    settings = {"data": tmp_path / "copy", "recipe": tiny_recipe, "test_fraction": 0.2, "size": 32, "stream": True, **QUIET}
    with pytest.raises(DataError, match=r"^No such file: .*\.png$"):
        train.run(out=tmp_path / "run", callbacks=[Remove()], **settings)
    assert [file.name for file in (tmp_path / "run" / "checkpoint").iterdir()] == ["epoch-0001.npz"]


def test_changed_photographs_end_a_resumption(photographs, tiny_recipe, tmp_path):
    import shutil

    shutil.copytree(photographs, tmp_path / "copy")
    settings = {"data": tmp_path / "copy", "recipe": tiny_recipe, "test_fraction": 0.2, "stream": True, **QUIET}
    settings |= {"out": tmp_path / "run", "size": 32, "epochs": 1}
    train.run(**settings)
    photo = next((tmp_path / "copy" / "left").iterdir())
    Image.fromarray(np.zeros((32, 32, 3), np.uint8)).save(photo)
    with pytest.raises(RunError, match="^The images in .*copy have changed since the run in .* was begun$"):
        train.run(**settings, resume=True)
