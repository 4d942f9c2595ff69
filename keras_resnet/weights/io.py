"""Weight files and models: loading, telling what a file is, and building the network that it belongs to."""

import warnings
from dataclasses import dataclass, replace
from os import PathLike
from typing import TYPE_CHECKING

from keras_resnet.architectures.layer_names import Place
from keras_resnet.errors import WeightsError, one_of
from keras_resnet.weights import ambiguity, compatibility, containers, detect, known_files, tensors, topology
from keras_resnet.weights.dialect import is_head_alone
from keras_resnet.weights.dialects import CLASSIFIER
from keras_resnet.weights.path_checks import check_model_and_path
from keras_resnet.weights.report import LoadReport
from keras_resnet.weights.stem import STEMS, first_kernel, only_channels_differ

if TYPE_CHECKING:
    import keras

_NONFINITE = ("refuse", "warn")


@dataclass(frozen=True)
class WeightsInfo:
    """What a weight file is.

    Attributes:
        path: of the file.
        container: ``"h5"`` (the layout of Keras 1 and 2), ``"weights.h5"``, ``"keras"``, ``"safetensors"`` or ``"pth"``.
        dialect: whose names its layers have; None where nobody's here.
        lineage: whose network computes with them what their author's did; None where nothing tells.
        model: name of the network in the catalogue, or None.
        classes: of the classifier, or None.
        include_top: whether there is a classifier.
        sha256: of the file.
        evidence: sentences on what decided.
    """

    path: str
    container: str
    dialect: str | None
    lineage: str | None
    model: str | None
    classes: int | None
    include_top: bool
    sha256: str
    evidence: tuple


def load(
    model: "keras.Model",
    path: str | PathLike,
    *,
    head: str = "require",
    stem: str = "require",
    lineage: str = "require",
    kernels: str | None = None,
    nonfinite: str = "refuse",
) -> LoadReport:
    """Loads a weight file of any known library into a model: each tensor by its place in the network, never by its position.

    The file is compared with the model first and read next: on any error the model stays as it was.

    Args:
        model: a `keras.Model` whose layers are named as one of the known libraries names them, or as those of the file.
        path: an HDF5 file of Keras 1, 2 or 3, a .keras archive, a .safetensors or .pth file; its content decides.
        head: ``"require"``, or ``"skip"`` to keep the model's own classifier.
        stem: ``"require"``, or ``"adapt"`` to give the first kernel the model's number of input channels, as timm does: summed
            over the file's for one, repeated in turn and scaled for more.
        lineage: ``"require"`` refuses a file whose network computes something else than the model; ``"ignore"`` does not.
        kernels: ``"theano"`` or ``"tensorflow"``, where the file does not say who computed, or says it wrongly; Theano turns
            kernels by 180 degrees.
        nonfinite: ``"refuse"`` refuses NaN, infinity and negative variances; ``"warn"`` loads them with a warning.

    Returns:
        A `LoadReport`.

    Raises:
        WeightsError: the file is missing or damaged, or names, shapes or lineage differ.
    """
    check_model_and_path("load", model, path)
    for what, value, choices in (
        ("head", head, ("require", "skip")),
        ("stem", stem, STEMS),
        ("lineage", lineage, ("require", "ignore")),
        ("nonfinite", nonfinite, _NONFINITE),
    ):
        if value not in choices:
            raise WeightsError(one_of(what, value, choices))
    with containers.opened(path) as stored:
        file = tensors.canonical(stored, kernels)
        slots = tensors.slots(model)
        read = ambiguity.settled(file, slots, ignore=lineage == "ignore")
        plan = _checked_plan(read, slots, model, head=head, stem=stem, build=True)
        if lineage == "require":
            compatibility.check(file, slots, model)
        arrays, faults = tensors.read_all(plan.assignments, path, nonfinite)
    for fault in faults:
        warnings.warn(f"{path}: {fault}", stacklevel=2)
    tensors.assign(plan.assignments, arrays)
    return plan.report


