"""The `keras` lineage against the networks of `keras.applications`."""

import keras
import numpy as np
import pytest
from numpy_resnet import randomize

from keras_resnet.models import create_model

NETS = [
    pytest.param((name.lower(), name), id=name, marks=[] if name in ("ResNet50", "ResNet50V2") else [pytest.mark.full])
    for name in ("ResNet50", "ResNet101", "ResNet152", "ResNet50V2", "ResNet101V2", "ResNet152V2")
]
both = pytest.mark.parametrize("pair", NETS, indirect=True, scope="module")


@pytest.fixture(scope="module")
def pair(request):
    """Ours and Keras's, of the same random weights, copied by layer name."""
    name, theirs = request.param
    options = {"weights": None, "input_shape": (64, 64, 3), "classes": 7, "classifier_activation": None}
    original = getattr(keras.applications, theirs)(**options)
    randomize(original, seed=1)
    ours = create_model(name, lineage="keras", **options)
    for layer in original.layers:
        if layer.weights:
            ours.get_layer(layer.name).set_weights(layer.get_weights())
    yield ours, original
    keras.backend.clear_session()


def choices(layer):
    """What a layer is, as far as it changes a number."""
    config = layer.get_config()
    fields = ("epsilon", "momentum", "strides", "padding", "kernel_size", "pool_size", "dilation_rate", "use_bias", "filters")
    return type(layer).__name__, {key: config[key] for key in fields if key in config}


@both
def test_layers_have_the_same_choices(pair):
    ours, original = pair
    assert [layer.name for layer in ours.layers if layer.weights] == [layer.name for layer in original.layers if layer.weights]
    assert [choices(layer) for layer in ours.layers] == [choices(layer) for layer in original.layers]


@both
def test_logits_are_the_same(pair):
    ours, original = pair
    images = np.random.default_rng(2).uniform(-1, 1, (2, 64, 64, 3)).astype("float32")
    expected, received = (np.asarray(model(images)) for model in (original, ours))
    assert np.abs(received - expected).max() <= 1e-5 * np.abs(expected).max()
    assert np.abs(expected[0] - expected[1]).max() > 1e-2 * np.abs(expected).max()  # the images tell
