"""What a run of training is asked for. Each option is declared once, here: a field of `Recipe` or of `Options`.

A field says its default, the values that it takes, and what it is. From that come the flag of `keras-resnet train` and its
help, the check, the place in `run.json`, the command that the record shows, and what `--resume` and the processes of one run
compare. What it does is said where it is used.
"""

import inspect
import math
import os
import textwrap
from collections.abc import Callable
from dataclasses import MISSING, asdict, dataclass, field, fields
from typing import Any, NamedTuple

from keras_resnet.data.augmentation import Augmentation
from keras_resnet.environment import LARGEST_SEED, PRECISIONS
from keras_resnet.errors import RunError
from keras_resnet.text import say

MODEL, RECIPE = "resnet50", "signs"  # where none is named
STAGES = ("stem", "stage2", "stage3", "stage4", "stage5")  # what `models.freeze` takes
NONE = "none"  # None on the command line


class Values(NamedTuple):
    """The values that an option takes."""

    kind: type  # of a word of the command line; bool for a switch
    accepts: Callable[[Any], bool]
    expected: str  # what can be, in words
    metavar: str | None = None
    choices: tuple[str, ...] | None = None  # the words of the command line, where they are few

    def or_none(self) -> "Values":
        """These, and None."""
        return self._replace(accepts=lambda value: value is None or self.accepts(value), expected=f"None or {self.expected}")


class Option(NamedTuple):
    """What a field declares of itself beside its name and its default."""

    values: Values
    text: str  # what it is, in one line: the help of its flag
    more: str = ""  # what else there is to say of it
    flag: bool = True  # whether the command line has it
    decides: bool = True  # whether it changes what is computed: then it is the same when a run goes on, and in all processes
    group: str | None = None  # the object of run.json in which it stands; None for the record itself


def _is_int(value):
    return isinstance(value, int) and not isinstance(value, bool)


def _number(value):
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _one_of(words):
    return lambda value: isinstance(value, str) and value in words


_COUNT = Values(int, lambda value: _is_int(value) and value >= 1, "at least 1", "N")
_SEED = Values(int, lambda value: _is_int(value) and 0 <= value <= LARGEST_SEED, f"an int from 0 to {LARGEST_SEED}", "S")
_POSITIVE = Values(float, lambda value: _number(value) and value > 0, "more than 0", "R")
_FROM_ZERO = Values(float, lambda value: _number(value) and value >= 0, "at least 0", "R")
_SHARE = Values(float, lambda value: _number(value) and 0 <= value <= 1, "0 to 1", "F")
_FACTOR = Values(float, lambda value: _number(value) and 0 < value <= 1, "more than 0 and at most 1", "R")
_INNER_SHARE = Values(float, lambda value: _number(value) and 0 < value < 1, "more than 0 and less than 1", "F")
_HELD_OUT = Values(float, lambda value: _number(value) and 0 <= value < 1, "at least 0 and less than 1", "F")
_SWITCH = Values(bool, lambda value: isinstance(value, bool), "True or False")
_FILE = Values(str, lambda value: isinstance(value, str | os.PathLike), "a path", "FILE")
_PRECISION = Values(str, _one_of(PRECISIONS), f"one of {', '.join(PRECISIONS)}", choices=PRECISIONS)
_STAGE = Values(str, _one_of(STAGES), f"one of {', '.join(STAGES)}", "STAGE", (NONE, *STAGES)).or_none()
_AUGMENTATION = Values(object, lambda value: isinstance(value, Augmentation), "an Augmentation")


def _option(default, values, text, more="", **settings):
    """A field of a dataclass that declares an option; a class as its default is called for one."""
    made = {"default_factory": default} if isinstance(default, type) else {"default": default}
    return field(**made, metadata={"option": Option(values, text, more, **settings)})


def declared(asked: type) -> dict[str, Option]:
    """The options that `Recipe` or `Options` declares, by name."""
    return {each.name: each.metadata["option"] for each in fields(asked) if "option" in each.metadata}


def deciding(asked: type) -> list[str]:
    """The names of the options that change what is computed."""
    return [name for name, option in declared(asked).items() if option.decides]


def flag_of(name: str, value: object = None) -> str:
    """The word of the command line for an option."""
    return f"--{'no-' if value is False else ''}{name.replace('_', '-')}"


def default_of(asked: type, name: str) -> object:
    """The value that an option has where none is given."""
    return next(each.default for each in fields(asked) if each.name == name)


