"""Batches for `model.fit`: shuffled, augmented beside the training step, the same for the same seed."""

import collections
import contextlib
import itertools
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np

from keras_resnet.data.augment import augment
from keras_resnet.data.stored import shuffled
from keras_resnet.errors import DataError

_THREADS, _AHEAD = 2, 4  # what makes batches beside the step, and how many may be made before they are used


class Batches:
    """Batches of one split, made in threads beside the step; `fit` and `evaluate` take what `feed` makes of them.

    Batch ``i`` of epoch ``e`` depends on `(seed, e, i)` alone: not on what came before it, nor on timing.

    Args:
        split: a `Split`: images uint8 `(N, H, W, 3)`, in memory or on the disk, labels int `(N,)`.
        classes: number of classes.
        batch_size: images a batch; while training, a last short batch is left out (its statistics would be poor).
        augmentation: an `Augmentation`; given, the images are shuffled too.
        seed: int.
        epoch: the number of the present epoch, from 1. A callback `EpochNumber` keeps it up in `fit`.
        part: `(i, n)` for the i-th, from 0, of the n equal parts of each batch; ``batch_size`` is still that of the whole.

    A batch is `(images, targets)`: uint8 `(B, H, W, 3)` and one-hot float32 `(B, classes)`.

    Attributes:
        fault: the `DataError` of a batch that could not be made; None without. See `faults_told`.
    """

    def __init__(self, split, classes, *, batch_size=32, augmentation=None, seed=0, epoch=1, part=(0, 1)):
        self.split, self.classes, self.batch_size = split, classes, min(batch_size, len(split))
        self.augmentation, self.seed, self.part = augmentation, seed, part
        self.fault = None
        self.begin(epoch)

    def begin(self, epoch):
        """Makes an epoch the present one, of which the order is drawn."""
        self.epoch, self._order = epoch, self._shuffled(epoch)

    def __len__(self):
        """The number of batches in an epoch."""
        whole, rest = divmod(len(self.split), self.batch_size)
        return whole + bool(rest and self.augmentation is None)

    def __getitem__(self, index):
        """Batch number ``index`` of the present epoch."""
        chosen = self._order[index * self.batch_size : (index + 1) * self.batch_size]
        count, (number, parts) = len(chosen), self.part
        first = number * count // parts
        chosen = chosen[first : (number + 1) * count // parts]
        try:
            images = self.split.images[chosen]
        except DataError as fault:
            self.fault = fault
            raise
        if self.augmentation is not None:
            generator = np.random.default_rng((self.seed, self.epoch, index))
            images = augment(images, self.augmentation, generator, first, count)
        return images, np.eye(self.classes, dtype="float32")[self.split.labels[chosen]]

    def an_epoch(self):
        """Yields the batches of the present epoch in their order, while threads make those that come after."""
        with ThreadPoolExecutor(_THREADS) as threads:
            indices = iter(range(len(self)))
            made = collections.deque(threads.submit(self.__getitem__, index) for index in itertools.islice(indices, _AHEAD))
            while made:
                batch = made.popleft().result()
                made.extend(threads.submit(self.__getitem__, index) for index in itertools.islice(indices, 1))
                yield batch

    def _shuffled(self, epoch):
        if self.augmentation is None:
            return np.arange(len(self.split))
        # One more number than a batch's seed has: the order is independent of every batch's augmentation.
        return shuffled(self.split.images, np.random.default_rng((self.seed, epoch, 0, 1)))


class EpochNumber(keras.callbacks.Callback):
    """Tells `Batches` which epoch of `fit` begins; Keras takes a batch before the first, and so cannot be counted by."""

    def __init__(self, batches):
        super().__init__()
        self.batches = batches

    def on_epoch_begin(self, epoch, logs=None):
        self.batches.begin(epoch + 1)


def feed(batches):
    """What `fit` and `evaluate` take for some `Batches`: under TensorFlow a `tf.data.Dataset`, else a `PyDataset`.

    Neither goes through Keras's own queue. What that has made ahead when it is stopped, at the end of an epoch or after the
    batch that `fit` takes to build a model, it hands to the next epoch (3.15: `PyDatasetEnqueuer.stop` puts it back), which
    sees 4 or 5 batches of another order first, and never the last of its own. It also waits 0.1 s for a batch that does not
    come: a fortieth of an epoch of 20 steps of ResNet-50 at 64 x 64. tf.data's autotuning is off because its thread holds the
    end up for longer.

    Args:
        batches: `Batches`; None is given back.
    """
    if batches is None:
        return None
    return _dataset(batches) if keras.backend.backend() == "tensorflow" else _InOrder(batches)


class _InOrder(keras.utils.PyDataset):
    """The batches of the present epoch, in their order whichever Keras asks for; of one worker, so that there is no queue."""

    def __init__(self, batches):
        super().__init__()
        self._batches = batches

    def __len__(self):
        return len(self._batches)

    def on_epoch_begin(self):
        """Called whenever Keras begins to ask, to build a model too."""
        self._epoch = self._batches.an_epoch()

    def __getitem__(self, index):
        return next(self._epoch)


def _dataset(batches):
    import tensorflow as tf

    kinds = tf.TensorSpec((None, *batches.split.images.shape[1:]), tf.uint8), tf.TensorSpec((None, batches.classes), tf.float32)
    options = tf.data.Options()
    options.autotune.enabled = False
    dataset = tf.data.Dataset.from_generator(batches.an_epoch, output_signature=kinds)
    return dataset.apply(tf.data.experimental.assert_cardinality(len(batches))).with_options(options)


@contextlib.contextmanager
def faults_told(*sources):
    """Raises the `DataError` of a batch itself, where a framework has wrapped it in an error of its own.

    Args:
        sources: `Batches` that are used within, or None.
    """
    try:
        yield
    except Exception:
        fault = next((batches.fault for batches in sources if batches is not None and batches.fault), None)
        if fault is None:
            raise
        raise fault from None
