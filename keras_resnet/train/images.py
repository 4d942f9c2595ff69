"""The images of a run: read, resized, cut into training and validation, and few of each class where that is asked for."""

from dataclasses import dataclass

import numpy as np

from keras_resnet.data import SignsSet, Split, split_indices
from keras_resnet.data.arrays import from_arrays, is_arrays
from keras_resnet.data.memory import check_images
from keras_resnet.data.source import is_photographs, load
from keras_resnet.errors import DataError
from keras_resnet.train.opened import open_all


@dataclass(frozen=True, eq=False)
class Images:
    """What a run trains, validates and tests on.

    Attributes:
        signs: the `SignsSet`, resized where that was asked for; its test images are the run's.
        train: `Split` of the images to train on.
        validation: `Split`, or None without.
        set_shape: `(H, W, 3)` of the images as the set has them.
        fingerprint: of the set as it was read.
        marks: dict of ``train``, ``validation`` and ``test`` to the marks of these images; see `data.recognition`.
        skipped: a line for each photograph that was left out as unreadable.
    """

    signs: SignsSet
    train: Split
    validation: Split | None
    set_shape: tuple
    fingerprint: str
    marks: dict
    skipped: tuple


def read(data, options, batch_size=1):
    """Reads a set, opens every image of it, and chooses those of the run.

    Args:
        data: the path of a SIGNS set or a folder of photographs; or arrays, see `data.arrays.from_arrays`.
        options: an `Options`.
        batch_size: images of a step.

    Raises:
        DataError: the set is damaged, or an option cannot be met by it; or one batch and the next would not fit into memory.
    """
    whole, photographs = _load(data, options), not is_arrays(data) and is_photographs(data)
    _check_classes(whole)
    signs = whole if options.size is None or photographs else whole.resized(options.size)
    check_images(batch_size, signs.image_shape[:2], f"{signs.path}, a step and the next", copies=2)
    signs, marked, skipped = open_all(signs, options, photographs)
    whole = signs if photographs else whole
    if signs.validation is not None:
        options.say(f"{signs.path} brings its own validation images: none are cut from those to train on")
    train, validation = _chosen(signs, options)
    # The same choice from the marks: it hangs on labels and groups alone.
    marks = dict(zip(("train", "validation"), (part and part.images for part in _chosen(marked, options)), strict=True))
    if validation is None:
        marks["validation"] = marks["train"][:0]
    marks["test"] = marked.test.images
    return Images(signs, train, validation, whole.image_shape, whole.fingerprint(), marks, skipped)


def _load(data, options):
    """The `SignsSet`, its photographs left on the disk."""
    # The test images hang on no seed of training.
    how = {name: getattr(options, name) for name in ("test_fraction", "groups")}
    if not is_arrays(data):
        photographs = is_photographs(data)
        return load(data, size=options.size if photographs else None, stream=True if photographs else options.stream, **how)
    for name in ("groups", "stream"):
        if getattr(options, name):
            raise DataError(f"{name}: expected none for arrays in memory, received {getattr(options, name)}")
    return from_arrays(data, test_fraction=options.test_fraction, say=options.say)


def _chosen(signs, options):
    """The images to train on and those to validate on (None without), as `Split`."""
    train, validation = signs.train, signs.validation
    if validation is None:
        train, validation = cut(train, options.validation_fraction, options.seed)
    if options.per_class is not None:
        train = few(train, options.per_class, signs.class_names, options.seed)
    return train, validation


def _check_classes(signs):
    """Raises a `DataError` where there is nothing to tell apart: any network would be right each time."""
    found = np.unique(signs.train.labels)
    if len(found) < 2:
        names = ", ".join(signs.class_names[label] for label in found) or "none"
        raise DataError(f"{signs.path} has training images of one class alone, {names}; expected two classes or more")


def cut(split, fraction, seed):
    """The training and the validation images (None without) of the training split."""
    kept, held = split_indices(split.labels, fraction, groups=split.groups, seed=seed)
    return split.chosen(kept), split.chosen(held) if len(held) else None


def few(split, count, class_names, seed):
    """The same number of images of each class, from as many groups as there are: one of each in turn.

    Args:
        split: a `Split`.
        count: images of each class.
        class_names: of the set; one without images in the split is passed over.
        seed: int.

    Raises:
        DataError: a class has fewer images.
    """
    random = np.random.RandomState(seed)  # a stream that no version of NumPy changes, as in split_indices
    groups = np.arange(len(split)) if split.groups is None else split.groups
    rank = {group: number for number, group in enumerate(random.permutation(np.unique(groups)))}
    chosen = []
    for label in np.unique(split.labels):
        members = random.permutation(np.flatnonzero(split.labels == label))
        if len(members) < count:
            raise DataError(
                f"per_class: expected at most {len(members)}, the images to train on of class {class_names[label]!r}, "
                f"received {count}"
            )
        taken, turns = {}, []
        for member in members:
            turn = taken.get(groups[member], 0)
            taken[groups[member]] = turn + 1
            turns.append((turn, rank[groups[member]], member))
        chosen += [member for _, _, member in sorted(turns)[:count]]
    return split.chosen(np.sort(chosen))


def balanced_weights(labels):
    """Class -> images / (classes * images of the class), so that every class weighs the same and the mean weight is 1.

    Args:
        labels: int `(N,)`.

    Returns:
        Dict of int to float; classes without images have none.
    """
    classes, counts = np.unique(labels, return_counts=True)
    return {int(label): len(labels) / (len(classes) * int(count)) for label, count in zip(classes, counts, strict=True)}
