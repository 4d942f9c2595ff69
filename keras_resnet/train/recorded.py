"""The arguments of a run, read from its record: so that a run goes on by its folder's name alone."""

from pathlib import Path

from keras_resnet.data.augment import Augmentation
from keras_resnet.errors import RunError
from keras_resnet.train.recipe import Recipe, complete
from keras_resnet.workdir import Workdir

_NEEDED = ("model", "recipe.name", "recipe.summary", "recipe.epochs", "seed", "validation_fraction", "data.path")


def recorded(run, **changes):
    """The keyword arguments of `train.run` with which a run goes on, but for ``callbacks``, ``say`` and ``verbose``.

    Paths that were relative are taken from the folder in which the run was started; where nothing is there, from this one.

    Args:
        run: the run folder.
        changes: arguments in place of the recorded ones, or beside them.

    Raises:
        RunError: there is none, or it is damaged; or its images have gone, or were arrays, and ``changes`` names no others.
    """
    record = Workdir(run).read(*_NEEDED)
    if record["data"]["path"] is None and "data" not in changes:
        raise RunError(f"{run} was trained on arrays in memory: call train.run with them again, and with resume=True")
    photographs, weights = record.get("photographs") or {}, record.get("weights") or {}
    paths = {"data": record["data"]["path"], "groups": photographs.get("groups"), "weights": weights.get("path")}
    start = Path(record.get("started_in", "."))
    arguments = {
        "out": run,
        "model": record["model"],
        "recipe": _recipe(record["recipe"], run),
        **{name: record[name] for name in ("seed", "validation_fraction")},
        **{name: record.get(name) for name in ("size", "per_class", "stream")},
        "test_fraction": photographs.get("test_fraction"),
        **record.get("switches", {}),
        **{name: path and _found(start, path) for name, path in paths.items()},
        **_moved(paths, changes),
        "resume": True,
        **changes,
    }
    if "data" not in changes and not Path(arguments["data"]).exists():
        raise RunError(f"The images of {run} lay at {arguments['data']}, where nothing is by now; name their place with --data")
    return arguments


def recorded_processes(run):
    """In how many processes a run was begun, an int; None for one."""
    processes = Workdir(run).read().get("processes", 1)
    return processes if processes > 1 else None


def _recipe(stored, run):
    """A recipe as `Recipe.to_json` wrote it."""
    try:
        known = complete(stored)
        return Recipe(**{**known, "augmentation": Augmentation(**known["augmentation"])})
    except TypeError as problem:  # of a later version, or damaged
        raise RunError(f"{Path(run) / 'run.json'} has a recipe that this version does not know: {problem}") from None


def _moved(paths, changes):
    """The groups file, where it lay among images that lie elsewhere by now."""
    if "data" not in changes or paths["groups"] is None or not Path(paths["groups"]).is_relative_to(paths["data"]):
        return {}
    return {"groups": str(Path(changes["data"]) / Path(paths["groups"]).relative_to(paths["data"]))}


def _found(start, path):
    """A path as it was typed in a folder, which is a name of published weights where nothing is there."""
    there = start / path
    return str(there) if there.exists() else path
