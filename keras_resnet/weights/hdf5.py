"""HDF5 weight files: the layout of Keras 1 and 2, and that of Keras 3; `hdf5_write` writes them.

Keras 1 and 2, and Keras 3 for whole models under a name that ends in .h5: a group a layer.

    /                     attributes layer_names, backend, keras_version; in a whole model, of the group model_weights;
                          and, in files of this package, those of `weight_file.ORIGIN`
    /conv1                attribute weight_names = [b"conv1/kernel:0", b"conv1/bias:0"]
    /conv1/conv1/kernel:0 dataset float32 (7, 7, 3, 64)

Keras 3's .weights.h5: a group a layer, named after its class and a count; variables are numbered.

    /layers/conv2d/vars   attribute name = "conv1", which older files lack
    /layers/conv2d/vars/0 dataset float32 (7, 7, 3, 64)

TensorFlow 2.12 and 2.13 called the group of the layers `_layer_checkpoint_dependencies`; its counts leave numbers out.
"""

import re

import h5py
import numpy as np

from keras_resnet.errors import WeightsError
from keras_resnet.weights.graph import group_names, layers_of
from keras_resnet.weights.hdf5_attributes import Attributes
from keras_resnet.weights.weight_file import ORIGIN, Stored, StoredTensor, check_size, guarded

# Class of a layer, as Keras 3 spells its group -> its variables by number; a batch normalisation of three has no gamma.
VARIABLES = {
    "conv2d": ("kernel", "bias"),
    "dense": ("kernel", "bias"),
    "batch_normalization": ("gamma", "beta", "moving_mean", "moving_variance"),
    "group_normalization": ("gamma", "beta"),
}
_COUNTED = re.compile(r"(.+?)(?:_(\d+))?")
_DEPTH = 8  # of models within models
_GAPPED = "_layer_checkpoint_dependencies"


def stored(file, path, stream, *, config=(), container=None):
    """What an open HDF5 file holds: a `Stored`, to be read while the file is open.

    Args:
        file: an open `h5py.File`.
        path: how messages call it.
        stream: the same file as a binary stream that can be sought in.
        config: the layers of the saved graph, where they are known from elsewhere (a .keras archive).
        container: as in `Stored`; None to tell by the layout.

    Raises:
        WeightsError: damaged, no weights in a layout of Keras, links, external or virtual datasets, absurd sizes.
    """
    with guarded(path):
        _refuse_links(file, path)
        attributes = Attributes(file, path, stream)
        config = config or layers_of(attributes.text(file, "model_config") or "{}")
        origin = {name: text for name in ORIGIN if (text := attributes.words(file, name))}
        root = file
        if "layer_names" not in root.attrs and "layer_names0" not in root.attrs and "model_weights" in file:
            root = file["model_weights"]
        if "layer_names" in root.attrs or "layer_names0" in root.attrs:
            names = attributes.names(root, "layer_names")
            layers = _legacy(root, names, attributes, path)
            said = [attributes.words(file, key) or attributes.words(root, key) for key in ("backend", "keras_version")]
            found = Stored(str(path), container or "h5", layers, tuple(names), config, *said, said=origin)
        elif "layers" in file or _GAPPED in file:
            layers, names, counted = _native(file, attributes, path, config)
            found = Stored(str(path), container or "weights.h5", layers, names, config, counted=counted, said=origin)
        elif "nb_layers" in file.attrs:
            raise WeightsError(
                f"{path} was written by Keras 0, whose layers have no names; expected a file of Keras 1 or later"
            )
        elif {"train_set_x", "test_set_x"} & set(_children(file)):
            raise WeightsError(f"{path} is an image set, which `keras-resnet data check {path}` describes; expected weights")
        else:
            raise WeightsError(
                f"{path} holds no weights in a Keras layout: it has no attribute layer_names at its root and no group "
                f"layers; it has {_some(_children(file))}"
            )
    if not found.layers:
        raise WeightsError(f"{path} holds no weights: it names {len(found.names)} layers, none of which has any")
    return found


def _legacy(root, names, attributes, path):
    """The layers of the layout of Keras 1 and 2, those without weights left out."""
    layers, owners = {}, {}
    for name in names:
        found = _child(root.id, name)
        if not isinstance(found, h5py.h5g.GroupID):
            raise WeightsError(f"{path} names the layer {name} but has no group of that name")
        group = h5py.Group(found)
        for weight in attributes.names(group, "weight_names") or ():
            dataset = _child(found, weight)
            if dataset is None:
                raise WeightsError(f"{path} names the weight {weight} of layer {name} but has no dataset of that name")
            layer, last = _split(name, weight)
            weights, owner = layers.setdefault(layer, {}), (name, weight.rpartition("/")[0])
            if owners.setdefault((layer, last), owner) != owner:
                raise _twice(path, layer)
            if last in weights:
                raise WeightsError(f"{path} holds the weight {last} of layer {layer} twice")
            weights[last] = _tensor(dataset, f"{path}: {name}/{weight}")
    return layers


def _twice(path, layer):
    return WeightsError(f"{path}: two layers are named {layer} (two networks in one model?); expected one network")


def _child(parent, name):
    """What a group holds under a name, or None: identifiers of h5py's low level, for its objects take several times as long."""
    try:
        return h5py.h5o.open(parent, name.encode())
    except KeyError:
        return None


def _split(group, weight):
    """Layer and weight: `("conv1", "kernel:0")` of `conv1/kernel:0`; within a nested model the path names the layer."""
    parts = weight.strip("/").split("/")
    if len(parts) == 1:
        return group, parts[0].removeprefix(f"{group}_")
    own = re.fullmatch(re.escape(group) + r"(_\d+)?", parts[-2])  # TensorFlow numbers a name that it has met before
    return (group if own else parts[-2]), parts[-1]


