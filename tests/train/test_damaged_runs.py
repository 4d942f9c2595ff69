"""`predict`, `evaluate` and `--resume` on run folders with damaged files: one true line each, and what can be made anew is."""

import json
import os
import shutil
import zipfile

import keras
import numpy as np
import pytest
from PIL import Image

from keras_resnet import train
from keras_resnet.cli.main import main
from keras_resnet.errors import RunError
from keras_resnet.workdir import Workdir

QUIET = {"say": lambda line: None, "verbose": 0, "model": "resnet-tiny"}


@pytest.fixture
def run(tiny_run, tmp_path):
    """A copy of a finished run."""
    return shutil.copytree(tiny_run[1], tmp_path / "run")


def cut(file):
    os.truncate(file, file.stat().st_size // 2)


def flip(file):
    """A byte of the weights, so that a checksum is wrong."""
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 255
    file.write_bytes(content)


def fill(content):
    return lambda file: file.write_bytes(content)


def folder(file):
    file.unlink()
    file.mkdir()


def pipe(file):
    file.unlink()
    os.mkfifo(file)


def gone(file):
    file.unlink()


def another_archive(file):
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("letter.txt", "dear")


def another_model(file):
    inputs = keras.Input((32, 32, 3))
    keras.Model(inputs, keras.layers.Dense(5)(keras.layers.Flatten()(inputs))).save(file)


def another_size(file):
    inputs = keras.Input((16, 16, 3))
    keras.Model(inputs, keras.layers.Dense(3)(keras.layers.Flatten()(inputs))).save(file)


def spoil(value):
    """One weight of many is no number."""

    def write(file):
        model = keras.models.load_model(file, compile=False)
        kernel = np.array(model.layers[-1].kernel)
        kernel[3, 1] = value
        model.layers[-1].kernel.assign(kernel)
        model.save(file)

    return write


def older_layout(file):
    model = keras.models.load_model(file, compile=False)
    model.save(file.with_suffix(".h5"))
    file.with_suffix(".h5").rename(file)


MODELS = {
    "gone": (gone, "holds no trained model yet: {file} is missing; go on with --resume"),
    "empty": (fill(b""), "{file} is an empty file, expected a model as Keras saves it; "),
    "a page": (fill(b"<html>404</html>"), "{file} is an HTML page"),
    "a folder": (folder, "{file} is a folder, expected"),
    "a pipe": (pipe, "{file} is a pipe or a device, expected"),
    "HDF5": (older_layout, "{file} is an HDF5 file, expected"),
    "cut off": (cut, "{file} is damaged: it begins as a zip archive and has no end, as one that was cut off"),
    "flipped": (flip, "{file} is damaged: "),
    "another archive": (another_archive, "{file} is damaged: "),
    "another model": (another_model, "{file} is damaged: its output_shape is (None, 5), and that of the run's network (None"),
    "another size": (another_size, "{file} is damaged: its input_shape is (None, 16, 16, 3), and that of the run's network"),
    "NaN": (spoil(np.nan), "kernel holds values that are no finite numbers, and so would be every answer"),
    "infinity": (spoil(np.inf), "kernel holds values that are no finite numbers"),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_damaged_model_is_one_line(name, run, tiny_set, tmp_path, capsys):
    damage, message = MODELS[name]
    damage(run / "model.keras")
    Image.new("RGB", (40, 40)).save(tmp_path / "photo.png")
    for words in (["predict", run, tmp_path / "photo.png", "--engine", "keras"], ["evaluate", run, "--data", tiny_set]):
        assert main(list(map(str, words))) == 1
        printed = capsys.readouterr()
        assert printed.out == "" and len(printed.err.splitlines()) == 1, printed.err
        assert message.format(file=run / "model.keras") in printed.err and "--debug" not in printed.err
        assert len(printed.err) < 600
        if name != "gone":
            assert printed.err.endswith(f"`keras-resnet train --resume {run}` makes it anew from the last checkpoint\n")


@pytest.mark.parametrize("name", ["gone", "NaN", pytest.param("cut off", marks=pytest.mark.full)])
def test_a_damaged_model_is_made_anew_from_the_last_checkpoint(name, run, tiny_run, tiny_set, tiny_recipe):
    expected = Workdir(run).load_model().get_weights()
    MODELS[name][0](run / "model.keras")
    lines = []
    outcome = train.run(data=tiny_set, out=run, recipe=tiny_recipe, resume=True, **{**QUIET, "say": lines.append})
    assert "model.keras" in lines[0] and lines[0].endswith("; it is made anew from the last checkpoint")
    assert (outcome.accuracy, outcome.epochs) == (tiny_run[0].accuracy, 8)
    for ours, theirs in zip(Workdir(run).load_model().get_weights(), expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_without_a_checkpoint_a_damaged_model_is_not_made_anew(run, tiny_set, tiny_recipe, capsys):
    shutil.rmtree(run / "checkpoint")
    (run / "weights.h5").unlink()
    with pytest.raises(RunError, match="No such file: .*weights.h5; there is no checkpoint to make it from: restore it from"):
        train.run(data=tiny_set, out=run, recipe=tiny_recipe, resume=True, **QUIET)
    cut(run / "model.keras")
    assert main(["evaluate", str(run), "--data", str(tiny_set)]) == 1
    assert capsys.readouterr().err.endswith("restore it from a copy, or train again in another folder\n")


RECORDS = {
    "empty": (fill(b""), "run.json is not readable as JSON"),
    "null": (fill(b"null"), "run.json is not the record of a run: it holds null"),
    "UTF-16": (lambda file: file.write_bytes(file.read_text().encode("utf-16")), "run.json is not text in UTF-8"),
    "cut off": (cut, "run.json is not readable as JSON"),
    "a folder": (folder, "run.json is a folder, expected the record of a run"),
    "a pipe": (pipe, "run.json is a pipe or a device, expected the record of a run"),
    "a list": (fill(b"[]"), "run.json is not the record of a run: it holds [], expected an object"),
}
WRONG = {
    "class_names": [None, "left", [], [1, 2, 3]],
    "data.shape": [None, 32, [32, 32], [32, 32, "3"], [32.5, 32, 3]],
    "data.photos.brightness": [None, 1, [1], ["a", "b"], [float("nan"), 1]],
}


def commands(run, tiny_set, photo):
    """Each command that reads a record, as a function that returns its exit status or raises."""
    arguments = {"data": tiny_set, "out": run, "resume": True, **QUIET}
    return {
        "predict": lambda: main(["predict", str(run), str(photo), "--engine", "keras"]),
        "evaluate": lambda: main(["evaluate", str(run), "--data", str(tiny_set)]),
        "weights": lambda: train.run(**{**arguments, "out": run.parent / "other", "weights": run}),
        "resume": lambda: train.run(**arguments),
    }


@pytest.mark.parametrize("name", RECORDS)
def test_a_damaged_record_is_one_line(name, run, tiny_set, tmp_path, capsys):
    damage, message = RECORDS[name]
    damage(run / "run.json")
    Image.new("RGB", (40, 40)).save(tmp_path / "photo.png")
    for command, call in commands(run, tiny_set, tmp_path / "photo.png").items():
        if command in ("predict", "evaluate"):
            assert call() == 1
            text = capsys.readouterr().err.removesuffix("\n")
        else:
            with pytest.raises(RunError) as caught:
                call()
            text = str(caught.value)
        assert message in text and "\n" not in text and "--debug" not in text, (command, text)


@pytest.mark.parametrize("field", WRONG)
def test_a_field_of_a_wrong_kind_is_named(field, run, tiny_set, tmp_path, capsys):
    Image.new("RGB", (40, 40)).save(tmp_path / "photo.png")
    record = json.loads((run / "run.json").read_text())
    inner = record
    *path, last = field.split(".")
    for name in path:
        inner = inner[name]
    for value in WRONG[field]:
        inner[last] = value
        (run / "run.json").write_text(json.dumps(record))
        assert main(["predict", str(run), str(tmp_path / "photo.png"), "--engine", "keras"]) == 1
        assert f"run.json is not the record of a run: {field} is " in capsys.readouterr().err
    del inner[last]
    (run / "run.json").write_text(json.dumps(record))
    assert main(["predict", str(run), str(tmp_path / "photo.png"), "--engine", "keras"]) == 1
    assert f"run.json is not the record of a run: it has no {field}" in capsys.readouterr().err


@pytest.mark.parametrize("field", ["recipe", "versions", "data", "seed", "class_names", "status"])
def test_a_record_that_lacks_what_resuming_needs(field, run, tiny_set, tiny_recipe):
    record = json.loads((run / "run.json").read_text())
    del record[field]
    (run / "run.json").write_text(json.dumps(record))
    with pytest.raises(RunError, match=f"run.json is not the record of a run: it has no {field}"):
        train.run(data=tiny_set, out=run, recipe=tiny_recipe, resume=True, **QUIET)


class Stop(keras.callbacks.Callback):
    """Ctrl-C at the end of an epoch, from 0."""

    def __init__(self, epoch):
        super().__init__()
        self.at = epoch

    def on_epoch_end(self, epoch, logs=None):
        if epoch == self.at:
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def begun(tiny_set, tiny_recipe, tmp_path_factory):
    """A run of three epochs that ended after the second."""
    path = tmp_path_factory.mktemp("runs") / "begun"
    with pytest.raises(KeyboardInterrupt):
        train.run(data=tiny_set, out=path, recipe=tiny_recipe, epochs=3, callbacks=[Stop(1)], **QUIET)
    return path


def go_on(run, tiny_set, tiny_recipe):
    """The lines that a resumption says."""
    lines = []
    train.run(data=tiny_set, out=run, recipe=tiny_recipe, epochs=3, resume=True, **{**QUIET, "say": lines.append})
    return lines


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "log.csv is empty; expected the CSV log of a training run; mend that file, or remove it: --resume goes on"),
        (b"epoch,loss\n0,1\n1,1\n", "log.csv has no column accuracy; expected the log of a training run; mend"),
        (b"loss,accuracy\n1,1\n", "log.csv has no column epoch"),
        ("epoch,loss\n".encode("utf-16"), "log.csv cannot be read as the CSV log of a training run: "),
        (b"epoch,loss,accuracy\nfirst,1,1\n", "line 2: epoch is 'first'; expected a number"),
    ],
)
def test_a_damaged_log_is_one_line_and_can_be_removed(content, message, begun, tiny_set, tiny_recipe, tmp_path):
    run = shutil.copytree(begun, tmp_path / "run")
    (run / "log.csv").write_bytes(content)
    with pytest.raises(RunError) as caught:
        go_on(run, tiny_set, tiny_recipe)
    assert message in str(caught.value) and "\n" not in str(caught.value)
    if not content:
        (run / "log.csv").unlink()
        assert "going on after epoch 2" in go_on(run, tiny_set, tiny_recipe)[0]
        result = json.loads((run / "run.json").read_text())["result"]
        assert (result["epochs"], result["stopped_early"]) == (3, False)


