"""One run in several processes: who they are, what each computes, and what becomes of the others when one is killed."""

import csv
import importlib.util
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from conftest import ROOT

from keras_resnet.errors import RunError
from keras_resnet.train.distribute import check_parts
from keras_resnet.train.group import Group, find_group, first_host
from keras_resnet.train.launch import launch

needs_jax = pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="JAX is not installed")
SLURM = {
    "SLURM_STEP_NUM_TASKS": "4", "SLURM_PROCID": "2", "SLURM_JOB_ID": "81205", "SLURM_STEP_NODELIST": "node[07-08,11],other",
}  # fmt: skip
WORDS = ("--model", "resnet-tiny", "--epochs", "3", "--batch-size", "16", "--learning-rate", "1e-4", "--seed", "1")


@pytest.mark.parametrize(
    ("given", "environment", "expected"),
    [
        ((None, None, None), {}, None),
        ((None, None, None), SLURM, None),  # nobody asked for processes: a script may train without srun
        ((1, None, None), SLURM, Group(1)),
        ((2, None, None), {}, Group(2)),  # to be started here
        ((2, None, None), {**SLURM, "SLURM_STEP_NUM_TASKS": "1"}, Group(2)),
        ((2, 0, "host:1234"), {}, Group(2, 0, "host:1234")),
        ((4, None, None), SLURM, Group(4, 2, "node07:12205")),
        ((4, 3, "host:1"), SLURM, Group(4, 3, "host:1")),  # flags go before
        ((3, None, "job-0.net:1234"), {"JOB_COMPLETION_INDEX": "1"}, Group(3, 1, "job-0.net:1234")),
        (
            (None, None, None),
            {"KERAS_RESNET_PROCESSES": "2", "KERAS_RESNET_PROCESS_INDEX": "1", "KERAS_RESNET_COORDINATOR": "[::1]:99"},
            Group(2, 1, "[::1]:99"),
        ),
    ],
)
def test_a_process_finds_its_place(given, environment, expected):
    assert find_group(*given, environment) == expected


@pytest.mark.parametrize(
    ("given", "environment", "message"),
    [
        ((0, None, None), {}, "processes: expected a whole number of at least 1, received 0"),
        ((None, None, None), {"KERAS_RESNET_PROCESSES": "two"}, "at least 1, received 'two'"),
        ((None, 1, None), {}, "expected their number by --processes or KERAS_RESNET_PROCESSES, received none"),
        ((2, 2, "host:1"), {}, "process index: expected 0 to 1, for 2 processes, received 2"),
        ((2, None, "host:1"), {}, "process index: expected 0 to 1 by --process-index or KERAS_RESNET_PROCESS_INDEX"),
        ((2, 1, None), {}, "coordinator: expected HOST:PORT of process 0 by --coordinator or KERAS_RESNET_COORDINATOR"),
        ((2, None, None), {"JOB_COMPLETION_INDEX": "1"}, "coordinator: expected HOST:PORT of process 0"),
        ((2, 1, "host"), {}, "coordinator: expected HOST:PORT, received 'host'"),
        ((3, None, None), SLURM, "processes: expected 4, the tasks of this SLURM step, received 3"),
    ],
)
def test_what_is_missing_or_wrong_is_said(given, environment, message):
    with pytest.raises(RunError) as caught:
        find_group(*given, environment)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("nodes", "first"),
    [("one", "one"), ("a,b", "a"), ("node[3-7]", "node3"), ("node[007,9]", "node007"), ("gpu[01-02]-ib,x", "gpu01-ib")],
)
def test_the_first_machine_of_a_slurm_list(nodes, first):
    assert first_host(nodes) == first


def test_a_batch_that_cannot_be_split_is_refused():
    check_parts(32, 2, 4)
    with pytest.raises(RunError, match="^batch_size: expected a multiple of 3, for equal parts on 3 processes, received 32$"):
        check_parts(32, 3)
    with pytest.raises(RunError, match="expected a multiple of 8, for equal parts on 2 x 4 devices, received 12"):
        check_parts(12, 2, 4)


def test_another_backend_is_one_line_that_says_what_to_set(command, tiny_set):
    words = ("train", "--data", tiny_set, "--out", "run", "--processes", "2")
    done = command(*words, env={"KERAS_BACKEND": "torch"}, check=1)
    assert done.stderr.startswith("keras-resnet: processes: expected the backend jax, ") and done.stderr.count("\n") == 1
    assert "received torch; set KERAS_BACKEND=jax in the environment" in done.stderr
    done = command(*words, "--dry-run", env={"KERAS_BACKEND": "jax"}, check=1)
    assert done.stderr.startswith("keras-resnet: dry_run: expected one process") and done.stderr.count("\n") == 1


