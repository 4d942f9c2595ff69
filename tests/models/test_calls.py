"""Networks as lists of calls: any part of them gives what the whole gives."""

import keras
import numpy as np
import pytest
from keras import layers

import keras_resnet as kr
from keras_resnet.errors import ModelError
from keras_resnet.models.calls import cuts, divide_logits, unrolled

IMAGES = np.random.default_rng(0).uniform(0, 1, (2, 32, 32, 3)).astype("float32")


def nested():
    image = keras.Input((32, 32, 3))
    inner = kr.create_model("resnet-tiny", input_shape=(32, 32, 3), include_top=False, pooling="avg")
    middle = keras.Sequential([keras.Input((32, 32, 3)), layers.Rescaling(2.0), inner])
    return keras.Model(image, layers.Dense(3, activation="softmax")(middle(image)))


def siamese():
    """One model twice in another: its inner tensors are two of each."""
    image = keras.Input((32, 32, 3))
    inner = keras.Sequential([keras.Input((32, 32, 3)), layers.Conv2D(4, 3), layers.GlobalAveragePooling2D()])
    return keras.Model(image, layers.Dense(3)(inner(image) - inner(layers.Rescaling(0.5)(image))))


@pytest.mark.parametrize("make", [nested, siamese, lambda: kr.create_model("resnet-tiny", input_shape=(32, 32, 3), classes=4)])
def test_the_calls_of_a_model_compute_what_the_model_does(make):
    model = make()
    network = unrolled(model)
    given = {network.input: keras.ops.convert_to_tensor(IMAGES)}
    received = keras.ops.convert_to_numpy(network.run(given, [network.output])[0])
    np.testing.assert_allclose(received, model.predict(IMAGES, verbose=0), atol=1e-6)
    assert not any(isinstance(call.layer, keras.Model) for call in network.calls)


def test_a_network_goes_on_from_any_bottleneck():
    model = nested()
    network = unrolled(model)
    given, expected = {network.input: keras.ops.convert_to_tensor(IMAGES)}, model.predict(IMAGES, verbose=0)
    found = network.bottlenecks()
    assert len(found) > 8 and not any("_1_" in call.name and "block" in call.name for call in found)  # none inside a block
    for call in found:
        [value] = network.run(given, call.outputs)
        received = network.run({call.outputs[0]: value}, [network.output])[0]  # without the image
        np.testing.assert_allclose(keras.ops.convert_to_numpy(received), expected, atol=1e-6)


def test_cuts_by_hand():
    """0 -> 1 -> 2 -> 3, and 1 -> 3 as well: behind 1 goes one thing on, behind 2 two."""
    assert cuts([[-1], [0], [1], [1, 2], [3]]) == [0, 1, 3]
    assert cuts([[-1], [-1, 0], [1]]) == [1]


def test_logits_are_divided_in_the_weights():
    model = nested()
    logits = np.log(model.predict(IMAGES, verbose=0).astype(float))
    divide_logits(model, 2.5)
    powers = np.exp(logits / 2.5)
    np.testing.assert_allclose(model.predict(IMAGES, verbose=0), powers / powers.sum(axis=1, keepdims=True), atol=1e-6)


def test_what_cannot_be_unrolled_or_divided_is_named():
    with pytest.raises(ModelError, match="received int"):
        unrolled(3)
    image = keras.Input((32, 32, 3))
    with pytest.raises(ModelError, match="expected its last weights in a dense layer, received Conv2D"):
        divide_logits(keras.Model(image, layers.GlobalAveragePooling2D()(layers.Conv2D(3, 3)(image))), 2.0)
