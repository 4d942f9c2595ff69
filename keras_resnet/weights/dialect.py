"""The engine that applies a dialect: names to places, words to Keras's roles, axes to Keras's order."""

import re
from dataclasses import dataclass

from keras_resnet.architectures.layer_names import GRAMMARS, HEAD, STEM, Place, keras_name, layer_name, place_of
from keras_resnet.errors import WeightsError
from keras_resnet.weights.dialects import CLASSIFIER, DIALECTS, TORCH_NORM, VOCABULARIES
from keras_resnet.weights.graph import sources
from keras_resnet.weights.numbered_layers import readings_in_order
from keras_resnet.weights.weight_file import StoredTensor

_COUNTED = re.compile(r"(?:.*/)?(conv2d|convolution2d|batch_?normalization|dense)(?:_\d+)?")
_KERAS1_WORD = re.compile(r"(?:.*_)?(W|b|gamma|beta|running_mean|running_std)(?:_\d+)?(?::\d+)?")
_STEM = Place(STEM, 0, "1", "conv")


@dataclass(frozen=True)
class Naming:
    """Where the layers of a file or a model stand.

    Attributes:
        keys: layer name -> `Place`, or a str for a layer that has none.
        dialect: a row of `DIALECTS`, or None where no name is in any.
        grammar: a name of `names.GRAMMARS`, or None.
        prefix: what stands before every name.
        order: None, or for names that are class and count: whether the shortcut stands before the last convolution.
        readings: where nothing tells that order, the two ``keys`` that there may be, each with its order; else empty.
    """

    keys: dict
    dialect: str | None
    grammar: str | None
    prefix: str = ""
    order: bool | None = None
    readings: tuple = ()


def translate(layers):
    """The layers of a file in Keras's words and axes.

    Args:
        layers: layer name -> weight name -> `StoredTensor`.

    Returns:
        `(layer name -> role -> StoredTensor, the vocabulary's name, whether kernels were channels first)`.

    Raises:
        WeightsError: a word that the vocabulary lacks.
    """
    words = {word for weights in layers.values() for word in weights}
    plain = {word.partition(":")[0] for word in words}
    if plain & {"running_var", "num_batches_tracked"} or "weight" in plain:
        vocabulary = "torch"
    elif plain & set(VOCABULARIES["keras"].roles) - {"gamma", "beta"}:
        vocabulary = "keras"
    else:
        vocabulary = "keras1"
    first = vocabulary == "keras1" and _channels_first(layers)
    return {name: _translate(name, weights, vocabulary, first) for name, weights in layers.items()}, vocabulary, first


def _channels_first(layers):
    """Whether the kernels of Keras 1 are `(out, in, height, width)`: then all are square at the end and not all in front."""
    shapes = [tensor.shape for weights in layers.values() for tensor in weights.values() if len(tensor.shape) == 4]
    return any(a != b for a, b, _, _ in shapes) and all(c == d for _, _, c, d in shapes)


def _translate(layer, weights, vocabulary, first):
    rows = VOCABULARIES[vocabulary]
    vector = vocabulary == "torch" and any(len(tensor.shape) == 1 for word, tensor in weights.items() if word == "weight")
    found = {}
    for word, tensor in weights.items():
        role = _role(word, vocabulary)
        if vector:
            role = TORCH_NORM.get(role, role)
        if role is None:
            continue
        if role in found:
            raise WeightsError(f"The layer {layer} has the weight {role} twice, the second time as {word}")
        axes = (
            {4: (2, 3, 1, 0) if first else rows.axes, 2: rows.dense_axes}.get(len(tensor.shape)) if role == "kernel" else None
        )
        found[role] = _transposed(tensor, axes) if axes else tensor
    return found


def _role(word, vocabulary):
    """Keras's word; a word that is in no vocabulary stays, without TensorFlow's number."""
    if vocabulary == "keras1" and (match := _KERAS1_WORD.fullmatch(word)):
        word = match[1]
    word = word.partition(":")[0]
    return VOCABULARIES[vocabulary].roles.get(word, word)


def _transposed(tensor, axes):
    return StoredTensor(tuple(tensor.shape[axis] for axis in axes), lambda: tensor.read().transpose(axes))


def name_places(shapes, prefixes=(), graph=tuple):
    """Finds the dialect of layer names and the place of each layer.

    Args:
        shapes: layer name -> role -> shape, in the order of the network; layers with weights alone.
        prefixes: prefixes to try first, e.g. the model's name.
        graph: returns the layers of the graph as `graph.layers_of` does; asked where order and shapes leave two readings.

    Returns:
        A `Naming`.
    """
    naming = _best_names(shapes, prefixes)
    loose, found = _loose(shapes, naming), []
    if any(_COUNTED.fullmatch(name) and _is(shapes[name], 4) for name in loose):
        found = _by_order(shapes, naming, graph)
        naming = found[0] if len(found) == 1 else naming
    keys = _all_keys(shapes, naming)
    readings = tuple((_all_keys(shapes, reading), reading.order) for reading in found) if len(found) == 2 else ()
    return Naming(keys, naming.dialect, naming.grammar, naming.prefix, naming.order, readings)


