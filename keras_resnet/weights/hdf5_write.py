"""Writing HDF5 weight files: the layout of Keras 1 and 2, and that of Keras 3; `hdf5` describes both and reads them.

A file is made in memory and written at once: where a disk is full, HDF5's library fails to close its file and ends the process.
"""

import contextlib
import io

import h5py
import numpy as np

from keras_resnet.errors import WeightsError
from keras_resnet.weights.hdf5 import VARIABLES

_HEADER = 64512  # bytes that an attribute may have, HDF5_OBJECT_HEADER_LIMIT of keras 3.15, legacy_h5_format.py


def write_legacy(path, layers, *, version, attributes=()):
    """Writes the layout of Keras 1 and 2.

    Args:
        path: of a file that is written anew.
        layers: layer name -> weight name -> array, in the order of the network; layers without weights may be listed too. The
            weight of a model within the model is named with its layer, `conv1/kernel`.
        version: of Keras, whose readers go by it.
        attributes: further attributes of the root: a dict of str.
    """
    with _made_in_memory(path) as file:
        _write_names(file, "layer_names", layers)
        # The kernels are not rotated, as those of a file of Theano's are.
        write_texts(file, {"backend": "tensorflow", "keras_version": version})
        write_texts(file, attributes)
        for layer, weights in layers.items():
            group = file.create_group(layer)
            _write_names(group, "weight_names", [f"{layer}/{name}:0" for name in weights])
            for name, array in weights.items():
                group[f"{layer}/{name}:0"] = array


def write_native(path, layers, *, attributes=()):
    """Writes Keras 3's layout. Arguments as of `write_legacy`; layers without weights are left out.

    Raises:
        WeightsError: the weights of a layer are those of no class known here.
    """
    rows, counts = [], {}
    for layer, weights in ((layer, weights) for layer, weights in layers.items() if weights):
        kind = class_of(weights)
        if kind is None:
            raise WeightsError(
                f"the layer {layer} has the weights {', '.join(weights)}, of no class that .weights.h5 is written for; "
                f"expected one of {', '.join(VARIABLES)}"
            )
        number = counts[kind] = counts.get(kind, -1) + 1
        rows.append((f"layers/{kind}" + (f"_{number}" if number else ""), layer, kind, weights))
    with _made_in_memory(path) as file:
        write_texts(file, attributes)
        file.create_group("vars")
        for group_path, layer, kind, weights in rows:
            group = file.create_group(f"{group_path}/vars")
            write_texts(group, {"name": layer})
            for number, role in enumerate(role for role in VARIABLES[kind] if role in weights):
                group[str(number)] = weights[role]


def write_texts(group, texts):
    """Writes attributes, a dict of str, at fixed length: texts of variable length are read through a heap, and slowly."""
    for name, text in dict(texts).items():
        group.attrs[name] = np.bytes_(text.encode("utf-8"))


def class_of(weights):
    """The class of a layer as Keras 3 spells its groups, by its weights' names and axes; None for others."""
    kernel = weights.get("kernel")
    if kernel is not None:
        kind = {4: "conv2d", 2: "dense"}.get(kernel.ndim)
    else:
        kind = "batch_normalization" if "moving_mean" in weights else "group_normalization" if "gamma" in weights else None
    roles = VARIABLES.get(kind, ())
    needed = {"batch_normalization": roles[1:], "group_normalization": roles}.get(kind, roles[:1])
    if kernel is not None and "bias" in weights and weights["bias"].shape != kernel.shape[-1:]:
        return None  # a depthwise convolution's kernel has four axes too
    return kind if set(needed) <= set(weights) <= set(roles) else None


@contextlib.contextmanager
def _made_in_memory(path):
    image = io.BytesIO()
    with h5py.File(image, "w") as file:
        yield file
    with open(path, "wb") as stream:
        stream.write(image.getbuffer())


def _write_names(group, attribute, names):
    """A list of names as an attribute, in chunks `name0`, `name1` .. where it is longer than HDF5 takes."""
    array = np.array([name.encode("utf-8") for name in names], dtype="S") if names else np.array([], "S1")
    if array.nbytes <= _HEADER:
        group.attrs[attribute] = array
        return
    for number, chunk in enumerate(np.array_split(array, -(-array.nbytes // _HEADER))):
        group.attrs[f"{attribute}{number}"] = chunk
