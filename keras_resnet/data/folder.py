"""Class folders of photographs, read as an image set."""

import csv
import logging
import re
import time
from pathlib import Path

import numpy as np

from keras_resnet.data.photo import read_photo
from keras_resnet.data.sets import SignsSet, Split
from keras_resnet.data.split import split_indices
from keras_resnet.data.stored import PhotoImages, StoredImages, stays_on_disk
from keras_resnet.errors import DataError

DEFAULT_SIZE = 64  # pixels, of the course's SIGNS

# Endings of the photographs that Pillow reads without help from other programs, in lower case.
PHOTO_ENDINGS = frozenset(
    ".jpg .jpeg .jpe .jfif .png .apng .gif .bmp .dib .webp .tif .tiff .ppm .pgm .pbm .pnm .tga .jp2 .avif".split()
)

_log = logging.getLogger(__name__)


def load_folder(path, *, size=None, test_fraction=None, groups=None, seed=0, stream=None):
    """Reads class folders of photographs as an image set; nothing is written.

    With the same ``size``, ``test_fraction``, ``groups`` and ``seed`` it is the set that `pack_folder` writes.

    Args:
        path: a folder with one subfolder of photographs for each class; or with the subfolders `train` and `test`, and
            class folders of the same names in both.
        size: height and width of the images in pixels; None for 64.
        test_fraction: the share of each class that becomes the test split, more than 0 and less than 1; 1 for all. None where
            there are `train` and `test`.
        groups: a CSV file as for `pack_folder`, or None.
        seed: of the split and of the order.
        stream: True decodes each photograph when it is needed, False all of them now; None those of a split of more than
            100 MB of pixels when they are needed.

    Returns:
        A `SignsSet`.

    Raises:
        DataError: in one line, for a folder, a photograph, a groups file or an argument that is not as above.
    """
    path, size = Path(path), DEFAULT_SIZE if size is None else size
    parted = path.is_dir() and (path / "train").is_dir() and (path / "test").is_dir()
    if parted:
        if test_fraction is not None or groups is not None:
            raise DataError(f"{path} has the folders train and test; expected no test fraction and no groups beside them")
        splits, names = _parted(path)
    else:
        splits, names = _whole(path, test_fraction, groups, seed)
    (train, test), files = splits, {}
    for name, (photos, labels, members) in {"train": train, "test": test}.items():
        files[name] = Split(_images(photos, size, stream), labels, members)
    return SignsSet(files["train"], files["test"], names, path)


def _parted(path):
    """Files, labels and groups (None) of the folders `train` and `test`, and the names of the classes."""
    (train, names, _), (test, test_names, _) = (find_photos(path / part) for part in ("train", "test"))
    if names != test_names:
        raise DataError(
            f"{path} has the class folders {', '.join(names)} in train and {', '.join(test_names)} in test; expected the same"
        )
    return [(files, labels_of(files, names), None) for files in (train, test)], names


def _whole(path, test_fraction, groups, seed):
    """The same of one folder, cut in two."""
    if test_fraction is None:
        raise DataError(
            f"{path} has class folders and no train and test; expected --test-fraction (test_fraction=), the share to test on"
        )
    files, names, _ = find_photos(path)
    places = [file.relative_to(path).as_posix() for file in files]
    members = None if groups is None else read_groups(groups, places)[0]
    labels = labels_of(files, names)
    parts = (np.arange(0), np.arange(len(files))) if test_fraction == 1 else cut(labels, members, test_fraction, seed)
    return [
        ([files[index] for index in part], labels[part], None if members is None else members[part]) for part in parts
    ], names


def labels_of(files, names):
    """int64 `(N,)`: the class of each file, by its folder."""
    number = {name: index for index, name in enumerate(names)}
    return np.array([number[file.parent.name] for file in files], np.int64)


def _images(files, size, stream):
    """The photographs as an array, or as `StoredImages`."""
    if stays_on_disk(stream, len(files) * size * size * 3):
        return StoredImages(PhotoImages(files, size))
    return read_photos(files, size)[0]


