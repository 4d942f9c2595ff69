"""Occlusion and RISE against loops that hide every part by hand."""

import keras
import numpy as np
import pytest
from explained_networks import SHAPE, network, relu_map, top
from keras import layers

from keras_resnet.errors import DataError
from keras_resnet.explain import occlusion, rise
from keras_resnet.explain.classifier import Classifier

IMAGES = np.random.default_rng(5).uniform(0, 1, (2, *SHAPE)).astype("float32")


def logits(model, images, scale=1):
    kernel, bias = top(model)
    return relu_map(model, images, scale).mean(axis=(1, 2)) @ kernel + bias


def starts(side, window, stride):
    found, place = [], 0
    while place + window < side:
        found.append(place)
        place += stride
    return [*found, side - window]


@pytest.mark.parametrize("form", ["nested", "sequential", "logits"])
@pytest.mark.parametrize(
    ("window", "stride", "fill"), [(3, 2, None), (1, 1, 0.0), (4, 4, 0.5), (10, 10, (0.1, 0.2, 0.3)), (5, 3, None)]
)
def test_occlusion_is_the_mean_fall_of_the_logit_over_the_windows_that_hide_a_pixel(form, window, stride, fill):
    model, scale = network(form)
    images = (IMAGES / scale).astype("float32")
    given = None if fill is None else np.asarray(fill, "float32") / scale
    received = occlusion(model, images, [1, 3], window=window, stride=stride, fill=given)
    for image, index, values in zip(images, (1, 3), received, strict=True):
        falls = [[[] for _ in range(SHAPE[1])] for _ in range(SHAPE[0])]
        whole = logits(model, image[None], scale)[0, index]
        for top_edge in starts(SHAPE[0], window, stride):
            for left_edge in starts(SHAPE[1], window, stride):
                hidden = image.copy()
                hidden[top_edge : top_edge + window, left_edge : left_edge + window] = (
                    image.mean(axis=(0, 1)) if fill is None else given
                )
                fall = whole - logits(model, hidden[None], scale)[0, index]
                for row in range(top_edge, top_edge + window):
                    for column in range(left_edge, left_edge + window):
                        falls[row][column].append(fall)
        expected = [[np.mean(values) for values in row] for row in falls]
        np.testing.assert_allclose(values, expected, atol=2e-5)


def test_windows_that_are_not_given_are_a_sixth_of_the_image_and_overlap_by_half():
    model, _ = network("nested")
    image = np.random.default_rng(0).uniform(0, 1, (1, 12, 10, 3)).astype("float32")
    np.testing.assert_array_equal(occlusion(model, image, 0), occlusion(model, image, 0, window=1, stride=1))


@pytest.mark.parametrize(("window", "stride"), [(11, 1), (3, 4), (-1, 1), (3, -2)])
def test_windows_that_do_not_fit_are_named(window, stride):
    model, _ = network("nested")
    with pytest.raises(DataError, match=r"expected a window of 1 to 10 pixels .* received"):
        occlusion(model, IMAGES, window=window, stride=stride)


def quadrant(activation):
    """A network whose probability of class 1 depends on the brightness of the upper left quarter alone."""
    image = keras.Input((16, 16, 1))
    x = keras.ops.mean(image[:, :8, :8], axis=(1, 2))
    model = keras.Model(image, layers.Dense(2 if activation == "softmax" else 1, activation=activation, name="top")(x))
    kernel = np.array([[-4.0, 4.0]]) if activation == "softmax" else np.array([[8.0]])
    bias = [2.0, -2.0] if activation == "softmax" else [-4.0]
    model.get_layer("top").set_weights([kernel, np.array(bias)])
    return model


def test_rise_is_the_probability_weighed_by_what_is_visible(monkeypatch):
    """Of a white image hidden by black, what the network is shown are the masks; the mean is then taken by hand."""
    seen, probabilities = [], Classifier.probabilities
    monkeypatch.setattr(Classifier, "probabilities", lambda self, images: seen.append(images) or probabilities(self, images))
    received = rise(quadrant("softmax"), np.ones((1, 16, 16, 1), "float32"), 1, masks=40, grid=4, seed=3, fill=0.0)
    masks = np.concatenate(seen)[..., 0]
    assert masks.shape == (40, 16, 16) and 0.3 < masks.mean() < 0.7 and 0 <= masks.min() and masks.max() <= 1
    bright = masks[:, :8, :8].mean(axis=(1, 2))
    expected = np.tensordot(1 / (1 + np.exp(4 - 8 * bright)), masks, axes=1) / masks.sum(axis=0)
    np.testing.assert_allclose(received[0], expected, rtol=1e-4)


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_rise_finds_the_only_quarter_that_matters(activation):
    images = np.random.default_rng(0).uniform(0.8, 1, (2, 16, 16, 1)).astype("float32")
    received = rise(quadrant(activation), images, 1, masks=600, fill=0.0)
    assert received.min() >= 0 and received.max() <= 1
    for values in received:
        assert values[:6, :6].mean() > values[9:, 9:].mean() + 0.03
    against = rise(quadrant(activation), images, 0, masks=600, fill=0.0)
    np.testing.assert_allclose(against, 1 - received, atol=1e-5)


def test_rise_repeats_itself_by_its_seed():
    images = np.random.default_rng(0).uniform(0, 1, (1, 16, 16, 1)).astype("float32")
    first, again, other = (rise(quadrant("softmax"), images, masks=33, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-3


@pytest.mark.parametrize("wrong", [{"masks": 0}, {"grid": 0}, {"visible": 0}, {"visible": 1.0}, {"fill": (0.1, 0.2)}])
def test_settings_of_rise_that_cannot_be_are_named(wrong):
    with pytest.raises(DataError, match="^(rise|fill): expected .* received"):
        rise(quadrant("softmax"), np.ones((1, 16, 16, 1), "float32"), **wrong)
