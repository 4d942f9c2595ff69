"""Pictures of a training run and its scores, each written as one PNG.

Matplotlib is used through its objects alone: no pyplot, no global state, no display.
"""

import math
from os import PathLike
from pathlib import Path

import numpy as np

from keras_resnet.errors import DataError
from keras_resnet.evaluate import drawing
from keras_resnet.evaluate.drawing import BLUE, FAINT, GRID, INK, NEUTRAL, ORANGE
from keras_resnet.evaluate.metrics import Scores, percent

POINTS = 72  # in an inch
SMALLEST = 5.5  # points of a letter, and of what a name in a column takes
LONGEST_SIDE = 20  # inches


def curves(log: dict, path: str | PathLike, test_accuracy: float | None = None, floor: float | None = None) -> str | PathLike:
    """Draws loss and accuracy over the epochs, and the learning rate where the log has it.

    Args:
        log: dict of column -> list of floats, as `read_log` returns it: ``loss`` and ``accuracy``, and where there are
            any ``val_loss``, ``val_accuracy``, ``learning_rate`` and ``epoch`` (from 0; drawn from 1).
        path: the PNG to write.
        test_accuracy: final test accuracy, 0 to 1, drawn as a dashed line; None for none.
        floor: the least loss that smoothed labels leave (`metrics.smoothed_floor`), drawn as a dotted line; None for none.

    Returns:
        `path`.

    Raises:
        DataError: a column is missing, the columns differ in length, or the log has no epochs.
    """
    epochs = _epochs(log)
    with_rate = np.isfinite(log.get("learning_rate", [])).any()
    figure = drawing.new_figure(10, 4.9 if with_rate else 3.9)
    ratios = (4, 1) if with_rate else (1,)
    grid = figure.add_gridspec(len(ratios), 2, height_ratios=ratios)
    left, right = figure.add_subplot(grid[0, 0]), figure.add_subplot(grid[0, 1])
    _draw_loss(left, epochs, log, floor)
    _draw_accuracy(right, epochs, log, test_accuracy)
    if with_rate:
        _draw_rate(figure.add_subplot(grid[1, :]), epochs, log["learning_rate"])
    taken = max(drawing.legend_below(axes, columns=3) for axes in (left, right))
    figure.set_figheight(figure.get_figheight() + taken)
    for axes in figure.axes:
        drawing.style(axes)
        drawing.epoch_axis(axes, epochs)
    return drawing.write(figure, path)


def confusion(scores: Scores, path: str | PathLike) -> str | PathLike:
    """Draws the confusion matrix: counts, coloured by their share of the images of the true class.

    Args:
        scores: `Scores`; the counts are written out where they fit their cells, up to about 100 classes.
        path: the PNG to write.

    Returns:
        `path`.
    """
    matrix, names = scores.confusion, [drawing.short(name) for name in scores.classes]
    classes, longest = len(names), max(map(len, names))
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)  # (k, k), rows sum to 1, or to 0 without images
    steep = longest > (3 if classes > 10 else 6)
    side, size, step = _room(classes)
    below = 0.0078 * size * longest * steep  # inches that upright names take
    figure = drawing.new_figure(side + 0.8 + 0.08 * longest, side + 1.7 + below)
    axes = figure.add_subplot()
    shades = _shades(share, np.eye(classes, dtype=bool))
    axes.imshow(shades)
    axes.set_xticks(range(0, classes, step), names[::step], rotation=90 if steep else 0, parse_math=False)
    axes.set_yticks(range(0, classes, step), names[::step], parse_math=False)
    axes.set(xlabel="Predicted class", ylabel="True class")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks(np.arange(1, classes) - 0.5, minor=True)
    axes.grid(which="minor", color=GRID, linewidth=0.8)
    axes.tick_params(which="both", length=0, labelsize=size, colors=INK)
    axes.spines[:].set_color(GRID)
    _write_counts(axes, matrix, shades, POINTS * side / classes)
    _draw_key(axes.inset_axes((0, -(0.95 + below) / side, 1, 0.3 / side)))
    axes.set_title(f"Test accuracy {scores.accuracy_text}\n{scores.images:,} images", color=INK, fontsize=11)
    return drawing.write(figure, path)


