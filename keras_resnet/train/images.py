"""The images of a run: read, resized, cut into training and validation, and few of each class where that is asked for."""

from dataclasses import dataclass

import numpy as np

from keras_resnet.data import SignsSet, Split, split_indices
from keras_resnet.data.source import is_photographs, load
from keras_resnet.errors import DataError


@dataclass(frozen=True, eq=False)
class Images:
    """What a run trains, validates and tests on.

    Attributes:
        signs: the `SignsSet`, resized where that was asked for; its test images are the run's.
        train: `Split` of the images to train on.
        validation: `Split`, or None without.
        set_shape: `(H, W, 3)` of the images as the set has them.
        fingerprint: of the set as it was read.
    """

    signs: SignsSet
    train: Split
    validation: Split | None
    set_shape: tuple
    fingerprint: str


def read(path, options):
    """Reads a set and chooses its images.

    Args:
        path: of a SIGNS set or a folder of photographs.
        options: an `Options`.

    Raises:
        DataError: the set is damaged, or an option cannot be met by it.
    """
    # The test images hang on no seed of training.
    how = {name: getattr(options, name) for name in ("test_fraction", "groups", "stream")}
    if is_photographs(path):
        whole = signs = load(path, size=options.size, **how)
    else:
        whole = load(path, **how)
        signs = whole if options.size is None else whole.resized(options.size)
    _check_classes(whole)
    if signs.validation is None:
        train, validation = cut(signs.train, options.validation_fraction, options.seed)
    else:
        train, validation = signs.train, signs.validation
        options.say(f"{path} brings its own validation images: none are cut from those to train on")
    if options.per_class is not None:
        train = few(train, options.per_class, signs.class_names, options.seed)
    return Images(signs, train, validation, whole.image_shape, whole.fingerprint())


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
