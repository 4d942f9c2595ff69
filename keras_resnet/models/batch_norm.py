"""Batch normalisation's running statistics: how quickly they follow, and re-estimating them."""

import itertools

import keras
import numpy as np

from keras_resnet.errors import ModelError
from keras_resnet.models.batches import image_batches


def batch_norm_layers(model):
    """The batch normalisations of a model, in order, those of nested models included."""
    return [layer for layer in model._flatten_layers() if isinstance(layer, keras.layers.BatchNormalization)]


def trained_batch_norms(model):
    """Those of them that are not frozen.

    Raises:
        ModelError: a model that has no weights yet.
    """
    layers = [layer for layer in batch_norm_layers(model) if layer.trainable]
    if not all(layer.built for layer in layers):
        raise ModelError(f"model {model.name!r} has no weights yet: call it once on images, or give it an input shape")
    return layers


def set_batch_norm_momentum(model: keras.Model, momentum: float) -> None:
    """Sets the momentum of every batch normalisation: the share of the running statistics kept at each step.

    Keras's 0.99 keeps half of the initial values (mean 0, variance 1) after 69 steps, which is two epochs of a thousand
    images at batch 32; 0.9 keeps a thousandth. Call it before training; it takes effect at the next `compile`.
    """
    for layer in batch_norm_layers(model):
        layer.momentum = float(momentum)


def recalibrate_batch_norm(model: keras.Model, data, *, batch_size: int = 64, steps: int | None = None) -> int:
    """Replaces every running mean and variance by its average over the batches of ``data``, the weights as they are.

    Running averages made during training mix statistics of older weights (and, in short runs, of the initial values).
    This is the estimate that inference should use: Wu and Johnson 2021, arXiv:2105.07576, "precise" batch normalisation.
    Batch normalisations that are frozen (``trainable = False``) keep their statistics.

    Args:
        model: a `keras.Model`.
        data: images as an array `(N, H, W, C)`, N at least 2, in the range the model takes; or an iterable of such batches, or
            of `(images, labels)`, `(images, labels, weights)` or dicts: tf.data, a `keras.utils.PyDataset`, PyTorch's
            `DataLoader`, a generator. A batch of less than half the first one's images is left out.
        batch_size: for an array.
        steps: how many batches are taken at most; None for all. An endless data set needs it. Of a source that does not say
            how many images it has, 10,000 are taken without it, and a warning says so.

    Returns:
        The number of batches used.

    Raises:
        ModelError: ``data`` holds no batch of images for this model, or images or weights that are not finite, or it is
            endless. The model is then as it was.

    Example:
        >>> recalibrate_batch_norm(model, keras.utils.image_dataset_from_directory("photos"), steps=50)
        50
    """
    what = "recalibrate_batch_norm"
    layers = trained_batch_norms(model)
    sums, count = [0.0] * (2 * len(layers)), 0
    for batch in image_batches(data, model, batch_size=batch_size, steps=steps, what=what):
        _, values = batch_statistics(model, layers, batch)
        count += 1
        if not all(np.isfinite(value).all() for value in values):
            raise ModelError(f"{what}: batch {count}: NaN or infinity in the images, or made of them by the weights")
        sums = [total + value for total, value in zip(sums, values, strict=True)]
    if not count:
        raise ModelError(f"{what}: expected at least one batch of images, received none")
    _assign(layers, [total / count for total in sums])
    return count


def batch_statistics(model, layers, batch):
    """Runs one batch in training mode and leaves the model as it was.

    Args:
        model: a `keras.Model`.
        layers: its batch normalisations of interest, trainable ones.
        batch: `(N, ...)`, or a structure of such arrays for a model of several inputs.

    Returns:
        The output `(N, ...)`, or a structure of such arrays; and the mean and the variance that each of ``layers`` found:
        float64 `(C,)`, two a layer. Of a layer that is called several times, as in a backbone that two images share, they are
        the mean over its calls; of one that is not called, its running statistics.
    """
    before = [(variable, np.array(keras.ops.convert_to_numpy(variable))) for variable in model.non_trainable_variables]
    momenta, shades = [layer.momentum for layer in layers], [vars(layer).get("call") for layer in layers]
    try:
        for layer in layers:
            layer.call = _averaging(layer)
        output = model(keras.tree.map_structure(keras.ops.convert_to_tensor, batch), training=True)
        return keras.tree.map_structure(keras.ops.convert_to_numpy, output), read_statistics(layers)
    finally:
        for variable, value in before:
            variable.assign(value)
        for layer, momentum, shade in zip(layers, momenta, shades, strict=True):
            layer.momentum = momentum
            del layer.call
            if shade is not None:
                layer.call = shade


def _averaging(layer):
    """A layer's `call` that makes its running statistics the mean of those of its calls in training mode."""
    plain, calls = layer.call, itertools.count()

    def call(inputs, training=None, mask=None):
        if training:
            number = next(calls)
            layer.momentum = number / (number + 1)  # 0 at the first call: nothing is left of what was there
        return plain(inputs, training=training, mask=mask)

    return call


def read_statistics(layers):
    """Mean and variance of each layer, float64 `(C,)`: two a layer."""
    variables = [variable for layer in layers for variable in (layer.moving_mean, layer.moving_variance)]
    return [keras.ops.convert_to_numpy(variable).astype("float64") for variable in variables]


def _assign(layers, values):
    variables = [variable for layer in layers for variable in (layer.moving_mean, layer.moving_variance)]
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value.astype("float32"))
