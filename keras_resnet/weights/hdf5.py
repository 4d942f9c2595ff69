"""The HDF5 layout of Keras 1 and 2: a group a layer, `layer_names` at the root, `weight_names` at each group.

/                     attributes layer_names, backend, keras_version
/conv1                attribute weight_names = [b"conv1/kernel:0", b"conv1/bias:0"]
/conv1/conv1/kernel:0 dataset float32 (7, 7, 3, 64)
"""

import h5py
import numpy as np

from keras_resnet.errors import WeightsError
from keras_resnet.files import open_hdf5, whole


def write(path, layers, *, keras_version):
    """Writes a weight file; it appears whole or not at all.

    Args:
        path: the file, an older one is replaced.
        layers: dict of layer name -> dict of weight name -> array, both in the order of the network. Layers without
            weights are listed too, as Keras does.
        keras_version: str, written as an attribute.
    """
    with whole(path) as temporary, h5py.File(temporary, "w") as file:
        file.attrs["layer_names"] = _names(layers)
        file.attrs["backend"] = np.bytes_("tensorflow")  # the kernels are not rotated, as Theano's are
        file.attrs["keras_version"] = np.bytes_(keras_version)
        for layer, weights in layers.items():
            group = file.create_group(layer)
            group.attrs["weight_names"] = _names(f"{layer}/{name}:0" for name in weights)
            for name, array in weights.items():
                group[f"{layer}/{name}:0"] = array


def read(path):
    """Reads what `write` writes: dict of layer name -> dict of weight name -> array, without layers that have no weights.

    Raises:
        WeightsError: not there, damaged, or without the attributes of this layout.
    """
    with open_hdf5(path, WeightsError) as file:
        if "layer_names" not in file.attrs:
            raise WeightsError(f"{path} holds no weights in the Keras layout: it has no attribute layer_names at its root")
        return {layer: weights for layer in _texts(file.attrs["layer_names"]) if (weights := _read_group(file, layer, path))}


def _read_group(file, layer, path):
    if layer not in file:
        raise WeightsError(f"{path} names the layer {layer} but has no group of that name")
    group = file[layer]
    weights = {}
    for name in _texts(group.attrs.get("weight_names", ())):
        if name not in group:
            raise WeightsError(f"{path} names the weight {name} of layer {layer} but has no dataset of that name")
        weights[name.rsplit("/", 1)[-1].removesuffix(":0")] = group[name][()]
    return weights


def _names(names):
    return np.array([name.encode("utf-8") for name in names], dtype="S") if (names := list(names)) else np.array([], "S1")


def _texts(values):
    return [value.decode("utf-8") if isinstance(value, bytes) else str(value) for value in values]
