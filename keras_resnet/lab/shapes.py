"""Shortcuts where the shape changes.

Option A: every second pixel, and zeros for the new channels; no parameters. B: a 1x1 convolution and a normalisation where
the shape changes. C: in every block. A projection from c to d channels has `c d` weights and 2 d of its normalisation.
"""

import dataclasses

import numpy as np

from keras_resnet.lab import figures
from keras_resnet.lab.experiment import Criterion, Experiment

OPTIONS = ("A", "B", "C")
_LAST = 3  # epochs whose mean is the error reached
_CLOSE = 0.05


def measure(setting):
    """Parameters, errors and time of a step for each option."""
    from keras_resnet.lab import training

    rounds = setting.choose(20, 100)
    setting = dataclasses.replace(setting, quick=False)  # in the quick form's few steps C has not learnt enough to compare
    choices = {"A": {}, "B": {"shortcut": "B"}, "C": {"shortcut": "C"}}  # A is the catalogue's, and so shared
    nets = {}
    fresh = [training.untrained(setting, "resnet20", **choices[option]) for option in OPTIONS]
    seconds = training.step_seconds(setting, fresh, rounds=rounds)
    for option, taken in zip(OPTIONS, seconds, strict=True):
        done = training.trained(setting, "resnet20", **choices[option])
        nets[option] = {
            "parameters": done.parameters,
            "reached": np.mean(done.errors[-_LAST:]),
            "train_error": done.train_error,
            "test_error": done.test_error,
            "train_loss": done.train_loss,
            "milliseconds": 1000 * taken,
        }
    return {"nets": nets, "expected": {"B": _projections(first_only=True), "C": _projections(first_only=False)}}


def _projections(first_only, widths=(8, 16, 32), blocks=3):
    """Trainable parameters of the projections of a narrow resnet20."""
    total = 0
    for stage, width in enumerate(widths):
        for block in range(blocks):
            before = widths[stage - 1] if block == 0 and stage else width
            if before != width or not first_only:
                total += before * width + 2 * width
    return total


def _added(values, option):
    return values["nets"][option]["parameters"] - values["nets"]["A"]["parameters"]


def _spread(values, key):
    numbers = [values["nets"][option][key] for option in OPTIONS]
    return max(numbers) - min(numbers)


def _draw(result):
    figure, axes = figures.panels(3, width=3.0)
    for number, key in enumerate(("reached", "test_error")):
        series = [[100 * nets[option][key] for option in OPTIONS] for nets in figures.of(result, "nets")]
        told = {"reached": "training, reached", "test_error": "test"}[key]
        figures.bars(axes[0], OPTIONS, series, number, offset=0.2 * (2 * number - 1), width=0.4, label=told, form="{:.1f}")
    figures.finish(axes[0], "Error", "per cent", "option", "")
    for panel, key, title, fact in (
        (axes[1], "parameters", "Parameters", "trainable"),
        (axes[2], "milliseconds", "Time", "milliseconds a step, median"),
    ):
        series = [[nets[option][key] for option in OPTIONS] for nets in figures.of(result, "nets")]
        figures.bars(panel, OPTIONS, series, 2, form="{:,.0f}")
        figures.finish(panel, title, fact, "option", "", legend=False)
    return figure


EXPERIMENT = Experiment(
    name="shapes",
    claim="Where input and output of a block differ, zero-padding (A), projections there (B) and projections everywhere "
    "(C) differ little in training error: projections are not essential against degradation.",
    source="He et al. 2015, arXiv:1512.03385, section 4.1, table 3",
    protocol="The narrow resnet20 of `degradation` with each option, same recipe and data: 1,080 synthetic signs, 300 to "
    "test, in the quick form too. Trainable parameters; errors at the end in inference mode; the median training step of 100 "
    f"(quick: 20), the options in turn. The error reached is the mean training error of the last {_LAST} epochs, as in "
    "`degradation`; test errors are reported, for they differ by chance.",
    criteria=(
        Criterion(
            "B and C add exactly the parameters of their projections to A",
            lambda values: all(_added(values, option) == values["expected"][option] for option in ("B", "C")),
        ),
        Criterion("the errors reached by A, B and C lie within 5 points", lambda values: _spread(values, "reached") <= _CLOSE),
    ),
    measure=measure,
    headline=lambda values: {
        f"{told}, {option}": values["nets"][option][key]
        for key, told in (
            ("reached", "training error reached"),
            ("test_error", "test error"),
            ("parameters", "parameters"),
            ("milliseconds", "milliseconds a step"),
        )
        for option in OPTIONS
    },
    figures={"options": ("Errors, parameters and time of the three options.", _draw)},
)
