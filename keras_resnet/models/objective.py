"""What a model's outputs are judged by: the loss it was compiled with, else the one that its head implies."""

import copy
import functools
from dataclasses import dataclass

import keras
import numpy as np

from keras_resnet.errors import ModelError

_COMPILE = "compile the model with its loss, e.g. model.compile(loss=keras.losses.BinaryCrossentropy(from_logits=True))"
_ROW_SUM = 1e-2  # a float16 or bfloat16 softmax misses 1 by a few thousandths
_ONE_HOT = (keras.losses.CategoricalCrossentropy, keras.losses.CategoricalFocalCrossentropy)
_CLASSES = (keras.losses.SparseCategoricalCrossentropy, *_ONE_HOT)
_BINARY = (keras.losses.BinaryCrossentropy, keras.losses.BinaryFocalCrossentropy)
_OF_FUNCTION = {
    keras.losses.sparse_categorical_crossentropy: keras.losses.SparseCategoricalCrossentropy,
    keras.losses.categorical_crossentropy: keras.losses.CategoricalCrossentropy,
    keras.losses.categorical_focal_crossentropy: keras.losses.CategoricalFocalCrossentropy,
    keras.losses.binary_crossentropy: keras.losses.BinaryCrossentropy,
    keras.losses.binary_focal_crossentropy: keras.losses.BinaryFocalCrossentropy,
}
# Layers and operations that hand on what they are given, in another form.
_THROUGH = ("Identity", "Reshape", "Flatten", "Cast", "Squeeze", "ExpandDims")


@dataclass(frozen=True, eq=False)
class Objective:
    """Loss and accuracy of a batch's outputs.

    Attributes:
        name: of the loss, in words.
        nats: whether it is the cross-entropy of one answer an image.
        loss: a `keras.losses.Loss` that gives the mean.
        targets: what the loss compares the outputs with.
        right: outputs `(N, ..., K)` to an array of bool, one an answer; None where no answer is right or wrong.
    """

    name: str
    nats: bool
    loss: object
    targets: np.ndarray
    right: object

    def judge(self, outputs):
        """Mean loss, and the share of right answers, 0 to 1 (None where there are none)."""
        outputs = _rows(outputs)
        try:
            value = float(np.mean(keras.ops.convert_to_numpy(self.loss(self.targets, outputs))))
        except Exception as error:  # the user's own loss may raise anything
            fault = str(error).strip().split("\n")[0]
            raise ModelError(
                f"{self.name} cannot be computed of labels {self.targets.shape} and outputs {outputs.shape}: {fault}"
            ) from error
        return value, None if self.right is None else float(np.mean(self.right(outputs)))


def objective(model, labels, outputs):
    """The objective of a batch.

    Args:
        model: a `keras.Model` of one output.
        labels: of the batch, in any of the forms that `check_train_eval_gap` names.
        outputs: of the model for the batch `(N, ..., K)`.

    Returns:
        An `Objective`.

    Raises:
        ModelError: labels that do not fit the loss, or a model that tells no loss.
    """
    outputs, targets = _rows(outputs), _numbers(labels, len(outputs))
    head = _head(model, outputs)
    loss = _compiled(model, targets, outputs) or _implied(model, head, targets, outputs)
    if isinstance(loss, _CLASSES):
        return _of_classes(loss, targets, outputs.shape)
    if isinstance(loss, _BINARY) and head != "softmax":
        return _binary(loss, targets, outputs.shape)
    return _other(loss, head, targets, outputs.shape)


def _rows(outputs):
    outputs = np.asarray(outputs, "float32")
    return outputs[:, None] if outputs.ndim == 1 else outputs


def _numbers(labels, count):
    """Labels as an array of numbers, one row an image."""
    try:
        array = np.asarray(labels.detach().cpu() if hasattr(labels, "detach") else labels)
    except ValueError as error:  # lists of different lengths
        raise ModelError(f"expected labels as an array of numbers, received {type(labels).__name__}: {error}") from error
    if array.dtype.kind not in "biuf":
        example = f" such as {array.flat[0]!r}" if array.size else ""
        raise ModelError(f"expected labels as numbers, received {array.dtype}{example}")
    if array.ndim == 0 or len(array) != count:
        raise ModelError(f"expected as many labels as images, received {len(array) if array.ndim else array} and {count}")
    if not np.isfinite(array).all():
        raise ModelError("expected labels that are finite, received NaN or infinity among them")
    return array


