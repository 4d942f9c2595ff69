"""Batch normalisation's running statistics: re-estimating them, and choosing how quickly they follow."""

import keras
import numpy as np

from keras_resnet.errors import ModelError


def batch_norm_layers(model):
    """The batch normalisations of a model, in order, those of nested models included."""
    return [layer for layer in model._flatten_layers() if isinstance(layer, keras.layers.BatchNormalization)]


def set_batch_norm_momentum(model, momentum):
    """Sets the momentum of every batch normalisation: the share of the running statistics kept at each step.

    Keras's 0.99 keeps half of the initial values (mean 0, variance 1) after 69 steps, which is two epochs of a thousand
    images at batch 32; 0.9 keeps a thousandth. Call it before training; it takes effect at the next `compile`.
    """
    for layer in batch_norm_layers(model):
        layer.momentum = float(momentum)


def recalibrate_batch_norm(model, data, *, batch_size=64):
    """Replaces every running mean and variance by its average over the batches of ``data``, the weights as they are.

    Running averages made during training mix statistics of older weights (and, in short runs, of the initial values).
    This is the estimate that inference should use: Wu and Johnson 2021, arXiv:2105.07576, "precise" batch normalisation.
    Batch normalisations that are frozen (``trainable = False``) keep their statistics.

    Args:
        model: a `keras.Model`.
        data: images as an array `(N, H, W, C)`, N at least 2, in the range the model takes; or an iterable of such batches.
        batch_size: for an array. A last batch of less than half of it is left out.

    Returns:
        The number of batches used.

    Raises:
        ModelError: ``data`` holds no batch.
    """
    layers = [layer for layer in batch_norm_layers(model) if layer.trainable]
    momenta = [layer.momentum for layer in layers]
    sums, count = [0.0] * (2 * len(layers)), 0
    try:
        for layer in layers:
            layer.momentum = 0.0  # the running statistics after a batch are then those of that batch
        for batch in _batches(data, batch_size):
            model(keras.ops.convert_to_tensor(batch), training=True)
            values = [keras.ops.convert_to_numpy(v).astype("float64") for layer in layers for v in _statistics(layer)]
            sums = [total + value for total, value in zip(sums, values, strict=True)]
            count += 1
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
    if not count:
        raise ModelError("recalibrate_batch_norm: expected at least one batch of images, received none")
    for variable, total in zip((v for layer in layers for v in _statistics(layer)), sums, strict=True):
        variable.assign((total / count).astype("float32"))
    return count


def _statistics(layer):
    return layer.moving_mean, layer.moving_variance


def _batches(data, batch_size):
    if not hasattr(data, "shape"):
        yield from data
        return
    for start in range(0, len(data), batch_size):
        batch = np.asarray(data[start : start + batch_size])
        if start == 0 or len(batch) * 2 >= batch_size:
            yield batch
