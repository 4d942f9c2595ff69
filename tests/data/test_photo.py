"""One photograph as the networks see it: what becomes of each kind of file, and each refusal."""

import numpy as np
import pytest
from PIL import Image

from keras_resnet.data.photo import read_photo
from keras_resnet.errors import DataError


def picture(height=40, width=40):
    """An image without symmetry, smooth enough for lossy formats."""
    rows, columns = np.mgrid[0:height, 0:width]
    channels = rows * 255 // height, columns * 255 // width, (rows + columns) * 80 // height
    return np.stack(channels, -1).astype(np.uint8)


def save(path, array, mode=None, **keywords):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(array)
    (image if mode is None else image.convert(mode)).save(path, **keywords)
    return path


def message_of(function, *arguments, **keywords):
    with pytest.raises(DataError) as caught:
        function(*arguments, **keywords)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "name, keywords, tolerance",
    [
        ("a.png", {}, 0), ("a.BMP", {}, 0), ("a.ppm", {}, 0), ("a.tga", {}, 0), ("a.TIFF", {}, 0),
        ("a.tif", {"compression": "tiff_lzw"}, 0), ("a.webp", {"lossless": True}, 0),
        ("a.JPG", {"quality": 95}, 6), ("a.jpeg", {"quality": 95}, 6),
    ],
)  # fmt: skip
def test_common_formats_keep_their_pixels(tmp_path, name, keywords, tolerance):
    expected = picture()
    read = read_photo(save(tmp_path / name, expected, **keywords), 40)
    assert read.dtype == np.uint8
    assert np.abs(read.astype(int) - expected).max() <= tolerance


@pytest.mark.parametrize("width, height", [(200, 100), (100, 200)])
def test_the_central_square_is_cut_out_and_not_squashed(tmp_path, width, height):
    array = np.zeros((height, width, 3), np.uint8)
    top, left = (height - 100) // 2, (width - 100) // 2
    array[top : top + 100, left : left + 100] = picture(100, 100)
    np.testing.assert_array_equal(read_photo(save(tmp_path / "a.png", array), 100), picture(100, 100))


def test_reduction_averages_the_pixels_that_it_drops(tmp_path):
    checks = (np.indices((640, 640)).sum(0) % 2 * 255).astype(np.uint8)
    read = read_photo(save(tmp_path / "a.png", np.stack([checks] * 3, -1)), 64)
    assert np.abs(read.astype(int) - 127).max() <= 2


def test_a_large_jpeg_agrees_with_the_mean_of_its_pixels(tmp_path):
    array = picture(1600, 1600)
    read = read_photo(save(tmp_path / "a.jpg", array, quality=95), 16)
    means = array.reshape(16, 100, 16, 100, 3).mean((1, 3))
    assert np.abs(read[1:-1, 1:-1] - means[1:-1, 1:-1]).max() < 3


@pytest.mark.parametrize("ending", ["png", "jpg", "webp", "tiff"])
@pytest.mark.parametrize(
    "orientation, store",  # how an upright image is stored under each value of the EXIF tag 0x0112
    [
        (1, lambda upright: upright),
        (2, lambda upright: upright[:, ::-1]),
        (3, lambda upright: upright[::-1, ::-1]),
        (4, lambda upright: upright[::-1]),
        (5, lambda upright: upright.transpose(1, 0, 2)),
        (6, lambda upright: np.rot90(upright, 1)),
        (7, lambda upright: upright[::-1, ::-1].transpose(1, 0, 2)),
        (8, lambda upright: np.rot90(upright, -1)),
    ],
)
def test_exif_orientation_is_undone(tmp_path, orientation, store, ending):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(tmp_path / f"a.{ending}", np.ascontiguousarray(store(picture())), exif=exif, quality=95)
    assert np.abs(read_photo(path, 40).astype(int) - picture()).max() < 16  # lossy; a wrong turn is off by 100 and more


def test_greyscale_and_palette_become_rgb(tmp_path):
    grey = picture()[..., 0]
    np.testing.assert_array_equal(read_photo(save(tmp_path / "a.png", grey), 40), np.stack([grey] * 3, -1))
    bits = (picture()[..., 0] > 99).astype(np.uint8) * 255
    np.testing.assert_array_equal(read_photo(save(tmp_path / "b.png", bits, "1"), 40), np.stack([bits] * 3, -1))
    few = np.zeros((40, 40, 3), np.uint8)
    few[10:, 5:] = (250, 20, 90)
    for name in ("c.gif", "c.png"):
        Image.fromarray(few).quantize(2).save(tmp_path / name)
        assert Image.open(tmp_path / name).mode == "P"
        np.testing.assert_array_equal(read_photo(tmp_path / name, 40), few)


