"""The variance of activations and gradients from block to block.

`x[k+1] = x[k] + F(x[k])` with He initialisation: the weights of the last layer of F have mean 0 and are independent of x,
so the cross term vanishes and `E x[k+1]^2 = E x[k]^2 + E F^2`. With variance 2/n, `E F^2 = 2 E relu(x)^2 = E x[k]^2` for a
symmetric x: the second moment doubles. So does that of the gradient, for `E (J^T d)^2 = E d^2`.

The variance over the batch is less: `relu(x)` has a mean, which W carries on as a constant. For x standard normal `var
relu(x) = 1/2 - 1/(2 pi)`, so that the first factor of the link `x + W relu(x)` is `1 + 2 (1/2 - 1/(2 pi)) = 2 - 1/pi`.

Times 1/sqrt 2 the second moment stays. With batch normalisation at the start of the branch `E F^2 = 1` whatever x is: the
second moment grows by 1 a block, the variance of the link by `1 - 1/pi`.
"""

import math

import numpy as np

from keras_resnet import stats
from keras_resnet.lab import figures, nets, tape
from keras_resnet.lab.experiment import Criterion, Experiment

KINDS = ("residual", "scaled", "normalised", "post-normalised", "residual link", "scaled link", "normalised link")
BLOCKS = 8
FIRST_FACTOR = 2 - 1 / math.pi  # of the variance of the link
LINK_SLOPE = 1 - 1 / math.pi  # of the variance of the link with normalisation first


def measure(setting):
    """For each kind: second moment and variance after each block, and the second moment of the gradient before it."""
    width, batch, draws = setting.choose((128, 256, 6), (256, 512, 20))
    table = {}
    for kind in KINDS:
        found = [_one(setting.generator(draw), kind, width, batch) for draw in range(draws)]
        moment, variance, backward = np.mean(found, axis=0)
        table[kind] = {
            "moment": moment,
            "variance": variance,
            "backward": backward,
            "moment_factor": (moment[-1] / moment[0]) ** (1 / BLOCKS),
            "backward_factor": (backward[0] / backward[-1]) ** (1 / BLOCKS),
            "moment_line": stats.line(range(BLOCKS + 1), moment),
            "variance_line": stats.line(range(BLOCKS + 1), variance),
        }
    return {"width": width, "batch": batch, "draws": draws, "nets": table}


def _one(generator, kind, width, batch):
    """`(3, BLOCKS + 1)`: second moment and variance of the activations, second moment of the gradient; of one draw."""
    x = tape.Node(generator.normal(size=(batch, width)))
    outputs = nets.chain(x, kind, BLOCKS, nets.NumpyLayers(generator))
    slope = generator.normal(size=(batch, width))
    slopes = tape.gradients(outputs[-1], outputs, slope)
    return (
        [stats.second_moment(node.value) for node in outputs],
        [stats.batch_variance(node.value) for node in outputs],
        [stats.second_moment(each) for each in slopes],
    )


def _first(values, kind):
    variance = values["nets"][kind]["variance"]
    return variance[1] / variance[0]


def _near(value, theory, tolerance):
    return abs(value - theory) <= tolerance


def _draw_blocks(result):
    figure, axes = figures.panels(3)
    blocks = np.arange(BLOCKS + 1)
    for panel, key, title in zip(axes, ("moment", "variance", "backward"), ("Forward", "Forward", "Backward"), strict=True):
        for number, kind in enumerate(("residual", "scaled", "normalised", "post-normalised")):
            series = figures.of(result, "nets", kind, key)
            figures.band(panel, blocks, series, nets.told(kind), number)
        if key != "variance":
            theory = 2.0 ** (blocks if key == "moment" else BLOCKS - blocks)
            panel.plot(blocks, theory, color=figures.INK, linewidth=1, linestyle=figures.DASHES[2], label="2 to the power")
        fact = (
            "variance over the batch"
            if key == "variance"
            else "second moment" + ("" if key == "moment" else " of the gradient")
        )
        figures.finish(panel, title, fact, "blocks behind", "", log=True)
    return figure


