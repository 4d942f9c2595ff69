"""HDF5 weight files: the layout of Keras 1 and 2, and that of Keras 3.

Keras 1 and 2, and Keras 3 for whole models under a name that ends in .h5: a group a layer.

    /                     attributes layer_names, backend, keras_version; in a whole model, of the group model_weights
    /conv1                attribute weight_names = [b"conv1/kernel:0", b"conv1/bias:0"]
    /conv1/conv1/kernel:0 dataset float32 (7, 7, 3, 64)

Keras 3's .weights.h5: a group a layer, named after its class and a count; variables are numbered.

    /layers/conv2d/vars   attribute name = "conv1", which older files lack
    /layers/conv2d/vars/0 dataset float32 (7, 7, 3, 64)
"""

import json
import re

import h5py
import numpy as np

from keras_resnet.errors import WeightsError
from keras_resnet.files import whole
from keras_resnet.weights.stored import Stored, StoredTensor, check_size, guarded

# Class of a layer, as Keras 3 spells its group -> its variables by number; a batch normalisation of three has no gamma.
VARIABLES = {
    "conv2d": ("kernel", "bias"),
    "dense": ("kernel", "bias"),
    "batch_normalization": ("gamma", "beta", "moving_mean", "moving_variance"),
    "group_normalization": ("gamma", "beta"),
}
_COUNTED = re.compile(r"(.+?)(?:_(\d+))?")
_DEPTH = 8  # of models within models


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


def stored(file, path, *, config=(), container=None):
    """What an open HDF5 file holds: a `Stored`, to be read while the file is open.

    Args:
        file: an open `h5py.File`.
        path: how messages call it.
        config: the layers of the saved graph, where they are known from elsewhere (a .keras archive).
        container: as in `Stored`; None to tell by the layout.

    Raises:
        WeightsError: damaged, no weights in a layout of Keras, links, external or virtual datasets, absurd sizes.
    """
    with guarded(path):
        _refuse_links(file, path)
        config = config or _config(file.attrs.get("model_config"))
        root = file
        if "layer_names" not in root.attrs and "layer_names0" not in root.attrs and "model_weights" in file:
            root = file["model_weights"]
        if "layer_names" in root.attrs or "layer_names0" in root.attrs:
            names = _attribute(root, "layer_names", path)
            layers = _legacy(root, names, path)
            said = {key: _text(file.attrs.get(key, root.attrs.get(key))) for key in ("backend", "keras_version")}
            found = Stored(str(path), container or "h5", layers, tuple(names), config, said["backend"], said["keras_version"])
        elif "layers" in file or "_layer_checkpoint_dependencies" in file:
            layers, names, counted = _native(file, path, config)
            found = Stored(str(path), container or "weights.h5", layers, names, config, counted=counted)
        elif "nb_layers" in file.attrs:
            raise WeightsError(
                f"{path} was written by Keras 0, whose layers have no names; expected a file of Keras 1 or later"
            )
        else:
            raise WeightsError(
                f"{path} holds no weights in a Keras layout: it has no attribute layer_names at its root and no group "
                f"layers; it has {_some(list(file))}"
            )
    if not found.layers:
        raise WeightsError(f"{path} holds no weights: it names {len(found.names)} layers, none of which has any")
    return found


def _legacy(root, names, path):
    """The layers of the layout of Keras 1 and 2, those without weights left out."""
    layers = {}
    for name in names:
        if name not in root:
            raise WeightsError(f"{path} names the layer {name} but has no group of that name")
        group = root[name]
        for weight in _attribute(group, "weight_names", path) if _has(group, "weight_names") else ():
            dataset = group.get(weight)
            if dataset is None:
                raise WeightsError(f"{path} names the weight {weight} of layer {name} but has no dataset of that name")
            layer, last = _split(name, weight)
            weights = layers.setdefault(layer, {})
            if last in weights:
                raise WeightsError(f"{path} holds the weight {last} of layer {layer} twice")
            weights[last] = _tensor(dataset, f"{path}: {name}/{weight}")
    return layers


def _split(group, weight):
    """Layer and weight: `("conv1", "kernel:0")` of `conv1/kernel:0`; within a nested model the path names the layer."""
    parts = weight.strip("/").split("/")
    if len(parts) == 1:
        return group, parts[0].removeprefix(f"{group}_")
    own = re.fullmatch(re.escape(group) + r"(_\d+)?", parts[-2])  # TensorFlow numbers a name that it has met before
    return (group if own else parts[-2]), parts[-1]


def _native(file, path, config):
    """The layers of Keras 3's layout under the names that are known: the group's attribute, the graph, or the group's own."""
    found, counted = {}, False
    for group_path, group in sorted(_groups(file, 0), key=lambda item: _count(item[0])):
        kind = _COUNTED.fullmatch(group_path.rsplit("/", 1)[-1])[1]
        numbers = sorted(int(number) for number in group["vars"])
        if numbers != list(range(len(numbers))):
            raise WeightsError(f"{path} lacks a variable of {group_path}: it has {_some([str(number) for number in numbers])}")
        roles = VARIABLES.get(kind, tuple(map(str, numbers)))
        if kind == "batch_normalization" and len(numbers) == 3:
            roles = roles[1:]
        if len(numbers) > len(roles):
            raise WeightsError(f"{path} has {len(numbers)} variables of {group_path}; expected at most {len(roles)}")
        name = _text(group["vars"].attrs.get("name")) or _graph_names(config).get(group_path)
        counted |= name is None
        name = name or group_path.removeprefix("layers/")
        if name in found:
            raise WeightsError(f"{path} holds the layer {name} twice")
        found[name] = {
            role: _tensor(group["vars"][str(number)], f"{path}: {group_path}/vars/{number}")
            for number, role in enumerate(roles[: len(numbers)])
        }
    names = tuple(layer["config"].get("name") for layer in config)
    return found, names, counted