def test_a_process_that_fails_by_itself_ends_all(tmp_path, monkeypatch):
    """Process 0 sleeps for a minute; process 1 fails at once, with a line on standard error."""
    (tmp_path / "keras_resnet").mkdir()
    (tmp_path / "keras_resnet" / "__init__.py").touch()
    (tmp_path / "keras_resnet" / "__main__.py").write_text(
        "import os, sys, time\n"
        "if os.environ['KERAS_RESNET_PROCESS_INDEX'] == '0':\n    time.sleep(60)\n"
        "print('noise', file=sys.stderr)\nsys.exit('keras-resnet: no luck')\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("keras_resnet.train.launch.PATIENCE", 0.5)
    start = time.monotonic()
    with pytest.raises(RunError, match="^Process 1 of 2 failed: no luck$"):
        launch(["train"], 2)
    assert time.monotonic() - start < 20


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """Of processes on JAX that keep what they have compiled, so that it is compiled once for all tests of this file."""
    cache = {
        "JAX_COMPILATION_CACHE_DIR": str(tmp_path_factory.mktemp("compiled")),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "0",
    }
    return {**os.environ, **cache, "PYTHONPATH": str(ROOT), "KERAS_BACKEND": "jax"}


def start(environment, data, out, *words):
    command = [sys.executable, "-m", "keras_resnet", "train", "--data", data, "--out", out, *WORDS, *words]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finished(process):
    out, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    return out


@pytest.fixture(scope="module")
def runs(environment, tiny_set, tmp_path_factory):
    """The folders of the same run in one process and in two."""
    folder = tmp_path_factory.mktemp("runs")
    for name, words in (("one", ()), ("two", ("--processes", "2"))):
        text = finished(start(environment, tiny_set, folder / name, *words))
        assert text.startswith("Test accuracy") and text.count("\n") == 2  # said once
    return folder / "one", folder / "two"


def assert_same(found, expected, epochs=3):
    """The losses of all epochs, and the statistics of batch normalisation, agree to 1e-4."""
    logs = []
    for path in (found, expected):
        with open(path / "log.csv", newline="") as stream:
            logs.append([{name: float(cell) for name, cell in row.items()} for row in csv.DictReader(stream)])
    assert len(logs[0]) == len(logs[1]) == epochs and list(logs[0][0]) == list(logs[1][0])
    for ours, theirs in zip(*logs, strict=True):
        for name in ("loss", "val_loss", "accuracy", "val_accuracy", "learning_rate"):
            assert ours[name] == pytest.approx(theirs[name], abs=1e-4), name
    losses = [row["loss"] for row in logs[1]]
    assert max(losses) - min(losses) > 0.01  # it has learned, far more than the tolerance
    with (
        np.load(found / "checkpoint" / "epoch-0003.npz") as ours,
        np.load(expected / "checkpoint" / "epoch-0003.npz") as theirs,
    ):
        names = [name for name in ours.files if name.rpartition("/")[2].startswith("moving_")]
        assert len(names) >= 10 and ours.files == theirs.files
        for name in names:
            np.testing.assert_allclose(ours[name], theirs[name], atol=1e-4, rtol=1e-4, err_msg=name)


@needs_jax
def test_two_processes_train_as_one_does(runs):
    one, two = runs
    assert_same(two, one)
    assert {file.name for file in two.iterdir()} == {file.name for file in one.iterdir()}


@needs_jax
def test_a_killed_process_ends_the_other_and_the_run_goes_on(environment, tiny_set, runs, tmp_path):
    """It is killed when the first checkpoint is there; the launcher ends soon, and the resumed run is one without a break."""
    out = tmp_path / "killed"
    process = start(environment, tiny_set, out, "--processes", "2")
    deadline = time.monotonic() + 200
    while not (out / "checkpoint" / "epoch-0001.npz").exists():
        assert process.poll() is None and time.monotonic() < deadline, process.communicate()
        time.sleep(0.02)
    with open(f"/proc/{process.pid}/task/{process.pid}/children") as stream:
        children = [int(number) for number in stream.read().split()]
    os.kill(children[1], signal.SIGKILL)
    begun = time.monotonic()
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1 and time.monotonic() - begun < 60
    lines = [line for line in errors.splitlines() if line.startswith("keras-resnet: ")]
    assert lines[-1] == (
        "keras-resnet: Process 1 of 2 was ended by signal 9 (SIGKILL), and the others were stopped; go on with --resume"
    )
    assert not any(os.path.exists(f"/proc/{child}") for child in children)
    assert not (out / "report.html").exists()
    text = finished(start(environment, tiny_set, out, "--processes", "2", "--resume"))
    assert text.startswith("Test accuracy")
    assert_same(out, runs[1])


@needs_jax
@pytest.mark.full
def test_several_devices_of_one_process_share_its_batches(environment, tiny_set, runs, tmp_path):
    two_devices = {**environment, "XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
    finished(start(two_devices, tiny_set, tmp_path / "run", "--processes", "1"))
    assert_same(tmp_path / "run", runs[0])
