"""What `check` reports, against sets whose contents are known."""

import json
import time

import numpy as np
import pytest
from PIL import Image

from keras_resnet.data import load
from keras_resnet.data.audit import check
from keras_resnet.data.signs import Split, load_signs, write_signs
from keras_resnet.errors import DataError


def images(count, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, 8, 8, 3), dtype=np.uint8)


def test_counts_and_statistics_are_those_of_the_arrays(tmp_path):
    train, test = images(100, 1), images(9, 2)
    labels = np.arange(100) % 3
    write_signs(tmp_path, Split(train, labels), Split(test, np.arange(9) % 3), ("fist", "palm", "10"))
    report = check(tmp_path)
    assert report["classes"] == ["fist", "palm", "10"]
    assert report["fingerprint"] == load_signs(tmp_path).fingerprint()
    assert report["train"]["images"] == 100 and report["train"]["shape"] == [8, 8, 3]
    assert report["train"]["per_class"] == {"fist": 34, "palm": 33, "10": 33}
    assert report["test"]["per_class"] == {"fist": 3, "palm": 3, "10": 3}
    for name, array in (("train", train), ("test", test)):
        pixels = report[name]["pixels"]
        assert (pixels["min"], pixels["max"]) == (array.min(), array.max())
        assert pixels["mean"] == pytest.approx(array.mean(dtype=np.float64), rel=1e-12)
        assert pixels["std"] == pytest.approx(array.std(dtype=np.float64), rel=1e-12)
    assert report["groups"] is None and report["warnings"] == []
    assert json.loads(json.dumps(report)) == report


def test_exact_duplicates_are_counted_inside_and_across_the_splits(tmp_path):
    train, test = images(10, 1), images(6, 2)
    train[[4, 7]] = train[1]
    test[5] = test[0]
    test[[2, 3]] = train[[9, 1]]
    train[8] = train[6]
    train[8, 0, 0, 0] ^= 1  # nearly equal is not equal
    write_signs(tmp_path, Split(train, np.arange(10) % 2), Split(test, np.arange(6) % 2), ("a", "b"))
    report = check(tmp_path)
    assert report["duplicates"] == {
        "train": 2,
        "test": 1,
        "across": 2,
        "examples": {"train": [[1, 4], [1, 7]], "test": [[0, 5]], "across": [[9, 2], [1, 3]]},
    }
    assert report["warnings"] == ["Test images that are training images too: 2; test accuracy flatters."]


def test_few_examples_of_many_duplicates(tmp_path):
    same = np.repeat(images(1), 20, axis=0)
    write_signs(tmp_path, Split(same, np.arange(20) % 2), Split(images(4, 2), np.arange(4) % 2), ("a", "b"))
    duplicates = check(tmp_path)["duplicates"]
    assert duplicates["train"] == 19
    assert duplicates["examples"]["train"] == [[0, 1], [0, 2], [0, 3], [0, 4], [0, 5]]


