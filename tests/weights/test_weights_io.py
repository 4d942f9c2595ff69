import h5py
import keras
import numpy as np
import pytest
from numpy_resnet import randomise

import keras_resnet as kr
from keras_resnet.errors import WeightsError


def net(classes=3, seed=None):
    model = kr.models.create_model("resnet-tiny", input_shape=(32, 32, 3), classes=classes)
    if seed is not None:
        randomise(model, seed)
    return model


@pytest.fixture
def saved(tmp_path):
    model = net(seed=1)
    kr.weights.save(model, tmp_path / "w.h5")
    return model, tmp_path / "w.h5"


def test_the_file_is_the_layout_of_keras_1_and_2(saved):
    model, path = saved
    with h5py.File(path) as file:  # read as Keras 2 does: layer_names, then each group's weight_names, in order
        names = [name.decode() for name in file.attrs["layer_names"]]
        assert names == [layer.name for layer in model.layers]
        assert file.attrs["backend"] == b"tensorflow"
        arrays = [file[layer][name][()] for layer in names for name in file[layer].attrs["weight_names"]]
        assert [name.decode() for name in file["bn_conv1"].attrs["weight_names"]] == [
            f"bn_conv1/{weight}:0" for weight in ("gamma", "beta", "moving_mean", "moving_variance")
        ]
    expected = [array for layer in model.layers for array in layer.get_weights()]
    assert len(arrays) == len(expected)
    for array, weight in zip(arrays, expected, strict=True):
        np.testing.assert_array_equal(array, weight)


def test_load_gives_the_same_weights_and_says_so(saved):
    model, path = saved
    other = net(seed=2)
    report = kr.weights.load(other, path)
    assert report.complete and len(report.matched) == len(model.weights)
    for ours, theirs in zip(other.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_keras_itself_loads_the_file(saved):
    model, path = saved
    other = net(seed=2)
    other.load_weights(path)
    for ours, theirs in zip(other.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda file: file.__delitem__("res3a_branch1"), "names the layer res3a_branch1 but has no group of that name"),
        (lambda file: file["conv1"].__delitem__("conv1/bias:0"), "conv1/bias:0 of layer conv1 but has no dataset"),
        (lambda file: file.attrs.__delitem__("layer_names"), "it has no attribute layer_names at its root"),
    ],
)
def test_a_damaged_file_is_refused_and_the_model_unchanged(saved, break_it, message):
    _, path = saved
    with h5py.File(path, "r+") as file:
        break_it(file)
    other = net(seed=2)
    before = other.get_weights()
    with pytest.raises(WeightsError, match=message):
        kr.weights.load(other, path)
    assert all(np.array_equal(a, b) for a, b in zip(before, other.get_weights(), strict=True))


def test_another_head_is_refused_with_both_shapes(saved):
    _, path = saved
    other = net(classes=4, seed=2)
    before = other.get_weights()
    with pytest.raises(WeightsError, match=r"fc1000/kernel \(64, 3\) in the file, \(64, 4\) in the model"):
        kr.weights.load(other, path)
    assert all(np.array_equal(a, b) for a, b in zip(before, other.get_weights(), strict=True))


def test_another_network_is_refused_with_both_differences(tmp_path):
    inputs = keras.Input((8,))
    kr.weights.save(keras.Model(inputs, keras.layers.Dense(2, name="alone")(inputs)), tmp_path / "other.h5")
    with pytest.raises(WeightsError, match="0 weights fit; .* only in the model: conv1/kernel.*file: alone/kernel"):
        kr.weights.load(net(), tmp_path / "other.h5")


def test_truncated_and_foreign_files_say_what_they_are(saved, tmp_path):
    _, path = saved
    whole = path.read_bytes()
    (tmp_path / "cut.h5").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(WeightsError, match=rf"truncated: expected {len(whole):,} bytes, received {len(whole) // 2:,}"):
        kr.weights.load(net(), tmp_path / "cut.h5")
    (tmp_path / "page.h5").write_text("<!DOCTYPE html><html><body>Sign in</body></html>")
    with pytest.raises(WeightsError, match="is an HTML page"):
        kr.weights.load(net(), tmp_path / "page.h5")
