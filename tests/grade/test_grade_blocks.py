"""The grader of the two blocks: right ones pass in any style, wrong ones are told what is wrong."""

import importlib.util
import json
import os
import re
import subprocess
import sys
from collections import Counter
from functools import partial

import keras
import numpy as np
import pytest
from block_mutants import SAME, mutants
from conftest import ROOT
from numpy_resnet import convolution, normalize, relu
from right_blocks import CONV_V1, CONV_V2, FUNCTIONS, IDENTITY_V1, IDENTITY_V2, LOOP, RIGHT, function
from wrong_blocks import CHANGED, changed

import keras_resnet as kr
from keras_resnet.compat import assignment_v1, assignment_v2, assignment_v3
from keras_resnet.grade import sentences, structure, values

CHECKS = {"identity": kr.grade.check_identity_block, "conv": kr.grade.check_conv_block}


@pytest.mark.parametrize("style", RIGHT)
def test_right_blocks_pass_in_every_style(style):
    kind, source = RIGHT[style]
    grade = CHECKS[kind](function(source))
    assert grade.passed and not grade.mistakes, grade
    assert ": right." in str(grade) and not grade.sentences
    assert ("the published network's have one." in " ".join(grade.advice)) == (style == "no biases")


@pytest.mark.parametrize("generation", [assignment_v1, assignment_v2, assignment_v3])
def test_the_blocks_of_every_generation_pass(generation):
    assert kr.grade.check_identity_block(generation.identity_block).passed
    assert kr.grade.check_conv_block(generation.convolutional_block).passed


def test_the_packages_own_blocks_pass():
    assert kr.grade.check_identity_block(kr.identity_block).passed
    assert kr.grade.check_conv_block(kr.conv_block).passed
    assert kr.grade.check_identity_block(partial(assignment_v1.identity_block, stage=2, block="b")).passed


@pytest.mark.parametrize("mistake", CHANGED)
def test_each_mistake_is_named(mistake):
    kind, source, changes, rows = CHANGED[mistake]
    grade = CHECKS[kind](function(changed(source, changes)))
    assert not grade.passed and list(grade.mistakes) == rows, grade
    assert len(grade.sentences) == len(set(grade.sentences)) == len(rows)
    assert not any("{" in re.sub("`[^`]*`", "", sentence) for sentence in grade.sentences)  # but for the learner's own line


@pytest.mark.parametrize(("kind", "source"), [("identity", IDENTITY_V2), ("conv", CONV_V2)])
def test_every_argument_of_the_reference_counts(kind, source):
    passed, tried = Counter(), 0
    for before, after, mutant in mutants(source):
        tried += 1
        grade = CHECKS[kind](function(mutant))
        assert grade.passed or grade.sentences
        passed[before, after] += grade.passed
    convolutions = 3 if kind == "identity" else 4
    # What changes nothing: the padding of each 1x1, the axis of each normalisation counted from the end, and the first
    # convolution on X_shortcut, which is X there.
    equal = dict.fromkeys(SAME, convolutions) | {("padding='valid'", "padding='same'"): convolutions - 1}
    assert +passed == Counter({**equal, ("X", "X_shortcut"): 1})
    assert tried > 70


@pytest.mark.parametrize(
    ("mistake", "says"),
    [
        (
            "stride in the f x f convolution",
            "The stride, `s`, stands in the second convolution of the main path; it belongs in the",
        ),
        ("no batch normalisation on the shortcut", "The batch normalisation after the shortcut's convolution is missing."),
        ("ReLU before the addition", "The last ReLU stands before the addition; first add the shortcut"),
        ("valid for same", "The second convolution of the main path has padding='valid'"),
        ("shortcut saved after the first component", "it begins behind the first ReLU of the main path"),
        ("training ignored", "`training` changes nothing: give it to every batch normalisation"),
        ("F1 in place of F2", "The second convolution of the main path has as many filters as F1; expected F2."),
        (
            "axis 2, once",
            "The batch normalisation after the shortcut's convolution normalises along axis 2; the channels are axis 3",
        ),
        ("a blank left", "A blank is left before line 10, `X = Conv2D(F2"),
        ("an unknown name", "identity_block stops in line 17, `X = Addition()([X, X_shortcut])`: NameError: name 'Addition'"),
        ("stride always 2", "The stride of the first convolution of the main path is 2 for s=3; write strides=(s, s)."),
        ("not written", "identity_block is not written yet: it returns nothing. Missing: Conv2D(F1, 1x1), BatchNormalization"),
    ],
)
def test_the_sentence_says_what_and_where(mistake, says):
    kind, source, changes, _ = CHANGED[mistake]
    assert says in CHECKS[kind](function(changed(source, changes))).sentences[0]


