"""Arrays in memory as an image set."""

import os

import numpy as np

from keras_resnet.data.sets import SignsSet
from keras_resnet.data.signs import _check_agreement, _checked_split
from keras_resnet.data.split import split_indices
from keras_resnet.errors import DataError

PLACE = "the arrays"  # what messages call them, where they would name a path
DEFAULT_TEST_FRACTION = 0.2

_EXPECTED = "expected (images, labels) or ((images, labels), (test images, test labels)), or the path of an image set"


def is_arrays(data):
    """Whether data is something else than the path of a set."""
    return data is not None and not isinstance(data, str | os.PathLike)


def from_arrays(data, *, test_fraction=None, seed=0, say=print):
    """Arrays as an image set.

    Args:
        data: `(images, labels)`, or `((images, labels), (test images, test labels))`: images uint8 `(N, H, W, 3)`, RGB, 0 to
            255; labels ints `(N,)`, from 0 on without gaps, or one-hot `(N, classes)`, or strings `(N,)`, whose sorted values
            are the classes. A `SignsSet` is given back.
        test_fraction: of arrays without test images, the share to test on; None for 0.2, which is said.
        seed: of the choice of test images.
        say: called with a line about what was assumed.

    Returns:
        A `SignsSet`.

    Raises:
        DataError: in one line, for what is not as above.
    """
    if isinstance(data, SignsSet):
        return data
    pairs = _pairs(data)
    if len(pairs) == 2 and test_fraction is not None:
        raise DataError(f"test_fraction: expected none beside arrays of test images, received {test_fraction}")
    images, labels = zip(*((_array(one, "images"), _array(other, "labels")) for one, other in pairs), strict=True)
    labels, names = _numbered([_flat(values) for values in labels])
    parts = [
        _checked_split(one, other, None, names, f"{PLACE}, {part}: {{}}".format)
        for one, other, part in zip(images, labels, ("training", "test"), strict=False)
    ]
    train, test = parts if len(parts) == 2 else _cut(parts[0], test_fraction, seed, say)
    _check_agreement(PLACE, (train, names), (test, names))
    return SignsSet(train, test, names, PLACE)


def _pairs(data):
    """One or two pairs of images and labels."""
    if not _is_pair(data):
        raise DataError(f"data: received {type(data).__name__}; {_EXPECTED}")
    # Two images in a list beside two labels in one are one pair: labels have fewer dimensions than images.
    nested = all(map(_is_pair, data)) and np.ndim(data[1][0]) > 2
    return data if nested else [data]


def _is_pair(value):
    return isinstance(value, tuple | list) and len(value) == 2


def _array(values, what):
    try:
        return np.asarray(values)
    except ValueError as problem:  # rows of different lengths
        raise DataError(f"{PLACE}: {what} are no array: {' '.join(str(problem).split())}") from None


def _flat(labels):
    """Labels `(N,)` of what may be one-hot."""
    if labels.ndim != 2 or 1 in labels.shape:
        return labels.reshape(-1) if 1 in labels.shape else labels
    if labels.dtype.kind not in "biuf" or not (np.isin(labels, (0, 1)).all() and (labels.sum(axis=1) == 1).all()):
        raise DataError(f"{PLACE}: labels of shape {labels.shape}; expected (N,), or one-hot: a single 1 in each row")
    return labels.argmax(axis=1)


def _numbered(labels):
    """Labels as numbers of classes, and the names of the classes, over both parts. Each class has to have a training image."""
    named = any(values.dtype.kind in "USO" for values in labels)
    if named:
        names, numbers = np.unique(np.concatenate([values.astype(str) for values in labels]), return_inverse=True)
        labels, names = np.split(numbers, [len(labels[0])])[: len(labels)], tuple(map(str, names))
    numbers = [values for values in labels if values.size and values.dtype.kind in "iu"]
    classes = max((int(values.max()) + 1 for values in numbers), default=0)
    present = np.unique(labels[0])
    if numbers and classes > len(present):
        missing = int(np.setdiff1d(np.arange(len(present) + 1), present)[0])
        expected = "every class among the training images" if named else "labels from 0 on without gaps, or strings"
        raise DataError(f"{PLACE}: no training image has the label {names[missing] if named else missing}; expected {expected}")
    if numbers and classes < 2:
        raise DataError(f"{PLACE}: all labels are {names[0] if named else 0}; expected at least two classes")
    return labels, names if named else tuple(map(str, range(classes)))


def _cut(split, test_fraction, seed, say):
    """The training and the test images of one split."""
    if test_fraction is None:
        test_fraction = DEFAULT_TEST_FRACTION
        say(f"No test images were given: {test_fraction:.0%} of the {len(split):,} are kept to test on (test_fraction=)")
    kept, held = split_indices(split.labels, test_fraction, seed=seed)
    if not len(held):
        raise DataError(f"{PLACE}: no test images can be cut from {len(split)} images; expected two of a class")
    return split.chosen(kept), split.chosen(held)
