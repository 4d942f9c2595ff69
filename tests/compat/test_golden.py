"""The numbers that the notebooks print, on every backend; and why some of them could not be met exactly."""

import importlib.util
import json
import os
import subprocess
import sys

import golden
import numpy as np
import pytest
from conftest import ROOT


@pytest.mark.parametrize("name", golden.CASES)
def test_published_numbers_come_out(name):
    assert golden.difference(name) <= golden.CASES[name][2]


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_they_come_out_on_other_backends(backend):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"the backend {backend} is not installed")
    env = {**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu"}
    env["XLA_FLAGS"] = "--xla_backend_optimization_level=0"
    done = subprocess.run([sys.executable, golden.__file__], capture_output=True, text=True, env=env, timeout=300)
    assert done.returncode == 0, done.stderr
    received = json.loads(done.stdout.splitlines()[-1])
    assert received["backend"] == backend and set(received["differences"]) == set(golden.CASES)
    for name, difference in received["differences"].items():
        assert difference <= golden.CASES[name][2], name


def tf32(x):
    """float32 rounded to the 10 bits of fraction that a graphics card keeps of each factor of a product."""
    bits = np.asarray(x, dtype="float32").view("uint32").astype("uint64")
    return ((bits + 0xFFF + (bits >> 13 & 1)) & 0xFFFFE000).astype("uint32").view("float32").astype("float64")


def block_of_ones(x, f, epsilon, training, factor):
    """An identity block of kernels of ones on three equal channels, `(N, H, W)`; ``factor`` rounds what is multiplied."""
    channels = 3

    def normalize(x):
        mean, variance = (x.mean(), x.var()) if training else (0, 1)
        return (x - mean) / np.sqrt(variance + epsilon)

    before, after = (f - 1) // 2, f // 2
    first = 4 if not training else 3  # the notebooks' filters: 4, 4, 3 and 3, 3, 3
    y = np.maximum(normalize(channels * factor(x)), 0)
    padded = np.pad(factor(y), ((0, 0), (before, after), (before, after)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (f, f), axis=(1, 2))
    y = np.maximum(normalize(first * windows.sum(axis=(3, 4))), 0)
    return np.maximum(normalize(first * factor(y)) + x, 0)


IMAGES = np.stack([np.full((4, 4), value, dtype="float64") for value in (-1, 1, 3)])


@pytest.mark.parametrize(
    ("case", "f", "epsilon", "training"),
    [
        ("v2 identity, 2022, training, f=3", 3, 1e-3, True),
        ("v3 identity, ones, inference", 2, 1e-6, False),
        ("v3 identity, ones, training, f=3", 3, 1e-6, True),
    ],
)
def test_tf32_is_the_whole_difference(case, f, epsilon, training):
    """Rounded factors give the published digits, exact ones give ours."""
    expected = np.asarray(golden.CASES[case][1])
    rounded = block_of_ones(IMAGES, f, epsilon, training, tf32)[1:, (0, -1)]
    exact = block_of_ones(IMAGES, f, epsilon, training, lambda x: x)[1:, (0, -1)]
    np.testing.assert_allclose(rounded, expected, rtol=1e-6)
    np.testing.assert_allclose(golden.CASES[case][0](), exact, rtol=1e-5)


def test_the_values_of_2022_are_tf32_where_one_convolution_was_not():
    """In inference the images of ones round in every convolution; those of threes only fit where the 2x2 one was exact."""
    ones = block_of_ones(IMAGES, 2, 1e-3, False, tf32)[1, (0, -1)]
    np.testing.assert_allclose(ones, golden.border(192.6542, 96.8271, 48.91355), rtol=1e-6)
