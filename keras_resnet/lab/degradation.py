"""Degradation: more layers, a higher training error.

The layers of a deeper plain net could copy those of a shallower one and be the identity else, so its least training error is no
higher. He et al. found that the error reached is higher all the same, and not with shortcuts.
"""

import numpy as np

from keras_resnet.lab import figures
from keras_resnet.lab.experiment import Criterion, Experiment

PAIRS = {"plain": ("plain20", "plain56"), "residual": ("resnet20", "resnet56")}
_LAST = 3  # epochs whose mean is the error reached
_HIGHER = 0.05
_NOT_HIGHER = 0.02


def measure(setting):
    """The training error by epoch of each net, and its errors at the end."""
    from keras_resnet.lab import training

    nets = {}
    for model in (name for pair in PAIRS.values() for name in pair):
        done = training.trained(setting, model)
        nets[model] = {
            "errors": done.errors,
            "reached": np.mean(done.errors[-_LAST:]),
            "train_error": done.train_error,
            "test_error": done.test_error,
        }
    return {"nets": nets}


def _gap(values, kind):
    shallow, deep = (values["nets"][name]["reached"] for name in PAIRS[kind])
    return deep - shallow


def _draw(result):
    figure, axes = figures.panels(2, width=4.2, share=True)
    for panel, (kind, pair) in zip(axes, PAIRS.items(), strict=True):
        for number, name in enumerate(pair):
            curves = figures.of(result, "nets", name, "errors")
            figures.band(panel, np.arange(len(curves[0])) + 1, curves, name, number)
        gap = np.mean([_gap(values, kind) for values in result.values])
        figures.finish(panel, kind, f"deeper less shallower at the end: {100 * gap:+.1f} points", "epoch", "training error")
        panel.set_ylim(0, 1)
    return figure


EXPERIMENT = Experiment(
    name="degradation",
    claim="A deeper plain net has the higher training error, a deeper residual net has not.",
    source="He et al. 2015, arXiv:1512.03385, section 4.2 and figure 6",
    protocol="plain20, plain56, resnet20 (option A) and resnet56 of the catalogue, stages of 8, 16 and 32 filters on maps "
    "of 8 x 8 to 2 x 2, the same recipe and data for all: 1,080 synthetic signs of 32 x 32, 40 epochs of AdamW without "
    f"augmentation (quick: 360, 14 epochs). The error reached is the mean training error of the last {_LAST} epochs.",
    criteria=(
        Criterion(
            "the error reached by plain56 is at least 5 points above that of plain20",
            lambda values: _gap(values, "plain") >= _HIGHER,
        ),
        Criterion(
            "the error reached by resnet56 is at most 2 points above that of resnet20",
            lambda values: _gap(values, "residual") <= _NOT_HIGHER,
        ),
    ),
    measure=measure,
    headline=lambda values: {f"training error reached, {name}": row["reached"] for name, row in values["nets"].items()},
    figures={"curves": ("Training error over the epochs.", _draw)},
)
