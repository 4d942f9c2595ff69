"""What a weight file is: its dialect by the names, its lineage by whatever it says of itself."""

import re
from dataclasses import dataclass

from keras_resnet.architectures import facts as known_facts
from keras_resnet.architectures.facts import Facts
from keras_resnet.architectures.layer_names import INPUT, STEM, Place
from keras_resnet.weights.ambiguity import open_places
from keras_resnet.weights.dialect import is_head_alone
from keras_resnet.weights.dialects import CLASSIFIER, TARGETS
from keras_resnet.weights.graph import leaves

# Further lineages whose layers have the names of a lineage; a saved graph tells them apart.
_KIN = {"chollet": ("keras_v2", "coursera", "caffe", "broad"), "broad": ("caffe", "chollet"), "keras": ("he",)}


@dataclass(frozen=True)
class Finding:
    """What was found out: names of dialect and lineage (None where nothing tells), facts and evidence."""

    dialect: str | None
    lineage: str | None
    facts: Facts
    evidence: tuple


def detect(file):
    """The dialect and lineage of a file.

    Args:
        file: a `tensors.Canonical`.

    Returns:
        A `Finding`; its facts are those that the file states, and the lineage's where it states none.
    """
    if is_head_alone(file.tensors):
        return Finding(None, None, Facts(), (*file.evidence, "a classifier head without its backbone"))
    stated, evidence = _stated(file), list(file.evidence)
    lineage, why = _lineage(file, stated)
    evidence += why
    kind, own = facts_by_lineage(file.tensors), file.stored.said.get("lineage")
    if own in kind:
        departures = _departures(file.stored.said)
        evidence.append(f"the file states its lineage, {own}" + (f", with {departures}" if departures != Facts() else ""))
        return Finding(_dialect(file, own, stated=True), own, _completed(departures, kind[own]), tuple(evidence))
    for kin in (lineage, *_KIN.get(lineage, ())):
        if kin and stated.epsilon and not stated.differences(kind[kin]):
            lineage = kin
            evidence.append(f"the saved graph has {stated}")
            break
    merged = _completed(stated if file.stored.config else Facts(stem=stated.stem), kind.get(lineage, Facts()))
    return Finding(_dialect(file, lineage), lineage, merged, tuple(evidence))


def _departures(said):
    """The facts that a file of this package states beside its lineage; what is none of ours counts for nothing."""
    rows = [row for order in ("post", "pre") for row in known_facts.facts_by_lineage(order).values()]
    words = {name: said.get(name) for name in ("stride", "pool", "stem")}
    known = {name: word for name, word in words.items() if any(getattr(row, name) == word for row in rows)}
    epsilon = said.get("epsilon", "")
    return Facts(epsilon=float(epsilon) if re.fullmatch(r"\d(\.\d+)?(e-\d\d?)?", epsilon) else None, **known)


def facts_by_lineage(keys):
    """Lineage -> `Facts`, of the kind of network that has such places."""
    return known_facts.facts_by_lineage(order_of(keys))


def _dialect(file, lineage, stated=False):
    """Whose names they are; where those of the layers with weights are Chollet's alike, by the others or the lineage."""
    dialect = file.naming.dialect
    if lineage == "broad" and dialect == "chollet" and (not stated or _named_by_broad(file)):
        return lineage
    return lineage if lineage == "coursera" and not stated else dialect


def _completed(stated, known):
    """What is stated, and for the rest what is known of the lineage. Names tell a padded pool, not how it is padded."""
    return Facts(**{name: value if value is not None else getattr(known, name) for name, value in vars(stated).items()})


def order_of(keys):
    """The order of operations of a network with such places, as `ModelSpec.order`; the end of a branch leaves no trace."""
    return "pre" if is_preact(keys) else "post"


def is_preact(keys):
    """Whether activations stand before the convolutions."""
    return any(isinstance(key, Place) and key.role == "norm" and key.branch in ("pre", "post") for key in keys)


