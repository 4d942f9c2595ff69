"""Writing weight files: every pair of dialects there and back, and what is folded, kept, counted and refused.

Files are compared as h5py and safetensors read them, not by the package's reader.
"""

import itertools
import os
import subprocess
import sys

import h5py
import keras
import numpy as np
import pytest
from conftest import ROOT
from numpy_resnet import randomize
from test_dialects import chollet_names, equal, rotated, tiny, torch_state, weighted, write_keras1, write_keras2

import keras_resnet as kr
from keras_resnet.architectures.layer_names import Place, layer_name
from keras_resnet.errors import WeightsError
from keras_resnet.weights.layer_order import arranged

IMAGES = np.random.default_rng(0).normal(size=(2, 32, 32, 3)).astype("float32")
# Dialect -> an end of the file's name, and the lineage of the library itself.
DIALECTS = {
    "chollet": (".h5", "chollet"),
    "keras_applications": (".h5", "keras"),
    "torchvision": (".safetensors", "torchvision"),
    "keras3": (".weights.h5", "chollet"),
}
ALL = ("stem", "0", "1", "2", "3")


def raw(path):
    """Every dataset or tensor of a file by its path in it: the array."""
    if str(path).endswith(".safetensors"):
        return pytest.importorskip("safetensors.numpy").load_file(path)
    found = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, item: found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    return found


def same_bits(one, other):
    assert one.keys() == other.keys()
    for name, array in one.items():
        assert array.dtype == other[name].dtype and array.tobytes() == other[name].tobytes(), name


def without_biases(model):
    """Sets the biases of all convolutions to zero."""
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D) and layer.use_bias:
            layer.bias.assign(keras.ops.zeros_like(layer.bias))
    return model


def attributes(path):
    with h5py.File(path) as file:
        return {name: value.decode() if isinstance(value, bytes) else value for name, value in file.attrs.items()}


@pytest.mark.parametrize(("first", "second"), list(itertools.product(DIALECTS, repeat=2)))
def test_there_and_back_is_bit_exact(first, second, tmp_path):
    """What PyTorch's networks have no place for, the biases, is zero here; see the tests of folding."""
    end, lineage = DIALECTS[first]
    if first == "keras3":  # whose files have names and order of the network that was read last
        lineage = DIALECTS[second][1]
    model = tiny(lineage, seed=1)
    if second == "torchvision":
        without_biases(model)
    start, there, back = (tmp_path / f"{name}{end}" for name in ("start", "there", "back"))
    there = tmp_path / f"there{DIALECTS[second][0]}"
    kr.weights.save(model, start, dialect=first)
    kr.weights.convert(start, there, second, lineage="ignore")
    kr.weights.convert(there, back, first, lineage="ignore")
    before, after = raw(start), raw(back)
    assert len(before) >= len(model.weights)
    same_bits(before, after)
    assert equal(model, kr.weights.model_from(there, input_shape=(32, 32, 3)))


@pytest.mark.parametrize("end", [".h5", ".hdf5", ".weights.h5"])
@pytest.mark.parametrize("dialect", ["chollet", "keras_applications"])
def test_both_containers_hold_the_same(dialect, end, tmp_path):
    model = tiny(DIALECTS[dialect][1], seed=1)
    report = kr.weights.save(model, tmp_path / f"w{end}", dialect=dialect)
    assert report.container == ("weights.h5" if end == ".weights.h5" else "h5")
    assert (report.dialect, report.lineage, report.weights) == (dialect, DIALECTS[dialect][1], len(model.weights))
    arrays = [array for weights in weighted(model).values() for array in weights]
    stored = list(raw(tmp_path / f"w{end}").values())
    assert len(stored) == len(arrays)
    assert sorted(array.tobytes() for array in stored) == sorted(array.tobytes() for array in arrays)
    info = kr.weights.inspect(tmp_path / f"w{end}")
    assert (info.dialect, info.lineage, info.container) == (dialect, DIALECTS[dialect][1], report.container)


NETS = {
    "chollet": ("resnet-tiny", {"lineage": "chollet"}),
    "keras": ("resnet-tiny", {"lineage": "keras"}),
    "keras_hub": ("resnet-tiny", {"lineage": "keras_hub"}),
    "qubvel": ("resnet-tiny", {"lineage": "qubvel"}),
    "basic": ("resnet18", {"lineage": "broad", "depths": (2, 1), "widths": (8, 16)}),
    "keras V2": ("resnet50v2", {"lineage": "keras", "depths": (2, 1), "widths": (8, 16)}),
    "hub V2": ("resnet50v2", {"lineage": "keras_hub", "depths": (2, 1), "widths": (8, 16)}),
    "C": ("resnet50c", {"depths": (2, 1), "widths": (8, 16), "stem_width": 16}),
    "D": ("resnet50d", {"depths": (2, 1), "widths": (8, 16), "stem_width": 16}),
    "gated": ("se_resnet50", {"depths": (2, 1), "widths": (8, 16)}),
    "gated, shortcut first": ("se_resnet50", {"depths": (2, 1), "widths": (8, 16), "shortcut_first": True}),
    "gated V2": ("resnet-tiny", {"order": "pre", "se_ratio": 0.25}),
    "gated V2, shortcut first": ("resnet-tiny", {"order": "pre", "se_ratio": 0.25, "shortcut_first": True}),
    "option A": ("resnet20", {}),
    "option C": ("resnet20", {"shortcut": "C"}),
    "V2 of 32 x 32": ("resnet20v2", {"shortcut": "B"}),
    "group": ("resnet-tiny", {"norm": "group"}),
    "without norms": ("resnet-tiny", {"norm": "none"}),
}


