"""A folder of photographs packed to a set: where each photo goes, what is left alone, and each refusal."""

import csv
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from keras_resnet.data.pack import pack_folder
from keras_resnet.data.photo import read_photo
from keras_resnet.data.signs import load_signs
from keras_resnet.errors import DataError

SIGN_DIGITS = Path(__file__).resolve().parents[2] / "../shared/data/sign_digits"


def make_folder(folder, counts):
    """Writes photos of one colour each, (10 x class, number of the photo, 77); counts: class name -> photos."""
    for index, (name, count) in enumerate(counts.items()):
        for number in range(count):
            (folder / name).mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (9, 9), (10 * index, number, 77)).save(folder / name / f"{number}.png")
    return folder


def damaged(path):
    path.write_text("no image")
    return path


def write_groups(path, rows, header="file,group"):
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def message_of(function, *arguments, **keywords):
    with pytest.raises(DataError) as caught:
        function(*arguments, **keywords)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_every_photo_arrives_once_under_its_class(tmp_path):
    counts = {"1": 10, "2": 20, "10": 15}  # natural order, not "1", "10", "2"
    report = pack_folder(make_folder(tmp_path / "photos", counts), tmp_path / "set", size=8, test_fraction=0.2)
    signs = load_signs(tmp_path / "set")
    assert signs.class_names == report.class_names == ("1", "2", "10")
    assert report.train == {"1": 8, "2": 16, "10": 12} and report.test == {"1": 2, "2": 4, "10": 3}
    seen = []
    for split in (signs.train, signs.test):
        assert (split.images == split.images[:, :1, :1]).all()
        assert (split.images[:, 0, 0, 0] == 10 * split.labels).all()
        seen += [(int(r), int(g)) for r, g, _ in split.images[:, 0, 0]]
    assert sorted(seen) == sorted((10 * i, n) for i, count in enumerate(counts.values()) for n in range(count))
    assert signs.train.groups is None and report.groups is None
    assert (np.diff(signs.train.labels) < 0).any()  # not class after class


def test_images_need_not_be_square(tmp_path):
    source = make_folder(tmp_path / "photos", {"a": 3, "b": 3})
    array = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    for number in range(3):
        Image.fromarray(array).save(source / "b" / f"{number}.png")
    pack_folder(source, tmp_path / "set", size=(20, 60))
    signs = load_signs(tmp_path / "set")
    assert signs.image_shape == (20, 60, 3)
    np.testing.assert_array_equal(signs.test.images[signs.test.labels == 1][0], array[10:30])
    assert message_of(pack_folder, source, tmp_path / "set", size=(20, 7)).startswith("The image size is (20, 7); expected at")


def test_the_same_seed_gives_the_same_bytes(tmp_path):
    source = make_folder(tmp_path / "photos", {"a": 9, "b": 9})
    for name, seed in (("first", 3), ("again", 3), ("other", 4)):
        pack_folder(source, tmp_path / name, size=8, seed=seed)
    for file in ("train_signs.h5", "test_signs.h5"):
        contents = [(tmp_path / name / file).read_bytes() for name in ("first", "again", "other")]
        assert contents[0] == contents[1] != contents[2]


