"""From the keyword arguments of `train.run`, or from the record of a run, to what a run is asked for."""

from dataclasses import fields, replace
from pathlib import Path

from keras_resnet.data.augmentation import Augmentation
from keras_resnet.errors import RunError, nearest_of, one_of
from keras_resnet.models import resolve
from keras_resnet.train.config import MODEL, RECIPE, Config, Options, Recipe, complete, declared, stored_options
from keras_resnet.train.recipes import RECIPES
from keras_resnet.workdir import Workdir

_OPTIONS = tuple(each.name for each in fields(Options))
_ARGUMENTS = (*(each.name for each in fields(Config) if each.name != "options"), *_OPTIONS, *declared(Recipe))
_NEEDED = ("model", "recipe.name", "recipe.summary", "recipe.epochs", "seed", "validation_fraction", "data.path")
_GONE = ("fast",)  # options of earlier versions: a run that was begun with one goes on without


def configure(*, data, out, model=MODEL, recipe=RECIPE, epochs=None, resume=False, **given) -> Config:
    """Reads the keyword arguments of `train.run`.

    Args:
        data, out, model, recipe, epochs, resume: as in `train.run`.
        given: fields of `Recipe`, which replace the recipe's, and of `Options`.

    Raises:
        ModelError, RunError: an unknown network, recipe or argument, or a value that cannot be.
    """
    if isinstance(recipe, str):
        if recipe not in RECIPES:
            raise RunError(one_of("recipe", recipe, RECIPES))
        recipe = RECIPES[recipe]
    for name in given:
        if name not in _ARGUMENTS:
            raise RunError(nearest_of("argument of train.run", name, _ARGUMENTS))
    changes = {name: value for name, value in given.items() if name in declared(Recipe)}
    if epochs is not None:
        changes["epochs"] = epochs
    options = Options(**{name: value for name, value in given.items() if name in _OPTIONS})
    resolve(model)
    return Config(data, out, model, replace(recipe, **changes), options, resume)


def recorded(run, **changes) -> dict:
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
    options = _options(record, Path(run) / "run.json")
    paths = {"data": record["data"]["path"], **{name: options.get(name) for name in ("groups", "weights")}}
    start = Path(record.get("started_in", "."))
    arguments = {
        "out": run,
        "model": record["model"],
        "recipe": _recipe(record["recipe"], Path(run) / "run.json"),
        **options,
        **{name: path and _found(start, path) for name, path in paths.items()},
        **_moved(paths, changes),
        "resume": True,
        **changes,
    }
    if "data" not in changes and not Path(arguments["data"]).exists():
        raise RunError(f"The images of {run} lay at {arguments['data']}, where nothing is by now; name their place with --data")
    return arguments


def recorded_processes(run) -> int | None:
    """In how many processes a run was begun; None for one."""
    processes = Workdir(run).read().get("processes", 1)
    return processes if processes > 1 else None


def _options(record, file):
    """The options of a record, every one as it can be; of the weights their path."""
    options = {name: value for name, value in stored_options(record).items() if name not in _GONE}
    options["weights"] = (options.get("weights") or {}).get("path")
    if unknown := sorted(options.keys() - declared(Options).keys()):
        raise RunError(f"{file} has an option that this version does not know: {unknown[0]}")
    try:
        Options(**options)
    except RunError as problem:
        raise RunError(f"{file} is not the record of a run: {problem}") from None
    return options


def _recipe(stored, file):
    """A recipe as `Recipe.to_json` wrote it."""
    try:
        known = complete(stored)
        return Recipe(**{**known, "augmentation": Augmentation(**known["augmentation"])})
    except TypeError as problem:  # of a later version, or damaged
        raise RunError(f"{file} has a recipe that this version does not know: {problem}") from None


def _moved(paths, changes):
    """The groups file, where it lay among images that lie elsewhere by now."""
    if "data" not in changes or paths["groups"] is None or not Path(paths["groups"]).is_relative_to(paths["data"]):
        return {}
    return {"groups": str(Path(changes["data"]) / Path(paths["groups"]).relative_to(paths["data"]))}


def _found(start, path):
    """A path as it was typed in a folder, which is a name of published weights where nothing is there."""
    there = start / path
    return str(there) if there.exists() else path
