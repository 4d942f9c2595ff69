"""Layers named by class and count, of shapes that leave two readings: which of two equal kernels is the shortcut's."""

import h5py
import keras
import numpy as np
import pytest
from numpy_resnet import randomize
from test_dialects import weighted, write_keras2

import keras_resnet as kr
from keras_resnet.errors import WeightsError

IMAGES = np.random.default_rng(0).normal(size=(2, 32, 32, 3)).astype("float32")
OPEN = r"conv2d(_\d+)? or conv2d(_\d+)? may be the shortcut's.*expected a whole model.*lineage='ignore'"


def made(shortcut_first, seed, epsilon=1e-3, plus=False):
    """One bottleneck under automatic names: the kernels that the addition takes are both `(1, 1, 16, 64)`.

    Returns:
        The model, and its layers by what they do.
    """
    images, layers = keras.Input((32, 32, 3)), {}

    def conv(x, what, filters, side=1):
        layers[what] = keras.layers.Conv2D(filters, side, padding="same", strides=2 if what == "stem" else 1)
        layers[f"{what} norm"] = keras.layers.BatchNormalization(epsilon=epsilon)
        return layers[f"{what} norm"](layers[what](x))

    x = keras.layers.MaxPooling2D(3, 2)(keras.layers.ReLU()(conv(images, "stem", 16, 7)))
    y = keras.layers.ReLU()(conv(x, "first", 16))
    y = conv(keras.layers.ReLU()(conv(y, "second", 16, 3)), "last", 64)
    pair = [conv(x, "shortcut", 64), y] if shortcut_first else [y, conv(x, "shortcut", 64)]
    x = keras.layers.ReLU()(pair[0] + pair[1] if plus else keras.layers.Add()(pair))
    layers["head"] = keras.layers.Dense(4)
    model = keras.Model(images, layers["head"](keras.layers.GlobalAveragePooling2D()(x)))
    randomize(model, seed)
    return model, layers


def same(one, other):
    return all(
        np.array_equal(ours, theirs)
        for what in one
        for ours, theirs in zip(one[what].get_weights(), other[what].get_weights(), strict=True)
    )


def saved(model, path, kind):
    path = path / f"w.{kind.partition(' ')[2] or kind}"
    if kind.startswith("whole") or kind == "keras":
        model.save(path)
    elif kind.startswith("bare"):
        model.save_weights(path)
        with h5py.File(path, "r+") as file:  # as files of earlier Keras 3 are
            for group in file["layers"].values():
                group["vars"].attrs.pop("name", None)
    elif kind.startswith("old"):
        write_keras2(path, weighted(model), names=[layer.name for layer in model.layers])
    else:
        kr.weights.save(model, path)
    return path


@pytest.mark.parametrize("plus", [False, True])
@pytest.mark.parametrize("kind", ["keras", "whole h5"])
@pytest.mark.parametrize("first", [False, True])
def test_a_whole_models_graph_tells(first, kind, plus, tmp_path):
    model, layers = made(first, 1, plus=plus)
    path = saved(model, tmp_path, kind)
    info = kr.weights.inspect(path)
    assert any(f"the shortcut stands {'before' if first else 'behind'}" in line for line in info.evidence)
    for order in (first, not first):
        other, theirs = made(order, 2, plus=plus)
        assert not same(layers, theirs)
        kr.weights.load(other, path)
        assert same(layers, theirs)
        np.testing.assert_allclose(np.array(other(IMAGES)), np.array(model(IMAGES)), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", ["h5", "weights.h5", "old h5"])
@pytest.mark.parametrize("first", [False, True])
def test_weights_alone_are_taken_by_the_same_code_and_no_other(first, kind, tmp_path):
    model, layers = made(first, 1)
    path = saved(model, tmp_path, kind)
    again, theirs = made(first, 2)
    assert kr.weights.load(again, path).complete and same(layers, theirs)
    twin, _ = made(not first, 3)
    before = [np.array(weight) for weight in twin.weights]
    with pytest.raises(WeightsError, match=OPEN):
        kr.weights.load(twin, path)
    assert all(np.array_equal(one, other) for one, other in zip(before, twin.weights, strict=True))


@pytest.mark.parametrize("first", [False, True])
def test_positions_alone_are_refused_unless_taken_as_they_are(first, tmp_path):
    model, layers = made(first, 1)
    path = saved(model, tmp_path, "bare weights.h5")
    again, theirs = made(first, 2)
    with pytest.raises(WeightsError, match=OPEN):
        kr.weights.load(again, path)
    kr.weights.load(again, path, lineage="ignore")
    assert same(layers, theirs)


def test_inspect_says_what_is_open(tmp_path):
    path = saved(made(True, 1)[0], tmp_path, "weights.h5")
    info = kr.weights.inspect(path)
    assert info.model is None and any("leaves open whether conv2d" in line for line in info.evidence)
    with pytest.raises(WeightsError, match="fits no network of the catalogue: .*leaves open whether conv2d"):
        kr.weights.verify(path)


def test_another_network_is_refused_as_one_that_does_not_fit(tmp_path):
    path = saved(made(True, 1)[0], tmp_path, "weights.h5")
    model = kr.create_model("resnet-tiny", input_shape=(32, 32, 3), classes=4)
    with pytest.raises(WeightsError, match="does not fit the model"):
        kr.weights.load(model, path)


@pytest.mark.parametrize("first", [False, True])
def test_a_named_network_takes_a_whole_models_weights_by_role(first, tmp_path):
    model, layers = made(first, 1)
    options = dict(input_shape=(32, 32, 3), classes=4, depths=(1,), widths=(16,), stem_width=16)
    named = kr.create_model("resnet-tiny", **options)
    kr.weights.load(named, saved(model, tmp_path, "keras"), lineage="ignore")
    for ours, theirs in (("res2a_branch2c", "last"), ("res2a_branch1", "shortcut"), ("bn2a_branch1", "shortcut norm")):
        for one, other in zip(named.get_layer(ours).get_weights(), layers[theirs].get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)
    back, theirs = made(not first, 3)
    kr.weights.save(named, tmp_path / "named.h5")
    kr.weights.load(back, tmp_path / "named.h5", lineage="ignore")
    assert same(layers, theirs)
