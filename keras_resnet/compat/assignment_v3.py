"""The names of the notebooks from 2023 on (version 1.1), for today's Keras.

    from keras_resnet.compat.assignment_v3 import *

takes the place of the notebook's imports. Their `BatchNormalization` is not Keras's: their helper file replaces it by one with
epsilon 1e-6 and momentum 0.90, and so does this module. The initialisers draw from one stream, which goes on from layer to
layer and which `tf.random.set_seed` starts anew.
"""

from keras_resnet import blocks
from keras_resnet.compat import generation, notebook, standins
from keras_resnet.compat.initializers import initializers
from keras_resnet.compat.notebook import *  # noqa: F403
from keras_resnet.compat.public_tests import PublicTests, comparator, summary

_OWN = ("ResNet50", "convolutional_block", "identity_block", "initializers", "keras", "tf")
_DRAWN = ("GlorotUniform", "RandomUniform", "glorot_uniform", "random_uniform")
__all__ = [*notebook.__all__, *_OWN, *_DRAWN, "ResNet50_summary", "comparator", "public_tests", "summary"]

_SETTINGS = generation.Settings(epsilon=1e-6, momentum=0.90)
_drawn = initializers("stateful")
glorot_uniform = GlorotUniform = _drawn.glorot_uniform
random_uniform = RandomUniform = _drawn.random_uniform
keras, tf = standins.keras_of(_drawn), standins.tensorflow(_drawn)


def BatchNormalization(  # type: ignore[no-redef]
    axis=-1, momentum=_SETTINGS.momentum, name=None, synchronized=False
):
    """Keras's layer with the settings of the notebook's own."""
    options = {"momentum": momentum, "epsilon": _SETTINGS.epsilon, "name": name, "synchronized": synchronized}
    return notebook.BatchNormalization(axis=axis, **options)


def identity_block(X, f, filters, initializer=random_uniform):
    """A bottleneck whose shortcut is its own input.

    Args:
        X: Keras tensor or numbers `(N, H, W, C)`, C equal to the last of ``filters``.
        f: side of the middle convolution's kernel.
        filters: three ints.
        initializer: a class or function that is called as ``initializer(seed=0)``.

    Returns:
        A Keras tensor of X's shape, or for numbers a float32 tensor of the backend, computed in inference mode. For training
        mode make a model of it: `keras.Model(inputs, outputs)(X, training=True)`.
    """
    options = {"settings": _SETTINGS, "initializer": initializer(seed=0)}
    return generation.run_block(blocks.identity_block, X, f, filters, "", "", **options)


def convolutional_block(X, f, filters, s=2, initializer=glorot_uniform):
    """A bottleneck with a 1x1 convolution in its shortcut; `identity_block` has the arguments, ``s`` is the stride."""
    options = {"settings": _SETTINGS, "initializer": initializer(seed=0)}
    return generation.run_block(blocks.conv_block, X, f, filters, "", "", s, **options)


def ResNet50(input_shape=(64, 64, 3), classes=6, training=False):
    """The network of the assignment, a `keras.Model`: 23,600,006 parameters by default. ``training`` is not used, as there."""
    draws = glorot_uniform(seed=0), glorot_uniform(seed=0), random_uniform(seed=0)
    return generation.network(input_shape, classes, _SETTINGS, *draws)


public_tests = PublicTests(
    identity_block, convolutional_block, ResNet50, False, lambda: initializers("stateful").glorot_uniform
)
ResNet50_summary = public_tests.network_summary()