def _check(asked):
    for name, option in declared(type(asked)).items():
        value = getattr(asked, name)
        if not option.values.accepts(value):
            raise RunError(f"{name}: expected {option.values.expected}, received {value!r}")


def _documented(asked):
    """Adds what the fields say of themselves to the docstring of their class."""
    told = (f"{name}: {option.text}{option.more and f'; {option.more}'}." for name, option in declared(asked).items())
    wrapped = (textwrap.fill(line, 124, initial_indent=" " * 4, subsequent_indent=" " * 8) for line in told)
    asked.__doc__ = "\n".join([f"{inspect.cleandoc(asked.__doc__ or '')}\n\nOptions:", *wrapped])
    return asked


@_documented
@dataclass(frozen=True)
class Recipe:
    """Every choice of a run that is not the images or the network, frozen. A variant is `dataclasses.replace` of another.

    ``name`` is that in the table of recipes, ``summary`` its line in the help of the command line.

    Raises:
        RunError: a value that cannot be; the message names the field.
    """

    name: str
    summary: str
    epochs: int = _option(MISSING, _COUNT, "passes over the images")
    batch_size: int = _option(32, _COUNT, "images a step")
    learning_rate: float = _option(
        1e-3, _POSITIVE, "the highest learning rate", "reached after the warm-up, and from there it falls along half a cosine"
    )
    accumulate: int = _option(
        1, _COUNT, "average the gradients of N batches for one update",
        "the rate goes by batches, so that the schedule is the same; what is left of the last update at the end is dropped",
    )  # fmt: skip
    early_stopping: int | None = _option(
        None, _COUNT.or_none(), "end when the validation loss has not fallen for N epochs; the last epoch counts"
    )
    freeze: str | None = _option(
        None, _STAGE, f"keep the network from its input to this stage as it is: stem, stage2 .. stage5, {NONE}",
        "see `models.freeze`; only a run that starts from weights can freeze",
    )  # fmt: skip
    precision: str = _option(
        "float32", _PRECISION, "of the layers' computations",
        "weights, the classifier and the loss are always float32; float16 scales the loss as Keras's `LossScaleOptimizer` does",
    )  # fmt: skip
    class_weights: bool = _option(
        False, _SWITCH, "weigh the images of rare classes more", "by images / (classes * images of the class)"
    )
    warmup_epochs: float = _option(
        2, _FROM_ZERO, "epochs over which the rate rises in a straight line from zero", "at most a fifth of the run", flag=False
    )
    final_rate: float = _option(
        0.0, _SHARE, "what the cosine falls to, as a share of the highest rate", "1 keeps the rate as it is", flag=False
    )
    weight_decay: float = _option(0.0, _FROM_ZERO, "AdamW's, on kernels alone", flag=False)
    label_smoothing: float = _option(0.0, _SHARE, "share of a target spread evenly over all classes", flag=False)
    batch_norm_momentum: float = _option(0.9, _SHARE, "share of the running statistics kept at each step", flag=False)
    zero_init_gamma: bool = _option(
        False, _SWITCH, "begin each block as its shortcut, the last gamma of its branch at zero",
        "Goyal et al. 2017, arXiv:1706.02677; networks without shortcuts and pre-activation ones start as they are", flag=False,
    )  # fmt: skip
    augmentation: Augmentation = _option(Augmentation, _AUGMENTATION, "the random changes to the training images", flag=False)
    ema: float | None = _option(
        None, _INNER_SHARE.or_none(), "share of the averaged weights kept at each update, an exponential moving average",
        "the run then ends with the averages, and statistics of batch normalisation estimated for them", flag=False,
    )  # fmt: skip
    recalibrate: bool = _option(
        True, _SWITCH, "estimate the statistics of batch normalisation anew on the training images at the end",
        "averaged weights, which have none of their own, need that", flag=False,
    )  # fmt: skip
    layer_rate: float = _option(
        1.0, _FACTOR, "the learning rate of a stage over that of the next",
        "the classifier has the whole rate, the last stage this share of it, the one before it the square, and so on to the "
        "stem; 1 for one rate", flag=False,
    )  # fmt: skip

    def __post_init__(self):
        _check(self)
        if self.ema is not None and not self.recalibrate:
            raise RunError("recalibrate: expected True with averaged weights (ema), which have no statistics of their own")

    def to_json(self) -> dict:
        """The recipe as a dict of plain values."""
        return asdict(self)


