"""Checks of the two blocks."""

import keras
import numpy as np

from keras_resnet.grade import calling, reading, running, structure, values
from keras_resnet.grade.grading import graded
from keras_resnet.grade.sentences import mistake
from keras_resnet.grade.structure import Task

# Every number differs from every other, so that a wrong one shows itself.
_NUMBERS = {
    "identity": {"channels": 7, "kernel": 5, "filters": (2, 3, 7)},
    "conv": {"channels": 4, "kernel": 5, "filters": (2, 3, 7), "stride": 3, "height": 13, "width": 16},
}
_NO_BIAS = (
    "The convolutions have no bias, which changes nothing before a batch normalisation; the published network's have one."
)
_NO_SCALE = "The batch normalisations have no gamma or no beta; the published network's have both."


def check_identity_block(function):
    """Checks an identity block: its layers against the paper's, its values against the equations in NumPy.

    Args:
        function: with the parameters of any generation of the assignment, or Chollet's: `(X, f, filters, stage, block)`,
            `(X, f, filters, training=True, initializer=..)`, `(X, f, filters, initializer=..)`. It is called, several times.

    Returns:
        A `Grade`: print it, or let a notebook cell show it. An empty function is not an error.

    Example:
        >>> import keras_resnet as kr
        >>> check_identity_block(kr.identity_block)
        identity_block: right.
    """
    return _check(function, "identity")


def check_conv_block(function):
    """Checks a convolutional block; see `check_identity_block`.

    Args:
        function: as there, with a parameter for the stride: `s`, `stride` or `strides`.
    """
    return _check(function, "conv")


def _check(function, kind):
    name = calling.name_of(function)
    learner = calling.learner(function, kind) if callable(function) else None
    if learner is None:
        expected = " or ".join(calling.SIGNATURES[kind])
        return graded(name, [mistake("signature", name=name, received=calling.parameters_of(function), expected=expected)])
    task, recorder = Task(kind, name, **_NUMBERS[kind]), running.Recorder()
    outcome = running.build(learner, task, recorder)
    if outcome.found:
        return graded(name, outcome.found)
    if outcome.ends:
        return graded(name, _of_ends(outcome, task))
    model = _model(outcome)
    fitted = values.Fitted(model, task) if model else None
    found = recorder.mistakes() + _default_stride(learner)
    found += _initialised(model, learner, recorder, task) if model else []
    wrong = _wrong_mode(fitted) if fitted else "inference"
    if wrong is None:
        found = found or _modes(learner, model, task)
        return graded(name, found, _remarks(fitted))
    read = reading.read(outcome.output, outcome.source)
    if read.hidden:
        return graded(name, [mistake("hidden", what=read.hidden.label)])
    loose = reading.dead_ends(outcome.source, (outcome.output,))
    added = read.join is not None or any(type(part.layer).__name__ == "Add" for part in loose)
    why = structure.loose(loose if added else [], task) or structure.mistakes(read, task)
    return graded(name, (why or [mistake("values", mode=wrong)]) + found)


def _of_ends(outcome, task):
    """The mistakes of a block whose paths could not be added: what explains it, or the shapes alone."""
    read = reading.read_ends(outcome.ends, outcome.source)
    found = structure.loose(reading.dead_ends(outcome.source, outcome.ends), task) or structure.mistakes(read, task)
    return found or [mistake("shapes", main=read.shapes[0], shortcut=read.shapes[1])]


def _model(outcome):
    """The block as a model; None where its output depends on something else than its input."""
    try:
        return keras.Model(outcome.source, outcome.output)
    except ValueError:
        return None


def _wrong_mode(fitted):
    """None where the block computes what the equations say; else the mode in which it does not."""
    for mode, training in (("inference", False), ("training", True)):
        found = fitted.difference(training)
        if found is None or not found[0] <= values.TOLERANCE * found[1]:
            return mode
    return None


def _default_stride(learner):
    default = learner.defaults.get("stride", 2)
    return [] if default in (2, (2, 2), [2, 2]) else [mistake("default_stride", name=learner.name, received=default)]


def _initialised(model, learner, recorder, task):
    """Which kernels the initializer that the function was given has not made."""
    if "initializer" not in learner.named or recorder.uncalled:
        return []
    wrong = [
        layer
        for layer in model._flatten_layers()
        if isinstance(layer, keras.layers.Conv2D) and not np.allclose(values.numbers(layer.kernel), recorder.value)
    ]
    return [mistake("initialiser", where=_where(layer, task), name=task.name) for layer in wrong[:1]]


def _where(layer, task):
    shapes = [kernel.shape for kernel in values.draw(task).kernels]
    places = [f"the {ordinal} convolution of the main path" for ordinal in structure.ORDINALS[:3]] + [
        "the shortcut's convolution"
    ]
    known = dict(zip(shapes, places, strict=False))
    return known.get(tuple(layer.kernel.shape), "a convolution")


def _modes(learner, model, task):
    """Whether `training` reaches the batch normalisations, on numbers: in a network, Keras itself decides."""
    if "training" not in learner.named:
        return []
    recorder, x = running.Recorder(), keras.ops.convert_to_tensor(np.abs(values.images(task)))
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.Conv2D):
            layer.kernel.assign(np.full(layer.kernel.shape, recorder.value, "float32"))
            if layer.use_bias:
                layer.bias.assign(np.zeros(layer.bias.shape, "float32"))
        elif isinstance(layer, keras.layers.BatchNormalization):
            fresh = ((layer.gamma, 1), (layer.beta, 0), (layer.moving_mean, 0), (layer.moving_variance, 1))
            for variable, value in fresh:
                if variable is not None:
                    variable.assign(np.full(variable.shape, value, "float32"))
    outputs, wrong = {}, []
    for training in (False, True):
        expected = values.numbers(model(x, training=training))
        stride = task.stride if task.kind == "conv" else None
        y = learner(x, task.kernel, list(task.filters), stride=stride, training=training, initializer=recorder)
        outputs[training] = values.numbers(y)
        if np.abs(outputs[training] - expected).max() > values.TOLERANCE * np.abs(expected).max():
            wrong.append(training)
    if wrong and np.allclose(outputs[False], outputs[True], rtol=1e-4):
        return [mistake("training_ignored")]
    return [mistake("training_partly", mode=mode) for mode in wrong[:1]]


def _remarks(fitted):
    remarks = [_NO_BIAS] if not all(conv.use_bias for conv in fitted.convs) else []
    return remarks + ([_NO_SCALE] if not all(norm.scale and norm.center for norm in fitted.norms[0]) else [])
