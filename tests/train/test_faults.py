"""Full and read-only disks, vanished and changed data: one line, and the last good state kept."""

import contextlib
import json
import os
import resource
import shutil

import keras
import pytest
from conftest import tiny_split

import keras_resnet as kr
from keras_resnet import train
from keras_resnet.data import write_signs
from keras_resnet.errors import DataError, RunError

QUIET = {"say": lambda line: None, "verbose": 0, "model": "resnet-tiny"}


@pytest.fixture
def arguments(tiny_set, tiny_recipe, tmp_path):
    return {**QUIET, "data": tiny_set, "recipe": tiny_recipe, "epochs": 2, "out": tmp_path / "run"}


class At(keras.callbacks.Callback):
    """Does something at the end of the first epoch or of training, after the run's own callbacks."""

    def __init__(self, action, moment="on_epoch_end"):
        super().__init__()
        setattr(self, moment, lambda *arguments, **more: action())


@contextlib.contextmanager
def files_of_at_most(size):
    """The system refuses to make a file larger than this; the error is that of a write, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))

    try:
        yield limit
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def visible(folder):
    return sorted(file.name for file in folder.iterdir())


@pytest.mark.parametrize(
    ("size", "moment", "kept", "left"),
    [
        # at the first checkpoint
        pytest.param(100_000, "on_train_begin", "no epoch had been saved", [], marks=pytest.mark.full),
        (100_000, "on_epoch_end", "the checkpoint of epoch 1 is kept", ["epoch-0001.npz"]),  # at the second
        pytest.param(  # at the log
            100, "on_epoch_end", "the checkpoint of epoch 1 is kept", ["epoch-0001.npz"], marks=pytest.mark.full
        ),
        (100_000, "on_train_end", "the checkpoint of epoch 2 is kept", ["epoch-0001.npz", "epoch-0002.npz"]),  # at the model
    ],
)  # fmt: skip
def test_a_full_disk_is_one_line_and_what_was_saved_stays(size, moment, kept, left, arguments):
    run = arguments["out"]
    with files_of_at_most(size) as limit:
        message = (
            f"run cannot be written to: File too large; {kept}; once that is mended go on with keras-resnet train .* --resume$"
        )
        with pytest.raises(RunError, match=message) as caught:
            train.run(**arguments, callbacks=[At(limit, moment)])
    assert "\n" not in str(caught.value)
    assert visible(run / "checkpoint") == left and not [name for name in visible(run) if name.startswith(".")]
    if moment == "on_train_end":
        train.run(**arguments, resume=True)
        assert json.loads((run / "run.json").read_text())["status"] == "complete"


@pytest.mark.full
@pytest.mark.parametrize("name", ["weights.h5", "report.html"])
def test_a_disk_that_fills_up_at_the_end_leaves_a_run_that_is_finished_later(name, arguments, monkeypatch):
    from keras_resnet import files

    whole = files.whole

    @contextlib.contextmanager
    def full(path, suffix=""):
        if os.path.basename(path) == name:
            raise OSError(28, os.strerror(28))
        with whole(path, suffix) as temporary:
            yield temporary

    for module in ("weights.output", "files"):
        monkeypatch.setattr(f"keras_resnet.{module}.whole", full)
    with pytest.raises(kr.errors.KerasResNetError, match="run.* written.*: No space left on device; ") as caught:
        train.run(**arguments)
    assert "\n" not in str(caught.value)
    monkeypatch.undo()
    assert train.run(**arguments, resume=True).epochs == 2
    assert {"weights.h5", "report.html"} <= set(visible(arguments["out"]))


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is read-only to the administrator")
def test_a_read_only_folder_is_one_line(arguments, tmp_path):
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(RunError, match="run cannot be written to: Permission denied; no epoch had been saved; "):
            train.run(**arguments)
    finally:
        tmp_path.chmod(0o755)


def test_a_read_only_disk_is_one_line(arguments, monkeypatch):
    def refuse(*arguments, **more):
        raise OSError(30, os.strerror(30), arguments[0])

    monkeypatch.setattr("keras_resnet.train.lock.os.open", refuse)
    with pytest.raises(RunError, match="run cannot be written to: Read-only file system; no epoch had been saved; ") as caught:
        train.run(**arguments)
    assert "\n" not in str(caught.value)


def test_a_run_does_without_its_data_file_once_it_is_read_and_cannot_begin_without(arguments, tmp_path):
    data = tmp_path / "set"
    shutil.copytree(arguments["data"], data)
    arguments["epochs"] = 1
    outcome = train.run(**{**arguments, "data": data}, callbacks=[At(lambda: shutil.rmtree(data, ignore_errors=True))])
    assert outcome.epochs == 1 and not data.exists()
    before = visible(tmp_path / "run")
    with pytest.raises(DataError, match="^No such file or folder: .*set; an image set is"):
        train.run(**{**arguments, "data": data}, resume=True)
    assert visible(tmp_path / "run") == before


def test_data_that_changed_since_the_run_began_is_refused(arguments, tmp_path):
    """One image of another value is enough; in mid-run, from the command line's own words."""
    data, split = tmp_path / "set", tiny_split(96, seed=1)
    names = ("left", "middle", "right")
    write_signs(data, split, tiny_split(24, seed=2), names)

    def stop():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train.run(**{**arguments, "data": data}, callbacks=[At(stop)])
    before = {file: file.read_bytes() for file in (tmp_path / "run").rglob("*") if file.is_file()}
    split.images[5, 0, 0, 0] ^= 1
    write_signs(data, split, tiny_split(24, seed=2), names)
    with pytest.raises(RunError) as caught:
        train.run(**{**arguments, "data": data}, resume=True)
    assert str(caught.value) == f"The images in {data} have changed since the run in {tmp_path / 'run'} was begun"
    assert {file: file.read_bytes() for file in (tmp_path / "run").rglob("*") if file.is_file()} == before


