"""Writing weight files: of a model, and of another file."""

import errno
import math
import os
import shutil
import warnings
from os import PathLike
from typing import TYPE_CHECKING

from keras_resnet.errors import WeightsError, one_of
from keras_resnet.weights import containers, detect, tensors
from keras_resnet.weights.dialect import is_head_alone
from keras_resnet.weights.hdf5_write import write_texts
from keras_resnet.weights.output import CONTAINERS, Output, end_of, numbers, put, with_errors_of
from keras_resnet.weights.path_checks import check_model_and_path, check_names_a_file, check_paths
from keras_resnet.weights.report import WriteReport
from keras_resnet.weights.weight_file import Stored, StoredTensor
from keras_resnet.weights.write import check_target, foreign, rendered, said_of

if TYPE_CHECKING:
    import keras

# Function -> what it can be told to write all the same: another lineage, and numbers that are not finite.
_ADVICE = {
    "save": (
        "lineage='ignore' writes it all the same",
        "kr.weights.save to .h5 without dialect=, then kr.weights.convert(.., nonfinite='warn') takes them as they are",
    ),
    "convert": (
        "lineage='ignore' (--lineage ignore) writes it all the same",
        "nonfinite='warn' (--nonfinite warn) takes them as they are",
    ),
}


def save(model: "keras.Model", path: str | PathLike, *, dialect: str | None = None, lineage="require") -> WriteReport:
    """Saves the weights of a `keras.Model`.

    Args:
        model: any; one that is written in another library's dialect has layer names of a known library.
        path: the file, which appears whole or not at all. Its name decides: `.weights.h5` is Keras 3's layout, `.h5` and
            `.hdf5` the one that Keras 1 and 2 read, `.safetensors` PyTorch's.
        dialect: whose names the layers get: ``"chollet"``, ``"keras_applications"``, ``"torchvision"``; ``"keras3"`` or None
            for the model's own.
        lineage: as in `convert`.

    Returns:
        A `WriteReport`.

    Raises:
        WeightsError: as in `convert`.
    """
    check_model_and_path("save", model, path)
    check_names_a_file(path)
    _check_lineage_argument(lineage)
    end = end_of(path)
    if dialect is not None:
        check_target(path, dialect)
    if dialect in (None, "keras3") and end != ".safetensors":
        return _save_own(model, path)
    file = _of_model(model)
    if dialect is None and file.naming.dialect != "torchvision":
        raise WeightsError(
            f"{path}: a .safetensors file has torchvision's names, and the model {model.name} has not; expected "
            "dialect='torchvision', or a name that ends in .h5 or .weights.h5"
        )
    return _written(file, path, dialect or "torchvision", _whose(model, file), "save", ignore=lineage == "ignore")


def convert(
    source: str | PathLike,
    target: str | PathLike,
    dialect: str,
    *,
    lineage: str = "require",
    kernels: str | None = None,
    nonfinite: str = "refuse",
) -> WriteReport:
    """Writes a weight file of any known library in another dialect. No framework is needed.

    Args:
        source: as the file of `load`.
        target: the new file, which appears whole or not at all; it may be the source. As the path of `save`.
        dialect: whose names and axes: ``"chollet"`` and ``"keras_applications"`` (`.h5`, `.hdf5`, `.weights.h5`),
            ``"torchvision"`` (`.safetensors`), or ``"keras3"`` (`.weights.h5`, with the file's own names).
        lineage: ``"require"`` refuses a dialect whose own library would compute something else with the tensors; ``"ignore"``
            does not. The new file states the lineage of the tensors, by which `load` and `model_from` go; Keras and PyTorch
            do not.
        kernels: as in `load`.
        nonfinite: as in `load`.

    Returns:
        A `WriteReport`.

    Raises:
        WeightsError: the source is missing or damaged; the dialect is not written to such a file, cannot hold the network, or
            belongs to another lineage; the target cannot be written, and then is as it was.
    """
    check_paths("convert", source, target)
    check_names_a_file(target)
    _check_lineage_argument(lineage)
    if nonfinite not in ("refuse", "warn"):
        raise WeightsError(one_of("nonfinite", nonfinite, ("refuse", "warn")))
    check_target(target, dialect)
    with containers.opened(source) as stored:
        file = tensors.canonical(stored, kernels)
        if is_head_alone(file.tensors):
            raise WeightsError(f"{source} holds a classifier head without its backbone; expected a network")
        found = detect.detect(file)
        whose = (found.lineage, found.facts)
        return _written(file, target, dialect, whose, "convert", ignore=lineage == "ignore", nonfinite=nonfinite)


