"""The containers of weights: which one a file is, by its first bytes, and opening it without trusting it."""

import contextlib
import io
import re
import shutil
import tempfile
import zipfile
from pathlib import Path

import h5py

from keras_resnet.errors import WeightsError
from keras_resnet.files import HDF5_SIGNATURE, describe, open_hdf5
from keras_resnet.weights import hdf5, torch_files
from keras_resnet.weights.graph import LONGEST, has_class, layers_of
from keras_resnet.weights.path_checks import check_path
from keras_resnet.weights.weight_file import FAULTS, FLOOR, PROPORTION, guarded
from keras_resnet.workdir import Workdir

_MEMBER = "model.weights.h5"
_EXPECTED = "expected HDF5, .keras, .safetensors or a file of torch.save"


@contextlib.contextmanager
def opened(path):
    """A weight file as a `weight_file.Stored`, to be read while it is open. The file's name decides nothing.

    Raises:
        WeightsError: not there, damaged, not a weight file.
    """
    check_path(path)
    path = Path(path)
    if path.is_dir():
        raise WeightsError(f"{path} is {_folder(path)}; expected a weight file")
    if not path.is_file():
        raise WeightsError(f"{path} is no regular file; expected a weight file" if path.exists() else f"No such file: {path}")
    with open(path, "rb") as stream:
        head = stream.read(16)
    if head.startswith(HDF5_SIGNATURE):
        with open_hdf5(path, WeightsError) as file, open(path, "rb") as stream:
            yield hdf5.stored(file, path, stream)
    elif head.startswith(b"PK\x03\x04"):
        with _zipped(path) as stored:
            yield stored
    elif head[8:9] == b"{" and not _is_pickle(head, path):
        with torch_files.safetensors(path) as stored:
            yield stored
    elif head[:1] == b"\x80":
        with torch_files.pickled(path) as stored:
            yield stored
    elif (
        head[8:9] == b"{"
        or path.stat().st_size > 8
        and int.from_bytes(head[:8], "little") < path.stat().st_size
        and head[8:9] == b"["
    ):
        with torch_files.safetensors(path) as stored:
            yield stored
    else:
        raise WeightsError(f"{path} is {describe(path)}, of {path.stat().st_size:,} bytes; {_EXPECTED}")


def of_run(path):
    """The weight file of a run where a path is a run folder; else the path itself."""
    return Workdir(path) / "weights.h5" if Workdir(path).exists() else path


def _folder(path):
    """What a folder is, in words."""
    if Workdir(path).exists():
        return f"a run folder, whose weights are in {of_run(path)}"
    if any((path / f"{part}_signs.h5").exists() for part in ("train", "test")):
        return f"an image set, which `keras-resnet data check {path}` describes"
    return "a folder"


def _is_pickle(head, path):
    """Whether a file that could be either is a pickle: both may begin with 0x80, one as the length of its header."""
    return head[:1] == b"\x80" and int.from_bytes(head[:8], "little") > path.stat().st_size


@contextlib.contextmanager
def _zipped(path):
    """A .keras archive, or a file of torch.save, which is a zip archive too."""
    try:
        archive = zipfile.ZipFile(path)
    except FAULTS as problem:
        raise WeightsError(f"{path} is a zip archive that is truncated or damaged ({problem}); {_EXPECTED}") from None
    with archive:
        members = {member.filename: member for member in archive.infolist()}
        for name in members:
            if name.startswith(("/", "\\")) or ".." in re.split(r"[/\\]", name):
                raise WeightsError(f"{path} has a member that leaves its folder, {name!r}; nothing was unpacked")
        if any(name.endswith("data.pkl") for name in members):
            _check_whole(path, archive)
            with torch_files.pickled(path) as stored:
                yield stored
            return
        if _MEMBER not in members:
            raise WeightsError(f"{path} is a zip archive without {_MEMBER}, so not a .keras file; {_EXPECTED}")
        config = _archived_config(path, archive, members)
        with _archived_hdf5(path, archive, members[_MEMBER]) as (file, stream):
            yield hdf5.stored(file, path, stream, config=config, container="keras")


def _check_whole(path, archive):
    """Refuses a file of torch.save whose members are longer than it is, for PyTorch compresses none, or that is damaged.

    Where the archive is damaged, `torch.load` (2.13) may give tensors of whatever is in memory: it reads nothing of a member
    that is marked as a folder, and does not say so.
    """
    declared, present = sum(member.file_size for member in archive.infolist()), path.stat().st_size
    if declared > present:
        raise WeightsError(f"{path} unpacks to {declared:,} bytes from {present:,}; refused as a bomb")
    with guarded(path):
        folders = (member.filename for member in archive.infolist() if member.external_attr & 0x10 and not member.is_dir())
        damaged = next(folders, None) or archive.testzip()
    if damaged is not None:
        raise WeightsError(f"{path} is damaged: its member {damaged!r} is not what the archive says of it")


def _archived_config(path, archive, members):
    """The layers of config.json; nothing in it is run."""
    with guarded(path):
        if "config.json" not in members:
            return ()
        with _unpacked(path, archive, members["config.json"]) as stream:
            layers = layers_of(stream.read(LONGEST + 1))
    if has_class(layers, "Lambda"):
        raise WeightsError(
            f"{path} has a Lambda layer, which is code of the file's own; it was not run, and the file is refused"
        )
    return layers


@contextlib.contextmanager
def _archived_hdf5(path, archive, member):
    with guarded(path):
        if member.compress_type == zipfile.ZIP_STORED:
            with archive.open(member) as whole:  # read once for the checksum, which is tested at the end
                while whole.read(1 << 20):
                    pass
            stream = _Part(path, member)
        else:
            stream = _unpacked(path, archive, member)
        file = h5py.File(stream, "r")
    with stream, file:
        yield file, stream


class _Part(io.RawIOBase):
    """A member of a zip archive that is stored as it is, read in place: `zipfile` cannot go back and forth in one quickly."""

    def __init__(self, path, member):
        self._file, self._at, self._size = open(path, "rb"), 0, member.file_size
        self._file.seek(member.header_offset + 26)  # APPNOTE.TXT 4.3.7: lengths of name and extra field end the local header
        name, extra = self._file.read(2), self._file.read(2)
        self._start = member.header_offset + 30 + int.from_bytes(name, "little") + int.from_bytes(extra, "little")

    def readable(self):
        return True

    def seekable(self):
        return True

    def seek(self, offset, whence=io.SEEK_SET):
        self._at = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence] + offset
        return self._at

    def tell(self):
        return self._at

    def readinto(self, buffer):
        wanted = max(0, min(len(buffer), self._size - self._at))
        self._file.seek(self._start + self._at)
        count = self._file.readinto(memoryview(buffer)[:wanted])
        self._at += count
        return count

    def close(self):
        self._file.close()
        super().close()


def _unpacked(path, archive, member):
    """What is compressed, as a stream: in memory where it is no longer than the file, else on the disk."""
    if member.file_size > PROPORTION * max(member.compress_size, 1):
        raise WeightsError(
            f"{path}: {member.filename} unpacks to {member.file_size:,} bytes from {member.compress_size:,}; refused as a bomb"
        )
    stream = tempfile.SpooledTemporaryFile(max(FLOOR, path.stat().st_size))
    with archive.open(member) as packed:
        shutil.copyfileobj(packed, stream)
    stream.seek(0)
    return stream
