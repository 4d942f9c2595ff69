"""Class folders of photographs as an image set, without packing."""

import csv
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from keras_resnet.data import Split, load, load_folder, load_signs, pack_folder, write_signs
from keras_resnet.data.stored import StoredImages
from keras_resnet.errors import DataError
from keras_resnet.train.config import Options
from keras_resnet.train.images import read


def photographs(folder, names=("a", "b"), count=6, seed=0):
    generator = np.random.default_rng(seed)
    for name in names:
        (folder / name).mkdir(parents=True)
        for number in range(count):
            pixels = generator.integers(0, 256, (20, 24, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number}.png")
    return folder


def message_of(call, *arguments, **keywords):
    with pytest.raises(DataError) as caught:
        call(*arguments, **keywords)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("grouped", [False, True])
def test_it_is_the_set_that_pack_writes(tmp_path, grouped):
    folder = photographs(tmp_path / "photos")
    settings = {"size": 16, "test_fraction": 0.34, "seed": 3}
    if grouped:
        with open(tmp_path / "people.csv", "w", newline="") as stream:
            rows = [{"file": f"{name}/{number}.png", "group": number // 2} for name in "ab" for number in range(6)]
            csv.DictWriter(stream, ["file", "group"]).writerows([{"file": "file", "group": "group"}, *rows])
        settings["groups"] = tmp_path / "people.csv"
    pack_folder(folder, tmp_path / "packed", **settings)
    packed, read = load_signs(tmp_path / "packed"), load_folder(folder, **settings)
    streamed = load(folder, **settings, stream=True)
    assert read.fingerprint() == packed.fingerprint() and read.class_names == packed.class_names
    for part in ("train", "test"):
        one, other = getattr(packed, part), getattr(streamed, part)
        assert isinstance(other.images, StoredImages)
        np.testing.assert_array_equal(other.images[:], one.images)
        np.testing.assert_array_equal(other.labels, one.labels)
        np.testing.assert_array_equal(other.groups if grouped else 0, one.groups if grouped else 0)


def test_train_and_test_folders_are_taken_as_they_are(tmp_path):
    photographs(tmp_path / "train", count=3), photographs(tmp_path / "test", count=2, seed=1)
    signs = load(tmp_path)
    assert signs.image_shape == (64, 64, 3) and signs.class_names == ("a", "b")
    assert signs.train.labels.tolist() == [0, 0, 0, 1, 1, 1] and signs.test.labels.tolist() == [0, 0, 1, 1]


def test_all_photographs_can_be_test_images(tmp_path):
    signs = load_folder(photographs(tmp_path, count=2), test_fraction=1, size=8)
    assert len(signs.train) == 0 and signs.test.labels.tolist() == [0, 0, 1, 1] and signs.image_shape == (8, 8, 3)


def left_out(caplog):
    """What was said of things left out, and nothing else of that kind."""
    (text,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    return text


def test_what_is_left_out_is_said(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr("keras_resnet.data.listing.reads_heic", lambda: False)
    folder = photographs(tmp_path / "photos", count=2)
    for name in ("LICENSE", "a/notes.txt", "a/1.HEIC", "b/2.heif", "c.png"):
        (folder / name).write_text("mine")
    (folder / "a" / "more").mkdir()
    (folder / "b" / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    os.mkfifo(folder / "b" / "pipe.jpg")
    signs = load(folder, test_fraction=0.5, size=8)
    assert (len(signs.train), len(signs.test)) == (2, 2)
    said = left_out(caplog)
    assert said.startswith(f"{folder}: left out: ") and "\n" not in said
    for phrase in (
        "2 HEIC photographs (a/1.HEIC, b/2.heif), which `pip install pillow-heif` makes readable, or an export as JPEG",
        "1 broken link (b/gone.jpg)",
        "1 further folder (a/more)",
        "1 entry that is no file (b/pipe.jpg)",
        "1 photograph in no class folder (c.png)",
        "2 other files (LICENSE, a/notes.txt)",
    ):
        assert phrase in said


def test_what_is_left_out_of_parts_is_said_with_their_names(tmp_path, caplog):
    for part in ("train", "test"):
        photographs(tmp_path / part, count=2)
    photographs(tmp_path / "extra", count=1)
    (tmp_path / "test" / "a" / "more").mkdir()
    load(tmp_path, size=8)
    assert left_out(caplog) == f"{tmp_path}: left out: 2 further folders (extra, test/a/more)"


def test_a_groups_file_in_the_folder_is_no_photograph_left_out(tmp_path, caplog):
    folder = photographs(tmp_path, count=2)
    (folder / "people.csv").write_text("file,group\n" + "".join(f"{name}/{n}.png,{n}\n" for name in "ab" for n in range(2)))
    load(folder, test_fraction=0.5, groups=folder / "people.csv", size=8)
    assert not caplog.records


def test_what_systems_leave_behind_is_ignored(tmp_path, caplog):
    folder = photographs(tmp_path / "photos", count=2)
    for place in (folder, folder / "a"):
        (place / "__MACOSX" / "a").mkdir(parents=True)
        (place / ".ipynb_checkpoints").mkdir()
        for name in (".DS_Store", "Thumbs.db", "desktop.ini", "._0.png", "__MACOSX/a/._0.png"):
            (place / name).write_text("")
    signs = load(folder, test_fraction=0.5, size=8)
    assert signs.class_names == ("a", "b") and len(signs.train) + len(signs.test) == 4 and not caplog.records
    assert pack_folder(folder, tmp_path / "set", size=8).left_alone == ()


@pytest.mark.parametrize(
    "train, test, validation", [("train", "test", "val"), ("Train", "Test", "Valid"), ("training", "testing", "validation")]
)
def test_a_folder_for_validation_is_the_validation_set(tmp_path, train, test, validation):
    for seed, (part, count) in enumerate(((train, 4), (test, 3), (validation, 2))):
        photographs(tmp_path / part, count=count, seed=seed)
    images = read(tmp_path, Options(size=32, say=lambda line: None))
    assert (len(images.train), len(images.validation), len(images.signs.test)) == (8, 4, 6)
    own = load_folder(tmp_path / validation, test_fraction=1, size=32).test
    np.testing.assert_array_equal(images.validation.images, own.images)
    np.testing.assert_array_equal(images.validation.labels, own.labels)
    before = load(tmp_path).fingerprint()
    Image.new("RGB", (9, 9)).save(tmp_path / validation / "a" / "0.png")
    assert load(tmp_path).fingerprint() != before


def test_without_a_folder_test_a_share_of_train_is_the_test_set(tmp_path):
    for part, count in (("train", 6), ("val", 2)):
        photographs(tmp_path / part, count=count)
    assert message_of(load, tmp_path) == (
        f"{tmp_path} has the folders train and val and no folder test; expected --test-fraction (test_fraction=), the share to "
        "test on"
    )
    signs = load(tmp_path, test_fraction=0.5, size=8)
    assert (len(signs.train), len(signs.test), len(signs.validation)) == (6, 6, 4)


def test_folders_of_one_part_or_none_to_train_on_are_refused(tmp_path):
    for part in ("a/train", "a/test", "a/Test", "b/val", "b/test"):
        photographs(tmp_path / part, count=2)
    assert message_of(load, tmp_path / "a").endswith("/a has the folders Test and test; expected one of them")
    assert message_of(load, tmp_path / "b").endswith("/b has the folders test, val; expected train beside them")


def test_one_class_is_refused_and_the_level_below_named(tmp_path):
    inner = photographs(tmp_path / "archive" / "photos", count=2)
    message = message_of(load, tmp_path / "archive", test_fraction=0.5)
    assert message == (
        f"{tmp_path / 'archive'} has one class folder, photos; expected two or more: name {inner}, which has the folders a, b"
    )
    (tmp_path / "upper").mkdir()
    (tmp_path / "archive").rename(tmp_path / "upper" / "archive")
    assert message_of(load, tmp_path / "upper").endswith(
        f": name {tmp_path / 'upper/archive/photos'}, which has the folders a, b"
    )
    photographs(tmp_path / "single", names=("a",))
    for arguments in ((load, tmp_path / "single"), (pack_folder, tmp_path / "single", tmp_path / "set")):
        message = message_of(*arguments, test_fraction=0.5)
        assert message == f"{tmp_path / 'single'} has one class folder, a; expected two or more"
    for part in ("train", "test"):
        photographs(tmp_path / "parted" / part / "data", count=1)
    message = message_of(load, tmp_path / "parted")
    assert f"train has one class folder, data; expected two or more: name {tmp_path / 'parted' / 'train' / 'data'}" in message


def test_one_class_of_a_set_is_refused_too(tmp_path):
    images = np.zeros((4, 32, 32, 3), np.uint8)
    for names, label in ((("a",), 0), (("a", "b", "c"), 1)):
        part = Split(images, np.full(4, label))
        write_signs(tmp_path / "set", part, part, names)
        message = message_of(read, tmp_path / "set", Options())
        assert message.endswith(f"has training images of one class alone, {names[label]}; expected two classes or more")


def test_photographs_without_class_folders_get_advice(tmp_path):
    for place in ("set/train", "set/val", "kaggle/test", "flat"):
        (tmp_path / place).mkdir(parents=True)
        for number in range(3):
            Image.new("RGB", (9, 9)).save(tmp_path / place / f"{number}.jpg")
    photographs(tmp_path / "kaggle" / "train")
    text = "has no class folders; expected one subfolder of photographs for each class: move its 3 photographs into such"
    assert message_of(load, tmp_path / "set", test_fraction=0.2) == f"{tmp_path / 'set' / 'train'} {text}"
    above = ", or, where it is itself a class, name the folder above"
    assert message_of(load, tmp_path / "flat") == f"{tmp_path / 'flat'} {text}{above}"
    assert message_of(load, tmp_path / "kaggle") == (
        f"{tmp_path / 'kaggle' / 'test'} {text}, or move the folder elsewhere to have such images taken from those to train on"
    )


def test_class_folders_without_photographs_say_what_they_have(tmp_path, monkeypatch):
    monkeypatch.setattr("keras_resnet.data.listing.reads_heic", lambda: False)
    photographs(tmp_path / "heic", names=("a",)), photographs(tmp_path / "nested" / "a"), photographs(tmp_path / "nested" / "b")
    (tmp_path / "heic" / "b").mkdir()
    (tmp_path / "heic" / "b" / "1.HEIC").write_bytes(b"")
    assert message_of(load, tmp_path / "heic", test_fraction=0.5) == (
        f"The class folder {tmp_path / 'heic' / 'b'} has no photographs; expected others than HEIC, which `pip install "
        "pillow-heif` makes readable, or an export as JPEG"
    )
    inner = tmp_path / "nested" / "a"
    assert message_of(load, tmp_path / "nested", test_fraction=0.5) == (
        f"The class folder {inner} has no photographs; expected them directly in it, and it has the folders a, b: if those are "
        f"classes, name {inner}"
    )


def groups_file(path, *names):
    path.write_text("file,group\n" + "".join(f"{name},person {number // 2}\n" for number, name in enumerate(names)))
    return path


def test_groups_of_parted_folders_keep_people_out_of_validation(tmp_path, caplog):
    photographs(tmp_path / "train"), photographs(tmp_path / "test", count=2)
    names = [f"train/{name}/{number}.png" for name in "ab" for number in range(6)]
    groups = groups_file(tmp_path / "people.csv", *names)
    images = read(tmp_path, Options(size=32, groups=groups, validation_fraction=0.34))
    assert len(images.validation) == 4 and images.signs.test.groups is None
    assert not set(images.train.groups) & set(images.validation.groups)
    assert set(images.train.groups) | set(images.validation.groups) == set(range(6)) and not caplog.records
    tests = [f"test/{name}/{number}.png" for name in "ab" for number in range(2)]
    signs = load(tmp_path, groups=groups_file(groups, *names, *tests))
    assert set(signs.test.groups) == {6, 7} and not caplog.records
    load(tmp_path, groups=groups_file(groups, names[0], *tests, *names[1:]))
    assert left_out(caplog) == (
        f"{tmp_path}: 2 groups of {groups} have photographs in train and in test; its accuracy flatters"
    )
    message = message_of(load, tmp_path, groups=groups_file(groups, *names[:-1]))
    assert message.startswith(
        f"{groups} has no row for 1 of 12 photographs: train/b/5.png; expected paths like train/a/name.jpg"
    )


def test_groups_of_parted_folders_are_recorded():
    assert Options(groups=Path("people.csv")).to_json()["photographs"] == {"test_fraction": None, "groups": "people.csv"}


def test_pack_takes_no_parted_folder(tmp_path):
    photographs(tmp_path / "photos" / "train"), photographs(tmp_path / "photos" / "valid")
    assert message_of(pack_folder, tmp_path / "photos", tmp_path / "set") == (
        f"{tmp_path / 'photos'} has the folders train, valid; expected class folders: `keras-resnet train --data "
        f"{tmp_path / 'photos'}` takes it as it is"
    )


def test_what_does_not_fit_is_one_line(tmp_path):
    folder = photographs(tmp_path / "photos", count=2)
    assert message_of(load, folder).endswith("expected --test-fraction (test_fraction=), the share to test on")
    photographs(tmp_path / "parted" / "train"), photographs(tmp_path / "parted" / "test", names=("a", "c"))
    message = message_of(load, tmp_path / "parted")
    assert message.endswith("has the class folders a, b in train and a, c in test; expected the same")
    message = message_of(load, tmp_path / "parted", test_fraction=0.2)
    assert message.endswith("has the folders train and test; expected no test fraction beside them")
    pack_folder(folder, tmp_path / "set", size=8)
    message = message_of(load, tmp_path / "set", test_fraction=0.2)
    assert message == "test_fraction: expected none, a SIGNS set has its test images already, received 0.2"
    (tmp_path / "empty").mkdir()
    message = message_of(load, tmp_path / "empty")
    assert message.startswith(f"No train_signs.h5 in the folder {tmp_path / 'empty'}; an image set")
