"""Files whose layers are named by class and count, shapes leaving two readings (`numbered_layers`): settled by the model.

A file of weights alone does not say how its network was put together. Its names do in part: Keras numbers the layers of a class
as they are made and lists them as the additions take them. Where file and model have the same numbers in the same order, the
same code has most likely made both, and the file is read as the model is; otherwise it is refused. Files that have only
positions, as Keras 3 wrote them before it kept the names, tell nothing and are refused too.
"""

import re
from dataclasses import replace

from keras_resnet.architectures.layer_names import Place
from keras_resnet.errors import WeightsError

_NUMBERED = re.compile(r"(.*?)(?:_(\d+))?")


def settled(file, model, *, ignore=False):
    """A file with the places that the model's layers have.

    Args:
        file: a `tensors.Canonical`.
        model: `tensors.Slots`.
        ignore: whether to take the file's order for the model's without evidence.

    Returns:
        The file itself where there is one reading, or none that is the model's.

    Raises:
        WeightsError: names the two layers that may be each other's, and what would tell.
    """
    if not file.naming.readings:
        return file
    ours, open_too = _convolutions(model.tensors), bool(model.naming.readings)
    found = [reading for reading in file.naming.readings if _convolutions(reading[0].values()) == ours]
    if not found and not open_too:
        return file
    if not ignore and (file.stored.counted or _ranks(file) != _ranks(model)):
        one, other = open_places(file.naming.readings)
        raise WeightsError(
            f"{file.stored.path}: {one} or {other} may be the shortcut's, for layers are named by class and count, shapes are "
            "equal and no graph is in the file; expected a whole model (.keras), a known library's layer names, or the model's "
            "own numbers in the same order. lineage='ignore' takes the file's order for the model's"
        )
    return file if open_too else _read(file, *found[0])


def open_places(readings):
    """The first two convolutions that change places between two readings."""
    (one, _), (other, _) = readings
    name = next(name for name in one if one[name] != other[name] and one[name].role == "conv")
    return name, next(rival for rival, key in other.items() if key == one[name])


def _read(file, keys, order):
    moved = {key: keys[name] for key, name in file.names.items()}
    return replace(
        file,
        tensors={moved[key]: weights for key, weights in file.tensors.items()},
        names={moved[key]: name for key, name in file.names.items()},
        naming=replace(file.naming, keys=keys, order=order, readings=()),
        counters={moved[key]: counter for key, counter in file.counters.items()},
    )


def _convolutions(keys):
    return [key for key in keys if isinstance(key, Place) and key.role == "conv"]


def _ranks(layers):
    """Name without its number -> the ranks of the numbers of convolutions and normalisations, in the order of the network."""
    numbers = {}
    for key, weights in layers.tensors.items():
        if len(weights["kernel"].shape if "kernel" in weights else ()) != 4 and "moving_mean" not in weights:
            continue
        kind, number = _NUMBERED.fullmatch(layers.names[key]).groups()
        numbers.setdefault(kind, []).append(int(number or 0))
    return {kind: [sorted(found).index(number) for number in found] for kind, found in numbers.items()}
