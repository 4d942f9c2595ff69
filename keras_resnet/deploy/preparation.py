"""Photographs made into what a run's network takes: the same code whatever engine computes with them."""

from pathlib import Path

import numpy as np
from PIL import Image

from keras_resnet.data.photo import cut_photo, read_photo, read_whole_photo, resize, whole_photo
from keras_resnet.errors import DataError


class Preparation:
    """How a run's photographs are prepared.

    A photograph is the path of a file, a Pillow image, or an array uint8 `(H, W)`, `(H, W, 3)` or `(H, W, 4)` of any size. It
    is made as the images of the run's set were: its largest central part of their shape, resized with antialiasing. Arrays of
    the set's own size are taken as they are; a run that resized its images (``--size``) resizes these in the same way.

    Args:
        record: of the run, `run.json`.

    Attributes:
        image_shape: `(H, W, 3)` of the images that the network takes.
    """

    def __init__(self, record):
        self.image_shape = tuple(record["data"]["shape"])
        self._set_shape = tuple(record["data"].get("set_shape", self.image_shape))
        self._resizes = record.get("size") is not None

    def photo(self, photograph):
        """A photograph as the network takes it: uint8 `(H, W, 3)`.

        Raises:
            DataError: it cannot be read, or is an array of another form.
        """
        size = self._set_shape[:2]
        if isinstance(photograph, str | Path):
            image = read_photo(photograph, size)
        elif not isinstance(photograph, Image.Image) and np.shape(photograph) in (self.image_shape, self._set_shape):
            image = self._checked(np.asarray(photograph))
        else:
            image = _decoded(self._pillow(photograph), lambda opened: cut_photo(opened, size))
        return image if image.shape == self.image_shape else self._resized(image)

    def whole(self, photograph):
        """A photograph uncut, uint8 `(H, W, 3)`; errors as in `photo`."""
        if isinstance(photograph, str | Path):
            return read_whole_photo(photograph)
        return _decoded(self._pillow(photograph), whole_photo)

    def images(self, photographs):
        """Several photographs as the network takes them: uint8 `(N, H, W, 3)`; errors as in `photo`."""
        if isinstance(photographs, np.ndarray):
            self._checked(photographs)
            if photographs.shape[1:] == self.image_shape:
                return photographs
        found = [self.photo(each) for each in photographs]
        return np.stack(found) if found else np.empty((0, *self.image_shape), np.uint8)

    def _pillow(self, photograph):
        """A Pillow image of one, or of an array."""
        if isinstance(photograph, Image.Image):
            return photograph
        pixels = self._checked(np.asarray(photograph))
        return Image.fromarray(pixels[..., 0] if pixels.shape[2:] == (1,) else pixels)

    def _checked(self, pixels):
        """An array of one image or several, of a form that images have."""
        fits = pixels.ndim == 2 or pixels.ndim in (3, 4) and pixels.shape[-1] in (1, 3, 4)
        if pixels.dtype != np.uint8 or not fits or 0 in pixels.shape[-3:]:
            raise DataError(
                f"images: expected uint8 (N, {', '.join(map(str, self.image_shape))}), received {pixels.dtype} "
                f"{pixels.shape}; or photographs of any size, uint8 (H, W, 3)"
            )
        return pixels

    def _resized(self, image):
        """As the run resized the images of its set."""
        if not self._resizes:
            raise DataError(f"A photograph of {image.shape[:2]} does not fit the run's images, {self.image_shape[:2]}")
        return resize(image[None], self.image_shape[0])[0]


def several(photographs):
    """Several photographs, of one or of several: a list, or an array `(N, H, W, 3)`."""
    if isinstance(photographs, str | Path | Image.Image):
        return [photographs]
    if isinstance(photographs, list | tuple):
        return photographs
    photographs = np.asarray(photographs)
    return photographs if photographs.ndim == 4 else [photographs]


def _decoded(image, read):
    """What ``read`` makes of a Pillow image; one that was opened from a file is decoded only now."""
    try:
        return read(image)
    except DataError:
        raise
    except Exception as problem:  # the decoders of Pillow raise nearly every built-in exception on damaged files
        raise DataError(f"The image cannot be read: {problem}") from None