def mistakes(images: np.ndarray, scores: Scores, path: str | PathLike, limit: int = 12) -> str | PathLike | None:
    """Draws the wrong images of which the network was most certain.

    Args:
        images: uint8 `(N, H, W, 3)`, RGB, 0 to 255: the images that were scored, in the same order.
        scores: their `Scores`.
        path: the PNG to write; where there are no mistakes an older file of this name is removed.
        limit: the most images to show.

    Returns:
        `path`, or None where there are no mistakes: then there is no file.

    Raises:
        DataError: `images` is not of that form, or not the set that was scored.
    """
    images, path = images if hasattr(images, "shape") else np.asarray(images), Path(path)  # those on the disk stay there
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[::3] != (scores.images, 3):
        raise DataError(
            f"Images of shape {images.shape}, {images.dtype}; expected ({scores.images}, H, W, 3), uint8: those scored"
        )
    shown = scores.mistakes[:limit]
    if not shown:
        path.unlink(missing_ok=True)
        return None
    texts = [_mistake_text(mistake, scores.classes) for mistake in shown]
    rows = math.ceil(len(shown) / 6)
    columns = math.ceil(len(shown) / rows)
    lines = max(text.count("\n") for text in texts) + 1
    figure = drawing.new_figure(max(columns * 1.8, 4.0), rows * (1.8 + 0.17 * lines) + 0.4, clear=True)
    for place, (mistake, text) in enumerate(zip(shown, texts, strict=True), start=1):
        axes = figure.add_subplot(rows, columns, place)
        axes.imshow(images[mistake.index], interpolation="nearest")
        axes.set_axis_off()
        axes.set_title(text, fontsize=9, color=NEUTRAL, parse_math=False)
    fact = f"{len(scores.mistakes):,} of {scores.images:,} test images wrong"
    more = f"; the {len(shown)} most confident" if len(shown) < len(scores.mistakes) else ""
    figure.suptitle(fact + more, color=NEUTRAL, fontsize=11)
    return drawing.write(figure, path)


def _mistake_text(mistake, classes):
    """``"true 3, said 5 (97 %)"``, on three lines where the names are long."""
    true, said = (drawing.short(classes[index]) for index in (mistake.true, mistake.predicted))
    sure = percent(mistake.probability)
    one_line = f"true {true}, said {said} ({sure})"
    return one_line if max(map(len, classes)) <= 2 else f"true {true},\nsaid {said}\n({sure})"


def _epochs(log):
    """The epochs, from 1; raises `DataError` where the log cannot be drawn."""
    missing = [name for name in ("loss", "accuracy") if name not in log]
    if missing:
        raise DataError(f"The log has no column {missing[0]!r}; received {sorted(log)}, expected loss and accuracy")
    lengths = {name: len(column) for name, column in log.items()}
    if len(set(lengths.values())) != 1:
        raise DataError(f"The columns of the log differ in length: received {lengths}; expected one value an epoch")
    if not lengths["loss"]:
        raise DataError("The log has no epochs; expected at least one")
    return np.asarray(log.get("epoch", range(lengths["loss"])), dtype=float) + 1


def _draw_loss(axes, epochs, log, floor):
    drawn = _draw_pair(axes, epochs, log, "loss")
    if floor is not None:
        label = f"least with smoothed labels: {floor:.3g}"
        line = axes.axhline(floor, color=FAINT, linestyle=(0, (1, 2)), linewidth=1.3, label=label, zorder=1)
        axes.legend(handles=[line], frameon=False, fontsize=9, labelcolor=INK, loc="best")
    logarithmic = drawing.loss_axis(axes, np.concatenate([np.asarray(log[name], dtype=float) for name in drawn]))
    fact = f"in nats{', logarithmic' if logarithmic else ''}; last epoch: {_last(log, drawn, '{:.3g}'.format)}"
    drawing.title(axes, "Loss", fact)


