"""What a recipe is: every choice of a training run that is not the data or the network."""

import math
from dataclasses import asdict, dataclass, field, fields

from keras_resnet.data.augment import Augmentation
from keras_resnet.environment import PRECISIONS
from keras_resnet.errors import RunError

STAGES = ("stem", "stage2", "stage3", "stage4", "stage5")  # what `models.freeze` takes

# The fields that a flag of the command line replaces: `class_weights` is `--class-weights`.
FLAGS = (
    "epochs", "batch_size", "learning_rate", "precision", "accumulate", "class_weights", "early_stopping", "freeze",
)  # fmt: skip


@dataclass(frozen=True)
class Recipe:
    """A frozen training recipe.

    Attributes:
        name: its name in the table of recipes.
        summary: one line for `train --help`.
        epochs: passes over the training images, unless the user says otherwise.
        batch_size: images a step.
        learning_rate: the highest, reached after the warm-up; from there it falls along half a cosine.
        warmup_epochs: epochs over which the rate rises in a straight line from zero; at most a fifth of the run.
        final_rate: what the cosine falls to, as a share of the highest rate; 1 keeps the rate as it is.
        weight_decay: AdamW's, on kernels alone.
        label_smoothing: share of a target spread evenly over all classes.
        batch_norm_momentum: share of the running statistics kept at each step.
        zero_init_gamma: whether each block begins as its shortcut: the last gamma of every branch starts at zero (Goyal et
            al. 2017, arXiv:1706.02677). Networks without shortcuts, and pre-activation ones, start as they are.
        augmentation: the random changes to the training images.
        ema: None, or the share of the averaged weights kept at each update (an exponential moving average); the run then
            ends with the averages and statistics of batch normalisation estimated for them.
        recalibrate: whether batch normalisation's statistics are estimated anew on the training images at the end; averaged
            weights, which have none of their own, need that.
        freeze: None, or the last stage that stays as it is: ``"stem"``, ``"stage2"`` .. ``"stage5"``; see `models.freeze`.
            Only a run that starts from weights can freeze.
        layer_rate: the learning rate of a stage over that of the next; the classifier has the whole rate, the last stage
            this share of it, the one before it the square, and so on to the stem. 1 for one rate.
        precision: of the layers' computations, ``"float32"``, ``"bfloat16"`` or ``"float16"``; weights, the classifier and
            the loss are always float32. float16 scales the loss as Keras's `LossScaleOptimizer` does.
        accumulate: batches whose gradients are averaged for one update. The learning rate goes by batches, so that a run's
            schedule is the same; what is left of the last update at the end is dropped.
        class_weights: whether the loss of an image is weighted by images / (classes * images of its class).
        early_stopping: None, or the number of epochs without a lower validation loss after which the run ends. The last
            epoch counts then too, not the best.

    Raises:
        RunError: a value that cannot be; the message names the field.
    """

    name: str
    summary: str
    epochs: int
    batch_size: int = 32
    learning_rate: float = 1e-3
    warmup_epochs: float = 2
    final_rate: float = 0.0
    weight_decay: float = 0.0
    label_smoothing: float = 0.0
    batch_norm_momentum: float = 0.9
    zero_init_gamma: bool = False
    augmentation: Augmentation = field(default_factory=Augmentation)
    ema: float | None = None
    recalibrate: bool = True
    freeze: str | None = None
    layer_rate: float = 1.0
    precision: str = "float32"
    accumulate: int = 1
    class_weights: bool = False
    early_stopping: int | None = None

    def __post_init__(self):
        for name, (accepts, expected) in _CHECKS.items():
            value = getattr(self, name)
            if not accepts(value):
                raise RunError(f"{name}: expected {expected}, received {value!r}")
        if self.ema is not None and not self.recalibrate:
            raise RunError("recalibrate: expected True with averaged weights (ema), which have no statistics of their own")

    def to_json(self):
        """The recipe as a dict of plain values."""
        return asdict(self)


def complete(stored):
    """A recipe as `Recipe.to_json` wrote it, of any version: what that version did not know has the default."""
    known = {name: value for name, value in _defaults().items() if name not in stored}
    return {**stored, **known}


def _defaults():
    required = {"name", "summary", "epochs"}
    return {each.name: asdict(_PLAIN)[each.name] for each in fields(Recipe) if each.name not in required}


def _whole(value):
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _between(low, high):
    """Whether a number lies above ``low`` and not above ``high``."""
    return lambda value: isinstance(value, int | float) and low < value <= high and math.isfinite(value)


def _from_zero(high):
    return lambda value: value == 0 or _between(0, high)(value)


# Field -> (whether a value can be, what can be).
_CHECKS = {
    "epochs": (_whole, "at least 1"),
    "batch_size": (_whole, "at least 1"),
    "accumulate": (_whole, "at least 1"),
    "learning_rate": (_between(0, math.inf), "more than 0"),
    **dict.fromkeys(("warmup_epochs", "weight_decay"), (_from_zero(math.inf), "at least 0")),
    **dict.fromkeys(("label_smoothing", "batch_norm_momentum", "final_rate"), (_from_zero(1), "0 to 1")),
    "layer_rate": (_between(0, 1), "more than 0 and at most 1"),
    "ema": (lambda value: value is None or _between(0, 1)(value) and value < 1, "None or more than 0 and less than 1"),
    "early_stopping": (lambda value: value is None or _whole(value), "None or at least 1"),
    "precision": (lambda value: value in PRECISIONS, f"one of {', '.join(PRECISIONS)}"),
    "freeze": (lambda value: value is None or value in STAGES, f"None or one of {', '.join(STAGES)}"),
}

_PLAIN = Recipe(name="", summary="", epochs=1)
