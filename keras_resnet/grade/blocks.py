"""Checks of the two blocks."""

from collections.abc import Callable
from dataclasses import replace

import keras
import numpy as np

from keras_resnet.grade import calling, naming, reading, running, settings, structure, values
from keras_resnet.grade.grading import Grade, graded
from keras_resnet.grade.graph import Graph, opened
from keras_resnet.grade.sentences import mistake
from keras_resnet.grade.structure import Task

# Every number differs from every other, so that a wrong one shows itself.
_NUMBERS = {
    "identity": {"channels": 7, "kernel": 5, "filters": (2, 3, 7)},
    "conv": {"channels": 4, "kernel": 5, "filters": (2, 3, 7), "stride": 3, "height": 13, "width": 16},
}
# What a block that is right for the first numbers is built with besides: an argument that is given may still be forgotten.
_OTHERS = {
    "identity": (
        {"block": "b"},
        {"channels": 5, "kernel": 3, "filters": (4, 2, 5), "stage": 3},
        {"channels": 6, "kernel": 1, "filters": (3, 5, 6), "stage": 4},
    ),
    "conv": (
        {"block": "b"},
        {"channels": 5, "kernel": 3, "filters": (3, 4, 6), "stride": 1, "stage": 3},
        {"channels": 6, "kernel": 3, "filters": (3, 4, 5), "stride": 2, "stage": 4},
    ),
}
_NO_BIAS = (
    "The convolutions have no bias, which changes nothing before a batch normalisation; the published network's have one."
)
_NO_SCALE = "The batch normalisations have no gamma or no beta; the published network's have both."
_UNUSED = "{what} is computed and nothing goes on with it; it changes nothing."


def check_identity_block(function: Callable) -> Grade:
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


def check_conv_block(function: Callable) -> Grade:
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
    task, recorder = _task(learner, kind), running.Recorder()
    outcome = running.build(learner, task, recorder)
    if outcome.output is None:
        return graded(name, outcome.found or _of_ends(outcome, task))
    graph = opened(outcome.source, [outcome.output])
    read, fitted = reading.read(graph), values.Fitted(graph, task)
    started = _initialized(graph, learner, recorder, task) if graph.closed else []  # before the weights are others
    found = _built(outcome, read, fitted) + recorder.mistakes() + _default_stride(learner) + started
    found = found or _again(learner, kind, outcome) or _modes(learner, graph, task)
    return graded(name, found, [] if found else _advice(outcome, learner, read, fitted))


def _task(learner, kind, **numbers):
    x, f, _ = learner.first
    words = {"x": x, "f": f, "s": learner.named.get("stride", "s"), "strides": learner.strides}
    return Task(kind, learner.name, **{**_NUMBERS[kind], **numbers}, **words)


def _of_ends(outcome, task):
    """The mistakes of a block whose paths could not be added: what explains it, or the shapes alone."""
    read = reading.read_ends(opened(outcome.source, outcome.ends))
    found = _explained(read, task, reading.dead_ends(outcome.source, outcome.ends))
    return found or [mistake("shapes", main=read.shapes[0], shortcut=read.shapes[1])]


def _built(outcome, read, fitted):
    """The mistakes of a block that has been built once: of its layers, its values and its names."""
    task, graph = fitted.task, fitted.graph
    found = naming.twice(Graph(outcome.source, [outcome.output]))
    found += [] if read.hidden else _explained(read, task, reading.dead_ends(outcome.source, [outcome.output]))
    mode = None if found or not graph.closed else fitted.wrong_mode()
    if mode and read.hidden:
        return [mistake("hidden", what=read.hidden.label)]
    return [*found, mistake("values", mode=mode)] if mode else found


def _explained(read, task, loose):
    """What the layers say; that nothing goes on with some of them counts where there is a mistake."""
    found = structure.mistakes(read, task)
    return structure.mistakes(read, task, loose) if found and loose else found


def _again(learner, kind, first):
    """The mistakes that the block shows when it is built again, under another name and with other numbers."""
    before = Graph(first.source, [first.output])
    for numbers in _OTHERS[kind]:
        task = replace(_task(learner, kind), **numbers)
        outcome = running.build(learner, task, running.Recorder())
        case = f"With {task.s}={task.stride}" if kind == "conv" else f"With {task.f}={task.kernel}"
        if outcome.output is None:
            found = outcome.found or _of_ends(outcome, task)
        else:
            found = naming.repeated(before, Graph(outcome.source, [outcome.output]), numbers, learner)
            read = reading.read(opened(outcome.source, [outcome.output]))
            case, found = ("", found) if found else (case, [] if read.hidden else structure.mistakes(read, task))
        if found:
            return [replace(each, case=case) for each in found]
    return []


def _default_stride(learner):
    default = learner.defaults.get("stride", 2)
    return [] if default in (2, (2, 2), [2, 2]) else [mistake("default_stride", name=learner.name, received=repr(default))]


def _initialized(graph, learner, recorder, task):
    """Which kernels the initializer that the function was given has not made, or which start as one number."""
    convs = [layer for layer in graph.layers if isinstance(layer, keras.layers.Conv2D)]
    if "initializer" not in learner.named:
        return settings.constant_start(convs)
    if recorder.uncalled:
        return []
    wrong = [layer for layer in convs if not np.allclose(values.numbers(layer.kernel), recorder.value)]
    return [mistake("initialiser", where=_where(layer, task), name=task.name) for layer in wrong[:1]]


def _where(layer, task):
    shapes = [kernel.shape for kernel in values.draw(task).kernels]
    places = [f"the {ordinal} convolution of the main path" for ordinal in structure.ORDINALS[:3]] + [
        "the shortcut's convolution"
    ]
    known = dict(zip(shapes, places, strict=False))
    return known.get(tuple(layer.kernel.shape), "a convolution")


def _modes(learner, graph, task):
    """Whether `training` reaches the batch normalisations, on numbers: in a network, Keras itself decides."""
    if "training" not in learner.named:
        return []
    recorder, x = running.Recorder(), keras.ops.convert_to_tensor(np.abs(values.images(task)))
    for layer in graph.layers:
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
        expected = values.numbers(graph(x, training=training))
        stride = task.stride if task.kind == "conv" else None
        y = learner(x, task.kernel, list(task.filters), stride=stride, training=training, initializer=recorder)
        outputs[training] = values.numbers(y)
        if np.abs(outputs[training] - expected).max() > values.TOLERANCE * np.abs(expected).max():
            wrong.append(training)
    if wrong and np.allclose(outputs[False], outputs[True], rtol=1e-4):
        return [mistake("training_ignored")]
    return [mistake("training_partly", mode=mode) for mode in wrong[:1]]


def _advice(outcome, learner, read, fitted):
    """What a learner may want to know of a right block; names come last."""
    advice = [_NO_BIAS] if not all(conv.use_bias for conv in fitted.convs) else []
    advice += [_NO_SCALE] if not all(norm.scale and norm.center for norm in fitted.norms[0]) else []
    advice += settings.advice_of(fitted.graph.layers)
    advice += [] if "initializer" in learner.named else settings.advice_of_start(fitted.graph.layers)
    loose = reading.dead_ends(outcome.source, [outcome.output])
    advice += [_UNUSED.format(what=f"{part.label[0].upper()}{part.label[1:]}") for part in loose[:1]]
    return advice + naming.advice(read, learner, fitted.task)