def test_groups_go_to_one_side_and_stay_with_their_photos(tmp_path):
    source = make_folder(tmp_path / "photos", {"a": 20, "b": 20})
    rows = [f"{name}/{number}.png,person {number // 2}" for name in "ab" for number in range(20)]
    groups = write_groups(tmp_path / "people.csv", rows)
    report = pack_folder(source, tmp_path / "set", size=8, test_fraction=0.3, groups=groups)
    signs = load_signs(tmp_path / "set")
    assert report.groups == {"train": 7, "test": 3} and report.test == {"a": 6, "b": 6}
    assert not set(signs.train.groups) & set(signs.test.groups)
    for split in (signs.train, signs.test):  # "person 2" comes before "person 10", so group = person
        np.testing.assert_array_equal(split.groups, split.images[:, 0, 0, 1] // 2)


def test_other_files_are_listed_and_left_alone(tmp_path):
    source = make_folder(tmp_path / "photos", {"a": 3, "b": 3})
    for name in ("LICENSE", "a/notes.txt", "a/more/c.png", ".hidden/x.png", "b/.DS_Store"):
        (source / name).parent.mkdir(exist_ok=True)
        (source / name).write_text("mine")
    report = pack_folder(source, tmp_path / "set", size=8)
    assert report.left_alone == ("LICENSE", "a/more", "a/notes.txt")
    assert report.class_names == ("a", "b") and (source / "a/notes.txt").read_text() == "mine"


def test_a_corrupt_photo_stops_or_is_skipped_and_counted(tmp_path):
    source = make_folder(tmp_path / "photos", {"a": 5, "b": 5})
    rows = [f"{name}/{number}.png,{number}" for name in "ab" for number in range(5)]
    groups = write_groups(tmp_path / "people.csv", [*rows, "a/bad.jpg,0"])
    bad = damaged(source / "a" / "bad.jpg")
    message = message_of(pack_folder, source, tmp_path / "set", size=8)
    assert message.startswith(f"{bad} cannot be read as an image: ") and "--skip-bad" in message
    assert not (tmp_path / "set").exists()
    report = pack_folder(source, tmp_path / "set", size=8, groups=groups, skip_bad=True)
    assert len(report.skipped) == 1 and report.skipped[0].startswith(str(bad))
    assert report.train == {"a": 4, "b": 4} and report.test == {"a": 1, "b": 1}
    signs = load_signs(tmp_path / "set")
    np.testing.assert_array_equal(signs.train.groups, signs.train.images[:, 0, 0, 1])


def test_an_older_set_stays_where_packing_fails_and_is_replaced_where_it_succeeds(tmp_path):
    source = make_folder(tmp_path / "photos", {"a": 4, "b": 4})
    pack_folder(source, tmp_path / "set", size=8)
    before = {file.name: file.read_bytes() for file in (tmp_path / "set").iterdir()}
    bad = damaged(source / "b" / "z.jpg")
    message_of(pack_folder, source, tmp_path / "set", size=16)
    assert {file.name: file.read_bytes() for file in (tmp_path / "set").iterdir()} == before
    bad.unlink()
    pack_folder(source, tmp_path / "set", size=16)
    assert load_signs(tmp_path / "set").image_shape == (16, 16, 3)


@pytest.mark.parametrize(
    "keywords, message",
    [
        ({"size": 7}, "The image size is 7; expected at least 8 pixels"),
        ({"test_fraction": 1.0}, "The test fraction is 1.0; expected more than 0 and less than 1"),
        ({"test_fraction": 0}, "The test fraction is 0; expected more than 0 and less than 1"),
        ({"seed": -1}, "The seed is -1; expected 0 to 4294967295"),
    ],
)
def test_arguments_out_of_range_are_refused(tmp_path, keywords, message):
    source = make_folder(tmp_path / "photos", {"a": 3, "b": 3})
    assert message_of(pack_folder, source, tmp_path / "set", **keywords) == message


def test_folders_that_cannot_be_packed_are_refused(tmp_path):
    assert message_of(pack_folder, tmp_path / "no", tmp_path / "set").startswith(f"No such folder: {tmp_path / 'no'};")
    (tmp_path / "flat").mkdir()
    Image.new("RGB", (9, 9)).save(tmp_path / "flat" / "a.png")
    assert message_of(pack_folder, tmp_path / "flat", tmp_path / "set").startswith(
        f"{tmp_path / 'flat'} has no class folders; expected"
    )
    source = make_folder(tmp_path / "photos", {"a": 3})
    (source / "b").mkdir()
    (source / "b" / "notes.txt").write_text("")
    assert message_of(pack_folder, source, tmp_path / "set").startswith(
        f"The class folder {source / 'b'} has no photographs; expected"
    )
    damaged(source / "b" / "x.jpg")
    assert message_of(pack_folder, source, tmp_path / "set", skip_bad=True) == (
        f"No photograph in the class folder {source / 'b'} can be read; expected at least one"
    )


def test_destinations_that_would_do_harm_are_refused(tmp_path):
    source = make_folder(tmp_path / "photos", {"a": 3, "b": 3})
    for destination in (source, source / "set", tmp_path / "photos/../photos/a"):
        assert "lies inside the source" in message_of(pack_folder, source, destination)
    (tmp_path / "file").write_text("mine")
    assert message_of(pack_folder, source, tmp_path / "file").endswith("is a file; expected a folder, existing or new")
    assert sorted(os.listdir(source)) == ["a", "b"]


def test_too_few_photos_or_groups_to_cut_are_refused(tmp_path):
    source = make_folder(tmp_path / "photos", {"a": 1, "b": 1})
    assert message_of(pack_folder, source, tmp_path / "set") == (
        "No test split can be cut from one photograph a class; expected at least two photographs of a class"
    )
    groups = write_groups(tmp_path / "people.csv", ["a/0.png,x", "b/0.png,x"])
    assert message_of(pack_folder, source, tmp_path / "set", groups=groups) == (
        "No test split can be cut from photographs of one group; expected at least two groups"
    )


ROWS = [f"{name}/{number}.png,{number}" for name in "ab" for number in range(4)]


@pytest.mark.parametrize(
    "rows, header, message",
    [
        (ROWS, "photo,person", "has the columns photo, person; expected file and group"),
        ([], "", "has the columns none; expected file and group"),
        (ROWS[:3], "file,group", "has no row for 5 of 8 photographs: a/3.png, b/0.png, b/1.png ...; expected"),
        ([*ROWS, "a/0.png,9"], "file,group", "gives a/0.png two groups, 0 and 9; expected one group for each file"),
        (["a/0.png,", *ROWS[1:]], "file,group", "gives a/0.png no group; expected one group for each file"),
        (["a/0.png", *ROWS[1:]], "file,group", "gives a/0.png no group; expected one group for each file"),
    ],
)
def test_groups_files_that_do_not_fit_are_refused(tmp_path, rows, header, message):
    source = make_folder(tmp_path / "photos", {"a": 4, "b": 4})
    groups = write_groups(tmp_path / "people.csv", rows, header)
    assert message_of(pack_folder, source, tmp_path / "set", size=8, groups=groups).startswith(f"{groups} {message}")
    assert not (tmp_path / "set").exists()


def test_a_groups_file_that_cannot_be_read_is_refused(tmp_path):
    source = make_folder(tmp_path / "photos", {"a": 4, "b": 4})
    absent = tmp_path / "no.csv"
    assert message_of(pack_folder, source, tmp_path / "set", groups=absent) == f"No such groups file: {absent}"
    (tmp_path / "people.csv").write_bytes(b"file,group\n\xff\xfe,1\n")
    message = message_of(pack_folder, source, tmp_path / "set", groups=tmp_path / "people.csv")
    assert message.startswith(f"{tmp_path / 'people.csv'} cannot be read as a CSV file: ")


def test_rows_without_a_photo_are_reported(tmp_path):
    source = make_folder(tmp_path / "photos", {"a": 4, "b": 4})
    groups = write_groups(tmp_path / "people.csv", [*ROWS, "b/10.png,3", "b/9.png,3"], "\ufefffile,group")
    assert pack_folder(source, tmp_path / "set", size=8, groups=groups).extra_rows == ("b/9.png", "b/10.png")


@pytest.mark.skipif(not SIGN_DIGITS.exists(), reason="the photographs of the Sign Language Digits Dataset are not here")
def test_real_photographs_are_split_by_person(tmp_path):
    pack_folder(SIGN_DIGITS, tmp_path, groups=SIGN_DIGITS / "people.csv", test_fraction=0.2, seed=0)
    signs = load_signs(tmp_path)
    with open(SIGN_DIGITS / "people.csv", newline="") as stream:
        rows = [(row["file"], row["group"]) for row in csv.DictReader(stream)]
    # From the pixels back to the file and its person, past everything that packing keeps track of.
    origin = {read_photo(SIGN_DIGITS / file, 64).tobytes(): (file, person) for file, person in rows}
    people, files = [], []
    for split in (signs.train, signs.test):
        found = [origin[image.tobytes()] for image in split.images]
        assert [file.split("/")[0] for file, _ in found] == [signs.class_names[label] for label in split.labels]
        people.append({person for _, person in found})
        files += [file for file, _ in found]
    assert not people[0] & people[1] and len(people[0] | people[1]) == 176
    assert sorted(files) == sorted(file for file, _ in rows) and len(files) == 1642
    share = np.bincount(signs.test.labels) / np.bincount(np.r_[signs.train.labels, signs.test.labels])
    np.testing.assert_allclose(share, 0.2, atol=0.003)  # half an image of 164
