"""A picture of samples: one row a class, its name at the left."""

import math
from collections.abc import Sequence
from os import PathLike
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont, features

from keras_resnet import fonts
from keras_resnet.data.sets import Split
from keras_resnet.errors import DataError
from keras_resnet.files import whole

# Lengths in pixels of the picture.
_CELL = 112  # images are enlarged by the whole number that comes nearest to this, or reduced to it
_GAP, _ROW_GAP, _MARGIN = 4, 14, 24
_WIDEST_NAME, _LABEL_GAP = 240, 20
_NAME_SIZE, _COUNT_SIZE = 26, 15
_INK, _PALE_INK, _PAPER = (26, 28, 33), (118, 124, 134), (255, 255, 255)

_DEJAVU, _DEJAVU_BOLD = "DejaVuSans.ttf", "DejaVuSans-Bold.ttf"  # come with Matplotlib

_MOST_PIXELS = 1 << 27  # of the images of a picture

_ROWS = 20  # classes in one column, unless the caller says otherwise


def sample_grid(
    split: Split,
    class_names: Sequence[str],
    path: str | PathLike,
    *,
    columns: int | None = None,
    seed: int = 0,
    per_class: int = 8,
) -> Path:
    """Draws samples of every class and writes them as PNG.

    Args:
        split: `Split`, images uint8 `(N, H, W, 3)`.
        class_names: one name for each class.
        path: the PNG file; it appears whole or not at all.
        columns: columns of classes side by side; None begins a new column every 20 classes.
        seed: of the choice of images.
        per_class: images shown of each class, where there are so many.

    Returns:
        The path, as a `Path`.

    Raises:
        DataError: for less than one column or image a class, a picture of too many pixels, or a file that cannot be written.
    """
    columns = math.ceil(len(class_names) / _ROWS) if columns is None else columns
    if per_class < 1 or columns < 1:
        raise DataError(f"A grid of columns={columns}, per_class={per_class} was asked for; expected 1 or more")
    _check_size(split, len(class_names), per_class)
    random = np.random.default_rng(seed)
    members = [random.permutation(np.flatnonzero(split.labels == label)) for label in range(len(class_names))]
    labels = _draw_labels(class_names, [len(indices) for indices in members])
    strips = [_draw_images(split.images[np.sort(indices[:per_class])]) for indices in members]
    picture = _arrange(labels, strips, columns)
    try:
        with whole(path, suffix=".png") as temporary:
            picture.save(temporary, format="PNG", optimize=True)
    except OSError as problem:
        raise DataError(f"The picture cannot be written to {path}: {problem}") from None
    return Path(path)


def _check_size(split, classes, per_class):
    """Raises a `DataError` where the images alone would make a picture that no viewer opens."""
    height, width = _cell_size(*split.images.shape[1:3])
    drawn = min(per_class, int(np.bincount(split.labels).max(initial=0)))
    pixels = classes * (height + _ROW_GAP) * max(1, drawn) * (width + _GAP)
    if pixels > _MOST_PIXELS:
        most = drawn * _MOST_PIXELS // pixels
        raise DataError(
            f"A picture of {drawn:,} images of each of {classes:,} classes would have {pixels / 1e6:,.0f} million pixels; "
            f"expected {f'at most {most} images a class (--per-class, per_class=)' if most else 'fewer classes'}"
        )


def _draw_labels(class_names, counts):
    """One Pillow image a class, all of one size: the name, and under it the number of images."""
    count_font = _font(_DEJAVU, _COUNT_SIZE)
    texts = [
        (_fit(name, font := _font_for(name)), font, f"{count:,} image{'' if count == 1 else 's'}")
        for name, count in zip(class_names, counts, strict=True)
    ]
    width = math.ceil(max(max(font.getlength(name), count_font.getlength(count)) for name, font, count in texts))
    labels = []
    for name, name_font, count in texts:
        label = Image.new("RGB", (width, _NAME_SIZE + _COUNT_SIZE + 12), _PAPER)
        draw = ImageDraw.Draw(label)
        draw.text((0, 0), name, font=name_font, fill=_INK)
        draw.text((0, _NAME_SIZE + 10), count, font=count_font, fill=_PALE_INK, anchor="lt")
        labels.append(label)
    return labels


def _font(file, size):
    import matplotlib

    return ImageFont.truetype(Path(matplotlib.get_data_path(), "fonts", "ttf", file), size)


def _font_for(name):
    """The font that a name is drawn in: the one that has the most of its letters."""
    own, letters = _font(_DEJAVU_BOLD, _NAME_SIZE), frozenset(name)
    fonts.tell_of_order(letters, features.check("raqm"), "Pillow without Raqm")
    files = (own.path, *fonts.others(letters, str(own.path)))
    file = min(files, key=lambda file: len(fonts.lacking(str(file), letters)))
    return own if file == own.path else ImageFont.truetype(file, _NAME_SIZE)


def _fit(text, font):
    """The text on one line; where it is wider than a label may be, without its middle: endings tell names apart."""
    text = fitting = " ".join(text.split())
    kept = len(text)
    while font.getlength(fitting) > _WIDEST_NAME:
        kept -= 1
        fitting = f"{text[: kept - kept // 2]}…{text[len(text) - kept // 2 :]}"
    return fitting


def _draw_images(images):
    """The images `(N, H, W, 3)` side by side, as one Pillow image; of no images, an empty strip."""
    height, width = _cell_size(*images.shape[1:3])
    strip = Image.new("RGB", (max(1, len(images) * (width + _GAP) - _GAP), height), _PAPER)
    enlarged = height > images.shape[1]
    for index, image in enumerate(images):
        resampling = Image.Resampling.NEAREST if enlarged else Image.Resampling.LANCZOS
        strip.paste(Image.fromarray(image).resize((width, height), resampling), (index * (width + _GAP), 0))
    return strip


def _cell_size(height, width):
    """Height and width at which an image is drawn: a whole multiple of its own, or, where it is large, reduced."""
    side = max(height, width)
    scale = max(1, round(_CELL / side)) if side <= 1.5 * _CELL else _CELL / side
    return max(1, round(height * scale)), max(1, round(width * scale))


def _arrange(labels, strips, columns):
    """The picture: classes fill the first column from the top, then the next."""
    rows = math.ceil(len(strips) / columns)
    images_left = labels[0].width + _LABEL_GAP
    row_height = max(labels[0].height, strips[0].height) + _ROW_GAP
    column_width = images_left + max(strip.width for strip in strips) + 2 * _MARGIN
    picture = Image.new("RGB", (columns * column_width, rows * row_height - _ROW_GAP + 2 * _MARGIN), _PAPER)
    for index, (label, strip) in enumerate(zip(labels, strips, strict=True)):
        left = index // rows * column_width + _MARGIN
        middle = index % rows * row_height + _MARGIN + (row_height - _ROW_GAP) // 2
        picture.paste(label, (left, middle - label.height // 2))
        picture.paste(strip, (left + images_left, middle - strip.height // 2))
    return picture
