"""The order of operations in a block.

Branch end (convolution, then ReLU, inside the branch): `x + relu(F(x)) >= x`, activations can only grow. Common (He et al.
2015): `relu(x + F(x))`. Reverse order (ReLU, then convolution): `x + F(relu(x))`, which may fall; without normalisation
here. Full pre-activation (He et al. 2016): normalisation, ReLU, convolution.
"""

import numpy as np

from keras_resnet.lab import figures
from keras_resnet.lab.experiment import Criterion, Experiment

# Order -> fields of ModelSpec that differ from resnet20's.
ORDERS = {
    "branch end": {"order": "branch_end"},
    "reverse": {"order": "pre", "norm": "none"},
    "common": {},
    "full pre-activation": {"order": "pre"},
}
_TOLD = {
    "branch end": "branch end: x + g(F(x))",
    "reverse": "reverse: x + F(g(x)), no BN",
    "common": "common: g(x + F(x))",
    "full pre-activation": "full pre-activation: x + F(g(BN(x)))",
}
_BLOCK = "x is what a block receives, F its convolutions, g the ReLU, BN batch normalisation."


def measure(setting):
    """For each order: how far activations fall and what they are on average, before and after training; errors."""
    from keras_resnet.lab import training

    nets = {}
    for order, choices in ORDERS.items():
        fresh = training.untrained(setting, "resnet20", **choices)
        pixels = training.images(setting).test.images
        before = _steps(fresh, pixels)
        done = training.trained(setting, "resnet20", **choices)
        after = _steps(done.network, pixels)
        nets[order] = {
            "untrained": before,
            "trained": after,
            "errors": done.errors,
            "train_loss": done.train_loss,
            "train_error": done.train_error,
            "test_error": done.test_error,
        }
    return {"nets": nets}


def _steps(network, pixels):
    """The least of output - input over the blocks with an identity shortcut, and the mean activation behind every block."""
    from keras_resnet.lab import training

    maps = training.maps(network, pixels)
    least = [float(np.min(y - x)) for x, y in zip(maps, maps[1:], strict=False) if x.shape == y.shape]
    return {"least": min(least), "means": [float(np.mean(each)) for each in maps]}


def _draw_growth(result):
    figure, axes = figures.panels(2, width=4.2)
    for panel, when in zip(axes, ("untrained", "trained"), strict=True):
        for number, order in enumerate(ORDERS):
            means = figures.of(result, "nets", order, when, "means")
            figures.band(panel, np.arange(len(means[0])) + 1, means, _TOLD[order], number, marker="o")
        figures.finish(panel, when.capitalize(), "mean activation behind each block", "block", "")
    return figure


def _draw_training(result):
    figure, axes = figures.panels(1, width=5.5)
    for number, order in enumerate(ORDERS):
        curves = figures.of(result, "nets", order, "errors")
        figures.band(axes[0], np.arange(len(curves[0])) + 1, curves, _TOLD[order], number)
    figures.finish(axes[0], "Training error", "a mean over each epoch, while learning", "epoch", "")
    axes[0].set_ylim(bottom=0)
    return figure


EXPERIMENT = Experiment(
    name="operation-order",
    claim="With a ReLU last in the branch activations can only grow, and such a net trains worse than the common block "
    "and than full pre-activation.",
    source="He et al. 2016, arXiv:1603.05027, section 4.1, figure 4 and table 2; Prince, Understanding Deep Learning, "
    "figure 11.5",
    protocol="The narrow resnet20 of `degradation` in four orders, same recipe and data: branch end, reverse "
    "(pre-activation without normalisation), common, full pre-activation. Output less input of each block with an "
    "identity shortcut on the test images, before and after training; training loss at the end in inference mode.",
    criteria=(
        Criterion(
            "branch end: no activation falls across an identity shortcut, before and after training",
            lambda values: all(values["nets"]["branch end"][when]["least"] >= 0 for when in ("untrained", "trained")),
        ),
        Criterion(
            "the other orders: some activation falls, before and after training",
            lambda values: all(
                values["nets"][order][when]["least"] < 0
                for order in ("reverse", "common", "full pre-activation")
                for when in ("untrained", "trained")
            ),
        ),
        Criterion(
            "the training loss at the end of branch end is above that of the common block and of full pre-activation",
            lambda values: (
                values["nets"]["branch end"]["train_loss"]
                > max(values["nets"][order]["train_loss"] for order in ("common", "full pre-activation"))
            ),
        ),
    ),
    measure=measure,
    headline=lambda values: {
        **{f"least change of an activation, trained, {order}": values["nets"][order]["trained"]["least"] for order in ORDERS},
        **{f"training loss, {order}": values["nets"][order]["train_loss"] for order in ORDERS},
        **{f"test error, {order}": values["nets"][order]["test_error"] for order in ORDERS},
    },
    figures={
        "growth": (f"Mean activation behind the blocks. {_BLOCK}", _draw_growth),
        "training": (f"Training error over the epochs. {_BLOCK}", _draw_training),
    },
)
