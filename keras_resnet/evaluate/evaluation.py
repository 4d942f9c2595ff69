"""A run and a labelled set: what the run's network says of it, in numbers and as a page."""

import dataclasses
import warnings
from collections.abc import Callable
from os import PathLike

import numpy as np

from keras_resnet.data import recognition
from keras_resnet.data.listing import find_parts
from keras_resnet.data.source import is_photographs, load
from keras_resnet.data.stored import StoredImages, chunks
from keras_resnet.errors import DataError
from keras_resnet.evaluate import figures
from keras_resnet.evaluate.feature_space import FeatureSpace
from keras_resnet.evaluate.metrics import Scores, finite, score, smoothed_floor
from keras_resnet.evaluate.page import html_report
from keras_resnet.explain import grad_cam
from keras_resnet.models.calls import embedding
from keras_resnet.text import say
from keras_resnet.workdir import FEATURES, IMAGES, Workdir

# Keys of `run.json` that the page shows, where they are there.
_SETTINGS = ("seed", "validation_fraction", "size", "per_class", "weights", "recipe", "calibration", "numerics", "versions")
_COMPARED = 2000  # images, evenly spaced, that are compared with all that a run has seen
_NEEDED = ("class_names", "data.shape")  # of `run.json`, to read images as the run's network takes them


def report(
    run: str | PathLike, data, *, out: str | PathLike | None = None, all_images: bool = False, say: Callable = say
) -> Scores:
    """Evaluates a trained run on the test images of a set.

    Images that the run was trained on, or validated with, are recognised by what they show, wherever they lie.

    Args:
        run: the run folder.
        data: a `SignsSet`, or the path of one, or a folder of photographs; see `data.load`. Of a folder without `train` and
            `test` all photographs are looked at.
        out: folder for `confusion.png`, `reliability.png`, `mistakes.png` and `report.html`; None writes nothing.
        all_images: whether images that the run was trained on are looked at too.
        say: called with a line where something is to be known of the images.

    Returns:
        `Scores` on the test images. Where test images of the run are among them, those that it was trained on are left out.

    Raises:
        RunError: no trained run there.
        DataError: the set is damaged; or its image size or classes are not those of the run (one that resized its images
            resizes these too); or the run was trained on images of it, and none is of the run's own test images.
    """
    workdir = Workdir(run)
    record = workdir.read("model", "command", "recipe", *_NEEDED)
    signs = test_images(workdir, data, all_images=all_images, say=say)
    model = workdir.load_model()
    scores = score(predict(model, signs.test.images), signs.test.labels, signs.class_names)
    if out is not None:
        write(Workdir(out), record, signs, scores, log=None, model=model, space=feature_space_of(workdir))
    return scores


def test_images(workdir, data, *, all_images=False, say=say):
    """The set that `report` looks at: that of ``data``, as the run's network takes it, with other test images where it must be.

    Args:
        workdir: the `Workdir` of the run.
        data, all_images, say: as for `report`.
    """
    record, given = workdir.read(*_NEEDED), hasattr(data, "test")
    parted = given or not is_photographs(data) or "test" in find_parts(data)
    signs = as_in_run(record, data if given else _load(record, data, parted))
    if all_images:
        return signs
    if not (workdir / IMAGES).exists():
        _check_unknown(workdir, signs, parted, say)
        return signs
    try:
        known = recognition.load(workdir / IMAGES)
    except DataError as problem:
        raise DataError(f"{problem}; --all (all_images=True) looks at all images, seen or not") from None
    return _unseen(workdir, signs, known, say)


def _load(record, path, parted):
    """The set at a path. Photographs are made as those of the run's set were."""
    if not is_photographs(path):
        return load(path)
    size = record["data"].get("set_shape", record["data"]["shape"])[:2]
    return load(path, size=size, **({} if parted else {"test_fraction": 1}))


def _unseen(workdir, signs, known, say):
    """The set without the test images that a run has seen; a DataError where it has and there is nothing to look at instead."""
    marks = recognition.marks(signs.test.images)
    parts = recognition.recognize(marks, known)
    seen, own = np.isin(parts, recognition.SEEN), parts == "test"
    told = f"{workdir.path} was trained on, or validated with, {seen.sum():,} of the {len(parts):,} images of {signs.path}"
    if (parts == "earlier").any():
        told += f", {(parts == 'earlier').sum():,} of them in the run whose weights it began from"
    if seen.any() and not own.any():
        raise DataError(f"{told}; name images that it has not seen, or look at all of them with --all (all_images=True)")
    if seen.any():
        say(f"{told}; they are left out: evaluating on the other {(~seen).sum():,}, of which {own.sum():,} are its test images")
    _tell_doubts(marks, parts, known, say)
    return dataclasses.replace(signs, test=signs.test.chosen(np.flatnonzero(~seen))) if seen.any() else signs