def find_photos(source):
    """The photographs, class by class, the names of the classes, and what in ``source`` is neither."""
    folders = [entry for entry in _entries(source) if entry.is_dir()]
    left_alone = [entry.name for entry in _entries(source) if not entry.is_dir()]
    if not folders:
        raise DataError(f"{source} has no class folders; expected one subfolder of photographs for each class")
    files = []
    for folder in folders:
        entries = _entries(folder)
        is_photo = [entry.suffix.lower() in PHOTO_ENDINGS and entry.is_file() for entry in entries]
        if not any(is_photo):
            raise DataError(f"The class folder {folder} has no photographs; expected files ending in .jpg, .png or the like")
        for entry, photo in zip(entries, is_photo, strict=True):
            if photo:
                files.append(entry)
            else:
                left_alone.append(f"{folder.name}/{entry.name}")
    return files, tuple(folder.name for folder in folders), tuple(left_alone)


def _entries(folder):
    """What the folder holds, hidden names left out, in natural order."""
    try:
        entries = [entry for entry in folder.iterdir() if not entry.name.startswith(".")]
    except OSError as problem:
        raise DataError(f"The folder {folder} cannot be read: {problem}") from None
    return sorted(entries, key=lambda entry: _natural(entry.name))


def _natural(text):
    """A sorting key that puts 2 before 10."""
    parts = re.split(r"([0-9]+)", text)
    return [(int(part) if index % 2 else 0, part) for index, part in enumerate(parts)]


def read_groups(path, names):
    """For each photo in ``names`` its group, int64 `(N,)`, numbered in natural order; and the rows without a photo."""
    try:
        with open(path, newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            columns = reader.fieldnames or []
            rows = list(reader)
    except FileNotFoundError:
        raise DataError(f"No such groups file: {path}") from None
    except (OSError, UnicodeDecodeError, csv.Error) as problem:
        raise DataError(f"{path} cannot be read as a CSV file: {problem}") from None
    if not {"file", "group"} <= set(columns):
        raise DataError(f"{path} has the columns {', '.join(columns) or 'none'}; expected file and group")
    group_of = {}
    for row in rows:
        file, group = (row["file"] or "").strip().removeprefix("./"), (row["group"] or "").strip()
        if not group or group_of.setdefault(file, group) != group:
            fault = f"two groups, {group_of[file]} and {group}" if group else "no group"
            raise DataError(f"{path} gives {file} {fault}; expected one group for each file")
    missing = [name for name in names if name not in group_of]
    if missing:
        raise DataError(
            f"{path} has no row for {len(missing):,} of {len(names):,} photographs: {_first(missing)}; "
            "expected paths like class/name.jpg in the column file"
        )
    extra = tuple(sorted(set(group_of) - set(names), key=_natural))
    ranks = {group: rank for rank, group in enumerate(sorted({group_of[name] for name in names}, key=_natural))}
    return np.array([ranks[group_of[name]] for name in names], np.int64), extra


def _first(values, limit=3):
    return ", ".join(values[:limit]) + (" ..." if len(values) > limit else "")


def read_photos(files, size, skip_bad=False):
    """The images, uint8 `(M, size, size, 3)`, which of the files they are, and a message for each other one."""
    images, good, skipped = np.empty((len(files), size, size, 3), np.uint8), [], []
    told = time.monotonic()
    for index, file in enumerate(files):
        try:
            images[len(good)] = read_photo(file, size)
            good.append(index)
        except DataError as problem:
            if not skip_bad:
                raise DataError(f"{problem}; --skip-bad of `data pack` (skip_bad=True) leaves them out") from None
            skipped.append(str(problem))
        if time.monotonic() - told > 2 or index + 1 == len(files):
            _log.info("read %d of %d photographs", index + 1, len(files))
            told = time.monotonic()
    return images[: len(good)], np.array(good, np.int64), tuple(skipped)


def cut(labels, groups, test_fraction, seed):
    """Indices of the training and of the test images, int64, each in random order."""
    kept, held = split_indices(labels, test_fraction, groups=groups, seed=seed)
    if not len(kept) or not len(held):
        received = "one photograph a class" if groups is None else "photographs of one group"
        expected = "two photographs of a class" if groups is None else "two groups"
        raise DataError(f"No test split can be cut from {received}; expected at least {expected}")
    random = np.random.RandomState(seed)  # a frozen stream, as in split_indices
    return random.permutation(kept), random.permutation(held)
