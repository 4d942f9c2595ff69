"""The grader of the two blocks: right ones pass in any style, wrong ones are told what is wrong."""

import importlib.util
import json
import os
import subprocess
import sys
from collections import Counter
from functools import partial

import keras
import numpy as np
import pytest
from block_mutants import SAME, mutants
from conftest import ROOT
from numpy_resnet import convolution, normalise, relu
from right_blocks import CONV_V1, CONV_V2, IDENTITY_V1, IDENTITY_V2, RIGHT, function
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
    remarked = "the published network's have one." in " ".join(str(grade).split())
    assert ": right." in str(grade) and remarked == (style == "no biases") == bool(grade.sentences)


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
    assert not any("{" in sentence for sentence in grade.sentences)


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
            "The stride s stands in the second convolution of the main path; it belongs in the",
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
    elsewhere = {"departure", "not_a_resnet", "output", "parameters", "softmax", "network_values", "stopped", "died", "exit"}
    named = {row for *_, rows in CHANGED.values() for row in rows}
    assert set(sentences.MISTAKES) - elsewhere - named == set()


def test_the_graders_equations_are_those_of_another_numpy():
    task = structure.Task("conv", "block", channels=4, kernel=5, filters=(2, 3, 7), stride=3, height=13, width=16)
    weights, x = values.draw(task), values.images(task)
    kernels, biases, norms = weights.kernels, weights.biases, weights.norms

    def unit(x, number, **options):
        return normalise(convolution(x, kernels[number], biases[number], **options), *norms[number], 1e-3)

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
