"""A picture of explanations: each photograph as it was taken, and where the network looked in it."""

from collections.abc import Sequence
from os import PathLike

import numpy as np

from keras_resnet.errors import DataError
from keras_resnet.evaluate import drawing
from keras_resnet.evaluate.drawing import INK
from keras_resnet.evaluate.metrics import percent
from keras_resnet.evaluate.photographs import LONGEST_SIDE, MOST_PHOTOS, draw_photo, title
from keras_resnet.explain.heatmaps import overlay


def explanations(rows: Sequence, path: str | PathLike, *, method: str, signed: bool) -> str | PathLike:
    """Draws one row a photograph: the photograph with the crop marked that the network sees, and the map laid over it.

    Args:
        rows: list of `(name, photo, heatmap, class name, probability)`: a str; uint8 `(H, W, 3)`, RGB, the whole photograph;
            float `(h, w)`, the map of the crop; a str; a float, 0 to 1, of that class.
        path: the PNG to write.
        method: what made the maps, and of which layer, in words.
        signed: whether the maps are above 0 for the class and below 0 against it.

    Returns:
        `path`.

    Raises:
        DataError: no photograph, or more than 20.
    """
    if not 1 <= len(rows) <= MOST_PHOTOS:
        raise DataError(f"A picture of {len(rows)} explanations was asked for; expected 1 to {MOST_PHOTOS}")
    figure = drawing.new_figure(7.4, 3.3 * len(rows) + 0.3)
    grid = figure.add_gridspec(len(rows), 2)
    fact = "orange speaks for it, blue against it" if signed else "orange: what the answer rests on"
    for place, (name, photo, heatmap, said, probability) in enumerate(rows):
        left, right = (figure.add_subplot(grid[place, column]) for column in range(2))
        draw_photo(left, name, photo, heatmap.shape)
        _draw_overlay(right, photo, np.asarray(heatmap))
        title(right, f"Why {drawing.short(said)} ({percent(probability, 1)})", fact)
    figure.suptitle(method, color=INK, fontsize=10, parse_math=False)
    return drawing.write(figure, path)


def _draw_overlay(axes, photo, heatmap):
    from PIL import Image

    reduced = Image.fromarray(photo)
    reduced.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    axes.imshow(overlay(np.asarray(reduced), heatmap))
    axes.set_axis_off()
