"""The saved graph of a model, as far as it is of use here: nothing in it is run, and what is not of the form it should be is
left out."""

import json
import re

LONGEST = 8_000_000  # characters; a ResNet of 1202 layers has 3 million
_DEEPEST = 8  # models within models
_LARGEST = 1 << 20  # pixels of a side


def _is_side(value):
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LARGEST


def _are_sides(value):
    return _is_side(value) or isinstance(value, list) and bool(value) and all(map(_is_side, value))


def _are_pads(value):
    pairs = isinstance(value, list) and bool(value) and all(map(_are_sides, value))
    return isinstance(value, str) or _is_side(value) or pairs


def _is_shape(value):
    return isinstance(value, list) and all(side is None or _is_side(side) for side in value)


def _is_name(value):
    return isinstance(value, str) and value.isprintable()


# Option of a layer, in the words of any version of Keras -> whether a value is one.
_OPTIONS = {
    "name": _is_name,
    "epsilon": lambda value: isinstance(value, float),
    "padding": _are_pads,
    "border_mode": _are_pads,
    "strides": _are_sides,
    "subsample": _are_sides,
    "pool_size": _are_sides,
    "batch_shape": _is_shape,
    "batch_input_shape": _is_shape,
}


def layers_of(text):
    """The layers of a saved graph.

    Args:
        text: JSON, as Keras writes it into `model_config` or config.json.

    Returns:
        Dicts of ``class_name`` and ``config``, the latter with the options of `_OPTIONS` and, of a model within the model,
        ``layers``; and ``inputs``, the names of the layers that a layer takes from, where the graph has them. None where there
        are none.

    Raises:
        ValueError: no JSON, or longer than any network's.
    """
    if len(text) > LONGEST:
        raise ValueError(f"the saved graph has more than {LONGEST:,} characters")
    model = json.loads(text)
    return _layers(model.get("config"), 0) if isinstance(model, dict) else ()


def _layers(config, depth):
    found = config.get("layers") if isinstance(config, dict) else config  # a Sequential of Keras 1 is a list
    if not isinstance(found, list) or depth > _DEEPEST:
        return ()
    return tuple(
        {"class_name": layer["class_name"], "config": _options(layer["config"], depth), **_inputs(layer.get("inbound_nodes"))}
        for layer in found
        if isinstance(layer, dict) and isinstance(layer.get("class_name"), str) and isinstance(layer.get("config"), dict | list)
    )


def _options(config, depth):
    options = config if isinstance(config, dict) else {}
    kept = {name: options[name] for name, is_one in _OPTIONS.items() if name in options and is_one(options[name])}
    return {**kept, "layers": inner} if (inner := _layers(config, depth + 1)) else kept


def _inputs(nodes):
    """The names in a layer's nodes: `[name, node, tensor ..]` in Keras 1 and 2, "keras_history" of such a list in Keras 3."""
    names, rest = [], [nodes]
    while rest:
        part = rest.pop()
        if isinstance(part, dict):
            rest += part.values()
        elif isinstance(part, list) and len(part) in (3, 4) and _is_name(part[0]) and all(map(_is_side, part[1:3])):
            names.append(part[0])
            rest += part[3:]
        elif isinstance(part, list):
            rest += part
    return {"inputs": tuple(dict.fromkeys(names))} if names else {}


def leaves(layers):
    """The layers, those of the models among them in their place."""
    for layer in layers:
        if inner := layer["config"].get("layers"):
            yield from leaves(inner)
        else:
            yield layer


def sources(layers, among):
    """Whose outputs reach a layer without another one between.

    Args:
        layers: of a graph.
        among: names of the layers that count, others are passed through.

    Returns:
        Name -> set of names, for the layers of ``among`` that the graph has inputs of.
    """
    inputs = {layer["config"].get("name"): layer["inputs"] for layer in leaves(layers) if "inputs" in layer}
    found = {}
    for name in set(among) & set(inputs):
        seen, rest, found[name] = set(), list(inputs[name]), set()
        while rest:
            before = rest.pop()
            if before in among:
                found[name].add(before)
            elif before not in seen:
                seen.add(before)
                rest += inputs.get(before, ())
    return found


def has_class(layers, name):
    """Whether a layer of a class is among layers, or in a model among them."""
    return any(layer["class_name"] == name or has_class(layer["config"].get("layers", ()), name) for layer in layers)


def group_names(layers, folder="layers"):
    """Group of Keras 3's layout -> layer name, as Keras 3 counts: classes in the order of the graph's layers."""
    counts, names = {}, {}
    for layer in layers:
        kind = snake_case(layer["class_name"])
        counts[kind] = counts.get(kind, -1) + 1
        group = f"{folder}/{kind}" + (f"_{counts[kind]}" if counts[kind] else "")
        names[group] = layer["config"].get("name")
        names |= group_names(layer["config"].get("layers", ()), f"{group}/layers")
    return names


def snake_case(name):
    """`BatchNormalization` to `batch_normalization`, `Conv2D` to `conv2d`: Keras's names of layers and groups."""
    name = re.sub(r"\W+", "", name)
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()
