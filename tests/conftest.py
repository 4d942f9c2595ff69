"""What the tests share: a tiny image set, a tiny trained run, and the command line in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import keras_resnet  # noqa: F401  before TensorFlow, as a user would

pytest_plugins = ("exports",)  # fixtures
ROOT = Path(__file__).resolve().parent.parent


def tiny_split(count, seed, size=32, classes=3):
    """A `Split` that a tiny network learns in a few epochs: the class is which third of the image is bright."""
    from keras_resnet.data import Split

    generator = np.random.default_rng(seed)
    labels = np.arange(count) % classes
    images = generator.integers(0, 60, (count, size, size, 3))
    for image, label in zip(images, labels, strict=True):
        image[:, label * size // classes : (label + 1) * size // classes] += generator.integers(80, 180)
    return Split(images.astype("uint8"), labels.astype("int64"), None)


@pytest.fixture(scope="session")
def tiny_set(tmp_path_factory):
    """The path of a SIGNS set: 96 and 24 images of 32 x 32, three classes."""
    from keras_resnet.data import write_signs

    path = tmp_path_factory.mktemp("data") / "tiny"
    write_signs(path, tiny_split(96, seed=1), tiny_split(24, seed=2), ("left", "middle", "right"))
    return path


@pytest.fixture(scope="session")
def tiny_recipe():
    """Eight quick epochs without augmentation."""
    from keras_resnet.train import Recipe

    return Recipe(name="tiny", summary="for the tests", epochs=8, batch_size=16, learning_rate=5e-3)


@pytest.fixture(scope="session")
def tiny_run(tiny_set, tiny_recipe, tmp_path_factory):
    """A finished run on the tiny set: `(outcome, path)`."""
    from keras_resnet import train

    path = tmp_path_factory.mktemp("runs") / "tiny"
    outcome = train.run(data=tiny_set, out=path, model="resnet-tiny", recipe=tiny_recipe, say=lambda line: None, verbose=0)
    return outcome, path


@pytest.fixture
def command(tmp_path):
    """Runs `keras-resnet` with arguments in an empty folder; returns the finished process (text)."""
    return _caller("keras_resnet", tmp_path)


@pytest.fixture
def measure(tmp_path):
    """The same of `python -m benchmarks`."""
    return _caller("benchmarks", tmp_path)


def _caller(module, folder):
    def call(*arguments, check=None, env=None):
        done = subprocess.run(
            [sys.executable, "-m", module, *map(str, arguments)],
            capture_output=True,
            text=True,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), **(env or {})},
            timeout=300,
        )
        if check is not None and done.returncode != check:
            pytest.fail(f"exit status {done.returncode}, expected {check}:\n{done.stdout}\n{done.stderr}")
        return done

    return call


@pytest.fixture
def site(monkeypatch, tmp_path):
    """A server with a known file, a cache of its own, and no pauses."""
    import local_server as web
    from downloads import CONTENT, known

    from keras_resnet.weights import download, known_files

    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(download, "PAUSES", (0, 0, 0))
    site = web.Site(CONTENT)
    monkeypatch.setitem(known_files.KNOWN_FILES, "tiny", known(site.url()))
    yield site
    site.close()


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "models" / "keras_resnet"
