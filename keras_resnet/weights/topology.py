"""Which network a file's tensors are those of: what their shapes say, to be compared with what a spec says.

Nothing here imports the catalogue; its specs are handed in.
"""

import itertools
import re

from keras_resnet.architectures.facts import STRIDES, facts_by_lineage
from keras_resnet.architectures.layer_names import STEM, Place
from keras_resnet.weights.detect import is_preact
from keras_resnet.weights.graph import has_class, leaves


def topology(found):
    """What the shapes say of a network: blocks, widths, stem, order, shortcuts."""
    places = [key for key in found if isinstance(key, Place)]
    stages = sorted({key.stage for key in places if key.stage >= 2})
    convolutions = {key: tuple(found[key]["kernel"].shape) for key in places if key.role == "conv" and "kernel" in found[key]}
    stems = [shape for key, shape in sorted(convolutions.items()) if key.stage == STEM]
    bottleneck = any(key.branch == "3" for key in convolutions if key.stage >= 2)
    last = "3" if bottleneck else "2"
    return {
        "depths": tuple(max(key.block for key in places if key.stage == stage) + 1 for stage in stages),
        "widths": tuple(convolutions.get(Place(stage, 0, last, "conv"), (0,) * 4)[3] for stage in stages),
        "middles": tuple(convolutions.get(Place(stage, 0, "2", "conv"), (0,) * 4)[2:] for stage in stages),
        "bottleneck": bottleneck,
        "stem": (len(stems), stems[0][0] if stems else None, stems[-1][3] if stems else None),
        "preact": is_preact(places),
        "input_norm": any(key.stage == 0 for key in places),
        "gated": any(key.branch == "gate1" for key in places),
        "projected": any(key.branch == "0" for key in convolutions),
    }


def adds(file):
    """Whether the file's network has additions; None where it lists only the layers that have weights."""
    if file.stored.config:
        return any(has_class(file.stored.config, name) for name in ("Add", "Merge"))
    if len(file.stored.names) <= len(file.names) or is_preact(file.tensors):
        return None
    return any(re.fullmatch(r"(.*_)?add(_\d+)?|merge(_\d+)?|res\d[a-z]\d*", name) for name in file.stored.names)


def topology_of_spec(spec):
    middles = [int(width * spec.base_width / 64) for width in spec.widths]
    grouped = [(middle, middle * spec.groups) for middle in middles]
    widths = tuple(width * spec.expansion for width in spec.widths)
    stems = {"imagenet": (1, 7), "deep": (3, 3), "small": (1, 3)}
    return {
        "depths": tuple(spec.depths),
        "widths": widths,
        "middles": tuple(grouped),
        "bottleneck": spec.block == "bottleneck",
        "stem": (*stems[spec.stem], spec.stem_width),
        "preact": spec.order == "pre",
        "input_norm": spec.input_norm,
        "gated": spec.se_ratio is not None,
        "projected": spec.shortcut in ("B", "C", "D"),
    }


def departures(spec, facts):
    """Fields of a `ModelSpec` in which a file's network departs from its lineage."""
    known = facts_by_lineage(spec.order)[spec.lineage]
    off = {name: getattr(facts, name) for name in facts.differences(known)}
    choices = STRIDES[off.pop("stride")] if "stride" in off else {}
    return choices | {{"stem": "stem_padding"}.get(name, name): value for name, value in off.items()}


def input_shape(file, spec, include_top):
    """The input that the saved graph states, channels last; otherwise the published one, where the kernel is not for RGB."""
    stem = file.tensors.get(Place(STEM, 0, "1", "conv"), {}).get("kernel")
    channels = int(stem.shape[2]) if stem is not None else 3
    for layer in itertools.islice(leaves(file.stored.config), 1):
        shape = layer["config"].get("batch_shape", layer["config"].get("batch_input_shape"))
        if isinstance(shape, list | tuple) and len(shape) == 4:
            sides = shape[2:] if shape[1] == channels and shape[3] != channels else shape[1:3]
            if all(side is None or isinstance(side, int) and side >= 32 for side in sides):
                return (*sides, channels)
    side = spec.input_size if include_top else None
    return (side, side, channels)


def own_end(stored):
    """The average pool in which a file's network without a top ends, by its Keras class; None for other files.

    Before 2.2, Keras's ResNet50 without its top ended in a pool of 7 x 7 (keras 2.0.8, applications/resnet50.py).
    """
    layers = list(leaves(stored.config))
    names = [layer["config"].get("name") for layer in layers] or stored.names
    if not names or names[-1] != "avg_pool":
        return None
    kinds = [layer["class_name"] for layer in layers if layer["config"].get("name") == "avg_pool"]
    if kinds:
        return kinds[0] if kinds[0] in ("AveragePooling2D", "GlobalAveragePooling2D") else None
    return "AveragePooling2D" if (stored.version or "1").startswith(("1.", "2.0", "2.1")) else "GlobalAveragePooling2D"


def ended(model, end):
    """A model with the pool of `own_end` behind it."""
    if end is None:
        return model
    import keras

    options = {"name": "avg_pool", **({"pool_size": (7, 7)} if end == "AveragePooling2D" else {})}
    return keras.Model(model.input, getattr(keras.layers, end)(**options)(model.output), name=model.name)
