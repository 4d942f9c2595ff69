"""From a recipe to a compiled model: schedule, optimiser, loss."""

import keras


def compile_for(model, recipe, *, steps, epochs):
    """Compiles a classifier for a recipe.

    Args:
        model: a `keras.Model` that ends in probabilities.
        recipe: a `Recipe`.
        steps: steps an epoch.
        epochs: epochs in all, those before a resumption included.
    """
    optimizer = keras.optimizers.AdamW(schedule(recipe, steps, epochs), weight_decay=recipe.weight_decay)
    optimizer.exclude_from_weight_decay(var_list=[v for v in model.trainable_variables if len(v.shape) < 2])
    model.compile(
        optimizer=optimizer,
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=recipe.label_smoothing),
        metrics=["accuracy"],
    )


def schedule(recipe, steps, epochs):
    """The learning rate by step: a straight rise from zero, then half a cosine to zero (Loshchilov and Hutter 2017)."""
    total = steps * epochs
    warmup = min(round(steps * recipe.warmup_epochs), total // 5)
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0 if warmup else recipe.learning_rate,
        warmup_target=recipe.learning_rate if warmup else None,
        warmup_steps=warmup,
        decay_steps=max(1, total - warmup),
    )