def test_copies_and_backups_beside_the_checkpoints_are_left_alone(begun, tiny_set, tiny_recipe, tmp_path):
    run = shutil.copytree(begun, tmp_path / "run")
    checkpoint = run / "checkpoint"
    others = [f"epoch-{name}" for name in ("0002 (copy).npz", "0002.npz.bak", "9.npz", "0001_old.npz", "best.npz", "٣٣٣٣.npz")]
    for name in others:
        shutil.copy(checkpoint / "epoch-0001.npz", checkpoint / name)
    assert "going on after epoch 2" in go_on(run, tiny_set, tiny_recipe)[0]
    assert {file.name for file in checkpoint.iterdir()} == {*others, "epoch-0002.npz", "epoch-0003.npz"}


def test_where_the_checkpoints_are_gone_it_is_said_that_the_run_begins_anew(begun, tiny_set, tiny_recipe, tmp_path):
    run = shutil.copytree(begun, tmp_path / "run")
    shutil.rmtree(run / "checkpoint")
    lines = go_on(run, tiny_set, tiny_recipe)
    assert lines[0] == f"There is no checkpoint in {run / 'checkpoint'}: the run begins anew" and "going on" not in lines[1]


@pytest.mark.parametrize("name", ["model.keras", "weights.h5"])
def test_a_folder_in_place_of_a_file_is_told_before_it_is_made_anew(name, run, tiny_set, tiny_recipe):
    folder(run / name)
    with pytest.raises(RunError, match=f"{name} is a folder, where a file is to be; remove it, and --resume makes"):
        train.run(data=tiny_set, out=run, recipe=tiny_recipe, resume=True, **QUIET)
