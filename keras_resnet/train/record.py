"""The record of a run, `run.json`: made before training starts, compared when it goes on, completed at its end."""

import math
import platform
import shlex
from dataclasses import replace

import numpy as np

from keras_resnet.data.stored import StoredImages, chunks
from keras_resnet.environment import deterministic, numerics, versions
from keras_resnet.errors import RunError
from keras_resnet.models import resolve
from keras_resnet.train.recipe import FLAGS, Recipe, complete
from keras_resnet.train.recipes import RECIPES

# What must be equal for a run to go on; where an older record has no such key it was None.
_FIXED = (
    "model", "recipe", "seed", "validation_fraction", "size", "per_class", "weights", "class_names", "stream", "photographs",
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


def new_record(setup, out):
    """What `run.json` holds before training starts.

    Args:
        setup: a `Setup`.
        out: the run folder.
    """
    images, options, start = setup.images, setup.options, setup.start
    return {
        "status": "running",
        "command": shlex.join(_command(setup, out)),
        "model": setup.model,
        "lineage": resolve(setup.model, start.lineage).lineage,
        "recipe": setup.recipe.to_json(),
        "seed": options.seed,
        "validation_fraction": options.validation_fraction,
        "size": options.size,
        "per_class": options.per_class,
        "stream": options.stream,
        "photographs": options.photographs(),
        "weights": start.weights and {"path": start.weights, "sha256": start.sha256, "head": start.head},
        "class_names": list(images.signs.class_names),
        "data": {
            "path": str(images.signs.path),
            "fingerprint": images.fingerprint,
            "shape": list(images.signs.image_shape),
            "set_shape": list(images.set_shape),
            "train": len(images.signs.train),
            "used": len(images.train),
            "validation": len(images.validation or ()),
            "test": len(images.signs.test),
            "photos": photo_statistics(images.signs.train.images),
        },
        "pixels": start.pixels,
        "preprocessing": f"none: the saved model takes pixels 0 to 255 and {_PIXELS[start.pixels]} itself",
        "numerics": {**numerics(tf32=None), "deterministic": _is_deterministic(options)},
        "versions": {**versions(), "machine": platform.platform()},
    }


def _is_deterministic(options):
    with deterministic(not options.fast) as holds:
        return holds


def _command(setup, out):
    """The words of the command line that makes the run. A recipe of one's own, in Python, it can only name."""
    recipe, options = setup.recipe, setup.options
    words = ["keras-resnet", "train", "--data", str(setup.images.signs.path), "--model", setup.model]
    words += ["--recipe", recipe.name, "--epochs", str(recipe.epochs), "--seed", str(options.seed)]
    words += ["--validation-fraction", str(options.validation_fraction)]
    base = replace(RECIPES.get(recipe.name) or Recipe(recipe.name, recipe.summary, 1), epochs=recipe.epochs)
    flags = {name: getattr(recipe, name) for name in FLAGS if getattr(recipe, name) != getattr(base, name)}
    flags |= {
        name: getattr(options, name)
        for name in ("size", "per_class", "weights", "test_fraction", "groups", "fast", "tensorboard", "remat")
        if getattr(options, name)
    }
    if options.stream is not None:
        words.append("--stream" if options.stream else "--no-stream")
    for name, value in flags.items():
        words.append(f"--{name.replace('_', '-')}")
        words += [] if value is True else ["none" if value is None else str(value)]
    if setup.crew.size > 1:
        words += ["--processes", str(setup.crew.size)]
    return [*words, "--out", str(out)]


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


def claim(workdir, record, resume):
    """Makes a folder this run's own: writes the record, or compares it with the one that is there.

    Returns:
        ``"running"`` or ``"complete"``.

    Raises:
        RunError: the folder holds something else, a run and ``resume`` is off, or a run of other settings or data.
    """
    status = check_claim(workdir, record, resume)
    if status is None:
        workdir.write(record)
    return status or record["status"]


def check_claim(workdir, record, resume):
    """The status of the run that a folder holds, None where there is none; errors as in `claim`. Writes nothing."""
    if not workdir.exists():
        if not workdir.is_free():
            raise RunError(f"{workdir.path} exists and is not a run folder; name another one with --out")
        return None
    if not resume:
        raise RunError(f"{workdir.path} holds a run already; go on with it by --resume, or name another folder with --out")
    old = workdir.read()
    for key in _FIXED:
        difference = _difference(key, old.get(key), record[key])
        if difference:
            raise RunError(f"{workdir.path} was begun with {difference}")
    if old["data"]["fingerprint"] != record["data"]["fingerprint"]:
        raise RunError(f"The images in {record['data']['path']} have changed since the run in {workdir.path} was begun")
    return old["status"]


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
        changed = [name for name in new if old[name] != new[name] and name != "summary"]
        if not changed:
            return None
        key, old, new = f"{changed[0]} of recipe {new['name']}", old[changed[0]], new[changed[0]]
    if key == "weights" and old and new and old.get("sha256") == new.get("sha256") and old.get("head") == new.get("head"):
        return None
    return None if old == new else f"{key} {_short(old)}, and now it is {_short(new)}"


def _short(value):
    return value.get("name") or value.get("path") or value if isinstance(value, dict) else value
