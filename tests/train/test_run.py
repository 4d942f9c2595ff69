import csv
import json

import keras
import numpy as np
import pytest
from conftest import tiny_split

import keras_resnet as kr
from keras_resnet import train
from keras_resnet.data import load_signs, write_signs
from keras_resnet.errors import ModelError, RunError

QUIET = {"say": lambda line: None, "verbose": 0, "model": "resnet-tiny"}


def test_the_network_learns_and_the_folder_is_whole(tiny_run, tiny_recipe):
    outcome, path = tiny_run
    assert outcome.accuracy >= 0.9  # chance is a third
    assert (outcome.images, outcome.epochs) == (24, tiny_recipe.epochs)
    assert outcome.seconds > 0 and outcome.images_per_second > 0
    names = {file.name for file in path.iterdir()}
    assert names >= {
        "run.json",
        "model.keras",
        "weights.h5",
        "log.csv",
        "curves.png",
        "confusion.png",
        "report.html",
        "checkpoint",
    }
    record = json.loads((path / "run.json").read_text())
    assert record["status"] == "complete"
    assert record["class_names"] == ["left", "middle", "right"]
    assert record["result"]["test"]["accuracy"] == outcome.accuracy


def test_log_has_a_line_an_epoch_and_the_schedule_rises_and_falls_to_zero(tiny_run, tiny_recipe):
    with open(tiny_run[1] / "log.csv") as stream:
        rows = list(csv.DictReader(stream))
    assert [int(row["epoch"]) for row in rows] == list(range(tiny_recipe.epochs))
    rates = [float(row["learning_rate"]) for row in rows]
    assert max(rates) <= tiny_recipe.learning_rate and rates[-1] < 1e-6 * tiny_recipe.learning_rate + 1e-9
    assert rates == sorted(rates[:2]) + sorted(rates[2:], reverse=True)
    assert {"loss", "accuracy", "val_loss", "val_accuracy", "images_per_second"} <= set(rows[0])


def test_saved_model_takes_raw_pixels_and_weights_fit_the_bare_network(tiny_run, tiny_set):
    _, path = tiny_run
    images = load_signs(tiny_set).test.images
    saved = keras.models.load_model(path / "model.keras", compile=False).predict(images, verbose=0)
    bare = kr.models.create_model("resnet-tiny", input_shape=(32, 32, 3), classes=3)
    kr.weights.load(bare, path / "weights.h5")
    np.testing.assert_allclose(bare.predict(images / np.float32(255), verbose=0), saved, rtol=1e-4, atol=1e-6)
    assert not any(isinstance(layer, keras.layers.Rescaling) for layer in bare.layers)


def test_validation_images_keep_groups_whole_and_test_images_stay_out(tmp_path):
    from keras_resnet.train.trainer import _cut

    split = tiny_split(60, seed=3)
    groups = np.arange(60) // 6
    train_part, validation = _cut(type(split)(split.images, split.labels, groups), 0.2, seed=0)
    assert len(train_part) + len(validation) == 60 and len(validation) == 12
    assert not set(train_part.groups) & set(validation.groups)


def test_a_second_run_needs_another_folder_and_resume_of_a_complete_one_changes_nothing(tiny_run, tiny_set, tiny_recipe):
    outcome, path = tiny_run
    with pytest.raises(RunError, match="holds a run already; go on with it by --resume"):
        train.run(data=tiny_set, out=path, recipe=tiny_recipe, **QUIET)
    before = {file: file.stat().st_mtime_ns for file in path.iterdir()}
    assert train.run(data=tiny_set, out=path, recipe=tiny_recipe, resume=True, **QUIET) == outcome
    assert {file: file.stat().st_mtime_ns for file in path.iterdir()} == before


