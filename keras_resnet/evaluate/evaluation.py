"""A run and a labelled set: what the run's network says of it, in numbers and as a page."""

import numpy as np

from keras_resnet.errors import DataError
from keras_resnet.evaluate import figures
from keras_resnet.evaluate.metrics import score
from keras_resnet.evaluate.page import html_report
from keras_resnet.workdir import Workdir


def report(run, data, *, out=None):
    """Evaluates a trained run on the test images of a set.

    Args:
        run: the run folder.
        data: a `SignsSet`, or the path of one.
        out: folder for `confusion.png`, `mistakes.png` and `report.html`; None writes nothing.

    Returns:
        `Scores` on the test images.

    Raises:
        RunError: no trained run there.
        DataError: the set is damaged, or its image size or classes are not those of the run.
    """
    from keras_resnet.data import load_signs

    workdir = Workdir(run)
    record = workdir.read()
    signs = data if hasattr(data, "test") else load_signs(data)
    check_fits(record, signs)
    scores = score(predict(workdir.load_model(), signs.test.images), signs.test.labels, signs.class_names)
    if out is not None:
        write(Workdir(out), record, signs, scores, log=None)
    return scores


def check_fits(record, signs):
    """Raises DataError unless a set has the image shape and the classes that a run was trained on."""
    shape, names = tuple(record["data"]["shape"]), tuple(record["class_names"])
    if signs.image_shape != shape:
        raise DataError(f"{signs.path} has images of {signs.image_shape}; the run was trained on {shape}")
    if signs.class_names != names:
        raise DataError(f"{signs.path} has the classes {signs.class_names}; the run was trained on {names}")


def predict(model, images, batch_size=64):
    """Probabilities float32 `(N, classes)` for images uint8 `(N, H, W, 3)`."""
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
    }
    settings = {key: record[key] for key in ("seed", "validation_fraction", "recipe", "versions")}
    html_report(
        workdir / "report.html",
        title=f"{record['model']} on {signs.path}",
        summary=summary,
        scores=scores,
        figures=pictures,
        log=log,
        settings=settings,
    )