def _draw_links(result):
    figure, axes = figures.panels(2)
    blocks = np.arange(BLOCKS + 1)
    for panel, key in zip(axes, ("moment", "variance"), strict=True):
        for number, kind in enumerate(("residual link", "scaled link", "normalised link")):
            figures.band(panel, blocks, figures.of(result, "nets", kind, key), nets.told(kind), number)
        fact = "second moment" if key == "moment" else f"variance; first factor 2 - 1/pi = {FIRST_FACTOR:.3f}"
        figures.finish(panel, "Links x + W relu(x)", fact, "links behind", "", log=True)
    return figure


EXPERIMENT = Experiment(
    name="variance",
    claim="With He initialisation the second moment doubles at each residual addition, forward and backward; scaling by "
    "1/sqrt 2 keeps it, and batch normalisation at the start of the branch makes its growth linear.",
    source="Prince, Understanding Deep Learning, section 11.2 and figure 11.6; He et al. 2015, arXiv:1502.01852, section 2.2",
    protocol=f"{BLOCKS} blocks of the catalogue and {BLOCKS} links x + W relu(x) on standard normal inputs, float64, He "
    "initialisation: pre-activation basic blocks without normalisation, the same times 1/sqrt 2, with normalisation "
    "first; bottlenecks with normalisation last, as in ResNet50. A standard normal gradient goes back from the end, "
    "through the statistics of normalisation too. Means over 20 draws of 256 units and 512 inputs (quick: 6 draws, 128 "
    "units, 256 inputs).",
    criteria=(
        Criterion(
            "He: the second moment's factor per block is from 1.9 to 2.1, forward and backward, for blocks and links",
            lambda values: all(
                1.9 <= values["nets"][kind][key] <= 2.1
                for kind in ("residual", "residual link")
                for key in ("moment_factor", "backward_factor")
            ),
        ),
        Criterion(
            "He: the first factor of the link's variance is 2 - 1/pi within 0.05",
            lambda values: _near(_first(values, "residual link"), FIRST_FACTOR, 0.05),
        ),
        Criterion(
            "1/sqrt 2: the second moment's factor per block is from 0.95 to 1.05, forward and backward",
            lambda values: all(
                0.95 <= values["nets"][kind][key] <= 1.05
                for kind in ("scaled", "scaled link")
                for key in ("moment_factor", "backward_factor")
            ),
        ),
        Criterion(
            "1/sqrt 2: the variance over the batch shrinks to less than 0.8 of the first",
            lambda values: all(
                values["nets"][kind]["variance"][-1] < 0.8 * values["nets"][kind]["variance"][0]
                for kind in ("scaled", "scaled link")
            ),
        ),
        Criterion(
            "normalisation first: the second moment follows a line of slope 1 within 0.1 that explains at least 0.99 of it",
            lambda values: all(
                _near(values["nets"][kind]["moment_line"][0], 1, 0.1) and values["nets"][kind]["moment_line"][2] >= 0.99
                for kind in ("normalised", "normalised link")
            ),
        ),
        Criterion(
            "normalisation first: the slope of the link's variance is 1 - 1/pi within 0.05",
            lambda values: _near(values["nets"]["normalised link"]["variance_line"][0], LINK_SLOPE, 0.05),
        ),
    ),
    measure=measure,
    headline=lambda values: {
        **{f"second moment's factor, {kind}": values["nets"][kind]["moment_factor"] for kind in ("residual", "scaled")},
        **{f"gradient's factor, {kind}": values["nets"][kind]["backward_factor"] for kind in ("residual", "scaled")},
        "variance's first factor, residual link": _first(values, "residual link"),
        "second moment's slope, normalised": values["nets"]["normalised"]["moment_line"][0],
        "variance's slope, normalised link": values["nets"]["normalised link"]["variance_line"][0],
        "variance's slope, post-normalised": values["nets"]["post-normalised"]["variance_line"][0],
    },
    figures={
        "blocks": (
            "Blocks of the catalogue: means over the draws. x is what a block receives, F its convolutions, g the ReLU, BN "
            "batch normalisation.",
            _draw_blocks,
        ),
        "links": ("The smallest residual function, one layer W behind the ReLU g.", _draw_links),
    },
)
