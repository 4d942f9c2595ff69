"""What was done to pixels before a lineage's published weights saw them: pure functions, one row a way."""

from dataclasses import dataclass

import numpy as np

from keras_resnet.errors import ModelError, one_of


@dataclass(frozen=True)
class Preprocessing:
    """`(pixels[order] * scale - mean) / deviation`, by channel.

    Attributes:
        order: the channels in the order the network takes them: `(2, 1, 0)` turns RGB into BGR.
        scale: multiplies pixels of 0 to 255 first.
        mean: subtracted, in the network's order of channels.
        deviation: divides at last.
    """

    order: tuple = (0, 1, 2)
    scale: float = 1.0
    mean: tuple = (0.0, 0.0, 0.0)
    deviation: tuple = (1.0, 1.0, 1.0)


MODES = {
    # Means of ImageNet in BGR, as in He et al.'s Caffe release; keras/src/applications/imagenet_utils.py, mode "caffe".
    "caffe": Preprocessing(order=(2, 1, 0), mean=(103.939, 116.779, 123.68)),
    # torchvision's ImageClassification preset; mode "torch" of Keras.
    "torch": Preprocessing(scale=1 / 255, mean=(0.485, 0.456, 0.406), deviation=(0.229, 0.224, 0.225)),
    "tf": Preprocessing(scale=1 / 127.5, mean=(1.0, 1.0, 1.0)),  # -1 to 1; mode "tf" of Keras, its V2 networks
    "unit": Preprocessing(scale=1 / 255),  # 0 to 1; the assignment, and this package's training
    "none": Preprocessing(),  # 0 to 255; the networks of image-classifiers, which normalise their input themselves
}


def preprocess_input(images, mode="caffe"):
    """Prepares pixels for a network; the argument is left as it is.

    Args:
        images: uint8 or float `(N, H, W, 3)` or `(H, W, 3)`, RGB, 0 to 255; a NumPy array or a tensor of the backend.
        mode: ``"caffe"`` (BGR minus the means of ImageNet), ``"torch"`` (0 to 1, normalised), ``"tf"`` (-1 to 1),
            ``"unit"`` (0 to 1) or ``"none"``.

    Returns:
        float32 of the same shape: an array for an array, a tensor for a tensor.

    Raises:
        ModelError: an unknown mode, not three channels last, or values that are plainly no pixels of 0 to 255: below 0,
            above 255, or floats of which none is above 1. A tensor without values (in a graph) is not looked at.

    Example:
        >>> preprocess_input(np.full((1, 1, 3), 255.0), mode="tf")
        array([[[1., 1., 1.]]], dtype=float32)
    """
    if mode not in MODES:
        raise ModelError(one_of("preprocessing mode", mode, MODES))
    if images.shape[-1] != 3:
        raise ModelError(f"preprocess_input: expected RGB images, three channels last, received shape {tuple(images.shape)}")
    row = MODES[mode]
    array = isinstance(images, np.ndarray)
    if not array:
        import keras

        if not keras.backend.is_keras_tensor(images):
            _check_range(keras.ops.convert_to_numpy(images), mode)
        pixels = keras.ops.cast(images, "float32")
        channels = keras.ops.take(pixels, row.order, axis=-1)
    else:
        _check_range(images, mode)
        channels = images.astype("float32")[..., list(row.order)]
    mean, deviation = (np.array(values, "float32") for values in (row.mean, row.deviation))
    return (channels * np.float32(row.scale) - mean) / deviation


def _check_range(images, mode):
    low, high = float(images.min()), float(images.max())
    fault = None
    if not np.isfinite([low, high]).all():
        fault = "not all values are finite"
    elif low < 0:
        fault = "preprocessed already"
    elif high > 255:
        fault = "no 8-bit pixels"
    elif images.dtype.kind == "f" and 0 < high <= 1:
        fault = "divided by 255 already: multiply by 255 first"
    if fault:
        raise ModelError(
            f"preprocess_input, mode {mode!r}: expected pixels from 0 to 255, received {low:.4g} to {high:.4g}: {fault}"
        )
