"""Loading weights into a model and saving them: by name, compared first, assigned last."""

import keras
import numpy as np

from keras_resnet.errors import WeightsError
from keras_resnet.weights import hdf5
from keras_resnet.weights.report import LoadReport


def save(model, path):
    """Saves the weights of a flat `keras.Model` as HDF5 in the layout that Keras 1 and 2 read.

    Args:
        model: its layers' own names become the names in the file.
        path: the file, e.g. ``"weights.h5"``; it appears whole or not at all.
    """
    layers = {
        layer.name: {_weight_name(weight): keras.ops.convert_to_numpy(weight) for weight in layer.weights}
        for layer in model.layers
    }
    hdf5.write(path, layers, keras_version=keras.__version__)


def load(model, path):
    """Loads a weight file that this package saved into a model with the same layer names.

    The whole file is read and compared first: on any difference the model stays as it was.

    Args:
        model: a flat `keras.Model`.
        path: the weight file.

    Returns:
        A `LoadReport`.

    Raises:
        WeightsError: the file is missing or damaged, or names or shapes differ.
    """
    arrays = {f"{layer}/{name}": array for layer, weights in hdf5.read(path).items() for name, array in weights.items()}
    variables = {f"{layer.name}/{_weight_name(weight)}": weight for layer in model.layers for weight in layer.weights}
    report = compare(arrays, variables)
    if not report.complete:
        raise WeightsError(f"{path} does not fit the model {model.name}, which is unchanged: {report}")
    for name, variable in variables.items():
        variable.assign(np.asarray(arrays[name], dtype=variable.dtype))
    return report


def compare(arrays, variables):
    """Compares two dicts of name -> anything with a shape: a file's and a model's. Returns a `LoadReport`."""
    common = [name for name in variables if name in arrays]
    differ = [name for name in common if tuple(arrays[name].shape) != tuple(variables[name].shape)]
    return LoadReport(
        matched=tuple(name for name in common if name not in differ),
        missing=tuple(name for name in variables if name not in arrays),
        unexpected=tuple(name for name in arrays if name not in variables),
        reshaped=tuple((name, tuple(arrays[name].shape), tuple(variables[name].shape)) for name in differ),
    )


def _weight_name(weight):
    return weight.path.rsplit("/", 1)[-1]
