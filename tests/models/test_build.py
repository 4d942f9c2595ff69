import importlib

import keras
import numpy as np
import pytest
from numpy_resnet import randomize

import keras_resnet as kr
from keras_resnet.architectures import layer_names
from keras_resnet.errors import ModelError
from keras_resnet.models import create_model, resolve

IMAGES = np.random.default_rng(1).normal(size=(2, 75, 101, 3)).astype("float32")
TINY = {"lineage": "torchvision", "input_shape": (64, 64, 3), "classes": 3}


def outputs(model, images):
    """Layer by layer: to trace a graph takes longer than to compute."""
    return keras.tree.map_structure(keras.ops.convert_to_numpy, model(images, training=False))


def relative(ours, theirs):
    return np.abs(ours - theirs).max() / np.abs(theirs).max()


@pytest.fixture
def torch_networks():
    pytest.importorskip("torch", reason="compares with PyTorch, which is not installed")
    return importlib.import_module("torch_networks")


def take_weights(model, spec, theirs):
    """Weights of `torch_networks.layers_of` by place; every one of them has to find its layer."""
    for layer in model.layers:
        if layer.weights:
            place = layer_names.place_of(spec.grammar, layer.name)
            layer.set_weights(theirs.pop(torch_name(place, spec)))
    assert not theirs


def torch_name(place, spec):
    if spec.order == "pre" and place.role == "norm":  # a norm is counted with the convolution that follows it
        if place.stage == layer_names.HEAD:
            return "bn_end"
        place = place._replace(branch="1" if place.branch == "pre" else str(int(place.branch) + 1))
    grammar = spec.grammar if spec.grammar.startswith("timm") else "torchvision"
    return layer_names.layer_name(grammar, place)


PARITY = {
    "resnet18": dict(depths=(2, 2, 2, 2), basic=True),
    "resnet34": dict(depths=(3, 4, 6, 3), basic=True),
    "resnet50": dict(depths=(3, 4, 6, 3)),
    "resnet101": dict(depths=(3, 4, 23, 3)),
    "resnet152": dict(depths=(3, 8, 36, 3)),
    "resnet18d": dict(depths=(2, 2, 2, 2), basic=True, deep=True, shortcut="D"),
    "resnet50d": dict(depths=(3, 4, 6, 3), deep=True, shortcut="D"),
    "resnet50c": dict(depths=(3, 4, 6, 3), deep=True),
    "wide_resnet50_2": dict(depths=(3, 4, 6, 3), base_width=128),
    "resnext50_32x4d": dict(depths=(3, 4, 6, 3), groups=32, base_width=4),
    "se_resnet50": dict(depths=(3, 4, 6, 3), squeeze=True),
}
SHORT = ("resnet18", "resnet18d", "resnet50", "resnext50_32x4d", "se_resnet50")


@pytest.mark.parametrize("name", [pytest.param(n, marks=[] if n in SHORT else [pytest.mark.full]) for n in PARITY])
def test_torchvisions_networks_compute_what_pytorch_computes(name, torch_networks):
    network = torch_networks.randomize(torch_networks.Network(classes=7, **PARITY[name]), seed=1)
    model = create_model(name, lineage="torchvision", input_shape=IMAGES.shape[1:], classes=7, classifier_activation=None)
    take_weights(model, resolve(name, "torchvision"), torch_networks.layers_of(network))
    assert relative(outputs(model, IMAGES), torch_networks.run(network, IMAGES)) < 1e-5


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("resnet20", {"shortcut": "A"}),
        ("resnet20v2", {"shortcut": "A", "preact": True}),
        ("plain20", {"shortcut": "none"}),
    ],
)
def test_the_small_networks_compute_what_pytorch_computes(name, options, torch_networks):
    images = IMAGES[:, :33, :47]
    network = torch_networks.Network((3, 3, 3), 10, basic=True, small=True, **options)
    network = torch_networks.randomize(network, seed=2)
    model = create_model(name, input_shape=(33, 47, 3), classifier_activation=None)
    take_weights(model, resolve(name), torch_networks.layers_of(network))
    assert relative(outputs(model, images), torch_networks.run(network, images)) < 1e-5


