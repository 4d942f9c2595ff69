"""What the methods return, and laying it over a photograph."""

import numpy as np
from PIL import Image

from keras_resnet.data.photo import middle
from keras_resnet.errors import DataError


class Heatmaps(np.ndarray):
    """Maps float32 `(N, H, W)` of the images' size, as an array that knows what it shows. Arrays made from it do not.

    Attributes:
        method: the name of the function that made it.
        layer: the name of the layer whose feature map was looked at; None for methods that use none.
        class_index: int64 `(N,)`, the classes that are explained.
    """

    method = layer = class_index = None

    def __array_wrap__(self, array, context=None, return_scalar=False):
        """What is computed of maps is a plain array, or a number."""
        return np.asarray(array)[()]


def heatmaps(maps, method, class_index, layer=None):
    """`Heatmaps` of an array `(N, H, W)`."""
    made = np.ascontiguousarray(maps, np.float32).view(Heatmaps)
    made.method, made.layer, made.class_index = method, layer, class_index
    return made


def resized(maps, height, width):
    """Maps `(N, h, w)` as float32 `(N, height, width)`: bilinear, the centers of pixels in place."""
    return np.stack([_resize(each, height, width) for each in maps])


def _resize(values, height, width):
    image = Image.fromarray(np.ascontiguousarray(values, np.float32))
    return np.asarray(image.resize((width, height), Image.Resampling.BILINEAR))


def scaled(maps):
    """Maps divided by the largest absolute value of each; those of zeros stay so."""
    largest = np.abs(maps).max(axis=(1, 2), keepdims=True)
    return maps / np.where(largest > 0, largest, 1)


def on_photograph(values, shape):
    """A map of the crop that a network sees, on the whole photograph: cutting and resizing undone.

    Args:
        values: float `(h, w)`.
        shape: `(H, W)` of the photograph.

    Returns:
        float32 `(H, W)`, NaN where the network sees nothing.
    """
    left, top, right, bottom = middle((shape[1], shape[0]), *values.shape)
    whole = np.full(shape[:2], np.nan, np.float32)
    whole[top:bottom, left:right] = _resize(values, bottom - top, right - left)
    return whole


def overlay(photo: np.ndarray, heatmap: np.ndarray, opacity: float = 0.55) -> np.ndarray:
    """A photograph under the map of what its middle, the part that the network sees, says.

    Args:
        photo: uint8 `(H, W, 3)`, the whole photograph.
        heatmap: float `(h, w)`: 0 to 1, or signed: above 0 orange, below 0 blue. It is scaled by its largest absolute value.
        opacity: of the largest value, 0 to 1.

    Returns:
        uint8 `(H, W, 3)`; outside of the part that the network sees, the photograph in grey.

    Raises:
        DataError: another form.
    """
    photo, heatmap = np.asarray(photo), np.asarray(heatmap)
    if photo.dtype != np.uint8 or photo.ndim != 3 or photo.shape[2] != 3 or heatmap.ndim != 2:
        raise DataError(
            f"overlay: expected a photograph uint8 (H, W, 3) and a map (h, w), received {photo.dtype} {photo.shape} and "
            f"{heatmap.shape}"
        )
    grey = np.repeat(photo.mean(axis=2, keepdims=True), 3, axis=2)
    values = on_photograph(scaled(heatmap[None])[0], photo.shape[:2])
    seen = np.isfinite(values)
    values = np.where(seen, values, 0)[..., None]
    color = np.where(values >= 0, _FOR, _AGAINST)
    share = opacity * np.abs(values)
    return np.where(seen[..., None], (1 - share) * grey + share * color, 0.5 * grey + 64).round().astype(np.uint8)


_FOR, _AGAINST = (np.array([int(text[i : i + 2], 16) for i in (0, 2, 4)], float) for text in ("ff5a00", "1f6fe0"))
