"""Arrays in memory as an image set."""

import numpy as np
import pytest
from conftest import tiny_split

from keras_resnet.data import SignsSet, Split
from keras_resnet.data.arrays import from_arrays, is_arrays
from keras_resnet.errors import DataError

SPLIT, TEST = tiny_split(30, 1), tiny_split(9, 2)
X, Y = SPLIT.images, SPLIT.labels


def quiet(data, **how):
    return from_arrays(data, say=lambda line: None, **how)


def test_training_and_test_arrays_are_the_two_splits():
    signs = quiet(((X, Y), (TEST.images, TEST.labels)))
    np.testing.assert_array_equal(signs.train.images, X)
    np.testing.assert_array_equal(signs.test.labels, TEST.labels)
    assert signs.class_names == ("0", "1", "2") and signs.image_shape == (32, 32, 3)


@pytest.mark.parametrize(
    "labels",
    [Y, Y.astype("uint8"), Y[:, None], Y[None], Y.tolist(), np.eye(3)[Y], np.eye(3, dtype=int)[Y].tolist()],
    ids=["int64", "uint8", "column", "row", "list", "one-hot", "lists of one-hot"],
)
def test_labels_in_their_forms(labels):
    signs = quiet(((X, labels), (X[:6], Y[:6])))
    np.testing.assert_array_equal(signs.train.labels, Y)
    assert signs.train.labels.dtype == np.int64 and signs.class_names == ("0", "1", "2")


def test_strings_are_the_names_of_the_classes():
    names = np.array(["paper", "stone", "knife"])
    signs = quiet(((X, names[Y]), (TEST.images, list(names[TEST.labels]))))
    assert signs.class_names == ("knife", "paper", "stone")
    assert [signs.class_names[label] for label in signs.train.labels] == list(names[Y])
    assert [signs.class_names[label] for label in signs.test.labels] == list(names[TEST.labels])


def test_lists_of_two_images_and_two_labels_are_one_pair():
    with pytest.raises(DataError, match="no test images can be cut from 2 images; expected two of a class"):
        quiet([[X[0], X[1]], [0, 1]], test_fraction=0.5)
    assert len(quiet([list(X), list(Y)], test_fraction=0.5).train) == 15


def test_without_test_images_a_fifth_is_kept_and_that_is_said():
    lines = []
    signs = from_arrays((X, Y), say=lines.append)
    assert lines == ["No test images were given: 20% of the 30 are kept to test on (test_fraction=)"]
    assert np.bincount(signs.test.labels).tolist() == [2, 2, 2] and len(signs.train) == 24
    both = np.concatenate([signs.train.images, signs.test.images]).reshape(30, -1)
    assert len(np.unique(both, axis=0)) == 30
    assert len(quiet((X, Y), test_fraction=0.5).test) == 15


def test_a_set_is_taken_as_it_is():
    signs = SignsSet(SPLIT, TEST, ("a", "b", "c"), "here")
    assert from_arrays(signs) is signs and is_arrays(signs) and not is_arrays("here") and not is_arrays(None)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (X, r"data: received ndarray; expected \(images, labels\) or \(\(images, labels\), \(test images, test labels\)\), or"),
        ((X,), "data: received tuple; expected"),
        ({"x": X}, "data: received dict; expected"),
        ((X / 255, Y), "the arrays, training: images is float64; expected uint8, 0 to 255"),
        ((X[0], Y[:2]), r"images has shape \(32, 32, 3\); expected \(images, height, width, 3\)"),
        ((X[..., 0], Y), r"images has shape \(30, 32, 32\); expected"),
        ((X, Y[:-1]), "labels has 29 values for 30 images; expected one for each image"),
        ((X, Y.astype(float)), r"labels is float64; expected integers \(int64\)"),
        ((X, Y + 1), "no training image has the label 0; expected labels from 0 on without gaps, or strings"),
        ((X, Y * 10**9), "no training image has the label 1; expected labels from 0 on without gaps"),
        ((X, Y - 1), "labels has 10 of 30 values outside the classes: -1"),
        ((X, Y * 0), "all labels are 0; expected at least two classes"),
        ((X, ["one"] * 30), "all labels are one; expected at least two classes"),
        ((X, np.eye(3)[Y] * 0.5), r"labels of shape \(30, 3\); expected \(N,\), or one-hot: a single 1 in each row"),
        ((X, np.ones((30, 3))), "or one-hot: a single 1 in each row"),
        (([[1, 2], [3]], Y), "images are no array"),
        (((X, Y), (TEST.images, TEST.labels + 1)), "no training image has the label 3"),
        (((X, ["a"] * 15 + ["b"] * 15), (TEST.images, ["c"] * 9)), "no training image has the label c; expected every class"),
        (((X, Y), (np.zeros((3, 16, 16, 3), "uint8"), Y[:3])), "training images are 32 x 32 x 3, test images 16 x 16 x 3"),
        (((X, Y), (TEST.images[:0], TEST.labels[:0])), "test: images is empty"),
    ],
)
def test_what_is_wrong_is_one_line(data, message):
    with pytest.raises(DataError, match=message) as caught:
        quiet(data)
    assert "\n" not in str(caught.value)


def test_a_share_to_test_on_beside_test_images_is_refused():
    with pytest.raises(DataError, match="test_fraction: expected none beside arrays of test images, received 0.5"):
        quiet(((X, Y), (TEST.images, TEST.labels)), test_fraction=0.5)


def test_tensors_are_arrays_too():
    torch = pytest.importorskip("torch")
    signs = quiet(((torch.tensor(X), torch.tensor(Y)), (TEST.images, TEST.labels)))
    np.testing.assert_array_equal(signs.train.images, X)
    assert isinstance(signs.train, Split)
