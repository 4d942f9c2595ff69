"""The SIGNS layout: two splits of small labelled photographs in HDF5, as in the SIGNS data of the deep-learning course.

A set is a folder with two files, or one file with all of the datasets; `m` images, `k` classes:

| file           | dataset           | type and shape           | meaning                                  |
|----------------|-------------------|--------------------------|------------------------------------------|
| train_signs.h5 | `train_set_x`     | uint8 `(m, H, W, 3)`     | RGB, 0 to 255                            |
|                | `train_set_y`     | int64 `(m,)`             | index into `list_classes`                |
|                | `train_set_group` | int64 `(m,)`, optional   | who or what the photo shows              |
|                | `list_classes`    | int64 or strings `(k,)`  | names of the classes                     |
| test_signs.h5  | `test_set_x` ...  | as above                 | as above                                 |

Labels of shape `(1, m)` and `(m, 1)` are accepted too.
"""

import collections
import contextlib
import dataclasses
import math
from collections.abc import Sequence
from os import PathLike
from pathlib import Path

import h5py
import numpy as np

from keras_resnet.data.hdf5 import new_hdf5, own_dataset
from keras_resnet.data.listing import listed
from keras_resnet.data.sets import SignsSet, Split
from keras_resnet.data.stored import BLOCK, Hdf5Images, StoredImages, stays_on_disk
from keras_resnet.errors import DataError
from keras_resnet.files import open_hdf5, whole

TRAIN_FILE, TEST_FILE = "train_signs.h5", "test_signs.h5"
DEFAULT_FOLDER = "datasets"  # where the notebooks of the course keep the two files

_LAYOUT = f"a folder with {TRAIN_FILE} and {TEST_FILE}, or one .h5 file with the datasets of both"


def load_signs(path: str | PathLike | None = None, *, stream: bool | None = None) -> SignsSet:
    """Reads and checks a set in the SIGNS layout.

    Args:
        path: a folder with `train_signs.h5` and `test_signs.h5`, or one `.h5` file with the datasets of both. None
            looks in `./datasets`.
        stream: True leaves the images on the disk, as `StoredImages`, False reads them into memory; None leaves those of a
            split there that has more than 100 MB of pixels.

    Returns:
        A `SignsSet`.

    Raises:
        DataError: in one line, for whatever is missing, damaged, or not of the layout above.
    """
    path = _default_path() if path is None else Path(path)
    if not path.exists():
        raise DataError(f"No such file or folder: {path}; an image set is {_LAYOUT}")
    train_file, test_file = (path / TRAIN_FILE, path / TEST_FILE) if path.is_dir() else (path, path)
    for file in (train_file, test_file):
        if not file.exists():
            raise DataError(f"No {file.name} in the folder {path}; an image set is {_LAYOUT}")
    train, train_names = _read_split(train_file, "train", stream)
    test, test_names = _read_split(test_file, "test", stream)
    _check_agreement(path, (train, train_names), (test, test_names))
    return SignsSet(train, test, train_names, path)


def load_sides(path=None, *, stream=None):
    """Reads what there is of a set in the SIGNS layout: both splits, or one alone, as in one file of the two.

    Args:
        path, stream: as for `load_signs`.

    Returns:
        Dict of ``"train"`` and ``"test"`` to a `Split`, for those that there are; the names of the classes; the path.

    Raises:
        DataError: as `load_signs`; or there is neither split.
    """
    path = _default_path() if path is None else Path(path)
    files = {"train": path / TRAIN_FILE, "test": path / TEST_FILE} if path.is_dir() else dict.fromkeys(("train", "test"), path)
    found = {prefix: _read_split(file, prefix, stream) for prefix, file in files.items() if _has_side(file, prefix)}
    if len(found) != 1:
        signs = load_signs(path, stream=stream)
        return {"train": signs.train, "test": signs.test}, signs.class_names, path
    ((prefix, (split, names)),) = found.items()
    return {prefix: split}, names, path


def _has_side(path, prefix):
    """Whether a file has images of a split."""
    if not path.is_file():
        return False
    with open_hdf5(path, DataError) as file, _damage_reported(path):
        return _key(prefix, "images") in list(file)


