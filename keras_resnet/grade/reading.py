"""Reading a block off the Keras graph: the layers of the main path, of the shortcut, and what follows the addition.

Names and the style of writing leave no trace in it: unnamed layers, `X + X_shortcut`, `ReLU()`, loops and nested models read
alike.
"""

from dataclasses import dataclass, field, replace

import keras
from keras import layers

from keras_resnet.grade import probing
from keras_resnet.grade.graph import followers, producer

_CONVOLUTIONS = (layers.Conv2D, layers.Conv2DTranspose, layers.SeparableConv2D, layers.DepthwiseConv2D)
_KINDS = {
    layers.BatchNormalization: "norm",
    layers.ZeroPadding2D: "zeros",
    layers.MaxPooling2D: "max_pool",
    layers.AveragePooling2D: "average_pool",
    layers.GlobalAveragePooling2D: "global_average",
    layers.GlobalMaxPooling2D: "global_max",
    layers.Flatten: "flatten",
}


@dataclass(frozen=True, eq=False)
class Part:
    """One operation on a path.

    Attributes:
        kind: ``"conv"``, ``"dense"``, one of `_KINDS`, ``"relu"``, ``"softmax"``, ``"activation"`` (another) or ``"other"``.
        layer: the layer or operation.
        tensor: its output.
        zeros: what a layer of zeros before it adds: `((top, bottom), (left, right))`, or None for none.
    """

    kind: str
    layer: object
    tensor: object
    zeros: tuple | None = None

    @property
    def hides(self):
        """Whether it is a layer with convolutions of its own, which the graph does not show."""
        inner = self.layer._flatten_layers(include_self=False) if isinstance(self.layer, keras.Layer) else ()
        return any(isinstance(layer, layers.Conv2D) for layer in inner)

    @property
    def label(self):
        """What to call it in a sentence."""
        return with_article(type(self.layer).__name__)


def with_article(name):
    """A class's name with its article."""
    return f"{'an' if name[:1] in 'AEIOU' else 'a'} {name}"


@dataclass(frozen=True, eq=False)
class Reading:
    """A block as it was read.

    Attributes:
        main, shortcut, after: tuples of `Part`, in the order of computation; the shortcut without what it shares with the
            main path.
        join: the call in which the paths meet; None where there is none.
        shared: the `Part`s at the beginning that both paths have in common.
        starts: for main path and shortcut, whether they begin at the block's input.
        branched: whether a path has another junction in it.
        shapes: of the ends of main path and shortcut.
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


def read(graph):
    """The `Reading` of a block: a `Graph` from its input to its output."""
    after, junction = walk(graph.outputs[0], graph.source)
    if junction is None or junction is graph.source:
        return Reading(main=after, starts=(junction is graph.source, True))
    call = producer(junction)
    return of_paths(call.input_tensors, graph.source, after, call)


def read_ends(graph):
    """The `Reading` of two paths that could not be added: a `Graph` from a block's input to their last tensors."""
    return of_paths(graph.outputs, graph.source, (), None)


def dead_ends(source, ends):
    """The `Part`s that were computed from ``source`` and that nothing goes on with, but for the tensors ``ends``."""
    found, pending, seen = [], [source], set()
    while pending:
        tensor = pending.pop()
        if id(tensor) in seen:
            continue
        seen.add(id(tensor))
        calls = followers(tensor)
        pending += [output for call in calls for output in call.output_tensors]
        if not calls and not any(tensor is end for end in ends):
            found += _parts(producer(tensor))[:1]
    return found


def of_paths(ends, source, after, join):
    """The `Reading` of a block whose paths end in the tensors ``ends`` and go back to ``source``, or to a junction."""
    walked = [(*walk(end, source), end) for end in ends]
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


def walk(tensor, source):
    """The parts from the end of a path back to ``source`` or a junction, in order, and that tensor; None for another input."""
    parts = []
    while tensor is not source:
        call = producer(tensor)
        if call is None or not call.input_tensors:
            return _ordered(parts), None
        if len(call.input_tensors) > 1:
            return _ordered(parts), tensor
        parts += reversed(_parts(call))
        tensor = call.input_tensors[0]
    return _ordered(parts), source


def _ordered(parts):
    """Parts that were found backwards, in order; zeros before a convolution or a pool as its own."""
    found = []
    for part in reversed(parts):
        if found and found[-1].kind == "zeros" and part.kind in ("conv", "max_pool", "average_pool"):
            part = replace(part, zeros=found.pop().layer.padding)
        found.append(part)
    return tuple(found)


def _is_junction(tensor):
    call = producer(tensor)
    return call is not None and len(call.input_tensors) > 1


def _parts(call):
    """A call as parts: none for one that changes nothing, two for a convolution with an activation."""
    operation, tensor = call.operation, call.outputs[0]
    kind = next((kind for layer, kind in _KINDS.items() if isinstance(operation, layer)), None)
    kind = "conv" if isinstance(operation, _CONVOLUTIONS) else "dense" if isinstance(operation, layers.Dense) else kind
    if kind in ("conv", "dense"):
        activation = probing.function_kind(operation.activation)
        return [Part(kind, operation, tensor), *([] if activation == "nothing" else [Part(activation, operation, tensor)])]
    if kind == "zeros" and not any(map(any, operation.padding)):
        return []
    kind = kind or _computed(call)
    return [] if kind == "nothing" else [Part(kind, operation, tensor)]


def _computed(call):
    """The kind of an operation that is none of Keras's layers with settings: judged by what it computes."""
    operation = call.operation
    if type(operation) is layers.Activation:
        return probing.function_kind(operation.activation)
    if getattr(operation, "weights", ()):
        return "activation" if isinstance(operation, layers.PReLU) else "other"
    return probing.call_kind(call) or ("activation" if _is_function(operation) else "other")


def _is_function(operation):
    """Whether Keras has it among its activations."""
    module = type(operation).__module__
    return module.startswith(("keras.src.ops.nn", "keras.src.activations", "keras.src.layers.activations"))