@pytest.mark.parametrize("name", NETS)
def test_layers_are_arranged_as_keras_arranges_them(name):
    net, options = NETS[name]
    model = kr.models.create_model(net, input_shape=(32, 32, 3), classes=3, **options)
    spec = kr.models.resolve(net, **options)
    zones = [(0, (0,)), (1, (0,)), (-1, (0,)), *((stage, range(2 if net != "resnet20" else 3)) for stage in (2, 3, 4, 5))]
    places = {}
    for (stage, blocks), branch, role in itertools.product(
        zones, ("0", "1", "2", "3", "pre", "post", "gate1", "gate2"), ("conv", "norm", "dense")
    ):
        for block in blocks:
            found = layer_name(spec.grammar, Place(stage, block, branch, role))
            if found:
                places[found.replace(".", "_")] = Place(stage, block, branch, role)
    names = [layer.name for layer in model.layers if layer.weights and layer.name in places]
    assert len(names) > 8
    shuffled = [places[name] for name in sorted(names)]
    order = arranged(shuffled, shortcut_first=spec.shortcut_first)
    assert order == [places[name] for name in names]


def test_the_lineages_that_read_a_dialect_add_in_one_order():
    from keras_resnet.architectures.facts import shortcut_first
    from keras_resnet.weights.dialects import TARGETS

    assert all(len({shortcut_first(lineage) for lineage in row.lineages}) < 2 for row in TARGETS.values())


def test_a_layer_without_a_place_stays_behind_the_one_it_stood_behind():
    conv, norm, head = Place(1, 0, "1", "conv"), Place(1, 0, "1", "norm"), Place(-1, 0, "1", "dense")
    assert arranged(["zero", norm, "own", "other", head, conv]) == ["zero", conv, norm, "own", "other", head]


@pytest.mark.parametrize("name", [name for name in NETS if name not in ("group", "without norms")])
def test_chollets_layout_holds_every_network(name, tmp_path):
    """And the new file builds the network that computes what the old one does: it states its lineage."""
    net, options = NETS[name]
    model = kr.models.create_model(net, input_shape=(32, 32, 3), classes=3, **options)
    randomize(model, 2)
    for end in (".h5", ".weights.h5"):
        kr.weights.save(model, tmp_path / f"start{end}")
        kr.weights.convert(tmp_path / f"start{end}", tmp_path / f"there{end}", "chollet", lineage="ignore")
        difference = kr.weights.diff(tmp_path / f"start{end}", tmp_path / f"there{end}")
        assert difference.same and len(difference.largest) == sum(bool(layer.weights) for layer in model.layers)
        info = kr.weights.inspect(tmp_path / f"there{end}")
        assert info.lineage == kr.models.resolve(net, **options).lineage
        other = kr.models.create_model(net, input_shape=(32, 32, 3), classes=3, **options)
        kr.weights.load(other, tmp_path / f"there{end}")
        assert equal(model, other)


@pytest.mark.parametrize("name", ["resnet50c", "resnet50d"])
def test_what_only_names_tell_outlives_other_names(name, tmp_path):
    """The shortcuts of C and D have equal kernels; D's stand behind an average pool, and timm's names alone say so."""
    model = kr.models.create_model(name, input_shape=(32, 32, 3), classes=3)
    randomize(model, 2)
    kr.weights.save(model, tmp_path / "start.safetensors")
    kr.weights.convert(tmp_path / "start.safetensors", tmp_path / "there.h5", "chollet", lineage="ignore")
    assert attributes(tmp_path / "there.h5")["grammar"] == {"resnet50c": "timm_deep", "resnet50d": "timm_average"}[name]
    assert kr.weights.inspect(tmp_path / "there.h5").model == name
    kr.weights.convert(tmp_path / "there.h5", tmp_path / "back.safetensors", "torchvision")
    same_bits(raw(tmp_path / "start.safetensors"), raw(tmp_path / "back.safetensors"))


def test_names_and_order_of_a_converted_file(tmp_path):
    kr.weights.save(tiny("keras", seed=1), tmp_path / "keras.h5")
    kr.weights.convert(tmp_path / "keras.h5", tmp_path / "chollet.h5", "chollet", lineage="ignore")
    kr.weights.convert(tmp_path / "chollet.h5", tmp_path / "back.h5", "keras_applications")  # it is Keras's, and says so
    pairs = chollet_names("keras")
    with h5py.File(tmp_path / "keras.h5") as ours, h5py.File(tmp_path / "chollet.h5") as theirs:
        for name, converted in pairs.items():
            for one, other in zip(ours[name].attrs["weight_names"], theirs[converted].attrs["weight_names"], strict=True):
                assert one.decode().removeprefix(name) == other.decode().removeprefix(converted)
                np.testing.assert_array_equal(ours[name][one], theirs[converted][other])
        names = [name.decode() for name in theirs.attrs["layer_names"]]
        # fchollet/deep-learning-models v0.2: the shortcut behind the last convolution
        assert names[:2] == ["conv1", "bn_conv1"] and names[-1] == "fc1000"
        assert names[6:10] == ["res2a_branch2c", "res2a_branch1", "bn2a_branch2c", "bn2a_branch1"]
        assert sorted(names) == sorted(pairs.values())
    with h5py.File(tmp_path / "back.h5") as file:
        names = [name.decode() for name in file.attrs["layer_names"]]
    # keras.applications: before it
    assert names[6:10] == ["conv2_block1_0_conv", "conv2_block1_3_conv", "conv2_block1_0_bn", "conv2_block1_3_bn"]


def test_blocks_that_are_numbered_stay_so(tmp_path):
    options = dict(input_shape=(32, 32, 3), classes=2, depths=(1, 3, 2), widths=(8, 8, 8), stem_width=8)
    model = kr.models.create_model("resnet101", lineage="caffe", **options)
    kr.weights.save(model, tmp_path / "start.h5")
    kr.weights.convert(tmp_path / "start.h5", tmp_path / "there.h5", "chollet")
    same_bits(raw(tmp_path / "start.h5"), raw(tmp_path / "there.h5"))
    assert any(name.startswith("bn3b2_branch2a/") for name in raw(tmp_path / "there.h5"))


def test_layers_without_weights_stay_listed_under_the_same_names(tmp_path):
    model = tiny(seed=1, include_top=False, classes=None, pooling="avg")
    kr.weights.save(model, tmp_path / "start.h5")
    kr.weights.convert(tmp_path / "start.h5", tmp_path / "there.h5", "chollet")
    with h5py.File(tmp_path / "there.h5") as file:
        assert [name.decode() for name in file.attrs["layer_names"]] == [layer.name for layer in model.layers]
    rebuilt = kr.weights.model_from(tmp_path / "there.h5", input_shape=(32, 32, 3))
    np.testing.assert_allclose(np.array(rebuilt(IMAGES)), np.array(model(IMAGES)), rtol=1e-5, atol=1e-6)


# Lineage


@pytest.mark.parametrize(
    ("lineage", "dialect", "said"),
    [
        ("chollet", "torchvision", "they differ in epsilon, stride, pool"),
        ("keras", "chollet", "they differ in epsilon, pool"),
        ("keras_v2", "keras_applications", "they differ in epsilon"),
        ("caffe", "keras_applications", "they differ in epsilon, pool"),
        ("torchvision", "keras_applications", "they differ in epsilon, stride"),
    ],
)
def test_another_lineage_is_refused_with_both_spelled_out(lineage, dialect, said, tmp_path):
    kr.weights.save(tiny(lineage, seed=1), tmp_path / "start.h5")
    target = tmp_path / f"there{DIALECTS[dialect][0]}"
    with pytest.raises(WeightsError) as caught:
        kr.weights.convert(tmp_path / "start.h5", target, dialect)
    text = str(caught.value)
    assert f"start.h5 is {lineage} (epsilon " in text and f"the dialect {dialect} are {DIALECTS[dialect][1]} (epsilon " in text
    assert said in text and "lineage='ignore'" in text and "\n" not in text
    assert not target.exists()
    report = kr.weights.convert(tmp_path / "start.h5", target, dialect, lineage="ignore")
    assert report.lineage == lineage and said in str(report) and "the lineage was ignored" in str(report)
    info = kr.weights.inspect(target)
    assert (info.dialect, info.lineage) == (dialect, lineage)
    assert f"the file states its lineage, {lineage}" in info.evidence
    with pytest.raises(WeightsError, match=f"dialect {dialect} are {DIALECTS[dialect][1]}"):
        kr.weights.save(tiny(lineage), target, dialect=dialect)


@pytest.mark.parametrize(
    ("lineage", "dialect"),
    [("keras_v2", "chollet"), ("caffe", "chollet"), ("broad", "chollet"), ("keras_hub", "torchvision"), ("qubvel", "keras3")],
)
def test_lineages_that_a_dialect_carries(lineage, dialect, tmp_path):
    """keras-hub's network computes what torchvision's does."""
    model = tiny(lineage, seed=1)
    kr.weights.save(model, tmp_path / "start.h5")
    target = tmp_path / f"there{DIALECTS[dialect][0]}"
    kr.weights.convert(tmp_path / "start.h5", target, dialect)
    rebuilt = kr.weights.model_from(target, input_shape=(32, 32, 3))
    assert kr.weights.inspect(target).lineage == lineage and equal(model, rebuilt)
    np.testing.assert_allclose(np.array(rebuilt(IMAGES)), np.array(model(IMAGES)), rtol=1e-5, atol=1e-6)


