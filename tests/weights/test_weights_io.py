import zipfile

import h5py
import keras
import numpy as np
import pytest
from numpy_resnet import randomize

import keras_resnet as kr
from keras_resnet.errors import WeightsError
from keras_resnet.weights import detect


def net(classes=3, seed=None):
    model = kr.models.create_model("resnet-tiny", input_shape=(32, 32, 3), classes=classes)
    if seed is not None:
        randomize(model, seed)
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


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("nested", [False, True])
def test_the_layout_of_tensorflow_2_12(whole, nested, tmp_path):
    """Its group of the layers has another name, and counts a layer with weights twice: conv2d, conv2d_2, conv2d_4 .."""
    model = flat = net(seed=1)
    if nested:
        images = keras.Input((32, 32, 3))
        model = keras.Model(images, flat(images))
    model.save_weights(tmp_path / "w.weights.h5")
    with h5py.File(tmp_path / "w.weights.h5", "r+") as file:
        for parent in ("layers/functional", "/") if nested else ("/",):
            layers = file[parent]["layers"]
            for name in list(layers):
                kind, _, number = name.rpartition("_") if name[-1].isdigit() and name != "conv2d" else (name, "", "0")
                layers.move(name, f"new_{kind}_{2 * int(number)}" if int(number) else f"new_{kind}")
            for name in list(layers):
                layers[name].get("vars", layers[name]).attrs.pop("name", None)
                layers.move(name, name.removeprefix("new_"))
            file[parent].move("layers", "_layer_checkpoint_dependencies")
    path = tmp_path / "w.weights.h5"
    if whole:
        model.save(tmp_path / "whole.keras")
        path = tmp_path / "w.keras"
        with zipfile.ZipFile(tmp_path / "whole.keras") as old, zipfile.ZipFile(path, "w") as new:
            new.writestr("config.json", old.read("config.json"))
            new.write(tmp_path / "w.weights.h5", "model.weights.h5")
    other = net(seed=2)
    kr.weights.load(other, path, lineage="require" if whole else "ignore")
    for ours, theirs in zip(other.get_weights(), flat.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    found = kr.weights.inspect(path)
    assert found.classes == 3 and (found.dialect == "chollet" or not whole)


def refusal(call, *arguments, **options):
    with pytest.raises(WeightsError) as caught:
        call(*arguments, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_arguments_that_are_none_or_in_the_wrong_order_are_refused_in_one_line(saved, tmp_path):
    model, path = saved
    expected = "expected a keras.Model first and a path second, received"
    assert refusal(kr.weights.load, "old.h5", model) == f"load: {expected} 'old.h5' and a Functional"
    assert refusal(kr.weights.load, model, None) == f"load: {expected} a Functional and None"
    assert refusal(kr.weights.load, 5, path) == f"load: {expected} 5 and '{path}'"
    assert refusal(kr.weights.save, model, None) == f"save: {expected} a Functional and None"
    assert refusal(kr.weights.save, path, model) == f"save: {expected} '{path}' and a Functional"
    expected = "convert: expected the path of a weight file first and that of the new file second, received"
    assert refusal(kr.weights.convert, None, "v.h5", "chollet") == f"{expected} None and 'v.h5'"
    assert refusal(kr.weights.convert, "w.h5", model, "chollet") == f"{expected} 'w.h5' and a Functional"
    for call in (kr.weights.inspect, kr.weights.model_from, kr.weights.verify, lambda path: kr.weights.diff(path, path)):
        assert refusal(call, None) == "expected the path of a weight file, received None"
        assert refusal(call, "") == "the path is empty; expected the path of a weight file"
    assert refusal(kr.weights.load, model, "") == "the path is empty; expected the path of a weight file"
    assert refusal(kr.weights.inspect, b"w.h5") == "expected the path of a weight file, received b'w.h5'"


def test_what_is_no_regular_file_is_said_to_be_none(tmp_path):
    assert refusal(kr.weights.inspect, "/dev/null") == "/dev/null is no regular file; expected a weight file"
    assert refusal(kr.weights.inspect, tmp_path) == f"{tmp_path} is a folder; expected a weight file"
    assert refusal(kr.weights.inspect, tmp_path / "none") == f"No such file: {tmp_path / 'none'}"


def test_model_from_takes_known_arguments_alone(saved):
    _, path = saved
    text = refusal(kr.weights.model_from, path, lineage="bogus")
    assert text.startswith("Unknown lineage: received 'bogus'; expected one of None, 'chollet', 'keras_v2', 'keras', ")
    text = refusal(kr.weights.model_from, path, nonfinite="")
    assert text == "Unknown nonfinite: received ''; expected one of 'refuse', 'warn'."


def test_numbers_that_are_none_can_be_taken_where_the_message_says_so(saved):
    model, path = saved
    model.get_layer("conv1").bias.assign(model.get_layer("conv1").bias * np.nan)
    kr.weights.save(model, path)
    said = f"{path}: conv1/bias holds NaN; expected finite numbers."
    assert refusal(kr.weights.model_from, path) == f"{said} nonfinite='warn' takes them as they are"
    assert refusal(kr.weights.verify, path) == f"{said} kr.weights.load(.., nonfinite='warn') takes them as they are"
    with pytest.warns(UserWarning, match="conv1/bias holds NaN") as caught:
        built = kr.weights.model_from(path, nonfinite="warn", input_shape=(32, 32, 3))
    assert caught[0].filename == __file__
    np.testing.assert_array_equal(built.get_layer("conv1").bias, model.get_layer("conv1").bias)


def test_a_refusal_says_nothing_of_what_it_would_have_converted(tmp_path):
    model = net(seed=1)
    kr.weights.save(model, tmp_path / "w.h5")
    with h5py.File(tmp_path / "w.h5", "a") as file:
        file.attrs["backend"] = "theano"
    assert "5 kernels turned" in str(kr.weights.load(model, tmp_path / "w.h5"))
    text = refusal(kr.weights.load, net(classes=4), tmp_path / "w.h5")
    assert "turned" not in text and text.endswith("in the model; head='skip' keeps the model's classifier")


def test_a_file_of_another_network_is_named_and_model_from_builds_it(tmp_path):
    small = kr.create_model("resnet20", input_shape=(32, 32, 3), classes=3)
    randomize(small, 1)
    kr.weights.save(small, tmp_path / "w.h5")
    text = refusal(kr.weights.load, kr.create_model("resnet32", input_shape=(32, 32, 3), classes=3), tmp_path / "w.h5")
    assert text.endswith("; the file is resnet20, he; model_from builds it")
    built = kr.weights.model_from(tmp_path / "w.h5", input_shape=(32, 32, 3))
    assert all(np.array_equal(a, b) for a, b in zip(built.get_weights(), small.get_weights(), strict=True))
    assert "model_from" not in refusal(kr.weights.load, net(classes=4), tmp_path / "w.h5").partition("resnet20")[0]
    inputs = keras.Input((8,))
    kr.weights.save(keras.Model(inputs, keras.layers.Dense(2, name="alone")(inputs)), tmp_path / "other.h5")
    assert "model_from" not in refusal(kr.weights.load, net(), tmp_path / "other.h5")


def test_a_model_without_a_classifier_is_not_said_to_keep_its_own(saved):
    _, path = saved
    bare = kr.models.create_model("resnet-tiny", input_shape=(32, 32, 3), include_top=False)
    text = refusal(kr.weights.load, bare, path)
    assert text.endswith("fc1000/kernel, fc1000/bias; head='skip' leaves the file's classifier out")
    assert len(kr.weights.load(bare, path, head="skip").matched) == len(bare.weights)


@pytest.mark.parametrize("names", [("resnet20", "plain20"), ("plain20", "resnet20")])
def test_a_shortcut_without_weights_is_missed(names, tmp_path):
    """Option A's shortcuts have no weights: both networks have the same places, and compute something else."""
    written, asked = (kr.create_model(name, input_shape=(32, 32, 3), classes=3) for name in names)
    kr.weights.save(written, tmp_path / "written.h5")
    before = asked.get_weights()
    with pytest.raises(WeightsError, match="another network than .*unchanged: the file is of a (residual|plain) "):
        kr.weights.load(asked, tmp_path / "written.h5")
    for value, old in zip(asked.get_weights(), before, strict=True):
        np.testing.assert_array_equal(value, old)
    kr.weights.load(asked, tmp_path / "written.h5", lineage="ignore")
    for value, expected in zip(asked.get_weights(), written.get_weights(), strict=True):
        np.testing.assert_array_equal(value, expected)


def test_what_a_layer_of_the_users_own_adds_is_not_taken_for_nothing():
    class Sum(keras.layers.Layer):
        def call(self, parts):
            return parts[0] + parts[1]

    inputs = keras.Input((4,))
    parts = [inputs, keras.layers.Dense(4)(inputs)]
    found = [detect.adds(keras.Model(inputs, layer(parts))) for layer in (keras.layers.Add(), keras.layers.Lambda(sum), Sum())]
    assert found == [True, None, None]
    assert detect.adds(keras.Model(inputs, parts[0] + parts[1])) is True
    assert detect.adds(keras.Model(inputs, parts[1])) is False