def _written(file, path, dialect, whose, call, *, ignore, nonfinite="refuse"):
    """Reads all of a `tensors.Canonical`, then writes; whose: lineage and facts; call: a row of `_ADVICE`."""
    source, (lineage, facts), (any_lineage, any_number) = file.stored.path, whose, _ADVICE[call]
    difference = foreign(file, lineage, facts, dialect)
    if difference and not ignore:
        raise WeightsError(f"{difference}. {any_lineage}")
    output, notes, faults = rendered(file, dialect, lineage, facts, nonfinite=nonfinite, advice=any_number)
    for text in faults:
        warnings.warn(f"{source}: {text}", stacklevel=3)
    put(path, output)
    notes += [f"the lineage was ignored: {difference}"] if difference else []
    count = sum(len(weights) for weights in output.layers.values())
    return WriteReport(source, str(path), CONTAINERS[end_of(path)], dialect, lineage, count, tuple(notes))


def _check_lineage_argument(lineage):
    if lineage not in ("require", "ignore"):
        raise WeightsError(one_of("lineage", lineage, ("require", "ignore")))


def _of_model(model):
    """A model as if it were a file: a `tensors.Canonical`."""
    slots = tensors.slots(model)
    found = {key: {role: _tensor(variable) for role, variable in variables.items()} for key, variables in slots.tensors.items()}
    names = tuple(layer.name for layer in tensors.leaves(model))
    stored = Stored(model.name, "model", {slots.names[key]: weights for key, weights in found.items()}, names)
    return tensors.Canonical(stored, found, slots.names, slots.naming, (), (), rotated=False)


def _tensor(variable):
    return StoredTensor(tuple(variable.shape), lambda: _numbers(variable))


def _whose(model, file):
    """Lineage and facts of a model; file: the same as a `tensors.Canonical`."""
    facts = detect.facts_of_model(model, file.names)
    return detect.lineage_of(file.naming.dialect, file.tensors, facts), facts


def _save_own(model, path):
    """A model under its own layers' names: Keras's layout by Keras itself, the older one by ours."""
    import keras

    dialect, lineage, attributes = _own_identity(model)
    end = end_of(path)
    if end == ".weights.h5":
        with_errors_of(path, lambda temporary: _save_native(model, temporary, attributes), end)
    else:
        layers = {layer.name: _weights_of(layer) for layer in model.layers}
        put(path, Output(layers, attributes, keras.__version__))
    return WriteReport(model.name, str(path), CONTAINERS[end], dialect, lineage, len(model.weights))


def _own_identity(model):
    """Dialect, lineage and attributes of a model; nothing where two layers claim one place, as in two networks."""
    try:
        file = _of_model(model)
    except WeightsError:
        return None, None, {}
    lineage, facts = _whose(model, file)
    return file.naming.dialect, lineage, said_of(lineage, facts, file.tensors)


def _save_native(model, path, attributes):
    import h5py

    size = sum(4 * math.prod(weight.shape) for weight in model.weights)
    if shutil.disk_usage(path.parent).free < size:  # Keras writes by HDF5's library, see `hdf5_write`
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    model.save_weights(path)
    with h5py.File(path, "a") as file:
        write_texts(file, attributes)


def _weights_of(layer):
    """Weight name -> array; of layers within the layer, the names stand before them."""
    weights = [*layer.trainable_weights, *layer.non_trainable_weights]  # the order of keras 3.15, legacy_h5_format.py
    names = [weight.path.rsplit("/", 1)[-1] for weight in weights]
    if hasattr(layer, "layers"):
        owners = {id(weight): leaf.name for leaf in tensors.leaves(layer) for weight in leaf.weights}
        names = [f"{owners[id(weight)]}/{name}" for weight, name in zip(weights, names, strict=True)]
    if len(set(names)) < len(names):
        names = [weight.path for weight in weights]
    return {name: _numbers(weight) for weight, name in zip(weights, names, strict=True)}


def _numbers(variable):
    import keras

    return numbers(keras.ops.convert_to_numpy(variable))
