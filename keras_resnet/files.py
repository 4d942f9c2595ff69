"""Files: what one is by its first bytes, reading HDF5, arrays and JSON with clear errors, and writing whole or not at all."""

import contextlib
import json
import math
import os
import stat
import tempfile
from pathlib import Path

from keras_resnet.errors import KerasResNetError

HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"

# What systems leave in folders, in lower case: macOS in the zip archives that it makes, Windows, a Synology. Names that begin
# with a dot (.DS_Store, .ipynb_checkpoints, ._photo.jpg) are such anyway.
_CLUTTER = ("__macosx", "icon\r", "thumbs.db", "ehthumbs.db", "desktop.ini", "$recycle.bin", "@eadir")

PART = ".part-"  # how the name of a file that is still being written begins

# First bytes -> what the file is. Source: the magic numbers in each format's own specification.
_SIGNATURES = (
    (HDF5_SIGNATURE, "an HDF5 file"),
    (b"version https://git-lfs", "a Git-LFS pointer (the file itself was not downloaded: run `git lfs pull`)"),
    (b"PK\x03\x04", "a zip archive"),
    (b"PK\x05\x06", "an empty zip archive"),
    (b"\x1f\x8b", "a gzip file"),
    (b"\xfd7zXZ\x00", "an xz file"),
    (b"BZh", "a bzip2 file"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"%PDF", "a PDF document"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"%!PS", "a PostScript document"),
    (b"\xc5\xd0\xd3\xc6", "a PostScript document"),
)
_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")  # ISO/IEC 23008-12, annex B


def is_clutter(name):
    """Whether a file or folder of that name is hidden or left behind by a system, and nothing that a user put there."""
    return name.startswith(".") or name.lower() in _CLUTTER


def irregular(path):
    """What a path is that is there and no regular file, e.g. ``"a named pipe"``, at which a reader would wait; else None."""
    try:
        kind = stat.S_IFMT(os.stat(path).st_mode)
    except (OSError, ValueError):  # nothing is there; whoever opens it will say so
        return None
    kinds = {stat.S_IFREG: None, stat.S_IFDIR: "a folder", stat.S_IFIFO: "a named pipe", stat.S_IFSOCK: "a socket"}
    return kinds.get(kind, "a device")


def describe(path):
    """What stands at a path, a file judged by its first bytes, never by its name: ``"an HTML page"``, ``"a folder"`` ..."""
    path = Path(path)
    if not path.is_file():  # a pipe would be waited for
        return "a folder" if path.is_dir() else "a pipe or a device" if path.exists() else "not there"
    with open(path, "rb") as stream:
        head = stream.read(1024)
    if not head:
        return "an empty file"
    for signature, description in _SIGNATURES:
        if head.startswith(signature):
            return description
    if head[4:8] == b"ftyp" and head[8:12] in _HEIC_BRANDS:
        return "a HEIC photograph"
    text = head.lstrip().lower()
    if text.startswith((b"<!doctype html", b"<html", b"<head")) or b"<html" in text:
        return "an HTML page (a login or error page saved under this name?)"
    return "not a format known here"


@contextlib.contextmanager
def open_hdf5(path, error=KerasResNetError):
    """Opens an HDF5 file for reading; ``error`` is raised, in one line, where that is impossible.

    Args:
        path: the file.
        error: the exception class to raise: `DataError`, `WeightsError`.
    """
    import h5py

    path = Path(path)
    try:
        fault = _hdf5_fault(path)
        file = None if fault else h5py.File(path, "r")
    except OSError as problem:
        raise error(f"{path} cannot be opened as HDF5: {' '.join(str(problem).split())}") from None
    if fault:
        raise error(fault)
    with file:
        yield file


