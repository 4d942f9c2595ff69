"""Run folders side by side: a row each, and their validation curves in one picture. Needs no framework."""

import dataclasses
import math
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np

from keras_resnet.errors import DataError, RunError
from keras_resnet.evaluate import drawing
from keras_resnet.evaluate.drawing import INK
from keras_resnet.evaluate.log import read_log
from keras_resnet.evaluate.metrics import percent
from keras_resnet.text import visible
from keras_resnet.workdir import Workdir

# Okabe and Ito 2008, "Color universal design", without their yellow, which is faint on white; black comes last.
_COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")
_DASHES = ("-", (0, (4, 2)), (0, (1, 1.5)))
MOST_DRAWN = len(_COLORS) * len(_DASHES)


@dataclass(frozen=True)
class RunRow:
    """A run folder in a comparison.

    Attributes:
        run: the folder, as a path below the one that was searched.
        status: ``"complete"``, ``"running"`` (also where a run was interrupted), ``"trained"`` (the report is missing), or what
            is wrong with the folder.
        model, recipe, seed: as recorded; None where that cannot be read.
        epochs: done so far; planned: the recipe's.
        accuracy: on the test images, 0 to 1; accuracy_interval: its 95 % interval; None before the end.
        minutes: of training so far, None where the log does not say.
        images_per_second: of training; None where unknown.
        log: columns of the training log, as `read_log` returns them; None without one.
    """

    run: str
    status: str
    model: str | None = None
    recipe: str | None = None
    seed: int | None = None
    epochs: int = 0
    planned: int | None = None
    accuracy: float | None = None
    accuracy_interval: tuple | None = None
    minutes: float | None = None
    images_per_second: float | None = None
    log: dict | None = None

    def to_json(self):
        """A dict of plain values, without the log."""
        return {name: value for name, value in dataclasses.asdict(self).items() if name != "log"}


