"""The record of a run, `run.json`: made before training starts, compared when it goes on, completed at its end."""

import platform
import shlex

import keras
import numpy as np

from keras_resnet.errors import RunError
from keras_resnet.version import __version__

# What must be equal for a run to go on.
_FIXED = ("model", "recipe", "seed", "validation_fraction", "class_names")


def new_record(signs, *, model, recipe, seed, validation_fraction, out):
    """What `run.json` holds before training starts; the arguments are those of `run`."""
    command = ["keras-resnet", "train", "--data", str(signs.path), "--model", model, "--recipe", recipe.name]
    command += ["--epochs", str(recipe.epochs), "--seed", str(seed)]
    command += ["--validation-fraction", str(validation_fraction), "--out", str(out)]
    return {
        "status": "running",
        "command": shlex.join(command),
        "model": model,
        "recipe": recipe.to_json(),
        "seed": seed,
        "validation_fraction": validation_fraction,
        "class_names": list(signs.class_names),
        "data": {
            "path": str(signs.path),
            "fingerprint": signs.fingerprint(),
            "shape": list(signs.image_shape),
            "train": len(signs.train),
            "test": len(signs.test),
            "photos": photo_statistics(signs.train.images),
        },
        "preprocessing": "none: the saved model takes pixels 0 to 255 and multiplies them by 1/255 itself",
        "versions": _versions(),
    }


def photo_statistics(images):
    """What a photo is compared with before its prediction is trusted.

    Args:
        images: uint8 `(N, H, W, 3)`.

    Returns:
        Dict of ``brightness`` and ``contrast`` (mean and standard deviation of an image's pixels, 0 to 255), each
        `[mean, standard deviation]` over the images.
    """
    flat = images.reshape(len(images), -1)
    values = {"brightness": flat.mean(axis=1), "contrast": flat.std(axis=1)}
    return {name: [float(value.mean()), float(value.std())] for name, value in values.items()}


def claim(workdir, record, resume):
    """Makes a folder this run's own: writes the record, or compares it with the one that is there.

    Returns:
        ``"running"`` or ``"complete"``.

    Raises:
        RunError: the folder holds something else, a run and ``resume`` is off, or a run of other settings or data.
    """
    if not workdir.exists():
        if workdir.path.exists() and (not workdir.path.is_dir() or any(workdir.path.iterdir())):
            raise RunError(f"{workdir.path} exists and is not a run folder; name another one with --out")
        workdir.write(record)
        return record["status"]
    if not resume:
        raise RunError(f"{workdir.path} holds a run already; go on with it by --resume, or name another folder with --out")
    old = workdir.read()
    for key in _FIXED:
        if old[key] != record[key]:
            raise RunError(f"{workdir.path} was begun with {key} {_short(old[key])}, and now it is {_short(record[key])}")
    if old["data"]["fingerprint"] != record["data"]["fingerprint"]:
        raise RunError(f"The images in {record['data']['path']} have changed since the run in {workdir.path} was begun")
    return old["status"]


def _short(value):
    return value["name"] + f" of {value['epochs']} epochs" if isinstance(value, dict) else value


def _versions():
    backend = keras.backend.backend()
    versions = {"keras_resnet": __version__, "python": platform.python_version(), "keras": keras.__version__}
    versions[backend] = __import__(backend).__version__  # the names of Keras's backends are those of their modules
    return {**versions, "numpy": np.__version__, "machine": platform.platform()}
