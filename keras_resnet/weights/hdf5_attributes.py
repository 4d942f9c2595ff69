"""Attributes of HDF5 files, read without trusting the file.

Texts of variable length stand in heaps of their own, and HDF5 1.14 may read a damaged heap for ever: from an object of no
length it goes on to the same object. So before the first such text is read, every heap of the file is looked through here.
"""

import itertools
from collections import Counter

import h5py
import numpy as np

from keras_resnet.errors import WeightsError

# HDF5 File Format Specification 3.0, section III.E: a heap is a signature, a version, 3 bytes, its size and the objects; an
# object is a number of 2 bytes, 6 bytes and its size, with which its bytes follow, padded to 8. Number 0 is free space, and its
# size counts these 16 bytes in.
_SIGNATURE, _HEADER = b"GCOL", 16
_BLOCK = 1 << 22  # bytes that are looked through at once


class Attributes:
    """Reads the attributes of one open file.

    Args:
        file: an open `h5py.File`.
        path: how messages call it.
        stream: the same file as a binary stream that can be sought in.
    """

    def __init__(self, file, path, stream):
        self._path, self._stream, self._looked = path, stream, False
        self._lengths = file.id.get_create_plist().get_sizes()[1]  # bytes of a length in this file

    def value(self, group, name):
        """An attribute's value as h5py gives it, or None where there is no such attribute."""
        try:
            attribute = h5py.h5a.open(group.id, name.encode())
        except KeyError:
            return None
        kind = attribute.get_type()
        fixed = isinstance(kind, h5py.h5t.TypeStringID) and not kind.is_variable_str()
        if attribute.shape is None or not (fixed or isinstance(kind, h5py.h5t.TypeAtomicID)):
            self._look_through()
            return group.attrs[name]
        values = np.empty(attribute.shape, attribute.dtype)  # faster than h5py's own way
        if values.size:
            attribute.read(values)
        return values[()]

    def words(self, group, name):
        """A text of one line; None where there is no such attribute.

        Raises:
            WeightsError: it is something else.
        """
        value = self.value(group, name)
        text = _text(value)
        if value is not None and (text is None or not text.isprintable()):
            raise WeightsError(f"{self._path}: the attribute {name} of {group.name} is no text")
        return text

    def text(self, group, name):
        """A text; None where there is no such attribute, or it is something else."""
        return _text(self.value(group, name))

    def names(self, group, name):
        """A list of names, each once; None where there is no such attribute.

        They are in one attribute, or in its chunks `name0`, `name1` ..: an HDF5 header takes 64 kB at most.

        Raises:
            WeightsError: it is something else.
        """
        values = self.value(group, name)
        if values is None:
            chunks = itertools.takewhile(group.attrs.__contains__, (f"{name}{number}" for number in itertools.count()))
            values = [value for chunk in chunks for value in np.atleast_1d(self.value(group, chunk))]
            if not values:
                return None
        if isinstance(values, bytes | str) or np.ndim(values) != 1:
            raise WeightsError(f"{self._path}: the attribute {name} of {group.name} is not a list of names")
        texts = [_text(value) for value in values]
        if not all(text and text.isprintable() for text in texts):
            raise WeightsError(f"{self._path}: the attribute {name} of {group.name} holds something that is no name")
        if len(set(texts)) < len(texts):
            twice = Counter(texts).most_common(1)[0][0]
            raise WeightsError(f"{self._path}: the attribute {name} of {group.name} names {twice} twice")
        return texts

    def _look_through(self):
        if self._looked:
            return
        for start in _signatures(self._stream):
            if _is_endless(self._stream, start, self._lengths):
                raise WeightsError(f"{self._path} is damaged: a heap of texts at byte {start:,} has an object of no length")
        self._looked = True


def _text(value):
    """A str, of bytes too; None for anything else."""
    return value.decode("utf-8") if isinstance(value, bytes) else value if isinstance(value, str) else None


def _signatures(stream):
    """Where a heap may begin: the positions of the signature."""
    width, start = len(_SIGNATURE), 0
    word = int.from_bytes(_SIGNATURE, "little")
    while True:
        stream.seek(start)
        block = stream.read(_BLOCK)
        for offset in range(min(width, len(block) - width + 1)):
            words = np.frombuffer(block, "<u4", count=(len(block) - offset) // width, offset=offset)
            yield from (start + offset + width * int(number) for number in np.flatnonzero(words == word))
        if len(block) < _BLOCK:
            return
        start += len(block) - width + 1


def _is_endless(stream, start, lengths):
    """Whether a reader that goes from object to object in a heap would come by an object twice."""
    stream.seek(start)
    head = stream.read(_HEADER)
    size = int.from_bytes(head[8 : 8 + lengths], "little")
    if len(head) < _HEADER or head[4] != 1:  # the version; HDF5 refuses any other
        return False
    stream.seek(start)
    heap = stream.read(min(size, _BLOCK))
    at = _HEADER
    while at + _HEADER <= len(heap):
        number, length = int.from_bytes(heap[at : at + 2], "little"), int.from_bytes(heap[at + 8 : at + 8 + lengths], "little")
        step = _HEADER + (length + 7) // 8 * 8 if number else length
        if step == 0 or step >= 1 << 63:  # which C's arithmetic turns into a step back
            return True
        at += step
    return False
