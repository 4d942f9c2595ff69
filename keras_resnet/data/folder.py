"""Class folders of photographs, read as an image set."""

import logging
import math
import time
from os import PathLike
from pathlib import Path
from typing import NamedTuple

import numpy as np

from keras_resnet.data.groups import key, read_groups, read_rows
from keras_resnet.data.listing import entries, find_parts, find_photos, left_out
from keras_resnet.data.memory import check_images
from keras_resnet.data.photo import height_and_width, read_photo
from keras_resnet.data.sets import SignsSet, Split
from keras_resnet.data.split import split_indices
from keras_resnet.data.stored import PhotoImages, StoredImages, stays_on_disk
from keras_resnet.errors import DataError

DEFAULT_SIZE = 64  # pixels, of the course's SIGNS

_log = logging.getLogger(__name__)


class _Photos(NamedTuple):
    """Files, labels int64 `(N,)`, and groups int64 `(N,)` or None."""

    files: list
    labels: np.ndarray
    groups: np.ndarray | None

    def chosen(self, indices):
        files = [self.files[index] for index in indices]
        return _Photos(files, self.labels[indices], None if self.groups is None else self.groups[indices])


def load_folder(
    path: str | PathLike,
    *,
    size: int | tuple[int, int] | None = None,
    test_fraction: float | None = None,
    groups: str | PathLike | None = None,
    seed: int = 0,
    stream: bool | None = None,
) -> SignsSet:
    """Reads class folders of photographs as an image set; nothing is written. What in the folder is left out is logged.

    With the same ``size``, ``test_fraction``, ``groups`` and ``seed`` it is the set that `pack_folder` writes.

    Args:
        path: a folder with one subfolder of photographs for each class, two or more; or with the subfolders `train`, `test`
            (`training`, `testing`), or one of them and `val` (`valid`, `validation`), and class folders of the same names in
            each.
        size: height and width of the images in pixels, a number or `(height, width)`; None for 64.
        test_fraction: the share of each class that becomes the test split, more than 0 and less than 1; 1 for all. None where
            there is a folder `test`; where there are `train` and `val` alone, it is taken from `train`.
        groups: a CSV file as for `pack_folder`, or None. Where there is a folder `train`, the column `file` has paths like
            `train/class/name.jpg`, and rows for other photographs than those may be missing.
        seed: of the split and of the order.
        stream: True decodes each photograph when it is needed, False all of them now; None those of a split of more than
            100 MB of pixels when they are needed.

    Returns:
        A `SignsSet`; its `validation` is what `val` holds, None without such a folder.

    Raises:
        DataError: in one line, for a folder, a photograph, a groups file or an argument that is not as above.
    """
    path, size = Path(path), DEFAULT_SIZE if size is None else size
    folders = find_parts(path)
    if "test" in folders and test_fraction is not None:
        raise DataError(f"{path} has {_has(folders)}; expected no test fraction beside them")
    parts, names = _find(path, folders, groups)
    if "test" not in parts:
        _check_fraction(path, folders, test_fraction)
        whole = parts.pop("train" if "train" in parts else "all")
        parts["train"], parts["test"] = _halves(whole, test_fraction, seed)
    splits = {part: _split(path, photos, size, stream) for part, photos in parts.items()}
    return SignsSet(splits["train"], splits["test"], names, path, splits.get("validation"))


def load_folder_parts(path, *, size=None, stream=None):
    """The photographs of a folder as `load_folder` finds them, those of one without `train` and `test` in one part.

    Returns:
        Dict of ``"train"``, ``"validation"`` and ``"test"``, or of ``"all"``, to a `Split`; and the names of the classes.
    """
    parts, names = _find(Path(path), find_parts(path))
    return {part: _split(path, photos, size or DEFAULT_SIZE, stream) for part, photos in parts.items()}, names