def _compiled(model, targets, outputs):
    """The loss a model was compiled with, as one that gives the mean; None without one."""
    found = [each for each in keras.tree.flatten(model.loss) if each is not None]
    if len(found) > 1:
        raise ModelError(f"expected a model of one loss, received {model.name!r} with {len(found)}")
    if not found:
        return None
    if found[0] in ("crossentropy", "ce"):  # Keras chooses by the shapes
        return keras.losses.BinaryCrossentropy() if outputs.shape[-1] == 1 else keras.losses.CategoricalCrossentropy()
    return _mean(found[0])


def _mean(loss):
    """A loss in any of Keras's forms, as a `keras.losses.Loss` that gives the mean."""
    settings = {}
    while isinstance(loss, functools.partial) and not loss.args:
        settings, loss = {**loss.keywords, **settings}, loss.func
    loss = keras.losses.get(loss)
    if loss in _OF_FUNCTION:
        return _OF_FUNCTION[loss](**settings)
    if not isinstance(loss, keras.losses.Loss):
        return _Function(loss, settings)
    loss = copy.copy(loss)
    loss.reduction = "sum_over_batch_size"
    return loss


class _Function(keras.losses.Loss):
    """A function of labels and outputs."""

    def __init__(self, function, settings):
        super().__init__(name=getattr(function, "__name__", type(function).__name__))
        self.function, self.settings = function, settings

    def call(self, y_true, y_pred):
        return self.function(y_true, y_pred, **self.settings)


def _head(model, outputs):
    """What a model ends in: "softmax", "sigmoid", "linear", or the name of another activation or layer; None where unknown."""
    found = _last_activation(model)
    if found in ("sigmoid", "linear") or outputs.shape[-1] == 1:
        return found
    shares = (outputs >= 0).all() and np.abs(outputs.sum(axis=-1) - 1).max() <= _ROW_SUM
    if shares:
        return "softmax"  # of whatever kind: a mean of several networks' is one too
    return None if found == "softmax" else found  # of another axis than the classes'


def _last_activation(model):
    """As the graph has it; None where it does not say."""
    tensors = getattr(model, "outputs", None) or ()
    while len(tensors) == 1 and hasattr(tensors[0], "_keras_history"):
        layer, node, _ = tensors[0]._keras_history
        if isinstance(layer, keras.Model):
            return _last_activation(layer)
        kind, activation = type(layer).__name__, getattr(layer, "activation", None)
        if activation is None and kind not in _THROUGH:
            return kind.lower()
        name = getattr(activation, "__name__", None)
        if name not in ("linear", None) or hasattr(layer, "kernel"):
            return name
        tensors = layer._inbound_nodes[node].input_tensors
    return None


def _implied(model, head, targets, outputs):
    """The loss that a head implies."""
    several = outputs.shape[-1] > 1
    if head == "softmax" and several:
        return keras.losses.CategoricalCrossentropy()
    if head == "sigmoid":
        return keras.losses.BinaryCrossentropy()
    if head != "linear":
        ends = f"ends in {head!r} of {outputs.shape[-1]} units" if head else "does not show what it ends in"
        raise ModelError(f"no loss is known: model {model.name!r} {ends}; {_COMPILE}")
    if several and _is_labels(targets, outputs.shape):
        return keras.losses.CategoricalCrossentropy(from_logits=True)
    if targets.min() >= 0 and targets.max() <= 1:
        raise ModelError(
            f"no loss is known: the outputs of model {model.name!r} are unbounded, and labels of 0 to 1 fit logits as well as "
            f"measured values; {_COMPILE}"
        )
    return keras.losses.MeanSquaredError()


def _is_labels(targets, shape):
    """Whether targets are numbers of classes, or one-hot."""
    if targets.shape == shape:
        return bool(((targets == 0) | (targets == 1)).all() and (targets.sum(axis=-1) == 1).all())
    return targets.shape in (shape[:-1], (*shape[:-1], 1)) and (targets == np.round(targets)).all()