def compare(folder: str | PathLike) -> tuple["RunRow", ...]:
    """The runs in a folder and the folders below it, the most accurate first, unfinished ones last.

    Args:
        folder: a path.

    Returns:
        A tuple of `RunRow`. A record or log that cannot be read makes a row that says so.

    Raises:
        RunError: no such folder, or no run in it.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise RunError(f"No such folder: {folder}; expected one with run folders in it")
    found = sorted(path.parent for path in folder.rglob("run.json"))
    if not found:
        raise RunError(f"No run folder in {folder} or below; `keras-resnet train --data SET --out {folder}/NAME` makes one")
    rows = [_row(Workdir(path), str(path.relative_to(folder))) for path in found]
    return tuple(sorted(rows, key=lambda row: (row.accuracy is None, -(row.accuracy or 0), row.run)))


_NEEDED = ("status", "model", "recipe.name", "recipe.epochs", "seed")


def _row(workdir, name):
    name = workdir.path.name if name == "." else name
    try:
        record = workdir.read(*_NEEDED)
        if record["status"] == "complete":
            workdir.read("result.test.accuracy", "result.test.accuracy_interval")
    except RunError as problem:
        return RunRow(name, f"damaged: {problem}")
    if not (workdir / "log.csv").exists():
        return _filled(name, record, None)
    try:
        return _filled(name, record, read_log(workdir / "log.csv"))
    except DataError as problem:
        row = _filled(name, record, None)
        return dataclasses.replace(row, status=f"{row.status}, its log damaged: {problem}")


def _filled(name, record, log):
    """The row of a sound record, and of the columns of a log, None without one."""
    result = record.get("result", {})
    test, columns = result.get("test", {}), log or {}
    interval = test.get("accuracy_interval")
    seconds, speeds = (_finite(columns.get(column, ())) for column in ("seconds", "images_per_second"))
    logged = max(map(len, columns.values()), default=0)
    return RunRow(
        run=name,
        status=record["status"],
        model=record["model"],
        recipe=record["recipe"]["name"],
        seed=record["seed"],
        epochs=result.get("epochs", logged),
        planned=record["recipe"]["epochs"],
        accuracy=test.get("accuracy") if interval else None,
        accuracy_interval=interval and tuple(interval),
        minutes=result["seconds"] / 60 if "seconds" in result else math.fsum(seconds) / 60 if seconds else None,
        images_per_second=result.get("images_per_second") or (float(np.median(speeds)) if speeds else None),
        log=log,
    )


def _finite(values):
    return [value for value in values if math.isfinite(value)]


def table(rows):
    """The rows as lines of text with a heading."""
    cells = [("run", "model", "recipe", "epochs", "seed", "test accuracy (95 %)", "minutes", "images/s", "status")]
    cells += [_cells(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    left = {0, 1, 2, len(widths) - 1}
    lines = [
        "  ".join(text.ljust(width) if column in left else text.rjust(width) for column, (text, width) in pairs)
        for pairs in (list(enumerate(zip(line, widths, strict=True))) for line in cells)
    ]
    return "\n".join(line.rstrip() for line in lines)


def _cells(row):
    accuracy = "-"
    if row.accuracy is not None:
        low, high = (percent(bound, 1).removesuffix(" %") for bound in row.accuracy_interval)
        accuracy = f"{percent(row.accuracy, 1)} ({low} to {high})"
    epochs = "-" if row.planned is None else str(row.epochs) if row.epochs == row.planned else f"{row.epochs} of {row.planned}"
    speed = "-" if row.images_per_second is None else f"{row.images_per_second:.3g}"
    minutes = "-" if row.minutes is None else f"{row.minutes:.1f}"
    texts = [row.run, row.model or "-", row.recipe or "-", epochs, "-" if row.seed is None else str(row.seed)]
    return tuple(map(visible, (*texts, accuracy, minutes, speed, row.status)))


def drawable(rows):
    """Those of the rows that have a validation accuracy and loss to draw."""
    return [row for row in rows if all(_finite((row.log or {}).get(name, ())) for name in ("val_accuracy", "val_loss"))]


def draw(rows, path):
    """Draws validation accuracy and loss over the epochs, a line for each run; those first in ``rows`` where there are many.

    Args:
        rows: of `compare`.
        path: the PNG to write.

    Returns:
        `path`, or None where no run has validation figures: then nothing is written.
    """
    drawn = drawable(rows)
    if not drawn:
        return None
    shown = drawn[:MOST_DRAWN]
    figure = drawing.new_figure(10.5, 3.9 + 0.22 * -(-len(shown) // 2))
    left, right = figure.subplots(1, 2)
    longest = np.array([1, max(len(row.log["val_loss"]) for row in shown)], dtype=float)
    for number, row in enumerate(shown):
        look = {"color": _COLORS[number % len(_COLORS)], "linestyle": _DASHES[number // len(_COLORS)], "linewidth": 1.6}
        epochs = np.asarray(row.log.get("epoch", range(len(row.log["val_loss"])))) + 1
        text = "" if row.accuracy is None else f", test {percent(row.accuracy, 1)}"
        look |= {"marker": drawing.marker(epochs), "markersize": 3}
        label = f" {row.run}{text}"  # Matplotlib leaves out one that begins with an underscore
        left.plot(epochs, row.log["val_accuracy"], label=label, **look)
        right.plot(epochs, row.log["val_loss"], **look)
    _axes(left, right, shown)
    for axes in (left, right):
        drawing.style(axes)
        drawing.epoch_axis(axes, longest)
    more = f"{len(shown)} of {len(drawn)} runs" if len(shown) < len(drawn) else None
    legend = figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=9, labelcolor=INK, title=more)
    for text in legend.get_texts():
        text.set_parse_math(False)
    return drawing.write(figure, path)


def _axes(left, right, shown):
    from matplotlib.ticker import PercentFormatter

    left.set_ylim(0, 1.02)
    left.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
    drawing.title(left, "Validation accuracy", "at the end of each epoch")
    losses = np.concatenate([np.asarray(row.log["val_loss"], dtype=float) for row in shown])
    logarithmic = drawing.loss_axis(right, losses)
    drawing.title(right, "Validation loss", f"in nats{', logarithmic' if logarithmic else ''}, with each run's label smoothing")
