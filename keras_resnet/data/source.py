"""An image set by its path, whatever it is there: the SIGNS layout, or class folders of photographs."""

from os import PathLike
from pathlib import Path

from keras_resnet.data.folder import load_folder, load_folder_parts
from keras_resnet.data.listing import entries, is_called_photo
from keras_resnet.data.sets import SignsSet
from keras_resnet.data.signs import TEST_FILE, TRAIN_FILE, load_sides, load_signs
from keras_resnet.errors import DataError


def load(
    path: str | PathLike | None = None,
    *,
    size: int | tuple[int, int] | None = None,
    test_fraction: float | None = None,
    groups: str | PathLike | None = None,
    seed: int = 0,
    stream: bool | None = None,
) -> SignsSet:
    """Reads an image set.

    Args:
        path: a set in the SIGNS layout, as for `load_signs`; or a folder of photographs, as for `load_folder`: one without
            `train_signs.h5` and `test_signs.h5` that has subfolders or photographs.
        size: height and width that the images are resized to; None leaves those of a SIGNS set as they are, and gives
            photographs 64 pixels. For photographs it may be `(height, width)`.
        test_fraction, groups, seed: how photographs are parted, as for `load_folder`; a SIGNS set is parted already.
        stream: whether the images stay on the disk and are read as they are needed; None where a split has more than 100 MB
            of pixels.

    Returns:
        A `SignsSet`.

    Raises:
        DataError: in one line.
    """
    if path is not None and is_photographs(path):
        return load_folder(path, size=size, test_fraction=test_fraction, groups=groups, seed=seed, stream=stream)
    for name, value in (("test_fraction", test_fraction), ("groups", groups)):
        if value is not None:
            raise DataError(f"{name}: expected none, a SIGNS set has its test images already, received {value}")
    signs = load_signs(path, stream=stream)
    return signs if size is None else signs.resized(size)


def load_parts(path=None, *, stream=None):
    """Reads what images there are at a path, whether or not they make a whole set.

    Args:
        path: as for `load`; or one file, or a folder with one file, of the two of the SIGNS layout.
        stream: as for `load`.

    Returns:
        Dict of ``"train"``, ``"test"`` and ``"validation"``, for those that there are, or, for photographs in no such folders,
        of ``"all"``, to a `Split`; the names of the classes; and the path.

    Raises:
        DataError: in one line.
    """
    if not is_photographs(path):
        return load_sides(path, stream=stream)
    parts, names = load_folder_parts(path, stream=stream)
    return {part: parts[part] for part in ("train", "test", "validation", "all") if part in parts}, names, Path(path)


def is_photographs(path):
    """Whether a path is a folder with subfolders or photographs, and without files of the SIGNS layout."""
    if path is None or not Path(path).is_dir():
        return False
    here = entries(path)
    has_layout = any(entry.name in (TRAIN_FILE, TEST_FILE) for entry in here)
    return not has_layout and any(entry.is_dir() or is_called_photo(entry) for entry in here)