def _hdf5_fault(path):
    """What keeps the file from being a whole HDF5 file, as a sentence; None where nothing does."""
    if not path.exists():
        return f"No such file: {path}"
    if other := irregular(path):
        return f"{path} is {other}; expected an HDF5 file"
    kind, actual = describe(path), path.stat().st_size
    if kind != "an HDF5 file":
        return f"{path} is {kind}, of {actual:,} bytes; expected an HDF5 file"
    expected = hdf5_length(path)
    if expected is not None and actual < expected:
        return f"{path} is truncated: expected {expected:,} bytes, received {actual:,}; fetch it again"
    return None


def hdf5_length(path):
    """The length in bytes that an HDF5 file declares in its superblock, or None where that cannot be read.

    Layout: HDF5 File Format Specification 3.0, section II.A: the end-of-file address is the third address of a version
    0 or 1 superblock, and the third of a version 2 or 3 superblock.
    """
    with open(path, "rb") as stream:
        head = stream.read(96)
    if len(head) < 48:
        return None
    version = head[8]
    if version in (0, 1):
        size, start = head[13], 24 + 4 * (version == 1) + 2 * head[13]
    elif version in (2, 3):
        size, start = head[9], 12 + 2 * head[9]
    else:
        return None
    return int.from_bytes(head[start : start + size], "little") if size in (4, 8) else None


def json_text(value):
    """A value as JSON; a number that is not finite, for which JSON has no word, becomes null."""
    return json.dumps(_finite(value), indent=2, allow_nan=False)


def _finite(value):
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def read_arrays(path):
    """NumPy's archive of arrays (`np.savez`) as a dict; nothing in it is run.

    Raises:
        KerasResNetError: why it is no such archive, or a damaged one; the text does not name the file.
    """
    import numpy as np

    try:
        kind = describe(path)
        if kind != "a zip archive":
            raise KerasResNetError(f"it is {kind}, expected NumPy's archive of arrays")
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except Exception as problem:  # the readers of zip, zlib and NumPy raise nearly every built-in exception on damaged bytes
        raise KerasResNetError(" ".join(str(problem).split()) or type(problem).__name__) from None
    foreign = [name for name, array in arrays.items() if not isinstance(array, np.ndarray)]
    if foreign:
        raise KerasResNetError(f"its member {foreign[0]!r} is no array")
    return arrays


def open_own(path, flags, error=KerasResNetError):
    """Opens a file that only this package writes, made where it is missing: nothing else, and never through a link.

    Args:
        path: the file.
        flags: of `os.open`.
        error: the exception class to raise where something else stands there.

    Returns:
        The number of the open file.
    """
    found = "a link" if os.path.islink(path) else irregular(path)
    if found is None:
        handle = os.open(path, flags | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
        if os.fstat(handle).st_nlink < 2:
            return handle
        os.close(handle)
        found = "a second name of another file"
    raise error(f"{path} is {found}, which may belong to somebody else; delete it and run again")


@contextlib.contextmanager
def whole(path, suffix=""):
    """Yields a temporary path beside ``path``, renamed to ``path`` at the end: a file appears whole or not at all.

    Missing folders are made. On an exception, Ctrl-C included, the temporary file goes and an older ``path`` stays. A process
    that is killed leaves its temporary file behind: see `leftovers`.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f"{PART}{path.name}-", suffix=suffix or path.suffix, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        os.chmod(temporary, 0o666 & ~_umask())  # mkstemp makes files that only their owner can read
        with open(temporary, "r+b") as stream:  # Windows flushes no file that is open for reading alone
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except OSError as problem:
        if problem.errno is not None and problem.filename is None:  # a full disk does not say which file it had no room for
            problem.filename = str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)
    _keep_names(path.parent)


def leftovers(folder):
    """The temporary files of `whole` in a folder: where nothing writes to it, those of processes that were killed."""
    return sorted(Path(folder).glob(f"{PART}*"))


def _keep_names(folder):
    """Has a folder's names written to the disk, where the system can: a renamed file otherwise may not survive a power cut."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError:  # some network file systems do not know it for folders
        return
    finally:
        os.close(handle)


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask
