"""Notebooks written against the interfaces of 2018, 2021 and 2023, cell by cell, run with other import lines alone."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from PIL import Image

from keras_resnet.data import Split, write_signs

SCRIPTS = Path(__file__).parent / "scripts"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A learner's folder: a small image set in `datasets`, and a photo."""
    path, random = tmp_path_factory.mktemp("learner"), np.random.default_rng(0)
    splits = [
        Split(random.integers(0, 256, (count, 64, 64, 3), dtype="uint8"), np.arange(count) % 6, None) for count in (12, 6)
    ]
    write_signs(path / "datasets", *splits, [str(number) for number in range(6)])
    Image.fromarray(random.integers(0, 256, (90, 120, 3), dtype="uint8")).save(path / "my_image.jpg")
    return path


def modern(script, generation):
    """A notebook with its import lines replaced: the first ones by the generation's, later ones by nothing."""
    text, star = (SCRIPTS / script).read_text(), f"from keras_resnet.compat.assignment_{generation} import *\n"
    pattern = re.compile(r"# --- imports\n.*?# --- end\n", flags=re.DOTALL)
    text = pattern.sub("", pattern.sub(star, text, count=1))
    assert text.count("import ") == 1
    return text


def run(script, generation, folder):
    """What it prints, as a dict of the lines `name = value`, and its warnings."""
    command = [sys.executable, "-c", modern(script, generation)]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=env, timeout=300)
    assert done.returncode == 0, done.stderr
    printed = re.findall(r"^([\w ]+?)(?: = |: )(.*(?:\n .*)*)$", done.stdout, flags=re.MULTILINE)
    return dict(printed), done.stderr


def numbers(text):
    return [float(number) for number in re.findall(r"-?\d+\.?\d*(?:e-?\d+)?", text)]


def test_2018(folder):
    printed, warnings = run("written_in_2018.py", "v1", folder)
    expected = [0.94822985, 0, 1.16101444, 2.747859, 0, 1.36677003]
    np.testing.assert_allclose(numbers(printed["identity"]), expected, rtol=1e-5)
    expected = [0.09018463, 1.23489773, 0.46822017, 0.0367176, 0, 0.65516603]
    np.testing.assert_allclose(numbers(printed["convolutional"]), expected, rtol=1e-5)
    assert printed["number of training examples"] == "12" and printed["Y_test shape"] == "(6, 6)"
    assert printed["small"] == "233478" and printed["again"] == "True" and printed["end"] == "reached"
    assert 0 < float(printed["Loss"]) < 100 and 0 <= float(printed["Test Accuracy"]) <= 1
    assert printed["photo"] == "(90, 120, 3)" and printed["probabilities"] == "(1, 6)"
    assert "K.set_learning_phase does nothing: Keras 3 has no global learning phase" in warnings
    drawn = importlib.util.find_spec("pydot") and shutil.which("dot")
    assert drawn or "plot_model draws nothing, and the rest goes on: You must install" in warnings


def test_2021(folder):
    printed, _ = run("written_in_2021.py", "v2", folder)
    assert printed["eager"] == "True" and printed["batches"] == "[4, 2]" and printed["parameters"] == "23600006"
    assert printed["version"].count(".") == 2 and printed["end"] == "reached"
    assert float(printed["inference"]) == pytest.approx(192.71236, rel=1e-5)
    assert float(printed["training"]) == pytest.approx(4.99991, rel=1e-5)
    expected = [0, 0.66683817, 0, 0, 0.888539, 0.5274254]
    np.testing.assert_allclose(numbers(printed["convolutional"]), expected, rtol=1e-5)
    assert printed["class"] == "True"


def test_2023(folder):
    printed, warnings = run("written_in_2023.py", "v3", folder)
    assert float(printed["inference"]) == pytest.approx(192.99992, rel=2e-4)
    assert printed["shape"] == "(3, 1, 1, 6)"
    expected = [0.33485505, 1.6415989, 0.33789736, 0.08511472, 0.814965, 0]
    np.testing.assert_allclose(numbers(printed["convolutional"]), expected, atol=2e-4 * 1.64)
    assert printed["accuracy"] == "2" and printed["same"] == printed["class"] == printed["small"] == "True"
    assert printed["end"] == "reached"
    assert warnings.count("K.set_learning_phase does nothing") == 2