def write_signs(path: str | PathLike, train: Split, test: Split, class_names: Sequence[str]) -> SignsSet:
    """Writes a set as a folder in the SIGNS layout: both files appear whole, or neither does.

    The same arrays give the same bytes, with checksums that HDF5 compares when it reads them; the format is that of HDF5 1.10
    (2016). Class names that are just "0", "1", ... are written as int64, as in the
    original SIGNS files; others as UTF-8 strings.

    Args:
        path: the folder; it is made where it is missing, and an older set in it is replaced.
        train: `Split`, images uint8 `(N, H, W, 3)`.
        test: `Split` with images of the same shape.
        class_names: one string for each class.

    Returns:
        The `SignsSet` that `load_signs(path)` would read.

    Raises:
        DataError: where the arrays break the layout, or the folder cannot be written.
    """
    path, class_names = Path(path), _distinct(tuple(str(name) for name in class_names), "class_names")
    train = _checked_split(train.images, train.labels, train.groups, class_names, lambda part: f"train {part}")
    test = _checked_split(test.images, test.labels, test.groups, class_names, lambda part: f"test {part}")
    _check_agreement("The set to write", (train, class_names), (test, class_names))
    try:
        with whole(path / TRAIN_FILE) as train_file, whole(path / TEST_FILE) as test_file:
            _write_split(train_file, "train", train, class_names)
            _write_split(test_file, "test", test, class_names)
    except (OSError, UnicodeEncodeError) as problem:
        raise DataError(f"The set cannot be written to {path}: {problem}") from None
    return SignsSet(train, test, tuple(class_names), path)


def _default_path():
    folder = Path(DEFAULT_FOLDER)
    if (folder / TRAIN_FILE).exists():
        return folder
    raise DataError(
        f"No image set was named and there is no {folder / TRAIN_FILE} in {Path.cwd()}: put {TRAIN_FILE} and "
        f"{TEST_FILE} in ./{folder}, or make the synthetic set with `keras-resnet data synthetic DIR` and name DIR"
    )


def _read_split(path, prefix, stream):
    """The `Split` and the class names of one file; ``prefix`` is "train" or "test"."""

    def where(part):
        return f"{path}: {part if part == 'list_classes' else _key(prefix, part)}"

    with open_hdf5(path, DataError) as file, _damage_reported(path):
        names = _class_names(_dataset(file, "list_classes", path)[()], where("list_classes"))
        images = _dataset(file, _key(prefix, "images"), path)
        labels = _dataset(file, _key(prefix, "labels"), path)[()]
        groups = _dataset(file, _key(prefix, "groups"), path)[()] if _key(prefix, "groups") in file else None
        split = _checked_split(images, labels, groups, names, where)
        return dataclasses.replace(split, images=_images(split.images, path, stream)), names


def _images(dataset, path, stream):
    """The images of an open dataset: an array, or `StoredImages`."""
    if stays_on_disk(stream, dataset.size):
        return StoredImages(Hdf5Images(path, dataset.name, dataset.shape, dataset.chunks and dataset.chunks[0]))
    return dataset[()]


def _key(prefix, part):
    """The name of the dataset that holds a part of a split."""
    return f"{prefix}_set_" + {"images": "x", "labels": "y", "groups": "group"}[part]


@contextlib.contextmanager
def _damage_reported(path):
    # h5py raises these three where the bytes behind an intact file header are not what they should be.
    try:
        yield
    except (OSError, RuntimeError, KeyError) as problem:
        raise DataError(f"{path} is damaged: {' '.join(str(problem).split())}") from None


def _dataset(file, key, path):
    if key not in list(file):
        keys = ", ".join(map(str, file)) or "none"
        raise DataError(f"{path} has no dataset {key!r}; its keys are: {keys}; an image set is {_LAYOUT}")
    return own_dataset(file, key, path)


def _checked_split(images, labels, groups, class_names, where):
    """A `Split` of arrays, or HDF5 datasets, that fit together, the images as they came; ``where(part)`` names a part."""
    _check_images(images, where("images"))
    labels = _one_per_image(labels, len(images), where("labels"))
    outside = (labels < 0) | (labels >= len(class_names))
    if outside.any():
        values = _listed([str(value) for value in np.unique(labels[outside])])
        raise DataError(
            f"{where('labels')} has {outside.sum():,} of {len(labels):,} values outside the classes: {values}; "
            f"expected 0 to {len(class_names) - 1} for the {len(class_names)} classes"
        )
    if groups is not None:
        groups = _one_per_image(groups, len(images), where("groups")).astype(np.int64)
    return Split(images, labels.astype(np.int64), groups)


