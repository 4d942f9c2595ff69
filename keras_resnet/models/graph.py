"""The graph of a built network as a list: layers in topological order, and what each depends on."""

from dataclasses import dataclass

import keras
from keras import layers

from keras_resnet.errors import ModelError


@dataclass(frozen=True, eq=False)
class Step:
    """A layer in its place in the graph.

    Attributes:
        layer: the Keras layer or operation.
        index: its number in topological order.
        inputs: the numbers of those that it reads.
        behind: a bit set: the numbers of all that it depends on, its own included.
        output: its Keras tensor.
    """

    layer: object
    index: int
    inputs: tuple
    behind: int
    output: object


def flat(model):
    """The functional model to look at: ``model``, or the only model among its layers.

    Raises:
        ModelError: the model has no graph, or nests several models.
    """
    if not isinstance(model, keras.Model):
        raise ModelError(f"model: expected a keras.Model, received {type(model).__name__}")
    nested = [layer for layer in model.layers if isinstance(layer, keras.Model)]
    convolves = any(isinstance(layer, layers.Conv2D) for layer in model.layers)
    if len(nested) == 1 and not convolves:
        return flat(nested[0])
    if len(nested) > 1 and not convolves:
        names = ", ".join(repr(layer.name) for layer in nested)
        raise ModelError(f"model {model.name!r}: expected one network, received one that nests {names}: pass one of them")
    try:
        outputs = model.outputs
    except (AttributeError, ValueError):
        outputs = None
    if not outputs or not hasattr(outputs[0], "_keras_history"):
        raise ModelError(f"model {model.name!r}: expected a functional model, received {type(model).__name__} without a graph")
    return model


def steps(model):
    """The layers that a flat functional model's outputs depend on, in topological order: a tuple of `Step`."""
    nodes, pending = {}, list(model.outputs)
    sources = {id(tensor) for tensor in model.inputs}
    while pending:
        tensor = pending.pop()
        layer, node_index, _ = tensor._keras_history
        if id(layer) not in nodes:
            nodes[id(layer)] = node = layer._inbound_nodes[node_index]
            pending += [] if id(tensor) in sources else node.input_tensors
    functional = model._functional if isinstance(model, keras.Sequential) else model
    order = [layer for layer in functional.operations if id(layer) in nodes]
    rank = {id(layer): index for index, layer in enumerate(order)}
    found = []
    for index, layer in enumerate(order):
        node = nodes[id(layer)]
        inputs = tuple(rank[id(tensor._keras_history[0])] for tensor in node.input_tensors)
        inputs = tuple(number for number in inputs if number < index)
        behind = 1 << index
        for number in inputs:
            behind |= found[number].behind
        found.append(Step(layer, index, inputs, behind, node.output_tensors[0]))
    return tuple(found)


def members(steps, bits):
    """The steps whose numbers a bit set holds."""
    return tuple(step for step in steps if bits >> step.index & 1)
