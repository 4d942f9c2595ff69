"""The saved graph of a model: what is read of it, and that nothing odd in it is passed on."""

import json

import pytest

from keras_resnet.weights.graph import LONGEST, group_names, has_class, layers_of, leaves, snake_case, sources


def graph(*layers):
    return json.dumps({"class_name": "Functional", "config": {"name": "net", "layers": layers}})


def layer(kind, **config):
    return {"class_name": kind, "config": config}


def test_the_options_of_every_version_are_kept_and_no_others():
    options = {"name": "conv1", "border_mode": "same", "subsample": [2, 2], "batch_input_shape": [None, 3, None, 224]}
    (found,) = layers_of(graph(layer("Convolution2D", **options, activation="relu", W_regularizer={"l2": 1})))
    assert found == {"class_name": "Convolution2D", "config": options}
    pads = layer("ZeroPadding2D", padding=[[0, 1], [0, 1]])
    assert layers_of(graph(pads)) == (pads,)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("name", 7), ("name", "a\nb"), ("epsilon", None), ("epsilon", "1e-3"), ("strides", []), ("strides", [None, 2]),
        ("strides", True), ("strides", 2**70), ("padding", {}), ("padding", [["a"]]), ("pool_size", "3"),
        ("batch_shape", [None, "224"]), ("batch_shape", 3), ("layers", {"a": 1}), ("layers", [1, {"class_name": 3}]),
    ],
)  # fmt: skip
def test_what_is_of_another_form_is_left_out(option, value):
    assert layers_of(graph(layer("Conv2D", **{option: value}))) == ({"class_name": "Conv2D", "config": {}},)


@pytest.mark.parametrize("text", ["null", "[]", "3", "{}", '{"config": 3}', '{"config": {"layers": {}}}', graph(1, [], None)])
def test_a_graph_without_layers_has_none(text):
    assert layers_of(text) == ()


def test_too_long_or_no_json_is_an_error():
    with pytest.raises(ValueError, match="more than 8,000,000 characters"):
        layers_of(" " * (LONGEST + 1))
    with pytest.raises(ValueError, match="Expecting"):
        layers_of("[")


def test_groups_are_counted_as_keras_counts_them():
    inner = layer("Functional", name="backbone", layers=[layer("Conv2D", name="inside"), layer("Conv2D", name="second")])
    layers = layers_of(graph(layer("Conv2D", name="first"), inner, layer("Conv2D", name="last"), layer("Lambda", name="l")))
    assert group_names(layers) == {
        "layers/conv2d": "first",
        "layers/functional": "backbone",
        "layers/functional/layers/conv2d": "inside",
        "layers/functional/layers/conv2d_1": "second",
        "layers/conv2d_1": "last",
        "layers/lambda": "l",
    }
    assert has_class(layers, "Lambda") and not has_class(layers, "Dense")
    assert has_class(layers_of(graph(layer("Model", layers=[layer("Lambda")]))), "Lambda")


def kept(name):
    return {"class_name": "__keras_tensor__", "config": {"shape": [None, 8, 8, 3], "keras_history": [name, 0, 0]}}


@pytest.mark.parametrize(
    ("one", "added"),
    [
        ([["a", 0, 0]], [[["pad", 0, 0], ["b", 0, 0]]]),  # Keras 1
        ([[["a", 0, 0, {}]]], [[["pad", 0, 0, {"y": ["b", 0, 0], "name": None}]]]),  # Keras 2, x + y in TensorFlow
        ([{"args": [kept("a")], "kwargs": {}}], [{"args": [[kept("pad"), kept("b")]], "kwargs": {}}]),  # Keras 3
    ],
)
def test_what_a_layer_takes_from_in_the_words_of_every_version(one, added):
    nodes = {"a": [], "pad": one, "b": one, "sum": added, "c": [[["sum", 0, 0, {}]]]}
    inner = [{"class_name": "Conv2D", "config": {"name": name}, "inbound_nodes": found} for name, found in nodes.items()]
    layers = layers_of(graph(layer("Model", name="inside", layers=inner)))
    assert [each["config"]["name"] for each in leaves(layers)] == list(nodes)
    assert sources(layers, {"a", "b", "c"}) == {"b": {"a"}, "c": {"a", "b"}}


@pytest.mark.parametrize("nodes", [3, "a", [[1, 0, 0]], [["a", "b", "c"]], {"a": None}, [[["a"]]], [["a", True, 0]]])
def test_nodes_of_another_form_are_left_out(nodes):
    assert layers_of(graph({"class_name": "Add", "config": {}, "inbound_nodes": nodes})) == (layer("Add"),)


def test_models_within_models_end():
    config = layer("Dense", name="deepest")
    for _ in range(50):
        config = layer("Model", layers=[config])
    assert not has_class(layers_of(graph(config)), "Dense")


@pytest.mark.parametrize("name", ["Conv2D", "BatchNormalization", "Dense", "GlobalAveragePooling2D", "ReLU", "ZeroPadding2D"])
def test_names_are_spelled_as_keras_spells_them(name):
    naming = pytest.importorskip("keras.src.utils.naming")
    assert snake_case(name) == naming.to_snake_case(name)