def _biases(tensors):
    """Where convolutions have a bias: ``"all"``, ``"stem"``, ``"some"`` or ``"none"``."""
    convolutions = [
        key for key in tensors if isinstance(key, Place) and key.role == "conv" and not key.branch.startswith("gate")
    ]
    biased = [key for key in convolutions if "bias" in tensors[key]]
    if len(biased) == len(convolutions):
        return "all"
    return "none" if not biased else "stem" if all(key.stage == STEM for key in biased) else "some"


def _lineage(file, stated):
    """The lineage that names and biases speak for, with the evidence."""
    dialect, biases = file.naming.dialect, _biases(file.tensors)
    sample = next((file.names[key] for key in file.tensors if isinstance(key, Place) and key.stage >= 2), None)
    say = (
        [f"layer names are {dialect}'s, e.g. {sample}" if sample and dialect else f"layer names are {dialect}'s"]
        if dialect
        else []
    )
    say.append(f"convolutions have biases: {biases}")
    if file.naming.readings:
        one, other = open_places(file.naming.readings)
        say.append(f"layers are named by class and count, which leaves open whether {one} or {other} is the shortcut's")
    if file.naming.order is not None:
        where = "before" if file.naming.order else "behind"
        say.append(f"layers are named by class and count; in their order the shortcut stands {where} the last convolution")
        return _by_order(file, biases), say
    if dialect in ("chollet", "coursera"):
        return _of_chollets_names(file, stated, biases, say), say
    if dialect == "keras_applications":
        return ("he" if biases == "none" else "keras"), say
    return dialect, say


def _of_chollets_names(file, stated, biases, say):
    if biases == "stem":
        return "caffe"
    if biases == "none":
        if _named_by_broad(file):
            say.append("layers are named conv1_relu, res2a ..")
            return "broad"
        return "caffe" if stated.stem == "explicit" else "broad"
    if stated.pool in ("zero", "ceil"):
        say.append("a layer pads the stem's pool")
        return "keras_v2"
    if file.naming.dialect == "coursera":
        say.append(f"the classifier is named {file.names[CLASSIFIER]}")
        return "coursera"
    return "chollet"


def _named_by_broad(file):
    names = [layer["config"].get("name", "") for layer in leaves(file.stored.config)] or file.stored.names
    return any(name == "conv1_relu" or re.fullmatch(r"res\d[a-z]\d*", name) for name in names)


def _by_order(file, biases):
    if INPUT in {key.stage for key in file.tensors if isinstance(key, Place)}:
        return "qubvel"
    if file.naming.order:
        return {"none": "keras_hub"}.get(biases, "keras")
    if biases == "all":
        head = file.tensors.get(CLASSIFIER, {}).get("kernel")
        return "chollet" if head is None or head.shape[1] == 1000 else "coursera"
    return "caffe" if biases == "stem" else "torchvision"


def _stated(file):
    """The facts that a file states: in its saved graph, or in the names of the layers that have no weights."""
    stored = file.stored
    if stored.config:
        rows = [(layer["class_name"], layer["config"].get("name"), layer["config"]) for layer in leaves(stored.config)]
        return facts_of(rows, file.names, theano=stored.backend == "theano" or file.rotated)
    names = list(stored.names)
    stem = file.names.get(Place(STEM, 0, "1", "conv"))
    pools = [number for number, name in enumerate(names) if re.fullmatch(r"max_?pooling2d(_\d+)?|pool1(_pool)?", name)]
    if stem not in names or not pools or not re.search("input|data", names[0]):
        return Facts()
    padded = "pad" in names[names.index(stem) - 1]
    pool = "zero" if "pad" in names[pools[0] - 1] else None
    return Facts(pool=pool, stem="explicit" if padded or file.rotated else "same")


