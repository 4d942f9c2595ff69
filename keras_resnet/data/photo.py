"""Photographs as the networks see them: read from a file, and resized."""

import warnings

import numpy as np
from PIL import Image, ImageOps

from keras_resnet.errors import DataError


def read_photo(path, size):
    """One photograph as the networks see it: upright, on white, its central square, resized with antialiasing.

    Greyscale (8 and 16 bits), palette, transparent and CMYK images become RGB; of an animation, the first frame counts.

    Args:
        path: the file, of any format that Pillow reads.
        size: height and width of the result in pixels.

    Returns:
        uint8 `(size, size, 3)`, RGB, 0 to 255.

    Raises:
        DataError: for a file that is missing, damaged, too large to decode safely, or of 32-bit pixels.
    """

    def square(image):
        image.draft(None, (2 * size, 2 * size))  # a JPEG decodes at a fraction of its size, never below this
        return square_photo(image, size)

    return _opened(path, square)


def square_photo(image, size):
    """A Pillow image as `read_photo` gives it: uint8 `(size, size, 3)`."""
    return _square(_to_rgb(ImageOps.exif_transpose(image)), size)


def whole_photo(image):
    """A Pillow image as `read_whole_photo` gives it: uint8 `(H, W, 3)`."""
    return np.asarray(_to_rgb(ImageOps.exif_transpose(image)))


def read_whole_photo(path):
    """One photograph as it is: upright, on white, uncut: uint8 `(H, W, 3)`, RGB, 0 to 255.

    Raises:
        DataError: as `read_photo`.
    """
    return _opened(path, whole_photo)


def _opened(path, read):
    """What ``read`` makes of the Pillow image in a file; a `DataError` for whatever goes wrong."""
    try:
        with warnings.catch_warnings():
            # Pillow warns from 89 million pixels on, which cameras reach, and raises from 179 million on.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                return read(image)
    except Image.DecompressionBombError as problem:
        raise DataError(f"{path} is too large to be decoded safely: {problem}") from None
    except DataError as problem:
        raise DataError(f"{path}: {problem}") from None
    except FileNotFoundError:
        raise DataError(f"No such file: {path}") from None
    except Exception as problem:  # the decoders of Pillow raise nearly every built-in exception on damaged files
        fault = "not of a format that Pillow reads" if isinstance(problem, Image.UnidentifiedImageError) else problem
        raise DataError(f"{path} cannot be read as an image: {fault}") from None


def _to_rgb(image):
    """The Pillow image in mode RGB, 8 bits."""
    if image.mode == "F":
        raise DataError("floating-point pixels have no known range; expected 8 or 16 bits")
    if image.mode.startswith("I"):
        values = np.asarray(image).astype(np.int64)
        if values.min() < 0 or values.max() > 65535:
            raise DataError(f"pixels from {values.min()} to {values.max()}; expected 8 or 16 bits, 0 to 65535")
        return Image.fromarray(((values + 128) // 257).astype(np.uint8)).convert("RGB")  # 65535 / 255 = 257
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image.convert("RGB")


def _square(image, size):
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    box = (left, top, left + side, top + side)
    return np.asarray(image.resize((size, size), Image.Resampling.LANCZOS, box=box))


def resize(images, size):
    """Images uint8 `(N, H, W, 3)` as `(N, size, size, 3)`: bilinear, with antialiasing where they get smaller (Pillow's)."""
    resized = [np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BILINEAR)) for image in images]
    return np.array(resized, np.uint8).reshape(-1, size, size, 3)
