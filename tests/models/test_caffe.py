"""The `caffe` lineage, He et al.'s own release, against its equations in NumPy."""

import keras
import numpy as np
import pytest
from numpy_resnet import Network, max_pool, randomize

from keras_resnet.models import create_model, resolve


def test_the_numpy_pool_rounds_as_caffe_does():
    row = np.arange(8.0).reshape(1, 1, 8, 1).repeat(8, axis=1)
    assert max_pool(row)[0, 0, :, 0].tolist() == [2, 4, 6]
    assert max_pool(row, ceil=True)[0, 0, :, 0].tolist() == [2, 4, 6, 7]  # the last window has two of its three columns
    assert max_pool(row[:, :, :7], ceil=True)[0, 0, :, 0].tolist() == [2, 4, 6]


@pytest.mark.parametrize("size", [(64, 64), (66, 47)])
def test_logits_equal_the_equations(size):
    model = create_model("resnet50", lineage="caffe", input_shape=(*size, 3), classes=6, classifier_activation=None)
    randomize(model, seed=1)
    images = np.random.default_rng(2).uniform(-1, 1, (2, *size, 3)).astype("float32")
    weights = {layer.name: layer.get_weights() for layer in model.layers if layer.weights}
    received = np.asarray(model(images))
    expected = Network(weights, epsilon=1e-5, ceil=True).logits(images)
    assert np.abs(received - expected).max() <= 1e-4 * np.abs(expected).max()
    assert np.abs(expected[0] - expected[1]).max() > 1e-2 * np.abs(expected).max()  # the images tell
    chollet = Network(weights).logits(images)
    assert np.abs(received - chollet).max() > 1e-2 * np.abs(expected).max()  # and so do epsilon and pool


def test_conv1_alone_has_a_bias_and_that_in_resnet50_alone():
    model = create_model("resnet50", lineage="caffe", input_shape=(64, 64, 3))
    convolutions = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    assert [layer.name for layer in convolutions if layer.use_bias] == ["conv1"]
    # ResNet-101-deploy.prototxt and ResNet-152-deploy.prototxt say bias_term: false of conv1, ResNet-50's does not.
    assert resolve("resnet101", "caffe").bias == resolve("resnet152", "caffe").bias == ()
