"""The grader of the whole network."""

import keras
import numpy as np
import pytest
from keras import layers
from networks import NETWORK, RIGHT, WRONG, as_a_class, network
from right_blocks import CONV_V3, FUNCTIONS, IDENTITY_V1, IDENTITY_V3, LOOP, SEQUENTIAL, WHOLE_LAYER
from right_blocks import function as block
from wrong_blocks import changed

import keras_resnet as kr
from keras_resnet.compat import assignment_v1, assignment_v3
from keras_resnet.grade import sentences, standins


def in_style(conv, identity):
    """The network of blocks in another style than the package's."""
    function = network(NETWORK)
    function.__globals__["convolutional_block"] = lambda X, f, F, s: conv(X, f, F, 2, "a", s)
    function.__globals__["identity_block"] = identity
    return function


def of_blocks(conv=CONV_V3, identity=IDENTITY_V3):
    """The network of a learner's own blocks."""
    function = network(NETWORK)
    function.__globals__.update(convolutional_block=block(conv, "conv"), identity_block=block(identity, "identity"))
    return function


def right(style):
    if style == "operators":
        return in_style(block(FUNCTIONS), lambda X, f, F: block(LOOP)(X, f, F, 2, "b"))
    if style == "models and layers within":
        return in_style(block(WHOLE_LAYER), block(SEQUENTIAL))
    return {"v1": assignment_v1.ResNet50, "the package's": kr.ResNet50, "a class": as_a_class()}[style]


@pytest.mark.parametrize("style", ["v1", "the package's", "operators", "models and layers within", "a class"])
def test_right_networks_pass_in_every_style(style):
    grade = kr.grade.check_resnet50(right(style))
    assert grade.passed and str(grade) == "ResNet50: right."


@pytest.mark.parametrize("style", RIGHT)
def test_what_is_the_same_network_passes_and_is_advised(style):
    changes, says = RIGHT[style]
    grade = kr.grade.check_resnet50(network(changed(NETWORK, changes)))
    assert grade.passed and not grade.sentences, grade
    assert says in " ".join(grade.advice) and bool(says) == bool(grade.advice)


@pytest.mark.parametrize("mistake", WRONG)
def test_wrong_networks_are_told_why(mistake):
    old, new, rows, says = WRONG[mistake]
    grade = kr.grade.check_resnet50(network(changed(NETWORK, [(old, new)])))
    assert not grade.passed and says in grade.sentences[0], grade
    assert rows is None or list(grade.mistakes) == rows
    assert not any("{" in sentence for sentence in grade.sentences)


def test_what_the_layers_do_not_show_is_seen_in_the_values():
    """Every choice that the graph shows is right, and yet the outputs are others: a convolution of one's own doubles a map."""

    class Double(layers.Conv2D):
        def call(self, inputs):
            return 2 * super().call(inputs)

    class InTraining(layers.BatchNormalization):
        def call(self, inputs, training=None):
            return super().call(inputs, training=training) + (1.0 if training else 0.0)

    class FarOut(layers.Conv2D):
        def call(self, inputs):
            return keras.ops.minimum(super().call(inputs), 500)

    for old, own in (("layers.Conv2D(64", Double), ("layers.BatchNormalization(", InTraining), ("layers.Conv2D(64", FarOut)):
        function = network(changed(NETWORK, [(old, old.replace(f"layers.{own.__base__.__name__}", own.__name__))]))
        function.__globals__[own.__name__] = own
        grade = kr.grade.check_resnet50(function)
        assert grade.mistakes == ("network_values",) and "with the same weights" in str(grade), own


def test_a_network_that_is_built_already_is_taken():
    small = keras.Sequential([keras.Input((64, 64, 3)), layers.Flatten(), layers.Dense(6, activation="softmax")])
    grade = kr.grade.check_resnet50(small)
    assert not grade.passed and np.all([bool(sentence) for sentence in grade.sentences])
    assert grade.mistakes == ("not_a_resnet",)
    assert kr.grade.check_resnet50(assignment_v3.ResNet50()).passed
    for shape in ((64, 64, 1), (56, 64, 3)):
        grade = kr.grade.check_resnet50(assignment_v3.ResNet50(input_shape=shape))
        assert grade.sentences == (f"Not as in ResNet-50: input: here {shape}; expected (64, 64, 3).",)


