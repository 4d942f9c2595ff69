"""Values that are not in an HDF5 file itself, which HDF5 reads as zeros, and bytes that have changed: both are refused."""

import h5py
import numpy as np
import pytest

from keras_resnet.compat.helpers import load_dataset
from keras_resnet.data import Split, load, load_signs, write_signs
from keras_resnet.data.audit import check
from keras_resnet.errors import DataError

SHAPE = (12, 8, 8, 3)
IMAGES = np.random.default_rng(0).integers(0, 256, SHAPE, np.uint8)


def make_virtual(file, folder, key, values, gone):
    with h5py.File(folder / "source.h5", "w") as source:
        source["values"] = values
    layout = h5py.VirtualLayout(values.shape, values.dtype)
    layout[:] = h5py.VirtualSource(folder / "source.h5", "values", values.shape)
    file.create_virtual_dataset(key, layout)
    if gone:
        (folder / "source.h5").unlink()


def make_external(file, folder, key, values, gone):
    if not gone:
        (folder / "raw").write_bytes(values.tobytes())
    file.create_dataset(key, values.shape, values.dtype, external=[(str(folder / "raw"), 0, values.nbytes)])


def make_link(file, folder, key, values, gone):
    if not gone:
        with h5py.File(folder / "source.h5", "w") as source:
            source["values"] = values
    file[key] = h5py.ExternalLink(str(folder / "source.h5"), "values")


def make_link_in_two_steps(file, folder, key, values, gone):
    with h5py.File(folder / "source.h5", "w") as source:
        source["inner/values"] = values
    file["elsewhere"] = h5py.ExternalLink(str(folder / "source.h5"), "inner")
    file[key] = h5py.SoftLink("/elsewhere/values")
    if gone:
        (folder / "source.h5").unlink()


def make_unwritten(file, folder, key, values, gone):
    file.create_dataset(key, values.shape, values.dtype)


def make_half_written(file, folder, key, values, gone):
    dataset = file.create_dataset(key, values.shape, values.dtype, chunks=(4, *values.shape[1:]), compression="gzip")
    dataset[4:8] = values[4:8]


MAKERS = {
    make_virtual: "is a virtual dataset, made of others; expected the values in the file itself",
    make_external: "is stored outside, in {folder}/raw; expected the values in the file itself",
    make_link: "is a link to {folder}/source.h5; expected the values in the file itself",
    make_link_in_two_steps: "is a link",
    make_unwritten: "has 0 of {bytes:,} bytes: it was never written, or the file is damaged",
    make_half_written: "lacks some of its 3 chunks: they were never written, or the file is damaged",
}
VALUES = {"train_set_x": IMAGES, "train_set_y": np.arange(12) % 3, "list_classes": np.arange(3)}


def set_with(folder, key, make, gone=False):
    """A set whose one dataset ``make`` has made; the others are ordinary."""
    write_signs(folder, Split(IMAGES, VALUES["train_set_y"]), Split(IMAGES, VALUES["train_set_y"]), ("0", "1", "2"))
    (folder / "train_signs.h5").unlink()
    with h5py.File(folder / "train_signs.h5", "w") as file:
        for name, values in VALUES.items():
            if name == key:
                make(file, folder, key, values, gone)
            else:
                file[name] = values
    return folder


def message_of(call, *arguments, **keywords):
    with pytest.raises(DataError) as caught:
        call(*arguments, **keywords)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("gone", [True, False])
@pytest.mark.parametrize("make", MAKERS)
def test_images_that_are_not_in_the_file_are_refused(tmp_path, make, gone):
    folder = set_with(tmp_path, "train_set_x", make, gone)
    expected = MAKERS[make].format(folder=tmp_path, bytes=IMAGES.nbytes)
    for call in (load_signs, load, check, load_dataset, lambda path: load_signs(path, stream=True)):
        assert message_of(call, folder).startswith(f"{folder / 'train_signs.h5'}: 'train_set_x' {expected}")


@pytest.mark.parametrize("key", ["train_set_y", "list_classes"])
@pytest.mark.parametrize("make", [make_virtual, make_external, make_link, make_unwritten])
def test_labels_and_class_names_that_are_not_in_the_file_are_refused(tmp_path, key, make):
    folder = set_with(tmp_path, key, make, gone=True)
    expected = MAKERS[make].format(folder=tmp_path, bytes=VALUES[key].nbytes)
    assert message_of(load_signs, folder) == f"{folder / 'train_signs.h5'}: {key!r} {expected}"


def test_links_within_the_file_are_followed_and_one_that_leads_nowhere_is_said_to(tmp_path):
    def make_soft(file, folder, key, values, gone):
        file["real"] = values
        file[key] = h5py.SoftLink("/nothing" if gone else "/real")

    np.testing.assert_array_equal(load_signs(set_with(tmp_path / "a", "train_set_x", make_soft)).train.images, IMAGES)
    folder = set_with(tmp_path / "b", "train_set_x", make_soft, gone=True)
    assert message_of(load_signs, folder).endswith("'train_set_x' is a link that leads nowhere; expected a dataset")


@pytest.mark.parametrize(
    "how", [{}, {"chunks": (4, 8, 8, 3)}, {"compression": "gzip"}, {"chunks": (5, 8, 8, 3), "fletcher32": True}]
)
def test_images_that_are_all_there_are_read(tmp_path, how):
    def make(file, folder, key, values, gone):
        file.create_dataset(key, data=values, **how)

    for stream in (False, True):
        images = load_signs(set_with(tmp_path, "train_set_x", make), stream=stream).train.images
        np.testing.assert_array_equal(images[:], IMAGES)


def test_more_chunks_than_memory_holds_are_not_looked_for(tmp_path):
    def make(file, folder, key, values, gone):
        file.create_dataset(key, (10**12, 8, 8, 3), np.uint8, chunks=(1, 8, 8, 3))

    message = message_of(load_signs, set_with(tmp_path, "train_set_x", make))
    assert message.endswith(
        "'train_set_x' lacks some of its 1,000,000,000,000 chunks: they were never written, or the file is damaged"
    )


def test_a_chunk_whose_checksum_is_switched_off_is_refused(tmp_path):
    def make(file, folder, key, values, gone):
        dataset = file.create_dataset(key, values.shape, values.dtype, chunks=values.shape, fletcher32=True)
        dataset.id.write_direct_chunk((0, 0, 0, 0), values.tobytes(), filter_mask=1)

    message = message_of(load_signs, set_with(tmp_path, "train_set_x", make))
    assert message.endswith("'train_set_x' is damaged: it has chunks without the checksum or compression of the others")


@pytest.mark.parametrize("names", [("0", "1", "2"), ("fist", "palm", "élan")])
def test_no_changed_byte_changes_what_is_read(tmp_path, names):
    labels, random = np.arange(12) % 3, np.random.default_rng(3)
    written = write_signs(tmp_path, Split(IMAGES, labels, labels), Split(IMAGES[::-1], labels, labels), names)
    file = tmp_path / "train_signs.h5"
    whole, refused = file.read_bytes(), 0
    assert whole.count(IMAGES[:8].tobytes()) == 1  # uncompressed
    for place in random.integers(0, len(whole), 300):
        changed = bytearray(whole)
        changed[place] ^= random.integers(1, 256)
        file.write_bytes(changed)
        try:
            read = load_signs(tmp_path)
        except DataError:
            refused += 1
            continue
        assert read.fingerprint() == written.fingerprint() and read.class_names == names
        np.testing.assert_array_equal(read.train.groups, labels)
    assert refused > 150  # the others hit what HDF5 keeps empty
