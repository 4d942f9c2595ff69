"""The block in NumPy, from the equations alone, and what a learner's block computes with the same weights."""

import itertools
from dataclasses import dataclass

import keras
import numpy as np
from keras import layers

SEED = 0
TOLERANCE = 1e-4  # of the largest output: float32 against float64, over four layers


@dataclass(frozen=True)
class Weights:
    """Random weights of a block, float64: ``kernels``, ``biases`` and ``norms`` (gamma, beta, mean, variance), main path first.

    In a convolutional block the shortcut's come last.
    """

    kernels: tuple
    biases: tuple
    norms: tuple


def draw(task):
    """Random `Weights` for a `structure.Task`, of a size that keeps signals near 1."""
    random = np.random.default_rng(SEED)
    f1, f2, f3 = task.filters
    shapes = [(1, 1, task.channels, f1), (task.kernel, task.kernel, f1, f2), (1, 1, f2, f3)]
    if task.kind == "conv":
        shapes.append((1, 1, task.channels, f3))
    kernels = tuple(random.normal(0, np.prod(shape[:-1]) ** -0.5, shape) for shape in shapes)
    biases = tuple(random.normal(0, 0.3, shape[-1]) for shape in shapes)
    norms = tuple(
        (random.uniform(0.5, 1.5, n), random.normal(0, 0.3, n), random.normal(0, 0.3, n), random.uniform(0.5, 1.5, n))
        for n in (shape[-1] for shape in shapes)
    )
    return Weights(kernels, biases, norms)


def images(task):
    """Random input float32 `(2, H, W, C)` of both signs."""
    return np.random.default_rng(SEED + 1).normal(0, 1, (2, task.height, task.width, task.channels)).astype("float32")


def forward(x, weights, task, epsilon, training):
    """The block's output, float64: He et al. 2015, arXiv:1512.03385, figure 5 right, with the stride in the first 1x1."""
    x = x.astype("float64")
    units = list(zip(weights.kernels, weights.biases, weights.norms, strict=True))

    def unit(x, number, stride=1):
        kernel, bias, norm = units[number]
        return _normalize(_convolve(x, kernel, stride) + bias, *norm, epsilon, training)

    y = np.maximum(unit(x, 0, task.stride), 0)
    y = np.maximum(unit(y, 1), 0)
    y = unit(y, 2)
    return np.maximum(y + (unit(x, 3, task.stride) if task.kind == "conv" else x), 0)


def _convolve(x, kernel, stride):
    """Cross-correlation with zeros around, as many rows before as after (an odd kernel)."""
    side = kernel.shape[0]
    around = side // 2
    x = np.pad(x, ((0, 0), (around, around), (around, around), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(x, (side, side), axis=(1, 2))[:, ::stride, ::stride]
    return np.einsum("nhwcij,ijcf->nhwf", windows, kernel)


def _normalize(x, gamma, beta, mean, variance, epsilon, training):
    if training:
        mean, variance = x.mean(axis=(0, 1, 2)), x.var(axis=(0, 1, 2))
    return gamma * (x - mean) / np.sqrt(variance + epsilon) + beta


class Fitted:
    """A learner's block whose layers are found by the shapes of their weights, whatever it is written like.

    Args:
        graph: the `graph.Graph` of the block.
        task: its `structure.Task`.

    Attributes:
        convs: convolutions in the order main path, shortcut; None where they are not those of the block.
        norms: lists of batch normalisations in that order: one, or two where two of a size could be either.
        others: layers with weights that are neither.
    """

    def __init__(self, graph, task):
        self.graph, self.task, self.weights = graph, task, draw(task)
        leaves = [layer for layer in graph.layers if layer.weights and not layer._flatten_layers(include_self=False)]
        convs = [layer for layer in leaves if isinstance(layer, layers.Conv2D)]
        norms = [layer for layer in leaves if isinstance(layer, layers.BatchNormalization)]
        self.others = [layer for layer in leaves if layer not in convs and layer not in norms]
        by_shape = {tuple(layer.kernel.shape): layer for layer in convs}
        shapes = [kernel.shape for kernel in self.weights.kernels]
        matched = len(convs) == len(shapes) and all(shape in by_shape for shape in shapes)
        self.convs = [by_shape[shape] for shape in shapes] if matched else None
        self.norms = self._ordered(norms)

    def _ordered(self, norms):
        sizes = [len(bias) for bias in self.weights.biases]
        if len(norms) != len(sizes):
            return []
        orders = itertools.permutations(norms)
        return [order for order in orders if [tuple(norm.moving_mean.shape) for norm in order] == [(size,) for size in sizes]]

    def wrong_mode(self):
        """None where the block computes what the equations say; else the mode in which it does not."""
        if self.convs is None or not self.norms or self.others:
            return "inference"
        wrong = [[mode for mode in ("inference", "training") if not self._right(norms, mode)] for norms in self.norms]
        return next(iter(min(wrong, key=len)), None)

    def _right(self, norms, mode):
        """Whether it is so for images of moderate and of large numbers, which reach what a small one leaves out."""
        pairs = [self._difference(norms, mode == "training", scale) for scale in (1, 1000)]
        return all(difference <= TOLERANCE * size for difference, size in pairs)

    def _difference(self, norms, training, scale):
        for layer, kernel, bias in zip(self.convs, self.weights.kernels, self.weights.biases, strict=True):
            layer.kernel.assign(kernel.astype("float32"))
            if layer.use_bias:
                layer.bias.assign(bias.astype("float32"))
        for layer, values in zip(norms, self.weights.norms, strict=True):
            for variable, value in zip(
                (layer.gamma, layer.beta, layer.moving_mean, layer.moving_variance), values, strict=True
            ):
                if variable is not None:
                    variable.assign(value.astype("float32"))
        x = scale * images(self.task)
        expected = forward(x, self._present(norms), self.task, norms[0].epsilon, training)
        received = numbers(self.graph(keras.ops.convert_to_tensor(x), training=training))
        if received.shape != expected.shape:
            return np.inf, np.abs(expected).max()
        return np.abs(received - expected).max(), np.abs(expected).max()

    def _present(self, norms):
        """The weights, with 0 and 1 in place of what the learner's layers lack."""
        biases = [b if conv.use_bias else np.zeros_like(b) for conv, b in zip(self.convs, self.weights.biases, strict=True)]
        norms = [
            (gamma if norm.scale else np.ones_like(gamma), beta if norm.center else np.zeros_like(beta), mean, variance)
            for norm, (gamma, beta, mean, variance) in zip(norms, self.weights.norms, strict=True)
        ]
        return Weights(self.weights.kernels, tuple(biases), tuple(norms))


def numbers(tensor):
    """A tensor of the backend as float64."""
    return np.asarray(keras.ops.convert_to_numpy(tensor), dtype="float64")
