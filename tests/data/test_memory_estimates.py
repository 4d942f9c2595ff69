"""What would not fit into memory is refused before it is asked for, and what fits is said."""

import os
import re

import numpy as np
import pytest
from PIL import Image

from keras_resnet.cli.main import main
from keras_resnet.data import Split, load, memory, pack_folder, stored, write_signs
from keras_resnet.data.memory import check_images, free_memory
from keras_resnet.data.stored import Hdf5Images, ResizedImages
from keras_resnet.errors import DataError
from keras_resnet.train.config import Options
from keras_resnet.train.images import read


@pytest.fixture
def photos(tmp_path):
    for name in "ab":
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(3):
            Image.new("RGB", (40, 40), (number, 9, 9)).save(tmp_path / "photos" / name / f"{number}.png")
    return tmp_path / "photos"


@pytest.fixture
def signs(tmp_path):
    part = Split(np.zeros((6, 16, 16, 3), np.uint8), np.arange(6) % 2)
    write_signs(tmp_path / "set", part, part, ("a", "b"))
    return tmp_path / "set"


def message_of(call, *arguments, **keywords):
    with pytest.raises(DataError) as caught:
        call(*arguments, **keywords)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_free_memory_is_some_of_the_machines():
    assert 0 < free_memory() <= os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def test_the_limit_of_a_container_counts(tmp_path, monkeypatch):
    (tmp_path / "memory.max").write_text("123456\n")
    monkeypatch.setattr(memory, "_LIMITS", (tmp_path / "memory.max", tmp_path / "absent"))
    assert free_memory() == 123456
    (tmp_path / "memory.max").write_text("max\n")
    assert free_memory() > 123456


@pytest.mark.parametrize("size", [1000, (500, 2000)])
def test_what_is_said_to_fit_fits_and_hardly_more_would(monkeypatch, size):
    monkeypatch.setattr(memory, "free_memory", lambda: 2_000_000)
    message = message_of(check_images, 10, size, "photos", copies=2)
    height, width = re.search(r"expected at most ([\d,]+) x ([\d,]+)$", message).groups()
    fits = int(height.replace(",", "")), int(width.replace(",", ""))
    check_images(10, fits, "photos", copies=2)
    message_of(check_images, 10, (fits[0] + 5, fits[1] + 5), "photos", copies=2)
    assert message.startswith("photos: 10 images of ") and "would take 0.1 GB of memory, and 0.0 GB are free" in message


def test_what_cannot_be_is_refused_at_once(photos, signs):
    size = 1_000_000
    for call, arguments, keywords in (
        (pack_folder, (photos, photos.parent / "packed"), {}),
        (load, (photos,), {"test_fraction": 0.5}),
        (load, (photos,), {"test_fraction": 0.5, "stream": False}),
        (load, (signs,), {}),
        (load, (signs,), {"stream": True}),
    ):
        message = message_of(call, *arguments, size=size, **keywords)
        assert re.search(r"1,000,000 x 1,000,000 pixels would take [\d,.]+ GB of memory, and [\d,.]+ GB are free; ", message)
    message = message_of(read, signs, Options(size=size))
    assert "12 images of 1,000,000 x 1,000,000 pixels would take 72,000.0 GB" in message


def test_the_command_line_says_it_in_one_line(capsys, photos, tmp_path):
    assert main(["data", "pack", str(photos), str(tmp_path / "packed"), "--size", "1000000"]) == 1
    err = capsys.readouterr().err
    assert err.startswith(f"keras-resnet: {photos}: 6 images of 1,000,000 x 1,000,000 pixels would take 36,000.0 GB of memory")
    assert err.count("\n") == 1 and not (tmp_path / "packed").exists()


def test_unknown_memory_refuses_nothing(monkeypatch):
    monkeypatch.setattr(memory, "free_memory", lambda: None)
    check_images(10, 10_000_000, "photos")


def test_of_images_that_get_larger_fewer_are_resized_at_once(signs, monkeypatch):
    monkeypatch.setattr(stored, "BLOCK", 6 * 768)
    source = Hdf5Images(signs / "train_signs.h5", "train_set_x", (6, 16, 16, 3))
    assert [ResizedImages(source, size).block for size in (8, 16, 32, 64)] == [6, 6, 1, 1]
    assert ResizedImages(source, 32).read(0, 1).shape == (1, 32, 32, 3)
