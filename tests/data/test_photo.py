"""One photograph as the networks see it: what becomes of each kind of file, and each refusal."""

import os
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from PIL import Image

from keras_resnet.data import photo
from keras_resnet.data.listing import is_photo
from keras_resnet.data.photo import read_photo, read_whole_photo
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


def save_pgm(path, values, white):
    """By hand: Pillow below 11 writes none of 16 bits."""
    height, width = values.shape
    path.write_bytes(f"P5\n{width} {height}\n{white}\n".encode() + values.astype(">u2").tobytes())
    return path


def save_deep(path, values):
    return save_pgm(path, values, 65535) if path.suffix == ".pgm" else save(path, values)


@pytest.mark.parametrize("name", ["a.png", "a.tiff", "a.pgm"])
def test_greyscale_of_16_bits_is_scaled_not_cut(tmp_path, name):
    values = np.repeat([0, 257, 128 * 257, 65535], 4).astype(np.uint16).reshape(4, 4).repeat(4, 0).repeat(4, 1)
    read = read_photo(save_deep(tmp_path / name, values), 16)
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
        ("text", "it is not a format known here; expected JPEG, PNG or the like"),
        ("empty", "it is an empty file; expected JPEG, PNG or the like"),
        ("html", "it is an HTML page"),
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


def write_png(path, values, color_type):
    """A PNG of 16 bits, which Pillow writes for greyscale alone; values: integers `(H, W, channels)`."""
    height, width, _ = values.shape
    lines = b"".join(b"\0" + line.astype(">u2").tobytes() for line in values)
    chunks = (
        b"IHDR" + struct.pack(">IIBBBBB", width, height, 16, color_type, 0, 0, 0),
        b"IDAT" + zlib.compress(lines),
        b"IEND",
    )
    body = b"".join(struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) for chunk in chunks)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    return path


def write_tiff(path, pixels, shape, bits, sample_format=1, channels=1):
    """An uncompressed little-endian TIFF; pixels: its bytes. Layout: TIFF 6.0, section 2."""
    height, width = shape
    tags = {256: width, 257: height, 258: bits, 259: 1, 262: 1 if channels == 1 else 2, 273: 8, 277: channels, 278: height}
    tags |= {279: len(pixels), 339: sample_format}
    directory = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", tag, 4, 1, tags[tag]) for tag in sorted(tags))
    path.write_bytes(b"II*\0" + struct.pack("<I", 8 + len(pixels)) + pixels + directory + bytes(4))
    return path


def ramp(white):
    """Values 0 to ``white`` in 16 columns, and what they are in 8 bits, both `(16, 16)`."""
    values = np.tile(np.linspace(0, white, 16).round(), (16, 1))
    return values.astype(np.int64), np.rint(values * 255 / white).astype(int)


def grey(path):
    """The one channel that a photograph of 16 x 16 was read as."""
    read = read_photo(path, 16)
    assert (read == read[..., :1]).all()
    return read[..., 0].astype(int)


def test_integers_of_32_bits_have_the_range_that_their_values_show(tmp_path):
    for white in (255, 65535):
        values, expected = ramp(white)
        np.testing.assert_array_equal(grey(save(tmp_path / f"{white}.tiff", values.astype(np.int32))), expected)
    unsigned = ramp(255)[0].astype("<u4").tobytes()
    np.testing.assert_array_equal(grey(write_tiff(tmp_path / "u.tif", unsigned, (16, 16), 32)), ramp(255)[1])


def test_a_range_that_the_file_declares_is_taken(tmp_path):
    values, expected = ramp(4095)
    assert np.abs(grey(save_pgm(tmp_path / "a.pgm", values, 4095)) - expected).max() <= 1  # Pillow rounds to 16 bits in between
    pairs = values.reshape(-1, 2)
    packed = np.stack([pairs[:, 0] >> 4, (pairs[:, 0] & 15) << 4 | pairs[:, 1] >> 8, pairs[:, 1] & 255], 1).astype(np.uint8)
    np.testing.assert_array_equal(grey(write_tiff(tmp_path / "b.tif", packed.tobytes(), (16, 16), 12)), expected)