def test_a_statement_of_the_lineage_beats_guesses_and_an_unknown_one_counts_for_nothing(tmp_path):
    model = tiny("chollet", seed=1, bias=())
    kr.weights.save(model, tmp_path / "w.h5")  # by names and biases alone it would be Caffe's or Broad's
    assert attributes(tmp_path / "w.h5")["lineage"] == "chollet"
    other = tiny("chollet", seed=2, bias=())
    assert kr.weights.load(other, tmp_path / "w.h5").complete and equal(model, other)
    assert kr.weights.inspect(tmp_path / "w.h5").lineage == "chollet"
    with h5py.File(tmp_path / "w.h5", "a") as file:
        file.attrs["lineage"] = "somebody"
    assert kr.weights.inspect(tmp_path / "w.h5").lineage == "caffe"


def test_a_network_that_departs_from_its_lineage_says_in_what(tmp_path):
    model = tiny("chollet", seed=1, epsilon=3e-4, pool="zero", stem_padding="same", strided_conv=2)
    for name in ("w.h5", "w.weights.h5"):
        kr.weights.save(model, tmp_path / name)
        said = {key: attributes(tmp_path / name).get(key) for key in ("lineage", "epsilon", "pool", "stem", "stride")}
        assert said == {"lineage": "keras_v2", "epsilon": "0.0003", "pool": None, "stem": "same", "stride": "3x3"}
        info = kr.weights.inspect(tmp_path / name)
        assert "its lineage, keras_v2, with epsilon 0.0003, stride in the 3x3, stem padding same" in info.evidence[-1]
        with pytest.raises(WeightsError, match="they differ in epsilon, stride, pool, stem"):
            kr.weights.load(tiny("chollet"), tmp_path / name)
        kr.weights.convert(tmp_path / name, tmp_path / "v.safetensors", "torchvision", lineage="ignore")
        for path in (tmp_path / name, tmp_path / "v.safetensors"):
            rebuilt = kr.weights.model_from(path, input_shape=(32, 32, 3))
            np.testing.assert_allclose(np.array(rebuilt(IMAGES)), np.array(model(IMAGES)), rtol=1e-4, atol=1e-6)
    kr.weights.save(model, tmp_path / "v.h5", dialect="chollet")
    with pytest.raises(WeightsError, match=r"resnet-tiny is keras_v2 \(epsilon 0.0003, .* differ in epsilon, stem"):
        kr.weights.save(model, tmp_path / "v.safetensors", dialect="torchvision")


@pytest.mark.parametrize(
    "said", [{"epsilon": "nan"}, {"epsilon": "-1e-3"}, {"pool": "round"}, {"stride": "9x9"}, {"stem": "same"}]
)
def test_a_statement_that_is_none_counts_for_nothing(said, tmp_path):
    kr.weights.save(tiny(seed=1), tmp_path / "w.h5")
    with h5py.File(tmp_path / "w.h5", "a") as file:
        file.attrs.update(said)
    other = tiny(seed=2)
    if said == {"stem": "same"}:
        with pytest.raises(WeightsError, match="they differ in stem"):
            kr.weights.load(other, tmp_path / "w.h5")
    else:
        assert kr.weights.load(other, tmp_path / "w.h5").complete


def test_a_network_without_known_names_states_no_lineage(tmp_path):
    inputs = keras.Input((8,))
    own = keras.Model(inputs, keras.layers.Dense(2, name="b")(keras.layers.Dense(3, name="a")(inputs)))
    assert kr.weights.save(own, tmp_path / "w.h5").lineage is None and "lineage" not in attributes(tmp_path / "w.h5")


# Biases


def test_a_bias_is_folded_where_the_library_has_none(tmp_path):
    """Within torchvision's lineage, with biases as some of its files have: the same logits, and no bias left."""
    model = tiny("torchvision", seed=1, bias=ALL, classifier_activation=None)
    report = kr.weights.save(model, tmp_path / "w.safetensors", dialect="torchvision")
    assert "17 convolution biases taken into the running means, for the dialect's networks have none" in report.converted
    assert report.weights == 5 * 17 + 17 + 2  # kernels; four of a norm and its counter; the classifier
    assert not any("conv" in name and name.endswith("bias") for name in raw(tmp_path / "w.safetensors"))
    plain = tiny("torchvision", seed=2, classifier_activation=None)
    kr.weights.load(plain, tmp_path / "w.safetensors")
    ours, theirs = np.array(plain(IMAGES)), np.array(model(IMAGES))
    assert np.abs(ours - theirs).max() <= 1e-5 * np.abs(theirs).max()


def test_biases_of_zeros_are_left_out_and_come_back(tmp_path):
    model = without_biases(tiny("chollet", seed=1))
    kr.weights.save(model, tmp_path / "start.h5")
    there = kr.weights.convert(tmp_path / "start.h5", tmp_path / "w.safetensors", "torchvision", lineage="ignore")
    assert "17 convolution biases left out, which are all zero" in there.converted
    means = {name: array for name, array in raw(tmp_path / "w.safetensors").items() if name.endswith("running_mean")}
    np.testing.assert_array_equal(means["layer1.0.bn3.running_mean"], model.get_layer("bn2a_branch2c").moving_mean)
    back = kr.weights.convert(tmp_path / "w.safetensors", tmp_path / "back.h5", "chollet")
    assert "17 convolution biases set to zero, which the file lacks" in back.converted


def test_a_pytorch_file_with_biases_keeps_them(tmp_path):
    save_file = pytest.importorskip("safetensors.numpy").save_file
    state = torch_state(weighted(tiny("torchvision", seed=1, bias=ALL)))
    save_file({name: np.asarray(array) for name, array in state.items()}, tmp_path / "w.safetensors")
    kr.weights.convert(tmp_path / "w.safetensors", tmp_path / "v.safetensors", "torchvision")
    same_bits(raw(tmp_path / "w.safetensors"), raw(tmp_path / "v.safetensors"))


# What is stored


def test_counters_are_kept_bit_for_bit(tmp_path):
    save_file = pytest.importorskip("safetensors.numpy").save_file
    state = {f"module.{name}": np.asarray(array) for name, array in torch_state(weighted(tiny("torchvision", seed=1))).items()}
    for number, name in enumerate(name for name in state if name.endswith("num_batches_tracked")):
        state[name] = np.array(2**40 + number)
    save_file(state, tmp_path / "w")
    report = kr.weights.convert(tmp_path / "w", tmp_path / "v.safetensors", "torchvision")
    assert report.converted == ()
    same_bits({name.removeprefix("module."): array for name, array in state.items()}, raw(tmp_path / "v.safetensors"))
    there = kr.weights.convert(tmp_path / "w", tmp_path / "v.h5", "chollet", lineage="ignore")
    assert "17 counters num_batches_tracked left out, which Keras lacks" in there.converted
    kr.weights.convert(tmp_path / "v.h5", tmp_path / "u.safetensors", "torchvision")
    counter = raw(tmp_path / "u.safetensors")["bn1.num_batches_tracked"]
    assert counter.dtype == "int64" and counter.shape == () and counter == 0


def test_an_older_pytorch_file_without_counters_gets_none(tmp_path):
    save_file = pytest.importorskip("safetensors.numpy").save_file
    state = torch_state(weighted(tiny("torchvision", seed=1)))
    state = {name: np.asarray(array) for name, array in state.items() if not name.endswith("tracked")}
    save_file(state, tmp_path / "w.safetensors")
    kr.weights.convert(tmp_path / "w.safetensors", tmp_path / "v.safetensors", "torchvision")
    same_bits(state, raw(tmp_path / "v.safetensors"))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", ">f4", ">f8"])
def test_types_are_kept_in_this_machines_byte_order(dtype, tmp_path):
    layers = {name: [array.astype(dtype) for array in arrays] for name, arrays in weighted(tiny(seed=1)).items()}
    write_keras2(tmp_path / "w.h5", layers)
    kr.weights.convert(tmp_path / "w.h5", tmp_path / "v.weights.h5", "chollet")
    kernel = raw(tmp_path / "v.weights.h5")["layers/conv2d/vars/0"]
    assert kernel.dtype == np.dtype(dtype).newbyteorder("=") and kernel.dtype.isnative
    np.testing.assert_array_equal(kernel, layers["conv1"][0])
    kr.weights.convert(tmp_path / "w.h5", tmp_path / "v.safetensors", "torchvision", lineage="ignore")
    assert raw(tmp_path / "v.safetensors")["conv1.weight"].dtype == kernel.dtype


def test_bfloat16_becomes_float32_and_half_precision_stays(tmp_path):
    torch = pytest.importorskip("torch")
    state = {name: torch.tensor(array) for name, array in torch_state(weighted(tiny("torchvision", seed=1))).items()}
    for kind, said in ((torch.bfloat16, "87 tensors of bfloat16 written as float32"), (torch.float16, None)):
        halves = {name: tensor.to(kind) if tensor.is_floating_point() else tensor for name, tensor in state.items()}
        torch.save(halves, tmp_path / "w.pth")
        pytest.importorskip("safetensors.torch").save_file(halves, tmp_path / "w.safetensors")
        for source in ("w.pth", "w.safetensors"):
            report = kr.weights.convert(tmp_path / source, tmp_path / "v.safetensors", "torchvision")
            assert report.converted == ((said,) if said else ())
            written = raw(tmp_path / "v.safetensors")
            assert written["conv1.weight"].dtype == ("float32" if said else "float16")
            for name, tensor in halves.items():
                np.testing.assert_array_equal(written[name], tensor.float().numpy().astype(written[name].dtype))


