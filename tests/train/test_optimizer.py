import math

import keras
import numpy as np
import pytest

from keras_resnet.train import Recipe
from keras_resnet.train.optimizer import compile_for, schedule


def test_schedule_is_a_line_then_half_a_cosine():
    recipe = Recipe(name="r", summary="", epochs=10, learning_rate=0.4, warmup_epochs=1)
    rate = schedule(recipe, steps=10, epochs=10)
    steps = np.arange(0, 101, 5)
    expected = [0.4 * s / 10 if s < 10 else 0.2 * (1 + math.cos(math.pi * (s - 10) / 90)) for s in steps]
    np.testing.assert_allclose([float(rate(int(step))) for step in steps], expected, atol=1e-6)


def test_warm_up_takes_a_fifth_of_a_short_run_at_most_and_none_if_told():
    recipe = Recipe(name="r", summary="", epochs=2, learning_rate=0.4, warmup_epochs=5)
    assert float(schedule(recipe, steps=10, epochs=2)(4)) == pytest.approx(0.4)
    recipe = Recipe(name="r", summary="", epochs=2, learning_rate=0.4, warmup_epochs=0)
    assert float(schedule(recipe, steps=10, epochs=2)(0)) == pytest.approx(0.4)


def test_weight_decay_moves_kernels_alone():
    inputs = keras.Input((3,))
    model = keras.Model(inputs, keras.layers.Dense(2, activation="softmax")(inputs))
    compile_for(
        model, Recipe(name="r", summary="", epochs=1, learning_rate=0.1, warmup_epochs=0, weight_decay=0.5), steps=2, epochs=1
    )
    kernel, bias = np.array([[1.0, -2.0]] * 3, "float32"), np.array([3.0, 4.0], "float32")
    model.set_weights([kernel, bias])
    zeros = [np.zeros((3, 2), "float32"), np.zeros(2, "float32")]
    model.optimizer.apply([keras.ops.convert_to_tensor(gradient) for gradient in zeros], model.trainable_variables)
    np.testing.assert_allclose(model.get_weights()[0], kernel * (1 - 0.1 * 0.5), rtol=1e-6)  # decoupled: w -= rate * decay * w
    np.testing.assert_array_equal(model.get_weights()[1], bias)


def dense(units=2, inputs=3, seed=0):
    """A classifier without statistics of batches."""
    keras.utils.set_random_seed(seed)
    tensor = keras.Input((inputs,))
    return keras.Model(tensor, keras.layers.Dense(units, activation="softmax", name="classifier")(tensor))


def recipe(**changes):
    """One rate without a warm-up: so many steps are planned that the cosine stays where it begins."""
    return Recipe(name="r", summary="", epochs=1, learning_rate=0.1, warmup_epochs=0, weight_decay=0.5, **changes)


LONG = {"steps": 10**7, "epochs": 1}
GENERATOR = np.random.default_rng(0)
X, Y = GENERATOR.normal(size=(24, 3)).astype("float32"), np.eye(2, dtype="float32")[GENERATOR.integers(0, 2, 24)]


def test_accumulated_batches_give_the_update_of_one_large_batch():
    small, large = dense(), dense()
    compile_for(small, recipe(accumulate=4), **LONG)
    compile_for(large, recipe(), **LONG)
    for start in range(0, 24, 8):
        for part in range(start, start + 8, 2):
            before = small.get_weights()
            small.train_on_batch(X[part : part + 2], Y[part : part + 2])
            changed = [not np.array_equal(old, new) for old, new in zip(before, small.get_weights(), strict=True)]
            assert changed == [part == start + 6] * 2  # weight decay waits for the update too
        large.train_on_batch(X[start : start + 8], Y[start : start + 8])
        for ours, expected in zip(small.get_weights(), large.get_weights(), strict=True):
            np.testing.assert_allclose(ours, expected, atol=1e-6)


@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_fit_ends_with_the_average_of_the_weights_after_each_update(accumulate):
    class Keep(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            kept.append(self.model.get_weights()[0])

    kept, model = [], dense()
    compile_for(model, recipe(ema=0.7, accumulate=accumulate), **LONG)
    model.fit(X, Y, batch_size=4, epochs=2, shuffle=False, verbose=0, callbacks=[Keep()])
    share = 0.7 ** (1 / accumulate)  # of a batch
    first = accumulate - 1  # the batch of the first update, where the average begins
    average = kept[first]
    for weights in kept[first + 1 :]:
        average = share * average + (1 - share) * weights
    np.testing.assert_allclose(model.get_weights()[0], average, atol=1e-6)
    assert np.abs(average - kept[-1]).max() > 1e-3  # they differ


def test_float16_scales_the_loss_and_the_rest_of_the_recipe_stays():
    model = dense()
    compile_for(model, recipe(precision="float16", ema=0.9, accumulate=2), **LONG)
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    inner = model.optimizer.inner_optimizer
    assert (inner.gradient_accumulation_steps, inner.use_ema, inner.ema_momentum) == (2, True, 0.9**0.5)
    compile_for(model, recipe(precision="bfloat16"), **LONG)
    assert type(model.optimizer) is keras.optimizers.AdamW
