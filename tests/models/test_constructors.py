"""The constructors by the names of `keras.applications`, beside Keras's own."""

import inspect

import keras
import numpy as np
import pytest

import keras_resnet as kr

OF_KERAS = ("ResNet101", "ResNet152", "ResNet50V2", "ResNet101V2", "ResNet152V2")


@pytest.mark.parametrize("name", ["ResNet50", *OF_KERAS])
def test_the_arguments_are_those_of_keras(name):
    ours, theirs = (inspect.signature(getattr(module, name)).parameters for module in (kr, keras.applications))
    assert {key: ours[key].default for key in theirs} == {key: row.default for key, row in theirs.items()}
    assert list(ours)[: len(theirs)] == list(theirs)


@pytest.mark.parametrize("name", ["ResNet50V2", pytest.param("ResNet101", marks=pytest.mark.full)])
def test_they_compute_what_keras_computes(name):
    options = {"weights": None, "input_shape": (64, 64, 3), "classes": 5, "classifier_activation": None}
    theirs = getattr(keras.applications, name)(**options)
    ours = getattr(kr, name)(**options)
    ours.set_weights(theirs.get_weights())
    images = np.random.default_rng(0).normal(size=(2, 64, 64, 3)).astype("float32")
    names = [[layer.name for layer in model.layers if layer.weights] for model in (ours, theirs)]
    assert ours.name == theirs.name and names[0] == names[1]
    np.testing.assert_allclose(ours(images), theirs(images), rtol=2e-4, atol=2e-4)


@pytest.mark.parametrize(("name", "parameters"), [("ResNet18", 11_689_512), ("ResNet34", 21_797_672)])
def test_the_others_have_pytorchs_published_parameters(name, parameters):
    model = getattr(kr, name)(weights=None, input_shape=(64, 64, 3))
    assert sum(np.prod(weight.shape) for weight in model.trainable_weights) == parameters


def test_a_name_is_a_prefix_and_a_wrong_argument_one_line():
    model = kr.ResNet18(weights=None, include_top=False, pooling="avg", input_shape=(32, 32, 3), name="eye")
    assert model.name == "eye" and all(layer.name.startswith("eye_") for layer in model.layers)
    with pytest.raises(kr.errors.ModelError, match="lineage of resnet18"):
        kr.ResNet18(weights=None, lineage="chollet")
