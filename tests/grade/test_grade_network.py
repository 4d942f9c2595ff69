"""The grader of the whole network."""

import keras
import numpy as np
import pytest
from keras import layers
from right_blocks import FUNCTIONS, LOOP, SEQUENTIAL
from right_blocks import function as block

import keras_resnet as kr
from keras_resnet.compat import assignment_v1, assignment_v3

NETWORK = """
def ResNet50(input_shape=(64, 64, 3), classes=6):
    X_input = layers.Input(input_shape)
    X = layers.ZeroPadding2D((3, 3))(X_input)
    X = layers.Conv2D(64, (7, 7), strides=(2, 2))(X)
    X = layers.BatchNormalization(axis=3)(X)
    X = layers.Activation("relu")(X)
    X = layers.MaxPooling2D((3, 3), strides=(2, 2))(X)
    for F, count, s in zip((64, 128, 256, 512), (3, 4, 6, 3), (1, 2, 2, 2)):
        X = convolutional_block(X, 3, [F, F, 4 * F], s=s)
        for _ in range(count - 1):
            X = identity_block(X, 3, [F, F, 4 * F])
    X = layers.AveragePooling2D((2, 2))(X)
    X = layers.Flatten()(X)
    X = layers.Dense(classes, activation="softmax")(X)
    return Model(inputs=X_input, outputs=X)
"""

# What was done -> old and new text, the rows and a part of the first sentence.
WRONG = {
    "a block too few": (
        "(3, 4, 6, 3)",
        "(3, 4, 6, 2)",
        ["departure"],
        "blocks in each stage: here 3, 4, 6, 2; expected 3, 4, 6, 3",
    ),
    "no zeros in front": (
        "    X = layers.ZeroPadding2D((3, 3))(X_input)\n    X = layers.Conv2D(64, (7, 7), strides=(2, 2))(X)\n",
        '    X = layers.Conv2D(64, (7, 7), strides=(2, 2), padding="same")(X_input)\n',
        ["departure"],
        "padding of the stem's convolution",
    ),
    "the pool padded": (
        "strides=(2, 2))(X)\n    for",
        'strides=(2, 2), padding="same")(X)\n    for',
        ["departure"],
        "padding of the",
    ),
    "no softmax": (', activation="softmax"', "", ["softmax"], "The last layer's activation is linear; expected softmax."),
    "other classes": (
        "Dense(classes",
        "Dense(10",
        ["output"],
        "The network gives (None, 10) for 6 classes; expected (None, 6)",
    ),
    "a plain network": (
        "convolutional_block(X, 3, [F, F, 4 * F], s=s)",
        'layers.Conv2D(4 * F, 3, s, "same")(X)',
        None,
        "blocks in each stage: here 2, 3, 5, 2",
    ),
    "not written": (
        "    return Model(inputs=X_input, outputs=X)\n",
        "",
        ["unwritten"],
        "it returns nothing. Missing: the stem",
    ),
    "a tensor": (
        "return Model(inputs=X_input, outputs=X)",
        "return X",
        ["wrong_type"],
        "expected a keras.Model: Model(inputs=",
    ),
    "an error": (
        "X = layers.Flatten()(X)",
        "X = Flat()(X)",
        ["error"],
        "`X = Flat()(X)`: NameError: name 'Flat' is not defined",
    ),
}


def network(source):
    space = {"layers": layers, "Model": keras.Model}
    space |= {"identity_block": assignment_v3.identity_block, "convolutional_block": assignment_v3.convolutional_block}
    import linecache

    linecache.cache["net"] = (len(source), None, source.splitlines(keepends=True), "net")
    exec(compile(source, "net", "exec"), space)
    return space["ResNet50"]


def in_style(conv, identity):
    """The network of blocks in another style than the package's."""
    function = network(NETWORK)
    function.__globals__["convolutional_block"] = lambda X, f, F, s: conv(X, f, F, 2, "a", s)
    function.__globals__["identity_block"] = identity
    return function


def right(style):
    if style == "operators":
        return in_style(block(FUNCTIONS), lambda X, f, F: block(LOOP)(X, f, F, 2, "b"))
    if style == "models within":
        return in_style(block(FUNCTIONS), block(SEQUENTIAL))
    return {"the learner's": network(NETWORK), "v1": assignment_v1.ResNet50, "the package's": kr.ResNet50}[style]


@pytest.mark.parametrize("style", ["the learner's", "v1", "the package's", "operators", "models within"])
def test_right_networks_pass(style):
    function = right(style)
    grade = kr.grade.check_resnet50(function)
    assert grade.passed and str(grade) == "ResNet50: right."


@pytest.mark.parametrize("mistake", WRONG)
def test_wrong_networks_are_told_why(mistake):
    old, new, rows, says = WRONG[mistake]
    assert old in NETWORK
    grade = kr.grade.check_resnet50(network(NETWORK.replace(old, new)))
    assert not grade.passed and says in grade.sentences[0], grade
    assert rows is None or list(grade.mistakes) == rows


def test_another_order_of_the_same_layers_is_seen_in_the_values():
    """Every choice that the graph shows is right, and yet the outputs are others: a custom layer doubles a map."""

    class Double(layers.Activation):
        def call(self, inputs):
            return 2 * super().call(inputs)

    source = NETWORK.replace('layers.Activation("relu")(X)', 'Double("relu")(X)')
    function = network(source)
    function.__globals__["Double"] = Double
    grade = kr.grade.check_resnet50(function)
    assert grade.mistakes == ("network_values",) and "with the same weights" in str(grade)


def test_a_network_that_is_built_already_is_taken():
    small = keras.Sequential([keras.Input((64, 64, 3)), layers.Flatten(), layers.Dense(6, activation="softmax")])
    grade = kr.grade.check_resnet50(small)
    assert not grade.passed and np.all([bool(sentence) for sentence in grade.sentences])
    assert grade.mistakes == ("not_a_resnet",)
