"""Parameters and multiply-adds of a network, read off its spec without a framework.

The blocks are the ones that build the network: they are given a layer factory that adds up instead of making layers, and
shapes instead of tensors.
"""

from dataclasses import dataclass, replace

from keras_resnet.architectures.catalog import CATALOG, list_models, resolve
from keras_resnet.architectures.lineages import LINEAGES
from keras_resnet.errors import ModelError
from keras_resnet.models.assemble import assemble
from keras_resnet.models.head import classify


@dataclass(frozen=True)
class Map:
    """The shape of one image's feature map."""

    height: int
    width: int
    channels: int


@dataclass(frozen=True)
class Count:
    """What a network costs.

    Attributes:
        parameters: all, the running statistics of batch normalisation included, as Keras counts.
        trainable: all but those, as PyTorch counts.
        multiply_adds: of the convolutions and dense layers, for one image.
    """

    parameters: int
    trainable: int
    multiply_adds: int


def count(spec, *, size=None, channels=3, classes=None, include_top=True):
    """Counts a network.

    Args:
        spec: a `ModelSpec`, from `resolve`.
        size: side of the image in pixels; None for the published one. Parameters do not depend on it.
        channels: of the image.
        classes: number of classes; None for the published one.
        include_top: whether the classifier counts.

    Returns:
        A `Count`.
    """
    make = _Counter(spec)
    size = size or spec.input_size
    x = assemble(Map(size, size, channels), spec, make)
    if include_top:
        classify(x, spec, make, classes or spec.classes, None)
    return Count(make.trainable + make.fixed, make.trainable, make.multiply_adds)


def table(pattern="*"):
    """The catalogue as a list of dicts, one for each name and lineage.

    Args:
        pattern: a shell pattern for the names, e.g. ``"resnet*d"``.

    Returns:
        Dicts of ``name``, ``lineage``, ``parameters`` (all), ``trainable``, ``gmacs`` (multiply-adds at the published input
        size, in units of 10 ** 9) and ``source``; the default lineage first.

    Raises:
        ModelError: no name matches.
    """
    names = list_models(pattern)
    if not names:
        raise ModelError(f"No model matches {pattern!r}; the names are {', '.join(CATALOG)}")
    rows = []
    for name in names:
        for lineage in CATALOG[name].lineages:
            counted = count(resolve(name, lineage))
            rows.append(
                {
                    "name": name,
                    "lineage": lineage,
                    "parameters": counted.parameters,
                    "trainable": counted.trainable,
                    "gmacs": round(counted.multiply_adds / 1e9, 4),
                    "source": f"{CATALOG[name].source}; {LINEAGES[lineage].source}",
                }
            )
    return rows


class _Counter:
    """A layer factory (`layer_factory.KerasLayers`) that adds up; its tensors are `Map`s."""

    def __init__(self, spec):
        self.spec = spec
        self.trainable = self.fixed = self.multiply_adds = 0

    def at(self, stage, block=0):
        return _Here(self, stage)


class _Here:
    """The counter at a place."""

    def __init__(self, total, stage):
        self.total, self.spec, self.stage = total, total.spec, stage

    def channels(self, x):
        return x.channels

    def conv(self, x, branch, filters, kernel, *, stride=1, dilation=1, groups=1):
        bias = self.spec.has_bias(self.stage, branch)
        return self._conv(_smaller(x, stride), x.channels // groups, filters, kernel, bias)

    def gate_conv(self, x, branch, filters, activation):
        return self._conv(x, x.channels, filters, 1, bias=True)

    def norm(self, x, branch, *, last=False, gamma=True):
        if self.spec.norm != "none":
            self.total.trainable += x.channels * (2 if gamma else 1)
        if self.spec.norm == "batch":
            self.total.fixed += 2 * x.channels
        return x

    def stem_pool(self, x):
        if self.spec.pool == "valid":
            return Map((x.height - 1) // 2, (x.width - 1) // 2, x.channels)
        if self.spec.pool == "ceil":
            return Map(x.height // 2, x.width // 2, x.channels)
        return _smaller(x, 2)

    def subsample(self, x, branch, stride):
        return _smaller(x, stride)

    def average_pool(self, x, branch, stride):
        return _smaller(x, stride)

    def pad_channels(self, x, filters):
        return replace(x, channels=filters)

    def mean(self, x, branch):
        return Map(1, 1, x.channels)

    def learned_scale(self, x, branch):
        self.total.trainable += 1
        return x

    def dense(self, x, branch, units, activation):
        self.total.trainable += (x.channels + 1) * units
        self.total.multiply_adds += x.channels * units
        return Map(1, 1, units)

    def _unchanged(self, x, *arguments):
        return x

    act = activation = add = multiply = rescale = drop = _unchanged
    global_average = global_max = average_whole_map = mean

    def _conv(self, x, channels, filters, kernel, bias):
        weights = kernel * kernel * channels * filters
        self.total.trainable += weights + (filters if bias else 0)
        self.total.multiply_adds += weights * x.height * x.width
        return replace(x, channels=filters)


def _smaller(x, stride):
    return Map(-(-x.height // stride), -(-x.width // stride), x.channels)
