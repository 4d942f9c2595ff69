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


class Batches(keras.utils.PyDataset):
    """Batches of one split, made in threads beside the step; `fit` and `evaluate` take what `feed` makes of them.

    Batch ``i`` of epoch ``e`` depends on `(seed, e, i)` alone: not on what came before it, nor on timing.

    Args:
        split: a `Split`: images uint8 `(N, H, W, 3)`, in memory or on the disk, labels int `(N,)`.
        classes: number of classes.
        batch_size: images a batch; while training, a last short batch is left out (its statistics would be poor).
        augmentation: an `Augmentation`; given, the images are shuffled too.
        seed: int.
        epoch: the first epoch, for a run that goes on.
        part: `(i, n)` for the i-th, from 0, of the n equal parts of each batch; ``batch_size`` is still that of the whole.

    A batch is `(images, targets)`: uint8 `(B, H, W, 3)` and one-hot float32 `(B, classes)`.

    Attributes:
        fault: the `DataError` of a batch that could not be made; None without. See `faults_told`.
    """

    def __init__(self, split, classes, *, batch_size=32, augmentation=None, seed=0, epoch=0, part=(0, 1)):
        super().__init__(workers=_THREADS, max_queue_size=_AHEAD)
        self.split, self.classes, self.batch_size = split, classes, min(batch_size, len(split))
        self.augmentation, self.seed, self.epoch = augmentation, seed, epoch
        self.part = part
        self._order, self.fault = self._shuffled(), None

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

    def on_epoch_end(self):
        """Called before every epoch: shuffles anew."""
        self.epoch += 1
        self._order = self._shuffled()

    def an_epoch(self):
        """Yields the batches of the next epoch in their order, while threads make those that come after."""
        self.on_epoch_end()
        with ThreadPoolExecutor(_THREADS) as threads:
            indices = iter(range(len(self)))
            made = collections.deque(threads.submit(self.__getitem__, index) for index in itertools.islice(indices, _AHEAD))
            while made:
                batch = made.popleft().result()
                made.extend(threads.submit(self.__getitem__, index) for index in itertools.islice(indices, 1))
                yield batch

    def _shuffled(self):
        if self.augmentation is None:
            return np.arange(len(self.split))
        # One more number than a batch's seed has: the order is independent of every batch's augmentation.
        return shuffled(self.split.images, np.random.default_rng((self.seed, self.epoch, 0, 1)))


def feed(batches):
    """What `fit` and `evaluate` take for some `Batches`: under TensorFlow a `tf.data.Dataset`, else the batches as they are.

    At the end of every epoch Keras's own queue for them waits 0.1 s for a batch that does not come (3.15,
    `PyDatasetEnqueuer.stop`): a fortieth of an epoch of 20 steps of ResNet-50 at 64 x 64. With one thread there is no queue,
    but tf.data's autotuning, whose thread holds the end up for longer.

    Args:
        batches: `Batches`; None is given back.
    """
    if batches is None or keras.backend.backend() != "tensorflow":
        return batches
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
