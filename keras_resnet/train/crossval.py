"""Cross-validation: every image is judged by a network that saw neither it nor, where groups are known, its person."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from keras_resnet.data import SignsSet, Split, split_indices
from keras_resnet.data.arrays import PLACE
from keras_resnet.data.listing import find_parts
from keras_resnet.data.memory import check_images
from keras_resnet.data.source import is_photographs, load
from keras_resnet.data.stored import StoredImages
from keras_resnet.errors import DataError
from keras_resnet.evaluate import evaluation, figures
from keras_resnet.evaluate.labels import doubtful_labels, group_interval
from keras_resnet.evaluate.metrics import Scores, score
from keras_resnet.files import json_text, whole
from keras_resnet.train.trainer import run
from keras_resnet.workdir import Workdir

MOST_DRAWN = 120  # mistakes or doubtful labels in one picture


@dataclass(frozen=True, eq=False)
class CrossValidation:
    """What a cross-validation came to.

    Attributes:
        scores: `Scores` of all images, each by the network of its fold.
        interval: of the accuracy, 95 %, by a bootstrap over groups; over images where no groups are known.
        folds: list of dicts: ``run``, ``images``, ``groups`` (None where not known), ``accuracy``.
        names: of the images, list of str.
        labels: int64 `(N,)`.
        doubts: list of `Doubt`: labels that may be wrong.
        pictures: dict of ``mistakes`` and ``doubtful`` -> path, None where there are none.
    """

    scores: Scores
    interval: tuple
    folds: list
    names: list
    labels: np.ndarray
    doubts: list
    pictures: dict

    def to_json(self):
        """A plain dict that `json.dumps` takes."""
        classes = self.scores.classes
        return {
            "accuracy": self.scores.accuracy,
            "interval": list(self.interval),
            "mean": float(np.mean([fold["accuracy"] for fold in self.folds])),
            "folds": self.folds,
            "images": self.scores.images,
            "calibration_error": self.scores.calibration_error,
            "per_class": [dict(vars(row)) for row in self.scores.per_class],
            "mistakes": [
                {"image": self.names[row.index], "label": classes[row.true], "said": classes[row.predicted]}
                | {"probability": row.probability}
                for row in self.scores.mistakes
            ],
            "doubtful": [
                {"image": self.names[row.index], "label": classes[row.label], "looks_like": classes[row.suggested]}
                | {"label_probability": row.label_probability, "probability": row.probability}
                for row in self.doubts
            ],
            "pictures": {name: path and str(path) for name, path in self.pictures.items()},
        }


def crossval(*, data, out, folds=5, groups=None, size=None, seed=0, say=print, **settings):
    """Trains a network for each fold on all other images, and scores all images by the networks that did not see them.

    Folds hold the classes in equal shares, and whole groups. A fold that is done is not done again; a broken one goes on.

    Args:
        data: the path of a SIGNS set or of a folder of photographs; all its images take part, test images too.
        out: the folder for `fold-1`, `fold-2` .., each a run folder, and `crossval.json`, `mistakes.png` and `doubtful.png`.
        folds: 2 or more.
        groups: a CSV file of ``file`` and ``group`` for photographs; a SIGNS set has its own.
        size: pixels that images are resized to; None as for `data.load`.
        seed: of the folds and of training.
        say: called with lines of progress.
        settings: keyword arguments of `train.run`: ``model``, ``recipe``, ``epochs`` ...

    Returns:
        A `CrossValidation`.

    Raises:
        DataError, ModelError, RunError, WeightsError: as `train.run`; or too few images or groups for so many folds.
    """
    images, names, class_names = _all_images(data, size, groups)
    parts = fold_indices(images.labels, folds, groups=images.groups, seed=seed)
    if images.groups is None:
        say("No groups are known: images of one person may be in several folds, and the accuracy then flatters")
    probabilities, rows = np.empty((len(images), len(class_names))), []
    for number, held in enumerate(parts, start=1):
        folder = Path(out) / f"fold-{number}"
        say(f"Fold {number} of {folds}: {len(held):,} images held back")
        kept = np.setdiff1d(np.arange(len(images)), held)
        signs = SignsSet(images.chosen(kept), images.chosen(held), class_names, PLACE)
        run(data=signs, out=folder, resume=True, seed=seed, say=say, **settings)
        probabilities[held] = evaluation.predict(Workdir(folder).load_model(), images.images[held])
        rows.append(_fold(folder, images, held, probabilities))
    return _concluded(Path(out), images, names, class_names, probabilities, rows)


def fold_indices(labels, folds, *, groups=None, seed=0):
    """The images of each fold: a list of int64 arrays, together all images, in rising order.

    Args:
        labels: int `(N,)`.
        folds: how many.
        groups: int `(N,)`, equal for images that stay together; None for images that are independent.
        seed: of the choice.

    Raises:
        DataError: fewer than two folds, or fewer images or groups than folds.
    """
    least = len(labels) if groups is None else len(np.unique(groups))
    if not isinstance(folds, int) or not 2 <= folds <= least:
        what = "images" if groups is None else "groups"
        raise DataError(f"folds: expected a whole number of 2 or more, and at most the {least:,} {what}, received {folds!r}")
    left, found = np.arange(len(labels)), []
    for number in range(folds - 1):
        of_left = None if groups is None else groups[left]
        kept, held = split_indices(labels[left], 1 / (folds - number), groups=of_left, seed=seed)
        found.append(left[held])
        left = left[kept]
    found.append(left)
    if min(map(len, found)) == 0:
        raise DataError(f"folds: expected images in each of {folds}, received {len(labels):,} images that leave one empty")
    return found


def _all_images(data, size, groups):
    """A `Split` of all images of a set, in memory, their names, and those of the classes."""
    whole_folder = is_photographs(data) and not find_parts(data)
    given = {"test_fraction": 1} if whole_folder else {}
    signs = load(data, size=size, groups=groups, stream=True if is_photographs(data) else None, **given)
    splits = [split for split in signs.splits if len(split)]
    check_images(sum(map(len, splits)), signs.image_shape[:2], data, copies=2)  # all of them, and those of a fold
    grouped = all(split.groups is not None for split in splits)
    return (
        Split(
            np.concatenate([split.images[:] for split in splits]),
            np.concatenate([split.labels for split in splits]),
            np.concatenate([split.groups for split in splits]) if grouped else None,
        ),
        [name for split in splits for name in _names(split, Path(data))],
        signs.class_names,
    )


def _names(split, path):
    """Of photographs their paths in the folder, of others their numbers in the split."""
    files = split.images.files if isinstance(split.images, StoredImages) else None
    if files is None:
        return [f"image {number}" for number in range(len(split))]
    return [file.relative_to(path).as_posix() for file in files]


def _fold(folder, images, held, probabilities):
    right = probabilities[held].argmax(axis=1) == images.labels[held]
    count = None if images.groups is None else len(np.unique(images.groups[held]))
    return {"run": str(folder), "images": len(held), "groups": count, "accuracy": float(right.mean())}


def _concluded(out, images, names, class_names, probabilities, rows):
    """Scores, doubtful labels and pictures of all folds; writes them."""
    scores = score(probabilities, images.labels, class_names)
    doubts = doubtful_labels(probabilities, images.labels)
    right = probabilities.argmax(axis=1) == images.labels
    units = np.arange(len(images)) if images.groups is None else images.groups
    pictures = {
        "mistakes": figures.mistakes(images.images, scores, out / "mistakes.png", limit=MOST_DRAWN),
        "doubtful": figures.doubtful(images.images, doubts[:MOST_DRAWN], class_names, out / "doubtful.png"),
    }
    found = CrossValidation(scores, group_interval(right, units), rows, names, images.labels, doubts, pictures)
    with whole(out / "crossval.json") as temporary:
        temporary.write_text(json_text(found.to_json()) + "\n", encoding="utf-8")
    return found
