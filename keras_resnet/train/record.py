"""The record of a run, `run.json`: made before training starts, compared when it goes on, completed at its end."""

import hashlib
import math
import platform
from pathlib import Path

import numpy as np

from keras_resnet.data.arrays import PLACE
from keras_resnet.data.stored import StoredImages, chunks
from keras_resnet.environment import deterministic, numerics, versions
from keras_resnet.errors import RunError
from keras_resnet.models import resolve
from keras_resnet.text import typed
from keras_resnet.train.config import NONE, Options, Recipe, complete, deciding, declared, flag_of, stored_options
from keras_resnet.train.recipes import RECIPES

# What is left to do of a run: train; make the network of the last checkpoint; test it; nothing.
TO_TRAIN, TO_SAVE, TO_TEST, DONE = "train", "save", "test", "nothing"
_RESULT = (
    "seconds", "epochs", "test.accuracy", "test.accuracy_interval", "test.balanced_accuracy", "test.loss", "test.images",
)  # fmt: skip
PHOTOS = 512  # of a set on the disk, looked at for `photo_statistics`

# Mode of `preprocess_input` -> what the saved model does to pixels itself.
_PIXELS = {
    "unit": "multiplies them by 1/255",
    "caffe": "turns them to BGR and subtracts the means of ImageNet",
    "torch": "divides them by 255 and normalises them by the means and deviations of ImageNet",
    "tf": "scales them to -1 to 1",
    "none": "computes with them as they are",
}


def new_record(setup):
    """What `run.json` holds before training starts.

    Args:
        setup: a `Setup`.
    """
    config, images, start = setup.config, setup.images, setup.start
    return {
        "status": "running",
        "command": _command(setup),
        "started_in": str(Path.cwd()),
        "model": config.model,
        "lineage": resolve(config.model, start.lineage).lineage,
        "recipe": config.recipe.to_json(),
        **config.options.to_json(),
        "processes": setup.crew.size,
        "weights": start.weights and {"path": start.weights, "sha256": start.sha256, "head": start.head},
        "class_names": list(images.signs.class_names),
        "data": {
            "path": None if images.signs.path == PLACE else str(images.signs.path),
            "fingerprint": images.fingerprint,
            "groups": _digest(images.signs.train.groups),
            "shape": list(images.signs.image_shape),
            "set_shape": list(images.set_shape),
            "skipped": list(images.skipped),
            "train": len(images.signs.train),
            "used": len(images.train),
            "validation": len(images.validation or ()),
            "test": len(images.signs.test),
            "photos": photo_statistics(images.signs.train.images),
        },
        "pixels": start.pixels,
        "preprocessing": f"none: the saved model takes pixels 0 to 255 and {_PIXELS[start.pixels]} itself",
        "numerics": {**numerics(tf32=None), "deterministic": _is_deterministic()},
        "versions": {**versions(), "machine": platform.platform()},
    }


def _digest(groups):
    """SHA-256 of who or what the training images show, in hexadecimal; None where that is not known."""
    return None if groups is None else hashlib.sha256(np.ascontiguousarray(groups, dtype="<i8")).hexdigest()


def _is_deterministic():
    with deterministic() as holds:
        return holds


def _command(setup):
    """What makes the run: a command line, or the call in Python where it has arrays. A recipe of one's own it can only name."""
    out, given = str(setup.config.out), _given(setup.config)
    if setup.images.signs.path == PLACE:
        arguments = {**given, "out": out}
        return f"keras_resnet.train.run(data=..., {', '.join(f'{name}={value!r}' for name, value in arguments.items())})"
    words = ["keras-resnet", "train", "--data", str(setup.images.signs.path)]
    for name, value in given.items():
        words.append(flag_of(name, value))
        words += [] if isinstance(value, bool) else [NONE if value is None else str(value)]
    if setup.crew.size > 1:
        words += ["--processes", str(setup.crew.size)]
    return typed(*words, "--out", out)


def _given(config):
    """The arguments of the command: a number each time, and else what is not as the recipe has it or by default."""
    recipe, values, usual = config.recipe, config.options.plain(), vars(Options())
    base = RECIPES.get(recipe.name) or Recipe(recipe.name, recipe.summary, 1)
    given = {"model": config.model, "recipe": recipe.name, "epochs": recipe.epochs}
    flags = [name for name, option in declared(Recipe).items() if option.flag]
    given |= {name: getattr(recipe, name) for name in flags if getattr(recipe, name) != getattr(base, name)}
    return given | {name: value for name, value in values.items() if value != usual[name] or type(value) in (int, float)}


def again(record):
    """What goes on with a run: a command line, or the call in Python."""
    if record["data"]["path"] is None:
        return f"{record['command'].removesuffix(')')}, resume=True)"
    return f"{record['command']} --resume"


def photo_statistics(images):
    """What a photo is compared with before its prediction is trusted.

    Args:
        images: uint8 `(N, H, W, 3)`; of those on the disk some hundreds count, evenly spaced.

    Returns:
        Dict of ``brightness`` and ``contrast`` (mean and standard deviation of an image's pixels, 0 to 255), each
        `[mean, standard deviation]` over the images.
    """
    if isinstance(images, StoredImages):
        images = images[:: math.ceil(len(images) / PHOTOS)]
    # In pieces: the deviations of a large set at once would take eight times its memory.
    flat = [chunk.reshape(len(chunk), -1) for chunk in chunks(images)]
    values = {"brightness": [piece.mean(axis=1) for piece in flat], "contrast": [piece.std(axis=1) for piece in flat]}
    values = {name: np.concatenate(pieces) for name, pieces in values.items()}
    return {name: [float(value.mean()), float(value.std())] for name, value in values.items()}


