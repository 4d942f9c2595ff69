import numpy as np
from conftest import tiny_split

from keras_resnet.data.augment import Augmentation
from keras_resnet.data.pipeline import Batches

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
    first.on_epoch_end()
    resumed = Batches(split, 3, batch_size=16, augmentation=SHAKE, seed=7, epoch=1)
    np.testing.assert_array_equal(first[1][0], resumed[1][0])
    assert (first[2][0] != late).any()
    assert (Batches(split, 3, batch_size=16, augmentation=SHAKE, seed=8)[2][0] != late).any()


def test_a_set_smaller_than_a_batch_still_trains():
    batches = Batches(tiny_split(10, seed=1), 3, batch_size=32, augmentation=SHAKE)
    assert len(batches) == 1 and len(batches[0][0]) == 10
