"""Weight files and models: loading and saving, telling what a file is, and building the network that it belongs to."""

import hashlib
import warnings
from dataclasses import dataclass

from keras_resnet.errors import WeightsError, one_of
from keras_resnet.weights import containers, detect, hdf5, tensors, topology
from keras_resnet.weights.dialect import is_head_alone
from keras_resnet.weights.dialects import CLASSIFIER, LINEAGE_FACTS, PREACT_FACTS


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


def save(model, path):
    """Saves the weights of a flat `keras.Model` as HDF5 in the layout that Keras 1 and 2 read.

    Args:
        model: its layers' own names become the names in the file.
        path: the file, e.g. ``"weights.h5"``; it appears whole or not at all.
    """
    import keras

    layers = {
        layer.name: {_weight_name(weight): keras.ops.convert_to_numpy(weight) for weight in layer.weights}
        for layer in model.layers
    }
    hdf5.write(path, layers, keras_version=keras.__version__)


def load(model, path, *, head="require", lineage="require", kernels=None, nonfinite="refuse"):
    """Loads a weight file of any known library into a model: each tensor by its place in the network, never by its position.

    The file is compared with the model first and read next: on any error the model stays as it was.

    Args:
        model: a `keras.Model` whose layers are named as one of the known libraries names them, or as those of the file.
        path: an HDF5 file of Keras 1, 2 or 3, a .keras archive, a .safetensors or .pth file; its content decides.
        head: ``"require"``, or ``"skip"`` to keep the model's own classifier.
        lineage: ``"require"`` refuses a file whose network computes something else than the model; ``"ignore"`` does not.
        kernels: ``"theano"`` or ``"tensorflow"``, where the file does not say who computed, or says it wrongly; Theano turns
            kernels by 180 degrees.
        nonfinite: ``"refuse"`` refuses NaN, infinity and negative variances; ``"warn"`` loads them with a warning.

    Returns:
        A `LoadReport`.

    Raises:
        WeightsError: the file is missing or damaged, or names, shapes or lineage differ.
    """
    for what, value, choices in (
        ("head", head, ("require", "skip")),
        ("lineage", lineage, ("require", "ignore")),
        ("nonfinite", nonfinite, ("refuse", "warn")),
    ):
        if value not in choices:
            raise WeightsError(one_of(what, value, choices))
    with containers.opened(path) as stored:
        file = tensors.canonical(stored, kernels)
        slots = tensors.slots(model)
        plan = _checked_plan(file, slots, model, head)
        if lineage == "require":
            _check_lineage(file, slots, model)
        arrays, faults = tensors.read_all(plan.assignments, path, nonfinite)
    for fault in faults:
        warnings.warn(f"{path}: {fault}", stacklevel=2)
    tensors.assign(plan.assignments, arrays)
    return plan.report


def inspect(path, *, kernels=None):
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
    return WeightsInfo(
        path=str(path),
        container=stored.container,
        dialect=found.dialect,
        lineage=match[1] if match else found.lineage,
        model=match[0] if match else None,
        classes=int(head.shape[1]) if head is not None else None,
        include_top=head is not None,
        sha256=_sha256(path),
        evidence=(f"content is {stored.container}", *found.evidence),
    )


def model_from(path, *, lineage=None, kernels=None, input_shape=None):
    """Builds the network that a weight file belongs to and loads the file.

    Args:
        path: as in `load`.
        lineage: whose conventions to follow; None for what the file says.
        kernels: as in `load`.
        input_shape: `(height, width, channels)`; None for what the file says, or the published size.

    Returns:
        A `keras.Model`.

    Raises:
        WeightsError: as in `load`; or no network of the catalogue has such weights.
    """
    model, plan, arrays, end = _built(path, lineage, kernels, input_shape)
    tensors.assign(plan.assignments, arrays)
    return topology.ended(model, end)


