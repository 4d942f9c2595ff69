"""A picture of photographs: each as it was taken, the crop that the network sees, and what the network says of it."""

import textwrap
from collections.abc import Sequence
from os import PathLike

import numpy as np

from keras_resnet.data.photo import middle
from keras_resnet.errors import DataError
from keras_resnet.evaluate import drawing
from keras_resnet.evaluate.drawing import BLUE, FAINT, GRID, INK, ORANGE
from keras_resnet.evaluate.metrics import percent

MOST_PHOTOS = 20  # rows in one picture
MOST_BARS = 12  # classes; of more, the most probable are drawn
LONGEST_SIDE = 640  # pixels of a photograph as it is drawn


def photos(rows: Sequence, class_names: Sequence[str], path: str | PathLike) -> str | PathLike:
    """Draws one row a photograph: the photograph with the crop marked in its middle, the crop, the probabilities.

    Args:
        rows: list of `(name, photo, crop, probabilities, warning)`: a str; uint8 `(H, W, 3)`, RGB, the whole photograph;
            uint8 `(h, w, 3)`, what the network is given; float `(classes,)`; a str, or None where nothing is unusual.
        class_names: of the probabilities.
        path: the PNG to write.

    Returns:
        `path`.

    Raises:
        DataError: no photograph, or more than 20.
    """
    if not 1 <= len(rows) <= MOST_PHOTOS:
        raise DataError(f"A picture of {len(rows)} photographs was asked for; expected 1 to {MOST_PHOTOS}")
    figure = drawing.new_figure(10, 3.1 * len(rows))
    grid = figure.add_gridspec(len(rows), 3, width_ratios=(1.25, 0.8, 1.1))
    for place, (name, photo, crop, probabilities, warning) in enumerate(rows):
        left, middle, right = (figure.add_subplot(grid[place, column]) for column in range(3))
        _draw_photo(left, name, photo, crop.shape)
        _draw_crop(middle, crop)
        _draw_bars(right, np.asarray(probabilities), class_names, warning)
    return drawing.write(figure, path)


def _draw_photo(axes, name, photo, shape):
    from matplotlib.patches import Rectangle
    from PIL import Image

    height, width = photo.shape[:2]
    reduced = Image.fromarray(photo)
    reduced.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    axes.imshow(np.asarray(reduced), extent=(0, width, height, 0))
    left, top, right, bottom = middle((width, height), *shape[:2])
    frame = Rectangle((left, top), right - left, bottom - top, fill=False, edgecolor=ORANGE, linewidth=2, clip_on=False)
    axes.add_patch(frame)
    axes.set_axis_off()
    part = "square" if shape[0] == shape[1] else "marked part"
    _title(axes, drawing.short(name), f"{width} x {height} pixels; the network is given the {part}")


def _draw_crop(axes, crop):
    axes.imshow(crop, interpolation="nearest")
    axes.set(xticks=(), yticks=())
    axes.spines[:].set(color=ORANGE, linewidth=2)
    _title(axes, "What the network sees", f"{crop.shape[1]} x {crop.shape[0]} pixels")


def _draw_bars(axes, probabilities, class_names, warning):
    from matplotlib.ticker import PercentFormatter

    order = np.arange(len(probabilities))
    if len(order) > MOST_BARS:
        order = np.argsort(-probabilities, kind="stable")[:MOST_BARS]
    best, shown = int(probabilities.argmax()), probabilities[order]
    names = [drawing.short(class_names[index]) for index in order]
    axes.barh(range(len(order)), shown, color=[BLUE if index == best else GRID for index in order], height=0.7)
    for row, value in enumerate(shown):
        axes.text(value + 0.02, row, percent(value, 1), va="center", color=INK, fontsize=8)
    axes.set_yticks(range(len(order)), names, parse_math=False)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.22)
    axes.set_xticks((0, 0.5, 1))
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
    axes.spines[:].set_visible(False)
    axes.tick_params(colors=FAINT, labelsize=9, length=0)
    axes.tick_params(axis="y", colors=INK)
    _title(axes, f"It says {drawing.short(class_names[best])}", f"with {percent(probabilities[best], 1)}")
    if warning:
        axes.set_xlabel(textwrap.fill(f"Careful: {warning}", 48), color=ORANGE, fontsize=8, loc="left", parse_math=False)


def _title(axes, name, fact):
    axes.set_title(f"{name}\n", loc="left", color=INK, fontsize=10, fontweight="bold", parse_math=False)
    axes.text(0, 1.03, fact, transform=axes.transAxes, color=FAINT, fontsize=8)
