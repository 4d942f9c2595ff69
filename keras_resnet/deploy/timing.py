"""How long a run's network takes for an answer on this machine, by engine and precision."""

import time
from dataclasses import asdict, dataclass
from os import PathLike
from pathlib import Path

import numpy as np

from keras_resnet.deploy import cache
from keras_resnet.deploy.engines import ENGINES, FLOAT, KERAS
from keras_resnet.deploy.formats import is_installed
from keras_resnet.deploy.predictor import Predictor
from keras_resnet.environment import cores, processor
from keras_resnet.errors import DeployError

BATCH = 16  # images at once, for the images per second
_WARM = 3  # calls that are not counted: engines choose kernels and take memory in them
_TURN = 5  # calls of one engine before the next has its turn, so that all see the same minutes of the machine


@dataclass(frozen=True)
class Row:
    """One engine in one precision.

    Attributes:
        engine, precision: of `Predictor`.
        p50, p95, p99: milliseconds for one image, which that share of the calls do not exceed.
        images_per_second: of batches of 16 images.
        calls: for one image, that were measured.
    """

    engine: str
    precision: str
    p50: float
    p95: float
    p99: float
    images_per_second: float
    calls: int


@dataclass(frozen=True)
class Latency:
    """What `latency` measured: rows, the quickest first; of images `(H, W, 3)`; on a processor with so many cores."""

    rows: tuple
    image_shape: tuple
    processor: str
    cores: int

    def to_json(self) -> dict:
        """A dict of plain values."""
        return asdict(self)

    def __str__(self):
        height, width, _ = self.image_shape
        head = (
            f"One image of {height} x {width} on {self.processor}, {self.cores} cores: milliseconds; and images/s of batches of"
        )
        lines = [f"{head} {BATCH}", "", f"{'engine':<12}{'precision':<10}{'p50':>9}{'p95':>9}{'p99':>9}{'images/s':>10}"]
        for row in self.rows:
            times = "".join(f"{value:>9.2f}" for value in (row.p50, row.p95, row.p99))
            lines.append(f"{row.engine:<12}{row.precision:<10}{times}{row.images_per_second:>10.1f}")
        return "\n".join(lines)

    def picture(self, path) -> Path:
        """Draws the rows as bars of the median, with marks at p95 and p99; returns the path of the PNG."""
        from keras_resnet.evaluate import drawing

        figure = drawing.new_figure(7, 1.3 + 0.45 * len(self.rows))
        axes = figure.add_subplot()
        places = np.arange(len(self.rows))
        axes.barh(places, [row.p50 for row in self.rows], color=drawing.BLUE, height=0.6, label="median")
        for name, marker in (("p95", "|"), ("p99", "x")):
            axes.plot([getattr(row, name) for row in self.rows], places, marker, color=drawing.ORANGE, label=name)
        axes.set_yticks(places, [f"{row.engine}, {row.precision}" for row in self.rows])
        axes.invert_yaxis()
        axes.set_xlim(0)
        axes.set_xlabel(f"milliseconds for one image of {self.image_shape[0]} x {self.image_shape[1]}")
        drawing.style(axes)
        axes.legend(frameon=False)
        return drawing.write(figure, path)


def latency(run: str | PathLike, *, precisions: tuple = (FLOAT,), calls: int = 200) -> Latency:
    """Measures how long each engine that is installed takes for one image, and how many images a second it makes of many.

    Images are prepared already: what is measured is the way from pixels to probabilities through `Predictor`. The engines take
    turns. An export that is missing is made first.

    Args:
        run: the run folder.
        precisions: of ``"float32"``, ``"bfloat16"`` and ``"int8"``, for the engines that have them; Keras has float32 alone.
        calls: that are measured of each, 20 or more.

    Returns:
        A `Latency`; `print` shows the table, `picture(path)` draws it.

    Raises:
        DeployError: too few calls, or an export cannot be made.
        RunError: no trained run there.

    Example:
        >>> print(latency("runs/first", precisions=("float32", "int8")))
    """
    if calls < 20:
        raise DeployError(f"calls: expected 20 or more, of which p95 can be told, received {calls}")
    predictors = [Predictor(run, engine=engine, precision=precision) for engine, precision in _choices(precisions)]
    image = np.random.RandomState(0).randint(0, 256, (BATCH, *predictors[0].image_shape)).astype(np.uint8)
    ones = _take_turns(predictors, image[:1], calls)
    many = _take_turns(predictors, image, max(5, calls // BATCH))
    rows = [_row(*each) for each in zip(predictors, ones, many, strict=True)]
    return Latency(tuple(sorted(rows, key=lambda row: row.p50)), predictors[0].image_shape, processor(), cores())


def _choices(precisions):
    for precision in precisions:
        for name in (*cache.ORDER, *([KERAS] if precision == FLOAT else [])):
            if name == KERAS or is_installed(ENGINES[name].module) and precision in ENGINES[name].precisions:
                yield name, precision


def _take_turns(predictors, images, calls):
    """Seconds of each call, a list for each predictor."""
    for predictor in predictors:
        for _ in range(_WARM):
            predictor(images)
    times = [[] for _ in predictors]
    for done in range(0, calls, _TURN):
        for predictor, seconds in zip(predictors, times, strict=True):
            for _ in range(min(_TURN, calls - done)):
                start = time.perf_counter()
                predictor(images)
                seconds.append(time.perf_counter() - start)
    return times


def _row(predictor, ones, many):
    p50, p95, p99 = (float(value) for value in 1000 * np.percentile(ones, (50, 95, 99)))
    speed = BATCH / float(np.median(many))
    return Row(predictor.engine, predictor.precision, p50, p95, p99, speed, len(ones))
