"""Whether a file's network computes what the model does, which the shapes of weights do not tell."""

from keras_resnet.errors import WeightsError
from keras_resnet.weights import detect, topology


def check(file, slots, model):
    """Refuses a file whose network computes something else than the model.

    Args:
        file, slots: the file and the model, each a `tensors.Canonical`.
        model: the `keras.Model`.

    Raises:
        WeightsError: spells out both.
    """
    _check_lineage(file, slots, model)
    _check_shortcuts(file, model)


def _check_lineage(file, slots, model):
    """Refuses a file of other constants and paddings than the model's."""
    found = detect.detect(file)
    if found.lineage is None or not slots.naming.dialect and slots.naming.order is None:
        return
    ours = detect.facts_of_model(model, slots.names)
    differences = found.facts.differences(ours)
    if not differences:
        return
    named = next((name for name, facts in detect.facts_by_lineage(slots.tensors).items() if not facts.differences(ours)), None)
    if named is None and not file.stored.config:  # a network of the user's own, and a file that states nothing to the contrary
        return
    raise WeightsError(
        f"{file.stored.path} belongs to another network than {model.name}, which is unchanged: the file is {found.lineage} "
        f"({found.facts}), the model {named or 'of no known lineage'} ({ours}); they differ in {', '.join(differences)}. "
        "lineage='ignore' loads it all the same"
    )


def _check_shortcuts(file, model):
    """Refuses a residual network in a plain one, and the other way round: a shortcut without weights leaves no place."""
    theirs, ours = topology.adds(file), detect.adds(model)
    if None in (theirs, ours) or theirs == ours:
        return
    residual, plain = "a residual network (it has additions)", "a plain one (it has none)"
    one, other = (residual, plain) if theirs else (plain, residual)
    raise WeightsError(
        f"{file.stored.path} belongs to another network than {model.name}, which is unchanged: the file is of {one}, the model "
        f"{other}. lineage='ignore' loads it all the same"
    )