def _of_classes(loss, targets, shape):
    count, ignored = shape[-1], getattr(loss, "ignore_class", None)
    if count == 1:
        raise ModelError(f"{_name(loss)} is of two classes or more, and the model has one output: it takes BinaryCrossentropy")
    if targets.shape == shape:
        _check_shares(targets, sparse=not isinstance(loss, _ONE_HOT))
        labels, shares = targets.argmax(axis=-1), targets
    else:
        labels = _class_numbers(targets, shape, ignored)
        shares = (labels[..., None] == np.arange(count)).astype("float32")
    counted = labels != ignored
    return Objective(
        name=_name(loss),
        nats=True,
        loss=loss,
        targets=shares if isinstance(loss, _ONE_HOT) else labels,
        right=lambda outputs: (outputs.argmax(axis=-1) == labels)[counted],
    )


def _check_shares(targets, sparse):
    """One-hot rows, or the shares of smoothed or mixed labels."""
    if sparse and not _is_labels(targets, targets.shape):
        raise ModelError("expected one label an image, or one-hot rows, for a sparse cross-entropy, received other rows")
    sums = targets.sum(axis=-1, dtype="float64")
    if targets.min() < 0 or np.abs(sums - 1).max() > _ROW_SUM:
        raise ModelError(
            f"expected rows of labels of 0 or more that sum to 1, received a smallest value of {targets.min():.4g} and sums of "
            f"{sums.min():.4g} to {sums.max():.4g}; several labels an image take sigmoid units and BinaryCrossentropy"
        )


def _class_numbers(targets, shape, ignored):
    count = shape[-1]
    if targets.shape not in (shape[:-1], (*shape[:-1], 1)):
        raise ModelError(
            f"expected labels of shape {shape[:-1]} from 0 to {count - 1}, or {shape} one-hot, received shape {targets.shape}"
        )
    labels = targets.reshape(shape[:-1])
    seen = labels[labels != ignored]
    broken = seen[seen != np.round(seen)]
    if broken.size:
        raise ModelError(f"expected labels that are whole numbers from 0 to {count - 1}, received {broken[0]:g}")
    if seen.size and not 0 <= seen.min() <= seen.max() < count:
        raise ModelError(f"expected labels from 0 to {count - 1}, received {seen.min():g} to {seen.max():g}")
    return labels.astype("int64")


def _binary(loss, targets, shape):
    targets = _of_shape(targets, shape)
    if targets.min() < 0 or targets.max() > 1:
        raise ModelError(f"expected labels of 0 or 1 for {_name(loss)}, received {targets.min():g} to {targets.max():g}")
    threshold = 0 if loss.from_logits else 0.5
    return Objective(
        name=_name(loss),
        nats=shape[-1] == 1,
        loss=loss,
        targets=targets,
        right=lambda outputs: (outputs > threshold) == (targets > 0.5),
    )


def _other(loss, head, targets, shape):
    """Any other loss: Keras's compare value by value; one's own takes what it likes."""
    labels = right = None
    if head == "softmax" and _is_labels(targets, shape):
        labels = targets.argmax(axis=-1) if targets.shape == shape else _class_numbers(targets, shape, None)
    if _by_value(loss):
        targets = _of_shape(targets, shape) if labels is None else np.eye(shape[-1], dtype="float32")[labels]
    if labels is not None:
        right = lambda outputs: outputs.argmax(axis=-1) == labels  # noqa: E731
    elif head == "sigmoid" and targets.shape == shape and np.isin(targets, (0, 1)).all():
        right = lambda outputs: (outputs > 0.5) == (targets > 0.5)  # noqa: E731
    return Objective(name=_name(loss), nats=False, loss=loss, targets=targets, right=right)


def _by_value(loss):
    """Whether it is a loss of Keras that compares arrays of one shape."""
    function = getattr(loss, "function", None) or loss
    known = [getattr(keras.losses, name) for name in dir(keras.losses)]
    return (function if isinstance(loss, _Function) else type(loss)) in known and not isinstance(
        loss, keras.losses.Circle | keras.losses.CTC | keras.losses.CategoricalGeneralizedCrossEntropy
    )


def _of_shape(targets, shape):
    if targets.shape == shape or targets.shape == shape[:-1] and shape[-1] == 1:
        return targets.reshape(shape)
    raise ModelError(f"expected labels of shape {shape}, one a unit of the head, received shape {targets.shape}")


def _name(loss):
    return loss.name.replace("_", " ").replace("crossentropy", "cross-entropy")
