"""Features, freezing and identification where the conformance suite does not look: renamed, nested, foreign and odd models."""

import keras
import numpy as np
import pytest

import keras_resnet as kr
from keras_resnet.errors import ModelError
from keras_resnet.models import create_model, differences, features, freeze, identify

IMAGES = np.random.default_rng(1).normal(size=(4, 64, 64, 3)).astype("float32")


def tiny(**options):
    return create_model("resnet-tiny", **{"input_shape": (64, 64, 3), "classes": 3, **options})


def renamed(model):
    """The same network under names that say nothing."""
    numbers = {layer.name: f"part{number}" for number, layer in enumerate(model.layers)}

    def clone(layer):
        return type(layer).from_config({**layer.get_config(), "name": numbers[layer.name]})

    copy = keras.models.clone_model(model, clone_function=clone)
    copy.set_weights(model.get_weights())
    return copy


def array(tensor):
    return keras.ops.convert_to_numpy(tensor)


# The sizes of a 64 x 64 image's maps: halved by the stem's convolution, its pool, and three times more.
@pytest.mark.parametrize("lineage", ["chollet", "keras", "torchvision", "qubvel"])
def test_features_of_a_renamed_or_loaded_or_prefixed_network_are_the_same(lineage, tmp_path):
    model = tiny(lineage=lineage, depths=(1, 2, 1, 1))
    prefixed = tiny(lineage=lineage, depths=(1, 2, 1, 1), name="left")
    prefixed.set_weights(model.get_weights())
    model.save(tmp_path / "net.keras")
    expected = features(model)(IMAGES)
    assert [array(value).shape[1:3] for value in expected.values()][1:] == [(8, 8), (4, 4), (2, 2)]
    for other in (renamed(model), prefixed, keras.saving.load_model(tmp_path / "net.keras")):
        received = features(other)(IMAGES)
        assert list(received) == list(expected)
        for stage, value in expected.items():
            np.testing.assert_array_equal(array(received[stage]), array(value))


@pytest.mark.parametrize(
    ("name", "lineage", "layers"),
    [
        ("resnet50", "keras", ("conv2_block3_out", "conv3_block4_out", "conv4_block6_out", "conv5_block3_out")),
        ("resnet50", "keras_hub", ("stack0_block2_out", "stack1_block3_out", "stack2_block5_out", "stack3_block2_out")),
        # The third block of conv2 has the stride; the second is the last at a quarter of the size.
        ("resnet50v2", "keras", ("conv2_block2_out", "conv3_block3_out", "conv4_block5_out", "post_relu")),
        ("resnet50v2", "keras_hub", ("stack0_block2_out", "stack1_block3_out", "stack2_block5_out", "post_relu")),
    ],
)
def test_feature_maps_come_from_the_named_layers(name, lineage, layers):
    model = create_model(name, lineage=lineage, input_shape=(64, 64, 3), classes=3)
    outputs = features(model).output
    for (stage, tensor), layer in zip(outputs.items(), layers, strict=True):
        assert tensor is model.get_layer(layer).output
        assert tensor.shape[1] == 64 // 2 ** int(stage[1])


def test_features_keep_the_dilated_size_and_take_a_choice_of_stages():
    model = create_model("resnet18", input_shape=(64, 64, 3), include_top=False, output_stride=8)
    assert {stage: tensor.shape[1] for stage, tensor in features(model).output.items()} == {"C2": 16, "C3": 8, "C4": 8, "C5": 8}
    assert list(kr.features(model, ("C4", "C2")).output) == ["C4", "C2"]


def test_features_refuse_what_has_none():
    with pytest.raises(ModelError, match="stage of resnet-tiny: received 'C6'; expected one of 'C2', 'C3', 'C4', 'C5'"):
        features(tiny(), ("C2", "C6"))
    nested = keras.Sequential([keras.Input((64, 64, 3)), tiny(include_top=False), keras.layers.Flatten()], name="outer")
    with pytest.raises(ModelError, match=r"received 'outer', which nests 'resnet-tiny': pass model.get_layer\('resnet-tiny'\)"):
        features(nested)