def test_other_settings_or_images_are_not_resumed(tiny_run, tiny_set, tiny_recipe, tmp_path):
    _, path = tiny_run
    with pytest.raises(RunError, match="was begun with seed 0, and now it is 1"):
        train.run(data=tiny_set, out=path, recipe=tiny_recipe, seed=1, resume=True, **QUIET)
    write_signs(tmp_path / "other", tiny_split(96, seed=9), tiny_split(24, seed=2), ("left", "middle", "right"))
    with pytest.raises(RunError, match="have changed since the run"):
        train.run(data=tmp_path / "other", out=path, recipe=tiny_recipe, resume=True, **QUIET)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"model": "resnet51"}, ModelError, "Unknown model: received 'resnet51'; expected one of 'resnet50'"),
        ({"recipe": "sings"}, RunError, "Unknown recipe: received 'sings'; expected one of 'signs', 'signs-quick'"),
        ({"epochs": 0}, RunError, "epochs: expected at least 1, received 0"),
        ({"validation_fraction": 1.0}, kr.errors.DataError, "1.0; expected at least 0 and less than 1"),
    ],
)
def test_wrong_arguments_are_named_and_leave_no_folder(tiny_set, tmp_path, arguments, error, message):
    with pytest.raises(error, match=message):
        train.run(**{"data": tiny_set, "out": tmp_path / "run", **QUIET, **arguments})
    assert not (tmp_path / "run").exists()


def test_a_folder_of_something_else_is_left_alone(tiny_set, tiny_recipe, tmp_path):
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "a.txt").write_text("dear")
    with pytest.raises(RunError, match="exists and is not a run folder"):
        train.run(data=tiny_set, out=tmp_path / "letters", recipe=tiny_recipe, **QUIET)
    assert [file.name for file in (tmp_path / "letters").iterdir()] == ["a.txt"]


def test_interrupted_run_is_usable_and_goes_on(tiny_set, tiny_recipe, tmp_path, monkeypatch):
    from keras_resnet.train import callbacks

    lines, interrupt_at = [], 3

    class Interrupting(callbacks.Speed):
        def on_train_batch_end(self, batch, logs=None):
            super().on_train_batch_end(batch, logs)
            if self.epoch_number == interrupt_at:
                raise KeyboardInterrupt

        def on_epoch_begin(self, epoch, logs=None):
            super().on_epoch_begin(epoch, logs)
            self.epoch_number = epoch

    arguments = {"data": tiny_set, "out": tmp_path / "run", "recipe": tiny_recipe, "model": "resnet-tiny", "verbose": 0}
    with monkeypatch.context() as patch:
        patch.setattr(callbacks, "Speed", Interrupting)
        with pytest.raises(KeyboardInterrupt):
            train.run(**arguments, say=lines.append)
    assert "Interrupted" in lines[-1] and lines[-1].endswith(f"--out {tmp_path / 'run'} --resume")
    assert kr.evaluate.report(tmp_path / "run", tiny_set).images == 24  # usable as it stands
    outcome = train.run(**arguments, say=lines.append, resume=True)
    assert any("going on after epoch 3" in line for line in lines)
    with open(tmp_path / "run" / "log.csv") as stream:
        assert [int(row["epoch"]) for row in csv.DictReader(stream)] == list(range(tiny_recipe.epochs))
    assert outcome.accuracy >= 0.9


def test_resuming_gives_the_weights_of_an_uninterrupted_run(tiny_run, tiny_set, tiny_recipe, tmp_path):
    """Two epochs, then the rest in another start: the optimiser's state, the schedule and the order all carry over."""
    from keras_resnet.train import callbacks, trainer

    signs = load_signs(tiny_set)
    part, validation = trainer._cut(signs.train, 0.1, 0)
    workdir = kr.workdir.Workdir(tmp_path)
    for _ in range(2):
        keras.utils.set_random_seed(0)
        network = trainer.training_model("resnet-tiny", signs.image_shape, 3, tiny_recipe, images=len(part))
        done = callbacks.restore(network, workdir / "checkpoint")
        recipe = tiny_recipe if done else __import__("dataclasses").replace(tiny_recipe, epochs=2)
        trainer._fit(network, part, validation, recipe, 0, workdir, done, 0)
    kr.recalibrate_batch_norm(network, part.images)
    whole = keras.models.load_model(tiny_run[1] / "model.keras", compile=False)
    for resumed, expected in zip(network.weights, whole.weights, strict=True):
        np.testing.assert_allclose(np.array(resumed), np.array(expected), rtol=1e-3, atol=1e-4, err_msg=resumed.path)
