"""Batch normalisation's running statistics: how quickly they follow, re-estimating them, and noticing where they are wrong."""

from dataclasses import dataclass

import keras
import numpy as np

from keras_resnet.errors import ModelError

# Layers named in a report, and the difference of losses (nats) below which the two modes agree.
_NAMED, _AGREE = 3, 0.2


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
    sums, count = [0.0] * (2 * len(layers)), 0
    for batch in _batches(data, batch_size):
        _, values = batch_statistics(model, layers, batch)
        sums = [total + value for total, value in zip(sums, values, strict=True)]
        count += 1
    if not count:
        raise ModelError("recalibrate_batch_norm: expected at least one batch of images, received none")
    _assign(layers, [total / count for total in sums])
    return count


def batch_statistics(model, layers, batch):
    """Runs one batch in training mode and leaves the model as it was.

    Args:
        model: a `keras.Model`.
        layers: its batch normalisations of interest, trainable ones.
        batch: `(N, ...)`.

    Returns:
        The output `(N, ...)`, and the mean and the variance that each of ``layers`` found: float64 `(C,)`, two a layer.
    """
    momenta, before = [layer.momentum for layer in layers], _read(layers)
    try:
        for layer in layers:
            layer.momentum = 0.0  # the running statistics after a batch are then those of that batch
        output = model(keras.ops.convert_to_tensor(batch), training=True)
        return keras.ops.convert_to_numpy(output), _read(layers)
    finally:
        _assign(layers, before)
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum


@dataclass(frozen=True)
class TrainEvalGap:
    """What one batch looks like in training and in inference mode.

    Attributes:
        train_loss: mean cross-entropy in training mode (batch statistics), in nats.
        eval_loss: the same in inference mode (running statistics).
        train_accuracy: share of right answers in training mode, 0 to 1.
        eval_accuracy: the same in inference mode.
        layers: pairs of name and shift of the batch normalisations, worst first: how far the batch's means lie from the
            running means, in running standard deviations (root mean square over the channels).
    """

    train_loss: float
    eval_loss: float
    train_accuracy: float
    eval_accuracy: float
    layers: tuple

    @property
    def agrees(self):
        """Whether inference loses less than 0.2 nats against training mode."""
        return self.eval_loss - self.train_loss < _AGREE

    def __str__(self):
        figures = (
            f"loss {self.train_loss:.3f} and accuracy {self.train_accuracy:.1%} in training mode, "
            f"{self.eval_loss:.3f} and {self.eval_accuracy:.1%} in inference mode"
        )
        if self.agrees:
            return f"The two modes agree: {figures}."
        worst = ", ".join(f"{name} ({shift:.1f} standard deviations off)" for name, shift in self.layers[:_NAMED])
        return (
            f"Batch normalisation's running statistics do not fit the weights: {figures}; worst {worst}. Re-estimate them "
            "with recalibrate_batch_norm(model, images), and train with a smaller momentum or for more steps."
        )


def check_train_eval_gap(model, x, y):
    """Runs one batch in training and in inference mode and says whether batch normalisation parts the two.

    The model stays as it is. Dropout and drop path, where a model has them, raise the loss in training mode alone.

    Args:
        model: a classifier, a `keras.Model` that ends in probabilities or logits `(N, classes)`.
        x: images `(N, H, W, C)` in the range the model takes; a batch of training images, 32 or more.
        y: labels int `(N,)`, or one-hot `(N, classes)`.

    Returns:
        A `TrainEvalGap`; print it.

    Raises:
        ModelError: images and labels differ in number.
    """
    labels = np.asarray(y)
    labels = labels.argmax(axis=1) if labels.ndim == 2 and labels.shape[1] > 1 else labels.reshape(-1).astype(int)
    if len(labels) != len(x):
        raise ModelError(f"check_train_eval_gap: expected as many labels as images, received {len(labels)} and {len(x)}")
    layers = [layer for layer in batch_norm_layers(model) if layer.trainable]
    running = _read(layers)
    training, found = batch_statistics(model, layers, x)
    inference = keras.ops.convert_to_numpy(model(keras.ops.convert_to_tensor(x), training=False))
    shifts = [
        float(np.sqrt(np.mean((mean - old_mean) ** 2 / (old_variance + layer.epsilon))))
        for layer, mean, old_mean, old_variance in zip(layers, found[::2], running[::2], running[1::2], strict=True)
    ]
    ranked = sorted(zip((layer.name for layer in layers), shifts, strict=True), key=lambda pair: -pair[1])
    (train_loss, train_accuracy), (eval_loss, eval_accuracy) = _judge(training, labels), _judge(inference, labels)
    return TrainEvalGap(train_loss, eval_loss, train_accuracy, eval_accuracy, tuple(ranked))


def _judge(outputs, labels):
    """Mean cross-entropy and accuracy of probabilities or logits `(N, K)`."""
    outputs = np.asarray(outputs, dtype="float64")
    logs = np.log(np.clip(outputs, 1e-7, 1))  # Keras's own clip of probabilities
    if (outputs < 0).any() or not np.allclose(outputs.sum(axis=1), 1, atol=1e-2):
        shifted = outputs - outputs.max(axis=1, keepdims=True)
        logs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    rows = np.arange(len(labels))
    return float(-logs[rows, labels].mean()), float((outputs.argmax(axis=1) == labels).mean())


def _read(layers):
    """Mean and variance of each layer, float64."""
    variables = [variable for layer in layers for variable in (layer.moving_mean, layer.moving_variance)]
    return [keras.ops.convert_to_numpy(variable).astype("float64") for variable in variables]


def _assign(layers, values):
    variables = [variable for layer in layers for variable in (layer.moving_mean, layer.moving_variance)]
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value.astype("float32"))


def _batches(data, batch_size):
    if not hasattr(data, "shape"):
        yield from data
        return
    for start in range(0, len(data), batch_size):
        batch = np.asarray(data[start : start + batch_size])
        if start == 0 or len(batch) * 2 >= batch_size:
            yield batch
