"""What loading does to a model's variables: the same ones, of their own dtype, with memory of their own, on every backend."""

import importlib.util
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
from conftest import ROOT
from numpy_resnet import randomize
from test_dialects import torch_state, weighted

import keras_resnet as kr
from keras_resnet.weights import tensors


def net(seed=None, lineage="chollet", **options):
    model = kr.create_model("resnet-tiny", lineage=lineage, input_shape=(32, 32, 3), classes=3, **options)
    if seed is not None:
        randomize(model, seed)
    return model


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("assign") / "w.h5"
    model = net(seed=1)
    kr.weights.save(model, path)
    return model.get_weights(), path


def equal(model, arrays):
    return all(np.array_equal(ours, theirs) for ours, theirs in zip(model.get_weights(), arrays, strict=True))


def test_the_variables_stay_the_same_objects(saved):
    arrays, path = saved
    model = net()
    before = [(weight, weight.value, weight.dtype, weight.trainable) for weight in model.weights]
    kr.weights.load(model, path)
    for weight, (variable, value, dtype, trainable) in zip(model.weights, before, strict=True):
        assert weight is variable and (weight.dtype, weight.trainable) == (dtype, trainable)
        assert keras.backend.backend() != "tensorflow" or weight.value is value
    assert equal(model, arrays)


def test_training_changes_the_model_alone(saved):
    """TensorFlow's variables take over the memory that was read into; no other model and no second load may see that."""
    arrays, path = saved
    content = path.read_bytes()
    first, second = net(), net()
    for model in (first, second):
        kr.weights.load(model, path)
    first.compile(keras.optimizers.SGD(0.5), "categorical_crossentropy")
    images = np.random.default_rng(0).normal(size=(8, 32, 32, 3)).astype("float32")
    first.fit(images, np.eye(3)[np.arange(8) % 3], batch_size=4, epochs=2, verbose=0)
    assert not equal(first, arrays) and np.isfinite(first.get_weights()[0]).all()
    assert equal(second, arrays) and path.read_bytes() == content
    kr.weights.load(first, path)
    assert equal(first, arrays)


def test_tensors_of_one_storage_become_variables_of_their_own(tmp_path):
    torch = pytest.importorskip("torch")
    arrays = torch_state(weighted(net(seed=1, lineage="torchvision")))
    state = {name: torch.from_numpy(np.array(array)) for name, array in arrays.items()}
    state["layer1.0.bn2.weight"] = state["layer1.0.bn1.weight"]
    torch.save(state, tmp_path / "w.pth")
    other = net(lineage="torchvision")
    kr.weights.load(other, tmp_path / "w.pth")
    tied, free = (other.get_layer(f"layer1_0_{name}").gamma for name in ("bn1", "bn2"))
    before = np.array(tied)
    np.testing.assert_array_equal(before, np.array(free))
    tied.assign_add(np.ones(tied.shape))
    np.testing.assert_array_equal(np.array(free), before)
    np.testing.assert_array_equal(np.array(tied), before + 1)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_variables_of_another_dtype_keep_it(dtype, saved):
    arrays, path = saved
    model = net(dtype=dtype)
    kr.weights.load(model, path)
    for weight, array in zip(model.weights, arrays, strict=True):
        assert weight.dtype == dtype
        expected = keras.ops.convert_to_numpy(keras.ops.cast(array, dtype)).astype("float64")
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(weight.value).astype("float64"), expected)


@pytest.mark.parametrize("shape", [(), (0,), (1,), (7, 7, 3, 64), (5, 0, 2)])
def test_what_is_read_into_begins_where_tensorflow_can_take_it_over(shape):
    array = tensors.aligned(shape)
    assert array.shape == shape and array.dtype == np.float32 and array.flags.c_contiguous and array.flags.writeable
    assert array.size == 0 or array.ctypes.data % 64 == 0


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_the_other_backends_load_the_same(backend, saved, tmp_path):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    arrays, path = saved
    program = (
        "import sys, numpy, keras, keras_resnet as kr\n"
        "model = kr.create_model('resnet-tiny', lineage='chollet', input_shape=(32, 32, 3), classes=3)\n"
        "report = kr.weights.load(model, sys.argv[1])\n"
        "numpy.savez(sys.argv[2], *model.get_weights())\n"
        "print(keras.backend.backend(), report.complete, 'tensorflow' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path), str(tmp_path / "w.npz")],
        capture_output=True, text=True, env={**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": str(ROOT)}, timeout=300,
    )  # fmt: skip
    assert done.stdout.split() == [backend, "True", "False"], done.stderr[-2000:]
    with np.load(tmp_path / "w.npz") as loaded:
        assert all(np.array_equal(loaded[f"arr_{number}"], array) for number, array in enumerate(arrays))
