"""Class folders of photographs as an image set, without packing."""

import csv

import numpy as np
import pytest
from PIL import Image

from keras_resnet.data import load, load_folder, load_signs, pack_folder
from keras_resnet.data.stored import StoredImages
from keras_resnet.errors import DataError


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


def test_what_does_not_fit_is_one_line(tmp_path):
    folder = photographs(tmp_path / "photos", count=2)
    assert message_of(load, folder).endswith("expected --test-fraction (test_fraction=), the share to test on")
    photographs(tmp_path / "parted" / "train"), photographs(tmp_path / "parted" / "test", names=("a", "c"))
    message = message_of(load, tmp_path / "parted")
    assert message.endswith("has the class folders a, b in train and a, c in test; expected the same")
    message = message_of(load, tmp_path / "parted", test_fraction=0.2)
    assert message.endswith("has the folders train and test; expected no test fraction and no groups beside them")
    pack_folder(folder, tmp_path / "set", size=8)
    message = message_of(load, tmp_path / "set", test_fraction=0.2)
    assert message == "test_fraction: expected none, a SIGNS set has its test images already, received 0.2"
    (tmp_path / "empty").mkdir()
    message = message_of(load, tmp_path / "empty")
    assert message.startswith(f"No train_signs.h5 in the folder {tmp_path / 'empty'}; an image set")
