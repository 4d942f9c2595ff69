"""The tensor that a network starts from, its shape checked."""

import keras
from keras import layers

from keras_resnet.errors import ModelError

MINIMUM_SIZE = 32  # five halvings of 32 pixels leave one


def image_input(input_tensor, input_shape, default_size, *, name=None):
    """The tensor that the stem takes.

    Args:
        input_tensor: a Keras tensor to build upon, or None.
        input_shape: `(height, width, channels)` (or channels first, as Keras is set), each side at least 32 or None for an open
            size; or None for three channels and ``default_size``.
        default_size: int, or None for an open size.
        name: of the input layer, if one is made.

    Raises:
        ModelError: a shape that cannot be met, or an ``input_tensor`` that is not a Keras tensor.
    """
    if input_tensor is not None:
        if not keras.backend.is_keras_tensor(input_tensor):
            raise ModelError(f"input_tensor: expected a Keras tensor, received {type(input_tensor).__name__}")
        _check_shape(tuple(input_tensor.shape[1:]))
        return input_tensor
    if input_shape is None:
        sides = (default_size, default_size)
        input_shape = (3, *sides) if _channels_first() else (*sides, 3)
    return layers.Input(_check_shape(input_shape), name=name)


def model_inputs(images):
    """What a `keras.Model` of a tensor takes: the input it was made from, or a list where there are several."""
    sources = keras.utils.get_source_inputs(images)
    return sources[0] if len(sources) == 1 else sources


def _channels_first():
    return keras.config.image_data_format() == "channels_first"


def _check_shape(shape):
    first = _channels_first()
    order = "(channels, height, width)" if first else "(height, width, channels)"
    if not isinstance(shape, tuple | list) or len(shape) != 3:
        raise ModelError(f"input_shape: expected {order}, received {shape}")
    shape = tuple(shape)
    channels, sides = (shape[0], shape[1:]) if first else (shape[2], shape[:2])
    if not channels or any(side is not None and side < MINIMUM_SIZE for side in sides):
        raise ModelError(
            f"input_shape: expected {order} with a known number of channels and sides of at least {MINIMUM_SIZE} "
            f"(or None for an open size), received {shape}"
        )
    return shape
