"""From a recipe to a compiled model: schedule, optimiser, loss."""

import keras

from keras_resnet.fast import accelerate
from keras_resnet.train.layer_rates import LayerRatesAdamW, rate_factors


def compile_for(model, recipe, *, steps, epochs):
    """Compiles a classifier for a recipe.

    Args:
        model: a `keras.Model` that ends in probabilities; frozen before, where it is to be.
        recipe: a `Recipe`.
        steps: steps an epoch.
        epochs: epochs in all, those before a resumption included.
    """
    rate, settings = schedule(recipe, steps, epochs), _settings(recipe)
    if recipe.layer_rate == 1:
        optimizer = keras.optimizers.AdamW(rate, **settings)
    else:
        optimizer = LayerRatesAdamW(rate, rate_factors(model, recipe.layer_rate), **settings)
    optimizer.exclude_from_weight_decay(var_list=[v for v in model.trainable_variables if len(v.shape) < 2])
    if recipe.precision == "float16":  # Keras wraps it by itself only where the model's own policy says so, not its layers'
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    model.compile(
        optimizer=optimizer,
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=recipe.label_smoothing),
        metrics=["accuracy"],
    )
    accelerate(model)


def _settings(recipe):
    """Keyword arguments of AdamW."""
    settings = {"weight_decay": recipe.weight_decay}
    if recipe.accumulate > 1:
        settings["gradient_accumulation_steps"] = recipe.accumulate
    if recipe.ema is not None:
        # Keras averages at every batch, also between updates; the root makes it the recipe's share at every update.
        settings |= {"use_ema": True, "ema_momentum": recipe.ema ** (1 / recipe.accumulate)}
    return settings


def schedule(recipe, steps, epochs):
    """The learning rate by step: a straight rise from zero, then half a cosine to `final_rate` (Loshchilov and Hutter 2017)."""
    total = steps * epochs
    warmup = min(round(steps * recipe.warmup_epochs), total // 5)
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0 if warmup else recipe.learning_rate,
        warmup_target=recipe.learning_rate if warmup else None,
        warmup_steps=warmup,
        decay_steps=max(1, total - warmup),
        alpha=recipe.final_rate,
    )
