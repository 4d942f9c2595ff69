"""The graph of a built network as a list: layers in topological order, and what each depends on."""

from dataclasses import dataclass

import keras

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


def functional(model):
    """The model, if it has a graph.

    Raises:
        ModelError: no model, or one without a graph.
    """
    if not isinstance(model, keras.Model):
        raise ModelError(f"model: expected a keras.Model, received {type(model).__name__}")
    if not _has_graph(model):
        raise ModelError(f"model {model.name!r}: expected a functional model, received {type(model).__name__} without a graph")
    return model


def _has_graph(model):
    try:
        outputs = model.outputs
    except (AttributeError, ValueError):
        return False
    return bool(outputs) and hasattr(outputs[0], "_keras_history")


def nested(model):
    """The models with a graph among a model's layers, those in a wrapper such as `TimeDistributed` too."""
    inner = (getattr(layer, "layer", layer) for layer in model.layers)
    return [each for each in inner if isinstance(each, keras.Model) and _has_graph(each)]


def part(model, prefix):
    """The part of a model whose names begin with a prefix: a model among its layers, or layers side by side with others.

    Args:
        model: a functional `keras.Model`.
        prefix: the name of a model among its layers; or what the names of layers begin with, up to an underscore.

    Returns:
        A `keras.Model` from the inputs that those layers depend on to the last of them; it shares its layers with ``model``.

    Raises:
        ModelError: no such layer.
    """
    for inner in nested(functional(model)):
        if inner.name == prefix:
            return inner
    found = steps(model)
    own = [step for step in found if begins(step.layer.name, prefix)]
    if not own:
        raise ModelError(f"prefix: expected what names of layers of model {model.name!r} begin with, received {prefix!r}")
    sources = [tensor for tensor in model.inputs if any(step.output is tensor for step in members(found, own[-1].behind))]
    return keras.Model(sources, own[-1].output, name=str(prefix).rstrip("_-"))


def begins(name, prefix):
    """Whether a name begins with a prefix as a word of its own: ``"rgb"`` is one of ``rgb_conv1``, not of ``rgb2_conv1``."""
    if not prefix or not name.startswith(prefix):
        return False
    return not (prefix[-1].isalnum() and name[len(prefix) : len(prefix) + 1].isalnum())


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