@pytest.mark.parametrize(
    ("conv", "identity", "blocks"),
    [
        ([], [("X_shortcut = X\n", "X_shortcut = 2 * X\n")], "identity_block, which is"),
        ([("axis=3", "axis=1")], [('padding="same"', 'padding="valid"')], "identity_block and convolutional_block, which are"),
        ([("return X", "pass")], [], "convolutional_block, which is"),
        ([], [("Add()", "layers.Concatenate()")], "identity_block, which is"),
        (
            [("X = Add()", "X = layers.Concatenate()")],
            [("X, X_shortcut]", "X, None]")],
            "identity_block and convolutional_block, which are",
        ),
    ],
)
def test_wrong_blocks_come_first_and_the_network_is_judged_without_them(conv, identity, blocks):
    function = of_blocks(changed(CONV_V3, conv), changed(IDENTITY_V3, identity))
    grade = kr.grade.check_resnet50(function)
    assert grade.mistakes == ("blocks_first",)
    told = grade.sentences[0].partition("made of ")[2].partition(" not right yet")[0]
    assert sorted(told.replace(",", "").split()) == sorted(blocks.replace(",", "").split())
    assert grade.sentences[0].endswith("With right ones in their place it is right.")
    assert function.__globals__["identity_block"].__code__.co_filename == "identity"  # back in its place


@pytest.mark.parametrize(
    ("conv", "identity", "blocks"),
    [
        ([("s=2, ", ""), ("(s, s)", "(2, 2)")], [], "convolutional_block, which is"),
        ([], [("X, f, filters, ", "X, f, filters, letter, ")], "identity_block, which is"),
        (
            [("X, f, filters, s=2, ", "X, stride, ")],
            [("X, f, filters, ", "X, f, F1, F2, F3, ")],
            "convolutional_block and identity_block, which are",
        ),
    ],
)
def test_blocks_with_other_parameters_are_all_that_is_said(conv, identity, blocks):
    grade = kr.grade.check_resnet50(of_blocks(changed(CONV_V3, conv), changed(IDENTITY_V3, identity)))
    assert grade.mistakes == ("blocks_first",), grade
    assert f"is made of {blocks} not right yet" in str(grade).replace("\n    ", " ")
    assert grade.sentences[0].endswith("The network is checked when they can be called as the assignment does.")


def test_what_is_wrong_with_the_network_itself_follows_its_blocks():
    function = network(changed(NETWORK, [("layers.AveragePooling2D", "layers.MaxPooling2D")]))
    wrong = changed(IDENTITY_V3, [("F2, kernel_size=f", "F2, kernel_size=2")])
    function.__globals__.update(convolutional_block=block(CONV_V3, "conv"), identity_block=block(wrong, "identity"))
    grade = kr.grade.check_resnet50(function)
    assert grade.mistakes == ("blocks_first", "max_for_average")
    assert "mend that first. What follows holds with right ones in their place." in grade.sentences[0]


def test_a_wrong_block_that_the_network_never_shows_does_not_fail_it():
    """Its stride is wrong by default, which nobody asks for: the network itself is right."""
    function = of_blocks(changed(CONV_V3, [("s=2", "s=5")]))
    assert kr.grade.check_resnet50(function).passed


@pytest.mark.parametrize(("old", "new"), [("{stage}{block}", "{stage}"), ('"bn{stage}', '"res{stage}')])
def test_names_that_clash_are_told_as_names(old, new):
    source = changed(NETWORK, [("[F, F, 4 * F])", "[F, F, 4 * F], stage=s + F, block=str(_))")])
    function = network(source)
    identity = changed(IDENTITY_V1, [(old, new)])
    function.__globals__.update(identity_block=block(identity, "identity"))
    grade = kr.grade.check_resnet50(function)
    assert grade.mistakes == ("blocks_first",), grade


def test_a_stand_in_takes_a_blocks_own_parameters():
    from keras_resnet.grade import calling

    learner = calling.learner(block(FUNCTIONS), "conv")
    inputs = keras.Input((8, 8, 5))
    assert standins.stand_in(learner)(inputs, 3, (2, 3, 4), stage=2, block="a").shape == (None, 4, 4, 4)
    assert standins.stand_in(learner)(inputs, kernel_size=3, filters=[2, 3, 4], stage=2, block="a", strides=1).shape[1] == 8


def test_every_row_of_the_table_on_networks_comes_up():
    named, rows = {row for _, _, rows, _ in WRONG.values() for row in rows or ()}, list(sentences.MISTAKES)
    assert set(rows[rows.index("blocks_first") :]) - named == {"blocks_first", "network_hidden", "network_values"}


def test_a_layer_that_hides_its_convolutions_is_told_so():
    class Hiding(layers.Layer):
        def __init__(self):
            super().__init__()
            self.conv = layers.Conv2D(64, 7, strides=2)

        def call(self, x):
            if keras.backend.is_keras_tensor(x):
                raise TypeError
            return self.conv(x)

    function = network(changed(NETWORK, [("layers.Conv2D(64, (7, 7), strides=(2, 2))", "Hiding()")]))
    function.__globals__["Hiding"] = Hiding
    assert kr.grade.check_resnet50(function).mistakes == ("network_hidden",)
