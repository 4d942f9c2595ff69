"""The networks of the experiments, of the catalogue's own blocks: computed in NumPy, or taken apart as Keras models.

A block of `keras_resnet.blocks` receives a layer factory. Here the factory computes: on vectors `(N, C)`, which are maps of
one pixel, on which a 3x3 convolution with its zero padding is the matrix product with its middle tap.
"""

import copy
from dataclasses import dataclass

import numpy as np

from keras_resnet.blocks import postact, preact
from keras_resnet.blocks import shortcut as ways
from keras_resnet.blocks.unit import Unit
from keras_resnet.lab import tape

HE = 2.0  # variance of a weight times its fan-in (He et al. 2015, arXiv:1502.01852, equation 10)
GLOROT = 1.0  # the same where fan-in and fan-out are equal (Glorot and Bengio 2010, equation 12)


class NumpyLayers:
    """Computes the layers of a block, float64 `(N, C)`, on a tape; weights are drawn as they are met.

    Args:
        generator: a `numpy.random.Generator` for the weights.
        gain: variance of a weight times its fan-in.
        activation: of `tape.ACTIVATIONS`.
        norm: whether normalisations normalise.
        bias: None without biases, else their variance times the fan-in of their layer.
        constant_statistics: whether the derivative takes the statistics of normalisation as constants.

    Attributes:
        weights: the kernels so far, a list of `tape.Node`, from input to output.
        biases: the biases so far.
        active: what activations received, arrays `(N, C)`.
    """

    def __init__(self, generator, *, gain=HE, activation="relu", norm=False, bias=None, constant_statistics=False):
        self.generator, self.gain, self.activation, self.norm_on, self.bias = generator, gain, activation, norm, bias
        self.constant_statistics = constant_statistics
        self.weights, self.biases, self.active = [], [], []

    def channels(self, x):
        """The number of channels, an int."""
        return x.value.shape[1]

    def conv(self, x, branch, filters, kernel, *, stride=1, dilation=1, groups=1):
        """The middle tap of a convolution: `(N, C)` to `(N, filters)`."""
        fan_in = self.channels(x)
        deviation = np.sqrt(self.gain / fan_in)
        self.weights.append(tape.Node(self.generator.normal(0, deviation, (fan_in, filters))))
        y = tape.linear(x, self.weights[-1])
        if self.bias is None:
            return y
        self.biases.append(tape.Node(self.generator.normal(0, 1, filters) * np.sqrt(self.bias / fan_in)))
        return tape.shift(y, self.biases[-1])

    def norm(self, x, branch, *, last=False, gamma=True):
        """Batch normalisation over N, or nothing; epsilon is Keras's."""
        return tape.normalize(x, 1e-3, self.constant_statistics) if self.norm_on else x

    def act(self, x, branch):
        """The activation."""
        self.active.append(x.value)
        return tape.activate(x, self.activation)

    def add(self, branch, shortcut, place):
        """The sum."""
        return tape.add(branch, shortcut)

    def rescale(self, x, branch, factor):
        """The product with a number."""
        return tape.scale(x, factor)


def link(x, unit, make, shortcut, join):
    """The smallest residual function: an activation and one layer, `x + W g(x)` (Prince, Understanding Deep Learning, 11.2)."""
    y = make.act(make.norm(x, "pre"), "pre")
    y = make.conv(y, "1", unit.filters, 1)
    return join(y, shortcut and shortcut(x, unit, make), unit, make)


def layer(x, unit, make, shortcut, join):
    """One layer of a plain network: `g(W x)`."""
    return make.act(make.norm(make.conv(x, "1", unit.filters, 1), "1"), "1")


@dataclass(frozen=True)
class Kind:
    """A way to build a deep network.

    Attributes:
        told: what a block computes of x, in a figure; g is the activation, F the layers of the branch.
        block: a block function.
        shortcut: of `blocks.shortcut`, or None in a plain network.
        join: how branch and shortcut meet.
        norm: whether it is normalised.
        scale: what the sum is multiplied by.
        layers: weight layers a block.
    """

    told: str
    block: object
    shortcut: object = ways.identity
    join: object = ways.add
    norm: bool = False
    scale: float = 1.0
    layers: int = 2


_ROOT = 2**-0.5
KINDS = {
    "plain": Kind("g(F(x))", postact.basic_block, None, ways.add_then_activate),
    "residual": Kind("x + F(x)", preact.preact_basic_block),
    "scaled": Kind("(x + F(x)) / √2", preact.preact_basic_block, scale=_ROOT),
    "normalised": Kind("x + F(x), BN first", preact.preact_basic_block, norm=True),
    "common": Kind("g(x + F(x))", postact.basic_block, join=ways.add_then_activate),
    "post-normalised": Kind("g(x + F(x)), BN last", postact.bottleneck_block, join=ways.add_then_activate, norm=True, layers=3),
    "plain link": Kind("g(W x)", layer, None, layers=1),
    "residual link": Kind("x + W g(x)", link, layers=1),
    "scaled link": Kind("(x + W g(x)) / √2", link, scale=_ROOT, layers=1),
    "normalised link": Kind("x + W g(BN(x))", link, norm=True, layers=1),
}


def told(*kinds):
    """Kinds in words: ``"residual: x + F(x); common: g(x + F(x))"``."""
    return "; ".join(f"{kind}: {KINDS[kind].told}" for kind in kinds)


def chain(x, kind, blocks, make, *, width=None):
    """Blocks one after the other.

    Args:
        x: a `tape.Node`, `(N, C)`.
        kind: a name of `KINDS`.
        blocks: how many.
        make: a `NumpyLayers`; whether it normalises is the kind's.
        width: filters of a bottleneck's inner layers; None for a quarter of C.

    Returns:
        A list of ``blocks + 1`` nodes: the input and the output of each block.
    """
    row, here = KINDS[kind], copy.copy(make)
    here.norm_on = row.norm
    filters = make.channels(x)
    unit = Unit(filters=filters, width=width or filters // 4, scale=row.scale)
    outputs = [x]
    for _ in range(blocks):
        outputs.append(row.block(outputs[-1], unit, here, row.shortcut, row.join))
    return outputs
