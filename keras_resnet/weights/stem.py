"""A first convolution for another number of input channels: grey images, four bands, whatever a camera gives."""

import numpy as np

from keras_resnet.architectures.layer_names import STEM, Place

STEMS = ("require", "adapt")
_FIRST = Place(STEM, 0, "1", "conv")


def adapt_stem(theirs, ours):
    """Gives the file's first kernel the model's number of input channels; see `adapt_kernel`.

    Args:
        theirs: `Place` -> role -> `StoredTensor`.
        ours: the same with a model's variables.

    Returns:
        The file's tensors, and what was done in words.
    """
    kernel, channels = theirs.get(_FIRST, {}).get("kernel"), channels_of(ours)
    if kernel is None or channels is None or not only_channels_differ(kernel.shape, ours[_FIRST]["kernel"].shape):
        return theirs, []
    shape, given = (*kernel.shape[:2], channels, kernel.shape[3]), kernel.shape[2]
    adapted = kernel.then(shape, lambda array: adapt_kernel(array, channels))
    words = f"the first kernel, of {given} input channels, {_rule(given, channels)} for {channels}"
    return {**theirs, _FIRST: {**theirs[_FIRST], "kernel": adapted}}, [words]


def adapt_kernel(kernel, channels):
    """A convolution's kernel for another number of input channels, as timm does it (timm/models/_manipulate.py,
    `adapt_input_conv`): summed over the channels for one, repeated in turn and scaled for more.

    An image whose channels are all equal gives what it gave before where the new number of channels is 1 or a multiple of the
    old one; otherwise some channels weigh more than others.

    Args:
        kernel: float array `(height, width, in, out)`.
        channels: the new number of input channels.

    Returns:
        float32 `(height, width, channels, out)`.
    """
    kernel = np.asarray(kernel, "float32")
    given = kernel.shape[2]
    if channels == 1:
        return kernel.sum(axis=2, keepdims=True)
    return kernel[:, :, np.arange(channels) % given] * np.float32(given / channels)


def only_channels_differ(theirs, ours):
    """Whether two shapes of a convolution's kernel differ in the number of input channels alone."""
    theirs, ours = tuple(theirs), tuple(ours)
    return (
        len(theirs) == len(ours) == 4 and theirs != ours and (*theirs[:2], theirs[3]) == (*ours[:2], ours[3]) and theirs[2] > 0
    )


def channels_of(ours):
    """The number of input channels that a model's first convolution takes; None where there is none."""
    kernel = ours.get(_FIRST, {}).get("kernel")
    return None if kernel is None or len(kernel.shape) != 4 else int(kernel.shape[2])


def first_kernel(names):
    """What a file or model calls its first kernel, e.g. ``"conv1/kernel"``, given its names by `Place`."""
    return f"{names[_FIRST]}/kernel" if _FIRST in names else None


def _rule(given, channels):
    return "summed" if channels == 1 else f"repeated in turn and scaled by {given}/{channels},"