def inspect(path: str | PathLike, *, kernels: str | None = None) -> WeightsInfo:
    """Says what a weight file is, by its content.

    Args:
        path: of the file.
        kernels: as in `load`.

    Returns:
        A `WeightsInfo`.

    Raises:
        WeightsError: the file is missing or damaged, or holds no weights.
    """
    with containers.opened(path) as stored:
        file = tensors.canonical(stored, kernels)
        found = detect.detect(file)
        match = _match(file, found)
    head = file.tensors.get(CLASSIFIER, {}).get("kernel")
    sha256 = known_files.digest_of(path, "sha256")
    return WeightsInfo(
        path=str(path),
        container=stored.container,
        dialect=found.dialect,
        lineage=match[1] if match else found.lineage,
        model=match[0] if match else None,
        classes=int(head.shape[1]) if head is not None else None,
        include_top=head is not None,
        sha256=sha256,
        evidence=(f"content is {stored.container}", *found.evidence, *known_files.evidence("sha256", sha256)),
    )


def model_from(
    path: str | PathLike,
    *,
    lineage: str | None = None,
    kernels: str | None = None,
    input_shape: tuple | None = None,
    stem: str = "require",
    nonfinite: str = "refuse",
) -> "keras.Model":
    """Builds the network that a weight file belongs to and loads the file.

    Args:
        path: as in `load`.
        lineage: whose conventions to follow; None for what the file says.
        kernels: as in `load`.
        input_shape: `(height, width, channels)`; None for what the file says, or the published size.
        stem: as in `load`, for an ``input_shape`` of another number of channels than the file's.
        nonfinite: as in `load`.

    Returns:
        A `keras.Model`.

    Raises:
        WeightsError: as in `load`; or no network of the catalogue has such weights.
    """
    from keras_resnet.models import LINEAGES

    for what, value, choices in (
        ("stem", stem, STEMS),
        ("nonfinite", nonfinite, _NONFINITE),
        ("lineage", lineage, (None, *LINEAGES)),
    ):
        if value not in choices:
            raise WeightsError(one_of(what, value, choices))
    model, plan, arrays, end = _built(path, lineage, kernels, input_shape=input_shape, stem=stem, nonfinite=nonfinite)
    tensors.assign(plan.assignments, arrays)
    return topology.ended(model, end)


def verify(path: str | PathLike, *, kernels: str | None = None) -> tuple[WeightsInfo, LoadReport]:
    """Checks that a weight file would load into the network that it belongs to, and that its numbers are finite.

    Args:
        path: as in `load`.
        kernels: as in `load`.

    Returns:
        A `WeightsInfo`, whose evidence says also whether the md5 or the sha256 is that of a known file, and a `LoadReport`.

    Raises:
        WeightsError: as `model_from`.
    """
    _, plan, _, _ = _built(path, None, kernels, advice=tensors.LOAD_NONFINITE)
    info = inspect(path, kernels=kernels)
    known = known_files.evidence("md5", known_files.digest_of(path, "md5"))
    if not known and known_files.told_by("sha256", info.sha256) is None:
        known = ("no known file has this md5 or sha256",)
    return replace(info, evidence=(*info.evidence, *known)), plan.report


