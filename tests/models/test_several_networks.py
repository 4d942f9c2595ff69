"""Models that hold a network among other things: one of them is found wherever it stands, several are told apart or refused."""

import keras
import numpy as np
import pytest

from keras_resnet.errors import ModelError
from keras_resnet.models import create_model, features, freeze, identify

IMAGES = np.random.default_rng(1).normal(size=(2, 32, 32, 3)).astype("float32")
DEPTH = IMAGES[..., :1] * 2


def tiny(name=None, channels=3, row="resnet-tiny", **options):
    return create_model(row, input_shape=(32, 32, channels), include_top=False, pooling="avg", name=name, **options)


def joined(networks, outputs=None, inputs=None):
    """One flat model of several networks, with a classifier on what they say together."""
    outputs = outputs or [network.output for network in networks]
    inputs = inputs or [network.input for network in networks]
    return keras.Model(inputs, keras.layers.Dense(4, name="fusion")(keras.layers.Concatenate()(outputs)), name="streams")


def rgb_and_depth():
    return joined([tiny("rgb"), tiny("depth", 1, lineage="keras")])


def three():
    return joined([tiny("left"), tiny("middle", row="resnet18"), tiny("right", row="resnet20")])


def interleaved():
    """Layer by layer in turn, as a model is listed whose outputs are both asked for at every stage."""
    networks = [tiny("rgb"), tiny("depth", 1)]
    stages = [output for pair in zip(*[features(each).outputs for each in networks], strict=True) for output in pair]
    pools = [keras.layers.GlobalMaxPooling2D()(stage) for stage in stages]
    return joined(networks, outputs=[*pools, *[each.output for each in networks]])


def of_one_image():
    """An ensemble: both networks see the same input."""
    images = keras.Input((32, 32, 3))
    options = {"input_tensor": images, "include_top": False, "pooling": "avg"}
    networks = [create_model("resnet-tiny", name=name, **options) for name in ("rgb", "depth")]
    return joined(networks, inputs=[images])


def saved(tmp_path):
    rgb_and_depth().save(tmp_path / "streams.keras")
    return keras.saving.load_model(tmp_path / "streams.keras")


def states(model):
    return {variable.path: variable.trainable for variable in model.variables}


@pytest.mark.parametrize("use", [freeze, identify, features])
@pytest.mark.parametrize(
    ("build", "begin", "advice"),
    [
        (rgb_and_depth, "'rgb_res2a_branch2a' and 'depth_conv2_block1_1_conv'", "prefix='rgb' or 'depth'"),
        (interleaved, "'rgb_res2a_branch2a' and 'depth_res2a_branch2a'", "prefix='rgb' or 'depth'"),
        (of_one_image, "'rgb_res2a_branch2a' and 'depth_res2a_branch2a'", "prefix='rgb' or 'depth'"),
        (three, "'right_conv2_block1_1_conv' and 'middle_layer1_0_conv1' and", "prefix='right' or 'middle' or 'left'"),
    ],
)
def test_networks_side_by_side_are_refused_and_left_as_they_are(use, build, begin, advice):
    model = build()
    model.get_layer(begin.split("'")[1]).trainable = False
    before = states(model)
    with pytest.raises(ModelError, match=f"model 'streams': expected one network, .* several, .* {begin}.*: pass {advice}"):
        use(model)
    assert states(model) == before


@pytest.mark.parametrize("build", [rgb_and_depth, interleaved, of_one_image])
@pytest.mark.parametrize("first", ["rgb", "depth"])
def test_each_of_several_is_frozen_by_its_prefix_and_the_other_stays(build, first):
    model, second = build(), {"rgb": "depth", "depth": "rgb"}[first]
    one = freeze(model, "stage4", prefix=first)
    assert one.layers and all(name.startswith(f"{first}_") for name in one.layers)
    other = freeze(model, "stage3", prefix=second)
    assert all(name.startswith(f"{second}_") for name in other.layers)
    frozen = {layer.name for layer in model.layers if layer.weights and not layer.trainable}
    assert frozen == {*one.layers, *other.layers}
    assert one.trainable_after == other.trainable_before > other.trainable_after
    alone = tiny(first, model.get_layer(f"{first}_input").output.shape[-1] if build is not of_one_image else 3)
    if not (build is rgb_and_depth and first == "depth"):
        assert freeze(alone, "stage4").layers == one.layers
    freeze(model, None, prefix=first)
    assert {layer.name for layer in model.layers if layer.weights and not layer.trainable} == set(other.layers)


