"""What a folder of photographs holds: its parts, its class folders, their photographs, and what is left out."""

import re
from pathlib import Path
from typing import NamedTuple

from keras_resnet.data.photo import HEIC_ADVICE, HEIC_ENDINGS, reads_heic
from keras_resnet.errors import DataError
from keras_resnet.files import is_clutter

# Endings of the photographs that Pillow reads without help from other programs, in lower case.
PHOTO_ENDINGS = frozenset(
    ".jpg .jpeg .jpe .jfif .png .apng .gif .bmp .dib .webp .tif .tiff .ppm .pgm .pbm .pnm .tga .jp2 .avif".split()
)

# Part of a set -> what its folder may be called, in lower case.
_PART_NAMES = {"train": ("train", "training"), "validation": ("val", "valid", "validation"), "test": ("test", "testing")}


class Found(NamedTuple):
    """What `find_photos` finds: photographs, class by class; names of the classes; paths in the folder that are neither."""

    files: list
    class_names: tuple
    left_alone: tuple


def find_parts(path):
    """The folders that a set's photographs are parted into.

    Args:
        path: a folder.

    Returns:
        Dict of ``"train"``, ``"validation"`` and ``"test"`` to a `Path`, for those that there are, and the other entries of the
        folder; an empty dict for a folder that is not parted.

    Raises:
        DataError: two folders of one part, or none to train on.
    """
    path, parts = Path(path), {}
    for folder in filter(Path.is_dir, entries(path)):
        part = _part(folder)
        if part in parts:
            raise DataError(f"{path} has the folders {parts[part].name} and {folder.name}; expected one of them")
        if part:
            parts[part] = folder
    if len(parts) < 2:
        return {}
    if "train" not in parts:
        raise DataError(f"{path} has the folders {listed([part.name for part in parts.values()])}; expected train beside them")
    return {part: parts[part] for part in _PART_NAMES if part in parts}


def _part(folder):
    """The part of a set that a folder is by its name, or None."""
    return next((part for part, names in _PART_NAMES.items() if folder.name.lower() in names), None)


def find_photos(source):
    """The photographs in the class folders of ``source``, a `Path`, as `Found`.

    Raises:
        DataError: there are fewer than two class folders, or one has no photographs.
    """
    here = entries(source)
    folders = [entry for entry in here if entry.is_dir()]
    left_alone = [entry.name for entry in here if not entry.is_dir()]
    if len(folders) < 2:
        raise DataError(_no_classes(source, folders, sum(map(is_called_photo, here))))
    files = []
    for folder in folders:
        inside = entries(folder)
        photos = [entry for entry in inside if is_photo(entry)]
        if not photos:
            raise DataError(f"The class folder {folder} has no photographs; expected {_instead_of_photos(folder, inside)}")
        files += photos
        left_alone += [f"{folder.name}/{entry.name}" for entry in inside if not is_photo(entry)]
    return Found(files, tuple(folder.name for folder in folders), tuple(left_alone))


def is_called_photo(path):
    """Whether a path ends as photographs do, those included that only an optional package reads."""
    return path.suffix.lower() in PHOTO_ENDINGS | HEIC_ENDINGS


def is_photo(path):
    """Whether a path is a file whose name ends as those of photographs that can be read here."""
    ending = path.suffix.lower()
    return (ending in PHOTO_ENDINGS or ending in HEIC_ENDINGS and reads_heic()) and path.is_file()


def entries(folder):
    """What a folder holds, hidden names and what systems leave behind excepted, in natural order."""
    try:
        found = [entry for entry in Path(folder).iterdir() if not is_clutter(entry.name)]
    except OSError as problem:
        raise DataError(f"The folder {folder} cannot be read: {problem.strerror}") from None
    return sorted(found, key=lambda entry: natural(entry.name))


def natural(text):
    """A sorting key that puts 2 before 10."""
    parts = re.split(r"([0-9]+)", text)
    return [(int(part) if index % 2 else 0, part) for index, part in enumerate(parts)]


def left_out(source, names):
    """What was left out of a set of photographs, as a phrase: ``"1 broken link (a/x.jpg); 2 other files (LICENSE, a/y.txt)"``.

    Args:
        source: the folder of the set, a `Path`.
        names: paths in it.
    """
    kinds = {}
    for name in names:
        kinds.setdefault(_kind(source / name), []).append(name)
    return "; ".join(
        f"{len(names):,} {one if len(names) == 1 else many} ({listed(names)}){advice}"
        for (one, many, advice), names in sorted(kinds.items())
    )


def _kind(path):
    """What a path is that is no photograph: a noun, its plural, and advice."""
    if path.is_symlink() and not path.exists():
        return "broken link", "broken links", ""
    if path.is_dir():
        return "further folder", "further folders", ""
    if not path.is_file():
        return "entry that is no file", "entries that are no files", ""
    if is_photo(path):
        return "photograph in no class folder", "photographs in no class folder", ""
    if path.suffix.lower() in HEIC_ENDINGS:
        return "HEIC photograph", "HEIC photographs", f", {HEIC_ADVICE}"
    return "other file", "other files", ""


def _no_classes(source, folders, photos):
    """Why a folder with fewer than two folders is no set, and what to do."""
    if folders:
        return f"{source} has one class folder, {folders[0].name}; expected two or more{_deeper(folders[0])}"
    text = f"{source} has no class folders; expected one subfolder of photographs for each class"
    return f"{text}: move its {photos:,} photographs into such{_or_else(source)}" if photos else text


def _deeper(folder):
    """Which folder, this one or one below it, has several folders, as advice; empty where none has."""
    inside = [entry for entry in entries(folder) if entry.is_dir()]
    if len(inside) == 1:
        return _deeper(inside[0])
    return f": name {folder}, which has the folders {listed([entry.name for entry in inside])}" if inside else ""


def _or_else(source):
    """What else can be done about a folder with photographs and without class folders, by what its name says that it is."""
    part = _part(source)
    if part is None:
        return ", or, where it is itself a class, name the folder above"
    return "" if part == "train" else ", or move the folder elsewhere to have such images taken from those to train on"


def _instead_of_photos(folder, inside):
    """What was expected in a class folder without photographs, by what it has instead."""
    if any(entry.suffix.lower() in HEIC_ENDINGS for entry in inside):
        return f"others than HEIC, {HEIC_ADVICE}"
    folders = [entry.name for entry in inside if entry.is_dir()]
    if folders:
        return f"them directly in it, and it has the folders {listed(folders)}: if those are classes, name {folder}"
    return "files ending in .jpg, .png or the like"


def listed(values, limit=3, count=False):
    """The first of some texts: ``"a, b, c ..."``, where asked for with their number: ``"a, b, c ... (12 in all)"``."""
    more = f" ... ({len(values):,} in all)" if count else " ..."
    return ", ".join(values[:limit]) + (more if len(values) > limit else "")