def test_theanos_kernels_become_tensorflows(tmp_path):
    model = tiny(seed=1)
    write_keras2(tmp_path / "w.h5", rotated(weighted(model)), backend="theano")
    report = kr.weights.convert(tmp_path / "w.h5", tmp_path / "v.h5", "chollet")
    assert report.converted == ("5 kernels turned by 180 degrees, as Theano convolves",)
    assert attributes(tmp_path / "v.h5")["backend"] == "tensorflow"
    np.testing.assert_array_equal(raw(tmp_path / "v.h5")["conv1/conv1/kernel:0"], model.get_layer("conv1").kernel)
    write_keras1(tmp_path / "w.h5", rotated(weighted(model)))
    kr.weights.convert(tmp_path / "w.h5", tmp_path / "v.h5", "chollet", kernels="theano")
    np.testing.assert_array_equal(raw(tmp_path / "v.h5")["conv1/conv1/kernel:0"], model.get_layer("conv1").kernel)
    assert attributes(tmp_path / "v.h5")["keras_version"].startswith("2.")


def test_numbers_that_are_none_are_refused_or_warned_of(tmp_path):
    model = tiny(seed=1)
    kernel, bias = model.get_layer("conv1").get_weights()
    kernel[0, 0, 0, 0] = np.nan
    model.get_layer("conv1").set_weights([kernel, bias])
    kr.weights.save(model, tmp_path / "w.h5")
    with pytest.raises(WeightsError, match="conv1/kernel holds NaN; expected finite numbers"):
        kr.weights.convert(tmp_path / "w.h5", tmp_path / "v.h5", "chollet")
    assert not (tmp_path / "v.h5").exists()
    with pytest.warns(UserWarning, match="conv1/kernel holds NaN"):
        kr.weights.convert(tmp_path / "w.h5", tmp_path / "v.h5", "chollet", nonfinite="warn")
    same_bits(raw(tmp_path / "w.h5"), raw(tmp_path / "v.h5"))


def test_a_list_of_names_longer_than_hdf5_takes_is_split_as_keras_splits_it(tmp_path):
    from keras_resnet.weights.hdf5_write import write_legacy

    layers = {f"conv_with_a_long_name_{number:06}": {"kernel": np.full(1, number, "float32")} for number in range(4000)}
    write_legacy(tmp_path / "w.h5", layers, version="2.2.4")
    with h5py.File(tmp_path / "w.h5") as file:
        assert "layer_names" not in file.attrs
        chunks = [file.attrs[f"layer_names{number}"] for number in range(2)]
        assert [name.decode() for chunk in chunks for name in chunk] == list(layers) and "layer_names2" not in file.attrs


def test_a_model_within_a_model_is_saved_with_all_its_weights(tmp_path):
    inner, images = tiny(seed=1), keras.Input((32, 32, 3))
    outer = keras.Model(images, inner(images))
    for name in ("w.h5", "w.weights.h5"):
        kr.weights.save(outer, tmp_path / name)
        assert len(raw(tmp_path / name)) == len(inner.weights)
        fresh = tiny(seed=2)
        around = keras.Model(images, fresh(images))
        around.load_weights(tmp_path / name)
        assert equal(inner, fresh)
        fresh = tiny(seed=3)
        kr.weights.load(fresh, tmp_path / name)
        assert equal(inner, fresh)


def test_layers_that_are_no_networks_are_saved_with_all_their_weights(tmp_path):
    """Weights of equal names within one layer; and two networks in one model, whose layers claim the same places."""
    images, words = keras.Input((32, 32, 3)), keras.Input((4, 6))

    def make(seed):
        keras.utils.set_random_seed(seed)
        attention = keras.layers.MultiHeadAttention(2, 3, name="attention")(words, words)
        nets = [tiny(seed=seed), tiny(seed=seed + 10)]
        nets[1].name = "other"
        both = [net(images) for net in nets]
        return keras.Model([images, words], [*both, attention])

    one = make(1)
    for name in ("w.h5", "w.weights.h5"):
        report = kr.weights.save(one, tmp_path / name)
        assert (report.lineage, report.weights, len(raw(tmp_path / name))) == (None, len(one.weights), len(one.weights))
        other = make(2)
        other.load_weights(tmp_path / name)
        assert equal(one, other)


# Refusals, and what is left behind


@pytest.mark.parametrize(
    ("target", "dialect", "said"),
    [
        ("v.h5", "caffe2", "Unknown dialect to write: received 'caffe2'; expected one of 'chollet', 'keras_applications', "),
        (
            "v.h5",
            "torchvision",
            "v.h5: the dialect torchvision is written to files that end in .safetensors; .h5 takes chollet or",
        ),
        (
            "v.safetensors",
            "chollet",
            "is written to files that end in .weights.h5, .h5 or .hdf5; .safetensors takes torchvision",
        ),
        ("v.h5", "keras3", "the dialect keras3 is written to files that end in .weights.h5; .h5 takes chollet"),
        ("v.pth", "torchvision", "v.pth: the end of its name decides what is written; expected .weights.h5, .h5, .hdf5 or"),
        ("v", "chollet", "v: the end of its name decides what is written"),
    ],
)
def test_other_dialects_and_names_are_refused_with_what_is_accepted(target, dialect, said, tmp_path):
    kr.weights.save(tiny(seed=1), tmp_path / "w.h5")
    with pytest.raises(WeightsError) as caught:
        kr.weights.convert(tmp_path / "w.h5", tmp_path / target, dialect)
    assert said in str(caught.value) and "\n" not in str(caught.value)
    with pytest.raises(WeightsError) as caught:
        kr.weights.save(tiny(seed=1), tmp_path / target, dialect=dialect)
    assert said in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["w.h5"]


