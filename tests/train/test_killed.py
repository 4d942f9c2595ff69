"""Runs killed by SIGKILL and resumed end with the very numbers of a run that nothing happened to."""

import csv
import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest
from conftest import ROOT

SCRIPT = Path(__file__).with_name("killed_run.py")
CLOCK = ("images_per_second", "seconds", "waiting")  # columns of the log that measure time


def other_backend(name):
    missing = importlib.util.find_spec(name) is None
    return pytest.param(name, marks=[pytest.mark.full, pytest.mark.skipif(missing, reason=f"{name} is not installed")])


@pytest.fixture(scope="module", params=["tensorflow", other_backend("jax"), other_backend("torch")])
def backend(request):
    return request.param


def start(backend, data, out, moment="never"):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "KERAS_BACKEND": backend}
    return subprocess.Popen(
        [sys.executable, SCRIPT, data, out, moment],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment,
    )


def run(backend, data, out, moment="never"):
    """The exit status and the lines of a run."""
    process = start(backend, data, out, moment)
    text, _ = process.communicate(timeout=300)
    return process.returncode, text.splitlines()


def rows(path):
    with open(path / "log.csv", newline="") as stream:
        return [{name: cell for name, cell in row.items() if name not in CLOCK} for row in csv.DictReader(stream)]


def assert_same(killed, whole):
    assert (killed / "weights.h5").read_bytes() == (whole / "weights.h5").read_bytes()
    assert rows(killed) == rows(whole) and len(rows(whole)) == 3
    names = [sorted(file.name for file in (path / "checkpoint").iterdir()) for path in (killed, whole)]
    assert names[0] == names[1] == ["epoch-0002.npz", "epoch-0003.npz"]
    for name in names[0]:
        with np.load(killed / "checkpoint" / name) as ours, np.load(whole / "checkpoint" / name) as theirs:
            assert ours.files == theirs.files
            for key in ours.files:
                np.testing.assert_array_equal(ours[key], theirs[key], err_msg=key)
    assert {file.name for file in killed.iterdir()} == {file.name for file in whole.iterdir()}  # no traces of the killed
    assert not [file.name for file in whole.iterdir() if file.name.startswith(".")]


@pytest.fixture(scope="module")
def uninterrupted(backend, tiny_set, tmp_path_factory):
    """The folder of a run that nothing happened to, and how long it took from its first line on."""
    path = tmp_path_factory.mktemp("runs") / "whole"
    process = start(backend, tiny_set, path)
    process.stdout.readline()
    begun = time.monotonic()
    process.communicate(timeout=300)
    assert process.returncode == 0
    return path, time.monotonic() - begun


def test_killed_at_three_chosen_moments_and_resumed(backend, tiny_set, uninterrupted, tmp_path):
    """In an epoch, in the writing of a checkpoint, and between the last epoch and the report; a fourth start ends it."""
    out = tmp_path / "killed"
    for moment, line, left in (
        ("in-an-epoch", "resnet-tiny: ", ["epoch-0001.npz"]),
        ("in-a-checkpoint", "going on after epoch 1", ["epoch-0001.npz"]),
        ("before-the-report", "going on after epoch 1", ["epoch-0002.npz", "epoch-0003.npz"]),
    ):
        status, lines = run(backend, tiny_set, out, moment)
        assert status == -signal.SIGKILL and line in lines[0], lines
        whole_ones = sorted(file.name for file in (out / "checkpoint").iterdir() if not file.name.startswith("."))
        assert whole_ones == left
        assert (moment == "in-a-checkpoint") == any(file.name.startswith(".") for file in (out / "checkpoint").iterdir())
    assert not (out / "report.html").exists()
    status, lines = run(backend, tiny_set, out)
    assert status == 0 and "going on after epoch 3" in lines[0]
    assert_same(out, uninterrupted[0])


@pytest.mark.full
def test_killed_at_twenty_random_moments_and_resumed(backend, tiny_set, uninterrupted, tmp_path):
    """Each start is killed between its first line and half the time that a whole run takes; every end is compared."""
    path, seconds = uninterrupted
    random = np.random.default_rng(0)
    kills, finished, out = 0, 0, tmp_path / "killed-0"
    while kills < 20 or (out / "run.json").exists():
        process = start(backend, tiny_set, out)
        process.stdout.readline()
        try:
            process.communicate(timeout=random.uniform(0, seconds / 2) if kills < 20 else 300)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            kills += 1
            continue
        assert process.returncode == 0
        assert_same(out, path)
        finished, out = finished + 1, tmp_path / f"killed-{finished + 1}"
    assert kills == 20 and finished >= 1


def test_operations_are_deterministic_while_it_trains(tiny_set, tiny_recipe, tmp_path):
    from tensorflow.python.framework import config

    from keras_resnet import train

    seen = []
    look = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: seen.append(config.is_op_determinism_enabled()))
    settings = {"data": tiny_set, "recipe": tiny_recipe, "epochs": 1, "callbacks": [look], "verbose": 0}
    train.run(out=tmp_path / "run", model="resnet-tiny", say=lambda line: None, **settings)
    assert json.loads((tmp_path / "run" / "run.json").read_text())["numerics"]["deterministic"] is True
    assert seen == [True] and not config.is_op_determinism_enabled()
