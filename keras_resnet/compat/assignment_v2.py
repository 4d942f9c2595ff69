"""The names of the notebooks of 2021 to 2023 (tf.keras), for today's Keras.

    from keras_resnet.compat.assignment_v2 import *

takes the place of the notebook's imports. The initialisers draw what tf.keras drew in early 2021 and Keras 3 still draws under
TensorFlow; `initialisers("stateful", 2)` gives those of 2022 and later after `tf.random.set_seed(2)`.
"""

from keras_resnet import blocks
from keras_resnet.compat import generation, notebook, standins
from keras_resnet.compat.initializers import initializers
from keras_resnet.compat.notebook import *  # noqa: F403
from keras_resnet.compat.public_tests import PublicTests, comparator, summary

_OWN = ("ResNet50", "convolutional_block", "identity_block", "initializers", "keras", "tf")
_DRAWN = ("GlorotUniform", "RandomUniform", "glorot_uniform", "random_uniform")
__all__ = [*notebook.__all__, *_OWN, *_DRAWN, "ResNet50_summary", "comparator", "public_tests", "summary"]

_SETTINGS = generation.Settings()
_drawn = initializers("stateless")
glorot_uniform = GlorotUniform = _drawn.glorot_uniform
random_uniform = RandomUniform = _drawn.random_uniform
keras, tf = standins.keras_of(_drawn), standins.tensorflow(_drawn)


def identity_block(X, f, filters, training=True, initializer=random_uniform):
    """A bottleneck whose shortcut is its own input.

    Args:
        X: Keras tensor or numbers `(N, H, W, C)`, C equal to the last of ``filters``.
        f: side of the middle convolution's kernel.
        filters: three ints.
        training: whether batch normalisation takes its statistics from X; it counts for numbers. In a network, Keras 3 lets
            `fit` and `predict` decide, whatever a block was told.
        initializer: a class or function that is called as ``initializer(seed=0)``.

    Returns:
        A Keras tensor of X's shape, or for numbers a float32 tensor of the backend.
    """
    options = {"settings": _SETTINGS, "initializer": initializer(seed=0), "training": training}
    return generation.run_block(blocks.identity_block, X, f, filters, "", "", **options)


def convolutional_block(X, f, filters, s=2, training=True, initializer=glorot_uniform):
    """A bottleneck with a 1x1 convolution in its shortcut; `identity_block` has the arguments, ``s`` is the stride."""
    options = {"settings": _SETTINGS, "initializer": initializer(seed=0), "training": training}
    return generation.run_block(blocks.conv_block, X, f, filters, "", "", s, **options)


def ResNet50(input_shape=(64, 64, 3), classes=6):
    """The network of the assignment, a `keras.Model`: 23,600,006 parameters by default."""
    draws = glorot_uniform(seed=0), glorot_uniform(seed=0), random_uniform(seed=0)
    return generation.network(input_shape, classes, _SETTINGS, *draws)


public_tests = PublicTests(identity_block, convolutional_block, ResNet50, True, lambda: glorot_uniform)
ResNet50_summary = public_tests.network_summary()
