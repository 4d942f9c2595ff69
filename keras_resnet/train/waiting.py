"""How long the training step waits for its images."""

import time

import keras

from keras_resnet.data.pipeline import Batches


class TimedBatches(Batches):
    """`Batches` that note when each was ready.

    Attributes:
        ready: number of a batch -> when it was made last, in seconds of `time.perf_counter`.
        asked: when the batches of the present epoch were asked for, in the same seconds.
    """

    def __init__(self, *arguments, **settings):
        super().__init__(*arguments, **settings)
        self.ready, self.asked = {}, 0.0

    def an_epoch(self):
        self.asked = time.perf_counter()
        yield from super().an_epoch()

    def __getitem__(self, index):
        batch = super().__getitem__(index)
        self.ready[index] = time.perf_counter()
        return batch


class Waiting(keras.callbacks.Callback):
    """Adds `waiting` to the logs of each epoch: the share of its time, 0 to 1, in which the step had no batch to work on.

    A step can begin when the one before it has ended and its batch is ready; what lies between is waiting. The time between
    Keras's own calls says nothing of that: TensorFlow fetches a batch within the step. Nobody waits for what was not asked for
    yet: the first batch of all is, once the network has been traced, which takes seconds.

    Args:
        batches: the `TimedBatches` that are trained on, in their order.
    """

    def __init__(self, batches):
        super().__init__()
        self.batches = batches

    def on_epoch_begin(self, epoch, logs=None):
        self._start = self._last = time.perf_counter()
        self._waited = 0.0

    def on_train_batch_end(self, batch, logs=None):
        now = time.perf_counter()
        ready = min(self.batches.ready.get(batch, self._last), now)
        self._waited += max(0.0, ready - max(self._last, self.batches.asked))
        self._last = now

    def on_epoch_end(self, epoch, logs=None):
        logs["waiting"] = self._waited / max(self._last - self._start, 1e-9)