def _built(path, lineage, kernels, *, input_shape=None, stem="require", nonfinite="refuse", advice=tensors.TAKE_NONFINITE):
    """The network that a file belongs to, the plan for it, the arrays, and the pool that the file's network ends in or None."""
    from keras_resnet.models import create_model

    with containers.opened(path) as stored:
        file = tensors.canonical(stored, kernels)
        if is_head_alone(file.tensors):
            raise WeightsError(f"{path} holds a classifier head without its backbone: {_listed(file)}")
        found = detect.detect(file)
        match = _match(file, found, lineage)
        if match is None:
            raise WeightsError(
                f"{path} fits no network of the catalogue: {_listed(file)}; dialect {found.dialect}, lineage "
                f"{lineage or found.lineage}; evidence: {'; '.join(found.evidence)}"
            )
        name, chosen, spec = match
        head = file.tensors.get(CLASSIFIER, {}).get("kernel")
        model = create_model(
            name,
            lineage=chosen,
            input_shape=input_shape or topology.input_shape(file, spec, head is not None),
            classes=None if head is None else int(head.shape[1]),
            include_top=head is not None,
            **({} if lineage else topology.departures(spec, found.facts)),
        )
        plan = _checked_plan(file, tensors.slots(model), model, stem=stem)
        arrays, faults = tensors.read_all(plan.assignments, path, nonfinite, advice)
        for fault in faults:
            warnings.warn(f"{path}: {fault}", stacklevel=3)
        return model, plan, arrays, topology.own_end(stored)


def _checked_plan(file, slots, model, *, head="require", stem="require", build=False):
    """The plan, refused unless it is complete; build: whether to say so where `model_from` would help."""
    path = file.stored.path
    if is_head_alone(file.tensors) and not is_head_alone(slots.tensors):
        raise WeightsError(f"{path} holds a classifier head without its backbone: {_listed(file)}")
    plan = tensors.plan(file, slots, head=head, stem=stem)
    if plan.report.complete:
        return plan
    if is_head_alone(file.tensors):
        raise WeightsError(f"{path} holds a classifier head without its backbone: {_listed(file)}")
    hint = _hint(plan.report, file, slots) or (_whose(file, slots) if build else "")
    report = replace(plan.report, converted=())  # nothing was
    raise WeightsError(f"{path} does not fit the model {model.name}, which is unchanged: {report}{hint}")


def _whose(file, slots):
    """Of another network than the model's: which one the file is, where the catalogue has it; else empty."""
    if not all(isinstance(key, Place) for key in file.tensors):
        return ""
    match = _match(file, detect.detect(file))
    if match is None or topology.topology(file.tensors) == topology.topology(slots.tensors):
        return ""
    return f"; the file is {match[0]}, {match[1]}; model_from builds it"


def _hint(report, file, slots):
    """The arguments of `load` that would help; empty where none would."""
    heads = {slots.names.get(CLASSIFIER), file.names.get(CLASSIFIER)} - {None}
    first, hints = first_kernel(slots.names), []
    off = {*report.missing, *report.unexpected, *(name for name, _, _ in report.reshaped)}
    stems = {name for name, theirs, ours in report.reshaped if name == first and only_channels_differ(theirs, ours)}
    layers = {name.rpartition("/")[0] for name in off - stems}
    if stems:
        hints.append("; stem='adapt' gives the first kernel the model's number of input channels")
    if layers:
        keeps = "keeps the model's classifier" if CLASSIFIER in slots.names else "leaves the file's classifier out"
        hints.append(f"; head='skip' {keeps}")
    return "".join(hints) if layers <= heads else ""


def _match(file, found, lineage=None):
    """The network of the catalogue that has such weights: `(name, lineage, ModelSpec)`, or None."""
    from keras_resnet.architectures.catalog import CATALOG, resolve

    shapes = topology.topology(file.tensors)
    wanted, grammar = lineage or found.lineage, file.stored.said.get("grammar") or file.naming.grammar
    for name, row in CATALOG.items():
        for candidate in row.lineages if wanted is None else [wanted]:
            if candidate not in row.lineages:
                continue
            spec = resolve(name, candidate)
            if topology.adds(file) is not None and topology.adds(file) == (spec.shortcut == "none"):
                continue
            if topology.topology_of_spec(spec) != shapes:
                continue
            if (grammar or "").startswith("timm_") and spec.grammar != grammar:
                continue
            return name, candidate, spec
    return None


def _listed(file, limit=3):
    names = [str(name) for name in file.names.values()]
    return f"{len(names)} layers with weights, {', '.join(names[:limit])}{' ..' if len(names) > limit else ''}"
