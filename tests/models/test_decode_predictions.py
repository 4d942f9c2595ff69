"""ImageNet's names, against the hash of Keras's file and Keras's own function."""

import hashlib
import shutil

import keras
import numpy as np
import pytest
from conftest import ROOT

import keras_resnet as kr
from keras_resnet.errors import ModelError
from keras_resnet.models import imagenet

FILE = ROOT / "keras_resnet" / "models" / "imagenet_class_index.json"


def test_the_file_is_kerass_byte_for_byte():
    # The md5 in keras/src/applications/imagenet_utils.py.
    assert hashlib.md5(FILE.read_bytes()).hexdigest() == "c2c37ea517e94d9795004a39431a14cb"


def test_the_names_are_in_the_order_of_the_outputs():
    names = imagenet.class_names()
    assert len(names) == len({wnid for wnid, _ in names}) == 1000
    assert [wnid for wnid, _ in names] == sorted(wnid for wnid, _ in names)
    assert names[0] == ("n01440764", "tench") and names[285] == ("n02124075", "Egyptian_cat")
    assert names[999] == ("n15075141", "toilet_tissue")


@pytest.fixture
def probabilities():
    return np.random.default_rng(0).dirichlet(np.ones(1000), 3).astype("float32")


@pytest.mark.parametrize("top", [1, 5, 1000])
def test_predictions_are_decoded_as_keras_does(probabilities, top, tmp_path, monkeypatch):
    from keras.src.applications import imagenet_utils

    (tmp_path / "models").mkdir()
    shutil.copy(FILE, tmp_path / "models")  # where Keras looks before it downloads; it checks the hash
    monkeypatch.setattr(imagenet_utils, "CLASS_INDEX", None)
    monkeypatch.setattr("keras.src.utils.file_utils.config.keras_home", lambda: str(tmp_path))
    monkeypatch.setattr("keras.src.utils.file_utils.urlretrieve", None)
    expected = keras.applications.imagenet_utils.decode_predictions(probabilities, top=top)
    assert kr.decode_predictions(probabilities, top=top) == expected
    assert [len(row) for row in expected] == [top] * 3


def test_tensors_are_taken_and_left_alone(probabilities):
    before = probabilities.copy()
    tensor = keras.ops.convert_to_tensor(probabilities)
    assert kr.decode_predictions(tensor) == kr.decode_predictions(probabilities)
    np.testing.assert_array_equal(probabilities, before)
    assert kr.decode_predictions(probabilities[:0]) == []


@pytest.mark.parametrize(
    ("shape", "top", "message"),
    [
        ((2, 6), 5, r"expected probabilities of shape \(N, 1000\), received \(2, 6\); a network with other classes has names"),
        ((1000,), 5, r"expected probabilities of shape \(N, 1000\), received \(1000,\)"),
        ((1, 1000), 0, "top: expected an int from 1 to 1,000, received 0"),
        ((1, 1000), 1001, "top: expected an int from 1 to 1,000, received 1001"),
        ((1, 1000), 2.0, "top: expected an int from 1 to 1,000, received 2.0"),
    ],
)
def test_other_shapes_and_counts_are_named(shape, top, message):
    with pytest.raises(ModelError, match=message):
        kr.decode_predictions(np.zeros(shape), top=top)