def test_other_refusals_say_what_is_wrong(tmp_path):
    kr.weights.save(tiny("qubvel", seed=1), tmp_path / "w.h5")
    with pytest.raises(WeightsError, match="keras_applications has no name for the layer bn_data; chollet and keras3 have one"):
        kr.weights.convert(tmp_path / "w.h5", tmp_path / "v.h5", "keras_applications", lineage="ignore")
    inputs = keras.Input((8,))
    other = keras.Model(inputs, keras.layers.Dense(2, name="alone")(keras.layers.Dense(3, name="first")(inputs)))
    kr.weights.save(other, tmp_path / "other.h5")
    with pytest.raises(WeightsError, match="other.h5 has layers of no known network, first, alone; expected a residual"):
        kr.weights.convert(tmp_path / "other.h5", tmp_path / "v.h5", "chollet")
    head = keras.Model(inputs, keras.layers.Dense(2, name="predictions")(inputs))
    kr.weights.save(head, tmp_path / "head.h5")
    with pytest.raises(WeightsError, match="head.h5 holds a classifier head without its backbone"):
        kr.weights.convert(tmp_path / "head.h5", tmp_path / "v.h5", "keras_applications")
    with pytest.raises(WeightsError, match="a .safetensors file has torchvision's names, and the model resnet-tiny has not"):
        kr.weights.save(tiny(), tmp_path / "v.safetensors")
    with pytest.raises(WeightsError, match="Unknown lineage: received 'any'; expected one of 'require', 'ignore'"):
        kr.weights.convert(tmp_path / "w.h5", tmp_path / "v.h5", "chollet", lineage="any")
    with pytest.raises(WeightsError, match="Unknown nonfinite: received ''"):
        kr.weights.convert(tmp_path / "w.h5", tmp_path / "v.h5", "chollet", nonfinite="")
    with pytest.raises(WeightsError, match="No such file"):
        kr.weights.convert(tmp_path / "none.h5", tmp_path / "v.h5", "chollet")
    assert not (tmp_path / "v.h5").exists()


def test_a_layer_of_an_unknown_class_is_refused_for_keras_3s_layout(tmp_path):
    images = keras.Input((32, 32, 3))
    model = tiny(seed=1)
    whole = keras.Model(images, model(keras.layers.Normalization(name="scaled", mean=0.5, variance=2.0)(images)))
    flat = keras.Model(images, keras.layers.DepthwiseConv2D(3, name="own")(images))
    kr.weights.save(keras.Model(images, [whole(images), flat(images)]), tmp_path / "w.h5")
    with pytest.raises(WeightsError, match="v.weights.h5: the layer own has the weights kernel, bias, of no class that"):
        kr.weights.convert(tmp_path / "w.h5", tmp_path / "v.weights.h5", "chollet")


def test_the_source_can_be_the_target(tmp_path):
    model = tiny("keras", seed=1)
    path = tmp_path / "w.h5"
    write_keras2(path, rotated(weighted(model)), backend="theano")
    kr.weights.convert(path, path, "keras_applications")
    np.testing.assert_array_equal(raw(path)["conv1_conv/conv1_conv/kernel:0"], model.get_layer("conv1_conv").kernel)
    assert [item.name for item in tmp_path.iterdir()] == ["w.h5"]


def test_a_failure_leaves_an_older_file_and_nothing_else(tmp_path, monkeypatch):
    kr.weights.save(tiny(seed=1), tmp_path / "w.h5")
    for name in ("v.h5", "v.weights.h5"):
        (tmp_path / name).write_text("older")

        def full(*arguments):
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", full)
            with pytest.raises(WeightsError, match=f"{name} could not be written: No space left on device; an older file"):
                kr.weights.convert(tmp_path / "w.h5", tmp_path / name, "chollet")
            with pytest.raises(WeightsError, match=f"{name} could not be written: No space left on device; an older file"):
                kr.weights.save(tiny(), tmp_path / name)
        assert (tmp_path / name).read_text() == "older"
    with monkeypatch.context() as patch:
        patch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 1000}))
        with pytest.raises(WeightsError, match="v.weights.h5 could not be written: No space left on device; an older file"):
            kr.weights.save(tiny(), tmp_path / "v.weights.h5")
    (tmp_path / "file").write_text("")
    with pytest.raises(WeightsError, match="v.h5 could not be written: "):
        kr.weights.convert(tmp_path / "w.h5", tmp_path / "file" / "v.h5", "chollet")
    (tmp_path / "folder.h5").mkdir()
    with pytest.raises(WeightsError, match="folder.h5 could not be written: Is a directory"):
        kr.weights.convert(tmp_path / "w.h5", tmp_path / "folder.h5", "chollet")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder.h5", "v.h5", "v.weights.h5", "w.h5"]


