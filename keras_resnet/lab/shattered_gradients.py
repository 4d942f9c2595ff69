"""Shattered gradients (Balduzzi et al. 2017, arXiv:1702.08591).

`y(x)` of a 1-D input; dy/dx on a grid. In a shallow net neighbouring points have nearly the same gradient; the claim is
that in a deep plain net the gradient becomes like white noise, and that shortcuts prevent it. Measured by the
autocorrelation of dy/dx: `r(lag) = sum over t of v[t] v[t + lag] / sum over t of v[t]^2`, v the gradient less its mean.

Cured is taken to mean: at 50 layers r lies nearer to that of one layer than to that of the plain net.
"""

import numpy as np

from keras_resnet import stats
from keras_resnet.lab import figures, nets, tape
from keras_resnet.lab.experiment import Criterion, Experiment

DEPTHS = (2, 24, 50)  # hidden layers; links also have 1
LAGS = (1, 16)
KINDS = {
    "links": ("plain link", "residual link", "scaled link", "normalised link"),
    "blocks": ("plain", "residual", "scaled", "normalised"),
}
POINTS = 256
_CURVE = 64  # lags that are stored


def measure(setting):
    """For each kind and depth: the autocorrelation of dy/dx, a mean over draws, and its root mean square."""
    width, draws = setting.choose((64, 5), (200, 12))
    table = {}
    for kinds in KINDS.values():
        for kind in kinds:
            for depth in (1, *DEPTHS[1:]) if nets.KINDS[kind].layers == 1 else DEPTHS:
                slopes = [_slope(setting.generator(draw), kind, depth, width) for draw in range(draws)]
                curve = np.mean([stats.autocorrelation(slope) for slope in slopes], axis=0)
                size = float(np.mean([np.sqrt(np.mean(slope**2)) for slope in slopes]))
                row = {"curve": curve[:_CURVE], **{f"lag{lag}": curve[lag] for lag in LAGS}, "size": size}
                table.setdefault(kind, {})[str(depth)] = row
    return {"width": width, "draws": draws, "points": POINTS, "nets": table}


def _slope(generator, kind, depth, width):
    """dy/dx at the points of the grid, `(POINTS,)`, in the protocol of the UDL notebook 11.1 but with He's variance."""
    x = tape.Node(np.arange(-2, 2, 4 / POINTS)[:, None])
    make = nets.NumpyLayers(generator, gain=nets.HE, bias=nets.HE, constant_statistics=True)
    # One input: a first layer of variance 2/width, as the notebook's, keeps the input's size out of the matter.
    first = tape.Node(generator.normal(0, np.sqrt(nets.HE / width), (1, width)))
    offset = tape.Node(generator.normal(0, np.sqrt(nets.HE / width), width))
    h = tape.shift(tape.linear(x, first), offset)
    plain = nets.KINDS[kind].shortcut is None
    body = depth - 1 if nets.KINDS[kind].layers == 1 else depth
    h = make.act(h, "stem") if plain else h
    h = nets.chain(h, kind, body // nets.KINDS[kind].layers, make)[-1]
    h = h if plain else make.act(h, "end")
    last = tape.Node(generator.normal(0, np.sqrt(nets.HE / width), (width, 1)))
    [slope] = tape.gradients(tape.linear(h, last), [x])
    return slope[:, 0]


def _cured(values, kind, plain, shallow):
    """Whether r of a kind at 50 layers lies nearer to that of the shallow net than to the plain one's, for every lag."""
    table = values["nets"]
    return all(
        table[kind]["50"][f"lag{lag}"] > (table[plain][shallow][f"lag{lag}"] + table[plain]["50"][f"lag{lag}"]) / 2
        for lag in LAGS
    )


def _both(kind):
    return lambda values: _cured(values, f"{kind} link", "plain link", "1") and _cured(values, kind, "plain", "2")


def _draw(result, kinds):
    figure, axes = figures.panels(len(kinds), width=3.1, share=True)
    for panel, kind in zip(axes, kinds, strict=True):
        for number, depth in enumerate(result.values[0]["nets"][kind]):
            curves = figures.of(result, "nets", kind, depth, "curve")
            figures.band(panel, np.arange(len(curves[0])), curves, f"{depth} layers" if depth != "1" else "1 layer", number)
        size = np.mean(figures.of(result, "nets", kind, "50", "size"))
        figures.finish(panel, kind, f"size of dy/dx at 50 layers: {size:.2g}", "lag, grid points", "autocorrelation of dy/dx")
    return figure


EXPERIMENT = Experiment(
    name="shattered-gradients",
    claim="The gradient of a plain net with respect to its input shatters with depth, and shortcuts cure that.",
    source="Balduzzi et al. 2017, arXiv:1702.08591, section 1 and figure 1; Prince, Understanding Deep Learning, notebook 11.1",
    protocol="dy/dx at 256 points from -2 to 2, nets of 1, 24 and 50 hidden layers (blocks: 2, 24 and 50 layers within "
    "them), weights and biases of variance 2/n, statistics of normalisation over the grid and constant in the derivative. "
    "Links (one layer each: relu(W x), x + W relu(x), the same times 1/sqrt 2, with normalisation first) and the "
    "catalogue's basic blocks (two layers each). Autocorrelation, mean of 12 draws of 200 units (quick: 5 draws, 64 "
    "units). Cured: at 50 layers the autocorrelation at lags 1 and 16 lies nearer to that of the shallowest plain net "
    "than to that of the plain net of 50 layers.",
    criteria=(
        Criterion(
            "plain links and blocks shatter: at lag 16 the autocorrelation at 50 layers is less than half that of the "
            "shallowest",
            lambda values: all(
                values["nets"][kind]["50"]["lag16"] < values["nets"][kind][shallow]["lag16"] / 2
                for kind, shallow in (("plain link", "1"), ("plain", "2"))
            ),
        ),
        Criterion("a shortcut alone cures it, links and blocks", _both("residual")),
        Criterion("a shortcut and 1/sqrt 2 cure it, links and blocks", _both("scaled")),
        Criterion("a shortcut and normalisation first cure it, links and blocks", _both("normalised")),
    ),
    measure=measure,
    headline=lambda values: {
        f"lag {lag}, {kind}, 50 layers": values["nets"][kind]["50"][f"lag{lag}"]
        for kind in (*KINDS["links"], *KINDS["blocks"])
        for lag in LAGS
    },
    figures={
        "links": (
            f"Autocorrelation of dy/dx over the grid, nets of links. {nets.told(*KINDS['links'])}; g is the ReLU.",
            lambda result: _draw(result, KINDS["links"]),
        ),
        "blocks": (
            f"Autocorrelation of dy/dx over the grid, nets of blocks. {nets.told(*KINDS['blocks'])}; F has two layers, g is "
            "the ReLU.",
            lambda result: _draw(result, KINDS["blocks"]),
        ),
    },
)