def _loose(shapes, naming):
    return [name for name in shapes if not _placed(naming.keys.get(name), shapes[name])]


def _all_keys(shapes, naming):
    """Layer name -> key for every layer, a classifier by its shape and what has no place under its own name or a count."""
    loose = _loose(shapes, naming)
    keys = {name: key for name, key in naming.keys.items() if name not in loose}
    dense = [name for name in loose if _is(shapes[name], 2) and tuple(shapes[name]["kernel"]) != (1, 1)]
    alone = len(shapes) == 1 and dense and _COUNTED.fullmatch(dense[0])
    if len(dense) == 1 and CLASSIFIER not in keys.values() and (keys or alone):
        keys[dense[0]] = CLASSIFIER
    counts = {}
    for name in loose:
        if name not in keys:
            keys[name] = _loose_key(name, counts)
    twice = _twice(keys)
    if twice:
        raise WeightsError(f"The layers {twice[0]} and {twice[1]} claim the same place, {keys[twice[0]]}")
    return {name: keys[name] for name in shapes}


def _best_names(shapes, prefixes):
    """The dialect that knows the most names; the first of those that know all."""
    best, most = Naming({}, None, None), 0
    for prefix in dict.fromkeys(["", *prefixes, *_prefixes(shapes)]):
        rest = {name: name.removeprefix(prefix) for name in shapes if name.startswith(prefix)}
        for dialect, row in DIALECTS.items():
            for grammar in row.grammars:
                keys = {name: CLASSIFIER if short in row.heads else place_of(grammar, short) for name, short in rest.items()}
                keys = {name: key for name, key in keys.items() if _placed(key, shapes[name])}
                if len(keys) > most:
                    best, most = Naming(keys, dialect, grammar, prefix), len(keys)
                if most == len(shapes):
                    return best
        if most > len(shapes) / 2:
            break
    return best


def _prefixes(shapes):
    """What stands before the name of a first convolution, in any grammar; the shortest first."""
    stems = {name for grammar in GRAMMARS if (name := layer_name(grammar, _STEM))}
    stems |= {keras_name(name) for name in stems}
    found = {name.removesuffix(stem) for name in shapes for stem in stems if name.endswith(stem) and _is(shapes[name], 4)}
    return sorted(found, key=len)[:4]


def _by_order(shapes, named, graph):
    """The `Naming`s by order and shapes that the graph and the names that are in a dialect agree with: none, one or two."""
    convolutions = [name for name in shapes if _is(shapes[name], 4)]
    norms = [name for name in shapes if "moving_mean" in shapes[name]]
    readings = readings_in_order(
        [tuple(shapes[name]["kernel"]) for name in convolutions],
        [(shapes[name]["moving_mean"][0], "gamma" in shapes[name]) for name in norms],
    )
    found = []
    for of_convolutions, of_norms, order in readings:
        keys = dict(zip(convolutions, of_convolutions, strict=True)) | dict(zip(norms, of_norms, strict=True))
        if all(keys.get(name, key) == key for name, key in named.keys.items()):
            found.append(Naming({**keys, **named.keys}, named.dialect, named.grammar, named.prefix, order))
    if len(found) == 2:
        before = sources(graph(), set(convolutions))
        found = [naming for naming in found if not _contradicts(naming.keys, before)]
    return found


def _contradicts(keys, before):
    """Whether a graph denies places: a convolution of a branch takes what the one before it in the branch gives."""
    names = {key: name for name, key in keys.items()}
    pairs = ((before[name], key) for name, key in keys.items() if name in before and key.branch in ("2", "3"))
    return any(names[key._replace(branch=str(int(key.branch) - 1))] not in given for given, key in pairs)


def _placed(key, roles):
    """Whether a place is one where a layer of such weights can stand."""
    if key is None:
        return False
    if key.role == "norm":
        return "kernel" not in roles
    return _is(roles, 2 if key.role == "dense" else 4)


def _is(roles, axes):
    return len(roles.get("kernel", ())) == axes


def _loose_key(name, counts):
    """The name of a layer without a place; a count restarts, for Keras's goes on through a session."""
    match = _COUNTED.fullmatch(name)
    if not match:
        return name
    counts[match[1]] = counts.get(match[1], 0) + 1
    return f"{match[1]}#{counts[match[1]]}"


def _twice(keys):
    seen = {}
    for name, key in keys.items():
        if key in seen:
            return seen[key], name
        seen[key] = name
    return None


def is_head_alone(keys):
    """Whether all that is there is a classifier."""
    return bool(keys) and all(isinstance(key, Place) and key.stage == HEAD for key in keys)
