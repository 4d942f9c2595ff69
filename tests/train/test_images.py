import numpy as np
import pytest
from conftest import tiny_split
from PIL import Image

from keras_resnet.data import SignsSet, Split, write_signs
from keras_resnet.errors import DataError
from keras_resnet.train import Options
from keras_resnet.train.images import balanced_weights, few, read

NAMES = ("left", "middle", "right")


def grouped(count=60, groups=10, seed=0):
    """Images of three classes, every group with as many of each."""
    split = tiny_split(count, seed)
    return Split(split.images, split.labels, np.arange(count) // (count // groups))


def test_few_are_as_many_of_each_class_from_as_many_groups_as_there_are():
    chosen = few(grouped(), 4, NAMES, seed=0)
    assert np.bincount(chosen.labels).tolist() == [4, 4, 4]
    for label in range(3):
        assert len(set(chosen.groups[chosen.labels == label])) == 4  # no person twice before all have come
    more = few(grouped(), 12, NAMES, seed=0)
    for label in range(3):
        assert sorted(np.bincount(more.groups[more.labels == label], minlength=10)) == [1] * 8 + [2] * 2


def test_few_depend_on_the_seed_alone():
    first, again, other = (few(grouped(), 4, NAMES, seed).images for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_few_of_images_without_groups():
    split = tiny_split(30, 0)
    chosen = few(split, 10, NAMES, seed=0)  # all
    np.testing.assert_array_equal(chosen.images, split.images)


def test_too_few_are_told_by_class():
    split = tiny_split(30, 0)
    keep = np.flatnonzero((split.labels != 1) | (np.arange(30) < 9))
    rare = Split(split.images[keep], split.labels[keep])
    with pytest.raises(DataError, match="per_class: expected at most 3, the images to train on of class 'middle', received 5"):
        few(rare, 5, NAMES, seed=0)


def test_validation_is_cut_before_the_few_are_chosen(tmp_path):
    write_signs(tmp_path / "set", grouped(), grouped(12, 2, seed=1), NAMES)
    images = read(tmp_path / "set", Options(per_class=4, validation_fraction=0.2))
    assert (len(images.train), len(images.validation)) == (12, 12)
    assert not set(images.train.groups) & set(images.validation.groups)
    all_of_them = read(tmp_path / "set", Options(validation_fraction=0.2))
    np.testing.assert_array_equal(images.validation.images, all_of_them.validation.images)


def test_weights_of_classes_by_hand():
    weights = balanced_weights(np.array([0] * 6 + [1] * 3 + [3] * 1))
    assert weights == {0: 10 / (3 * 6), 1: 10 / (3 * 3), 3: 10 / (3 * 1)}
    assert sum(weights[label] * count for label, count in ((0, 6), (1, 3), (3, 1))) == pytest.approx(10)


def test_a_set_is_resized_as_pillow_resizes_its_images(tmp_path):
    write_signs(tmp_path / "set", grouped(), grouped(12, 2, seed=1), NAMES)
    images = read(tmp_path / "set", Options(size=48, validation_fraction=0))
    assert images.set_shape == (32, 32, 3) and images.signs.image_shape == (48, 48, 3) == images.train.images.shape[1:]
    expected = Image.fromarray(grouped().images[7]).resize((48, 48), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(images.train.images[7], np.asarray(expected))
    np.testing.assert_array_equal(images.train.groups, grouped().groups)
    assert images.fingerprint == read(tmp_path / "set", Options()).fingerprint  # of the set, not of its size
    assert (images.signs.test.images.shape, len(images.signs.test)) == ((12, 48, 48, 3), 12)


def test_shrinking_takes_the_mean_of_what_a_pixel_covers():
    checks = np.zeros((1, 64, 64, 3), "uint8")
    checks[:, ::2, ::2] = checks[:, 1::2, 1::2] = 200  # without antialiasing it would turn black or white
    part = Split(checks, np.zeros(1, "int64"))
    small = SignsSet(part, part, ("one",), "here").resized(32).train.images
    assert np.abs(small.astype(int)[:, 1:-1, 1:-1] - 100).max() <= 1


def test_only_square_images_are_resized():
    part = Split(np.zeros((2, 40, 30, 3), "uint8"), np.zeros(2, "int64"))
    with pytest.raises(DataError, match="here has images of 40 x 30; expected square ones to resize to 64 x 64"):
        SignsSet(part, part, ("one",), "here").resized(64)