def test_freezing_says_what_it_froze():
    model = kr.ResNet50(weights=None, input_shape=(64, 64, 3), classes=6)
    report = kr.freeze(model, until="stage4")
    # conv1 and its normalisation; in stages 2 to 4, 13 blocks of 3 pairs and 3 projections' pairs.
    assert len(report.layers) == 2 * (1 + 13 * 3 + 3)
    assert len(report.batch_norms) == 1 + 13 * 3 + 3
    assert report.trainable_before == 23_546_886  # the course notebook's summary
    stage5 = [layer for layer in model.layers if layer.name[:4] in ("res5", "bn5a", "bn5b", "bn5c", "fc10")]
    assert report.trainable_after == sum(int(np.prod(w.shape)) for layer in stage5 for w in layer.trainable_weights)
    text = "Frozen: the stem to stage4; layers with weights: 86, conv1 to bn4f_branch2c; batch normalisations among them, "
    assert str(report).startswith(text + "now in inference mode: 43; trainable parameters: 23,546,886 before, ")
    assert str(kr.freeze(model, until=None)).startswith("Nothing is frozen; trainable parameters: ")
    assert kr.freeze(model, until="stem").layers == ("conv1", "bn_conv1")


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="other backends do otherwise")
def test_freezing_counts_before_the_first_fit_and_after_it_from_the_next_compile_on():
    """What notebook 05 and `freeze` say of Keras 3.15."""

    def trained(model):
        """The layers that a step of training changes."""
        before = [array(variable) for variable in model.variables]
        model.train_on_batch(IMAGES, np.zeros(4, int))
        pairs = zip(model.variables, before, strict=True)
        return {variable.path.split("/")[0] for variable, old in pairs if not np.array_equal(array(variable), old)}

    def compiled():
        model = tiny()
        model.compile("sgd", "sparse_categorical_crossentropy")
        return model

    model = compiled()
    report = freeze(model, until="stage2")
    assert not report.fitted and "compile" not in str(report) and not trained(model) & set(report.layers)

    model = compiled()
    trained(model)
    report = freeze(model, until="stage2")
    assert report.fitted and "; compile the model again: it has been fitted" in str(report)
    assert set(report.layers) <= trained(model)
    model.compile("sgd", "sparse_categorical_crossentropy")
    assert not freeze(model, until="stage2").fitted and not trained(model) & set(report.layers)


def test_a_frozen_normalization_is_in_inference_mode_whatever_a_call_says():
    model = tiny(include_top=False)
    freeze(model, until="stage5")
    norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    for norm in norms:
        maps = np.random.default_rng(0).normal(size=(2, 3, 3, norm.input.shape[-1])).astype("float32")
        np.testing.assert_array_equal(array(norm(maps, training=True)), array(norm(maps, training=False)))
    # The whole network but for the order of its convolutions' sums, which in training may be another: see `fast`.
    training, inference = (array(model(IMAGES, training=mode)) for mode in (True, False))
    np.testing.assert_allclose(training, inference, rtol=1e-5, atol=1e-6 * inference.max())
    freeze(model, until="stage4")
    assert np.abs(array(model(IMAGES, training=True)) - inference).max() > 0.1 * inference.max()


def test_a_nested_network_is_frozen_and_its_surroundings_are_not():
    inside = tiny(include_top=False, pooling="avg")
    inside.trainable = False
    layers = [keras.Input((64, 64, 3)), keras.layers.BatchNormalization(), inside, keras.layers.Dense(3)]
    model = keras.Sequential(layers)
    report = freeze(model, until="stage3")
    before = [array(variable) for variable in model.variables]
    model.compile(keras.optimizers.SGD(0.01, clipnorm=1.0), "mse", run_eagerly=True)
    model.train_on_batch(IMAGES, np.zeros((4, 3)))
    same = {v.path.split("/")[-2] for v, old in zip(model.variables, before, strict=True) if np.array_equal(array(v), old)}
    assert same == set(report.layers)
    assert report.trainable_before < report.trainable_after


def test_freezing_refuses_an_unknown_stage():
    with pytest.raises(ModelError, match="received 'stage6'; expected one of 'stem', 'stage2', .* 'stage5', None"):
        freeze(tiny(), until="stage6")


@pytest.mark.parametrize(
    ("build", "name", "lineage"),
    [
        (keras.applications.ResNet50, "resnet50", "keras"),
        (keras.applications.ResNet50V2, "resnet50v2", "keras"),
        (keras.applications.ResNet101V2, "resnet101v2", "keras"),
    ],
)
def test_networks_of_keras_are_known(build, name, lineage):
    found = identify(build(weights=None, input_shape=(64, 64, 3), include_top=False))
    assert (found.name, found.lineage, found.exact, found.departures, found.classes) == (name, lineage, True, (), None)