def test_transparency_is_laid_on_white(tmp_path):
    array = np.zeros((8, 8, 4), np.uint8)
    array[:] = (255, 0, 0, 51)  # a fifth of red on white: 255, 204, 204
    assert read_photo(save(tmp_path / "a.png", array), 8)[4, 4].tolist() == [255, 204, 204]
    array = np.zeros((8, 8, 2), np.uint8)
    array[:] = (0, 51)
    assert read_photo(save(tmp_path / "b.png", array), 8)[4, 4].tolist() == [204, 204, 204]
    palette = Image.new("P", (8, 8), 1)
    palette.putpalette([9, 9, 9, 40, 50, 60])
    palette.save(tmp_path / "c.gif", transparency=1)
    assert read_photo(tmp_path / "c.gif", 8)[4, 4].tolist() == [255, 255, 255]


@pytest.mark.parametrize("name", ["a.jpg", "a.tiff"])
def test_cmyk_becomes_rgb(tmp_path, name):
    Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(tmp_path / name)
    assert np.abs(read_photo(tmp_path / name, 16).astype(int) - [255, 0, 0]).max() <= 3


@pytest.mark.parametrize("name", ["a.png", "a.tiff", "a.pgm"])
def test_greyscale_of_16_bits_is_scaled_not_cut(tmp_path, name):
    values = np.repeat([0, 257, 128 * 257, 65535], 4).astype(np.uint16).reshape(4, 4).repeat(4, 0).repeat(4, 1)
    read = read_photo(save(tmp_path / name, values), 16)
    assert read[[1, 5, 9, 13], 0].tolist() == [[0] * 3, [1] * 3, [128] * 3, [255] * 3]


def test_pixels_of_32_bits_are_refused(tmp_path):
    path = save(tmp_path / "a.tiff", np.full((9, 9), 0.5, np.float32))
    assert message_of(read_photo, path, 8) == (f"{path}: floating-point pixels have no known range; expected 8 or 16 bits")
    path = save(tmp_path / "b.tiff", np.full((9, 9), 70_000, np.int32))
    assert message_of(read_photo, path, 8) == (f"{path}: pixels from 70000 to 70000; expected 8 or 16 bits, 0 to 65535")


def damaged(path, kind):
    whole = save(path.with_name("whole.jpg"), picture(300, 300)).read_bytes()
    contents = {"truncated": whole[: len(whole) // 2], "text": b"hello", "empty": b"", "html": b"<html></html>"}
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(contents[kind])
    path.with_name("whole.jpg").unlink()
    return path


@pytest.mark.parametrize(
    "kind, fault",
    [
        ("truncated", "image file is truncated"),
        ("text", "not of a format that Pillow reads"),
        ("empty", "not of a format that Pillow reads"),
    ],
)
def test_a_damaged_photo_is_refused_by_name(tmp_path, kind, fault):
    path = damaged(tmp_path / "a.jpg", kind)
    assert message_of(read_photo, path, 8).startswith(f"{path} cannot be read as an image: {fault}")


def test_a_damaged_png_is_refused_by_name(tmp_path):
    path = save(tmp_path / "a.png", picture())
    contents = bytearray(path.read_bytes())
    contents[60:90] = bytes(30)
    path.write_bytes(contents)
    assert message_of(read_photo, path, 8).startswith(f"{path} cannot be read as an image: ")


def test_a_decompression_bomb_is_refused_by_name(tmp_path, monkeypatch):
    path = save(tmp_path / "a.png", picture())  # 1,600 pixels
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)  # Pillow warns above this and raises above twice this
    assert read_photo(path, 8).shape == (8, 8, 3)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 700)
    assert message_of(read_photo, path, 8).startswith(f"{path} is too large to be decoded safely: ")


def test_a_missing_photo_is_refused_by_name(tmp_path):
    assert message_of(read_photo, tmp_path / "a.jpg", 8) == f"No such file: {tmp_path / 'a.jpg'}"
