"""What an experiment is, what one comes to, and how a verdict is reached."""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields

import numpy as np

from keras_resnet.errors import LabError

_DIGITS = 7  # significant digits that are stored; criteria are checked on what is stored


@dataclass(frozen=True)
class Criterion:
    """One condition of a claim, written down before the measurement.

    Attributes:
        text: the condition in words, its threshold included.
        met: a function of the values of one seed that returns a bool.
    """

    text: str
    met: Callable


@dataclass(frozen=True)
class Experiment:
    """A claim and how it is tested.

    Attributes:
        name: as in ``keras-resnet lab run NAME``.
        claim: one sentence.
        source: paper and equation or section.
        protocol: what is built and measured, the quick form's differences included.
        criteria: tuple of `Criterion`; the claim is confirmed where all are met for every seed.
        measure: a function of a `Setting` that returns the values of one seed: a dict of plain numbers, strings, lists, dicts.
        headline: a function of these values that returns a dict of label -> number: what is shown with its spread over seeds.
        figures: dict of name -> `(caption, function)`; the function makes a matplotlib figure of a `Result`.
    """

    name: str
    claim: str
    source: str
    protocol: str
    criteria: tuple
    measure: Callable
    headline: Callable
    figures: dict


@dataclass(frozen=True, eq=False)
class Setting:
    """What a measurement is given.

    Attributes:
        quick: whether it is the quick form.
        seed: of everything random.
        say: called with lines of progress.
        cache: what experiments of one call share: trained networks and image sets, by their key.
    """

    quick: bool = False
    seed: int = 0
    say: Callable = print
    cache: dict = field(default_factory=dict)

    def generator(self, *more):
        """A `numpy.random.Generator` of this seed; other whole numbers give other streams."""
        return np.random.default_rng((self.seed, *more))

    def choose(self, quick, full):
        """The value for this form."""
        return quick if self.quick else full


@dataclass(frozen=True)
class Result:
    """What an experiment came to; it is stored as JSON and holds all that its figures show.

    Attributes:
        experiment, claim, source, protocol: the experiment's.
        form: ``"quick"`` or ``"full"``.
        passed: whether the claim is confirmed: every criterion met for every seed.
        criteria: list of dicts of ``text`` and ``met``, a list of bools, one a seed.
        seeds: list of int.
        spread: dict of label -> ``mean``, ``low`` and ``high`` over the seeds.
        values: list of dicts, the measured values, one a seed.
        seconds: list of floats, one a seed; what was taken from the cache is not in them.
        machine, versions: dicts of what it was measured on and with.
    """

    experiment: str
    claim: str
    source: str
    protocol: str
    form: str
    passed: bool
    criteria: list
    seeds: list
    spread: dict
    values: list
    seconds: list
    machine: dict
    versions: dict

    def to_json(self) -> dict:
        """A dict of plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: dict) -> "Result":
        """The result that `to_json` gave.

        Raises:
            LabError: a key is missing or unknown.
        """
        expected = {each.name for each in fields(cls)}
        if not isinstance(stored, dict) or set(stored) != expected:
            received = sorted(stored) if isinstance(stored, dict) else type(stored).__name__
            raise LabError(f"Not the result of an experiment: received {received}, expected the keys {sorted(expected)}")
        return cls(**stored)


def conclude(experiment, quick, seeds, values, seconds, facts):
    """Checks the criteria.

    Args:
        experiment: an `Experiment`.
        quick: the form.
        seeds, values, seconds: lists, one entry a seed.
        facts: ``machine`` and ``versions``.

    Returns:
        A `Result`.
    """
    values = [plain(each) for each in values]
    criteria = [{"text": each.text, "met": [bool(each.met(value)) for value in values]} for each in experiment.criteria]
    numbers = [experiment.headline(value) for value in values]
    return Result(
        experiment=experiment.name,
        claim=experiment.claim,
        source=experiment.source,
        protocol=experiment.protocol,
        form="quick" if quick else "full",
        passed=all(all(each["met"]) for each in criteria),
        criteria=criteria,
        seeds=list(seeds),
        spread={label: _spread([number[label] for number in numbers]) for label in numbers[0]},
        values=values,
        seconds=[round(each, 2) for each in seconds],
        **facts,
    )


def plain(value):
    """A value of NumPy's and Python's types as JSON has them, numbers to seven significant digits.

    Raises:
        LabError: a number that is not finite, which JSON lacks.
    """
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, np.ndarray | list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        if not math.isfinite(value):
            raise LabError(f"A measured value is {value}; expected a finite number")
        return float(f"{value:.{_DIGITS}g}")
    return value


def _spread(numbers):
    return plain({"mean": sum(numbers) / len(numbers), "low": min(numbers), "high": max(numbers)})
