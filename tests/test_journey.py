"""What a user does from the first command to the last, on each backend: the same commands, the same answers.

Each backend has a process of its own. The short form gives all commands in one process; in the long form each is a process, the
training is killed and resumed, the set is the drawn one, and the notebooks are executed.
"""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from conftest import ROOT
from PIL import Image

BACKENDS = ("tensorflow", "jax", "torch")
MODEL = ("--model", "resnet-tiny", "--size", "32")

# Runs the commands of a JSON file one after the other and keeps what each prints, in lines of JSON.
COMMANDS = """
import contextlib, io, json, sys
from keras_resnet.cli.main import main
for words in json.load(open(sys.argv[1])):
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        try:
            status = main(words)
        except SystemExit as end:
            status = end.code
    with open(sys.argv[2], "a") as answers:
        print(json.dumps([status, printed.getvalue()]), file=answers)
"""

BLOCKS = """
from keras_resnet.compat.assignment_v3 import *

def identity_block(X, f, filters, initializer=random_uniform):
    F1, F2, F3 = filters
    shortcut = X
    X = Conv2D(F1, 1, padding="valid", kernel_initializer=initializer(seed=0))(X)
    X = Activation("relu")(BatchNormalization(axis=3)(X))
    X = Conv2D(F2, f, padding="same", kernel_initializer=initializer(seed=0))(X)
    X = Activation("relu")(BatchNormalization(axis=3)(X))
    X = BatchNormalization(axis=3)(Conv2D(F3, 1, kernel_initializer=initializer(seed=0))(X))
    return Activation("relu")(Add()([shortcut, X]))

def convolutional_block(X, f, filters, s=2, initializer=glorot_uniform):
    F1, F2, F3 = filters
    shortcut = BatchNormalization(axis=3)(Conv2D(F3, 1, strides=(s, s), kernel_initializer=initializer(seed=0))(X))
    X = Conv2D(F1, 1, strides=(s, s), kernel_initializer=initializer(seed=0))(X)
    X = Activation("relu")(BatchNormalization(axis=3)(X))
    X = Conv2D(F2, f, padding="same", kernel_initializer=initializer(seed=0))(X)
    X = Activation("relu")(BatchNormalization(axis=3)(X))
    X = BatchNormalization(axis=3)(Conv2D(F3, 1, kernel_initializer=initializer(seed=0))(X))
    return Activation("relu")(Add()([X]))
"""


@pytest.fixture
def folder(tmp_path):
    """A folder with a photograph and a learner's blocks: the second adds nothing to its branch."""
    pixels = np.full((40, 60, 3), 20, "uint8")
    pixels[:, 37:50] = 200
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    (tmp_path / "blocks.py").write_text(BLOCKS)
    return tmp_path


def environment(backend):
    return {**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": str(ROOT)}


def commands(data, experiments):
    """Words of each command that follows the training."""
    tune = ["--weights", "run", "--recipe", "finetune", "--epochs", "1", "--out", "tuned"]
    return [
        ["evaluate", "run", "--data", str(data), "--json"],
        ["predict", "run", "photo.png", "--json"],
        ["train", "--data", str(data), *MODEL, *tune, "--json"],
        ["runs", ".", "--json"],
        ["weights", "verify", "run/weights.h5", "--json"],
        ["weights", "convert", "run/weights.h5", "keras3.weights.h5", "--dialect", "keras3", "--json"],
        ["weights", "diff", "run/weights.h5", "keras3.weights.h5", "--json"],
        ["grade", "blocks.py", "--json"],
        *(["lab", "run", name, "--quick", "--out", "lab", "--json"] for name in experiments),
    ]


def judge(trained, answers):
    """What the commands said must be true, and agree with what other commands said."""
    statuses, printed = zip(*answers, strict=True)
    assert list(statuses) == [0, 0, 0, 0, 0, 0, 0, 1, *[0] * (len(answers) - 8)]
    evaluated, predicted, tuned, runs, verified, converted, compared, graded, *experiments = map(json.loads, printed)
    assert evaluated["accuracy"] == trained["accuracy"] and evaluated["loss"] == pytest.approx(trained["loss"], rel=1e-5)
    [row] = predicted["predictions"]
    assert sum(row["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert row["probability"] == row["probabilities"][row["class"]] == max(row["probabilities"].values())
    assert [each["accuracy"] for each in runs["runs"]] == sorted([trained["accuracy"], tuned["accuracy"]], reverse=True)
    assert (verified["lineage"], verified["weights"]) == ("chollet", 104) and converted["dialect"] == "keras3"
    assert compared["same"] is True
    assert [(grade["name"], grade["passed"]) for grade in graded["grades"]] == [
        ("identity_block", True),
        ("convolutional_block", False),
    ]
    assert all(result["passed"] for [result] in experiments)


@pytest.mark.parametrize("backend", BACKENDS)
def test_in_short(backend, folder, tiny_set):
    pytest.importorskip(backend)
    train = ["train", "--data", str(tiny_set), *MODEL, "--recipe", "signs-quick", "--epochs", "2", "--out", "run", "--json"]
    words = [[*train, "--dry-run"], train, *commands(tiny_set, ["unrolled-paths"])]
    (folder / "commands.json").write_text(json.dumps(words))
    program = [sys.executable, "-c", COMMANDS, "commands.json", "answers"]
    done = subprocess.run(program, cwd=folder, env=environment(backend), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (_, planned), (_, trained), *answers = [json.loads(line) for line in (folder / "answers").read_text().splitlines()]
    assert json.loads(planned)["steps"] == 4 and json.loads(trained)["epochs"] == 2
    judge(json.loads(trained), answers)


@pytest.mark.full
@pytest.mark.parametrize("backend", BACKENDS)
def test_at_full_length(backend, folder):
    """From the drawn set on, each command a process; the training is killed in its second epoch and gone on with."""
    pytest.importorskip(backend)

    def run(*words):
        command = [sys.executable, "-m", "keras_resnet", *words]
        return subprocess.Popen(command, cwd=folder, env=environment(backend), stdout=subprocess.PIPE, text=True)

    def answer(words):
        process = run(*words)
        return (process.communicate()[0], process.returncode)[::-1]

    assert answer(["data", "synthetic", "signs"])[0] == 0
    assert answer(["data", "check", "signs"])[0] == 0
    train = ["train", "--data", "signs", *MODEL, "--recipe", "signs-quick", "--epochs", "3", "--out", "run"]
    planned = json.loads(answer([*train, "--dry-run", "--json"])[1])
    assert planned["epochs"] == 3 and not (folder / "run").exists()
    broken = run(*train)
    deadline = time.monotonic() + 300
    while not list((folder / "run").glob("checkpoint/*")) and time.monotonic() < deadline:
        time.sleep(0.1)
    broken.send_signal(signal.SIGKILL)
    assert broken.wait() == -signal.SIGKILL
    status, printed = answer([*train, "--resume", "--json"])
    assert (status, json.loads(printed)["epochs"]) == (0, 3)
    judge(json.loads(printed), [answer(words) for words in commands("signs", ["unrolled-paths", "shapes", "variance"])])