@pytest.mark.parametrize("size", [64, 66])  # the stem's map has 32 and 33 pixels a side: Caffe pads the even one
def test_caffes_network_computes_what_pytorch_computes_by_caffes_rules(size, torch_networks):
    images = IMAGES[:, :size, :size]
    options = dict(stride_in_1x1=True, ceil=True, conv1_bias=True, epsilon=1e-5)
    network = torch_networks.randomize(torch_networks.Network((3, 4, 6, 3), 5, **options), seed=3)
    model = create_model("resnet50", lineage="caffe", input_shape=images.shape[1:], classes=5, classifier_activation=None)
    take_weights(model, resolve("resnet50", "caffe"), torch_networks.layers_of(network))
    assert relative(outputs(model, images), torch_networks.run(network, images)) < 1e-5


KEYS = ("name", "strides", "padding", "epsilon", "momentum", "use_bias", "kernel_size", "pool_size", "dilation_rate")


def settings(model):
    """Every layer's settings that decide a number; the names but Keras's own, which count up."""
    rows = [{key: layer.get_config().get(key) for key in KEYS} for layer in model.layers]
    for row in rows:
        if row["name"].startswith(("input_layer", "max_pooling2d")):
            row["name"] = None
    return rows


@pytest.mark.parametrize(
    "name",
    [
        "ResNet50",
        "ResNet50V2",
        *(pytest.param(n, marks=pytest.mark.full) for n in ("ResNet101", "ResNet152", "ResNet101V2", "ResNet152V2")),
    ],
)
def test_kerass_networks_are_kerass(name):
    options = {"input_shape": (64, 64, 3), "classes": 5, "classifier_activation": None}
    theirs = getattr(keras.applications, name)(weights=None, **options)
    ours = create_model(name.lower(), lineage="keras", **options)
    assert settings(ours) == settings(theirs)
    randomize(theirs, seed=4)
    ours.set_weights(theirs.get_weights())
    images = 50 * IMAGES[:, :64, :64]
    assert relative(outputs(ours, images), outputs(theirs, images)) < 1e-5


def test_resnet50_takes_a_lineage():
    model = kr.ResNet50(weights=None, input_shape=(32, 32, 3), classes=4, lineage="torchvision")
    assert model.get_layer("layer4_2_conv3").strides == (1, 1)
    assert model.get_layer("layer4_0_conv2").strides == (2, 2)
    assert model.count_params() == 25_610_152 - 2_049_000 + 4 * 2049
    with pytest.raises(ModelError, match="Unknown lineage of resnet50: received 'tf'; expected one of 'chollet', 'keras_v2'"):
        kr.ResNet50(weights=None, lineage="tf")


def test_input_open_sizes_channels_and_tensors():
    open_size = create_model("resnet-tiny", input_shape=(None, None, 3), classes=3)
    fixed = create_model("resnet-tiny", input_shape=(64, 64, 3), classes=3)
    randomize(fixed, seed=5)
    open_size.set_weights(fixed.get_weights())
    images = IMAGES[:, :64, :64]
    np.testing.assert_allclose(outputs(open_size, images), outputs(fixed, images), rtol=1e-5, atol=1e-7)
    pixels = keras.Input((64, 64, 4))
    four = create_model("resnet-tiny", input_tensor=keras.layers.Rescaling(2.0)(pixels), classes=3)
    assert four.get_layer("conv1").kernel.shape == (7, 7, 4, 16)
    assert four.input is pixels


def test_without_the_top_comes_the_map_or_its_mean():
    flat = create_model("resnet-tiny", include_top=False, pooling="avg", input_shape=(64, 64, 3))
    whole = create_model("resnet-tiny", include_top=False)
    assert whole.input_shape == (None, None, None, 3)
    randomize(flat, seed=6)
    whole.set_weights(flat.get_weights())
    images = IMAGES[:, :64, :64]
    maps = outputs(whole, images)
    np.testing.assert_allclose(outputs(flat, images), maps.mean(axis=(1, 2)), rtol=1e-5)
    peaks = create_model("resnet-tiny", include_top=False, pooling="max")
    peaks.set_weights(flat.get_weights())
    np.testing.assert_allclose(outputs(peaks, images), maps.max(axis=(1, 2)), rtol=1e-5)


@pytest.mark.parametrize("lineage", ["chollet", "torchvision", "qubvel"])
def test_a_name_prefixes_every_layer_so_that_two_networks_fit_in_one(lineage):
    pixels = keras.Input((32, 32, 3), name="pixels")
    left, right = (
        create_model("resnet-tiny", lineage=lineage, input_tensor=pixels, classes=3, name=name) for name in ("left", "right")
    )
    assert all(layer.name.startswith("left_") for layer in left.layers[1:])
    both = keras.Model(pixels, keras.layers.Average(name="mean")([left.output, right.output]))
    assert len({layer.name for layer in both.layers}) == len(both.layers) == 2 * len(left.layers)


