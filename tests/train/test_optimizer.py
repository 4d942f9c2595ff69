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
