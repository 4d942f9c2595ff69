"""The engine that writes a dialect: places to names, Keras's words and axes to the library's, in the order of its network."""

import re

import numpy as np

from keras_resnet.architectures.facts import biased_branches, shortcut_first
from keras_resnet.architectures.layer_names import STEM, Place, keras_name, layer_name
from keras_resnet.errors import WeightsError, one_of
from keras_resnet.weights import detect, tensors
from keras_resnet.weights.biases import convolutions, with_zero_biases, without_biases, without_zero_biases
from keras_resnet.weights.dialects import COUNTER, TARGETS, TORCH_NORM, VOCABULARIES
from keras_resnet.weights.layer_order import arranged
from keras_resnet.weights.output import Output, either, end_of, numbers

# What Keras 2 wrote last. Readers take it for the version of the layout; by "1" they would convert kernels once more.
_VERSION = "2.2.4"
_VERSION_OF_KERAS_1 = "2.0.8"  # its networks without a top end in the same pool as those of Keras 1, see `topology.own_end`


def check_target(path, dialect):
    """Refuses a dialect that is not written, or not to a file of that name.

    Raises:
        WeightsError: names what would be accepted.
    """
    if dialect not in TARGETS:
        raise WeightsError(one_of("dialect to write", dialect, TARGETS))
    end, accepted = end_of(path), TARGETS[dialect].containers
    if end not in accepted:
        others = [name for name, row in TARGETS.items() if end in row.containers]
        raise WeightsError(
            f"{path}: the dialect {dialect} is written to files that end in {either(accepted)}; {end} takes {either(others)}"
        )


def foreign(file, lineage, facts, dialect):
    """How a network departs from what the dialect's own library computes, in words; None where it does not.

    Args:
        file: a `tensors.Canonical`.
        lineage: of the tensors, or None.
        facts: of their network.
        dialect: a row of `TARGETS`.
    """
    lineages, known = TARGETS[dialect].lineages, detect.facts_by_lineage(file.tensors)
    if not lineages or lineage in lineages and (file.naming.dialect == dialect or not facts.differences(known[lineage])):
        return None
    home = known[lineages[0]]
    if not facts.differences(home):
        return None
    return (
        f"{file.stored.path} is {lineage or 'of no known lineage'} ({facts}), the networks that read the dialect {dialect} are "
        f"{lineages[0]} ({home}); they differ in {', '.join(facts.differences(home))}"
    )


def rendered(file, dialect, lineage, facts, *, nonfinite="refuse", advice=tensors.TAKE_NONFINITE):
    """A file's tensors as a dialect has them. Everything is read.

    Args:
        file: a `tensors.Canonical`.
        dialect: a row of `TARGETS`.
        lineage: of the tensors, or None.
        facts: of their network.
        nonfinite: ``"refuse"`` or ``"warn"``.
        advice: what the refusal ends in.

    Returns:
        An `Output`, what was converted in words, and what is NaN, infinite or a negative variance in words.

    Raises:
        WeightsError: the dialect has no name for a place; numbers that are no weights.
    """
    target = TARGETS[dialect]
    fitted, notes = _fitted(file, dialect, lineage)
    names, grammar = _names(file, dialect, target)
    faults, layers = [], {}
    for key in _order(file, target, lineage):
        arrays = {role: numbers(fitted[key][role].read()) for role in sorted(fitted[key], key=_rank)}
        found = {role: tensors.fault(f"/{role}", array) for role, array in arrays.items()}
        faults += [f"{file.names[key]}/{role} holds {text}" for role, text in found.items() if text]
        if names[key] in layers:
            raise WeightsError(f"{file.stored.path}: two layers would be named {names[key]} in the dialect {dialect}")
        layers[names[key]] = _worded(arrays, file, key) if target.vocabulary == "torch" else arrays
    tensors.refuse_faults(faults, file.stored.path, nonfinite, advice)
    origin = file.stored.said.get("grammar") or file.naming.grammar
    attributes = said_of(lineage, facts, file.tensors) | ({"grammar": origin} if grammar and origin != grammar else {})
    output = Output(_with_weightless(layers, file, dialect, names), attributes, _version(file))
    return output, [*_said(file, target), *notes], faults


def said_of(lineage, facts, keys):
    """The attributes by which a file states whose network computes with it, see `weight_file.ORIGIN`: name -> text."""
    if lineage is None:
        return {}
    differences = facts.differences(detect.facts_by_lineage(keys)[lineage])
    return {"lineage": lineage, **{name: str(getattr(facts, name)) for name in differences}}


