import csv
import json
import shutil

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
    from keras_resnet.train.images import cut

    split = tiny_split(60, seed=3)
    groups = np.arange(60) // 6
    train_part, validation = cut(type(split)(split.images, split.labels, groups), 0.2, seed=0)
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
        ({"batch": 4}, RunError, "Unknown argument of train.run: received 'batch'; expected one of 'batch_size', "),
        ({"size": 0}, RunError, "size: expected None or at least 1, received 0"),
        ({"per_class": 30}, kr.errors.DataError, "per_class: expected at most 29, the images to train on of class 'left'"),
        ({"precision": "half"}, RunError, "precision: expected one of float32, bfloat16, float16, received 'half'"),
        ({"accumulate": 0}, RunError, "accumulate: expected at least 1, received 0"),
        (
            {"accumulate": 99, "epochs": 2},
            RunError,
            "accumulate: expected at most 4, the batches of the whole run, received 99",
        ),
        ({"ema": 1.0}, RunError, "ema: expected None or more than 0 and less than 1, received 1.0"),
        ({"layer_rate": 2}, RunError, "layer_rate: expected more than 0 and at most 1, received 2"),
        ({"learning_rate": 0}, RunError, "learning_rate: expected more than 0, received 0"),
        ({"early_stopping": 0}, RunError, "early_stopping: expected None or at least 1, received 0"),
        ({"early_stopping": 2, "validation_fraction": 0}, RunError, "early_stopping: expected validation images to stop by"),
        ({"freeze": "stage9"}, RunError, "freeze: expected None or one of stem, stage2, stage3, stage4, stage5, received 'sta"),
        ({"recipe": "finetune"}, RunError, "freezes the network to stage3, and without weights .* with --weights, or freeze"),
        ({"weights": "nowhere.h5"}, kr.errors.WeightsError, "nowhere.h5"),
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


class Interrupt(keras.callbacks.Callback):
    """Ctrl-C in an epoch, counted from 0, as a user's callback."""

    def __init__(self, epoch):
        super().__init__()
        self.at = epoch

    def on_epoch_begin(self, epoch, logs=None):
        self.here = epoch == self.at

    def on_train_batch_end(self, batch, logs=None):
        if self.here:
            raise KeyboardInterrupt


def test_interrupted_run_is_usable_and_goes_on(tiny_set, tiny_recipe, tmp_path):
    lines = []
    arguments = {"data": tiny_set, "out": tmp_path / "run", "recipe": tiny_recipe, "model": "resnet-tiny", "verbose": 0}
    with pytest.raises(KeyboardInterrupt):
        train.run(**arguments, say=lines.append, callbacks=[Interrupt(3)])
    assert "Interrupted" in lines[-1] and lines[-1].endswith(f"--out {tmp_path / 'run'} --resume")
    assert kr.evaluate.report(tmp_path / "run", tiny_set).images == 24  # usable as it stands
    outcome = train.run(**arguments, say=lines.append, resume=True)
    assert any("going on after epoch 3" in line for line in lines)
    with open(tmp_path / "run" / "log.csv") as stream:
        assert [int(row["epoch"]) for row in csv.DictReader(stream)] == list(range(tiny_recipe.epochs))
    assert outcome.accuracy >= 0.9


