"""Reading a block off the Keras graph: the layers of the main path, of the shortcut, and what follows the addition.

Names and the style of writing leave no trace in it: unnamed layers, `X + X_shortcut`, `ReLU()`, loops and nested models read
alike.
"""

from dataclasses import dataclass, field

import keras
from keras import layers

_SILENT = (layers.Identity, layers.InputLayer)


@dataclass(frozen=True, eq=False)
class Part:
    """One operation on a path.

    Attributes:
        kind: ``"conv"``, ``"norm"``, ``"relu"``, ``"activation"`` (another one) or ``"other"``.
        layer: the layer or operation.
        tensor: its output.
    """

    kind: str
    layer: object
    tensor: object

    @property
    def hides(self):
        """Whether it is a layer with convolutions of its own, which the graph does not show."""
        inner = self.layer._flatten_layers(include_self=False) if isinstance(self.layer, keras.Layer) else ()
        return any(isinstance(layer, layers.Conv2D) for layer in inner)

    @property
    def label(self):
        """What to call it in a sentence."""
        article = "an" if type(self.layer).__name__[:1] in "AEIOU" else "a"
        return f"{article} {type(self.layer).__name__}"


@dataclass(frozen=True, eq=False)
class Reading:
    """A block as it was read.

    Attributes:
        main, shortcut, after: tuples of `Part`, in the order of computation; the shortcut without what it shares with the
            main path.
        join: the operation in which the paths meet; None where there is none.
        shared: the `Part`s at the beginning that both paths have in common.
        starts: for main path and shortcut, whether they begin at the block's input.
        branched: whether a path has another junction in it.
    """

    main: tuple
    shortcut: tuple = ()
    after: tuple = ()
    join: object = None
    shared: tuple = ()
    starts: tuple = (True, True)
    branched: bool = False
    shapes: tuple = field(default=())

    @property
    def hidden(self):
        """The first part that hides convolutions; None where there is none."""
        return next((part for part in (*self.main, *self.shortcut, *self.after) if part.hides), None)


def read(output, source):
    """The `Reading` of a block that begins at the Keras tensor ``source`` and ends in ``output``."""
    after, junction = _walk(output, source)
    if junction is None or junction is source:
        return Reading(main=after, starts=(junction is source, True))
    call = node(junction)
    return _of_paths(call.input_tensors, source, after, call.operation)


def read_ends(ends, source):
    """The `Reading` of two paths that could not be added, by their last tensors."""
    return _of_paths(ends, source, (), None)


def dead_ends(source, ends):
    """The `Part`s that were computed from ``source`` and that nothing goes on with, but for the tensors ``ends``."""
    found, pending, seen = [], [source], set()
    while pending:
        tensor = pending.pop()
        if id(tensor) in seen:
            continue
        seen.add(id(tensor))
        nodes = [node for node in tensor._keras_history.operation._outbound_nodes if _takes(node, tensor)]
        pending += [output for node in nodes for output in node.output_tensors]
        if not nodes and not any(tensor is end for end in ends):
            found += _parts(tensor._keras_history.operation, tensor)[:1]
    return found


def _takes(node, tensor):
    return any(taken is tensor for taken in node.input_tensors)


def _of_paths(ends, source, after, join):
    walked = [(*_walk(end, source), end) for end in ends]
    walked.sort(key=lambda path: (sum(part.kind == "conv" for part in path[0]), len(path[0])), reverse=True)
    (main, first, main_end), (side, second, side_end) = walked[0], walked[-1]
    common = 0  # parts that both paths begin with
    while common < min(len(main), len(side)) and main[common].tensor is side[common].tensor:
        common += 1
    if common == len(side) and sum(part.kind == "conv" for part in side) == 3:
        # The shortcut goes on from the end of the main path.
        (main, first, main_end), (side, second, side_end) = walked[-1], walked[0]
    return Reading(
        main=main,
        shortcut=side[common:],
        after=after,
        join=join,
        shared=main[:common],
        starts=tuple(end is not None for end in (first, second)),
        branched=len(ends) > 2 or any(end is not None and end is not source and _is_junction(end) for end in (first, second)),
        shapes=(tuple(main_end.shape), tuple(side_end.shape)),
    )


def _walk(tensor, source):
    """The parts from the end of a path back to ``source`` or a junction, in order, and that tensor; None for another input."""
    parts, outer = [], []
    while tensor is not source:
        call = node(tensor)
        if call is None or not call.input_tensors:
            if not outer:
                return tuple(reversed(parts)), None
            tensor = outer.pop()  # the input of a model within the network: on with what it was called on
        elif len(call.input_tensors) > 1:
            return tuple(reversed(parts)), tensor
        elif _nested(call.operation):
            outer.append(call.input_tensors[0])
            tensor = call.operation.outputs[0]
        else:
            parts += reversed(_parts(call.operation, tensor))
            tensor = call.input_tensors[0]
    return tuple(reversed(parts)), source


def node(tensor):
    """The call that a Keras tensor came from."""
    operation, index, _ = tensor._keras_history
    return operation._inbound_nodes[index] if operation is not None else None


def _is_junction(tensor):
    call = node(tensor)
    return call is not None and len(call.input_tensors) > 1


def _nested(operation):
    return isinstance(operation, keras.Model) and len(getattr(operation, "outputs", None) or ()) == 1


def _parts(operation, tensor):
    """An operation as parts: none for one that changes nothing, two for a convolution with an activation."""
    if isinstance(operation, _SILENT):
        return []
    if isinstance(operation, layers.Conv2D):
        kind = _activation(operation.activation)
        return [Part("conv", operation, tensor), *([Part(kind, operation, tensor)] if kind else [])]
    if isinstance(operation, layers.BatchNormalization):
        return [Part("norm", operation, tensor)]
    if isinstance(operation, layers.Activation):
        kind = _activation(operation.activation)
        return [Part(kind, operation, tensor)] if kind else []
    if isinstance(operation, layers.ReLU):
        plain = not operation.max_value and not operation.negative_slope and not operation.threshold
        return [Part("relu" if plain else "activation", operation, tensor)]
    name, module = type(operation).__name__, type(operation).__module__
    if name in ("Relu", "ReLU"):  # of keras.ops and of keras.activations
        return [Part("relu", operation, tensor)]
    function = module.startswith(("keras.src.ops.nn", "keras.src.activations"))
    return [Part("activation" if function else "other", operation, tensor)]


def _activation(function):
    if function in (None, keras.activations.linear):
        return None
    return "relu" if function is keras.activations.relu else "activation"
