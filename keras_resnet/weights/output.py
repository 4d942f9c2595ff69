"""Files of weights, once names and numbers are settled: which container a name asks for, and writing it whole or not at all."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from keras_resnet.errors import WeightsError
from keras_resnet.files import whole
from keras_resnet.weights.hdf5_write import write_legacy, write_native
from keras_resnet.weights.torch_files import write_safetensors

# End of a file's name -> its container, as `weight_file.Stored` has it; the longest end first.
CONTAINERS = {".weights.h5": "weights.h5", ".h5": "h5", ".hdf5": "h5", ".safetensors": "safetensors"}


@dataclass(frozen=True)
class Output:
    """What goes into a file: layer name -> weight name -> array, in order; attributes; the version of Keras to name."""

    layers: dict
    attributes: dict
    version: str


def end_of(path):
    """The end of a file's name that decides its container, e.g. ``".weights.h5"``.

    Raises:
        WeightsError: it has none.
    """
    end = next((end for end in CONTAINERS if Path(path).name.endswith(end)), None)
    if end is None:
        raise WeightsError(f"{path}: the end of its name decides what is written; expected {either(CONTAINERS)}")
    return end


def put(path, output):
    """Writes a file; it appears whole or not at all.

    Raises:
        WeightsError: it could not be written; an older file of that name is as it was.
    """
    end = end_of(path)
    with_errors_of(path, lambda temporary: _put(temporary, end, output), end)


def with_errors_of(path, write, end):
    """Calls ``write`` with a temporary path that becomes ``path``; what goes wrong on the disk is one line."""
    try:
        with whole(path, suffix=end) as temporary:
            write(temporary)
    except WeightsError as problem:
        raise WeightsError(f"{path}: {problem}") from None
    except (OSError, RuntimeError) as problem:  # h5py raises either where a disk is full
        text = problem.strerror if isinstance(problem, OSError) and problem.strerror else " ".join(str(problem).split())[:300]
        older = "; an older file of that name is as it was" if os.path.isfile(path) else ""
        raise WeightsError(f"{path} could not be written: {text}{older}") from problem


def _put(temporary, end, output):
    if end == ".safetensors":
        write_safetensors(temporary, output.layers, output.attributes)
    elif end == ".weights.h5":
        write_native(temporary, output.layers, attributes=output.attributes)
    else:
        write_legacy(temporary, output.layers, version=output.version, attributes=output.attributes)


def numbers(array):
    """An array in this machine's byte order; of a type that NumPy lacks (bfloat16), as float32."""
    dtype = array.dtype.newbyteorder("=") if array.dtype.kind in "fiu" else np.dtype("float32")
    return array.astype(dtype, copy=False)


def either(texts):
    """`a, b or c`."""
    *first, last = texts
    return f"{', '.join(first)} or {last}" if first else last
