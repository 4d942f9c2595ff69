"""The names of the notebooks of 2017 to 2020 (Keras 2 on TensorFlow 1), for today's Keras.

    from keras_resnet.compat.assignment_v1 import *

takes the place of the notebook's imports. The cells that open a `tf.Session` may stay, or become plain calls: a block computes
at once on an array, in inference mode as those cells did. With `seed=0` in every layer both give the numbers that they printed.
"""

from keras_resnet import blocks
from keras_resnet.compat import generation, notebook, standins
from keras_resnet.compat.initializers import initializers
from keras_resnet.compat.notebook import *  # noqa: F403

_OWN = ("ResNet50", "convolutional_block", "identity_block", "initializers", "keras", "tf")
_DRAWN = ("GlorotUniform", "RandomUniform", "glorot_uniform", "random_uniform")
__all__ = [*notebook.__all__, *_OWN, *_DRAWN]

_SETTINGS = generation.Settings(named=True)
_drawn = initializers("graph")
glorot_uniform = GlorotUniform = _drawn.glorot_uniform
random_uniform = RandomUniform = _drawn.random_uniform
keras, tf = standins.keras_of(_drawn), standins.tensorflow(_drawn, graphs=True)


def identity_block(X, f, filters, stage, block):
    """A bottleneck whose shortcut is its own input.

    Args:
        X: Keras tensor or numbers `(N, H, W, C)`, C equal to the last of ``filters``.
        f: side of the middle convolution's kernel.
        filters: three ints.
        stage, block: int and str, for the names of the layers.

    Returns:
        A Keras tensor of X's shape, or for numbers a float32 tensor of the backend, computed in inference mode.
    """
    draw = glorot_uniform(seed=0)
    return generation.run_block(blocks.identity_block, X, f, filters, stage, block, settings=_SETTINGS, initializer=draw)


def convolutional_block(X, f, filters, stage, block, s=2):
    """A bottleneck with a 1x1 convolution in its shortcut; `identity_block` has the arguments, ``s`` is the stride."""
    draw = glorot_uniform(seed=0)
    options = {"settings": _SETTINGS, "initializer": draw, "strides": s}
    return generation.run_block(blocks.conv_block, X, f, filters, stage, block, **options)


def ResNet50(input_shape=(64, 64, 3), classes=6):
    """The network of the assignment, a `keras.Model`: 23,600,006 parameters by default; layers named as in its `.h5` files."""
    draw = glorot_uniform(seed=0)
    return generation.network(input_shape, classes, _SETTINGS, draw, draw, draw)