def test_a_renamed_or_loaded_network_is_known(tmp_path):
    model = create_model("resnet50", lineage="keras_v2", input_shape=(64, 64, 3), classes=3)
    model.save(tmp_path / "net.keras")
    found = identify(keras.saving.load_model(tmp_path / "net.keras"))
    assert (found.name, found.lineage, found.exact, found.departures) == ("resnet50", "keras_v2", True, ())
    found = identify(renamed(model))
    assert (found.name, found.lineage, found.exact, found.equivalent) == ("resnet50", "keras_v2", True, ())
    assert [str(each) for each in found.departures] == ["layer names: here of no known library; there chollet"]


def test_identity_prints_what_it_is():
    text = str(identify(kr.ResNet50(weights=None, input_shape=(64, 64, 3), classes=6)))
    assert text.startswith("resnet50 of lineage chollet; input 64 x 64 x 3, 6 classes, 23,600,006 parameters. ")
    assert "lineage coursera computes the same; published weights expect preprocessing 'caffe'." in text
    odd = str(identify(tiny(norm="group", se_ratio=0.25, residual_scale="learned")))
    assert odd.startswith("Nearest to resnet-tiny of lineage chollet; ")
    assert odd.endswith(
        "It differs in\n  squeeze-and-excitation: here 0.25; there none\n  scale of the residual: here learned; there 1\n"
        "  normalisation: here group; there batch"
    )


def test_differences_are_put_into_words():
    chollet = identify(kr.ResNet50(weights=None, input_shape=(64, 64, 3)))
    # The facts of keras-team/keras-applications issue 8: padded pool, another epsilon; and Keras 3's order and names.
    assert [str(each) for each in chollet.differences("resnet50", "keras")] == [
        "padding of the stem's pool: here none; there one pixel of zeros on each side",
        "epsilon of the normalisations: here 0.001; there 1.001e-05",
        "first input of an addition: here the branch; there the shortcut",
        "layer names: here chollet; there keras",
        "pooling before the classifier: here of the whole map, then flattened; there global",
    ]
    torch = create_model("resnet50", lineage="torchvision", input_shape=(64, 64, 3))
    found = {each.field: (each.here, each.there) for each in differences(torch, chollet)}
    assert found["strided_conv"] == (2, 1)
    assert found["epsilon"] == (1e-5, 1e-3)
    assert found["bias"] == ((), ("stem", "0", "1", "2", "3"))
    assert differences(torch, torch) == ()
    with pytest.raises(ModelError, match="received 'imagenet'; expected one of 'chollet'"):
        chollet.differences("resnet50", "imagenet")
    with pytest.raises(ModelError, match="expected a keras.Model or an Identity first, received str"):
        differences("resnet50", torch)


@pytest.mark.parametrize(
    ("choices", "field", "value"),
    [
        ({"order": "branch_end"}, "order", "branch_end"),
        ({"residual_scale": 0.5}, "residual_scale", 0.5),
        ({"shortcut": "C", "depths": (1, 2, 1, 1)}, "shortcut", "C"),
        ({"shortcut": "none"}, "shortcut", "none"),
        ({"norm": "none"}, "norm", "none"),
        ({"zero_init_gamma": True}, "zero_init_gamma", True),
        ({"drop_path": 0.1}, "drop_path", 0.1),
        ({"output_stride": 16}, "output_stride", 16),
        ({"groups": 2, "base_width": 32}, "groups", 2),
        ({"stem": "deep"}, "stem", "deep"),
        ({"epsilon": 1e-4}, "epsilon", 1e-4),
    ],
)
def test_a_choice_is_read_off(choices, field, value):
    found = {each.field: each.here for each in identify(tiny(**choices)).departures}
    assert found[field] == value
    assert set(found) <= {*choices, "bias", "base_width"}


@pytest.mark.parametrize("build", [keras.applications.VGG16, keras.applications.MobileNetV2, keras.applications.DenseNet121])
def test_other_networks_are_refused(build):
    model = build(weights=None, include_top=False, input_shape=(64, 64, 3))
    with pytest.raises(ModelError, match=f"model '{model.name}': expected a ResNet, made of blocks of two 3x3 convolutions"):
        identify(model)


def test_what_has_no_graph_is_refused():
    with pytest.raises(ModelError, match="expected a keras.Model, received str"):
        identify("resnet50")
    with pytest.raises(ModelError, match="received Sequential without a graph"):
        identify(keras.Sequential([keras.layers.Dense(3)]))
    left, right = tiny(include_top=False, name="left"), tiny(include_top=False, name="right")
    images = keras.Input((64, 64, 3))
    both = keras.Model(images, [left(images), right(images)], name="both")
    with pytest.raises(ModelError, match="model 'both': expected one network, received one that nests 'left', 'right'"):
        identify(both)