# Whatever the optimiser keeps between steps has to be in the checkpoint: Adam's slots; averages and gradients of a part of an
# update (87 images make 5 steps an epoch: the third is begun in one epoch and ended in the next); the scale of a loss.
@pytest.mark.parametrize(
    "changes",
    [
        {"ema": 0.9, "accumulate": 2},
        pytest.param({}, marks=pytest.mark.full),
        pytest.param({"precision": "float16"}, marks=pytest.mark.full),
    ],
    ids=["averaged", "plain", "float16"],
)
def test_resuming_gives_the_weights_of_an_uninterrupted_run(tiny_set, tiny_recipe, tmp_path, changes):
    """Three epochs, and the same in two starts: the optimiser's state, the schedule and the order all carry over."""
    arguments = {**QUIET, "data": tiny_set, "recipe": tiny_recipe, "epochs": 3, **changes}
    train.run(**arguments, out=tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train.run(**arguments, out=tmp_path / "parts", callbacks=[Interrupt(1)])
    train.run(**arguments, out=tmp_path / "parts", resume=True)
    whole, parts = (kr.workdir.Workdir(tmp_path / name).load_model() for name in ("whole", "parts"))
    tolerance = {"rtol": 2e-2, "atol": 2e-3} if changes.get("precision") else {"rtol": 1e-3, "atol": 1e-5}
    for resumed, expected in zip(parts.weights, whole.weights, strict=True):
        np.testing.assert_allclose(np.array(resumed), np.array(expected), **tolerance, err_msg=resumed.path)


def test_users_callbacks_are_called_after_the_runs_own(tiny_set, tiny_recipe, tmp_path):
    seen = []

    class Look(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(((tmp_path / "run" / "log.csv").read_text().count("\n"), logs["waiting"]))

    train.run(data=tiny_set, out=tmp_path / "run", recipe=tiny_recipe, epochs=2, callbacks=[Look()], **QUIET)
    assert [lines for lines, _ in seen] == [2, 3]  # the epoch stands in the log already
    assert all(0 <= waiting <= 1 for _, waiting in seen)


def test_a_callback_may_end_the_run(tiny_set, tiny_recipe, tmp_path):
    class End(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = True

    outcome = train.run(data=tiny_set, out=tmp_path / "run", recipe=tiny_recipe, callbacks=[End()], **QUIET)
    assert (outcome.epochs, outcome.stopped_early) == (1, True)


def test_what_the_run_was_made_with_is_recorded(tiny_run):
    record = json.loads((tiny_run[1] / "run.json").read_text())
    assert record["numerics"] == {**kr.numerics(tf32=None), "deterministic": True}
    assert record["lineage"] == "chollet" and record["pixels"] == "unit" and record["weights"] is None
    counts = {name: record["data"][name] for name in ("train", "used", "validation", "test")}
    assert counts == {"train": 96, "used": 87, "validation": 9, "test": 24}  # 3 of the 32 of each class


def test_the_seconds_of_the_run_are_those_of_its_epochs(tiny_run):
    outcome, path = tiny_run
    with open(path / "log.csv") as stream:
        seconds = [float(row["seconds"]) for row in csv.DictReader(stream)]
    assert outcome.seconds == pytest.approx(sum(seconds)) and min(seconds) > 0


def test_a_record_of_an_earlier_version_can_be_resumed(tiny_run, tiny_set, tiny_recipe, tmp_path):
    shutil.copytree(tiny_run[1], tmp_path / "old")
    record = json.loads((tmp_path / "old" / "run.json").read_text())
    for name in ("ema", "freeze", "layer_rate", "precision", "accumulate", "class_weights", "early_stopping"):
        del record["recipe"][name]
    for name in ("size", "per_class", "weights", "numerics", "pixels", "lineage"):
        del record[name]
    (tmp_path / "old" / "run.json").write_text(json.dumps(record))
    outcome = train.run(data=tiny_set, out=tmp_path / "old", recipe=tiny_recipe, resume=True, **QUIET)
    assert outcome.accuracy == tiny_run[0].accuracy
    with pytest.raises(RunError, match="was begun with precision of recipe tiny float32, and now it is bfloat16"):
        train.run(data=tiny_set, out=tmp_path / "old", recipe=tiny_recipe, resume=True, precision="bfloat16", **QUIET)


def test_tensorboard_logs_are_written_on_request(tiny_set, tiny_recipe, tmp_path):
    pytest.importorskip("tensorboard")
    train.run(data=tiny_set, out=tmp_path / "run", recipe=tiny_recipe, epochs=1, tensorboard=True, **QUIET)
    assert {folder.name for folder in (tmp_path / "run" / "tensorboard").iterdir()} == {"train", "validation"}


def test_tensorboard_needs_its_package_and_tensorflow(tiny_set, tmp_path, monkeypatch):
    from keras_resnet.train import setup

    arguments = {"data": tiny_set, "out": tmp_path / "run", "tensorboard": True, **QUIET}
    monkeypatch.setattr(setup.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(RunError, match="the package tensorboard, which is not installed; `pip install tensorboard`"):
        train.run(**arguments)
    monkeypatch.setattr(keras.backend, "backend", lambda: "torch")
    with pytest.raises(RunError, match="tensorboard: expected the backend tensorflow, which writes its logs, received torch"):
        train.run(**arguments)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("epoch", "epochs"), ("lr", "learning_rate"), ("batchsize", "batch_size"), ("dataset", "data"), ("output", "out"),
        ("val_fraction", "validation_fraction"), ("callback", "callbacks"), ("image_size", "size"), ("wd", "weight_decay"),
        ("labels_smoothing", "label_smoothing"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("function", [train.run, train.plan])
def test_the_nearest_argument_comes_first_in_a_short_line(function, given, meant, tmp_path):
    with pytest.raises(RunError) as caught:
        function(**{"data": "nowhere", "out": tmp_path / "run", given: 1})
    text = str(caught.value)
    assert text.startswith(f"Unknown argument of train.run: received {given!r}; expected one of {meant!r}, ")
    assert len(text) < 160
