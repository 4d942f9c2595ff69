"""Attributes of HDF5 files: as h5py reads them, and heaps of texts that would be read for ever."""

import io

import h5py
import numpy as np
import pytest

from keras_resnet.errors import WeightsError
from keras_resnet.weights import hdf5_attributes
from keras_resnet.weights.hdf5_attributes import Attributes

VALUES = {
    "bytes": np.bytes_("theano"),
    "text": "tensorflow",
    "names": np.array([b"conv1", b"bn_conv1"]),
    "wide": ["conv1", "fc6"],
    "none": np.zeros(0),
    "number": 7,
    "numbers": np.arange(3),
    "accent": "\u00e9",
    "empty": h5py.Empty("f"),
}


@pytest.fixture
def opened():
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        for name, value in VALUES.items():
            file.attrs[name] = value
        file.attrs["parts0"], file.attrs["parts1"] = np.array([b"a", b"b"]), np.array([b"c"])
    with h5py.File(stream, "r") as file:
        yield file, Attributes(file, "w.h5", stream)


def test_values_are_h5pys(opened):
    file, read = opened
    for name in VALUES:
        ours, theirs = read.value(file, name), file.attrs[name]
        assert type(ours) is type(theirs) and (np.array_equal(ours, theirs) or ours == theirs), name
    assert read.value(file, "other") is None


def test_texts_and_lists_of_names(opened):
    file, read = opened
    assert (read.words(file, "bytes"), read.words(file, "text"), read.words(file, "accent")) == (
        "theano",
        "tensorflow",
        "\u00e9",
    )
    assert read.words(file, "other") is None and read.text(file, "number") is None
    assert read.names(file, "names") == ["conv1", "bn_conv1"] and read.names(file, "wide") == ["conv1", "fc6"]
    assert read.names(file, "parts") == ["a", "b", "c"] and read.names(file, "none") == [] and read.names(file, "other") is None


@pytest.mark.parametrize("name", ["number", "names", "empty"])
def test_what_is_no_text_is_refused(name, opened):
    file, read = opened
    with pytest.raises(WeightsError, match=f"w.h5: the attribute {name} of / is no text"):
        read.words(file, name)


@pytest.mark.parametrize(("name", "said"), [("text", "is not a list of names"), ("numbers", "holds something that is no name")])
def test_what_is_no_list_of_names_is_refused(name, said, opened):
    file, read = opened
    with pytest.raises(WeightsError, match=said):
        read.names(file, name)


@pytest.mark.parametrize("at", [0, 1, 2, 3, 5, 4093, 4094, 4095, 4096, 8188, 9996])
def test_signatures_are_found_wherever_they_stand(at, monkeypatch):
    monkeypatch.setattr(hdf5_attributes, "_BLOCK", 4096)
    content = bytearray(np.random.default_rng(0).integers(128, 256, 10_000, dtype="uint8"))
    content[at : at + 4] = b"GCOL"
    assert list(hdf5_attributes._signatures(io.BytesIO(content))) == [at]
    content[6000:6004] = b"GCOL"
    assert sorted(hdf5_attributes._signatures(io.BytesIO(content))) == sorted({at, 6000})


def test_short_files_have_none():
    for content in (b"", b"G", b"GCO", b"GCOM"):
        assert list(hdf5_attributes._signatures(io.BytesIO(content))) == []


def heap(*objects):
    """A heap as the format's specification has it, of `(number, length, bytes)`, 64 bytes long, in the midst of something."""
    body = b"".join(
        number.to_bytes(2, "little") + bytes(6) + (length % 2**64).to_bytes(8, "little") + content
        for number, length, content in objects
    )
    return io.BytesIO(b"xy" + (b"GCOL\1" + bytes(3) + (64).to_bytes(8, "little") + body).ljust(64, b"\0"))


@pytest.mark.parametrize(
    ("objects", "endless"),
    [
        ([(1, 5, b"conv1\0\0\0"), (0, 24, b"")], False),
        ([(1, 5, b"conv1\0\0\0"), (0, 0, b"")], True),
        ([(0, 48, b"")], False),
        ([(0, 0, b"")], True),
        ([(0, -24, b"")], True),
        ([(1, -16, b"")], True),
        ([(1, 1000, b"")], False),  # beyond its end; HDF5 refuses that
    ],
)
def test_heaps_that_would_be_read_for_ever(objects, endless):
    assert hdf5_attributes._is_endless(heap(*objects), 2, 8) is endless