def _draw_accuracy(axes, epochs, log, test_accuracy):
    from matplotlib.ticker import PercentFormatter

    drawn = _draw_pair(axes, epochs, log, "accuracy")
    if test_accuracy is not None:
        label = f"test, after training: {percent(test_accuracy, 1)}"
        axes.axhline(test_accuracy, color=INK, linestyle=(0, (5, 3)), linewidth=1.3, label=label, zorder=1)
    axes.set_ylim(0, 1.02)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
    drawing.title(axes, "Accuracy", f"last epoch: {_last(log, drawn, lambda value: percent(value, 1))}")


def _draw_rate(axes, epochs, rate):
    axes.plot(epochs, rate, color=FAINT, linewidth=1.4, marker=drawing.marker(epochs), markersize=3)
    axes.set_ylim(bottom=0)
    axes.set_ylabel("Learning rate", color=FAINT, fontsize=9)
    axes.ticklabel_format(axis="y", style="sci", scilimits=(-2, 3))
    axes.yaxis.get_offset_text().set_fontsize(8)
    axes.locator_params(axis="y", nbins=3)


def _draw_pair(axes, epochs, log, column):
    """Draws the training and, where there is one, the validation column; returns the names of those drawn."""
    drawn = {}
    for name, label, color in ((column, "training", BLUE), (f"val_{column}", "validation", ORANGE)):
        if np.isfinite(log.get(name, [])).any() or name == column:
            axes.plot(epochs, log[name], color=color, label=label, linewidth=1.8, marker=drawing.marker(epochs), markersize=4)
            drawn[name] = label
    return drawn


def _last(log, drawn, form):
    """The last value of each column drawn: ``"training 0.12, validation 0.31"``."""
    last = {label: log[name][-1] for name, label in drawn.items()}
    return ", ".join(f"{label} {form(value) if math.isfinite(value) else 'unknown'}" for label, value in last.items())


def _shades(share, right):
    """Colours, float `(.., 3)` in [0, 1], of shares in [0, 1]: white to blue where `right`, white to orange elsewhere.

    The depth is the square root of the share, for a mistake on one image of twenty to be seen.
    """
    from matplotlib.colors import to_rgb

    full = np.where(right[..., None], to_rgb(BLUE), to_rgb(ORANGE))
    return 1 - np.sqrt(share)[..., None] * (1 - full)


def _draw_key(axes):
    """The key to the colours, below the matrix: a strip of blue for right, one of orange for wrong, 0 to 100 % to the right."""
    from matplotlib.ticker import PercentFormatter

    share = np.tile(np.linspace(0, 1, 256), (2, 1))
    shades = _shades(share, np.tile([[False], [True]], 256))
    axes.imshow(shades, origin="lower", extent=(0, 1, 0, 2), aspect="auto", interpolation="nearest")
    axes.axhline(1, color="white", linewidth=2)
    axes.set_yticks((0.5, 1.5), ("wrong", "right"))
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
    axes.set_xlabel("Share of the images of the true class", color=FAINT, fontsize=8)
    axes.tick_params(length=0, labelsize=8, colors=FAINT)
    axes.spines[:].set_visible(False)


def _room(classes):
    """For a matrix of some classes: its side in inches, the size of names in points, and of how many classes one is named."""
    side = min(max(3.2, 0.48 * classes), 8.5) if classes < 43 else min(0.2 * classes, LONGEST_SIDE)
    cell = POINTS * side / classes
    step = math.ceil(SMALLEST / cell)
    return side, min(9, 0.8 * cell * step), step


def _write_counts(axes, matrix, shades, cell):
    """Writes the counts into their cells, squares of ``cell`` points, where they fit; a figure is 0.62 of its size broad."""
    size = min(10, 0.65 * cell, 0.9 * cell / (0.62 * len(str(matrix.max()))))
    if size < SMALLEST:
        return
    for row, column in np.ndindex(matrix.shape):
        if matrix[row, column] or row == column:
            color = "white" if shades[row, column].mean() < 0.62 else INK
            axes.text(column, row, f"{matrix[row, column]}", ha="center", va="center", color=color, fontsize=size)
