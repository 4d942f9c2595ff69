"""The SIGNS layout: what is read is what h5py wrote, and each fault has one message."""

import hashlib
import os

import h5py
import numpy as np
import pytest

import keras_resnet.data as data
from keras_resnet.data.signs import Split, load_signs, write_signs
from keras_resnet.errors import DataError

RANDOM = np.random.default_rng(0)


def contents(count=12, size=(8, 10), classes=3):
    """The datasets of one split under the names of their parts."""
    return {
        "x": RANDOM.integers(0, 256, (count, *size, 3), dtype=np.uint8),
        "y": np.arange(count, dtype=np.int64) % classes,
        "classes": np.arange(classes),
    }


def write_raw(folder, train=None, test=None):
    """Writes the two files with h5py alone, dataset by dataset; a part that is None is left out."""
    folder.mkdir(exist_ok=True)
    train, test = train or contents(), test or contents(6)
    for name, parts in (("train", train), ("test", test)):
        with h5py.File(folder / f"{name}_signs.h5", "w") as file:
            for part, values in parts.items():
                if values is not None:
                    file["list_classes" if part == "classes" else f"{name}_set_{part}"] = values
    return folder


def split(count=12, size=8, classes=3, groups=False):
    parts = contents(count, (size, size), classes)
    return Split(parts["x"], parts["y"], np.arange(count) // 2 if groups else None)


def message_of(function, *arguments):
    with pytest.raises(DataError) as caught:
        function(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_folder_is_read_as_written(tmp_path):
    train, test = contents(), contents(6)
    signs = load_signs(write_raw(tmp_path / "set", train, test))
    for read, written in ((signs.train, train), (signs.test, test)):
        np.testing.assert_array_equal(read.images, written["x"])
        np.testing.assert_array_equal(read.labels, written["y"])
        assert read.images.dtype == np.uint8 and read.labels.dtype == np.int64 and read.groups is None
    assert (len(signs.train), len(signs.test)) == (12, 6)
    assert signs.class_names == ("0", "1", "2") and signs.image_shape == (8, 10, 3) and signs.path == tmp_path / "set"


def test_one_file_with_all_datasets_is_read(tmp_path):
    train, test = contents(), contents(6)
    with h5py.File(tmp_path / "all.h5", "w") as file:
        file["train_set_x"], file["train_set_y"] = train["x"], train["y"]
        file["test_set_x"], file["test_set_y"] = test["x"], test["y"]
        file["list_classes"] = train["classes"]
    signs = load_signs(str(tmp_path / "all.h5"))
    np.testing.assert_array_equal(signs.train.images, train["x"])
    np.testing.assert_array_equal(signs.test.images, test["x"])


@pytest.mark.parametrize("shape", [(1, 12), (12, 1), (12,)])
def test_labels_as_a_row_or_a_column_are_accepted(tmp_path, shape):
    train = contents()
    signs = load_signs(write_raw(tmp_path / "set", train | {"y": train["y"].astype(np.uint8).reshape(shape)}))
    assert signs.train.labels.tolist() == [0, 1, 2] * 4 and signs.train.labels.dtype == np.int64


@pytest.mark.parametrize(
    "stored, names",
    [
        (np.array([b"a", b"bee", b"c"]), ("a", "bee", "c")),
        (np.array(["eins", "zwölf", "ç"], h5py.string_dtype()), ("eins", "zwölf", "ç")),
        (np.array([5, 7, 9]), ("5", "7", "9")),
    ],
)
def test_class_names_are_integers_or_strings(tmp_path, stored, names):
    folder = write_raw(tmp_path / "set", contents() | {"classes": stored}, contents(6) | {"classes": stored})
    assert load_signs(folder).class_names == names


@pytest.mark.parametrize("names", [("0", "1", "2"), ("0", "1", "02"), ("fist", "palm", "deux élan")])
def test_what_is_written_is_read(tmp_path, names):
    train, test = split(groups=True), split(6, groups=True)
    written = write_signs(tmp_path / "set", train, test, names)
    read = load_signs(tmp_path / "set")
    assert read.class_names == written.class_names == names
    for given, got in ((train, read.train), (test, read.test)):
        for part in ("images", "labels", "groups"):
            np.testing.assert_array_equal(getattr(got, part), getattr(given, part))
    assert read.fingerprint() == written.fingerprint()


def test_the_files_have_the_published_layout(tmp_path):
    write_signs(tmp_path, split(), split(6), ["0", "1", "2"])
    with h5py.File(tmp_path / "test_signs.h5") as file:
        assert set(file) == {"test_set_x", "test_set_y", "list_classes"}
        assert (file["test_set_x"].dtype, file["test_set_x"].shape) == (np.uint8, (6, 8, 8, 3))
        assert file["test_set_x"].fletcher32 and file["test_set_x"].compression is None
        assert (file["test_set_y"].dtype, file["test_set_y"].shape) == (np.int64, (6,))
        assert file["list_classes"].dtype == np.int64 and file["list_classes"][()].tolist() == [0, 1, 2]


def test_the_same_arrays_give_the_same_bytes(tmp_path):
    train, test = split(groups=True), split(6, groups=True)
    for folder in ("a", "b"):
        write_signs(tmp_path / folder, train, test, ["x", "y", "z"])
    for name in ("train_signs.h5", "test_signs.h5"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_neither_file_is_replaced_where_the_second_cannot_be_written(tmp_path, monkeypatch):
    write_signs(tmp_path, split(), split(6), ["0", "1", "2"])
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    real = h5py.File

    def fails_for_test(path, *arguments, **keywords):
        if "test_signs" in str(path):
            raise OSError("No space left on device")
        return real(path, *arguments, **keywords)

    monkeypatch.setattr(h5py, "File", fails_for_test)
    message = message_of(write_signs, tmp_path, split(), split(6), ["0", "1", "2"])
    assert message == f"The set cannot be written to {tmp_path}: No space left on device"
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_the_fingerprint_is_of_images_and_labels_alone(tmp_path):
    train, test = contents(), contents(6)
    first = load_signs(write_raw(tmp_path / "a", train, test))
    digest = hashlib.sha256()
    for parts in (train, test):
        digest.update(str(parts["x"].shape).encode() + parts["x"].tobytes() + parts["y"].tobytes())
    assert first.fingerprint() == digest.hexdigest()
    relabelled = train | {"y": train["y"][::-1].copy()}
    assert load_signs(write_raw(tmp_path / "b", relabelled, test)).fingerprint() != first.fingerprint()


def test_without_a_path_datasets_in_the_working_folder_is_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    message = message_of(load_signs)
    assert "no datasets/train_signs.h5 in" in message and "`keras-resnet data synthetic DIR`" in message
    write_raw(tmp_path / "datasets")
    assert len(load_signs().train) == 12


def test_missing_folders_and_files_are_named(tmp_path):
    assert message_of(load_signs, tmp_path / "no").startswith(f"No such file or folder: {tmp_path / 'no'}; an image")
    assert message_of(load_signs, tmp_path).startswith(f"No train_signs.h5 in the folder {tmp_path}; an image set is")
    os.remove(write_raw(tmp_path / "set") / "test_signs.h5")
    assert message_of(load_signs, tmp_path / "set").startswith("No test_signs.h5 in the folder")


@pytest.mark.parametrize("part, key", [("x", "train_set_x"), ("y", "train_set_y"), ("classes", "list_classes")])
def test_a_missing_key_is_named_with_the_keys_that_are_there(tmp_path, part, key):
    folder = write_raw(tmp_path / "set", contents() | {part: None, "extra": np.zeros(3)})
    message = message_of(load_signs, folder)
    assert f"has no dataset '{key}'; its keys are: " in message and "train_set_extra" in message


def test_half_a_set_as_a_file_is_refused(tmp_path):
    message = message_of(load_signs, write_raw(tmp_path / "set") / "train_signs.h5")
    assert "has no dataset 'test_set_x'" in message
    assert "an image set is a folder with train_signs.h5 and test_signs.h5" in message


def images_with_nan():
    images = contents()["x"].astype(np.float32)
    images[3, 0, 0, 0] = images[5, 1] = np.nan  # 1 + 10 x 3 values
    return images


@pytest.mark.parametrize(
    "change, message",
    [
        ({"x": images_with_nan()}, "train_set_x is float32 with 31 NaN values; expected uint8, 0 to 255"),
        ({"x": contents()["x"] / 255}, "train_set_x is float64; expected uint8, 0 to 255"),
        ({"x": contents()["x"].astype(np.int64)}, "train_set_x is int64; expected uint8, 0 to 255"),
        ({"x": contents()["x"][..., 0]}, "train_set_x has shape (12, 8, 10); expected (images, height, width, 3)"),
        ({"x": np.zeros((12, 3, 8, 8), np.uint8)}, "train_set_x has shape (12, 3, 8, 8); expected (images, height,"),
        ({"x": np.uint8(3)}, "train_set_x has shape (); expected (images, height, width, 3)"),
        ({"x": np.zeros((0, 8, 8, 3), np.uint8)}, "train_set_x is empty, of shape (0, 8, 8, 3); expected at least one"),
        ({"y": np.zeros(11, int)}, "train_set_y has 11 values for 12 images; expected one for each image"),
        ({"y": np.zeros((3, 4), int)}, "train_set_y has shape (3, 4); expected (12,), (1, 12) or (12, 1)"),
        ({"y": np.eye(12)}, "train_set_y is float64; expected integers (int64)"),
        ({"y": np.array([3, -1] * 6)}, "train_set_y has 12 of 12 values outside the classes: -1, 3; expected 0 to 2"),
        ({"group": np.zeros(4, int)}, "train_set_group has 4 values for 12 images; expected one for each image"),
        ({"classes": np.array([0.5, 1])}, "list_classes is float64; expected integers or strings"),
        ({"classes": np.zeros((1, 3), int)}, "list_classes has shape (1, 3); expected (classes,), at least one"),
        ({"classes": np.array([1, 1, 2])}, "list_classes repeats 1; expected a name of its own for each class"),
        ({"classes": np.array([b"\xff", b"a"])}, "list_classes has names that are not UTF-8"),
    ],
)
def test_each_fault_of_a_file_has_its_message(tmp_path, change, message):
    folder = write_raw(tmp_path / "set", contents() | change)
    assert message_of(load_signs, folder).startswith(f"{folder / 'train_signs.h5'}: {message}")


def test_faults_of_the_test_file_are_found_too(tmp_path):
    folder = write_raw(tmp_path / "set", test={**contents(6), "y": np.full(6, 7)})
    assert "test_signs.h5: test_set_y has 6 of 6 values outside the classes: 7;" in message_of(load_signs, folder)


def test_the_two_splits_must_agree(tmp_path):
    shapes = write_raw(tmp_path / "a", test=contents(6, (8, 8)))
    assert "training images are 8 x 10 x 3, test images 8 x 8 x 3; expected one shape" in message_of(load_signs, shapes)
    classes = write_raw(tmp_path / "b", test=contents(6, classes=2))
    assert "list_classes is 0, 1, 2 for training, 0, 1 for test; expected the same" in message_of(load_signs, classes)


def test_a_truncated_file_gives_expected_and_actual_bytes(tmp_path):
    folder = write_raw(tmp_path / "set")
    full = (folder / "train_signs.h5").stat().st_size
    os.truncate(folder / "train_signs.h5", 3000)
    assert f"train_signs.h5 is truncated: expected {full:,} bytes, received 3,000" in message_of(load_signs, folder)


def test_a_file_that_is_not_hdf5_is_said_to_be_what_it_is(tmp_path):
    folder = write_raw(tmp_path / "set")
    (folder / "test_signs.h5").write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    assert "test_signs.h5 is a Git-LFS pointer" in message_of(load_signs, folder)


def test_a_file_damaged_inside_is_refused_in_one_line(tmp_path):
    folder = write_raw(tmp_path / "set")
    contents = (folder / "train_signs.h5").read_bytes()
    for mark in (b"SNOD", b"TREE", b"HEAP"):
        contents = contents.replace(mark, b"XXXX")
    (folder / "train_signs.h5").write_bytes(contents)
    message = message_of(load_signs, folder)
    assert f"{folder / 'train_signs.h5'} " in message and ("damaged" in message or "cannot be opened" in message)


@pytest.mark.parametrize(
    "train, names, message",
    [
        (Split(np.zeros((2, 8, 8, 3)), np.zeros(2, int)), "abc", "train images is float64; expected uint8"),
        (Split(np.zeros((2, 8, 8, 3), np.uint8), np.array([0, 3])), "abc", "train labels has 1 of 2 values outside"),
        (split(), "aba", "class_names repeats a; expected a name of its own"),
        (split(size=9), "abc", "The set to write: training images are 9 x 9 x 3, test images 8 x 8 x 3"),
    ],
)
def test_what_breaks_the_layout_is_not_written(tmp_path, train, names, message):
    assert message_of(write_signs, tmp_path / "set", train, split(6), tuple(names)).startswith(message)
    assert not (tmp_path / "set").exists()


def test_a_destination_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "set").write_text("mine")
    message = message_of(write_signs, tmp_path / "set", split(), split(6), "abc")
    assert message.startswith(f"The set cannot be written to {tmp_path / 'set'}: ")


def test_the_public_names_resolve():
    for name in data.__all__:
        assert callable(getattr(data, name)), name
    assert data.load_signs is load_signs
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        data.nothing  # noqa: B018
