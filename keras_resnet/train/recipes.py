"""The recipes, a row each; a variant is `dataclasses.replace` of another."""

from dataclasses import replace

from keras_resnet.data.augment import Augmentation
from keras_resnet.train.recipe import Recipe

# No mirror images: signs in general have handedness.
_PHOTOGRAPHS = Augmentation(shift=0.1, rotation=15, zoom=0.15, brightness=0.1, contrast=0.2, colour=0.1)

_SIGNS = Recipe(
    name="signs",
    summary="small photographs from scratch: AdamW, warm-up and cosine, zero-initialised blocks, augmentation",
    epochs=40,
    weight_decay=0.05,
    label_smoothing=0.1,
    zero_init_gamma=True,
    augmentation=_PHOTOGRAPHS,
)

RECIPES = {
    recipe.name: recipe
    for recipe in (
        _SIGNS,
        # On the synthetic set, 14 epochs, seed 0, accuracy on the validation images (108): 65.7 % with the augmentation of
        # `signs` and without zero_init_gamma, 96.3 % with zero_init_gamma and shifts alone.
        replace(
            _SIGNS,
            name="signs-quick",
            summary="the same with shifts alone, in fewer epochs, for a demonstration",
            epochs=16,
            augmentation=Augmentation(shift=0.08),
        ),
        # Small batches, so that a hundred images give enough updates. The values are chosen, not searched for.
        replace(
            _SIGNS,
            name="finetune",
            summary="a trained network (--weights) on few photographs: frozen to stage 4, lower rates for earlier stages",
            batch_size=16,
            zero_init_gamma=False,
            freeze="stage4",
            layer_rate=0.5,
        ),
    )
}