@pytest.mark.parametrize(
    ("name", "dialect"), [("v.h5", "chollet"), ("v.weights.h5", "chollet"), ("v.safetensors", "torchvision")]
)
def test_a_full_disk_is_one_line_and_leaves_nothing(name, dialect, tmp_path):
    """A limit on the size of files in a process of its own fails a write as a full disk does."""
    kr.weights.save(tiny(seed=1), tmp_path / "w.h5")
    (tmp_path / name).write_text("older")
    program = (
        "import resource, signal, sys\n"
        "from keras_resnet.weights import convert\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (30000, 30000))\n"
        "try: convert(*sys.argv[1:], lineage='ignore')\n"
        "except Exception as error: print(type(error).__name__, error)\n"
    )
    command = [sys.executable, "-c", program, tmp_path / "w.h5", tmp_path / name, dialect]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("WeightsError ") and "could not be written: " in done.stdout and done.stdout.count("\n") == 1
    assert (tmp_path / name).read_text() == "older"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([name, "w.h5"])


def test_converting_loads_no_framework(tmp_path):
    kr.weights.save(tiny(seed=1), tmp_path / "w.h5")
    program = (
        "import sys\nfrom keras_resnet.weights import convert\nconvert(sys.argv[1], sys.argv[2], 'chollet')\n"
        "print([name for name in ('keras', 'tensorflow', 'torch', 'jax') if name in sys.modules])"
    )
    command = [sys.executable, "-c", program, tmp_path / "w.h5", tmp_path / "v.weights.h5"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=120)
    assert done.stdout == "[]\n", done.stderr


def test_keras_1s_kernels_with_channels_first_are_said_to_be_transposed(tmp_path):
    pytest.importorskip("safetensors")
    model = tiny(seed=1)
    layers = {
        name: [array.transpose(3, 2, 0, 1) if array.ndim == 4 else array for array in arrays]
        for name, arrays in rotated(weighted(without_biases(model))).items()
    }
    write_keras1(tmp_path / "old.h5", layers)
    report = kr.weights.convert(tmp_path / "old.h5", tmp_path / "v.h5", "chollet")
    turned = "5 kernels turned by 180 degrees, as Theano convolves"
    assert report.converted == (turned, "kernels transposed from (out, in, height, width)")
    np.testing.assert_array_equal(raw(tmp_path / "v.h5")["conv1/conv1/kernel:0"], model.get_layer("conv1").kernel)
    report = kr.weights.convert(tmp_path / "old.h5", tmp_path / "v.safetensors", "torchvision", lineage="ignore")
    assert turned in report.converted and not any("transposed" in text for text in report.converted)


def test_advice_names_what_takes_it(tmp_path):
    model = tiny(seed=1)
    kr.weights.save(model, tmp_path / "w.h5")
    with pytest.raises(WeightsError) as caught:
        kr.weights.convert(tmp_path / "w.h5", tmp_path / "v.h5", "keras_applications")
    assert str(caught.value).endswith(
        "they differ in epsilon, pool. lineage='ignore' (--lineage ignore) writes it all the same"
    )
    model.get_layer("conv1").bias.assign(model.get_layer("conv1").bias * np.nan)
    kr.weights.save(model, tmp_path / "w.h5")
    with pytest.raises(WeightsError) as caught:
        kr.weights.convert(tmp_path / "w.h5", tmp_path / "v.h5", "chollet")
    assert str(caught.value).endswith("finite numbers. nonfinite='warn' (--nonfinite warn) takes them as they are")
    with pytest.raises(WeightsError) as caught:
        kr.weights.save(model, tmp_path / "v.h5", dialect="chollet")
    assert str(caught.value).endswith(
        "finite numbers. kr.weights.save to .h5 without dialect=, then kr.weights.convert(.., nonfinite='warn') takes them as "
        "they are"
    )
    with pytest.warns(UserWarning, match="conv1/bias holds NaN"):
        kr.weights.convert(tmp_path / "w.h5", tmp_path / "v.h5", "chollet", nonfinite="warn")
    np.testing.assert_array_equal(raw(tmp_path / "v.h5")["conv1/conv1/bias:0"], model.get_layer("conv1").bias)


def test_a_target_that_ends_in_a_slash_is_refused(tmp_path):
    kr.weights.save(tiny(seed=1), tmp_path / "w.h5")
    for call in (
        lambda: kr.weights.convert(tmp_path / "w.h5", f"{tmp_path}/dir.h5/", "chollet"),
        lambda: kr.weights.save(tiny(), f"{tmp_path}/dir.h5/"),
    ):
        with pytest.raises(WeightsError, match="/dir.h5/ names a folder, for it ends in a slash; expected the path of a file"):
            call()
    assert [path.name for path in tmp_path.iterdir()] == ["w.h5"]


def test_an_older_file_is_spoken_of_only_where_there_is_one(tmp_path):
    (tmp_path / "file").write_text("")
    for name in ("file/v.h5", "folder.h5"):
        (tmp_path / "folder.h5").mkdir(exist_ok=True)
        with pytest.raises(WeightsError) as caught:
            kr.weights.save(tiny(), tmp_path / name)
        assert f"{name} could not be written: " in str(caught.value) and "an older file" not in str(caught.value)