def complete(stored: dict) -> dict:
    """A recipe as `Recipe.to_json` wrote it, of any version: what that version did not know has the default."""
    plain = Recipe(name="", summary="", epochs=1).to_json()
    return {**{name: plain[name] for name in declared(Recipe) if name != "epochs"}, **stored}


@_documented
@dataclass(frozen=True)
class Options:
    """What a run is asked for beside its recipe: which images, from which weights, and what is told on the way.

    ``callbacks``, of Keras, are called after the run's own; ``say`` is called with lines of progress; ``verbose`` is that of
    `fit`: 0 silent, 1 a bar, 2 a line an epoch.

    Raises:
        RunError: a value that cannot be; the message names the field.
    """

    seed: int = _option(0, _SEED, "of the weights, the order, the augmentation, and which images validate or are the few")
    validation_fraction: float = _option(
        0.1, _HELD_OUT, "share of the training images kept for validation where there is no val/, by group where known"
    )
    test_fraction: float | None = _option(
        None, _INNER_SHARE.or_none(), "share of the photographs of a folder without test/ to test on",
        "see `data.load_folder`", group="photographs",
    )  # fmt: skip
    groups: str | os.PathLike | None = _option(  # what they are is compared, not where they stand
        None, _FILE._replace(metavar="FILE.csv").or_none(),
        "columns file and group: the photographs of one group stay on one side", decides=False, group="photographs",
    )  # fmt: skip
    skip_bad: bool = _option(  # the images that are left are compared
        False, _SWITCH, "leave out photographs that cannot be read", "else they end the run before its first step",
        decides=False, group="switches",
    )  # fmt: skip
    stream: bool | None = _option(
        None, _SWITCH.or_none(),
        "read images from the disk as they are needed (default: where a split has more than 100 MB of pixels)",
        "see `data.stored` for the order that they then come in",
    )  # fmt: skip
    size: int | None = _option(
        None, _COUNT._replace(metavar="S").or_none(),
        "resize the images to S x S pixels (default: as they are; photographs 64)",
    )  # fmt: skip
    per_class: int | None = _option(
        None, _COUNT.or_none(), "train on N images of each class alone, spread over the people of the set",
        "the validation images are cut before, from all",
    )  # fmt: skip
    weights: str | os.PathLike | None = _option(
        None, _FILE.or_none(), "start from a run folder or a weight file; without one, from random weights",
        "of any library, or a name that `create_model` takes; the classifier is loaded where its classes are those of the set",
    )  # fmt: skip
    remat: bool = _option(
        False, _SWITCH,
        "compute blocks again for their gradients instead of keeping all outputs: less memory, more time, the same numbers",
        "but for their last digits", decides=False, group="switches",
    )  # fmt: skip
    tensorboard: bool = _option(
        False, _SWITCH, "write logs for TensorBoard to RUN/tensorboard", decides=False, group="switches"
    )
    callbacks: tuple = ()
    say: Callable = say
    verbose: object = "auto"

    def __post_init__(self):
        _check(self)

    def plain(self) -> dict:
        """The declared options as plain values, by name."""
        values = {name: getattr(self, name) for name in declared(Options)}
        return {name: os.fspath(value) if isinstance(value, os.PathLike) else value for name, value in values.items()}

    def to_json(self) -> dict:
        """The same as `run.json` holds them, each in its group."""
        values, record = self.plain(), dict[str, Any]()
        for name, option in declared(Options).items():
            (record.setdefault(option.group, {}) if option.group else record)[name] = values[name]
        return record


def stored_options(record: dict) -> dict:
    """The options in a record, by name, as they stand there; in a group also those that only another version knows."""
    known = declared(Options)
    groups = {option.group for option in known.values()} - {None}
    alone = {name: record[name] for name, option in known.items() if option.group is None and name in record}
    return alone | {name: value for group in groups for name, value in (record.get(group) or {}).items()}


@dataclass(frozen=True)
class Config:
    """All that a run is asked for; RunError for what cannot be together."""

    data: object  # the path of a set, or arrays
    out: str | os.PathLike
    model: str  # a name of the catalogue
    recipe: Recipe  # the user's changes in it
    options: Options
    resume: bool = False

    def __post_init__(self):
        if self.recipe.freeze is not None and self.options.weights is None:
            raise RunError(
                f"The recipe {self.recipe.name} freezes the network to {self.recipe.freeze}, and without weights that would "
                "freeze random numbers: name a run or a weight file with --weights, or freeze nothing with --freeze none"
            )
