import hashlib

import keras
import numpy as np
import pytest

from keras_resnet.errors import ModelError
from keras_resnet.models.preprocess import MODES, preprocess_input


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (2, 5, 7, 3)).astype("uint8")


@pytest.mark.parametrize("mode", ["caffe", "torch", "tf"])
def test_the_numbers_are_those_of_keras(images, mode):
    from keras.src.applications.imagenet_utils import preprocess_input as of_keras

    expected = of_keras(images.astype("float32"), data_format="channels_last", mode=mode)
    np.testing.assert_allclose(preprocess_input(images, mode), expected, rtol=1e-5, atol=1e-5)


def test_a_known_pixel_turns_to_bgr_before_the_means_go():
    # 2016's slip subtracted red's mean from blue: the means belong to the channels after the turn.
    pixel = np.array([[[255.0, 128.0, 0.0]]])
    np.testing.assert_allclose(preprocess_input(pixel, "caffe"), [[[0 - 103.939, 128 - 116.779, 255 - 123.68]]], rtol=1e-6)


@pytest.mark.parametrize("mode", list(MODES))
@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64"])
def test_the_argument_is_left_as_it_is_and_arrays_stay_arrays(images, mode, dtype):
    images = images.astype(dtype)
    before = hashlib.sha256(images.tobytes()).hexdigest()
    result = preprocess_input(images, mode)
    assert hashlib.sha256(images.tobytes()).hexdigest() == before and not np.shares_memory(result, images)
    assert isinstance(result, np.ndarray) and result.dtype == np.float32 and result.shape == images.shape


def test_tensors_and_symbols_give_the_same(images):
    expected = preprocess_input(images, "caffe")
    tensor = preprocess_input(keras.ops.convert_to_tensor(images), "caffe")
    np.testing.assert_allclose(keras.ops.convert_to_numpy(tensor), expected, rtol=1e-6)
    pixels = keras.Input((5, 7, 3))
    model = keras.Model(pixels, preprocess_input(pixels, "caffe"))
    np.testing.assert_allclose(model.predict(images.astype("float32"), verbose=0), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.linspace(0, 1, 12), "received 0 to 1: divided by 255 already: multiply by 255 first"),
        (np.linspace(-124, 151, 12), "received -124 to 151: preprocessed already"),
        (np.linspace(0, 4095, 12), "received 0 to 4095: no 8-bit pixels"),
        (np.full(12, np.nan), "not all values are finite"),
    ],
)
def test_values_it_was_not_meant_for_are_refused(values, message):
    with pytest.raises(ModelError, match=message):
        preprocess_input(values.reshape(2, 2, 3))


def test_a_black_picture_is_a_picture():
    assert preprocess_input(np.zeros((2, 2, 3)), "unit").max() == 0


def test_an_unknown_mode_and_other_channels_are_named(images):
    with pytest.raises(ModelError, match="Unknown preprocessing mode: received 'vgg'; expected one of 'caffe'"):
        preprocess_input(images, "vgg")
    with pytest.raises(ModelError, match=r"three channels last, received shape \(2, 5, 7, 1\)"):
        preprocess_input(images[..., :1])