@pytest.mark.parametrize("build", [rgb_and_depth, saved])
def test_each_of_several_is_identified_by_its_prefix(build, tmp_path):
    model = build(tmp_path) if build is saved else build()
    for prefix, channels, lineage in [("rgb", 3, "chollet"), ("depth", 1, "keras"), ("depth_", 1, "keras")]:
        found, alone = identify(model, prefix=prefix), identify(tiny("x", channels, lineage=lineage))
        assert found == alone and found.exact and (found.lineage, found.input_shape[-1]) == (lineage, channels)


@pytest.mark.parametrize(("build", "sizes"), [(rgb_and_depth, (3, 1)), (interleaved, (3, 1)), (of_one_image, (3, 3))])
def test_each_of_several_gives_its_features(build, sizes):
    model = build()
    for prefix, channels in zip(("rgb", "depth"), sizes, strict=True):
        alone = tiny(prefix, channels, **({"lineage": "keras"} if (build, prefix) == (rgb_and_depth, "depth") else {}))
        alone.set_weights([w for layer in alone.layers if layer.weights for w in model.get_layer(layer.name).get_weights()])
        images = IMAGES[..., :channels]
        received, expected = features(model, prefix=prefix)(images), features(alone)(images)
        assert list(received) == ["C2", "C3", "C4", "C5"]
        for stage, value in expected.items():
            np.testing.assert_allclose(received[stage], value, rtol=1e-5, atol=1e-6)


def test_an_unknown_prefix_is_named():
    model = joined([tiny("rgb"), tiny("rgb2")])
    for prefix in ("rg", "thermal", ""):
        with pytest.raises(ModelError, match=f"prefix: .* of model 'streams' begin with, received '{prefix}'"):
            freeze(model, prefix=prefix)
    assert all(name.startswith("rgb_") for name in freeze(model, prefix="rgb").layers)


def test_networks_without_prefixes_are_refused_without_a_false_advice():
    network = tiny(lineage="keras")
    for layer in network.layers:
        layer.name = f"{layer.name}_rgb"
    with pytest.raises(ModelError, match=r"'res2a_branch2a' and 'conv2_block1_1_conv_rgb': pass keras.Model\(its input"):
        identify(joined([tiny(), network]))


def nest(*networks):
    images = keras.Input((32, 32, 3))
    return keras.Model(images, keras.layers.Concatenate()([network(images) for network in networks]), name="outer")


def nested_beside_layers():
    flat, within = tiny("rgb"), tiny(name="within")
    return keras.Model(flat.input, keras.layers.Concatenate()([flat.output, within(flat.input)]), name="streams")


@pytest.mark.parametrize("use", [freeze, identify, features])
def test_networks_within_models_are_refused_wherever_they_stand(use):
    several = "expected one network, received one that"
    sequence = keras.Sequential([keras.Input((32, 32, 3)), of_one_image(), keras.layers.Dense(2)], name="sequence")
    for model, message in [
        (nest(tiny("left"), tiny("right")), f"model 'outer': {several} nests 'left', 'right': pass one of them"),
        (nest(nest(tiny("left")), tiny("right")), f"{several} nests 'left', 'right': pass one of them"),
        (nested_beside_layers(), f"{several} holds several, which begin at 'rgb_res2a_.*' and 'within': pass prefix='rgb' or"),
        (sequence, f"model 'streams': {several} holds several, .*: pass prefix='rgb' or 'depth'"),
    ]:
        before = states(model)
        with pytest.raises(ModelError, match=message):
            use(model)
        assert states(model) == before


