"""The containers of weights: which one a file is, by its first bytes, and opening it without trusting it."""

import contextlib
import io
import json
import re
import zipfile
from pathlib import Path

import h5py

from keras_resnet.errors import WeightsError
from keras_resnet.files import HDF5_SIGNATURE, describe, open_hdf5
from keras_resnet.weights import hdf5, torch_files
from keras_resnet.weights.stored import PROPORTION, guarded

_MEMBER = "model.weights.h5"
_EXPECTED = "expected HDF5, .keras, .safetensors or a file of torch.save"


@contextlib.contextmanager
def opened(path):
    """A weight file as a `stored.Stored`, to be read while it is open. The file's name decides nothing.

    Raises:
        WeightsError: not there, damaged, not a weight file.
    """
    path = Path(path)
    if not path.is_file():
        raise WeightsError(f"{path} is a folder; expected a weight file" if path.is_dir() else f"No such file: {path}")
    with open(path, "rb") as stream:
        head = stream.read(16)
    if head.startswith(HDF5_SIGNATURE):
        with open_hdf5(path, WeightsError) as file:
            yield hdf5.stored(file, path)
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


def _is_pickle(head, path):
    """Whether a file that could be either is a pickle: both may begin with 0x80, one as the length of its header."""
    return head[:1] == b"\x80" and int.from_bytes(head[:8], "little") > path.stat().st_size


@contextlib.contextmanager
def _zipped(path):
    """A .keras archive, or a file of torch.save, which is a zip archive too."""
    try:
        archive = zipfile.ZipFile(path)
    except zipfile.BadZipFile as problem:
        raise WeightsError(f"{path} is a zip archive that is truncated or damaged ({problem}); {_EXPECTED}") from None
    with archive:
        members = {member.filename: member for member in archive.infolist()}
        for name in members:
            if name.startswith(("/", "\\")) or ".." in re.split(r"[/\\]", name):
                raise WeightsError(f"{path} has a member that leaves its folder, {name!r}; nothing was unpacked")
        if any(name.endswith("data.pkl") for name in members):
            with torch_files.pickled(path) as stored:
                yield stored
            return
        if _MEMBER not in members:
            raise WeightsError(f"{path} is a zip archive without {_MEMBER}, so not a .keras file; {_EXPECTED}")
        config = _archived_config(path, archive, members)
        with _archived_hdf5(path, archive, members[_MEMBER]) as file:
            yield hdf5.stored(file, path, config=config, container="keras")


def _archived_config(path, archive, members):
    """The layers of config.json; nothing in it is run."""
    with guarded(path):
        if "config.json" not in members:
            return ()
        text = _unpacked(path, archive, members["config.json"])
        layers = hdf5.graph_layers(json.loads(text))
    if any(layer.get("class_name") == "Lambda" for layer in layers):
        raise WeightsError(
            f"{path} has a Lambda layer, which is code of the file's own; it was not run, and the file is refused"
        )
    return layers


@contextlib.contextmanager
def _archived_hdf5(path, archive, member):
    with guarded(path):
        stored = member.compress_type == zipfile.ZIP_STORED
        stream = _Part(path, member) if stored else io.BytesIO(_unpacked(path, archive, member))
        file = h5py.File(stream, "r")
    with stream, file:
        yield file


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
    if member.file_size > PROPORTION * max(member.compress_size, 1):
        raise WeightsError(
            f"{path}: {member.filename} unpacks to {member.file_size:,} bytes from {member.compress_size:,}; refused as a bomb"
        )
    return archive.read(member)