def _groups(group, depth):
    """Path and group of every layer that has variables."""
    if depth > _DEPTH:
        raise WeightsError(f"{group.file.filename} has models within models beyond {_DEPTH}")
    for name in group.get("layers", ()):
        layer = group["layers"][name]
        path = layer.name.strip("/")
        if "vars" in layer and len(layer["vars"]):
            yield path, layer
        yield from _groups(layer, depth + 1)


def _graph_names(config, folder="layers"):
    """Group -> layer name, as Keras 3 counts: classes in the order of the graph's layers."""
    counts, names = {}, {}
    for layer in config:
        kind = snake_case(layer["class_name"])
        counts[kind] = counts.get(kind, -1) + 1
        group = f"{folder}/{kind}" + (f"_{counts[kind]}" if counts[kind] else "")
        names[group] = layer["config"].get("name")
        names |= _graph_names(layer["config"].get("layers", ()), f"{group}/layers")
    return names


def snake_case(name):
    """`BatchNormalization` to `batch_normalization`, `Conv2D` to `conv2d`: Keras's names of layers and groups."""
    name = re.sub(r"\W+", "", name)
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def _count(name):
    folder, _, last = name.rpartition("/")
    kind, number = _COUNTED.fullmatch(last).groups()
    return folder, kind, int(number or 0)


def _tensor(dataset, what):
    """A dataset as a `StoredTensor`: only numbers, stored in this file, of a size that is there."""
    if not isinstance(dataset, h5py.Dataset):
        raise WeightsError(f"{what} is a group; expected a dataset")
    properties = dataset.id.get_create_plist()
    if properties.get_layout() == h5py.h5d.VIRTUAL or properties.get_external_count():
        raise WeightsError(f"{what} is kept in another file (a virtual or external dataset); expected numbers in this one")
    if dataset.dtype.kind not in "fiu":
        raise WeightsError(f"{what} holds {dataset.dtype}; expected numbers")
    if dataset.shape is None:
        raise WeightsError(f"{what} has no shape; expected numbers")
    check_size(what, dataset.shape, dataset.dtype.itemsize, dataset.id.get_storage_size())

    def read():
        with guarded(what):
            return dataset[()]

    return StoredTensor(dataset.shape, read)


def _refuse_links(file, path):
    """Refuses soft and external links anywhere; H5Lvisit goes through each group once, so that cycles end."""
    found = []

    def look(name, info):
        if info.type != h5py.h5l.TYPE_HARD:
            found.append(name)
            return True

    file.id.links.visit(look, info=True)
    if found:
        name = found[0].decode("utf-8", "replace") if isinstance(found[0], bytes) else found[0]
        raise WeightsError(f"{path} has a link at {name}, which could lead into another file; expected data of its own alone")


def _has(group, name):
    return name in group.attrs or f"{name}0" in group.attrs


def _attribute(group, name, path):
    """A list of names in an attribute, or in its chunks `name0`, `name1` ..: an HDF5 header takes 64 kB at most."""
    if name in group.attrs:
        values = group.attrs[name]
    else:
        chunks = iter(f"{name}{number}" for number in range(len(group.attrs)))
        values = [value for chunk in chunks if chunk in group.attrs for value in np.atleast_1d(group.attrs[chunk])]
    if isinstance(values, bytes | str) or np.ndim(values) != 1:
        raise WeightsError(f"{path}: the attribute {name} of {group.name} is not a list of names")
    texts = [_text(value) for value in values]
    twice = next((text for number, text in enumerate(texts) if text in set(texts[:number])), None) if _repeats(texts) else None
    if twice is not None:
        raise WeightsError(f"{path}: the attribute {name} of {group.name} names {twice} twice")
    if not all(isinstance(text, str) and text and text.isprintable() for text in texts):
        raise WeightsError(f"{path}: the attribute {name} of {group.name} holds something that is no name")
    return texts


def _repeats(texts):
    return len(set(texts)) < len(texts)


def _config(text):
    """The layers of a model_config attribute; empty where there is none to be read."""
    text = _text(text)
    if not text:
        return ()
    return graph_layers(json.loads(text))


def graph_layers(model):
    """The layers of a saved graph as dicts with ``class_name`` and ``config``, where it has any."""
    layers = model.get("config", {})
    layers = layers.get("layers", ()) if isinstance(layers, dict) else layers
    return tuple(layer for layer in layers if isinstance(layer, dict) and isinstance(layer.get("config"), dict))


def _names(names):
    return np.array([name.encode("utf-8") for name in names], dtype="S") if (names := list(names)) else np.array([], "S1")


def _text(value):
    return value.decode("utf-8") if isinstance(value, bytes) else None if value is None else str(value)


def _some(names, limit=4):
    return ", ".join(names[:limit]) + (", .." if len(names) > limit else "") or "nothing"