@pytest.mark.parametrize(
    "traces",
    [pytest.param(None, marks=pytest.mark.full), pytest.param((), marks=pytest.mark.full), (".lock", ".part-run.json-x1.json")],
)
def test_resuming_nothing_begins_a_run(traces, arguments):
    """No folder, an empty one, and one whose process was killed before it had written anything."""
    run = arguments["out"]
    if traces is not None:
        run.mkdir()
        for name in traces:
            (run / name).write_text("123\n")
    assert train.run(**{**arguments, "epochs": 1}, resume=True).epochs == 1
    assert not [name for name in visible(run) if name.startswith(".")]


@pytest.mark.full
def test_a_run_killed_before_its_first_checkpoint_begins_anew(arguments, monkeypatch):
    class Stop(Exception):
        pass

    def stop():
        raise Stop

    with pytest.raises(Stop):
        train.run(**arguments, callbacks=[At(stop, "on_train_batch_end")])
    assert visible(arguments["out"]) == ["images.npz", "run.json"]
    lines = []
    assert train.run(**{**arguments, "say": lines.append}, resume=True).epochs == 2
    assert "going on" not in lines[0]


@pytest.mark.full
def test_other_arithmetic_is_told(arguments):
    with pytest.raises(KeyboardInterrupt):

        def stop():
            raise KeyboardInterrupt

        train.run(**arguments, callbacks=[At(stop)])
    file = arguments["out"] / "run.json"
    record = json.loads(file.read_text())
    record["numerics"]["threads"] = {"intra": 99, "inter": 99}
    file.write_text(json.dumps(record))
    lines = []
    train.run(**{**arguments, "say": lines.append}, resume=True)
    (line,) = [line for line in lines if "other arithmetic" in line]
    assert "may end with other last digits: threads was {'intra': 99, 'inter': 99}, now {" in line and line.count(" was ") == 2


def fails(problem):
    def fail():
        raise problem

    return At(fail)


@pytest.mark.parametrize("problem", [ConnectionError("refused"), InterruptedError(4, "no"), OSError(28, "No space left")])
def test_an_error_of_a_users_callback_is_not_said_of_the_run_folder(problem, arguments):
    with pytest.raises(type(problem)) as caught:
        train.run(**arguments, callbacks=[fails(problem)])
    assert caught.value is problem and visible(arguments["out"] / "checkpoint") == ["epoch-0001.npz"]
