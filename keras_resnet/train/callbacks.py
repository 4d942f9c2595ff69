"""What happens beside the training steps: timing, the log, stopping early."""

import contextlib
import csv
import math
import time

import keras
import numpy as np

from keras_resnet.errors import DataError, RunError
from keras_resnet.evaluate.log import read_log
from keras_resnet.files import whole


class Speed(keras.callbacks.Callback):
    """Adds `images_per_second`, `learning_rate` and `seconds` to the logs of each epoch.

    The speed is that of the median step, so that compilation and a moment's load on the machine do not count; an epoch of one
    step has none. The seconds are those of the whole epoch, validation included.

    Attributes:
        steps: seconds of every training step so far, without each epoch's first.
    """

    def __init__(self, batch_size):
        super().__init__()
        self.batch_size, self.steps = batch_size, []

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch_start, self._last, self._begun = len(self.steps), None, time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        now = time.perf_counter()
        if self._last is not None:
            self.steps.append(now - self._last)
        self._last = now

    def on_epoch_end(self, epoch, logs=None):
        steps = self.steps[self._epoch_start :]
        if steps:
            logs["images_per_second"] = self.batch_size / float(np.median(steps))
        logs["learning_rate"] = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        logs["seconds"] = time.perf_counter() - self._begun

    def images_per_second(self):
        """Over all epochs; None before two steps of an epoch are done."""
        return self.batch_size / float(np.median(self.steps)) if self.steps else None


class Log(keras.callbacks.Callback):
    """A line an epoch in a CSV file, in the columns of Keras's `CSVLogger`; the epoch counts from 0.

    Lines of epochs that are run again after a resumption are replaced. Without ``write`` they are kept in memory alone. Each
    writing is done within a context that ``guard()`` makes.
    """

    def __init__(self, path, epoch, write=True, guard=contextlib.nullcontext):
        super().__init__()
        self.path, self.write, self.guard = path, write, guard
        self.rows = _rows(path, epoch)

    def on_epoch_end(self, epoch, logs=None):
        self.rows.append({"epoch": epoch, **{name: repr(float(value)) for name, value in logs.items()}})
        if self.write:
            with self.guard():
                self._write()

    def _write(self):
        with whole(self.path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, list(self.rows[0]), restval="", extrasaction="ignore")
            writer.writeheader()
            writer.writerows(self.rows)


def _rows(path, epoch):
    """The lines of the epochs before one, dicts of str."""
    if not epoch or not path.exists():
        return []
    numbers = read_own_log(path)["epoch"]
    with open(path, newline="", encoding="utf-8") as stream:
        return [row for row, number in zip(csv.DictReader(stream), numbers, strict=True) if number < epoch]


def read_own_log(path):
    """The columns of a run's log, as `evaluate.log.read_log` returns them; a RunError says how to go on with a damaged one."""
    try:
        return read_log(path, needed=("epoch", "loss", "accuracy"))
    except DataError as problem:
        raise RunError(f"{problem}; mend that file, or remove it: --resume goes on without its lines") from None


class StopEarly(keras.callbacks.Callback):
    """Ends training when the validation loss has not fallen below its lowest for some epochs.

    It reads the log, so that a run that is resumed stops where one without a break would have.

    Args:
        patience: epochs without a lower validation loss, at least 1.
        log: the `Log` of the run; it comes before this callback.
    """

    def __init__(self, patience, log):
        super().__init__()
        self.patience, self.log = patience, log

    def over(self):
        """Whether training has come to that."""
        losses = [float(row.get("val_loss") or "nan") for row in self.log.rows]
        losses = [math.inf if math.isnan(loss) else loss for loss in losses]
        best = losses.index(min(losses)) if losses else 0
        return len(losses) - 1 - best >= self.patience

    def on_epoch_end(self, epoch, logs=None):
        if self.over():
            self.model.stop_training = True
