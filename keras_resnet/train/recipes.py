"""The recipes, a row each; a variant is `dataclasses.replace` of another."""

from dataclasses import replace

from keras_resnet.data.augment import Augmentation
from keras_resnet.train.recipe import Recipe

# Hands are photographed from both sides, so a mirror image would be a hand too; but signs in general have handedness.
_PHOTOGRAPHS = Augmentation(shift=0.1, rotation=15, zoom=0.15, brightness=0.1, contrast=0.2, colour=0.1)

_SIGNS = Recipe(
    name="signs",
    summary="small photographs from scratch: AdamW, warm-up and cosine, augmentation",
    epochs=40,
    weight_decay=0.05,
    label_smoothing=0.1,
    augmentation=_PHOTOGRAPHS,
)

RECIPES = {
    recipe.name: recipe
    for recipe in (
        _SIGNS,
        replace(_SIGNS, name="signs-quick", summary="the same in a third of the epochs, for a demonstration", epochs=14),
    )
}
