"""The sessions and placeholders of TensorFlow 1, as far as the notebooks of 2017 to 2020 use them, on any backend.

A placeholder is a Keras input, so that a block builds its layers on it; `Session.run` computes what was built on numbers.
"""

import keras
import numpy as np

from keras_resnet.errors import ModelError


class Session:
    """`tf.Session`.

    Example:
        >>> import numpy as np
        >>> from keras_resnet.compat.assignment_v1 import K, identity_block, tf
        >>> with tf.Session() as test:
        ...     A_prev = tf.placeholder("float", [3, 4, 4, 6])
        ...     A = identity_block(A_prev, f=2, filters=[2, 4, 6], stage=1, block="a")
        ...     test.run(tf.global_variables_initializer())
        ...     out = test.run([A], feed_dict={A_prev: np.ones((3, 4, 4, 6)), K.learning_phase(): 0})
        >>> out[0].shape
        (3, 4, 4, 6)
    """

    def __init__(self, *arguments, **options):
        """Takes what `tf.Session` took, which is of no use here: a target, a graph, a configuration."""

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return None

    def close(self):
        """Nothing is left to be closed."""

    def run(self, fetches, feed_dict=None):
        """The values of what was built on placeholders.

        Args:
            fetches: a Keras tensor, a number or array, None, or a list of them.
            feed_dict: placeholder -> its numbers; and `K.learning_phase()` -> 0 for inference, 1 for training.

        Returns:
            NumPy arrays in the form of ``fetches``.
        """
        if isinstance(fetches, list | tuple):
            return type(fetches)(self.run(each, feed_dict) for each in fetches)
        if not keras.backend.is_keras_tensor(fetches):
            return None if fetches is None else keras.ops.convert_to_numpy(fetches)
        feed = feed_dict or {}
        training = next((bool(value) for key, value in feed.items() if isinstance(key, int)), False)
        inputs = [key for key in feed if keras.backend.is_keras_tensor(key)]
        return keras.ops.convert_to_numpy(_model(inputs, fetches)([_numbers(feed[key]) for key in inputs], training=training))


def _model(inputs, output):
    try:
        return keras.Model(inputs, output)
    except ValueError as problem:
        fed = ", ".join(str(tuple(tensor.shape)) for tensor in inputs) or "none"
        raise ModelError(f"Session.run: expected numbers for each placeholder, received for {fed}: {problem}") from None


def _numbers(value):
    return keras.ops.convert_to_tensor(np.asarray(value, dtype="float32"))


def placeholder(dtype="float32", shape=None, name=None):
    """`tf.placeholder`: a Keras input of the whole shape, the batch axis included."""
    if shape is None:
        raise ModelError("placeholder: expected a shape, e.g. tf.placeholder('float', [3, 4, 4, 6]), received none")
    return keras.Input(batch_shape=tuple(shape), dtype="float32", name=name)


def _nothing(*arguments, **options):
    """What once gave variables their first values, which Keras 3 does itself."""


# TensorFlow 1's name -> what stands for it.
NAMES = {
    "InteractiveSession": Session,
    "Session": Session,
    "global_variables_initializer": _nothing,
    "placeholder": placeholder,
}