def _fitted(file, dialect, lineage):
    """The tensors with the biases that the dialect's networks have, and what was done in words.

    A file that has the dialect already keeps the biases that it has.
    """
    target = TARGETS[dialect]
    already = file.vocabulary == "torch" if target.vocabulary == "torch" else file.naming.dialect == dialect
    network = lineage if lineage in target.lineages else target.lineages[0] if target.lineages else None
    row = biased_branches(network, detect.order_of(file.tensors)) if network else None
    if row is None or already and (lineage is None or lineage == network):
        return file.tensors, []
    here = set(convolutions(file.tensors))
    wanted = {key for key in here if ("stem" if key.stage == STEM else key.branch) in row}
    found, notes = file.tensors, []
    for step, biased, words in (
        (with_zero_biases, wanted, "set to zero, which the file lacks"),
        (without_zero_biases, here - wanted, "left out, which are all zero"),
        (without_biases, here - wanted, "taken into the running means, for the dialect's networks have none"),
    ):
        found, count = step(found, biased)
        notes += [f"{count} convolution biases {words}"] if count else []
    return found, notes


def _order(file, target, lineage):
    if target.grammars:
        return arranged(file.tensors, shortcut_first=shortcut_first(target.lineages[0]))
    if file.vocabulary == "torch":  # its files have the order in which modules were made
        return arranged(file.tensors, shortcut_first=bool(lineage) and shortcut_first(lineage))
    return list(file.tensors)


def _names(file, dialect, target):
    """`Place` (or str) -> layer name, and the grammar; None for the file's own names."""
    own = {key: name.removeprefix(file.naming.prefix) for key, name in file.names.items()}
    if not target.grammars:
        return {key: keras_name(name.rsplit("/", 1)[-1]) for key, name in own.items()}, None
    if not any(isinstance(key, Place) for key in own):
        raise WeightsError(
            f"{file.stored.path} has layers of no known network, {', '.join(own.values())}; expected a residual network"
        )
    numbered = {key.stage for key, name in own.items() if re.fullmatch(r"(res|bn)\d+b\d+_\w+", name)}
    preferred = [name for name in (file.naming.grammar, file.stored.said.get("grammar")) if name in target.grammars]
    missing = None
    for grammar in (*preferred, *target.grammars):
        found = {
            key: layer_name(grammar, key, numbered=numbered) if isinstance(key, Place) else own[key] for key in file.tensors
        }
        missing = missing or next((key for key, name in found.items() if name is None), None)
        if None not in found.values():
            return found, grammar
    raise WeightsError(
        f"{file.stored.path}: the dialect {dialect} has no name for the layer {file.names[missing]}; chollet and keras3 "
        "have one for every layer"
    )


def _rank(role):
    """Keras's order of a layer's weights, by which its readers go; PyTorch's files have them in any."""
    roles = tuple(VOCABULARIES["keras"].roles)
    return roles.index(role) if role in roles else len(roles)


def _worded(arrays, file, key):
    """PyTorch's words and axes, and its counter."""
    torch = VOCABULARIES["torch"]
    words = {role: word for word, role in torch.roles.items()}
    norm = {role: words[plain] for plain, role in TORCH_NORM.items()}
    found = {}
    for role, array in arrays.items():
        axes = {4: torch.axes, 2: torch.dense_axes}.get(array.ndim) if role == "kernel" else None
        found[norm.get(role) or words.get(role, role)] = array.transpose(np.argsort(axes)) if axes else array
    if file.vocabulary == "torch" and key in file.counters:
        found[COUNTER] = numbers(file.counters[key].read())
    elif file.vocabulary != "torch" and "moving_mean" in arrays:
        found[COUNTER] = np.zeros((), "int64")
    return found


def _with_weightless(layers, file, dialect, names):
    """The layers with those between them that have no weights, where the file lists them and its names are the dialect's."""
    if file.naming.dialect != dialect:
        return layers
    renamed = {file.names[key]: names[key] for key in file.names}
    listed = [renamed.get(name, name) for name in file.stored.names]
    if [name for name in listed if name in layers] != list(layers):
        return layers
    return {name: layers.get(name, {}) for name in listed}


def _version(file):
    version = file.stored.version
    if version and not version.startswith("1"):
        return version
    return _VERSION_OF_KERAS_1 if file.stored.container == "h5" else _VERSION


def _said(file, target):
    """What the new file has not as the old one had it, but for biases."""
    notes, torch = [note for note in file.converted if note != tensors.TRANSPOSED], target.vocabulary == "torch"
    if (tensors.TRANSPOSED in file.converted) != torch:  # Keras 1's kernels may have PyTorch's axes too
        notes.append("kernels transposed to (out, in, height, width)" if torch else tensors.TRANSPOSED)
    if file.stored.widened:
        notes.append(f"{file.stored.widened} tensors of bfloat16 written as float32")
    if file.counters and not torch:
        notes.append(f"{len(file.counters)} counters {COUNTER} left out, which Keras lacks")
    if torch and file.vocabulary != "torch":
        notes.append(f"{COUNTER} set to 0, which the file lacks")
    return notes
