import keras
import numpy as np
import pytest
from conftest import tiny_split

from keras_resnet.data import Split
from keras_resnet.data.augment import Augmentation
from keras_resnet.data.pipeline import Batches, EpochNumber, feed

SHAKE = Augmentation(shift=0.2, brightness=0.1)


def test_a_plain_pass_gives_every_image_once_in_order():
    split = tiny_split(50, seed=1)
    batches = Batches(split, 3, batch_size=16)
    images, targets = zip(*(batches[index] for index in range(len(batches))), strict=True)
    np.testing.assert_array_equal(np.concatenate(images), split.images)
    np.testing.assert_array_equal(np.concatenate(targets).argmax(axis=1), split.labels)
    assert [len(part) for part in images] == [16, 16, 16, 2]
    assert set(np.concatenate(targets).sum(axis=1)) == {1.0}


def test_training_shuffles_leaves_the_short_batch_out_and_keeps_labels_with_images():
    split = tiny_split(50, seed=1)
    batches = Batches(split, 3, batch_size=16, augmentation=Augmentation())
    assert len(batches) == 3
    images, targets = (np.concatenate(parts) for parts in zip(*(batches[index] for index in range(3)), strict=True))
    where = [np.flatnonzero((split.images == image).all(axis=(1, 2, 3)))[0] for image in images]
    assert len(set(where)) == 48 and where != sorted(where)
    np.testing.assert_array_equal(targets.argmax(axis=1), split.labels[where])


def test_a_batch_depends_on_seed_epoch_and_index_alone():
    split = tiny_split(50, seed=1)
    first = Batches(split, 3, batch_size=16, augmentation=SHAKE, seed=7)
    late = first[2][0]
    first[0], first[1]
    np.testing.assert_array_equal(first[2][0], late)
    first.begin(2)
    resumed = Batches(split, 3, batch_size=16, augmentation=SHAKE, seed=7, epoch=2)
    np.testing.assert_array_equal(first[1][0], resumed[1][0])
    assert (first[2][0] != late).any()
    assert (Batches(split, 3, batch_size=16, augmentation=SHAKE, seed=8)[2][0] != late).any()


def test_a_set_smaller_than_a_batch_still_trains():
    batches = Batches(tiny_split(10, seed=1), 3, batch_size=32, augmentation=SHAKE)
    assert len(batches) == 1 and len(batches[0][0]) == 10


@pytest.mark.parametrize("parts", [2, 3, 5])
def test_the_parts_of_a_batch_make_the_batch(parts):
    """Also where it is changed at random, and where it does not divide equally: 16 and 2 images over 2, 3 and 5 parts."""
    every = Augmentation(
        shift=0.1, rotation=20, zoom=0.2, brightness=0.1, contrast=0.3, color=0.1, erase=0.3, mirror=True
    )  # fmt: skip
    split = tiny_split(50, seed=1)
    for augmentation, last in ((every, 2), (None, 3)):
        settings = {"batch_size": 16, "augmentation": augmentation, "seed": 3, "epoch": 4}
        whole = Batches(split, 3, **settings)
        pieces = [Batches(split, 3, **settings, part=(number, parts)) for number in range(parts)]
        assert {len(piece) for piece in pieces} == {len(whole)}
        for index in (0, last):
            for received, expected in zip(zip(*(piece[index] for piece in pieces), strict=True), whole[index], strict=True):
                np.testing.assert_array_equal(np.concatenate(received), expected)
            sizes = [len(piece[index][0]) for piece in pieces]
            assert max(sizes) - min(sizes) <= 1


COUNTING = {"batch_size": 1, "augmentation": Augmentation(), "seed": 3}
COUNTED = 40  # batches of an epoch, many more than a queue of Keras holds


def counted_split():
    """Each image its own class."""
    return Split(np.zeros((COUNTED, 2, 2, 3), "uint8"), np.arange(COUNTED), None)


def test_fit_sees_the_batches_of_each_epoch_and_evaluate_each_image_once():
    """By the network itself: its only weights count the images of each class that it has been trained on, step by step."""
    batches, seen = Batches(counted_split(), COUNTED, **COUNTING), []
    inputs = keras.Input((2, 2, 3))
    counts = keras.layers.Dense(COUNTED, use_bias=True, kernel_initializer="zeros", bias_initializer="zeros")
    model = keras.Model(inputs, counts(keras.layers.GlobalAveragePooling2D()(inputs)))

    def look(batch, logs):
        if hasattr(model, "jax_state_sync"):
            model.jax_state_sync()
        seen.append(keras.ops.convert_to_numpy(counts.bias).round().astype(int))

    def total(y_true, y_pred):
        return -keras.ops.sum(y_true * y_pred, axis=-1)

    model.compile(keras.optimizers.SGD(1.0), total, metrics=["accuracy"])
    callbacks = [EpochNumber(batches), keras.callbacks.LambdaCallback(on_train_batch_end=look)]
    model.fit(feed(batches), epochs=2, verbose=0, shuffle=False, callbacks=callbacks)
    model.fit(
        feed(batches), initial_epoch=5, epochs=7, verbose=0, callbacks=callbacks
    )  # of Keras's own shuffling nothing comes
    steps = np.diff(seen, axis=0, prepend=0)
    expected = [
        Batches(counted_split(), COUNTED, **COUNTING, epoch=epoch)[index][1][0]
        for epoch in (1, 2, 6, 7)
        for index in range(COUNTED)
    ]
    np.testing.assert_array_equal(steps, expected)
    counts.bias.assign(np.arange(COUNTED))
    model.compile(loss=total, metrics=["mse"])  # anew, so that `evaluate` takes a batch to build them
    plain = Batches(counted_split(), COUNTED, batch_size=1)
    assert model.evaluate(feed(plain), verbose=0)[0] == pytest.approx(-np.arange(COUNTED).mean())


def test_a_batch_that_cannot_be_made_ends_the_epoch(monkeypatch):
    batches = Batches(tiny_split(50, seed=1), 3, batch_size=16)
    made = Batches.__getitem__
    monkeypatch.setattr(Batches, "__getitem__", lambda self, index: made(self, index if index < 2 else 1 / 0))
    epoch = batches.an_epoch()
    assert len(next(epoch)[0]) == len(next(epoch)[0]) == 16
    with pytest.raises(ZeroDivisionError):
        next(epoch)
