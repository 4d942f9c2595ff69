"""The photographs that a list of files and folders stands for."""

import os
from pathlib import Path

from keras_resnet.data.listing import is_photo, left_out, natural
from keras_resnet.errors import DataError
from keras_resnet.files import is_clutter


def photographs_of(paths):
    """Files as they are, and in place of each folder the photographs in it and below, in natural order.

    Args:
        paths: of files and folders.

    Returns:
        `(photographs, left_out)`: a list of `Path`; and what is left out of each folder, a list of phrases. Hidden files and
        what systems leave behind are passed over.

    Raises:
        DataError: a folder holds no photograph that can be read.
    """
    photographs, told = [], []
    for path in map(Path, paths):
        if not path.is_dir():
            photographs.append(path)
            continue
        found = _below(path)
        chosen = [file for file in found if is_photo(file)]
        others = [file.relative_to(path).as_posix() for file in found if not is_photo(file)]
        phrase = left_out(path, others)
        if not chosen:
            has = f"; it has {phrase}" if phrase else ""
            raise DataError(f"No photographs in the folder {path} or below; expected names as photo.jpg or photo.png{has}")
        photographs += chosen
        told += [f"{path}: left out: {phrase}"] if phrase else []
    return photographs, told


def _below(folder):
    """The files in a folder and below; links to folders are not followed, and named as they are."""
    files = []
    for place, folders, names in os.walk(folder):
        links = [name for name in folders if os.path.islink(os.path.join(place, name))]
        folders[:] = [name for name in folders if not is_clutter(name) and name not in links]
        files += [Path(place) / name for name in [*names, *links] if not is_clutter(name)]
    return sorted(files, key=lambda file: natural(file.relative_to(folder).as_posix()))
