"""Where TensorFlow, or every backend, is not installed: imitated by a `sitecustomize` that hides them from each process."""

import importlib.util
import os
import subprocess
import sys

import pytest
from conftest import ROOT

from keras_resnet import backend

HIDE = """
import sys

class Without:
    def __init__(self, finder):
        self.finder = finder
    def __getattr__(self, name):
        return getattr(self.finder, name)
    def find_spec(self, name, path=None, target=None):
        return None if name.partition(".")[0] in {hidden!r} else self.finder.find_spec(name, path, target)

sys.meta_path[:] = [Without(finder) for finder in sys.meta_path]
"""
ALL = ("tensorflow", "jax", "torch")
OTHERS = [name for name in ALL[1:] if importlib.util.find_spec(name)]


@pytest.fixture
def without(tmp_path):
    """Runs Python where some backends are hidden; returns the finished process."""

    def run(hidden, *arguments, **environment):
        folder = tmp_path / "hiding"
        folder.mkdir(exist_ok=True)
        (folder / "sitecustomize.py").write_text(HIDE.format(hidden=tuple(hidden)))
        kept = {name: value for name, value in os.environ.items() if name != backend.VARIABLE}
        paths = {"PYTHONPATH": f"{folder}{os.pathsep}{ROOT}", "KERAS_HOME": str(tmp_path)}
        command = [sys.executable, *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env={**kept, **paths, **environment})

    return run


@pytest.mark.skipif(not OTHERS, reason="no other backend is installed")
@pytest.mark.parametrize("configured", [None, '{"backend": "tensorflow"}', "no JSON"])
def test_an_installed_backend_is_taken_where_nobody_chose(without, tmp_path, configured):
    if configured:
        (tmp_path / "keras.json").write_text(configured)
    program = "import keras_resnet as kr; kr.create_model; import keras; print(keras.backend.backend())"
    done = without(["tensorflow"], "-c", program)
    assert done.stdout.strip() == OTHERS[0], done.stderr


def test_what_was_chosen_stays(monkeypatch, tmp_path):
    """By the environment, by Keras's file where it can be met, or by an earlier import of Keras."""
    monkeypatch.delitem(sys.modules, "keras", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(backend, "_installed", lambda name: name == "torch")
    monkeypatch.setenv(backend.VARIABLE, "jax")
    backend.choose_backend()
    assert os.environ[backend.VARIABLE] == "jax"
    monkeypatch.delenv(backend.VARIABLE)
    (tmp_path / "keras.json").write_text('{"backend": "torch"}')
    backend.choose_backend()
    assert backend.VARIABLE not in os.environ
    (tmp_path / "keras.json").unlink()
    backend.choose_backend()
    assert os.environ[backend.VARIABLE] == "torch"


BLOCK = "def identity_block(X, f, filters):\n    return X\n"


@pytest.mark.parametrize(
    "words",
    [
        ["-c", "import keras_resnet as kr; kr.create_model('resnet18')"],
        ["-c", "import keras_resnet as kr; kr.train.run"],
        ["-m", "keras_resnet", "weights", "verify", "some.h5"],
        ["-m", "keras_resnet", "grade", "block.py"],
        ["-m", "keras_resnet", "lab", "run", "shapes", "--quick", "--out", "lab"],
    ],
    ids=lambda words: words[-1] if words[0] == "-c" else words[2],
)
def test_without_any_backend_one_line_says_what_to_install(without, tmp_path, words):
    (tmp_path / "block.py").write_text(BLOCK)
    done = without(ALL, *words)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert "Keras has no backend here. Install one: pip install tensorflow (or jax, or torch)." in last
    assert words[0] == "-c" or len(done.stderr.splitlines()) == 1


@pytest.mark.skipif(not OTHERS, reason="no other backend is installed")
@pytest.mark.parametrize("words", [["-c", "import keras_resnet as kr; kr.freeze"], ["-m", "keras_resnet", "grade", "block.py"]])
def test_a_chosen_backend_that_is_missing_is_named(without, tmp_path, words):
    (tmp_path / "block.py").write_text(BLOCK)
    done = without(["tensorflow"], *words, KERAS_BACKEND="tensorflow")
    assert done.returncode == 1
    expected = "Keras is told by KERAS_BACKEND=tensorflow to use tensorflow, which is not installed. Install it, or set "
    assert f"{expected}KERAS_BACKEND={OTHERS[0]}." in done.stderr.strip().splitlines()[-1]


@pytest.mark.skipif("jax" not in OTHERS, reason="jax is not installed")
def test_commands_on_another_backend_do_not_load_tensorflow(without, tmp_path):
    program = """
import sys
from keras_resnet.cli.quiet import load_keras
load_keras()
import keras, keras_resnet as kr
kr.create_model("resnet-tiny", input_shape=(32, 32, 3), classes=3).save("n.keras")
keras.models.load_model("n.keras")
print("tensorflow" in sys.modules)
"""
    done = without([], "-c", program, KERAS_BACKEND="jax")
    assert (done.stdout.strip(), done.stderr) == ("False", "")
