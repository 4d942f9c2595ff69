"""What the assignment's three generations share: the blocks and the network of this package, in a generation's settings."""

from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace

import keras
import numpy as np
from keras import layers

from keras_resnet.blocks import conv_block, identity_block
from keras_resnet.errors import ModelError
from keras_resnet.fast import accelerate
from keras_resnet.resnet50 import feature_map


@dataclass(frozen=True)
class Settings:
    """What a generation computes with.

    Attributes:
        epsilon, momentum: of its batch normalisations.
        named: whether its layers have the names of Chollet's file.
    """

    epsilon: float = 1e-3  # with 0.99, the defaults of Keras's BatchNormalization
    momentum: float = 0.99
    named: bool = False

    def layers(self, initializer, training=None):
        """A namespace of Keras layers with these settings, as the blocks take it.

        Args:
            initialiser: of the kernels.
            training: True or False for batch normalisation in that mode; None for what Keras decides.
        """
        named = (lambda name: {"name": name}) if self.named else (lambda name: {})

        def convolution(filters, kernel_size, *, name, **options):
            return layers.Conv2D(filters, kernel_size, kernel_initializer=initializer, **options, **named(name))

        def normalization(axis, *, name):
            layer = layers.BatchNormalization(axis=axis, momentum=self.momentum, epsilon=self.epsilon, **named(name))
            return layer if training is None else partial(layer, training=training)

        return SimpleNamespace(
            Conv2D=convolution,
            BatchNormalization=normalization,
            Activation=layers.Activation,
            Add=layers.Add,
            ZeroPadding2D=layers.ZeroPadding2D,
            MaxPooling2D=layers.MaxPooling2D,
        )


def run_block(block, X, *arguments, settings, initializer, training=None, **options):
    """A block of `keras_resnet.blocks`, on a Keras tensor a part of a network, on numbers computed at once.

    Args:
        block: `identity_block` or `conv_block`.
        X: a Keras tensor; or numbers `(N, H, W, C)` of any kind: NumPy's, or the backend's.
        arguments, options: the block's others.
        settings: a `Settings`.
        initialiser: of its kernels.
        training: whether batch normalisation computes with the statistics of X; on numbers alone. In a network `fit` and
            `predict` decide, as Keras 3 has it whatever a block says.

    Returns:
        A Keras tensor; or a tensor of the backend, float32 (under PyTorch detached from its graph, so that `.numpy()` works).
    """
    if keras.backend.is_keras_tensor(X):
        return block(X, *arguments, layers=settings.layers(initializer), **options)
    numbers = _numbers(X)
    return _detached(block(numbers, *arguments, layers=settings.layers(initializer, bool(training)), **options))


def network(input_shape, classes, settings, stem, conv, identity):
    """The assignment's ResNet50: the package's feature map, a 2x2 average and the classifier.

    Args:
        input_shape: `(height, width, channels)`, both sides at least 33, for the last map has to have 2 x 2 pixels.
        classes: number of classes.
        settings: a `Settings`.
        stem: the initialiser of the first convolution and of the classifier.
        conv, identity: those of the blocks.

    Returns:
        A `keras.Model`, not compiled.
    """
    images = layers.Input(_with_a_last_map(input_shape))
    x = feature_map(
        images,
        conv_block=partial(conv_block, layers=settings.layers(conv)),
        identity_block=partial(identity_block, layers=settings.layers(identity)),
        layers=settings.layers(stem),
    )
    pool, dense = ({"name": "avg_pool"}, {"name": f"fc{classes}"}) if settings.named else ({}, {})
    x = layers.AveragePooling2D((2, 2), **pool)(x)
    x = layers.Flatten()(x)
    x = layers.Dense(classes, activation="softmax", kernel_initializer=stem, **dense)(x)
    return accelerate(keras.Model(images, x, name="ResNet50" if settings.named else None))


def _with_a_last_map(input_shape):
    shape = tuple(input_shape)
    channels_first = keras.config.image_data_format() == "channels_first"
    sides = shape[1:] if channels_first else shape[:-1]
    if len(shape) != 3 or any(not isinstance(side, int) or side < 33 for side in sides):
        raise ModelError(
            f"ResNet50: expected an input_shape of three ints with sides of at least 33, e.g. (64, 64, 3): five halvings and a "
            f"2x2 average need so much; received {shape}"
        )
    return shape


def _numbers(X):
    """A float32 tensor of the backend."""
    try:
        return keras.ops.convert_to_tensor(X if keras.ops.is_tensor(X) else np.asarray(X, dtype="float32"), dtype="float32")
    except (TypeError, ValueError):
        raise ModelError(
            f"X: expected a Keras tensor, or numbers (N, H, W, C), received {type(X).__name__}; tensors of TensorFlow 1's "
            "graphs (tf.placeholder) are gone: give the block the array itself"
        ) from None


def _detached(tensor):
    return tensor.detach() if keras.backend.backend() == "torch" else tensor
