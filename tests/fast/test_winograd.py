"""Winograd's filtering against the convolution written out, by NumPy and by TensorFlow's own kernels."""

import keras
import numpy as np
import pytest

if keras.backend.backend() != "tensorflow":
    pytest.skip("the fast kernels are TensorFlow's", allow_module_level=True)

import tensorflow as tf

from keras_resnet.fast import winograd


def written_out(x, w):
    """The sum over the nine taps, in NumPy."""
    height, width = x.shape[1:3]
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    return sum(padded[:, i : i + height, j : j + width] @ w[i, j] for i in range(3) for j in range(3))


def results(convolution, x, w, direction, dtype):
    """The map, and the gradients of its product with ``direction``: of the input and of the kernel."""
    x, w, direction = (tf.constant(value, dtype) for value in (x, w, direction))
    with tf.GradientTape() as tape:
        tape.watch([x, w])
        y = convolution(x, w)
    return [np.asarray(value, "float64") for value in (y, *tape.gradient(y, [x, w], output_gradients=direction))]


def direct(x, w):
    return tf.nn.conv2d(x, w, 1, "SAME")


def drawn(height, width, channels=3, filters=4, count=2):
    random = np.random.default_rng(height + width)
    shapes = (count, height, width, channels), (3, 3, channels, filters), (count, height, width, filters)
    return [random.normal(size=shape) for shape in shapes]


@pytest.mark.parametrize(
    ("height", "width"), [(1, 1), (2, 2), (3, 3), (4, 4), (5, 5), (6, 6), (7, 7), (8, 8), (15, 15), (1, 2), (2, 9), (14, 3)]
)
def test_the_map_and_its_gradients_are_those_of_the_convolution(height, width):
    x, w, direction = drawn(height, width)
    ours = results(winograd.convolution, x, w, direction, "float64")
    np.testing.assert_allclose(ours[0], written_out(x, w), rtol=1e-12, atol=1e-12)
    for mine, theirs in zip(ours, results(direct, x, w, direction, "float64"), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("side", [2, 4, 8])
def test_in_float32_the_error_is_a_few_times_that_of_the_convolution(side):
    x, w, direction = drawn(side, side, 64, 64, 4)
    truth = results(direct, x, w, direction, "float64")
    for mine, theirs, true in zip(
        *(results(convolution, x, w, direction, "float32") for convolution in (winograd.convolution, direct)),
        truth,
        strict=True,
    ):
        ours, stock = (np.linalg.norm(value - true) / np.linalg.norm(true) for value in (mine, theirs))
        assert 0 < stock < 5e-7
        assert 0 < ours < min(2e-6, 8 * stock)


@pytest.mark.parametrize(("count", "taps"), [(2, 2), (3, 3), (4, 3)])
def test_minimal_filtering_is_a_filter(count, taps):
    outputs, filters, data = winograd._minimal_filtering(count, taps)
    assert len(outputs) == len(filters) == len(data) == count + taps - 1
    random = np.random.default_rng(0)
    f, d = random.normal(size=taps), random.normal(size=count + taps - 1)
    np.testing.assert_allclose(outputs.T @ ((filters @ f) * (data @ d)), np.correlate(d, f, "valid"), rtol=1e-12)


def test_a_batch_of_open_length_is_taken():
    function = tf.function(winograd.convolution, autograph=False)
    x, w, _ = drawn(4, 4)
    traced = function.get_concrete_function(tf.TensorSpec((None, 4, 4, 3), tf.float64), tf.TensorSpec(w.shape, tf.float64))
    np.testing.assert_allclose(traced(tf.constant(x), tf.constant(w)), written_out(x, w), rtol=1e-12, atol=1e-12)
