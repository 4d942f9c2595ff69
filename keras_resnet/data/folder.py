"""A folder of class folders of photographs, packed to the SIGNS layout."""

import csv
import logging
import re
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from keras_resnet.data.signs import Split, write_signs
from keras_resnet.data.split import split_indices
from keras_resnet.errors import DataError

SMALLEST_SIZE = 8

# Endings of the photographs that Pillow reads without help from other programs, in lower case.
PHOTO_ENDINGS = frozenset(
    ".jpg .jpeg .jpe .jfif .png .apng .gif .bmp .dib .webp .tif .tiff .ppm .pgm .pbm .pnm .tga .jp2 .avif".split()
)

_log = logging.getLogger(__name__)


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


def pack_folder(source, destination, *, size=64, test_fraction=0.2, groups=None, seed=0, skip_bad=False):
    """Packs photographs to a set in the SIGNS layout.

    Each subfolder of ``source`` is a class; hidden files and folders are ignored. Photographs are turned upright by
    their EXIF orientation, composited on white where they are transparent, cut to their central square and resized with
    antialiasing. Within each split they lie in a random order, so that a reader that takes the first or the last rows
    gets all classes. The same photographs and arguments give the same bytes. The logger of this module tells the
    progress every two seconds.

    Args:
        source: the folder of class folders.
        destination: the folder for `train_signs.h5` and `test_signs.h5`, outside ``source``.
        size: height and width of the images in pixels, at least 8.
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
    files, class_names, left_alone = _find_photos(source)
    names = [file.relative_to(source).as_posix() for file in files]
    group_ids, extra_rows = (None, ()) if groups is None else _read_groups(groups, names)
    images, good, skipped = _read_photos(files, size, skip_bad)
    labels = np.array([class_names.index(file.parent.name) for file in files], np.int64)[good]
    group_ids = None if group_ids is None else group_ids[good]
    for index, name in enumerate(class_names):
        if not (labels == index).any():
            raise DataError(f"No photograph in the class folder {source / name} can be read; expected at least one")
    splits = _cut(images, labels, group_ids, test_fraction, seed)
    written = write_signs(destination, *splits, class_names)
    return PackReport(
        path=str(destination),
        class_names=class_names,
        train=_per_class(written.train, class_names),
        test=_per_class(written.test, class_names),
        groups=None if groups is None else {"train": _distinct(splits[0].groups), "test": _distinct(splits[1].groups)},
        skipped=skipped,
        left_alone=left_alone,
        extra_rows=extra_rows,
    )


def read_photo(path, size):
    """One photograph as the networks see it: upright, on white, its central square, resized with antialiasing.

    Greyscale (8 and 16 bits), palette, transparent and CMYK images become RGB; of an animation, the first frame counts.

    Args:
        path: the file, of any format that Pillow reads.
        size: height and width of the result in pixels.

    Returns:
        uint8 `(size, size, 3)`, RGB, 0 to 255.

    Raises:
        DataError: for a file that is missing, damaged, too large to decode safely, or of 32-bit pixels.
    """

    def square(image):
        image.draft(None, (2 * size, 2 * size))  # a JPEG decodes at a fraction of its size, never below this
        return _square(_to_rgb(ImageOps.exif_transpose(image)), size)

    return _opened(path, square)


def read_whole_photo(path):
    """One photograph as it is: upright, on white, uncut: uint8 `(H, W, 3)`, RGB, 0 to 255.

    Raises:
        DataError: as `read_photo`.
    """
    return _opened(path, lambda image: np.asarray(_to_rgb(ImageOps.exif_transpose(image))))


def _opened(path, read):
    """What ``read`` makes of the Pillow image in a file; a `DataError` for whatever goes wrong."""
    try:
        with warnings.catch_warnings():
            # Pillow warns from 89 million pixels on, which cameras reach, and raises from 179 million on.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                return read(image)
    except Image.DecompressionBombError as problem:
        raise DataError(f"{path} is too large to be decoded safely: {problem}") from None
    except DataError as problem:
        raise DataError(f"{path}: {problem}") from None
    except FileNotFoundError:
        raise DataError(f"No such file: {path}") from None
    except Exception as problem:  # the decoders of Pillow raise nearly every built-in exception on damaged files
        fault = "not of a format that Pillow reads" if isinstance(problem, Image.UnidentifiedImageError) else problem
        raise DataError(f"{path} cannot be read as an image: {fault}") from None


def _to_rgb(image):
    """The Pillow image in mode RGB, 8 bits."""
    if image.mode == "F":
        raise DataError("floating-point pixels have no known range; expected 8 or 16 bits")
    if image.mode.startswith("I"):
        values = np.asarray(image).astype(np.int64)
        if values.min() < 0 or values.max() > 65535:
            raise DataError(f"pixels from {values.min()} to {values.max()}; expected 8 or 16 bits, 0 to 65535")
        return Image.fromarray(((values + 128) // 257).astype(np.uint8)).convert("RGB")  # 65535 / 255 = 257
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image.convert("RGB")


def _square(image, size):
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    box = (left, top, left + side, top + side)
    return np.asarray(image.resize((size, size), Image.Resampling.LANCZOS, box=box))


def _check_arguments(source, destination, size, test_fraction):
    if not source.is_dir():
        raise DataError(f"No such folder: {source}; expected a folder with one subfolder of photographs for each class")
    if size < SMALLEST_SIZE:
        raise DataError(f"The image size is {size}; expected at least {SMALLEST_SIZE} pixels")
    if not 0 < test_fraction < 1:
        raise DataError(f"The test fraction is {test_fraction}; expected more than 0 and less than 1")
    if destination.resolve().is_relative_to(source.resolve()):
        raise DataError(f"The destination {destination} lies inside the source {source}; expected a folder outside it")
    if destination.exists() and not destination.is_dir():
        raise DataError(f"The destination {destination} is a file; expected a folder, existing or new")


def _find_photos(source):
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


def _read_groups(path, names):
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


def _read_photos(files, size, skip_bad):
    """The images, uint8 `(M, size, size, 3)`, which of the files they are, and a message for each other one."""
    images, good, skipped = np.empty((len(files), size, size, 3), np.uint8), [], []
    told = time.monotonic()
    for index, file in enumerate(files):
        try:
            images[len(good)] = read_photo(file, size)
            good.append(index)
        except DataError as problem:
            if not skip_bad:
                raise DataError(f"{problem}; --skip-bad (skip_bad=True) leaves such photographs out") from None
            skipped.append(str(problem))
        if time.monotonic() - told > 2 or index + 1 == len(files):
            _log.info("read %d of %d photographs", index + 1, len(files))
            told = time.monotonic()
    return images[: len(good)], np.array(good, np.int64), tuple(skipped)


def _cut(images, labels, groups, test_fraction, seed):
    """The training and the test `Split`, each in random order."""
    kept, held = split_indices(labels, test_fraction, groups=groups, seed=seed)
    if not len(kept) or not len(held):
        received = "one photograph a class" if groups is None else "photographs of one group"
        expected = "two photographs of a class" if groups is None else "two groups"
        raise DataError(f"No test split can be cut from {received}; expected at least {expected}")
    random = np.random.RandomState(seed)  # a frozen stream, as in split_indices
    orders = random.permutation(kept), random.permutation(held)
    return [Split(images[order], labels[order], None if groups is None else groups[order]) for order in orders]


def _per_class(split, class_names):
    return dict(zip(class_names, np.bincount(split.labels, minlength=len(class_names)).tolist(), strict=True))


def _distinct(values):
    return len(np.unique(values))
