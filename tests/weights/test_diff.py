"""Whether two files hold the same tensors: by place, whatever the names; and how much they differ."""

import h5py
import keras
import numpy as np
import pytest
from test_dialects import chollet_names, tiny, torch_state, weighted

import keras_resnet as kr
from keras_resnet.errors import WeightsError


def change(path, name, change):
    with h5py.File(path, "a") as file:
        array = file[name][()]
        del file[name]
        file[name] = change(array)


@pytest.fixture
def pair(tmp_path):
    """The same tensors as a Keras file and, under Chollet's names, in his order."""
    keras_file, chollet_file = tmp_path / "keras.h5", tmp_path / "chollet.h5"
    kr.weights.save(tiny("keras", seed=1), keras_file)
    pairs = chollet_names("keras")
    with h5py.File(keras_file) as one, h5py.File(chollet_file, "w") as other:
        other.attrs["layer_names"] = np.array(sorted(name.encode() for name in pairs.values()))
        for name, theirs in pairs.items():
            weights = [weight.decode().rsplit("/", 1)[-1] for weight in one[name].attrs["weight_names"]]
            group = other.create_group(theirs)
            group.attrs["weight_names"] = np.array([f"{theirs}/{weight}".encode() for weight in weights])
            for weight in weights:
                group[f"{theirs}/{weight}"] = one[f"{name}/{name}/{weight}"][()]
    return keras_file, chollet_file


def test_the_same_tensors_under_other_names_are_the_same(pair):
    found = kr.weights.diff(*pair)
    assert found.same and len(found.largest) == 35 and set(found.largest.values()) == {0.0}
    assert found.lineages == ("keras", "chollet")
    assert str(found).startswith("the same tensors in 35 layers")
    said = "lineages keras and chollet: the same tensors compute something else, for they differ in epsilon, pool"
    assert found.differ_in == ("epsilon", "pool") and str(found).splitlines()[1:] == [said]
    assert found.worst is None


def test_the_largest_difference_of_each_layer(pair):
    one, other = pair
    change(other, "bn3a_branch1/bn3a_branch1/gamma:0", lambda array: array + np.float32(0.5) * (np.arange(len(array)) == 3))
    change(other, "conv1/conv1/bias:0", lambda array: array - np.float32(2))
    change(other, "conv1/conv1/kernel:0", lambda array: array + np.float32(0.25))
    found = kr.weights.diff(one, other)
    assert not found.same and found.worst == "conv1_conv"
    off = {name: value for name, value in found.largest.items() if value}
    assert off == pytest.approx({"conv1_conv": 2, "conv3_block1_0_bn": 0.5}, rel=1e-6)
    lines = str(found).splitlines()
    assert lines[0] == f"{one} and {other} differ"
    assert lines[1:4] == [
        "2 of 35 layers differ; the largest differences:",
        "  conv1_conv         2",
        "  conv3_block1_0_bn  0.5",
    ]
    assert kr.weights.diff(other, one).largest["bn3a_branch1"] == off["conv3_block1_0_bn"]


def test_nan_is_like_nan_and_unlike_anything_else(pair):
    one, other = pair

    def spoil(array):
        return np.where(np.arange(len(array)) == 1, np.float32(np.nan), array)

    change(one, "conv1_conv/conv1_conv/bias:0", spoil)
    assert kr.weights.diff(one, other).largest["conv1_conv"] == np.inf
    change(other, "conv1/conv1/bias:0", spoil)
    assert kr.weights.diff(one, other).same
    change(one, "conv1_conv/conv1_conv/bias:0", lambda array: array * np.inf)
    change(other, "conv1/conv1/bias:0", lambda array: array * np.inf)
    assert kr.weights.diff(one, other).same


def test_other_shapes_and_weights_of_one_file_alone(tmp_path):
    kr.weights.save(tiny(seed=1), tmp_path / "a.h5")
    kr.weights.save(tiny(seed=1, classes=7), tmp_path / "b.h5")
    kr.weights.save(tiny(seed=1, bias=(), include_top=False, classes=None), tmp_path / "c.h5")
    found = kr.weights.diff(tmp_path / "a.h5", tmp_path / "b.h5")
    assert not found.same
    assert found.reshaped == (("fc1000/kernel", (64, 5), (64, 7)), ("fc1000/bias", (5,), (7,)))
    assert "fc1000/kernel: shape (64, 5) and (64, 7)" in str(found)
    found = kr.weights.diff(tmp_path / "c.h5", tmp_path / "a.h5")
    assert found.only_in_a == () and found.zero_biases == 0 and not found.same
    assert set(found.only_in_b) >= {"fc1000/kernel", "fc1000/bias", "conv1/bias"} and len(found.only_in_b) == 19
    assert f"only in {tmp_path / 'a.h5'}: 19 weights, conv1/bias, " in str(found)
    assert len(kr.weights.diff(tmp_path / "a.h5", tmp_path / "c.h5").only_in_a) == 19


