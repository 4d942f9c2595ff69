"""``python -m benchmarks``: what it prints, where, and the exit status."""

import importlib.metadata
import json
import subprocess
import sys

import pytest
from conftest import ROOT

from benchmarks.__main__ import main, training_table
from benchmarks.accuracy.contestants import GROUPS
from keras_resnet import environment

TINY = ("--model", "resnet-tiny", "--size", 32, "--batch-size", 4, "--rounds", 1, "--steps", 3)


def test_json_of_the_step_that_train_runs(measure):
    done = measure("train", "--json", "--only", "keras_resnet", *TINY, check=0)
    value = json.loads(done.stdout)
    speed = value["images_per_second"]["keras_resnet"]
    (times,) = value["rounds"]["keras_resnet"]
    assert speed == pytest.approx(12 / times["seconds"]) and value["spread"] == {"keras_resnet": [speed, speed]}
    assert value["images_per_second_step"]["keras_resnet"] == pytest.approx(4 / times["step"])
    assert 0 < times["step"] < times["seconds"] < 10 and value["ratio"] == {"keras_resnet": 1.0}
    assert 100 < value["peak_mb"]["keras_resnet"] < 4000 and value["networks"] == {"keras_resnet": "keras_resnet resnet-tiny"}
    assert value["versions"]["keras"] == importlib.metadata.version("keras") and value["processor"]
    assert value["settings"]["steps"] == 3 and value["settings"]["batch_size"] == 4
    lines = done.stderr.splitlines()
    assert len(lines) == 2 and lines[1].startswith("round 1 of 1, images per second: keras_resnet ")


def test_a_failing_contestant_is_one_line_and_status_1(measure):
    words = ("train", "--only", "keras_resnet", *TINY)
    done = measure(*words, env={"KERAS_BACKEND": "abacus"})
    assert (done.returncode, done.stdout) == (1, "")
    progress, line = done.stderr.splitlines()
    assert line.startswith("benchmarks: The contestant keras_resnet failed (exit status 1): ") and "abacus" in line


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--rounds", "0"), "rounds: expected at least 1, received 0"),
        (("--steps", "1"), "steps: expected at least 2, received 1"),
        (("--only", "keras,caffe"), "Unknown contestant: received 'caffe'; expected one of 'keras_resnet', "),
    ],
)
def test_a_bad_argument_is_one_line_and_status_1(capsys, words, message):
    assert main(["train", *words]) == 1
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.startswith(f"benchmarks: {message}") and captured.err.count("\n") == 1


def test_the_table():
    measured = {
        "images_per_second": {"keras_resnet": 54.04, "keras": 9.4},
        "images_per_second_step": {"keras_resnet": 50.0, "keras": 9.0},
        "spread": {"keras_resnet": [53.0, 55.0], "keras": [9.3, 9.5]},
        "ratio": {"keras_resnet": 1.0, "keras": 5.749},
        "peak_mb": {"keras_resnet": 1500.4, "keras": 1400.0},
        "versions": {"keras": "3.15.1", "tensorflow": "2.21.0"},
        "settings": {"size": 64, "batch_size": 32, "rounds": 5, "steps": 20, "threads": 2},
        "processor": "Abacus 9",
    }
    lines = training_table(measured).splitlines()
    assert lines[0] == "Training on 64 x 64 images, batch 32: medians of 5 rounds of 20 steps, 2 threads, Abacus 9"
    assert lines[3].split() == ["keras_resnet", "54.0", "53.0", "55.0", "1.00", "50.0", "1500"]
    assert lines[4].split() == ["keras", "9.4", "9.3", "9.5", "5.75", "9.0", "1400"]
    assert len({len(line) for line in lines[2:5]}) == 1 and lines[-1] == "keras 3.15.1, tensorflow 2.21.0"
    without_ours = {**measured, "ratio": {}}
    assert training_table(without_ours).splitlines()[4].split()[4] == "-"


ACTIONS = ("train", "load", "accuracy", "scale", "remat", "stream")


def test_helps_have_an_example_and_import_no_framework():
    program = f"""
import sys
from benchmarks.accuracy.contestants import GROUPS
from benchmarks.__main__ import main
for action in {ACTIONS!r}:
    try:
        main([action, "--help"])
    except SystemExit as end:
        assert end.code == 0
print(sorted({{"keras", "tensorflow", "torch", "jax", "h5py", "matplotlib"}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.splitlines()[-1] == "[]" and "5 or more" in done.stdout
    assert all(f"example:\n  python -m benchmarks {action} " in done.stdout for action in ACTIONS)
    assert all(f"  {name} " in done.stdout for group in GROUPS.values() for name in group.contestants)


def test_an_action_is_required():
    with pytest.raises(SystemExit) as caught:
        main([])
    assert caught.value.code == 2


@pytest.mark.full
def test_what_ours_is_compared_with(measure):
    """The numbers of parameters are those of Keras's and torchvision's tables of weights, with 6 classes instead of 1000."""
    pytest.importorskip("torch", reason="PyTorch is not installed")
    names = ["keras", "keras_onednn", "keras_onednn_off", "torchvision"]
    words = ("--only", ",".join(names), "--size", 32, "--batch-size", 2, "--rounds", 1, "--steps", 2)
    value = json.loads(measure("train", "--json", *words, check=0).stdout)
    keras, torch = 25_636_712 - 994 * 2049, 25_557_032 - 994 * 2049
    assert value["parameters"] == dict(zip(names, [keras, keras, keras, torch], strict=True))
    assert value["onednn"] == dict(zip(names, [environment.onednn_by_default(), True, False, None], strict=True))
    assert value["ratio"] == {} and set(value["images_per_second"]) == set(value["peak_mb"]) == set(names)