def _check_images(images, where):
    """Raises a `DataError` unless ``images``, an array or an HDF5 dataset, is uint8 `(N, H, W, 3)` with N > 0."""
    shape = tuple(images.shape or ())  # an HDF5 dataset without data has the shape None
    if len(shape) != 4 or shape[3] != 3 or 0 in shape[1:]:
        raise DataError(f"{where} has shape {shape}; expected (images, height, width, 3)")
    if shape[0] == 0:
        raise DataError(f"{where} is empty, of shape {shape}; expected at least one image")
    if images.dtype != np.uint8:
        nans = 0
        if images.dtype.kind == "f":
            nans = sum(int(np.isnan(images[start : start + 256]).sum()) for start in range(0, shape[0], 256))
        found = f"{images.dtype} with {nans:,} NaN values" if nans else f"{images.dtype}"
        raise DataError(f"{where} is {found}; expected uint8, 0 to 255")


def _one_per_image(values, count, where):
    """Integers `(N,)` out of `(N,)`, `(1, N)` or `(N, 1)`."""
    values = np.asarray(values)
    if values.dtype.kind not in "iu":
        raise DataError(f"{where} is {values.dtype}; expected integers (int64)")
    if values.ndim != 1 and not (values.ndim == 2 and 1 in values.shape):
        raise DataError(f"{where} has shape {values.shape}; expected ({count},), (1, {count}) or ({count}, 1)")
    if values.size != count:
        raise DataError(f"{where} has {values.size:,} values for {count:,} images; expected one for each image")
    return values.reshape(-1)


def _class_names(values, where):
    values = np.asarray(values)
    if values.ndim != 1 or values.size == 0:
        raise DataError(f"{where} has shape {values.shape}; expected (classes,), at least one")
    if values.dtype.kind in "iu":
        return _distinct(tuple(str(value) for value in values.tolist()), where)
    try:
        names = tuple(value.decode() if isinstance(value, bytes) else value for value in values.tolist())
    except UnicodeDecodeError:
        raise DataError(f"{where} has names that are not UTF-8; expected integers or UTF-8 strings") from None
    if not all(isinstance(name, str) for name in names):
        raise DataError(f"{where} is {values.dtype}; expected integers or strings")
    return _distinct(names, where)


def _distinct(names, where):
    repeated = sorted(name for name, count in collections.Counter(names).items() if count > 1)
    if repeated or not names:
        fault = f"repeats {_listed(repeated)}" if repeated else "is empty"
        raise DataError(f"{where} {fault}; expected a name of its own for each class, at least one")
    return names


def _check_agreement(path, train, test):
    """Raises a `DataError` unless the two pairs of split and class names can stand in one set."""
    shapes = [" x ".join(map(str, split.images.shape[1:])) for split, _ in (train, test)]
    if shapes[0] != shapes[1]:
        raise DataError(f"{path}: training images are {shapes[0]}, test images {shapes[1]}; expected one shape")
    if train[1] != test[1]:
        raise DataError(
            f"{path}: list_classes is {_listed(train[1])} for training, {_listed(test[1])} for test; expected the same"
        )


def _listed(values):
    return listed(values, 12, count=True)


def _write_split(path, prefix, split, class_names):
    """Writes one file. HDF5 compares checksums whenever it is read."""
    parts = {"images": split.images, "labels": split.labels, "groups": split.groups}
    with new_hdf5(path) as file:
        for part, values in parts.items():
            if values is not None:
                _write_dataset(file, _key(prefix, part), values)
        if class_names == tuple(str(index) for index in range(len(class_names))):
            _write_dataset(file, "list_classes", np.arange(len(class_names), dtype=np.int64))
        else:
            names = [name.encode() for name in class_names]
            longest = max(1, *map(len, names))  # of a fixed length, for the checksum covers no text that lies elsewhere
            _write_dataset(file, "list_classes", np.array(names, h5py.string_dtype("utf-8", longest)))


def _write_dataset(file, key, values):
    each = values.dtype.itemsize * math.prod(values.shape[1:])
    chunks = (min(len(values), max(1, BLOCK // each)), *values.shape[1:])  # a checksum is of a chunk
    file.create_dataset(key, data=values, chunks=chunks, fletcher32=True)
