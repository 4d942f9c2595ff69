"""A training run in a process of its own, which may kill itself at a chosen moment: `killed_run.py SET RUN MOMENT`."""

import os
import signal
import sys

import keras
import numpy as np

import keras_resnet  # noqa: F401  before TensorFlow, as a user would
from keras_resnet import train
from keras_resnet.data.augment import Augmentation
from keras_resnet.evaluate import evaluation

# Augmentation, averages and updates of two batches, of which one is begun in one epoch and ended in the next.
RECIPE = train.Recipe(
    name="tiny", summary="for the tests", epochs=3, batch_size=4, learning_rate=5e-3, weight_decay=0.05, ema=0.9, accumulate=2,
    augmentation=Augmentation(shift=0.1, rotation=10, brightness=0.1, erase=0.2),
)  # fmt: skip
MOMENTS = ("in-an-epoch", "in-a-checkpoint", "before-the-report", "never")


def die():
    os.kill(os.getpid(), signal.SIGKILL)


class DieInEpoch(keras.callbacks.Callback):
    """At the eleventh batch of the second epoch, with more than a queue holds before it and behind."""

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self.epoch, batch) == (1, 10):
            die()


def die_in_checkpoint(path, **state):
    """In place of `np.savez`, from the second checkpoint of the run on: a part of the file stands already."""
    if (path.parent / "epoch-0001.npz").exists():
        path.write_bytes(b"PK\x03\x04" + bytes(1000))
        die()
    savez(path, **state)


savez = np.savez

if __name__ == "__main__":
    path, out, moment = sys.argv[1:]
    if moment == "in-a-checkpoint":
        np.savez = die_in_checkpoint
    elif moment == "before-the-report":
        evaluation.report = lambda *arguments, **more: die()
    callbacks = [DieInEpoch()] if moment == "in-an-epoch" else []
    train.run(data=path, out=out, model="resnet-tiny", recipe=RECIPE, resume=True, verbose=0, callbacks=callbacks)