def verify(path, *, kernels=None):
    """Checks that a weight file would load into the network that it belongs to, and that its numbers are finite.

    Args:
        path: as in `load`.
        kernels: as in `load`.

    Returns:
        A `WeightsInfo` and a `LoadReport`.

    Raises:
        WeightsError: as `model_from`.
    """
    _, plan, _, _ = _built(path, None, kernels, None)
    return inspect(path, kernels=kernels), plan.report


def _built(path, lineage, kernels, input_shape):
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
        plan = _checked_plan(file, tensors.slots(model), model, "require")
        arrays, _ = tensors.read_all(plan.assignments, path)
        return model, plan, arrays, topology.own_end(stored)


def _checked_plan(file, slots, model, head):
    """The plan, refused unless it is complete."""
    path = file.stored.path
    if is_head_alone(file.tensors) and not is_head_alone(slots.tensors):
        raise WeightsError(f"{path} holds a classifier head without its backbone: {_listed(file)}")
    plan = tensors.plan(file, slots, head=head)
    if plan.report.complete:
        return plan
    if is_head_alone(file.tensors):
        raise WeightsError(f"{path} holds a classifier head without its backbone: {_listed(file)}")
    off = [*plan.report.missing, *plan.report.unexpected, *(name for name, _, _ in plan.report.reshaped)]
    heads = {slots.names.get(CLASSIFIER), file.names.get(CLASSIFIER)} - {None}
    hint = "; head='skip' keeps the model's classifier" if {name.rpartition("/")[0] for name in off} <= heads else ""
    raise WeightsError(f"{path} does not fit the model {model.name}, which is unchanged: {plan.report}{hint}")


def _check_lineage(file, slots, model):
    """Refuses a file whose network computes something else than the model.

    Raises:
        WeightsError: spells out both.
    """
    found = detect.detect(file)
    if found.lineage is None or not slots.naming.dialect and slots.naming.order is None:
        return
    ours = _model_facts(slots, model)
    differences = found.facts.differences(ours)
    if not differences:
        return
    kind = PREACT_FACTS if detect.is_preact(slots.tensors) else LINEAGE_FACTS
    named = next((name for name, facts in kind.items() if not facts.differences(ours)), None)
    if named is None and not file.stored.config:  # a network of the user's own, and a file that states nothing to the contrary
        return
    raise WeightsError(
        f"{file.stored.path} belongs to another network than {model.name}, which is unchanged: the file is {found.lineage} "
        f"({found.facts}), the model {named or 'of no known lineage'} ({ours}); they differ in {', '.join(differences)}. "
        "lineage='ignore' loads it all the same"
    )


def _model_facts(slots, model):
    rows = []
    for layer in getattr(model, "operations", model.layers):
        options = {
            name: getattr(layer, name) for name in ("epsilon", "padding", "strides", "pool_size") if hasattr(layer, name)
        }
        rows.append((type(layer).__name__, layer.name, options))
    return detect.facts_of(rows, slots.names)


def _match(file, found, lineage=None):
    """The network of the catalogue that has such weights: `(name, lineage, ModelSpec)`, or None."""
    from keras_resnet.models.catalog import CATALOG, resolve

    shapes = topology.topology(file.tensors)
    wanted = lineage or found.lineage
    for name, row in CATALOG.items():
        for candidate in row.lineages if wanted is None else [wanted]:
            if candidate not in row.lineages:
                continue
            spec = resolve(name, candidate)
            if topology.adds(file) is not None and topology.adds(file) == (spec.shortcut == "none"):
                continue
            if topology.topology_of_spec(spec) != shapes:
                continue
            if (file.naming.grammar or "").startswith("timm_") and spec.grammar != file.naming.grammar:
                continue
            return name, candidate, spec
    return None


def _listed(file, limit=3):
    names = [str(name) for name in file.names.values()]
    return f"{len(names)} layers with weights, {', '.join(names[:limit])}{' ..' if len(names) > limit else ''}"


def _sha256(path):
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _weight_name(weight):
    return weight.path.rsplit("/", 1)[-1]
