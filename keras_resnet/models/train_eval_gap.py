"""Noticing where batch normalisation's running statistics are wrong: a batch in training mode beside inference mode."""

from dataclasses import dataclass

import keras
import numpy as np

from keras_resnet.errors import ModelError
from keras_resnet.models.batch_norm import batch_statistics, read_statistics, trained_batch_norms
from keras_resnet.models.batches import model_inputs
from keras_resnet.models.objective import objective

# Layers named in a report; the difference of losses below which the two modes agree: of a cross-entropy in nats, of other
# losses as a share of the loss in training mode.
_NAMED, _AGREE, _SHARE = 3, 0.2, 0.5


@dataclass(frozen=True)
class TrainEvalGap:
    """What one batch looks like in training and in inference mode.

    Attributes:
        train_loss: mean loss in training mode (batch statistics); cross-entropies in nats.
        eval_loss: the same in inference mode (running statistics).
        train_accuracy: share of right answers in training mode, 0 to 1; None where there are none, as in regression.
        eval_accuracy: the same in inference mode.
        layers: pairs of name and shift of the batch normalisations, worst first: how far the batch's means lie from the
            running means, in running standard deviations (root mean square over the channels).
        loss: which loss it is, in words.
        tolerance: how much more the loss may be in inference mode.
    """

    train_loss: float
    eval_loss: float
    train_accuracy: float | None
    eval_accuracy: float | None
    layers: tuple
    loss: str
    tolerance: float

    @property
    def agrees(self):
        """Whether inference loses less than 0.2 nats, of a loss that is no cross-entropy half as much, more than training."""
        return self.eval_loss - self.train_loss < self.tolerance

    def __str__(self):
        training, inference = (f"{value:.3f}" for value in (self.train_loss, self.eval_loss))
        measured = self.loss
        if self.train_accuracy is not None:
            training, inference = f"{training} and {self.train_accuracy:.1%}", f"{inference} and {self.eval_accuracy:.1%}"
            measured += " and accuracy"
        figures = f"{measured} {training} in training mode, {inference} in inference mode"
        if self.agrees:
            return f"The two modes agree: {figures}."
        if not self.layers:
            return f"The two modes disagree, and no batch normalisation that is trained is the cause: {figures}."
        worst = ", ".join(f"{name} ({shift:.1f} standard deviations off)" for name, shift in self.layers[:_NAMED])
        return (
            f"Batch normalisation's running statistics do not fit the weights: {figures}; worst {worst}. Re-estimate them "
            "with recalibrate_batch_norm(model, images), and train with a smaller momentum or for more steps."
        )


def check_train_eval_gap(model: keras.Model, x, y) -> TrainEvalGap:
    """Runs one batch in training and in inference mode and says whether batch normalisation parts the two.

    The loss is the one that the model is compiled with (the mean over the batch, without penalties on weights), else what its
    head says: softmax, or logits beside class labels, the cross-entropy over classes; sigmoid units the binary one; a linear
    head beside measured values the mean squared error. The model stays as it is. Dropout and drop path, where a model has
    them, raise the loss in training mode alone.

    Args:
        model: a `keras.Model` of one output `(N, K)`: probabilities, logits or values.
        x: images `(N, H, W, C)` in the range the model takes; a batch of training images, 32 or more.
        y: of classes int `(N,)`, or one-hot `(N, K)`; of sigmoid units 0 or 1 `(N, K)`, of a single one also `(N,)`; of a
            regression float `(N, K)`.

    Returns:
        A `TrainEvalGap`; print it.

    Raises:
        ModelError: images that the model does not take, labels that do not fit the loss, a model that is not compiled and
            whose head says no loss, or outputs in training mode that are not finite.

    Example:
        >>> print(check_train_eval_gap(model, images[:64], labels[:64]))
        The two modes agree: categorical cross-entropy and accuracy 0.021 and 100.0% in training mode, 0.019 and 100.0% in
        inference mode.
    """
    try:
        return _gap(model, x, y)
    except ModelError as error:
        raise ModelError(f"check_train_eval_gap: {error}") from error.__cause__


def _gap(model, x, y):
    if not isinstance(model, keras.Model):
        raise ModelError(f"expected a keras.Model, received {type(model).__name__}")
    images = model_inputs(x, model, "x")
    if not len(keras.tree.flatten(images)[0]):
        raise ModelError("expected a batch of images, received none")
    layers = trained_batch_norms(model)
    running = read_statistics(layers)
    training, found = batch_statistics(model, layers, images)
    training = _only(training, model)
    if not np.isfinite(training).all():
        raise ModelError("the outputs in training mode are not finite: NaN or infinity in the images or the weights")
    inference = model(keras.tree.map_structure(keras.ops.convert_to_tensor, images), training=False)
    inference = _only(keras.tree.map_structure(keras.ops.convert_to_numpy, inference), model)
    judged = objective(model, y, training)
    (train_loss, train_accuracy), (eval_loss, eval_accuracy) = judged.judge(training), judged.judge(inference)
    tolerance = _AGREE if judged.nats else _SHARE * abs(train_loss)
    shifts = _shifts(layers, found, running)
    return TrainEvalGap(train_loss, eval_loss, train_accuracy, eval_accuracy, shifts, judged.name, tolerance)


def _only(outputs, model):
    """The one output of a model, float32."""
    found = keras.tree.flatten(outputs)
    if len(found) != 1:
        raise ModelError(f"expected a model of one output, received {model.name!r} with {len(found)}")
    return np.asarray(found[0], "float32")


def _shifts(layers, found, running):
    """Pairs of a layer's name and how far the batch's means lie from its running means, worst first."""
    shifts = [
        float(np.sqrt(np.mean((mean - old_mean) ** 2 / (old_variance + layer.epsilon))))
        for layer, mean, old_mean, old_variance in zip(layers, found[::2], running[::2], running[1::2], strict=True)
    ]
    names = [layer.name for layer in layers]
    return tuple(sorted(zip(names, shifts, strict=True), key=lambda pair: -np.nan_to_num(pair[1], nan=np.inf)))
