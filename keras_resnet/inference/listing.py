"""The photographs that a list of files and folders stands for."""

import os
from pathlib import Path

from keras_resnet.data.folder import PHOTO_ENDINGS, _natural
from keras_resnet.errors import DataError


def photographs_of(paths):
    """Files as they are, and in place of each folder the photographs in it and below, in natural order.

    Args:
        paths: of files and folders.

    Returns:
        `(photographs, left_out)`: lists of `Path`; what is left out are the other files in folders, hidden ones aside.

    Raises:
        DataError: a folder holds no photograph.
    """
    photographs, left_out = [], []
    for path in map(Path, paths):
        if not path.is_dir():
            photographs.append(path)
            continue
        found = _below(path)
        chosen = [file for file in found if file.suffix.lower() in PHOTO_ENDINGS]
        if not chosen:
            raise DataError(f"No photographs in the folder {path} or below; expected files ending in .jpg, .png or the like")
        photographs += chosen
        left_out += [file for file in found if file.suffix.lower() not in PHOTO_ENDINGS]
    return photographs, left_out


def _below(folder):
    """The files in a folder and below, hidden ones aside; links to folders are not followed."""
    files = []
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        files += [Path(place) / name for name in names if not name.startswith(".")]
    return sorted(files, key=lambda file: _natural(file.relative_to(folder).as_posix()))
