"""What was done to pixels before a lineage's published weights saw them: pure functions, one row a way."""

from dataclasses import dataclass

import numpy as np

from keras_resnet.errors import ModelError, one_of

# How far interpolation carries pixels beyond 0 and 255, as a share of the largest, and the share of them that it carries below
# 0. Photographs and drawings enlarged by PIL, TensorFlow, PyTorch and JAX, up to Lanczos's kernel of radius 5, gave 0.15, 0.28
# above 255, and 0.16; photographs less the means of ImageNet at least 0.65 and up to 0.25.
_BEYOND, _NEGATIVE = 0.3, 0.25
_NORMALIZED = 3  # 0 to 1 less a mean, over a deviation, ends at 2.64 (mode "torch")


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


def preprocess_input(images, mode: str = "caffe", *, check: bool = True):
    """Prepares pixels for a network; the argument is left as it is.

    Args:
        images: uint8 or float `(N, H, W, 3)` or `(H, W, 3)`, RGB, 0 to 255; a NumPy array or a tensor of TensorFlow, JAX,
            PyTorch or Keras, one in a graph too (in tf.data's `map`, `tf.function`, a `Lambda` layer, `jax.jit`). Floats may
            go beyond by what bicubic or Lanczos interpolation adds.
        mode: ``"caffe"`` (BGR minus the means of ImageNet), ``"torch"`` (0 to 1, normalised), ``"tf"`` (-1 to 1),
            ``"unit"`` (0 to 1) or ``"none"``.
        check: whether values that are plainly no pixels are refused.

    Returns:
        float32 of the same shape: an array for an array, a tensor of the same framework for a tensor.

    Raises:
        ModelError: an unknown mode, not three channels last, or values that are plainly no pixels of 0 to 255: many or far
            below 0, far above 255, or floats with fractions of which none is above 1. A tensor without values (in a graph)
            is not looked at.

    Example:
        >>> preprocess_input(np.full((1, 1, 3), 255.0), mode="tf")
        array([[[1., 1., 1.]]], dtype=float32)
        >>> photographs = photographs.map(preprocess_input)  # a tf.data.Dataset
    """
    if mode not in MODES:
        raise ModelError(one_of("preprocessing mode", mode, MODES))
    _check_shape(images)
    values = _values(images) if check else None
    fault = None if values is None else _fault(values)  # no `:=`, which TensorFlow's AutoGraph warns of
    if fault:
        raise ModelError(f"preprocess_input, mode {mode!r}: {fault}; check=False takes them as they are")
    row = MODES[mode]
    channels = _float32(images, row.order)
    return (channels * np.float32(row.scale) - _constant(row.mean, channels)) / _constant(row.deviation, channels)


def _check_shape(images):
    shape = getattr(images, "shape", None)
    if shape is None:
        raise ModelError(f"preprocess_input: expected an array or a tensor, received {type(images).__name__}")
    if getattr(images.dtype, "kind", "f") in "OSUmMc":
        raise ModelError(f"preprocess_input: expected pixels, received an array of {images.dtype}")
    unknown = getattr(shape, "rank", 0) is None  # TensorFlow's, of images decoded in tf.data
    if not unknown and (len(shape) < 3 or shape[-1] not in (3, None)):
        raise ModelError(f"preprocess_input: expected RGB images, three channels last, received shape {tuple(shape)}")


def _framework(images):
    """The package that a tensor is of: "numpy", "tensorflow", "jax", "torch" or "keras"."""
    return type(images).__module__.partition(".")[0].replace("jaxlib", "jax")


def _values(images):
    """Images as an array of NumPy; None where they are a node of a graph and have no values yet."""
    framework = _framework(images)
    if framework == "tensorflow":
        import tensorflow as tf

        return images.numpy() if tf.executing_eagerly() and hasattr(images, "numpy") else None
    if framework == "jax":
        import jax

        return None if isinstance(images, jax.core.Tracer) else np.asarray(images)
    if framework == "torch":
        import torch

        if torch.compiler.is_compiling():
            return None
        images = images.float() if images.dtype == torch.bfloat16 else images  # which NumPy lacks
        try:
            return images.detach().cpu().numpy()
        except (RuntimeError, TypeError):  # on "meta", in tracing, in a transform of torch.func
            return None
    if framework == "keras":
        import keras

        return None if keras.backend.is_keras_tensor(images) else keras.ops.convert_to_numpy(images)
    return np.asarray(images)


def _fault(values):
    """What is wrong with values that are plainly no pixels of 0 to 255; None for pixels."""
    if not values.size:
        return None
    whole = values.dtype.kind in "iub"
    values = values if whole else values.astype("float64")
    low, high = float(values.min()), float(values.max())
    received = f"expected pixels from 0 to 255, received {low:.4g} to {high:.4g}"
    beyond = 0 if whole else _BEYOND
    if not np.isfinite([low, high]).all():
        return f"{received}: not all values are finite"
    if low < 0 and (-low > beyond * high or high <= _NORMALIZED or (values < 0).mean() > _NEGATIVE):
        return f"{received}: preprocessed already"
    if high > 255 * (1 + beyond):
        return f"{received}: no 8-bit pixels"
    if not whole and 0 < high <= 1 and (values != np.round(values)).any():
        return f"{received}: divided by 255 already: multiply by 255 first"
    return None


def _float32(images, order):
    """The channels in an order, float32, in the framework of the images."""
    framework = _framework(images)
    if framework == "tensorflow":
        import tensorflow as tf

        return tf.gather(tf.cast(images, "float32"), order, axis=-1)
    if framework == "keras":
        import keras

        return keras.ops.take(keras.ops.cast(images, "float32"), order, axis=-1)
    if framework == "torch":
        return images.float()[..., list(order)]
    return images.astype("float32")[..., np.array(order)]


def _constant(values, like):
    values = np.array(values, "float32")
    if _framework(like) == "torch":
        import torch

        return torch.as_tensor(values, device=like.device)
    return values
