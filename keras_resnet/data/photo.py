"""Photographs as the networks see them: read from a file, and resized."""

import functools
import importlib.util
import re
import warnings

import numpy as np
from PIL import ExifTags, Image, ImageOps

from keras_resnet.errors import DataError
from keras_resnet.files import describe, irregular

# What is opened, by Pillow's names. Pillow opens more, and starts other programs for some of it (EPS).
_FORMATS = ("JPEG", "MPO", "PNG", "GIF", "BMP", "DIB", "WEBP", "TIFF", "PPM", "TGA", "JPEG2000", "AVIF", "HEIF")
HEIC_ENDINGS = frozenset((".heic", ".heif", ".hif"))
HEIC_ADVICE = "which `pip install pillow-heif` makes readable, or an export as JPEG"

_LARGE = 1 << 25  # pixels from which on a photograph is reduced before it is resized, as a JPEG always is
_BAND = 1 << 22  # pixels of a large photograph that are converted at once
_DARK = 1 << 14  # values of 16 bits all below this may as well be of 14 bits or fewer


def reads_heic():
    """Whether photographs in HEIC can be read: by the package pillow-heif, where it is installed."""
    return importlib.util.find_spec("pillow_heif") is not None


def height_and_width(size):
    """A size as `(height, width)`; a number stands for a square."""
    return tuple(size) if isinstance(size, tuple | list) else (size, size)


def read_photo(path, size):
    """One photograph as the networks see it: upright, on white, its middle, resized with antialiasing.

    Greyscale (8 and 16 bits), palette, transparent and CMYK images become RGB; of an animation, the first frame counts.

    Args:
        path: the file: JPEG, PNG, GIF, BMP, WebP, TIFF, PPM, TGA, JPEG 2000, AVIF; HEIC with the package pillow-heif.
        size: height and width of the result in pixels: a number for the central square, or `(height, width)` for the largest
            central part of that shape.

    Returns:
        uint8 `(height, width, 3)`, RGB, 0 to 255.

    Raises:
        DataError: for a file that is missing, damaged, too large to decode safely, or of pixels whose range is not known.
    """
    height, width = height_and_width(size)

    def read(image):
        image.draft(None, (2 * width, 2 * height))  # a JPEG decodes at a fraction of its size, never below this
        return cut_photo(image, size)

    return _opened(path, read)


def cut_photo(image, size):
    """A Pillow image as `read_photo` gives it: uint8 `(height, width, 3)`."""
    height, width = height_and_width(size)
    return _cut(_upright(image, 2 * max(height, width)), height, width)


def whole_photo(image):
    """A Pillow image as `read_whole_photo` gives it: uint8 `(H, W, 3)`."""
    return np.asarray(_upright(image))


def read_whole_photo(path):
    """One photograph as it is: upright, on white, uncut: uint8 `(H, W, 3)`, RGB, 0 to 255.

    Raises:
        DataError: as `read_photo`.
    """
    return _opened(path, whole_photo)


def _opened(path, read):
    """What ``read`` makes of the Pillow image in a file; a `DataError` for whatever goes wrong."""
    if other := irregular(path):
        raise DataError(f"{path} is {other}; expected a photograph")
    try:
        with warnings.catch_warnings():
            # Pillow warns from 89 million pixels on, which cameras reach, and raises from 179 million on.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path, formats=_formats()) as image:
                return read(image)
    except Image.DecompressionBombError as problem:
        raise DataError(f"{path} is too large to be decoded safely: {problem}") from None
    except DataError as problem:
        raise DataError(f"{path}: {problem}") from None
    except FileNotFoundError:
        raise DataError(f"No such file: {path}") from None
    except Exception as problem:  # the decoders of Pillow raise nearly every built-in exception on damaged files
        fault = _no_photo(path) if isinstance(problem, Image.UnidentifiedImageError) else problem
        raise DataError(f"{path} cannot be read as an image: {fault}") from None


@functools.cache
def _formats():
    """Those of the formats that this installation has."""
    if reads_heic():
        import pillow_heif

        pillow_heif.register_heif_opener()
    Image.init()
    return tuple(name for name in _FORMATS if name in Image.OPEN)


def _no_photo(path):
    """What a file is that is in none of the formats."""
    kind = describe(path)
    if kind == "a HEIC photograph":
        return f"it is {kind}, {HEIC_ADVICE}"
    return f"it is a damaged one of {kind}" if kind.endswith("image") else f"it is {kind}; expected JPEG, PNG or the like"