def _find(path, folders, groups=None):
    """The `_Photos` of each part, or of ``"all"``, and the names of the classes; logs what is left out."""
    found = {part: find_photos(folder) for part, folder in folders.items()} or {"all": find_photos(path)}
    _check_names(path, found)
    left_alone = [entry.name for entry in entries(path) if folders and entry not in folders.values()]
    for part, photos in found.items():
        left_alone += [(folders.get(part, path) / name).relative_to(path).as_posix() for name in photos.left_alone]
    left_alone = [name for name in left_alone if groups is None or not _same(path / name, groups)]
    if left_alone:
        _log.warning("%s: left out: %s", path, left_out(path, left_alone))
    names = next(iter(found.values())).class_names
    members = {} if groups is None else _members(path, groups, {part: photos.files for part, photos in found.items()})
    parts = {part: _Photos(photos.files, labels_of(photos.files, names), members.get(part)) for part, photos in found.items()}
    return parts, names


def _has(folders):
    """The folders of parts, in words."""
    return f"the folders {' and '.join(folder.name for folder in folders.values())}"


def _check_fraction(path, folders, fraction):
    """Raises a `DataError` where it is not clear which images of a set without a folder `test` are to be tested on."""
    if fraction is None:
        has = _has(folders) if folders else "class folders"
        raise DataError(f"{path} has {has} and no folder test; expected --test-fraction (test_fraction=), the share to test on")
    if folders and fraction == 1:
        raise DataError(f"{path} has {_has(folders)} and no folder test; expected one, or the path of one of the two")


def _same(one, other):
    return one.resolve() == Path(other).resolve()


def _check_names(path, found):
    """Raises a `DataError` unless all parts have the same classes."""
    (first, photos), *others = found.items()
    for part, other in others:
        if other.class_names != photos.class_names:
            first_names, names = (", ".join(each.class_names) for each in (photos, other))
            raise DataError(f"{path} has the class folders {first_names} in {first} and {names} in {part}; expected the same")


def _members(path, groups, files):
    """Part -> the group of each photograph, int64 `(N,)`, for those parts whose photographs all have a row; warns of leaks.

    Raises:
        DataError: those to be trained on have not.
    """
    names = {part: [file.relative_to(path).as_posix() for file in photos] for part, photos in files.items()}
    rows = read_rows(groups)
    names = {part: all_ for part, all_ in names.items() if part in ("train", "all") or rows.keys() >= set(map(key, all_))}
    together, _ = read_groups(groups, [name for part in names.values() for name in part])
    ends = np.cumsum([len(part) for part in names.values()])
    members = dict(zip(names, np.split(together, ends[:-1]), strict=True))
    for part in sorted(members.keys() - {"train", "all"}):
        leaked = len(np.intersect1d(members["train"], members[part]))
        if leaked:
            _log.warning(
                "%s: %d groups of %s have photographs in train and in %s; its accuracy flatters", path, leaked, groups, part
            )
    return members


def _halves(photos, test_fraction, seed):
    """Photographs, cut in those to train on and those to test on."""
    if test_fraction == 1:
        return photos.chosen(np.arange(0)), photos
    return [photos.chosen(part) for part in cut(photos.labels, photos.groups, test_fraction, seed)]


def labels_of(files, names):
    """int64 `(N,)`: the class of each file, by its folder."""
    number = {name: index for index, name in enumerate(names)}
    return np.array([number[file.parent.name] for file in files], np.int64)


def _split(path, photos, size, stream):
    """`_Photos` as a `Split`, its images an array or `StoredImages`."""
    on_disk = stays_on_disk(stream, len(photos.files) * math.prod(height_and_width(size)) * 3)
    check_images(1 if on_disk else len(photos.files), size, path, copies=4 if on_disk else 1)
    images = StoredImages(PhotoImages(photos.files, size)) if on_disk else read_photos(photos.files, size)[0]
    return Split(images, photos.labels, photos.groups)


def read_photos(files, size, skip_bad=False):
    """The images, uint8 `(M, height, width, 3)`, which of the files they are, and a message for each other one."""
    images, good, skipped = np.empty((len(files), *height_and_width(size), 3), np.uint8), [], []
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
