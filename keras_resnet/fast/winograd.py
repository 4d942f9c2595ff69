"""3x3 convolutions by Winograd's minimal filtering: fewer multiplications, and those as matrix products.

Four neighbouring outputs of a filter of three taps are twelve products when written out, but six will do: evaluate the
polynomials that inputs and taps stand for at six points, multiply there, and interpolate (Winograd 1980; Lavin and Gray 2016,
arXiv:1509.09308, who name it F(4, 3)). In two dimensions these are 36 products in place of 144, each a matrix product over all
tiles, images and channels; constant matrices lead to the points and back. In float32 the relative error is two to five
times that of the sum written out.
"""

import functools
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from numpy.polynomial import polynomial

_TILE = 4  # the most outputs of a tile in each direction
# Infinity comes beside them. Of nine sets tried the one of the smallest rounding error, half of (0, 1, -1, 2, -2)'s.
_POINTS = (0, 0.625, -0.625, 1.5, -1.5)


@dataclass(frozen=True)
class _Line:
    """The matrices of one dimension, with P products for each of T tiles.

    Attributes:
        inputs: `(P, T, side)`, from inputs to points.
        taps: `(P, 3)`, from taps to points.
        outputs: `(P, T, side)`, of which the transpose leads from points to outputs.
    """

    inputs: np.ndarray
    taps: np.ndarray
    outputs: np.ndarray


def convolution(x, w):
    """The convolution with stride 1 and padding "same".

    Args:
        x: float `(N, H, W, C)`, of known height, width and channels.
        w: `(3, 3, C, D)`.

    Returns:
        `(N, H, W, D)`. Its gradients are the transposed steps, and as fast.
    """
    rows, columns = _line(x.shape[1]), _line(x.shape[2])
    at_points = _product(np.kron(rows.taps, columns.taps), tf.reshape(w, (9, -1)))
    products = _products(_to_points(x, rows.inputs, columns.inputs), tf.reshape(at_points, (-1, *w.shape[2:])))
    return _from_points(products, rows.outputs, columns.outputs)


def _to_points(x, rows, columns):
    """A map at the points.

    Args:
        x: `(N, H, W, C)`.
        rows, columns: `(P, S, H)` and `(Q, T, W)`.

    Returns:
        `(P * Q, S * T * N, C)`.
    """
    (p, s, height), (q, t, width) = rows.shape, columns.shape
    channels = x.shape[3]
    x = _product(rows.reshape(p * s, height), tf.reshape(tf.transpose(x, (1, 2, 0, 3)), (height, -1)))
    x = tf.reshape(_swap(tf.reshape(x, (p, s, width, -1))), (p, width, -1))
    return tf.reshape(_product(columns.reshape(q * t, width), x), (p * q, -1, channels))


def _from_points(x, rows, columns):
    """The transpose of `_to_points`: of the same matrices, from `(P * Q, S * T * N, C)` to `(N, H, W, C)`."""
    (p, s, height), (q, t, width) = rows.shape, columns.shape
    channels = x.shape[2]
    x = _product(columns.reshape(q * t, width).T, tf.reshape(x, (p, q * t, -1)))
    x = tf.reshape(_swap(tf.reshape(x, (p, width, s, -1))), (p * s, -1))
    x = _product(rows.reshape(p * s, height).T, x)
    return tf.transpose(tf.reshape(x, (height, width, -1, channels)), (2, 0, 1, 3))


def _products(x, y):
    """`(P, M, C)` times `(P, C, D)`. A batch of one matrix is multiplied as a matrix: where TensorFlow vectorizes the gradients
    (`tape.jacobian`), oneDNN computes the product of B batches of one with one of one wrongly."""
    return tf.matmul(x[0], y[0])[None] if x.shape[0] == 1 else tf.matmul(x, y)


def _product(matrix, x):
    """A constant matrix times each matrix of ``x``."""
    return tf.matmul(tf.constant(matrix, x.dtype), x)


def _swap(x):
    """The second axis and the third change places, which takes a copy unless one is of length one."""
    return x if 1 in x.shape[1:3] else tf.transpose(x, (0, 2, 1, 3))


@functools.cache
def _line(side):
    """The `_Line` of so many pixels."""
    if side == 1:  # the neighbours are padding
        return _Line(np.ones((1, 1, 1)), np.array([[0.0, 1, 0]]), np.ones((1, 1, 1)))
    if (
        side == 2
    ):  # [[w1, w2], [w0, w1]] @ x: the taps filtered by the inputs, last output first; three products instead of four
        outputs, inputs, taps = _minimal_filtering(2, 2)
        return _Line(inputs[:, None], taps, outputs[:, None, ::-1])
    tiles = -(-side // _TILE)
    count = -(-side // tiles)  # outputs of a tile; those beyond the map are cut off
    outputs, taps, inputs = _minimal_filtering(count, 3)
    all_inputs = np.zeros((len(taps), tiles, tiles * count + 2))
    all_outputs = np.zeros((len(taps), tiles, tiles * count))
    for tile in range(tiles):
        first = tile * count
        all_inputs[:, tile, first : first + count + 2] = inputs
        all_outputs[:, tile, first : first + count] = outputs
    return _Line(all_inputs[:, :, 1 : side + 1], taps, all_outputs[:, :, :side])


def _minimal_filtering(count, taps):
    """F(count, taps) of Lavin and Gray, by the way of Toom and Cook: `outputs.T @ ((filter @ f) * (data @ d))`.

    Args:
        count: outputs that a filter f gives over `count + taps - 1` data d.
        taps: of the filter.

    Returns:
        A tuple of `outputs`, `filter` and `data`: `(P, count)`, `(P, taps)` and `(P, P)` with P of `count + taps - 1`.
    """
    points = np.array(_POINTS[: count + taps - 2])
    others = [np.delete(points, number) for number in range(len(points))]
    scale = np.array([np.prod(point - rest) for point, rest in zip(points, others, strict=True)])
    outputs = np.vstack([np.vander(points, count, increasing=True), np.eye(count)[-1:]])
    filters = np.vstack([np.vander(points, taps, increasing=True) / scale[:, None], np.eye(taps)[-1:]])
    data = np.array([[*polynomial.polyfromroots(rest), 0] for rest in others] + [polynomial.polyfromroots(points)])
    return outputs, filters, data