def claim(workdir, record, resume, say):
    """Makes a folder this run's own: writes the record, or compares it with the one that is there.

    Returns:
        What is left to do; see `check_claim`.

    Raises:
        RunError: the folder holds something else, a run and ``resume`` is off, or a run of other settings or data.
    """
    stage = check_claim(workdir, record, resume, say)
    if stage is None:
        workdir.write(record)
    return stage or TO_TRAIN


def check_claim(workdir, record, resume, say):
    """What is left to do of the run that a folder holds; errors as in `claim`. Writes nothing.

    Args:
        workdir: the `Workdir`.
        record: of the run that is asked for.
        resume: whether it may be there already.
        say: told, in a line, of what is unlike the beginning and no hindrance.

    Returns:
        None where there is no run; `TO_TRAIN`; `TO_SAVE` where all epochs are done, and the network is to be made of the last
        checkpoint; `TO_TEST` where it stands; `DONE`.
    """
    if not check_folder(workdir, resume):
        return None
    old = workdir.read("status", "model", "recipe.name", "recipe.epochs", "seed", "class_names", "data.fingerprint", "versions")
    before, now = _fixed(old), _fixed(record)
    for key in now:
        difference = _difference(key, before[key], now[key])
        if difference:
            raise RunError(f"{workdir.path} was begun with {difference}{_longer(workdir, old, record)}")
    stage = _stage(workdir, old, say)
    if old["data"]["fingerprint"] != record["data"]["fingerprint"]:
        told = f"The images in {record['data']['path'] or PLACE} have changed since the run in {workdir.path} was begun"
        if stage in (TO_TRAIN, DONE):
            raise RunError(told)
        say(f"{told}; its training is done, and what is left is done with the images as they are now")
    elif old["data"].get("groups", record["data"]["groups"]) != record["data"]["groups"]:
        raise RunError(f"The groups of the images have changed since the run in {workdir.path} was begun")
    return stage


def _fixed(record):
    """What must be equal for a run to go on; what an older record lacks was at its default."""
    options = {**vars(Options()), **stored_options(record)}
    fixed = {key: record[key] for key in ("model", "recipe", "class_names")}
    return fixed | {name: options[name] for name in deciding(Options)}


def check_folder(workdir, resume):
    """Whether a folder holds a run, which may go on; a RunError where it may not, or holds something else."""
    if not workdir.exists() and not workdir.is_free():
        raise RunError(f"{workdir.path} exists and is not a run folder; name another one with --out")
    if workdir.exists() and not resume:
        raise RunError(f"{workdir.path} holds a run already; go on with it by --resume, or name another folder with --out")
    return workdir.exists()


def _longer(workdir, old, record):
    """How to train longer, where that is what was asked for; else nothing."""
    more = record["recipe"]["epochs"] - old["recipe"]["epochs"]
    if more <= 0:
        return ""
    return (
        "; its learning rate falls to its end over those epochs: to train longer, begin another run from its weights, with "
        f"--weights {typed(workdir.path)} --epochs {more} --out OTHER"
    )


def _stage(workdir, old, say):
    """What is left to do of a run, by its record and the files that are there."""
    if old["status"] == "running":
        return TO_SAVE if workdir.epochs() >= old["recipe"]["epochs"] else TO_TRAIN
    damage = workdir.damage()
    if damage is None and old["status"] == "trained":
        return TO_TEST
    if damage is None:
        workdir.read(*(f"result.{name}" for name in _RESULT))
        return DONE
    if not workdir.epochs():
        raise RunError(f"{damage}; there is no checkpoint to make it from: restore it from a copy, or train in another folder")
    for file in (workdir / "model.keras", workdir / "weights.h5"):
        if file.is_dir():
            raise RunError(f"{file} is a folder, where a file is to be; remove it, and --resume makes the file anew")
    say(f"{damage}; it is made anew from the last checkpoint")
    return TO_SAVE


def changed_numbers(old, new):
    """What has changed between two records that the last digits of the weights hang on: a str, None for nothing."""
    facts = [{**record.get("numerics", {}), **record["versions"]} for record in (old, new)]
    facts = [{name: value for name, value in each.items() if name != "machine"} for each in facts]
    changed = [name for name in facts[1] if name in facts[0] and facts[0][name] != facts[1][name]]
    return "; ".join(f"{name} was {facts[0][name]}, now {facts[1][name]}" for name in changed) or None


def _difference(key, old, new):
    """How two values of a record differ, in words; None where they do not."""
    if key == "recipe" and old["name"] == new["name"]:
        old = complete(old)
        changed = [name for name in deciding(Recipe) if old[name] != new[name]]
        if not changed:
            return None
        key, old, new = f"{changed[0]} of recipe {new['name']}", old[changed[0]], new[changed[0]]
    if key == "weights" and old and new and old.get("sha256") == new.get("sha256") and old.get("head") == new.get("head"):
        return None
    return None if old == new else f"{key} {_short(old)}, and now it is {_short(new)}"


def _short(value):
    return value.get("name") or value.get("path") or value if isinstance(value, dict) else value