def test_doubtful_sets_are_warned_of(tmp_path):
    train = Split(images(4, 1), np.array([0, 0, 1, 1]), np.array([0, 1, 2, 3]))
    test = Split(images(2, 2) // 255, np.array([0, 0]), np.array([3, 4]))
    write_signs(tmp_path, train, test, ("a", "b", "c"))
    report = check(tmp_path)
    assert report["groups"] == {"train": 4, "test": 2, "across": 1}
    assert report["warnings"] == [
        "The train split has no images of c.",
        "The test split has no images of b, c.",
        "The test images have no value above 1: they were scaled before they were cut to uint8.",
        "Groups with photos in both splits: 1; test accuracy flatters.",
    ]


def test_the_errors_are_those_of_reading(tmp_path):
    with pytest.raises(DataError, match="^No train_signs.h5 in the folder"):
        check(tmp_path)


def photographs(folder, arrays):
    """Class folders of PNG files; arrays: class name -> images."""
    for name, pictures in arrays.items():
        (folder / name).mkdir(parents=True)
        for number, picture in enumerate(pictures):
            Image.fromarray(picture).resize((64, 64), Image.Resampling.NEAREST).save(folder / name / f"{number}.png")
    return folder


def test_one_side_of_a_set_is_checked_as_a_file_or_in_its_folder(tmp_path):
    train, test = images(6, 1), images(4, 2)
    write_signs(tmp_path, Split(train, np.arange(6) % 2), Split(test, np.arange(4) % 2), ("a", "b"))
    for part, array in (("train", train), ("test", test)):
        report = check(tmp_path / f"{part}_signs.h5")
        assert report[part]["per_class"] == {"a": len(array) // 2, "b": len(array) // 2}
        assert report[part]["pixels"]["mean"] == pytest.approx(array.mean(dtype=np.float64), rel=1e-12)
        other = {"train": "test", "test": "training"}[part]
        assert report["warnings"] == [f"There are no {other} images here: to train and evaluate takes the files of both."]
        assert {"train", "test"} & report.keys() == {part} and report["groups"] is None
    (tmp_path / "train_signs.h5").unlink()
    assert check(tmp_path)["test"]["images"] == 4
    (tmp_path / "other.h5").write_bytes((tmp_path / "test_signs.h5").read_bytes())
    assert check(tmp_path / "other.h5")["test"]["images"] == 4


def test_class_folders_are_checked(tmp_path):
    one, other = images(3, 1), images(4, 2)
    folder = photographs(tmp_path / "photos", {"a": one, "b": np.concatenate([other, one[1:2]])})
    report = check(folder)
    assert report["photographs"] and report["all"]["per_class"] == {"a": 3, "b": 5} and report["all"]["shape"] == [64, 64, 3]
    assert report["all"]["pixels"]["mean"] == pytest.approx(np.concatenate([one, other, one[1:2]]).mean(), abs=0.01)
    assert report["duplicates"] == {"all": 1, "examples": {"all": [[1, 7]]}} and report["warnings"] == []


def test_folders_of_parts_are_checked_with_what_they_share(tmp_path):
    train, test, validation = images(6, 1), images(4, 2), images(4, 3)
    validation[2] = train[0]
    for part, array in (("train", train), ("test", test), ("val", validation)):
        photographs(tmp_path / part, {"a": array[: len(array) // 2], "b": array[len(array) // 2 :]})
    report = check(tmp_path)
    assert [report[part]["images"] for part in ("train", "test", "validation")] == [6, 4, 4]
    assert report["fingerprint"] == load(tmp_path).fingerprint()
    assert (report["duplicates"]["across"], report["duplicates"]["across_validation"]) == (0, 1)
    assert report["duplicates"]["examples"]["across_validation"] == [[0, 2]]
    assert report["warnings"] == ["Validation images that are training images too: 1; validation accuracy flatters."]


def test_images_of_one_value_are_warned_of(tmp_path):
    train = images(8, 1)
    train[[2, 5]] = 0
    write_signs(tmp_path, Split(train, np.arange(8) % 2), Split(images(4, 2), np.arange(4) % 2), ("a", "b"))
    expected = "The train split has images of one value throughout, as where pixels are missing: 2, 5."
    assert check(tmp_path)["warnings"] == [expected]


def test_twenty_thousand_class_names_take_no_time_and_little_room(tmp_path):
    names = [f"name {number}" for number in range(20_000)]
    train = Split(np.zeros((20_000, 1, 1, 3), np.uint8), np.arange(20_000))
    began = time.process_time()
    write_signs(tmp_path, train, Split(images(10)[:, :1, :1], np.arange(10)), names)
    report = check(tmp_path)
    assert time.process_time() - began < 4  # 20,000 searches of 20,000 names took eight seconds
    assert report["warnings"][-1].endswith("name 21 ... (19,990 in all).")
