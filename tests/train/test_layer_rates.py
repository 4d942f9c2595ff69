"""Adam with a rate of each variable's own, beside NumPy's arithmetic."""

import importlib.util
import inspect
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
from conftest import ROOT

from keras_resnet.errors import ModelError
from keras_resnet.models import create_model, freeze
from keras_resnet.train import LayerRatesAdamW
from keras_resnet.train.layer_rates import rate_factors


def adamw(weights, gradients, rate, *, decay, beta=(0.9, 0.999), epsilon=1e-7):
    """Weights after AdamW's steps: Kingma and Ba 2015, algorithm 1, with the decoupled decay of Loshchilov and Hutter 2019."""
    w, m, v = weights.astype("float64"), 0.0, 0.0
    for t, g in enumerate(gradients, start=1):
        w = w - rate * decay * w
        m, v = beta[0] * m + (1 - beta[0]) * g, beta[1] * v + (1 - beta[1]) * g**2
        step = rate * np.sqrt(1 - beta[1] ** t) / (1 - beta[0] ** t)
        w = w - step * m / (np.sqrt(v) + epsilon)
    return w


def steps(optimizer, values, gradients):
    """The weights of a network of two layers after an optimiser's steps."""
    inputs = keras.Input((3,))
    hidden = keras.layers.Dense(4, name="first")(inputs)
    model = keras.Model(inputs, keras.layers.Dense(2, name="second")(hidden))
    model.set_weights(values)
    optimizer.exclude_from_weight_decay(var_list=[v for v in model.trainable_variables if len(v.shape) < 2])
    for gradient in gradients:
        optimizer.apply([keras.ops.convert_to_tensor(g) for g in gradient], model.trainable_variables)
    return model.get_weights()


RANDOM = np.random.default_rng(3)
SHAPES = [(3, 4), (4,), (4, 2), (2,)]
VALUES = [RANDOM.normal(size=shape).astype("float32") for shape in SHAPES]
GRADIENTS = [[RANDOM.normal(size=shape).astype("float32") for shape in SHAPES] for _ in range(5)]
FACTORS = {"first/kernel": 0.25, "first/bias": 0.5}
EXPECTED = [
    adamw(VALUES[0], [g[0] for g in GRADIENTS], 0.1 * 0.25, decay=0.3),
    adamw(VALUES[1], [g[1] for g in GRADIENTS], 0.1 * 0.5, decay=0),
    adamw(VALUES[2], [g[2] for g in GRADIENTS], 0.1, decay=0.3),
    adamw(VALUES[3], [g[3] for g in GRADIENTS], 0.1, decay=0),
]


def test_every_variable_moves_at_its_own_rate():
    received = steps(LayerRatesAdamW(0.1, FACTORS, weight_decay=0.3), VALUES, GRADIENTS)
    for ours, expected in zip(received, EXPECTED, strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-6)
    plain = steps(keras.optimizers.AdamW(0.1, weight_decay=0.3), VALUES, GRADIENTS)
    np.testing.assert_allclose(plain[2], EXPECTED[2], rtol=1e-4, atol=1e-6)
    assert np.abs(plain[0] - EXPECTED[0]).max() > 0.1  # the factor tells


def test_without_factors_it_is_adamw():
    ours = steps(LayerRatesAdamW(0.1, weight_decay=0.3), VALUES, GRADIENTS)
    for one, other in zip(ours, steps(keras.optimizers.AdamW(0.1, weight_decay=0.3), VALUES, GRADIENTS), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-7)


def test_it_goes_through_its_configuration():
    optimizer = LayerRatesAdamW(0.1, FACTORS, weight_decay=0.3, beta_1=0.8)
    again = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert type(again) is LayerRatesAdamW and again.factors == FACTORS
    assert again.get_config() == optimizer.get_config() and again.beta_1 == 0.8 and again.weight_decay == 0.3


@pytest.mark.parametrize("backend", ["jax", "torch"])
@pytest.mark.full
def test_other_backends_do_the_same(backend, tmp_path):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"the backend {backend} is not installed")
    np.savez(tmp_path / "in.npz", *VALUES, *(g for gradient in GRADIENTS for g in gradient))
    program = (
        "import numpy as np, keras\nfrom keras_resnet.train import LayerRatesAdamW\n" + inspect.getsource(steps) + "\n"
        "stored = np.load('in.npz'); arrays = [stored[f'arr_{n}'] for n in range(24)]\n"
        f"received = steps(LayerRatesAdamW(0.1, {FACTORS!r}, weight_decay=0.3), arrays[:4], "
        "[arrays[n:n + 4] for n in range(4, 24, 4)])\n"
        "np.savez('out.npz', *received)"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT), "KERAS_BACKEND": backend, "JAX_PLATFORMS": "cpu"}
    done = subprocess.run([sys.executable, "-c", program], env=env, cwd=tmp_path, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    received = np.load(tmp_path / "out.npz")
    for number, expected in enumerate(EXPECTED):
        np.testing.assert_allclose(received[f"arr_{number}"], expected, rtol=1e-4, atol=1e-6)


def test_the_rate_falls_from_the_classifier_to_the_stem():
    network = create_model("resnet-tiny", input_shape=(32, 32, 3), classes=3)
    factors = rate_factors(network, 0.5)
    expected = {"conv1": 0.5**5, "bn_conv1": 0.5**5, "res2a_branch1": 0.5**4, "bn3a_branch2b": 0.5**3, "res5a_branch2a": 0.5}
    for layer, factor in expected.items():
        received = {value for path, value in factors.items() if path.partition("/")[0] == layer}
        assert received == {factor}, layer
    head = {variable.path for variable in network.trainable_variables} - set(factors)
    assert {path.partition("/")[0] for path in head} == {network.layers[-1].name}


def test_what_is_frozen_has_no_rate():
    network = create_model("resnet-tiny", input_shape=(32, 32, 3), classes=3)
    freeze(network, until="stage4")
    factors = rate_factors(network, 0.1)
    assert set(factors.values()) == {0.1} and set(factors) < {variable.path for variable in network.trainable_variables}


def test_another_network_is_refused():
    inputs = keras.Input((4,))
    with pytest.raises(ModelError, match="expected a ResNet"):
        rate_factors(keras.Model(inputs, keras.layers.Dense(2)(inputs)), 0.5)