def test_a_stage_that_is_dilated_keeps_its_size_and_its_weights():
    images = IMAGES[:, :64, :64]
    plain = create_model("resnet50", include_top=False, **{**TINY, "classes": None})
    for stride, side in ((32, 2), (16, 4), (8, 8)):
        model = create_model("resnet-tiny", include_top=False, output_stride=stride, **{**TINY, "classes": None})
        assert model.output_shape[1:3] == (side, side)
    # Every 2 ** n-th pixel of a dilated map is what the network with strides computes, as long as no edge is in reach.
    dilated = create_model("resnet50", include_top=False, output_stride=16, **{**TINY, "classes": None})
    assert [w.shape for w in dilated.weights] == [w.shape for w in plain.weights]
    assert dilated.get_layer("layer4_0_conv2").dilation_rate == (1, 1)
    assert dilated.get_layer("layer4_1_conv2").dilation_rate == (2, 2)
    assert outputs(dilated, images).shape == (2, 4, 4, 2048)


def branches_off(model, images):
    """The output with every branch silenced: what the shortcuts alone carry."""
    for layer in model.layers:
        if layer.name.endswith("_conv3"):
            layer.set_weights([0 * weight for weight in layer.get_weights()])
    for layer in model.layers:
        if layer.name.endswith("_bn3"):
            gamma, beta, mean, variance = layer.get_weights()
            layer.set_weights([gamma, 0 * beta, 0 * mean, variance])
    return outputs(model, images)


@pytest.mark.parametrize("choice", [{"zero_init_gamma": True}, {"residual_scale": "learned"}])
def test_a_branch_that_starts_at_zero_adds_nothing(choice):
    images = IMAGES[:, :64, :64]
    model = create_model("resnet-tiny", **TINY, **choice)
    before = outputs(model, images)
    np.testing.assert_allclose(before, branches_off(model, images), rtol=1e-5, atol=1e-6)
    ordinary = create_model("resnet-tiny", **TINY)
    assert not np.allclose(outputs(ordinary, images), branches_off(ordinary, images), atol=1e-3)


def test_the_sum_is_scaled_and_the_learned_scalar_multiplies_the_branch():
    images = IMAGES[:, :64, :64]
    half = create_model("resnet-tiny", residual_scale=0.5, include_top=False, **TINY)
    whole = create_model("resnet-tiny", include_top=False, **TINY)
    randomize(whole, seed=7)
    half.set_weights(whole.get_weights())
    joined = keras.Model(half.input, [half.get_layer("layer1_0_add").output, half.get_layer("layer1_0_act").output])
    total, active = outputs(joined, images)
    np.testing.assert_allclose(active, np.maximum(0.5 * total, 0), rtol=1e-5)
    learned = create_model("resnet-tiny", residual_scale="learned", include_top=False, **TINY)
    scales = [weight for weight in learned.trainable_weights if weight.shape == (1, 1)]
    assert len(scales) == 4
    learned.set_weights(
        [value for layer in learned.layers for value in (whole.get_layer(layer.name).get_weights() if has(whole, layer) else [
            np.ones((1, 1)) for _ in layer.weights])]
    )  # fmt: skip
    np.testing.assert_allclose(outputs(learned, images), outputs(whole, images), rtol=1e-4, atol=1e-5)


def has(model, layer):
    return any(other.name == layer.name for other in model.layers)


def test_drop_path_leaves_whole_images_out_and_keeps_the_mean():
    model = create_model("resnet-tiny", drop_path=0.5, include_top=False, **TINY)
    drops = [layer for layer in model.layers if isinstance(layer, keras.layers.Dropout)]
    assert [layer.rate for layer in drops] == pytest.approx([0.5 / 3, 1 / 3, 0.5])  # the first block is never left out
    ones = np.ones((4000, 2, 2, 3), "float32")
    out = np.asarray(drops[-1](ones, training=True))
    assert set(np.unique(out)) == {0.0, 2.0}
    assert np.all(out == out[:, :1, :1, :1])  # an image as a whole
    assert out.mean() == pytest.approx(1, abs=0.1)
    np.testing.assert_array_equal(drops[-1](ones, training=False), ones)


def test_normalizations():
    group = create_model("resnet-tiny", norm="group", **TINY)
    kinds = {type(layer).__name__ for layer in group.layers}
    assert "GroupNormalization" in kinds and "BatchNormalization" not in kinds
    assert group.get_layer("layer1_0_bn1").groups == 8 and group.get_layer("layer1_0_bn3").groups == 32
    bare = create_model("resnet-tiny", norm="none", **TINY)
    assert not any("Normalization" in type(layer).__name__ for layer in bare.layers)
    assert all(layer.use_bias for layer in bare.layers if isinstance(layer, keras.layers.Conv2D))