@pytest.mark.parametrize("white", [255, 1023, 4095, 16383])
@pytest.mark.parametrize("ending", ["png", "tiff"])
def test_few_bits_in_16_are_refused(tmp_path, white, ending):
    path = save(tmp_path / f"a.{ending}", ramp(white)[0].astype(np.uint16))
    message = message_of(read_photo, path, 16)
    assert message.startswith(
        f"{path}: pixels from 0 to {white} in 16 bits or more, which of 255, 1023, 4095, 16383, 32767 and"
    )
    assert message.endswith("is white is not known; expected 8 bits, or values that reach up to 65535")


def test_few_bits_in_32_and_signed_16_are_refused(tmp_path):
    path = save(tmp_path / "a.tiff", ramp(4095)[0].astype(np.int32))
    assert "pixels from 0 to 4095 in 16 bits or more" in message_of(read_photo, path, 16)
    path = write_tiff(tmp_path / "b.tif", ramp(32767)[0].astype("<i2").tobytes(), (16, 16), 16, sample_format=2)
    assert "pixels from 0 to 32767 in 16 bits or more" in message_of(read_photo, path, 16)
    path = write_tiff(tmp_path / "c.tif", (ramp(255)[0] - 9).astype("<i2").tobytes(), (16, 16), 16, sample_format=2)
    assert "pixels from -9 to 246; expected 8 or 16 bits" in message_of(read_photo, path, 16)


@pytest.mark.parametrize("color_type, channels", [(2, 3), (4, 2), (6, 4)])  # RGB, greyscale and RGB with transparency
def test_few_bits_in_16_are_refused_in_color_too(tmp_path, color_type, channels):
    values, expected = ramp(65535)
    pixels = np.stack([values] * channels, -1)
    if channels != 3:
        pixels[..., -1] = 65535
    read = read_photo(write_png(tmp_path / "a.png", pixels, color_type), 16)
    assert np.abs(read.astype(int) - expected[..., None]).max() <= 1  # Pillow keeps the higher eight bits
    few = pixels >> 4
    for alpha in (4095, 65535):
        if channels != 3:
            few[..., -1] = alpha
        path = write_png(tmp_path / "b.png", few, color_type)
        assert message_of(read_photo, path, 16).startswith(f"{path}: pixels below 16384 in 16 bits or more, which of 255")


def test_few_bits_in_16_are_refused_in_a_tiff_of_colors(tmp_path):
    values, expected = ramp(65535)
    pixels = np.stack([values] * 3, -1).astype("<u2")
    read = read_photo(write_tiff(tmp_path / "a.tif", pixels.tobytes(), (16, 16), 16, channels=3), 16)
    assert np.abs(read.astype(int) - expected[..., None]).max() <= 1
    path = write_tiff(tmp_path / "b.tif", (pixels >> 4).tobytes(), (16, 16), 16, channels=3)
    assert "pixels below 16384 in 16 bits or more" in message_of(read_photo, path, 16)


def test_black_is_black_in_any_depth(tmp_path):
    for number, dtype in enumerate((np.uint16, np.int32)):
        assert not grey(save(tmp_path / f"{number}.tiff", np.zeros((16, 16), dtype))).any()


@pytest.mark.parametrize("size, crop", [((40, 80), np.s_[30:70, :]), ((100, 50), np.s_[:, 15:65]), ((100, 80), np.s_[:, :])])
def test_the_middle_of_another_shape_is_cut_out(tmp_path, size, crop):
    array = np.random.default_rng(0).integers(0, 256, (100, 80, 3), np.uint8)
    np.testing.assert_array_equal(read_photo(save(tmp_path / "a.png", array), size), array[crop])


def test_another_shape_is_not_squashed(tmp_path):
    array = picture(100, 80)
    read = read_photo(save(tmp_path / "a.png", array), (10, 20))  # four by four pixels of the rows 30 to 69
    means = array[30:70].reshape(10, 4, 20, 4, 3).mean((1, 3))
    assert np.abs(read - means)[1:-1, 1:-1].max() < 3


