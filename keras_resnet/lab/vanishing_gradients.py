"""Vanishing gradients.

In a plain net `a[l] = g(W[l] a[l-1])` the gradient goes back by `da[l-1] = W[l]^T (g'(z[l]) * da[l])`: a product of as many
factors as there are layers. With weights of variance 1/n a layer's `W^T` keeps the norm on average, and `g'` decides: the
sigmoid's is at most 1/4, so a layer leaves at most a quarter of the gradient; tanh' and, with weights of variance 2/n,
ReLU' leave about all of it. A residual block `a + F(a)` whose sum is not squashed adds an identity to every factor. Where
the sum passes through the sigmoid (the common block) the identity is multiplied by `g' <= 1/4` too.
"""

import numpy as np

from keras_resnet.lab import figures, nets, tape
from keras_resnet.lab.experiment import Criterion, Experiment

ACTIVATIONS = ("sigmoid", "tanh", "relu")
KINDS = ("plain", "residual", "common")
DEPTHS = (10, 20, 50)
SMALL = 0.1  # a derivative is small below this share of the largest that the activation has
_LARGEST = {"sigmoid": 0.25, "tanh": 1.0, "relu": 1.0}
_CLASSES = 6
_BLOCK = "x is what a block receives, F its two layers, g the activation."


def measure(setting):
    """For each activation, kind and depth: gradient norms, and shares of units with a small derivative, by layer."""
    width, images = setting.choose(64, 128), setting.choose(64, 256)
    draws = setting.choose(2, 5)
    table = {}
    for activation in ACTIVATIONS:
        for kind in KINDS:
            for depth in DEPTHS:
                found = [_one(setting.generator(draw), activation, kind, depth, width, images) for draw in range(draws)]
                norms = np.exp(np.mean([np.log(np.maximum(norm, 1e-300)) for norm, _ in found], axis=0))
                saturated = np.mean([share for _, share in found], axis=0)
                table.setdefault(activation, {}).setdefault(kind, {})[str(depth)] = {
                    "norms": norms,
                    "saturated": saturated,
                    "ratio": norms[0] / norms[-1],
                    "factor": (norms[0] / norms[-1]) ** (1 / (len(norms) - 1)),
                }
    return {"width": width, "images": images, "draws": draws, "nets": table}


def _one(generator, activation, kind, depth, width, images):
    """The norms of dJ/dW of the layers between the first and the last, and the saturation by activation."""
    gain = nets.HE if activation == "relu" else nets.GLOROT
    make = nets.NumpyLayers(generator, gain=gain, activation=activation)
    x = make.conv(tape.Node(generator.normal(size=(images, width))), "stem", width, 1)  # the first of the weight layers
    x = make.act(x, "stem")
    body = len(make.weights)
    x = nets.chain(x, kind, (depth - 2) // 2, make)[-1]
    layers = make.weights[body:]
    logits = make.conv(x, "head", _CLASSES, 1)  # the last of them
    loss = tape.cross_entropy(logits, generator.integers(0, _CLASSES, images))
    norms = [float(np.linalg.norm(slope)) for slope in tape.gradients(loss, layers)]
    derivative = tape.ACTIVATIONS[activation][1]
    saturated = [float(np.mean(derivative(z) < SMALL * _LARGEST[activation])) for z in make.active]
    return norms, saturated


def _ratio(values, activation, kind, depth=50):
    return values["nets"][activation][kind][str(depth)]["ratio"]


def _draw_gradient(result):
    figure, axes = figures.panels(len(ACTIVATIONS))
    for panel, activation in zip(axes, ACTIVATIONS, strict=True):
        for dash, depth in enumerate(reversed(DEPTHS)):
            for number, kind in enumerate(KINDS):
                norms = figures.of(result, "nets", activation, kind, str(depth), "norms")
                layers = np.arange(len(norms[0])) + 2
                shares = [np.divide(norm, norm[-1]) for norm in norms]
                figures.band(panel, layers, shares, None if dash else nets.told(kind), number, dash=dash)
        figures.finish(
            panel,
            activation,
            "solid 50 layers, dashed 20, dotted 10",
            "layer, 1 at the input",
            "norm of dJ/dW over the last's",
            log=True,
        )
    return figure


def _draw_saturation(result):
    figure, axes = figures.panels(len(ACTIVATIONS), share=True)
    for panel, activation in zip(axes, ACTIVATIONS, strict=True):
        for number, kind in enumerate(KINDS):
            shares = figures.of(result, "nets", activation, kind, "50", "saturated")
            figures.band(panel, np.arange(len(shares[0])) + 1, shares, nets.told(kind), number)
        figures.finish(panel, activation, "50 layers", "activation, 1 at the input", "share of units with a small derivative")
        panel.set_ylim(-0.02, 1.02)
    return figure


EXPERIMENT = Experiment(
    name="vanishing-gradients",
    claim="The gradient of a deep plain sigmoid net vanishes exponentially toward the input, that of tanh and ReLU nets with "
    "their own initialisation does not, and a shortcut whose sum is not squashed keeps it for all three.",
    source="Glorot and Bengio 2010, section 4.2.1; He et al. 2015, arXiv:1512.03385, section 1; He et al. 2016, "
    "arXiv:1603.05027, equations 5 and 8",
    protocol="Nets of 10, 20 and 50 weight layers of the catalogue's basic blocks without normalisation, on maps of one "
    "pixel: plain, residual (pre-activation, nothing after the sum) and common (the activation after the sum). Standard "
    "normal inputs, random labels, cross-entropy; weights of variance 1/n (sigmoid, tanh) and 2/n (ReLU), no biases. Norm "
    "of dJ/dW by layer, geometric mean of 5 draws of 128 units and 256 inputs (quick: 2 draws, 64 units, 64 inputs); "
    "`ratio` is that of the first layer of the body over that of the last.",
    criteria=(
        Criterion(
            "plain sigmoid: the ratio falls with depth and is at most 1e-6 at 50 layers",
            lambda values: (
                _ratio(values, "sigmoid", "plain", 10)
                > _ratio(values, "sigmoid", "plain", 20)
                > _ratio(values, "sigmoid", "plain", 50)
                <= 1e-6
            ),
        ),
        Criterion(
            "plain sigmoid: the factor per layer at 50 layers is from 0.2 to 1/4, the bound by the derivative",
            lambda values: 0.2 <= values["nets"]["sigmoid"]["plain"]["50"]["factor"] <= 0.25,
        ),
        Criterion(
            "plain tanh and ReLU: the ratio at 50 layers is at least 1e-2",
            lambda values: min(_ratio(values, name, "plain") for name in ("tanh", "relu")) >= 1e-2,
        ),
        Criterion(
            "residual: the ratio at 50 layers is at least 1e-2 for all three",
            lambda values: min(_ratio(values, name, "residual") for name in ACTIVATIONS) >= 1e-2,
        ),
        Criterion(
            "common block with the sigmoid after the sum: the ratio at 50 layers is at most 1e-6 all the same",
            lambda values: _ratio(values, "sigmoid", "common") <= 1e-6,
        ),
    ),
    measure=measure,
    headline=lambda values: {
        f"ratio, {activation} {kind}, 50 layers": _ratio(values, activation, kind)
        for activation in ACTIVATIONS
        for kind in KINDS
    },
    figures={
        "gradient": (
            "Norm of the weight gradient by layer, over that of the last layer of the body; each panel has a scale of its own. "
            + _BLOCK,
            _draw_gradient,
        ),
        "saturation": (
            f"Share of units whose derivative is below {SMALL:g} of the activation's largest. {_BLOCK}",
            _draw_saturation,
        ),
    },
)
