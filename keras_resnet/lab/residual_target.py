"""A target near the identity.

A pair of layers learns H(x), as it is, `y = W2 relu(W1 x + b1) + b2`, or as a residual, `y = x + W2 relu(W1 x + b1) + b2`,
to which is left `F(x) = H(x) - x`. With `H[t](x) = (1 - t) x + t Q x`, Q a random rotation, `F = t (Q x - x)` is zero at t
= 0 and as large as H at t = 1.
"""

import numpy as np

from keras_resnet import stats
from keras_resnet.blocks import postact, shortcut
from keras_resnet.blocks.unit import Unit
from keras_resnet.lab import figures, nets, tape
from keras_resnet.lab.experiment import Criterion, Experiment

DISTANCES = (0.0, 0.1, 0.25, 0.5, 1.0)
PAIRS = ("plain", "residual")
STARTS = {"he": "He weights", "zero": "last layer zero"}
TOLERANCE = 0.01  # mean square of the error over that of the target
_LIMIT = 5000
_RATE = 3e-3


def measure(setting):
    """For each start, pair and t: steps to the tolerance and the distance that the weights travel, means over draws."""
    width, batch, draws = setting.choose((12, 128, 2), (16, 256, 6))
    table = {}
    for start in STARTS:
        for pair in PAIRS:
            for t in DISTANCES:
                found = [_learn(setting.generator(draw), start, pair, t, width, batch) for draw in range(draws)]
                steps, distance, error = np.mean(found, axis=0)
                row = {"steps": steps, "distance": distance, "error": error}
                table.setdefault(start, {}).setdefault(pair, {})[f"{t:g}"] = row
    return {"width": width, "batch": batch, "draws": draws, "nets": table}


class _Pair(nets.NumpyLayers):
    """The two convolutions of a basic block with weights that are given: kernels and biases by turns."""

    def __init__(self, parameters):
        super().__init__(None)
        self.nodes = [tape.Node(each) for each in parameters]

    def conv(self, x, branch, filters, kernel, *, stride=1, dilation=1, groups=1):
        first = 0 if branch == "1" else 2
        return tape.shift(tape.linear(x, self.nodes[first]), self.nodes[first + 1])


def _learn(generator, start, pair, t, width, batch):
    """`(steps, distance, error)` of one run of full-batch Adam that ends at the tolerance or the limit."""
    x = np.abs(generator.normal(size=(batch, width)))  # not negative, as behind a ReLU
    rotation = np.linalg.qr(generator.normal(size=(width, width)))[0]
    target = (1 - t) * x + t * x @ rotation
    deviation = np.sqrt(nets.HE / width)
    kernels = [generator.normal(0, deviation, (width, width)) for _ in range(2)]
    if start == "zero":
        kernels[1] = np.zeros((width, width))
    first = [kernels[0], np.zeros(width), kernels[1], np.zeros(width)]
    now, state = first, [(0.0, 0.0)] * 4
    way = shortcut.identity if pair == "residual" else None
    for step in range(_LIMIT + 1):
        make = _Pair(now)
        y = postact.basic_block(tape.Node(x), Unit(filters=width, width=width), make, way, shortcut.add)
        error = stats.second_moment(y.value - target) / stats.second_moment(target)
        if error <= TOLERANCE or step == _LIMIT:
            break
        slopes = tape.gradients(y, make.nodes, 2 * (y.value - target) / batch)
        now, state = _adam(now, slopes, state, step + 1)
    travelled = np.sqrt(sum(np.sum((new - old) ** 2) for new, old in zip(now, first, strict=True)))
    return step, float(travelled), error


def _adam(parameters, slopes, state, step, beta=(0.9, 0.999)):
    """One update (Kingma and Ba 2015, algorithm 1)."""
    made, kept = [], []
    for parameter, slope, (mean, square) in zip(parameters, slopes, state, strict=True):
        mean = beta[0] * mean + (1 - beta[0]) * slope
        square = beta[1] * square + (1 - beta[1]) * slope**2
        corrected = mean / (1 - beta[0] ** step), square / (1 - beta[1] ** step)
        made.append(parameter - _RATE * corrected[0] / (np.sqrt(corrected[1]) + 1e-8))
        kept.append((mean, square))
    return made, kept


def _ratio(values, start, t, key="distance"):
    """What the residual pair needs over what the plain one needs."""
    residual, plain = (values["nets"][start][pair][f"{t:g}"][key] for pair in reversed(PAIRS))
    return residual / plain


def _draw(result):
    figure, axes = figures.panels(2, width=4.2)
    for panel, key in zip(axes, ("distance", "steps"), strict=True):
        for dash, (start, told) in enumerate(STARTS.items()):
            for number, pair in enumerate(PAIRS):
                rows = figures.of(result, "nets", start, pair)
                series = [[row[f"{t:g}"][key] for t in DISTANCES] for row in rows]
                figures.band(panel, DISTANCES, series, f"{pair}, {told}", number, dash=dash, marker="o")
        fact = "that the weights travel" if key == "distance" else f"to an error of {TOLERANCE:.0%} of the target"
        figures.finish(panel, key.capitalize(), fact, "t: 0 the identity, 1 a rotation", "")
    return figure


EXPERIMENT = Experiment(
    name="residual-target",
    claim="A residual pair of layers learns a map near the identity in fewer steps and with shorter ways for its weights "
    "than a plain pair, and the advantage shrinks as the map moves away.",
    source="He et al. 2015, arXiv:1512.03385, section 3.1",
    protocol="H[t](x) = (1 - t) x + t Q x, t from 0 to 1, x the absolute value of standard normals. The catalogue's basic "
    "block without normalisation and without the last ReLU, with and without its shortcut, from the same weights: He's, "
    f"or the second layer zero. Full-batch Adam at {_RATE:g} to a mean square error of {TOLERANCE:.0%} of the target's, at "
    f"most {_LIMIT} steps. Means of 6 draws of 16 units and 256 examples (quick: 2, 12 and 128).",
    criteria=(
        Criterion(
            "t = 0 and 0.1, both starts: the residual pair needs fewer steps and its weights travel less",
            lambda values: all(
                _ratio(values, start, t, key) < 1 for start in STARTS for t in (0.0, 0.1) for key in ("steps", "distance")
            ),
        ),
        Criterion(
            "both starts: the ratio of the distances, residual over plain, is larger at t = 1 than at t = 0.1",
            lambda values: all(_ratio(values, start, 1.0) > _ratio(values, start, 0.1) for start in STARTS),
        ),
    ),
    measure=measure,
    headline=lambda values: {
        f"{key}, residual over plain, t = {t:g}, {told}": _ratio(values, start, t, key)
        for start, told in STARTS.items()
        for t in (0.0, 0.1, 1.0)
        for key in ("distance", "steps")
    },
    figures={
        "ways": (
            "Solid lines from He weights, dashed from a zero last layer; a draw that misses the error counts as the limit.",
            _draw,
        )
    },
)