KINDS = {
    "rgb": lambda array: Image.fromarray(array),
    "grey": lambda array: Image.fromarray(array[..., 0]),
    "palette": lambda array: Image.fromarray(array).quantize(256),
    "transparent": lambda array: Image.merge("RGBA", [*Image.fromarray(array).split(), Image.fromarray(array[..., 0])]),
    "16 bits": lambda array: Image.fromarray(array[..., 0].astype(np.uint16) * 257),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("orientation", [1, 6])
def test_large_photographs_are_read_in_reduced_form(tmp_path, monkeypatch, kind, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    KINDS[kind](picture(1200, 900)).save(tmp_path / "a.png", exif=exif)
    expected, largest = read_photo(tmp_path / "a.png", (30, 20)), []
    monkeypatch.setattr(photo, "_LARGE", 1 << 16)
    monkeypatch.setattr(photo, "_BAND", 1 << 14)
    cut = photo._cut
    monkeypatch.setattr(photo, "_cut", lambda image, *shape: largest.append(image.size) or cut(image, *shape))
    read = read_photo(tmp_path / "a.png", (30, 20))
    assert largest == [(60, 80) if orientation == 1 else (80, 60)]  # by 15, the most that leaves 60 pixels
    assert np.abs(read.astype(int) - expected).max() <= 8
    np.testing.assert_array_equal(read_whole_photo(tmp_path / "a.png").shape[:2], (1200, 900)[:: 1 if orientation == 1 else -1])


def test_a_large_photograph_of_16_bits_takes_little_memory_beside_its_own(tmp_path, monkeypatch):
    path = save(tmp_path / "a.png", np.full((3000, 3000), 40000, np.uint16))
    monkeypatch.setattr(photo, "_LARGE", 1 << 20)
    tracemalloc.start()
    read = read_photo(path, 8)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (read == round(40000 / 257)).all() and peak < 80e6  # 9 million pixels at once took 16 bytes each


def test_other_formats_than_photographs_are_not_opened(tmp_path):
    Image.new("RGB", (9, 9)).save(tmp_path / "page.eps")
    (tmp_path / "page.eps").rename(tmp_path / "a.jpg")
    assert message_of(read_photo, tmp_path / "a.jpg", 8) == (
        f"{tmp_path / 'a.jpg'} cannot be read as an image: it is a PostScript document; expected JPEG, PNG or the like"
    )
    for format in ("ICO", "PCX", "SGI"):
        Image.new("RGB", (16, 16)).save(tmp_path / "b.png", format=format)
        assert "it is not a format known here" in message_of(read_photo, tmp_path / "b.png", 8)


@pytest.mark.parametrize("read", [lambda path: read_photo(path, 8), read_whole_photo])
def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path, read):
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "link.jpg").symlink_to("pipe.jpg")
    for name, kind in {"pipe.jpg": "a named pipe", "folder.jpg": "a folder", "link.jpg": "a named pipe"}.items():
        assert message_of(read, tmp_path / name) == f"{tmp_path / name} is {kind}; expected a photograph"
    assert message_of(read, "/dev/zero") == "/dev/zero is a device; expected a photograph"


HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"


def test_heic_names_what_reads_it_whatever_it_is_called(tmp_path, monkeypatch):
    monkeypatch.setattr(photo, "_formats", lambda: ("JPEG", "PNG"))
    for name in ("a.heic", "a.jpg"):
        (tmp_path / name).write_bytes(HEIC)
        assert message_of(read_photo, tmp_path / name, 8) == (
            f"{tmp_path / name} cannot be read as an image: it is a HEIC photograph, which `pip install pillow-heif` makes "
            "readable, or an export as JPEG"
        )


def test_heic_is_read_where_pillow_heif_is_installed(tmp_path):
    pillow_heif = pytest.importorskip("pillow_heif")
    pillow_heif.from_pillow(Image.fromarray(picture())).save(tmp_path / "a.HEIC", quality=100)
    assert np.abs(read_photo(tmp_path / "a.HEIC", 40).astype(int) - picture()).max() < 16
    assert is_photo(tmp_path / "a.HEIC")
