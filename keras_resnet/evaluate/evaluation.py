"""A run and a labelled set: what the run's network says of it, in numbers and as a page."""

from pathlib import Path

import numpy as np

from keras_resnet.data.listing import find_parts
from keras_resnet.data.source import is_photographs, load
from keras_resnet.data.stored import StoredImages, chunks
from keras_resnet.errors import DataError
from keras_resnet.evaluate import figures
from keras_resnet.evaluate.metrics import score
from keras_resnet.evaluate.page import html_report
from keras_resnet.workdir import Workdir

# Keys of `run.json` that the page shows, where they are there.
_SETTINGS = ("seed", "validation_fraction", "size", "per_class", "weights", "recipe", "numerics", "versions")


def report(run, data, *, out=None):
    """Evaluates a trained run on the test images of a set.

    Args:
        run: the run folder.
        data: a `SignsSet`, or the path of one, or a folder of photographs; see `data.load`. All photographs of a folder without
            `train` and `test` are looked at, but of the folder that the run was trained on its own test images alone.
        out: folder for `confusion.png`, `mistakes.png` and `report.html`; None writes nothing.

    Returns:
        `Scores` on the test images.

    Raises:
        RunError: no trained run there.
        DataError: the set is damaged, or its image size or classes are not those of the run. A run that resized its images
            resizes these too.
    """
    workdir = Workdir(run)
    record = workdir.read()
    signs = as_in_run(record, data if hasattr(data, "test") else _load(record, data))
    scores = score(predict(workdir.load_model(), signs.test.images), signs.test.labels, signs.class_names)
    if out is not None:
        write(Workdir(out), record, signs, scores, log=None)
    return scores


def _load(record, path):
    """The set at a path. Photographs come in the size of the run's images; those that the run itself parted are parted again
    as they were, others without a folder `test` are all test images."""
    if not is_photographs(path):
        return load(path)
    parting = record.get("photographs") or {}
    again = parting and Path(path).resolve() == Path(record["data"]["path"]).resolve()
    how = parting if again else {} if "test" in find_parts(path) else {"test_fraction": 1}
    return load(path, size=record["data"]["shape"][:2], **how)


def as_in_run(record, signs):
    """A set as a run's network takes it: resized where the run resized its images (``--size``).

    Raises:
        DataError: the set has another image shape or other classes than the run was trained on.
    """
    shape, names = tuple(record["data"]["shape"]), tuple(record["class_names"])
    if signs.class_names != names:
        raise DataError(f"{signs.path} has the classes {signs.class_names}; the run was trained on {names}")
    if signs.image_shape != shape and record.get("size"):
        return signs.resized(record["size"])
    if signs.image_shape != shape:
        raise DataError(
            f"{signs.path} has images of {signs.image_shape}; the run was trained on {shape}; one trained with --size "
            "resizes what it is given"
        )
    return signs


def predict(model, images, batch_size=64):
    """Probabilities float32 `(N, classes)` for images uint8 `(N, H, W, 3)`, which may lie on the disk."""
    if isinstance(images, StoredImages):
        return np.concatenate([np.asarray(model.predict_on_batch(chunk)) for chunk in chunks(images, batch_size)])
    return np.asarray(model.predict(images, batch_size=batch_size, verbose=0))


def write(workdir, record, signs, scores, log):
    """Draws the figures of a finished run and its page into a folder.

    Args:
        workdir: the `Workdir` to write to.
        record: the run's record (`run.json`).
        signs: the `SignsSet` whose test images were looked at.
        scores: the `Scores` on them.
        log: the columns of the training log for the curves, or None.
    """
    pictures = {
        "curves": log and figures.curves(log, workdir / "curves.png", test_accuracy=scores.accuracy),
        "confusion": figures.confusion(scores, workdir / "confusion.png"),
        "mistakes": figures.mistakes(signs.test.images, scores, workdir / "mistakes.png"),
    }
    result = record.get("result", {})
    summary = {
        "model": record["model"],
        "data": str(signs.path),
        "run": str(workdir.path),
        **{key: result[key] for key in ("epochs", "seconds", "images_per_second") if result.get(key) is not None},
        "command": record["command"],
        "balanced": record["recipe"].get("class_weights", False),
    }
    settings = {key: record[key] for key in _SETTINGS if record.get(key) is not None}
    html_report(
        workdir / "report.html",
        title=f"{record['model']} on {signs.path}",
        summary=summary,
        scores=scores,
        figures=pictures,
        log=log,
        settings=settings,
    )
