"""A learner's network as a flat graph: the calls that lead from one Keras tensor to another, nested layers opened.

The one place here that touches how Keras records its graph (`_keras_history`, a layer's nodes and call signature): there is no
public way from a tensor back to the layers that it came from.
"""

import keras
from keras import tree


class Graph:
    """What leads from a Keras tensor to others.

    Args:
        source: where it begins, a Keras tensor.
        outputs: tuple of Keras tensors.

    Attributes:
        calls: tuple of Keras's nodes, each one call of a layer or operation, in an order of computation.
        closed: whether the outputs depend on ``source`` alone.
    """

    def __init__(self, source, outputs):
        self.source, self.outputs = source, tuple(outputs)
        found = _calls(self.outputs, source)
        self.calls = tuple(call for call in found if call.input_tensors)
        self.closed = len(self.calls) == len(found)

    @property
    def layers(self):
        """The layers in the order of their first call, those within other layers too."""
        called = [call.operation for call in self.calls if isinstance(call.operation, keras.Layer)]
        return list(dict.fromkeys(layer for each in called for layer in each._flatten_layers()))

    def __call__(self, x, training=False):
        """The first output's value for numbers ``x`` in place of the source, in inference or training mode."""
        values = {id(self.source): x}
        for call in self.calls:
            for tensor, value in zip(call.outputs, tree.flatten(run(call, values, training)), strict=True):
                values[id(tensor)] = value
        return values[id(self.outputs[0])]


def run(call, values, training=None):
    """Repeats a call with other inputs.

    Args:
        call: a node.
        values: the id of each Keras tensor it takes -> what to take instead.
        training: a mode for operations that know modes, whatever the call said; None for what the call said.
    """
    arguments, options = call.arguments.fill_in(values)
    if training is not None and getattr(call.operation, "_call_has_training_arg", False):
        options = {**options, "training": training}
    return call.operation(*arguments, **options)


def producer(tensor):
    """The call that a Keras tensor came from, a node; None where there is none."""
    operation, index, _ = tensor._keras_history
    return operation._inbound_nodes[index] if operation is not None else None


def followers(tensor):
    """The calls that take a Keras tensor."""
    nodes = tensor._keras_history.operation._outbound_nodes
    return [node for node in nodes if any(taken is tensor for taken in node.input_tensors)]


def opened(source, outputs):
    """A `Graph` of the same layers in which models, and layers of one's own that consist of others, are opened.

    A layer that computes with something else than Keras stays closed.
    """
    stuck = set()
    while True:
        graph = Graph(source, outputs)
        if not any(_consists_of_others(call.operation) and call.operation not in stuck for call in graph.calls):
            return graph
        source, outputs = _opened_once(graph, stuck)


def _opened_once(graph, stuck):
    source = keras.Input(graph.source.shape[1:], dtype=graph.source.dtype)
    values = {id(graph.source): source}
    for call in graph.calls:
        for tensor, value in zip(call.outputs, tree.flatten(_again(call, values, stuck)), strict=True):
            values[id(tensor)] = value
    return source, [values.get(id(output), output) for output in graph.outputs]


def _again(call, values, stuck):
    values = {**{id(tensor): tensor for tensor in call.input_tensors}, **values}
    if _consists_of_others(call.operation) and call.operation not in stuck:
        arguments, options = call.arguments.fill_in(values)
        try:
            return call.operation.call(*arguments, **options)
        except Exception:  # whatever a learner's own code raises for a tensor without numbers
            stuck.add(call.operation)
    return run(call, values)


def _consists_of_others(operation):
    """Whether it is a model, or a layer of the learner's own with layers in it."""
    if not isinstance(operation, keras.Layer) or not operation._flatten_layers(include_self=False):
        return False
    return isinstance(operation, keras.Model) or not type(operation).__module__.startswith("keras.")


def _calls(outputs, source):
    """Nodes in an order of computation, those of inputs other than ``source`` too."""
    found, seen, pending = [], set(), [(tensor, False) for tensor in reversed(outputs)]
    while pending:
        tensor, ready = pending.pop()
        call = None if tensor is source else producer(tensor)
        if call is None or (not ready and id(call) in seen):
            continue
        if ready:
            found.append(call)
        else:
            seen.add(id(call))
            pending.append((tensor, True))
            pending += [(taken, False) for taken in reversed(call.input_tensors)]
    return found
