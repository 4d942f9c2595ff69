"""What a run is asked for beside its recipe: which images, from which weights, and what is told on the way."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

from keras_resnet.errors import RunError, nearest_of, one_of
from keras_resnet.text import say
from keras_resnet.train.recipe import Recipe
from keras_resnet.train.recipes import RECIPES


@dataclass(frozen=True)
class Options:
    """Keyword arguments of `run` and `plan` that are no fields of a `Recipe`.

    Attributes:
        seed: of the weights, the order, the augmentation, and the choice of validation images and of few images.
        validation_fraction: share of the training images kept for validation, from 0 to under 1.
        size: None, or the height and width in pixels that the images are resized to.
        per_class: None, or how many images of each class are trained on, spread over the people of the set; the validation
            images are cut before, from all.
        stream: whether the images stay on the disk and are read, or photographs decoded, as they are needed; None where a split
            has more than 100 MB of pixels. See `data.stored` for the order that they then come in.
        test_fraction: of a folder of photographs without `train` and `test`, the share to test on; see `data.load_folder`.
        skip_bad: whether photographs that cannot be read are left out; else they end the run before its first step.
        groups: None, or the CSV file of a folder of photographs that says which of them belong together.
        weights: None for random weights; a run folder, a weight file of any library, or a name that `create_model` takes.
            The classifier is loaded where its classes are the set's.
        fast: whether operations are allowed whose last digits differ from start to start; see `environment.deterministic`. A
            run that is killed and resumed then need not end with the weights of one without a break.
        remat: whether what lies inside a block is computed again for its gradients instead of being kept: less memory, more
            time, the same numbers up to rounding.
        callbacks: of Keras; called after the run's own.
        tensorboard: whether to write logs for TensorBoard to `RUN/tensorboard`.
        say: called with lines of progress.
        verbose: of `fit`: 0 silent, 1 a bar, 2 a line an epoch.

    Raises:
        RunError: a value that cannot be.
    """

    seed: int = 0
    validation_fraction: float = 0.1
    size: int | None = None
    per_class: int | None = None
    stream: bool | None = None
    test_fraction: float | None = None
    groups: object = None
    skip_bad: bool = False
    weights: object = None
    fast: bool = False
    remat: bool = False
    callbacks: tuple = ()
    tensorboard: bool = False
    say: Callable = say
    verbose: object = "auto"

    def __post_init__(self):
        for name in ("size", "per_class"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int) or value < 1):
                raise RunError(f"{name}: expected None or at least 1, received {value!r}")
        if self.test_fraction is not None and not 0 < self.test_fraction < 1:
            raise RunError(f"test_fraction: expected None or more than 0 and less than 1, received {self.test_fraction!r}")

    def photographs(self):
        """How a folder of photographs is parted, a dict of plain values; None where nothing was said of it."""
        if self.test_fraction is None and self.groups is None:
            return None
        return {"test_fraction": self.test_fraction, "groups": None if self.groups is None else str(self.groups)}


_ARGUMENTS = ("data", "out", "model", "recipe", "epochs", "resume")
_OPTIONS = tuple(each.name for each in dataclasses.fields(Options))
_CHOICES = tuple(each.name for each in dataclasses.fields(Recipe) if each.name not in ("name", "summary", "epochs"))


def settings(recipe, epochs, given):
    """Parts the keyword arguments of `run` into a recipe and options.

    Args:
        recipe: a name of the recipes, or a `Recipe`.
        epochs: None for the recipe's.
        given: dict of fields of `Recipe`, which replace the recipe's, and of `Options`.

    Returns:
        `(Recipe, Options)`.

    Raises:
        RunError: an unknown recipe or argument, or a value that cannot be.
    """
    if isinstance(recipe, str):
        if recipe not in RECIPES:
            raise RunError(one_of("recipe", recipe, RECIPES))
        recipe = RECIPES[recipe]
    for name in given:
        if name not in _OPTIONS and name not in _CHOICES:
            raise RunError(nearest_of("argument of train.run", name, (*_ARGUMENTS, *_OPTIONS, *_CHOICES)))
    changes = {name: value for name, value in given.items() if name in _CHOICES}
    if epochs is not None:
        changes["epochs"] = epochs
    return dataclasses.replace(recipe, **changes), Options(**{name: given[name] for name in given if name in _OPTIONS})