def _upright(image, least=None):
    """The Pillow image in mode RGB, turned as its EXIF data say.

    Args:
        image: a Pillow image that was opened.
        least: pixels of a side that a large image is not reduced below; None reduces none.
    """
    deep = _is_deep(image)
    image.load()
    orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    convert = _converter(image, deep)
    large = image.width * image.height > _LARGE
    image = _reduced(image, convert, max(1, min(image.size) // least) if least else 1) if large else convert(image)
    image.getexif()[ExifTags.Base.Orientation] = orientation
    return ImageOps.exif_transpose(image)


def _reduced(image, convert, factor):
    """A large image, converted to RGB in bands and reduced by a whole number: the mean of ``factor`` x ``factor`` pixels."""
    width, height = image.size
    small = Image.new("RGB", (-(-width // factor), -(-height // factor)))
    rows = factor * max(1, _BAND // (factor * width))
    for top in range(0, height, rows):
        band = convert(image.crop((0, top, width, min(top + rows, height))))
        small.paste(band.reduce(factor), (0, top // factor))
    return small


def _is_deep(image):
    """Whether the file has 16 bits a value, of which Pillow keeps the higher eight where there are several channels."""
    return any(re.search(r";16[BLN]?(?!\w)", str(tile[3])) for tile in getattr(image, "tile", ()))


def _converter(image, deep):
    """The function that makes an image, or a part of it, RGB of 8 bits.

    Raises:
        DataError: it is not known which value of its pixels is white.
    """
    if image.mode == "F":
        raise DataError("floating-point pixels have no known range; expected 8 or 16 bits")
    if image.mode.startswith("I"):
        white = _white(image)
        return lambda part: _scaled(part, white)
    if deep and max(_highest(image)) < _DARK >> 8:
        raise DataError(_unknown_range(f"below {_DARK}"))
    return _to_rgb


def _highest(image):
    """The highest value of each channel but that of transparency."""
    extrema, names = image.getextrema(), image.getbands()
    return [high for (_, high), name in zip(extrema if len(names) > 1 else [extrema], names, strict=True) if name != "A"]


def _white(image):
    """The value of white in a greyscale image of more than 8 bits."""
    low, high = image.getextrema()
    bits = image.tag_v2.get(258, (16,))[0] if image.format == "TIFF" else 16  # BitsPerSample
    signed = image.format == "TIFF" and image.tag_v2.get(339, (1,))[0] == 2  # SampleFormat: two's complement
    if low < 0 or high > 65535:
        raise DataError(f"pixels from {low} to {high}; expected 8 or 16 bits, 0 to 65535")
    if bits < 16:
        return 2**bits - 1
    if bits == 32 and high <= 255:  # nobody takes so many bits for an image that is all but black
        return 255
    scaled = image.format in ("PPM", "JPEG2000")  # these say which value is white, and Pillow scales by it
    if scaled or high == 0 or (high >= _DARK and not (signed and bits == 16)):
        return 65535
    raise DataError(_unknown_range(f"from {low} to {high}"))


def _unknown_range(values):
    return (
        f"pixels {values} in 16 bits or more, which of 255, 1023, 4095, 16383, 32767 and 65535 is white is not known; "
        "expected 8 bits, or values that reach up to 65535"
    )


def _scaled(image, white):
    values = (np.asarray(image).astype(np.int64) * 255 + white // 2) // white
    return Image.fromarray(values.astype(np.uint8)).convert("RGB")


def _to_rgb(image):
    """A Pillow image of 8 bits in mode RGB, on white."""
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image.convert("RGB")


def _cut(image, height, width):
    """The middle of a Pillow image, resized to ``height`` x ``width``."""
    box = middle(image.size, height, width)
    return np.asarray(image.resize((width, height), Image.Resampling.LANCZOS, box=box))


def middle(size, height, width):
    """The largest central part of an image that has the shape ``height`` x ``width``.

    Args:
        size: `(width, height)` of the image in pixels, as Pillow has it.

    Returns:
        `(left, top, right, bottom)`, int.
    """
    across = max(1, min(size[0], round(size[1] * width / height)))
    down = max(1, min(size[1], round(size[0] * height / width)))
    left, top = (size[0] - across) // 2, (size[1] - down) // 2
    return left, top, left + across, top + down


def resize(images, size):
    """Images uint8 `(N, H, W, 3)` as `(N, size, size, 3)`: bilinear, with antialiasing where they get smaller (Pillow's)."""
    resized = [np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BILINEAR)) for image in images]
    return np.array(resized, np.uint8).reshape(-1, size, size, 3)
