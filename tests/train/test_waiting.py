"""The share of time in which a step has nothing to work on, with steps and batches of known length."""

import time

import keras
import numpy as np
import pytest
from conftest import tiny_split

from keras_resnet.data.augmentation import Augmentation
from keras_resnet.data.pipeline import Batches, feed
from keras_resnet.train.waiting import TimedBatches, Waiting


class SlowBatches(TimedBatches):
    """Batches of which each takes its time."""

    seconds = 0.0

    def __getitem__(self, index):
        time.sleep(self.seconds)
        return super().__getitem__(index)


class SlowSteps(keras.callbacks.Callback):
    """Lengthens every step."""

    def __init__(self, seconds):
        super().__init__()
        self.seconds = seconds

    def on_train_batch_begin(self, batch, logs=None):
        time.sleep(self.seconds)


class SlowTrace(keras.layers.Layer):
    """Takes half a second to be traced, and nothing to run; of PyTorch, which traces nothing, the first two calls are slow."""

    calls = 0

    def call(self, inputs):
        self.calls += 1
        if keras.backend.backend() != "torch" or self.calls <= 2:  # the first builds the model
            time.sleep(0.5)
        return inputs


def waiting(batch_seconds, step_seconds):
    """The column, of two epochs, of which the first compiles."""
    inputs = keras.Input((32, 32, 3))
    pooled = SlowTrace()(keras.layers.GlobalAveragePooling2D()(inputs))
    model = keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(pooled))
    model.compile("sgd", "categorical_crossentropy")
    batches = SlowBatches(tiny_split(48, 0), 3, batch_size=4, augmentation=Augmentation(), seed=0)
    batches.seconds = batch_seconds
    slow = SlowSteps(step_seconds)
    history = model.fit(feed(batches), epochs=2, verbose=0, shuffle=False, callbacks=[slow, Waiting(batches)])
    return history.history["waiting"]


@pytest.mark.parametrize(
    ("batch_seconds", "step_seconds", "low", "high"),
    [
        (0.1, 0.0, 0.7, 1.0),  # two threads make one batch in 0.05 s, and a step needs next to nothing
        (0.0, 0.05, 0.0, 0.15),
        # Pairs of batches. Keras on PyTorch calls `on_train_batch_begin`, slow here, once it has a batch: the first waits
        # 0.2 s, five others 0.1 s, of 1.3 s: 0.54. Elsewhere it calls first: 0.25 s, 0.15 s, of 1.3 s: 0.77.
        (0.2, 0.05, 0.4, 0.65) if keras.backend.backend() == "torch" else (0.2, 0.05, 0.65, 0.85),
    ],
)
def test_waiting_is_the_share_without_a_batch(batch_seconds, step_seconds, low, high):
    assert low <= waiting(batch_seconds, step_seconds)[1] <= high


def test_tracing_is_no_waiting():
    assert 0 <= waiting(0.0, 0.05)[0] <= 0.15


def test_the_share_by_hand(monkeypatch):
    clock = iter([10.0, 11.0, 13.0, 14.0])  # an epoch begins at 10; steps end at 11, 13 and 14
    monkeypatch.setattr("keras_resnet.train.waiting.time.perf_counter", lambda: next(clock))

    class Made:
        asked, ready = 10.25, {0: 10.5, 1: 10.2, 2: 13.75}  # waited for 0.25, not at all, and 0.75

    callback, logs = Waiting(Made), {}
    callback.on_epoch_begin(0)
    for batch in range(3):
        callback.on_train_batch_end(batch)
    callback.on_epoch_end(0, logs)
    assert logs == {"waiting": pytest.approx(1.0 / 4)}


def test_a_batch_is_what_batches_give_and_its_time_is_kept():
    settings = {"batch_size": 4, "augmentation": Augmentation(shift=0.1), "seed": 5}
    timed, plain = (kind(tiny_split(12, 0), 3, **settings) for kind in (TimedBatches, Batches))
    before = time.perf_counter()
    for ours, expected in zip(timed[1], plain[1], strict=True):
        np.testing.assert_array_equal(ours, expected)
    assert before < timed.ready[1] < time.perf_counter() and list(timed.ready) == [1]