def test_every_row_of_the_table_on_blocks_comes_up():
    named, rows = {row for *_, rows in CHANGED.values() for row in rows}, list(sentences.MISTAKES)
    ends = {"unreadable", "stopped", "died", "exit", "files", "memory", "not_checked"}  # of the file and its process
    assert set(rows[: rows.index("blocks_first")]) - ends - named == {"error_in"}


def test_the_graders_equations_are_those_of_another_numpy():
    task = structure.Task("conv", "block", channels=4, kernel=5, filters=(2, 3, 7), stride=3, height=13, width=16)
    weights, x = values.draw(task), values.images(task)
    kernels, biases, norms = weights.kernels, weights.biases, weights.norms

    def unit(x, number, **options):
        return normalize(convolution(x, kernels[number], biases[number], **options), *norms[number], 1e-3)

    main = unit(relu(unit(relu(unit(x, 0, stride=3)), 1, padding=2)), 2)
    expected = relu(main + unit(x, 3, stride=3))
    np.testing.assert_allclose(values.forward(x, weights, task, 1e-3, training=False), expected, rtol=1e-10)


ELSEWHERE = """
import json, sys
import keras_resnet as kr
from right_blocks import RIGHT, function
from wrong_blocks import CHANGED, changed

checks = {"identity": kr.grade.check_identity_block, "conv": kr.grade.check_conv_block}
rows = [checks[kind](function(source)).mistakes for kind, source in (RIGHT["conv v2"], RIGHT["one layer of its own"])]
for kind, source, changes, _ in (CHANGED[name] for name in json.loads(sys.argv[1])):
    rows.append(checks[kind](function(changed(source, changes))).mistakes)
print(json.dumps([kr.numerics(None)["backend"], "tensorflow" in sys.modules, rows]))
"""
THERE = ["training ignored", "valid for same", "functions: stride in the second", "shortcut saved at the end"]


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_it_grades_on_other_backends(backend):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"the backend {backend} is not installed")
    env = {**os.environ, "KERAS_BACKEND": backend, "JAX_PLATFORMS": "cpu"}
    env["PYTHONPATH"] = os.pathsep.join([str(ROOT), os.path.dirname(__file__)])
    command = [sys.executable, "-c", ELSEWHERE, json.dumps(THERE)]
    done = subprocess.run(command, capture_output=True, text=True, env=env, timeout=300)
    assert done.returncode == 0, done.stderr
    expected = [[], [], *(CHANGED[name][3] for name in THERE)]
    assert json.loads(done.stdout.splitlines()[-1]) == [backend, False, expected]


@pytest.mark.parametrize(
    ("style", "says"),
    [
        ("other names", "here stage_2_a_2a stands in place of res2a_branch2a."),
        ("loop, unnamed, swapped Add", "stands in place of res2a_branch2a. Only a weight file that is loaded by name asks"),
        ("a layer that nothing goes on with", "A Conv2D is computed and nothing goes on with it; it changes nothing."),
        ("regularised", "Layers have a kernel_regularizer, which the assignment's do not have; it counts in training alone."),
        ("one kernel that starts at zero", "A kernel starts as one number for all its weights (Zeros); the assignment's start"),
    ],
)
def test_what_does_not_count_is_advice_and_comes_last(style, says):
    kind, source = RIGHT[style]
    grade = CHECKS[kind](function(source))
    assert grade.passed and says in grade.advice[-1]
    assert str(grade).splitlines()[1].startswith("  advice: ")