def test_orders_of_operations():
    def after(model, name):
        """The kinds of the layers that take what a layer makes."""
        output = model.get_layer(name).output
        return {type(layer).__name__ for layer in model.layers if any(output is given for given in inputs_of(layer))}

    post, end, pre = (create_model("resnet-tiny", order=order, **TINY) for order in ("post", "branch_end", "pre"))
    assert after(post, "layer2_0_bn3") == {"Add"}
    assert after(post, "layer2_0_add") == {"Activation"}
    assert after(end, "layer2_0_bn3") == {"Activation"}
    assert after(end, "layer2_0_add") == {"Conv2D"}
    assert after(pre, "layer2_0_add") == {"BatchNormalization"}


def inputs_of(layer):
    given = layer.input
    return given if isinstance(given, list) else [given]


def test_mixed_precision_ends_in_float32():
    model = create_model("resnet-tiny", dtype="mixed_bfloat16", **TINY)
    assert {layer.compute_dtype for layer in model.layers[1:-1]} == {"bfloat16"}
    assert model.layers[-1].compute_dtype == "float32"
    assert outputs(model, IMAGES[:, :64, :64]).dtype == np.float32
    assert keras.config.dtype_policy().name == "float32"


def test_logits_are_the_logarithms_of_the_probabilities():
    for lineage in ("chollet", "qubvel"):  # qubvel's softmax is a layer of its own
        options = {"input_shape": (64, 64, 3), "classes": 3, "lineage": lineage}
        soft, bare = (create_model("resnet-tiny", classifier_activation=a, **options) for a in ("softmax", None))
        bare.set_weights(soft.get_weights())
        logits = outputs(bare, IMAGES[:, :64, :64])
        expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        np.testing.assert_allclose(outputs(soft, IMAGES[:, :64, :64]), expected, rtol=1e-4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"input_shape": (31, 64, 3)}, r"sides of at least 32 .*received \(31, 64, 3\)"),
        ({"input_shape": 64}, r"expected \(height, width, channels\), received 64"),
        ({"input_shape": (64, 64, 0)}, r"a known number of channels .*received \(64, 64, 0\)"),
        ({"lineage": "timm"}, "Unknown lineage of resnet-tiny: received 'timm'; expected one of 'chollet'"),
        ({"classes": 2.5}, "classes: expected an int of at least 1, received 2.5"),
        ({"pooling": "sum"}, "pooling: expected None, 'avg' or 'max', received 'sum'"),
        ({"weights": 5}, "weights: expected None, 'imagenet', the name of a known file or a path, received 5"),
        ({"deepness": 5}, "Unknown argument of resnet-tiny: received 'deepness'; expected one of 'depths', "),
        ({"input_tensor": IMAGES}, "input_tensor: expected a Keras tensor, received ndarray"),
    ],
)
def test_impossible_arguments_are_named(arguments, message):
    with pytest.raises(ModelError, match=message):
        create_model("resnet-tiny", **arguments)


def test_channels_first_without_onednn_says_how_to_turn_it_on(monkeypatch):
    monkeypatch.setattr(keras.config, "image_data_format", lambda: "channels_first")
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    with pytest.raises(ModelError, match="channels_first.*set TF_ENABLE_ONEDNN_OPTS=1 in the environment before TensorFlow"):
        create_model("resnet-tiny")


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("num_classes", "classes"), ("n_classes", "classes"), ("top", "include_top"), ("weight", "weights"),
        ("shape", "input_shape"), ("activation", "classifier_activation"), ("drop_rate", "drop_path"),
        ("zero_init", "zero_init_gamma"),
    ],
)  # fmt: skip
def test_the_nearest_argument_comes_first_in_a_short_line(given, meant):
    with pytest.raises(ModelError) as caught:
        create_model("resnet50", **{given: 3})
    text = str(caught.value)
    assert text.startswith(f"Unknown argument of resnet50: received {given!r}; expected one of {meant!r}, ") and len(text) < 160


def test_of_an_unknown_network_few_names_are_shown():
    with pytest.raises(ModelError) as caught:
        create_model("ResNet-50")
    text = str(caught.value)
    assert text.startswith("Unknown model: received 'ResNet-50'; expected one of 'resnet50', ") and len(text) < 160