def facts_of(rows, names, theano=False):
    """Facts of a graph.

    Args:
        rows: `(class name, layer name, options)` of the layers in their order; options: ``epsilon``, ``padding``, ``strides``,
            ``pool_size``, in the words of any version of Keras.
        names: `Place` -> layer name.
        theano: whether Theano computed it, for which "same" is equal on both sides.
    """
    by_name = {name: (kind, options) for kind, name, options in rows}
    norms = [(name, options) for kind, name, options in rows if kind == "BatchNormalization" and "epsilon" in options]
    placed = {name for place, name in names.items() if isinstance(place, Place)}
    own = [options for name, options in norms if name in placed] or [options for _, options in norms]
    epsilons = {options["epsilon"] for options in own}
    stem = by_name.get(names.get(Place(STEM, 0, "1", "conv")), (None, {}))[1]
    same = _padding(stem) == "same" and _stride(stem) == 2 and not theano
    return Facts(
        epsilon=float(epsilons.pop()) if len(epsilons) == 1 else None,
        stride=_strided(by_name, names),
        pool=_pool(rows),
        stem=("same" if same else "explicit") if stem and _stride(stem) == 2 else None,
    )


def facts_of_model(model, names):
    """Facts of a `keras.Model` and the models within it; names: `Place` -> layer name."""
    rows = []
    for layer in _operations(model):
        options = {
            name: getattr(layer, name) for name in ("epsilon", "padding", "strides", "pool_size") if hasattr(layer, name)
        }
        rows.append((type(layer).__name__, layer.name, options))
    return facts_of(rows, names)


def adds(model):
    """Whether a model has additions; None where layers of the user's own may hide them."""
    if any(type(each).__name__ == "Add" for each in _operations(model)):
        return True
    return False if _is_kerass_own(model) else None


def _is_kerass_own(layer):
    """Whether a layer and all within it are of Keras's own classes, which tell what they compute: all but `Lambda`."""
    own = type(layer).__module__.split(".")[0] == "keras" and type(layer).__name__ != "Lambda"
    return own and all(map(_is_kerass_own, getattr(layer, "layers", ())))


def _operations(model):
    """The operations of a model, those of the models within it in their place."""
    for layer in getattr(model, "operations", model.layers):
        if hasattr(layer, "layers"):
            yield from _operations(layer)
        else:
            yield layer


def lineage_of(dialect, keys, facts):
    """The lineage nearest to a network whose facts are known, of those that have such layer names; None where no fact is."""
    if facts == Facts():
        return None
    row = TARGETS.get("chollet" if dialect == "coursera" else dialect)
    known, lineages = facts_by_lineage(keys), (dialect, *(row.lineages if row else ()))
    return min((name for name in lineages if name in known), key=lambda name: len(facts.differences(known[name])), default=None)


def _padding(options):
    return options.get("padding", options.get("border_mode"))


def _stride(options):
    strides = options.get("strides", options.get("subsample", 1))
    return max(strides) if isinstance(strides, list | tuple) else strides


def _pool(rows):
    for number, (kind, _, options) in enumerate(rows):
        size = options.get("pool_size")
        if kind == "MaxPooling2D" and (max(size) if isinstance(size, list | tuple) else size) == 3:
            before, _, pads = rows[number - 1]
            if _padding(options) == "same":
                return "ceil"
            if before == "ZeroPadding2D":
                return "ceil" if _flat(pads.get("padding"))[:2] == [0, 1] else "zero"
            return "infinity" if before == "Pad" else "valid"
    return None


def _flat(value):
    return [item for part in value for item in _flat(part)] if isinstance(value, list | tuple) else [value]


def _strided(by_name, names):
    """Which convolution of a bottleneck halves the map on the way to stage 3."""
    if Place(3, 0, "3", "conv") not in names:
        return None

    def stride(*place):
        return _stride(by_name.get(names.get(Place(*place, "conv")), (None, {}))[1])

    if stride(3, 0, "1") == 2:
        return "1x1"
    if stride(3, 0, "2") == 2:
        return "3x3"
    last = max((key.block for key in names if isinstance(key, Place) and key.stage == 2), default=0)
    return "last 3x3" if stride(2, last, "2") == 2 else None
