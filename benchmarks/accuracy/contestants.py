"""Who takes part in the accuracy benchmark: a row each, in groups that are compared within."""

from collections.abc import Callable
from dataclasses import dataclass, replace

STOCK = "stock"
STOCK_MODEL = "keras.applications.ResNet50"


def _with(**changes):
    return lambda recipe: replace(recipe, **changes)


def _augmented(**changes):
    return lambda recipe: replace(recipe, augmentation=replace(recipe.augmentation, **changes))


@dataclass(frozen=True)
class Contestant:
    """A row of the table.

    Attributes:
        summary: what it is, in one line.
        change: from the recipe to this one.
        recipe: name of the recipe; None for stock Keras.
        weights: whether it starts from the weights that the user names.
    """

    summary: str
    change: Callable = _with()
    recipe: str | None = "signs"
    weights: bool = False


@dataclass(frozen=True)
class Group:
    """Contestants that are compared with each other, and what they train on unless the user says otherwise.

    Attributes:
        contestants: dict of name to `Contestant`; a name stands in one group alone.
        baseline: the one that the others are compared with.
        model: of the catalogue; None for that of the weights.
        seeds: of the runs.
        epochs: None for those of the recipe `signs`.
        size: pixels that the images are resized to; None for as they are.
        per_class: training images of each class; None for all.
        validation_fraction: share of the training images kept for validation.
    """

    contestants: dict
    baseline: str
    model: str | None = "resnet50"
    seeds: tuple = (0, 1, 2)
    epochs: int | None = None
    size: int | None = None
    per_class: int | None = None
    validation_fraction: float = 0.1


GROUPS = {
    "main": Group(
        {
            "signs": Contestant("the recipe signs, validation people cut from the training people"),
            STOCK: Contestant("keras.applications.ResNet50, fit with Adam on all training images, oneDNN not set", recipe=None),
        },
        baseline=STOCK,
    ),
    "ablation": Group(
        {
            "recipe": Contestant("the recipe signs as it stands"),
            "no-warm-up": Contestant("the highest rate from the first step", _with(warmup_epochs=0)),
            "constant-rate": Contestant("no cosine: after the warm-up the rate stays", _with(final_rate=1)),
            "no-augmentation": Contestant(
                "images as they are", lambda recipe: replace(recipe, augmentation=type(recipe.augmentation)())
            ),
            "mirror": Contestant("mirror images too", _augmented(mirror=True)),
            "no-smoothing": Contestant("no label smoothing", _with(label_smoothing=0.0)),
            "no-decay": Contestant("no weight decay", _with(weight_decay=0.0)),
            "decay-0.01": Contestant("weight decay 0.01", _with(weight_decay=0.01)),
            "no-zero-gamma": Contestant("the last gamma of a block starts at 1", _with(zero_init_gamma=False)),
            "no-averaging": Contestant("the weights of the last step", _with(ema=None)),
            "ema-0.99": Contestant("averaged weights, 0.99", _with(ema=0.99, recalibrate=True)),
            "ema-0.998": Contestant("averaged weights, 0.998", _with(ema=0.998, recalibrate=True)),
            "no-re-estimation": Contestant(
                "the running statistics of training, of the weights of the last step", _with(ema=None, recalibrate=False)
            ),
            "rate-1e-3": Contestant("learning rate 1e-3", _with(learning_rate=1e-3)),
            "rate-4e-3": Contestant("learning rate 4e-3", _with(learning_rate=4e-3)),
        },
        baseline="recipe",
        model="resnet18",
        seeds=(0, 1),
        epochs=20,
        size=32,
        validation_fraction=0.3,  # choices are made by these images: with a tenth of them one image was 0.8 percent
    ),
    "few": Group(
        {
            "few-scratch": Contestant("the recipe signs, 10 images a class"),
            "few-finetune": Contestant(
                "the recipe finetune from the weights, 10 images a class", recipe="finetune", weights=True
            ),
            "few-stage4": Contestant("the same, frozen to stage 4", _with(freeze="stage4"), recipe="finetune", weights=True),
            "few-free": Contestant("the same, nothing frozen", _with(freeze=None), recipe="finetune", weights=True),
        },
        baseline="few-scratch",
        model=None,
        epochs=40,
        per_class=10,
    ),
}


def contestant_recipe(group, name):
    """The `Recipe` of a contestant, None for stock Keras."""
    from keras_resnet.train.recipes import RECIPES

    row = GROUPS[group].contestants[name]
    return None if row.recipe is None else row.change(RECIPES[row.recipe])