def _tell_doubts(marks, parts, known, say):
    """Says which of the images that are looked at may be no fair test: copies within the run's set, and of other pixels."""
    twice = recognition.recognize(marks[parts == "test"], {**known, "test": marks[:0]})
    if (twice != "").any():
        earlier = " or were such of the run whose weights it began from" if (twice == "earlier").any() else ""
        say(
            f"{(twice != '').sum():,} of the test images are training or validation images too{earlier}, pixel for pixel: the "
            "figures flatter"
        )
    unknown = marks[parts == ""][:: 1 + (parts == "").sum() // _COMPARED]
    near = recognition.alike(unknown, recognition.seen(known))
    if near.any():
        say(
            f"{near.sum():,} of {len(unknown):,} images that were compared look like images that the run was trained on or "
            "validated with, at another size or compression: if they are the same pictures, the figures flatter"
        )


def _check_unknown(workdir, signs, parted, say):
    """For a run without marks: a DataError where it may well have been trained on the images, else a line that says so."""
    told = f"{workdir / IMAGES} is missing, as in runs of earlier versions: whether the run has seen these images is unknown"
    if not parted:
        raise DataError(
            f"{told}; name a set with test images of its own, or look at all {len(signs.test):,} with --all (all_images=True)"
        )
    say(told)


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
    """Probabilities float32 `(N, classes)` for images uint8 `(N, H, W, 3)`, which may lie on the disk.

    Raises:
        RunError: the network's answers are no numbers.
    """
    if isinstance(images, StoredImages):
        probabilities = np.concatenate([np.asarray(model.predict_on_batch(chunk)) for chunk in chunks(images, batch_size)])
    else:
        probabilities = np.asarray(model.predict(images, batch_size=batch_size, verbose=0))
    return finite(probabilities)


def computed(function, images):
    """What a function makes of images uint8 `(N, H, W, 3)`, which may lie on the disk: `(N, ...)`."""
    pieces = chunks(images, 1024) if isinstance(images, StoredImages) else [images]
    return np.concatenate([function(piece) for piece in pieces])


def write(workdir, record, signs, scores, log, model, space):
    """Draws the figures of a finished run and its page into a folder.

    Args:
        workdir: the `Workdir` to write to.
        record: the run's record (`run.json`).
        signs: the `SignsSet` whose test images were looked at.
        scores: the `Scores` on them.
        log: the columns of the training log for the curves, or None.
        model: the run's `keras.Model`, which says where it looked.
        space: its `FeatureSpace`; None for a run of an earlier version.
    """
    smoothing = record["recipe"].get("label_smoothing")
    floor = smoothed_floor(smoothing, len(signs.class_names)) if smoothing else None
    images = signs.test.images
    pictures = {
        "curves": log and figures.curves(log, workdir / "curves.png", test_accuracy=scores.accuracy, floor=floor),
        "confusion": figures.confusion(scores, workdir / "confusion.png"),
        "reliability": figures.reliability(scores, workdir / "reliability.png", record.get("calibration")),
        "mistakes": figures.mistakes(images, scores, workdir / "mistakes.png", maps=_reasons(model, images, scores)),
    }
    result = record.get("result", {})
    summary = {
        "model": record["model"],
        "data": str(signs.path),
        "run": str(workdir.path),
        **{key: result[key] for key in ("epochs", "seconds", "images_per_second") if result.get(key) is not None},
        "command": record["command"],
        "balanced": record["recipe"].get("class_weights", False),
        "floor": floor,
        "unlike": _unlike(space, model, images),
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


def feature_space_of(workdir):
    """The `FeatureSpace` of a run; None where an earlier version made the run."""
    return FeatureSpace.load(workdir / FEATURES) if (workdir / FEATURES).exists() else None


def _unlike(space, model, images):
    """How many images are unlike those of the training, a number; None where that is not known."""
    if space is None or not np.isfinite(space.limit):
        return None
    return int((space.distances(computed(embedding(model), images)) > space.limit).sum())


def _reasons(model, images, scores):
    """Grad-CAM of the wrong answer for each mistake that is drawn, float32 `(M, H, W)`; None where there is none."""
    shown = scores.mistakes[: figures.MOST_MISTAKES]
    if not shown:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a map of zeros is seen: its image is grey
        return grad_cam(model, np.stack([images[each.index] for each in shown]), [each.predicted for each in shown])
