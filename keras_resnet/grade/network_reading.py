"""Reading a whole network off its graph: stem, residual blocks, head. Names leave no trace in it."""

from dataclasses import dataclass, replace

from keras_resnet.grade.graph import producer
from keras_resnet.grade.reading import of_paths, walk

_POOLS = ("max_pool", "average_pool", "global_average", "global_max")
_HEAD = (*_POOLS, "flatten", "dense", "softmax")


@dataclass(frozen=True, eq=False)
class Network:
    """A network as it was read.

    Attributes:
        stem: tuple of `reading.Part`, up to the pool where there is one.
        blocks: tuple of `reading.Reading`, in the order of computation.
        head: tuple of `reading.Part`, what follows the last block.
        whole: whether all of it was read: additions one after another, from the input on.
    """

    stem: tuple
    blocks: tuple
    head: tuple
    whole: bool = True

    @property
    def parts(self):
        """All `Part`s, block by block, each block's shortcut after its main path."""
        within = [part for block in self.blocks for part in (*block.main, *block.shortcut, *block.after)]
        return [*self.stem, *within, *self.head]

    @property
    def hidden(self):
        """The first part that hides convolutions; None where there is none."""
        return next((part for part in self.parts if part.hides), None)


def read_network(graph):
    """The `Network` of a `Graph` that begins at the images and ends in the probabilities."""
    following, junction = walk(graph.outputs[0], graph.source)
    blocks = []
    while junction is not None and junction is not graph.source:
        call = producer(junction)
        previous = _junction_before(call, graph.source)
        if previous is None:
            return Network((), tuple(blocks), following, whole=False)
        block = of_paths(call.input_tensors, previous, (), call)
        cut = _first(following, _HEAD) if not blocks else _first(following, ("conv",))
        blocks.insert(0, replace(block, after=following[:cut]))
        if len(blocks) == 1:
            head = following[cut:]
        else:
            blocks[1] = _beginning(blocks[1], following[cut:])
        following, junction = block.shared, previous
        blocks[0] = replace(blocks[0], main=block.main[len(block.shared) :], shared=())
    if not blocks:
        return Network(following, (), (), whole=junction is graph.source)
    pool = max((number for number, part in enumerate(following) if part.kind in _POOLS), default=len(following))
    cut = pool + _first(following[pool:], ("conv",))
    blocks[0] = _beginning(blocks[0], following[cut:])
    return Network(following[:cut], tuple(blocks), head, whole=junction is graph.source)


def _beginning(block, shared):
    """A block with what its paths have in common before they part."""
    return replace(block, main=(*shared, *block.main), shared=tuple(shared))


def _first(parts, kinds):
    return next((number for number, part in enumerate(parts) if part.kind in kinds), len(parts))


def _junction_before(call, source):
    """Where both paths of an addition come from: the addition before it, or the input; None where they do not."""
    found = [walk(tensor, source)[1] for tensor in call.input_tensors]
    return found[0] if len(found) == 2 and found[0] is found[1] else None