def test_a_bias_of_zeros_is_like_none(tmp_path):
    model = tiny("torchvision", seed=1)
    kr.weights.save(model, tmp_path / "a.h5")
    kr.weights.convert(tmp_path / "a.h5", tmp_path / "b.h5", "chollet", lineage="ignore")
    for files in (("a.h5", "b.h5"), ("b.h5", "a.h5")):
        found = kr.weights.diff(*(tmp_path / name for name in files))
        assert found.same and found.zero_biases == 17
        assert "17 biases of one file alone are zero, which makes no difference" in str(found)
    change(tmp_path / "b.h5", "conv1/conv1/bias:0", lambda array: array + np.float32(1e-30))
    assert kr.weights.diff(tmp_path / "a.h5", tmp_path / "b.h5").only_in_b == ("conv1/bias",)


def test_counters_count_where_both_have_them(tmp_path):
    save_file = pytest.importorskip("safetensors.numpy").save_file
    state = {name: np.asarray(array) for name, array in torch_state(weighted(tiny("torchvision", seed=1))).items()}
    save_file(state, tmp_path / "a")
    save_file({**state, "bn1.num_batches_tracked": np.array(12347)}, tmp_path / "b")
    save_file({name: array for name, array in state.items() if not name.endswith("tracked")}, tmp_path / "c")
    found = kr.weights.diff(tmp_path / "a", tmp_path / "b")
    assert not found.same and (found.worst, found.largest["bn1"]) == ("bn1", 2.0)
    assert kr.weights.diff(tmp_path / "a", tmp_path / "c").same


def test_other_number_types_of_equal_numbers_are_the_same(tmp_path):
    kr.weights.save(tiny(seed=1), tmp_path / "a.h5")
    kr.weights.save(tiny(seed=1), tmp_path / "b.h5")
    for name in ("conv1/conv1/kernel:0", "fc1000/fc1000/bias:0"):
        change(tmp_path / "b.h5", name, lambda array: array.astype(">f8"))
    assert kr.weights.diff(tmp_path / "a.h5", tmp_path / "b.h5").same


def test_a_missing_file_is_one_line(tmp_path):
    kr.weights.save(tiny(seed=1), tmp_path / "a.h5")
    with pytest.raises(WeightsError, match="No such file: .*b.h5"):
        kr.weights.diff(tmp_path / "a.h5", tmp_path / "b.h5")


def test_lineages_that_compute_the_same_or_are_not_known_are_not_said_to_differ(pair, tmp_path):
    for name in ("a.h5", "b.h5"):
        kr.weights.save(tiny(seed=1), tmp_path / name)
    with h5py.File(tmp_path / "a.h5", "a") as file:
        file.attrs["lineage"] = b"coursera"
    found = kr.weights.diff(tmp_path / "a.h5", tmp_path / "b.h5")
    assert found.lineages == ("coursera", "chollet") and found.differ_in == ()
    assert str(found) == "the same tensors in 35 layers"
    inputs = keras.Input((8,))
    for name, lineage in (("c.h5", b"he"), ("d.h5", None)):
        kr.weights.save(keras.Model(inputs, keras.layers.Dense(2, name="alone")(inputs)), tmp_path / name)
        with h5py.File(tmp_path / name, "a") as file:
            file["alone/alone/kernel:0"][...] = 1
            file.attrs.update({"lineage": lineage} if lineage else {})
    found = kr.weights.diff(tmp_path / "c.h5", tmp_path / "d.h5")
    assert found.lineages == ("he", None) and str(found) == "the same tensors in 1 layers"
    change(pair[1], "conv1/conv1/bias:0", lambda array: array + 1)
    found = kr.weights.diff(*pair)
    assert found.differ_in == ("epsilon", "pool") and "compute something else" not in str(found)


def test_layers_of_other_shapes_or_of_one_file_alone_count_as_different(tmp_path):
    kr.weights.save(tiny(seed=1), tmp_path / "a.h5")
    kr.weights.save(tiny(seed=1, classes=7), tmp_path / "b.h5")
    kr.weights.save(tiny(seed=1, bias=(), include_top=False, classes=None), tmp_path / "c.h5")
    found = kr.weights.diff(tmp_path / "a.h5", tmp_path / "b.h5")
    assert "fc1000" not in found.largest and len(found.largest) == 34
    off = sum(1 for value in found.largest.values() if value)
    assert f"{off + 1} of 35 layers differ" in str(found)
    found = kr.weights.diff(tmp_path / "c.h5", tmp_path / "a.h5")
    changed = {name.rpartition("/")[0] for name in found.only_in_b} | {name for name, value in found.largest.items() if value}
    assert len(changed) >= 18 and f"{len(changed)} of 35 layers differ" in str(found)