def test_what_is_wrong_gets_no_advice():
    grade = kr.grade.check_identity_block(function(changed(LOOP, [("if number < 2:", "if True:")])))
    assert not grade.passed and not grade.advice and "Names" not in str(grade)


@pytest.mark.parametrize(
    ("mistake", "says"),
    [
        ("functions: the shortcut overwritten", "has no stride; write strides=strides."),
        ("functions: stride in the second", "The stride, `strides`, stands in the second convolution of the main path;"),
        ("loop: swapped Add of the output", "save it there, e.g. X_shortcut = x, and add that."),
        ("no shortcut for a stride of 1", "With s=1: the shortcut of a convolutional block needs a 1x1 convolution"),
        ("two filters", "`F1, F2 = filters`: `filters` holds three numbers, F1, F2 and F3, and the line takes 2 out of it."),
        ("a ReLU cut off far out", "The activation after the addition is ReLU with max_value=10000; expected a ReLU."),
        ("Add()([X, X])", "Both inputs of the addition are the end of the main path. One of them has to be the block's input"),
        ("Add()([X, X]), conv", "are the end of the main path; what was computed for the shortcut is not added."),
        ("blanks for arguments", "A blank is left in line 10, `X = Conv2D(filters=None, kernel_size=None, strides=None,"),
        ("a stride that is text", "convolutional_block has the stride '2' by default; the assignment's is 2."),
        ("all filters for one", "a list stands there in place of one number; `filters` holds three, F1, F2, F3 = filters."),
        ("blanks to the end", "A blank is left in line 17, `X = None`: None stands there."),
        ("names without the stage", "The layer 'resa_branch2a' has the same name whatever `stage` is: Keras builds no network"),
        ("a layer that is not called", "X is the layer Activation itself there, not a tensor; a layer has to be called on one"),
    ],
)
def test_the_sentence_is_in_the_learners_words(mistake, says):
    kind, source, changes, _ = CHANGED[mistake]
    assert says in CHECKS[kind](function(changed(source, changes))).sentences[-1]


def test_no_sentence_names_an_address():
    source = changed(IDENTITY_V2, [("Conv2D(F1, ", "Conv2D(F1, initialiser=initializer(seed=0), ")])
    sentence = kr.grade.check_identity_block(function(source)).sentences[0]
    assert "{'initialiser': Constant(..)}" in sentence and "0x" not in sentence


def test_a_blocks_own_option_is_no_blank():
    source = changed(FUNCTIONS, [("def unit(x, count, side, strides=1):", "def unit(x, count, side, strides=1, name=None):")])
    source = changed(
        source, [("        return layers.Batch", "        name = layers.Nothing(name)\n        return layers.Batch")]
    )
    grade = kr.grade.check_conv_block(function(source))
    assert grade.mistakes == ("error_in",) and "conv_block stops in unit, line 4, `name = layers.Nothing(name)`" in str(grade)


def test_several_mistakes_are_all_named():
    source = changed(CONV_V1, [("axis=3", "axis=1"), ('"same"', '"valid"'), ("(s, s)", "(2, 2)"), ("Conv2D(F2", "Conv2D(F1")])
    grade = kr.grade.check_conv_block(function(source))
    assert set(grade.mistakes) == {"axis", "padding", "stride_fixed", "filters"} and len(grade.sentences) == 8
    assert "not right yet, in 8 points." in str(grade) and repr(grade) == str(grade)


def test_what_is_no_function_is_said():
    assert "check" not in str(kr.grade.check_identity_block(3)) and kr.grade.check_identity_block(3).mistakes == ("signature",)
    assert kr.grade.check_conv_block(keras.layers.Dense).mistakes == ("signature",)


def test_checking_leaves_keras_as_it_was():
    before = keras.config.is_traceback_filtering_enabled()
    kr.grade.check_identity_block(function(changed(IDENTITY_V1, [('"same"', '"valid"')])))
    assert keras.config.is_traceback_filtering_enabled() == before
