"""Seeds and arithmetic; each other backend in a process of its own."""

import importlib.util
import os
import random
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import ROOT

import keras_resnet as kr
from keras_resnet.errors import RunError


def draws():
    """A number from each generator that the seed covers."""
    return random.random(), np.random.rand(), float(keras.random.normal(())), float(tf.random.normal(()))


def test_a_seed_fixes_every_generator():
    assert kr.seed_everything(7) is None
    first = draws()
    kr.seed_everything(7)
    assert draws() == first
    kr.seed_everything(8)
    assert all(one != other for one, other in zip(draws(), first, strict=True))


@pytest.mark.parametrize("seed", [-1, 2**32, 0.5, True, "0"])
def test_another_seed_is_refused(seed):
    with pytest.raises(RunError, match=f"seed: expected an int from 0 to 4294967295, received {seed!r}"):
        kr.seed_everything(seed)


@pytest.fixture
def tf32_on():
    before = tf.config.experimental.tensor_float_32_execution_enabled()
    tf.config.experimental.enable_tensor_float_32_execution(True)
    yield tf.config.experimental.tensor_float_32_execution_enabled
    tf.config.experimental.enable_tensor_float_32_execution(before)


def test_tf32_goes_off_at_once_and_in_a_block_comes_back(tf32_on):
    with kr.numerics() as facts:
        assert not tf32_on() and facts["tf32"] is False
    assert tf32_on()
    with pytest.raises(ZeroDivisionError), kr.numerics():
        raise ZeroDivisionError
    assert tf32_on()
    assert kr.numerics(tf32=None)["tf32"] is True and tf32_on()  # only looks
    assert kr.numerics()["tf32"] is False and not tf32_on()
    assert kr.numerics(tf32=True)["tf32"] is True and tf32_on()


def test_it_says_what_the_run_is_made_with():
    facts = kr.numerics(tf32=None)
    assert facts["backend"] == keras.backend.backend() == "tensorflow" and facts["float"] == "float32"
    assert facts["devices"] == ["CPU"] or tf.config.list_physical_devices("GPU")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert facts["threads"] == {"intra": cores, "inter": cores}  # the tests set none


def python(program, **environment):
    env = {**os.environ, "PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu", **environment}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=env, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_it_tells_the_threads_and_kernels_that_the_user_chose():
    program = (
        "import keras_resnet as kr, tensorflow as tf\n"
        "tf.config.threading.set_intra_op_parallelism_threads(3)\n"
        "tf.config.threading.set_inter_op_parallelism_threads(1)\n"
        "facts = kr.numerics()\n"
        "print(facts['threads']['intra'], facts['threads']['inter'], facts['onednn'])"
    )
    assert python(program, TF_ENABLE_ONEDNN_OPTS="0") == ["3", "1", "False"]
    assert python(program, TF_ENABLE_ONEDNN_OPTS="1") == ["3", "1", "True"]


TORCH = """
import torch
import keras_resnet as kr
from keras_resnet import environment
torch.set_num_threads(1)
torch.backends.cuda.matmul.allow_tf32 = True
torch.backends.cudnn.allow_tf32 = False
with kr.numerics() as facts:
    print(facts['backend'], facts['tf32'], torch.backends.cuda.matmul.allow_tf32, facts['threads']['intra'])
with environment.deterministic():
    print(torch.are_deterministic_algorithms_enabled())
print(torch.are_deterministic_algorithms_enabled())
print(torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32, kr.numerics(None)['tf32'])
"""

JAX = """
import jax
import keras_resnet as kr
print(kr.numerics(None)['tf32'])
with kr.numerics() as facts:
    print(facts['backend'], facts['tf32'], jax.config.jax_default_matmul_precision, facts['devices'][0])
print(jax.config.jax_default_matmul_precision)
"""


@pytest.mark.parametrize(
    ("backend", "program", "printed"),
    [
        ("torch", TORCH, "torch False False 1 True False True False True"),
        ("jax", JAX, "True jax False float32 CPU None"),
    ],
)
def test_the_other_backends(backend, program, printed):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"the backend {backend} is not installed")
    assert python(program, KERAS_BACKEND=backend) == printed.split()


def test_determinism_holds_within_the_block_alone(monkeypatch):
    from tensorflow.python.framework import config

    from keras_resnet import environment

    assert not config.is_op_determinism_enabled()
    with environment.deterministic() as holds:
        assert holds and config.is_op_determinism_enabled()
    with environment.deterministic(False) as holds:
        assert not holds and not config.is_op_determinism_enabled()
    with pytest.raises(ZeroDivisionError), environment.deterministic():
        raise ZeroDivisionError
    assert not config.is_op_determinism_enabled()
    monkeypatch.setitem(environment._LOOK, "tensorflow", lambda: {"devices": ["a graphics card"]})
    with environment.deterministic() as holds:
        assert not holds and not config.is_op_determinism_enabled()


def test_another_value_is_refused():
    with pytest.raises(RunError, match="Unknown tf32: received 'off'; expected one of False, True, None"):
        kr.numerics("off")
