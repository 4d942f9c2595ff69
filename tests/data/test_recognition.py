import io

import numpy as np
import pytest
from conftest import tiny_split
from PIL import Image

from keras_resnet.data import recognition
from keras_resnet.data.photo import resize
from keras_resnet.errors import DataError


def pictures(count, seed, size=64):
    """Smooth pictures, as photographs are: uint8 `(count, size, size, 3)`."""
    coarse = np.random.default_rng(seed).integers(0, 256, (count, 6, 6, 3)).astype("uint8")
    return np.stack([np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BICUBIC)) for image in coarse])


def known(train, validation=(), test=()):
    parts = {"earlier": (), "train": train, "validation": validation, "test": test}
    return {name: recognition.marks(images) for name, images in parts.items()}


def test_images_are_recognised_by_their_pixels_and_a_test_image_stays_one():
    images = pictures(12, seed=1)
    run = known(images[:6], images[6:8], images[7:10])
    found = recognition.recognize(recognition.marks(images[::-1].copy()), run)
    assert found.tolist() == ["", "", *["test"] * 3, "validation", *["train"] * 6]
    images[0, 3, 3, 1] ^= 1  # one value of one pixel
    assert recognition.recognize(recognition.marks(images[:1]), run).tolist() == [""]


def test_equal_bytes_in_another_shape_are_another_image():
    wide = np.arange(96, dtype=np.uint8).reshape(4, 8, 3)
    assert (recognition.mark(wide)[: recognition.HASH] != recognition.mark(wide.reshape(8, 4, 3))[: recognition.HASH]).any()


def jpeg(image, quality):
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "JPEG", quality=quality)
    return np.asarray(Image.open(stream))


@pytest.mark.parametrize(
    "change",
    [
        lambda images: resize(images, 32),
        lambda images: resize(images, 100),
        lambda images: np.stack([jpeg(image, 60) for image in images]),
        lambda images: np.clip(images + np.random.default_rng(0).integers(-3, 4, images.shape), 0, 255).astype("uint8"),
    ],
    ids=["smaller", "larger", "compressed", "noisy"],
)
def test_the_same_picture_looks_alike_and_others_do_not(change, monkeypatch):
    monkeypatch.setattr(recognition, "_AT_ONCE", 70)
    images, others = pictures(300, seed=1), pictures(300, seed=2)
    given = recognition.marks(np.concatenate([change(images[:20]), change(others)]))
    alike = recognition.alike(given, recognition.marks(images))
    assert alike[:20].all() and not alike[20:].any()
    # By the definition: the root mean square of the differences of mean colours.
    ours, theirs = (rows[:, recognition.HASH :].astype(float) for rows in (given, recognition.marks(images)))
    distance = np.sqrt(((ours[:, None] - theirs) ** 2).mean(axis=2)).min(axis=1)
    np.testing.assert_array_equal(alike, distance <= recognition.ALIKE)


def test_images_of_one_kind_with_other_noise_are_not_the_same():
    assert not recognition.alike(recognition.marks(tiny_split(60, 1).images), recognition.marks(tiny_split(90, 2).images)).any()


def test_nothing_is_like_nothing():
    none = recognition.marks(np.empty((0, 8, 8, 3), np.uint8))
    assert none.shape == (0, recognition.LENGTH)
    some = recognition.marks(pictures(2, seed=1))
    assert recognition.alike(some, none).tolist() == [False, False] and recognition.alike(none, some).tolist() == []
    assert recognition.recognize(some, known([], [], [])).tolist() == ["", ""]


def test_what_is_saved_comes_back(tmp_path):
    run = known(pictures(5, seed=1), [], pictures(2, seed=2))
    recognition.save(tmp_path / "images.npz", run)
    back = recognition.load(tmp_path / "images.npz")
    for part, rows in run.items():
        np.testing.assert_array_equal(back[part], rows)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it is an empty file, expected NumPy's archive of arrays"),
        (b"<html>no such page</html>", "it is an HTML page"),
        (b"PK\x03\x04" + bytes(40), "damaged: "),
    ],
)
def test_a_damaged_file_is_one_line(tmp_path, content, message):
    (tmp_path / "images.npz").write_bytes(content)
    with pytest.raises(DataError, match="images.npz is damaged: ") as caught:
        recognition.load(tmp_path / "images.npz")
    assert message in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("part", [np.zeros((3, 5), np.uint8), np.zeros((3, recognition.LENGTH)), np.zeros(())])
def test_arrays_that_are_no_marks_are_named(tmp_path, part):
    parts = {name: np.zeros((2, recognition.LENGTH), np.uint8) for name in recognition.PARTS}
    np.savez(tmp_path / "images.npz", **{**parts, "validation": part})
    with pytest.raises(DataError, match="images.npz is damaged: validation is .*; expected uint8"):
        recognition.load(tmp_path / "images.npz")
    del parts["test"]
    np.savez(tmp_path / "images.npz", **parts)
    with pytest.raises(DataError, match="images.npz is damaged: it has no array test$"):
        recognition.load(tmp_path / "images.npz")