def test_a_network_within_is_frozen_by_its_name_and_those_beside_it_stay():
    model = nested_beside_layers()
    within = freeze(model, "stage2", prefix="within")
    flat = freeze(model, "stage3", prefix="rgb")
    frozen = {layer.name for layer in model._flatten_layers() if layer.weights and not layer.trainable}
    assert frozen == {*within.layers, *flat.layers} and all(name.startswith("within_") for name in within.layers)


def siamese():
    shared, pair = tiny(name="shared"), [keras.Input((32, 32, 3)) for _ in range(2)]
    return keras.Model(pair, keras.layers.Subtract()([shared(each) for each in pair])), "shared"


def behind_augmentation():
    augment = keras.Sequential([keras.layers.RandomFlip(), keras.layers.Rescaling(1 / 255)], name="augment")
    images = keras.Input((32, 32, 3))
    return keras.Model(images, keras.layers.Dense(2)(tiny("net")(augment(images)))), "net"


def behind_an_adapter():
    """Grey images made three channels by a convolution of the outer model."""
    images = keras.Input((32, 32, 1))
    return keras.Model(images, tiny("net")(keras.layers.Conv2D(3, 1, name="adapter")(images))), "net"


def before_convolutions():
    images = keras.Input((32, 32, 3))
    maps = create_model("resnet-tiny", input_shape=(32, 32, 3), include_top=False, name="net")(images)
    for number in range(3):
        maps = keras.layers.Conv2D(8, 3, padding="same", name=f"mask{number}")(maps)
    return keras.Model(images, maps), "net"


def of_frames():
    frames = keras.Input((5, 32, 32, 3))
    return keras.Model(frames, keras.layers.GRU(4)(keras.layers.TimeDistributed(tiny("net"))(frames))), "net"


def beside_measurements():
    """The network flat in the model, beside a branch that is none; its input is not the first."""
    numbers, network = keras.Input((7,)), tiny("net")
    mixed = keras.layers.Concatenate()([keras.layers.Dense(5, name="numbers")(numbers), network.output])
    return keras.Model([numbers, network.input], keras.layers.Dense(2, name="answer")(mixed)), "net"


def beside_a_plain_stream():
    """Two convolutions for depth are no ResNet."""
    depth, network = keras.Input((32, 32, 1)), tiny("net")
    maps = keras.layers.Conv2D(8, 3, name="depth2")(keras.layers.Conv2D(8, 3, name="depth1")(depth))
    mixed = keras.layers.Concatenate()([keras.layers.GlobalMaxPooling2D()(maps), network.output])
    return keras.Model([depth, network.input], keras.layers.Dense(2, name="answer")(mixed)), "net"


@pytest.mark.parametrize(
    "build",
    [
        siamese,
        behind_augmentation,
        behind_an_adapter,
        before_convolutions,
        of_frames,
        beside_measurements,
        beside_a_plain_stream,
    ],
)
def test_the_only_network_is_found_whatever_stands_around_it(build):
    model, prefix = build()
    model.trainable = False
    report = freeze(model, "stage3")
    assert report.layers == freeze(tiny(prefix), "stage3").layers
    frozen = {layer.name for layer in model._flatten_layers() if layer.weights and not layer.trainable}
    assert {name for name in frozen if name.startswith((f"{prefix}_", "adapter", "mask", "numbers", "answer", "depth"))} == {
        *report.layers
    }
    found = identify(model)
    assert (found.name, found.lineage, found.exact) == ("resnet-tiny", "chollet", True)
    # The network, with the classifier where both are flat in the model; nothing of what stands beside it.
    classifier = {beside_measurements: 2 * (5 + 64) + 2, beside_a_plain_stream: 2 * (8 + 64) + 2}.get(build, 0)
    assert found.input_shape == (32, 32, 3) and found.parameters == tiny().count_params() + classifier