def _native(file, attributes, path, config):
    """The layers of Keras 3's layout under the names that are known: the group's attribute, the graph, or the group's own."""
    groups = sorted(_groups(file, 0), key=lambda item: _count(item[0]))
    found, counted, known = {}, False, group_names(config)
    if _GAPPED in file and _of_known_classes(known) != _of_known_classes(place for place, _ in groups):
        known = {}
    for group_path, group in groups:
        kind = _COUNTED.fullmatch(group_path.rsplit("/", 1)[-1])[1]
        numbers = sorted(int(number) for number in _children(group["vars"]))
        if numbers != list(range(len(numbers))):
            raise WeightsError(f"{path} lacks a variable of {group_path}: it has {_some([str(number) for number in numbers])}")
        roles = VARIABLES.get(kind, tuple(map(str, numbers)))
        if kind == "batch_normalization" and len(numbers) == 3:
            roles = roles[1:]
        if len(numbers) > len(roles):
            raise WeightsError(f"{path} has {len(numbers)} variables of {group_path}; expected at most {len(roles)}")
        name = attributes.words(group["vars"], "name") or known.get(group_path)
        counted |= name is None
        name = name or group_path.removeprefix("layers/")
        if name in found:
            raise _twice(path, name)
        found[name] = {
            role: _tensor(group["vars"][str(number)].id, f"{path}: {group_path}/vars/{number}")
            for number, role in enumerate(roles[: len(numbers)])
        }
    names = tuple(layer["config"].get("name") for layer in config)
    return found, names, counted


def _of_known_classes(paths):
    return {place for place in paths if _COUNTED.fullmatch(place.rpartition("/")[2])[1] in VARIABLES}


def _groups(group, depth, folder="layers"):
    """Path and group of every layer that has variables; in the path, the layers of a class are counted without gaps."""
    if depth > _DEPTH:
        raise WeightsError(f"{group.file.filename} has models within models beyond {_DEPTH}")
    for key in ("layers", _GAPPED):
        layers, counts = group.get(key), {}
        for name in () if layers is None else sorted(_children(layers), key=_count):
            layer, kind = layers[name], _COUNTED.fullmatch(name)[1]
            counts[kind] = counts.get(kind, -1) + 1
            if key == _GAPPED:
                name = f"{kind}_{counts[kind]}" if counts[kind] else kind
            if "vars" in layer and len(layer["vars"]):
                yield f"{folder}/{name}", layer
            yield from _groups(layer, depth + 1, f"{folder}/{name}/layers")


def _count(name):
    folder, _, last = name.rpartition("/")
    kind, number = _COUNTED.fullmatch(last).groups()
    return folder, kind, int(number or 0)


def _tensor(dataset, what):
    """A dataset as a `StoredTensor`: only numbers, stored in this file, of a size that is there.

    Args:
        dataset: an identifier of h5py's low level.
        what: how messages call it.
    """
    if not isinstance(dataset, h5py.h5d.DatasetID):
        raise WeightsError(f"{what} is a group; expected a dataset")
    if dataset.get_offset() is None and _elsewhere(dataset.get_create_plist()):  # an offset is one in this file
        raise WeightsError(f"{what} is kept in another file (a virtual or external dataset); expected numbers in this one")
    dtype, shape = dataset.dtype, dataset.shape
    if dtype.kind not in "fiu":
        raise WeightsError(f"{what} holds {dtype}; expected numbers")
    if shape is None:
        raise WeightsError(f"{what} has no shape; expected numbers")
    check_size(what, shape, dtype.itemsize, dataset.get_storage_size())

    def fill(array):
        with guarded(what):
            dataset.read(h5py.h5s.ALL, h5py.h5s.ALL, array)

    def read():
        array = np.empty(shape, dtype)
        fill(array)
        return array

    return StoredTensor(shape, read, fill if dtype.kind == "f" and dtype.itemsize == 4 else None)


def _elsewhere(properties):
    return properties.get_layout() == h5py.h5d.VIRTUAL or properties.get_external_count()


def _children(group):
    """The names in a group, sorted.

    They are read in the file's own order: for any other one HDF5 1.14 makes a table of them first, and where the file is
    damaged it frees that table twice, which ends the process.
    """
    names = []
    group.id.links.iterate(names.append, order=h5py.h5.ITER_NATIVE)
    return sorted(name.decode("utf-8") for name in names)


def _refuse_links(file, path):
    """Refuses soft and external links anywhere, and hard links that close a cycle; H5Lvisit goes through each group once."""
    addresses, found = {b"": h5py.h5o.get_info(file.id).addr}, []
    known = set(addresses.values())

    def look(name, info):
        if info.type != h5py.h5l.TYPE_HARD:
            found.append((name, "a link at {}, which could lead into another file"))
        elif info.u in known and any(addresses.get(above) == info.u for above in _above(name)):
            found.append((name, "a group that holds itself, at {}"))
        addresses[name] = info.u
        known.add(info.u)
        return found or None

    file.id.links.visit(look, info=True, order=h5py.h5.ITER_NATIVE)
    if found:
        name, text = found[0]
        where = repr(name.decode("utf-8", "replace"))
        raise WeightsError(f"{path} has {text.format(where)}; expected data of its own alone")


def _above(name):
    """The groups that a path leads through, the root first."""
    parts = name.split(b"/")
    return (b"/".join(parts[:count]) for count in range(len(parts)))


def _some(names, limit=4):
    return ", ".join(names[:limit]) + (", .." if len(names) > limit else "") or "nothing"
