import keras
import numpy as np
import pytest
from numpy_resnet import Network, randomize

import keras_resnet as kr
from keras_resnet.errors import ModelError, WeightsError


@pytest.fixture(scope="module")
def signs_net():
    model = kr.ResNet50(weights=None, input_shape=(64, 64, 3), classes=6, classifier_activation=None)
    randomize(model, seed=1)
    return model


def shapes(model, kind):
    return [tuple(layer.output.shape[1:]) for layer in model.layers if isinstance(layer, kind)]


def test_counts_are_the_published_ones(signs_net):
    # 25,636,712: keras.applications' table; 23,600,006 and 53,120: the course notebook's summary.
    assert kr.ResNet50(weights=None).count_params() == 25_636_712
    assert signs_net.count_params() == 23_600_006
    assert sum(int(np.prod(w.shape)) for w in signs_net.non_trainable_weights) == 53_120
    assert len(signs_net.layers) == 177
    assert len([layer for layer in signs_net.layers if layer.weights]) == 107
    assert len(shapes(signs_net, keras.layers.Activation)) == 49


def test_layers_stand_in_the_order_of_the_published_file(signs_net):
    weighted = [layer.name for layer in signs_net.layers if layer.weights]
    expected = ["conv1", "bn_conv1"]
    for stage, blocks in zip("2345", ("abc", "abcd", "abcdef", "abc"), strict=True):
        for block in blocks:
            name = stage + block
            expected += [f"{kind}{name}_branch{branch}" for branch in ("2a", "2b") for kind in ("res", "bn")]
            branches = ("2c", "1") if block == "a" else ("2c",)
            expected += [f"res{name}_branch{branch}" for branch in branches]
            expected += [f"bn{name}_branch{branch}" for branch in branches]
    assert weighted == expected + ["fc1000"]
    assert signs_net.get_layer("avg_pool").pool_size == (2, 2)
    assert signs_net.layers[-2].__class__ is keras.layers.Flatten


@pytest.mark.parametrize(
    ("size", "sides"),
    [(224, (230, 112, 55, 55, 28, 14, 7)), (64, (70, 32, 15, 15, 8, 4, 2)), (32, (38, 16, 7, 7, 4, 2, 1))],
)
def test_feature_maps_have_the_published_sizes(size, sides):
    model = kr.ResNet50(weights=None, include_top=False, input_shape=(size, size, 3))
    pads = shapes(model, keras.layers.ZeroPadding2D) + [tuple(model.get_layer("conv1").output.shape[1:])]
    pools = shapes(model, keras.layers.MaxPooling2D)
    stages = [tuple(model.get_layer(f"bn{stage}a_branch1").output.shape[1:]) for stage in (2, 3, 4, 5)]
    assert [shape[0] for shape in pads + pools + stages] == list(sides)
    assert tuple(model.output.shape[1:]) == (sides[-1], sides[-1], 2048)


def test_logits_equal_the_equations(signs_net):
    images = np.random.default_rng(2).uniform(-1, 1, (3, 64, 64, 3)).astype("float32")
    weights = {layer.name: layer.get_weights() for layer in signs_net.layers if layer.weights}
    expected = Network(weights).logits(images)
    received = signs_net.predict(images, verbose=0)
    assert np.abs(received - expected).max() <= 1e-4 * np.abs(expected).max()
    assert np.abs(expected[0] - expected[1]).max() > 1e-2 * np.abs(expected).max()  # the images tell


def test_batch_norm_has_kerass_epsilon_and_momentum(signs_net):
    layers = [layer for layer in signs_net.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert {(layer.epsilon, layer.momentum) for layer in layers} == {(1e-3, 0.99)}


def test_open_size_pools_globally_and_equals_the_fixed_size(signs_net):
    model = kr.ResNet50(weights=None, input_shape=(None, None, 3), classes=6, classifier_activation=None)
    model.set_weights(signs_net.get_weights())
    images = np.random.default_rng(3).uniform(-1, 1, (2, 64, 64, 3)).astype("float32")
    np.testing.assert_allclose(model.predict(images, verbose=0), signs_net.predict(images, verbose=0), rtol=1e-4, atol=1e-4)


def test_without_the_top_pooling_is_the_map_reduced(signs_net):
    images = np.random.default_rng(4).uniform(-1, 1, (2, 64, 64, 3)).astype("float32")
    outputs = {}
    for pooling in (None, "avg", "max"):
        model = kr.ResNet50(weights=None, include_top=False, pooling=pooling, input_shape=(64, 64, 3))
        model.set_weights(signs_net.get_weights()[:-2])
        outputs[pooling] = model.predict(images, verbose=0)
    np.testing.assert_allclose(outputs["avg"], outputs[None].mean(axis=(1, 2)), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(outputs["max"], outputs[None].max(axis=(1, 2)))


def test_default_inputs_are_those_of_keras():
    assert kr.ResNet50(weights=None).input_shape == (None, 224, 224, 3)
    assert kr.ResNet50(weights=None, include_top=False).input_shape == (None, None, None, 3)


def test_input_tensor_is_built_upon(signs_net):
    pixels = keras.Input((64, 64, 3))
    model = kr.ResNet50(weights=None, input_tensor=keras.layers.Rescaling(2.0)(pixels), classes=6, classifier_activation=None)
    model.set_weights(signs_net.get_weights())
    images = np.random.default_rng(5).uniform(-1, 1, (2, 64, 64, 3)).astype("float32")
    np.testing.assert_allclose(model.predict(images, verbose=0), signs_net.predict(2 * images, verbose=0), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"input_shape": (31, 64, 3)}, r"sides of at least 32 .*received \(31, 64, 3\)"),
        ({"input_shape": (64, 64)}, r"expected \(height, width, channels\), received \(64, 64\)"),
        ({"pooling": "mean"}, "pooling: expected None, 'avg' or 'max', received 'mean'"),
        ({"classes": 0}, "classes: expected an int of at least 1, received 0"),
        ({"input_tensor": np.zeros((1, 64, 64, 3))}, "expected a Keras tensor, received ndarray"),
    ],
)
def test_impossible_arguments_are_named(arguments, message):
    with pytest.raises(ModelError, match=message):
        kr.ResNet50(**{"weights": None, **arguments})


def test_a_missing_weight_file_is_named():
    with pytest.raises(WeightsError, match="No such file: nowhere.h5"):
        kr.ResNet50(weights="nowhere.h5")


def test_identity_block_refuses_another_number_of_channels():
    with pytest.raises(ModelError, match="expected an input of 256 channels"):
        kr.identity_block(keras.Input((8, 8, 64)), 3, [64, 64, 256], stage=2, block="b")
    with pytest.raises(ModelError, match="expected three ints.*received 64"):
        kr.conv_block(keras.Input((8, 8, 64)), 3, 64, stage=2, block="a")


def test_catalogue_builder_makes_the_same_network(signs_net):
    built = kr.models.create_model("resnet50", input_shape=(64, 64, 3), classes=6, classifier_activation=None)
    assert [layer.name for layer in built.layers if layer.weights] == [
        layer.name for layer in signs_net.layers if layer.weights
    ]
    built.set_weights(signs_net.get_weights())
    images = np.random.default_rng(6).uniform(-1, 1, (2, 64, 64, 3)).astype("float32")
    np.testing.assert_array_equal(built.predict(images, verbose=0), signs_net.predict(images, verbose=0))
