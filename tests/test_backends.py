"""The tiny networks on every backend of Keras, and both image data formats; each backend in a process of its own.

With JAX and PyTorch, TensorFlow cannot be imported there. What the networks compute is compared with TensorFlow's outputs here.
"""

import importlib.util
import json
import os
import subprocess
import sys

import h5py
import numpy as np
import pytest
from conftest import ROOT
from numpy_resnet import randomize

from keras_resnet.models import create_model

IMAGES = np.random.default_rng(1).uniform(-1, 1, (3, 33, 40, 3)).astype("float32")
NETS = {
    **{lineage: {"lineage": lineage} for lineage in ("chollet", "keras", "caffe", "torchvision", "broad", "qubvel")},
    "pre": {"lineage": "keras_hub", "order": "pre"},  # the pool surrounded by minus infinity
    "zero_padding": {"lineage": "torchvision", "shortcut": "A"},
    "learned": {"lineage": "torchvision", "residual_scale": "learned", "se_ratio": 0.25, "stem": "deep", "shortcut": "D"},
}

START = """
import json, sys
import numpy as np

class Without:
    def __init__(self, finder):
        self.finder = finder
    def __getattr__(self, name):
        return getattr(self.finder, name)
    def find_spec(self, name, path=None, target=None):
        return None if name.partition(".")[0] == "tensorflow" else self.finder.find_spec(name, path, target)

folder, nets, blocked = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3] == "blocked"
if blocked:
    sys.meta_path[:] = [Without(finder) for finder in sys.meta_path]
import keras
import keras_resnet as kr
"""

PREDICT = """
channels_first = sys.argv[4] == "channels_first"
keras.config.set_image_data_format(sys.argv[4])
images = np.load(f"{folder}/images.npy")
images, shape = (images.transpose(0, 3, 1, 2), (3, 33, 40)) if channels_first else (images, (33, 40, 3))
for name, options in nets.items():
    options |= {"classes": 5, "classifier_activation": None, "initializer": "zeros"}
    model = kr.create_model("resnet-tiny", input_shape=shape, **options)
    model.load_weights(f"{folder}/{name}.weights.h5")
    np.save(f"{folder}/{name}-received.npy", model.predict(images, verbose=0))
assert blocked <= ("tensorflow" not in sys.modules)
print(keras.backend.backend(), keras.config.image_data_format())
"""

# Two epochs of many more batches than a queue holds, once through and once broken off in the second epoch and resumed.
TRAIN = """
import keras_resnet.train
sys.path.insert(0, sys.argv[6])
from killed_run import RECIPE
import dataclasses
recipe = dataclasses.replace(RECIPE, epochs=2)
data, out = sys.argv[4:6]

class Break(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch
    def on_train_batch_end(self, batch, logs=None):
        if (self.epoch, batch) == (1, 10):
            raise LookupError

def run(folder, *callbacks):
    settings = {"model": "resnet-tiny", "recipe": recipe, "say": lambda line: None, "verbose": 0, "callbacks": callbacks}
    return kr.train.run(data=data, out=f"{out}/{folder}", resume=True, **settings)

outcome = run("whole")
try:
    run("broken", Break())
    raise SystemExit("it was not broken off")
except LookupError:
    pass
assert run("broken").images == outcome.images
assert blocked <= ("tensorflow" not in sys.modules)
print(keras.backend.backend(), outcome.images, np.isfinite(outcome.loss))
"""


def backend(name, *others):
    """Arguments of a test that runs where the backend is installed."""
    missing = importlib.util.find_spec(name) is None
    return pytest.param(name, *others, marks=pytest.mark.skipif(missing, reason=f"the backend {name} is not installed"))


def python(program, folder, *arguments, name, nets=NETS, **environment):
    """Runs a program on a backend, TensorFlow out of reach unless it is that backend. Returns the finished process."""
    blocked = "open" if name == "tensorflow" else "blocked"
    quick = {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": "--xla_backend_optimization_level=0"}  # it compiles for longer than it runs
    env = {**os.environ, "KERAS_BACKEND": name, "PYTHONPATH": str(ROOT), **quick, **environment}
    command = [sys.executable, "-c", START + program, str(folder), json.dumps(nets), blocked, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=env, timeout=300)


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """A folder of images and weights, and what TensorFlow makes of them: name -> logits."""
    folder = tmp_path_factory.mktemp("backends")
    np.save(folder / "images.npy", IMAGES)
    logits = {}
    for seed, (name, options) in enumerate(NETS.items()):
        model = create_model("resnet-tiny", input_shape=(33, 40, 3), classes=5, classifier_activation=None, **options)
        randomize(model, seed)
        model.save_weights(folder / f"{name}.weights.h5")
        logits[name] = np.asarray(model(IMAGES))
    return folder, logits


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("tensorflow", "channels_first"),
        backend("jax", "channels_last"),
        backend("jax", "channels_first"),
        backend("torch", "channels_last"),
        backend("torch", "channels_first"),
    ],
)
def test_the_same_weights_give_tensorflows_logits(name, form, expected):
    folder, logits = expected
    done = python(PREDICT, folder, form, name=name, TF_ENABLE_ONEDNN_OPTS="1")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [name, form]
    for net, value in logits.items():
        received = np.load(folder / f"{net}-received.npy")
        assert np.abs(received - value).max() <= 1e-4 * np.abs(value).max(), net
        assert np.abs(value[0] - value[1]).max() > 1e-2 * np.abs(value).max()  # the images tell


def test_channels_first_on_tensorflows_cpu_without_onednn_says_how_to_turn_it_on(expected):
    done = python(PREDICT, expected[0], "channels_first", name="tensorflow", TF_ENABLE_ONEDNN_OPTS="0", CUDA_VISIBLE_DEVICES="")
    assert done.returncode == 1
    message = done.stderr.strip().splitlines()[-1]
    assert (
        "ModelError: The image data format is channels_first, which TensorFlow computes on a CPU with oneDNN alone" in message
    )
    assert "set TF_ENABLE_ONEDNN_OPTS=1 in the environment" in message


@pytest.mark.parametrize("name", [backend("jax"), backend("torch")])
def test_a_run_trains_without_tensorflow_and_is_resumed_to_the_same_bits(name, tiny_set, tmp_path):
    done = python(TRAIN, tmp_path, tiny_set, tmp_path, ROOT / "tests" / "train", name=name)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [name, "24", "True"]
    names = {path.name for path in (tmp_path / "whole").iterdir()}
    assert {"run.json", "model.keras", "weights.h5", "log.csv"} <= names
    whole, broken = (arrays(tmp_path / folder / "weights.h5") for folder in ("whole", "broken"))
    assert len(whole) == 104 and list(whole) == list(broken)
    for name, value in whole.items():
        np.testing.assert_array_equal(broken[name], value, err_msg=name)


def arrays(path):
    """The data sets of a file by their names; its attributes also hold names of layers, which count on within a process."""
    found = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, item: found.update({name: item[()]} if isinstance(item, h5py.Dataset) else {}))
    return found


def test_the_import_of_tensorflow_really_fails(tmp_path):
    done = python("import tensorflow", tmp_path, name="jax" if importlib.util.find_spec("jax") else "torch")
    assert "No module named 'tensorflow'" in done.stderr
