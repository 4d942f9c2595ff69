"""Class folders of photographs, packed to the SIGNS layout."""

from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np

from keras_resnet.data.folder import cut, labels_of, read_photos
from keras_resnet.data.groups import read_groups
from keras_resnet.data.listing import find_parts, find_photos
from keras_resnet.data.memory import check_images
from keras_resnet.data.photo import height_and_width
from keras_resnet.data.sets import Split
from keras_resnet.data.signs import write_signs
from keras_resnet.errors import DataError

SMALLEST_SIZE = 8


@dataclass(frozen=True)
class PackReport:
    """What `pack_folder` did.

    Attributes:
        path: the folder written.
        class_names: the class folders, in natural order: 2 before 10.
        train: class name -> number of images in the training split; `test` the same.
        groups: number of groups in "train" and in "test"; None where no groups were given.
        skipped: one message for each photo left out as unreadable.
        left_alone: paths inside the source that are not photographs of a class, and were not touched.
        extra_rows: files that the groups file names and the source does not have.
    """

    path: str
    class_names: tuple[str, ...]
    train: dict[str, int]
    test: dict[str, int]
    groups: dict[str, int] | None
    skipped: tuple[str, ...]
    left_alone: tuple[str, ...]
    extra_rows: tuple[str, ...]


def pack_folder(
    source: str | PathLike,
    destination: str | PathLike,
    *,
    size: int | tuple[int, int] = 64,
    test_fraction: float = 0.2,
    groups: str | PathLike | None = None,
    seed: int = 0,
    skip_bad: bool = False,
) -> PackReport:
    """Packs photographs to a set in the SIGNS layout.

    Each subfolder of ``source`` is a class; hidden files and folders are ignored. Photographs are turned upright by
    their EXIF orientation, composited on white where they are transparent, cut to their middle and resized with
    antialiasing. Within each split they lie in a random order, so that a reader that takes the first or the last rows
    gets all classes. The same photographs and arguments give the same bytes. The logger of this module tells the
    progress every two seconds.

    Args:
        source: the folder of class folders.
        destination: the folder for `train_signs.h5` and `test_signs.h5`, outside ``source``.
        size: height and width of the images in pixels, a number or `(height, width)`, at least 8.
        test_fraction: the share of each class that becomes the test split, more than 0 and less than 1.
        groups: a CSV file with the columns `file` (`class/name.jpg`) and `group` (any text); the photographs of one
            group all go to one split. None where the photographs are independent.
        seed: of the split and of the order.
        skip_bad: leave unreadable photographs out instead of raising.

    Returns:
        A `PackReport`.

    Raises:
        DataError: in one line, for a source, a photograph, a groups file or an argument that is not as above.
    """
    source, destination = Path(source), Path(destination)
    _check_arguments(source, destination, size, test_fraction)
    files, class_names, left_alone = find_photos(source)
    names = [file.relative_to(source).as_posix() for file in files]
    group_ids, extra_rows = (None, ()) if groups is None else read_groups(groups, names)
    check_images(len(files), size, source, copies=2)
    images, good, skipped = read_photos(files, size, skip_bad)
    labels = labels_of(files, class_names)[good]
    group_ids = None if group_ids is None else group_ids[good]
    for index, name in enumerate(class_names):
        if not (labels == index).any():
            raise DataError(f"No photograph in the class folder {source / name} can be read; expected at least one")
    whole = Split(images, labels, group_ids)
    train, test = (whole.chosen(part) for part in cut(labels, group_ids, test_fraction, seed))
    written = write_signs(destination, train, test, class_names)
    return PackReport(
        path=str(destination),
        class_names=class_names,
        train=_per_class(written.train, class_names),
        test=_per_class(written.test, class_names),
        groups=None if groups is None else {"train": _distinct(train.groups), "test": _distinct(test.groups)},
        skipped=skipped,
        left_alone=left_alone,
        extra_rows=extra_rows,
    )


def _check_arguments(source, destination, size, test_fraction):
    if not source.is_dir():
        raise DataError(f"No such folder: {source}; expected a folder with one subfolder of photographs for each class")
    if parts := find_parts(source):
        raise DataError(
            f"{source} has the folders {', '.join(part.name for part in parts.values())}; expected class folders: "
            f"`keras-resnet train --data {source}` takes it as it is"
        )
    if min(height_and_width(size)) < SMALLEST_SIZE:
        raise DataError(f"The image size is {size}; expected at least {SMALLEST_SIZE} pixels")
    if not 0 < test_fraction < 1:
        raise DataError(f"The test fraction is {test_fraction}; expected more than 0 and less than 1")
    if destination.resolve().is_relative_to(source.resolve()):
        raise DataError(f"The destination {destination} lies inside the source {source}; expected a folder outside it")
    if destination.exists() and not destination.is_dir():
        raise DataError(f"The destination {destination} is a file; expected a folder, existing or new")


def _per_class(split, class_names):
    return dict(zip(class_names, np.bincount(split.labels, minlength=len(class_names)).tolist(), strict=True))


def _distinct(values):
    return len(np.unique(values))
