"""A network as one list of calls, those inside nested models among them, and the running of any part of it.

Nested models (a backbone in a `Sequential`, scaling in front) hide their layers from the outer graph. Here the inner calls
stand in the outer list, so that any tensor between input and output can be read, or put in place of what would be computed.
Nothing is added to the model: no node, no layer.
"""

import itertools
from dataclasses import dataclass, replace

import keras
import numpy as np
from keras.src.models.functional import Functional  # the class of functional models; no public name gives it

from keras_resnet.errors import ModelError


@dataclass(frozen=True, eq=False)
class Call:
    """A layer or operation applied once.

    Attributes:
        name: its name behind those of the models that it is nested in: ``"backbone/conv1"``.
        layer: the Keras layer or operation.
        node: Keras's record of the call.
        inputs, outputs: the numbers of the tensors that it reads and makes.
        shape: of its first output, None for what is not known.
    """

    name: str
    layer: object
    node: object
    inputs: tuple
    outputs: tuple
    shape: tuple


@dataclass(frozen=True, eq=False)
class Network:
    """A model of one input and one output.

    Attributes:
        calls: tuple of `Call`, in an order in which they can be run.
        input, output: numbers of tensors.
    """

    calls: tuple
    input: int
    output: int

    def run(self, given, wanted):
        """Computes tensors from others, as in inference.

        Args:
            given: dict of number -> tensor of the backend; what only these depend on is not computed.
            wanted: numbers of tensors.

        Returns:
            A list of tensors.
        """
        values = dict(given)
        for call in self._between(given, wanted):
            read = zip(call.node.input_tensors, call.inputs, strict=True)
            positional, named = call.node.arguments.fill_in({id(tensor): values[number] for tensor, number in read})
            values.update(zip(call.outputs, keras.tree.flatten(call.layer(*positional, **named)), strict=True))
        return [values[number] for number in wanted]

    def _between(self, given, wanted):
        """The calls that lead from some tensors to others."""
        needed, found = set(wanted) - set(given), []
        for call in reversed(self.calls):
            if not needed.isdisjoint(call.outputs):
                found.append(call)
                needed |= set(call.inputs) - set(given)
        return found[::-1]

    def ending_at(self, output):
        """The part that makes a tensor."""
        return replace(self, calls=tuple(self._between({self.input}, [output])), output=output)

    def ending_with(self, call):
        """The part that makes what a call reads, and the call, which may be another in the place of one of its own."""
        before = tuple(self._between({self.input}, call.inputs))
        return replace(self, calls=(*before, call), output=call.outputs[0])

    def maker(self, number):
        """The `Call` that makes a tensor; None for the input."""
        return next((call for call in self.calls if number in call.outputs), None)

    def bottlenecks(self):
        """The calls whose output is all that goes on: whatever comes later depends on the input through it alone."""
        made = {number: place for place, call in enumerate(self.calls) for number in call.outputs}
        return [self.calls[place] for place in cuts([[made.get(number, -1) for number in call.inputs] for call in self.calls])]


def unrolled(model):
    """The calls of a model, nested ones included.

    Args:
        model: a functional or built sequential `keras.Model`, images its only input.

    Returns:
        A `Network`.

    Raises:
        ModelError: another kind of model.
    """
    graph = _graph(model)
    if graph is None or len(graph.inputs) != 1 or len(graph.outputs) != 1:
        expected = "a functional or built Sequential model with one input and one output"
        raise ModelError(f"model: expected {expected}, received {_kind(model)}")
    numbers, calls = itertools.count(1), []
    (output,) = _unroll(graph, (0,), "", numbers, calls)
    return Network(tuple(calls), 0, output)


class Part(keras.Model):
    """What Keras compiles to compute a tensor of a network in batches; shares the layers of the model.

    Args:
        network: a `Network`, which ends in the tensor.
        model: the `keras.Model` that it is of, for its variables.
    """

    def __init__(self, network, model):
        super().__init__(name="part")
        self._network = network
        self.model = model
        self.last = network.calls[-1].layer  # may be none of the model's own

    def call(self, images):
        images = keras.ops.cast(images, self.model.inputs[0].dtype)
        return self._network.run({self._network.input: images}, [self._network.output])[0]


def embedding(model):
    """A function from images, as a classifier takes them, to its features: what its last layer with weights reads.

    Returns:
        A function of `(N, ...)` images in memory that returns float32 `(N, C)`; of a feature map, the mean over its places.

    Raises:
        ModelError: as `unrolled`; or a model without weights.
    """
    network = unrolled(model)
    part = Part(network.ending_at(_last(network, model).inputs[0]), model)

    def features(images):
        found = np.asarray(part.predict(images, batch_size=64, verbose=0), np.float32)
        return found if found.ndim == 2 else found.reshape(len(found), -1, found.shape[-1]).mean(axis=1)

    return features


def _last(network, model):
    """The last call of a layer with weights."""
    last = next((call for call in reversed(network.calls) if getattr(call.layer, "weights", ())), None)
    if last is None:
        raise ModelError(f"model {model.name!r}: expected layers with weights, received none")
    return last


def divide_logits(model, temperature):
    """Divides the logits of a classifier by a temperature, in place: the weights of its last layer, which is to be dense.

    Raises:
        ModelError: as `unrolled`; or another layer with weights comes last.
    """
    last = _last(unrolled(model), model).layer
    if not isinstance(last, keras.layers.Dense):
        raise ModelError(f"model {model.name!r}: expected its last weights in a dense layer, received {type(last).__name__}")
    last.set_weights([values / temperature for values in last.get_weights()])


def cuts(reads):
    """The places of an order behind which one thing alone is read on, the last left out.

    Args:
        reads: for each place, the places that it reads.
    """
    last = {place: reader for reader, places in enumerate(reads) for place in places}
    found, reach = [], last.get(-1, -1)
    for place in range(len(reads) - 1):
        if reach <= place:  # nothing before it is read behind it
            found.append(place)
        reach = max(reach, last.get(place, -1))
    return found


def _unroll(graph, inputs, prefix, numbers, calls):
    """Adds the calls of a graph; returns the numbers of its outputs."""
    known = {id(tensor): number for tensor, number in zip(graph.inputs, inputs, strict=True)}
    depths = graph._nodes_by_depth
    for node in (node for depth in sorted(depths, reverse=True) for node in depths[depth]):
        if node.is_input or any(id(tensor) not in known for tensor in node.input_tensors):
            continue
        layer, read = node.operation, tuple(known[id(tensor)] for tensor in node.input_tensors)
        nested = None if node.arguments.kwargs.get("training") else _graph(layer)
        if nested is not None and len(nested.inputs) == len(read):
            made = _unroll(nested, read, f"{prefix}{layer.name}/", numbers, calls)
        else:
            made = tuple(next(numbers) for _ in node.outputs)
            calls.append(Call(prefix + layer.name, layer, node, read, made, tuple(node.outputs[0].shape)))
        known.update(zip(map(id, node.outputs), made, strict=True))
    return tuple(known[id(tensor)] for tensor in graph.outputs)


def _graph(model):
    """The functional model behind a model that runs as its graph says; None for any other."""
    if isinstance(model, keras.Sequential) and type(model).call is keras.Sequential.call:
        return model._functional or None
    return model if isinstance(model, Functional) and type(model).call is Functional.call else None


def _kind(model):
    if not isinstance(model, keras.Model):
        return type(model).__name__
    graph = _graph(model)
    if graph is None:
        return f"{model.name!r}, a {type(model).__name__} without a graph"
    return f"{model.name!r} with {len(graph.inputs)} inputs and {len(graph.outputs)} outputs"
