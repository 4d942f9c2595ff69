"""What a weight file holds before anything is made of its names: layers, each a few tensors that are read when asked for."""

import contextlib
import math
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

from keras_resnet.errors import WeightsError

# A declared size beyond this many times the bytes that are there (and a floor, for small sparse tensors) is no weight file's.
PROPORTION, FLOOR = 100, 1 << 20


# Attributes of files of this package: whose network computes with the weights; in whose names they were before, a row of
# `names.GRAMMARS`; and the `dialects.Facts` in which their network departs from its lineage.
ORIGIN = ("lineage", "grammar", "epsilon", "stride", "pool", "stem")


@dataclass(frozen=True)
class StoredTensor:
    """A tensor of a file, or what it becomes on the way out of it.

    Attributes:
        shape: tuple of int.
        read: returns the array; takes no argument.
        fill: reads into a float32 array of the shape that is handed in; None where the tensor is not stored as float32.
    """

    shape: tuple
    read: Callable
    fill: Callable | None = None

    def then(self, shape, change):
        """The same tensor after a change: a function of the array, and the shape that it gives."""
        return StoredTensor(tuple(shape), lambda: change(self.read()))


@dataclass(frozen=True)
class Stored:
    """A weight file.

    Attributes:
        path: of the file.
        container: ``"h5"`` (the layout of Keras 1 and 2), ``"weights.h5"``, ``"keras"``, ``"safetensors"`` or ``"pth"``.
        layers: layer name -> weight name -> `StoredTensor`, in the file's order.
        names: every layer's name, those without weights included, in the file's order; empty where the file does not say.
        config: the layers of a saved graph as dicts of ``class_name`` and ``config``; empty where the file has none.
        backend: what the file says of the backend that wrote it, or None.
        version: the version of Keras that it names, or None.
        counted: whether layers are named by their class and a count alone (`conv2d_7`), as Keras 3 does.
        said: what a file of this package says of its origin, see `ORIGIN`: name -> text, those that it has.
        widened: how many tensors are read as float32 because NumPy lacks their type.
    """

    path: str
    container: str
    layers: dict
    names: tuple = ()
    config: tuple = field(default=(), repr=False)
    backend: str | None = None
    version: str | None = None
    counted: bool = False
    said: dict = field(default_factory=dict)
    widened: int = 0


# What the libraries raise about damaged files.
FAULTS = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
)


@contextlib.contextmanager
def guarded(path, *further):
    """Turns what a library (``further``: its own exceptions) raises about a file into a `WeightsError` of one line."""
    try:
        yield
    except WeightsError:
        raise
    except (*FAULTS, *further) as problem:
        text = " ".join(str(problem).split())[:300]
        raise WeightsError(f"{path} is damaged or not what it seems: {type(problem).__name__}: {text}") from None


def check_size(what, shape, itemsize, present):
    """Refuses a tensor whose declared size is out of all proportion to the bytes that are there.

    Raises:
        WeightsError: names the tensor.
    """
    declared = itemsize * math.prod(map(int, shape))
    if declared > max(FLOOR, PROPORTION * present):
        raise WeightsError(f"{what} declares the shape {tuple(shape)}, {declared:,} bytes, of which {present:,} are there")
