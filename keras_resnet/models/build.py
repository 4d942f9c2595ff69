"""From a name of the catalogue to a `keras.Model`."""

import keras
from keras import backend, layers

from keras_resnet.blocks import conv_block, identity_block
from keras_resnet.errors import ModelError, one_of
from keras_resnet.models.catalog import CATALOG


def create_model(name, *, input_shape=None, input_tensor=None, classes=1000, classifier_activation="softmax"):
    """Builds a network of the catalogue.

    Args:
        name: e.g. ``"resnet50"``.
        input_shape: `(height, width, channels)`, each side at least 32.
        input_tensor: a Keras tensor to build upon instead of a new input.
        classes: number of classes.
        classifier_activation: activation of the last layer; None for logits.

    Raises:
        ModelError: an unknown name (the message lists the known ones), or an input that is too small.
    """
    if name not in CATALOG:
        raise ModelError(one_of("model", name, CATALOG))
    spec = CATALOG[name]
    images = layers.Input(input_shape) if input_tensor is None else input_tensor
    x = _stem(images, spec)
    for stage, (depth, width) in enumerate(zip(spec.depths, spec.widths, strict=True), start=2):
        filters = (width, width, 4 * width)
        x = conv_block(x, 3, filters, stage, "a", strides=(1, 1) if stage == 2 else (2, 2))
        for index in range(1, depth):
            x = identity_block(x, 3, filters, stage, chr(ord("a") + index))
    x = layers.AveragePooling2D(tuple(x.shape[1:3]), name="avg_pool")(x)
    x = layers.Flatten()(x)
    x = layers.Dense(classes, activation=classifier_activation, name="fc1000")(x)
    inputs = images if input_tensor is None else keras.utils.get_source_inputs(input_tensor)
    return keras.Model(inputs, x, name=spec.name)


def _stem(images, spec):
    axis = 1 if backend.image_data_format() == "channels_first" else 3
    x = layers.ZeroPadding2D((3, 3))(images)
    x = layers.Conv2D(spec.stem_width, (7, 7), strides=(2, 2), name="conv1")(x)
    x = layers.BatchNormalization(axis=axis, name="bn_conv1")(x)
    x = layers.Activation("relu")(x)
    return layers.MaxPooling2D((3, 3), strides=(2, 2))(x)
