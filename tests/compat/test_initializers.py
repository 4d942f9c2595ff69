"""Philox against its authors' vectors and TensorFlow itself, and the initialisers made of it."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_resnet.compat import assignment_v2, philox
from keras_resnet.compat.initializers import initializers
from keras_resnet.errors import ModelError

ALL = 0xFFFFFFFF
# D. E. Shaw Research, Random123, tests/kat_vectors: philox4x32 10.
VECTORS = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((ALL,) * 4, (ALL,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]
SHAPE = (3, 3, 5, 7)


@pytest.mark.parametrize(("counter", "key", "expected"), VECTORS)
def test_philox_gives_its_authors_vectors(counter, key, expected):
    assert tuple(philox.philox([counter], key)[0]) == expected


@pytest.mark.parametrize("shape", [SHAPE, (3, 3, 130, 129), (1,)])
def test_the_stateless_stream_is_tensorflows(shape):
    values = initializers("stateless").random_uniform(seed=5)(shape)
    np.testing.assert_array_equal(values, tf.random.stateless_uniform(shape, [5, 0], -0.05, 0.05))


def test_glorot_of_the_second_generation_is_that_of_keras_3():
    glorot = assignment_v2.glorot_uniform(seed=0)(SHAPE)
    np.testing.assert_allclose(glorot, keras.initializers.GlorotUniform(seed=0)(SHAPE), rtol=1e-6)  # under TensorFlow


@pytest.mark.parametrize("global_seed", [None, 0, 2, 2**40 + 3])
def test_the_stateful_stream_is_tensorflows_and_goes_on(global_seed):
    draw = initializers("stateful", global_seed)
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:  # the operation of an eager call, without its global state
        if global_seed is not None:
            tf.compat.v1.set_random_seed(global_seed)
        drawn = tf.random.uniform((10,), -0.05, 0.05, seed=0)
        first, second = session.run(drawn), session.run(drawn)
    np.testing.assert_array_equal(draw.random_uniform(seed=0)((10,)), first)
    np.testing.assert_array_equal(draw.random_uniform(seed=0)((10,)), second)
    draw.stream.set_seed(global_seed)
    np.testing.assert_array_equal(draw.random_uniform(seed=0)((10,)), first)


def test_the_graphs_stream_is_that_of_tensorflow_1_and_starts_anew_in_every_layer():
    draw = initializers("graph")
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        expected = session.run(tf.compat.v1.random_uniform(SHAPE, -0.05, 0.05, seed=3))
    for _ in range(2):
        np.testing.assert_array_equal(draw.random_uniform(seed=3)(SHAPE), expected)


def test_glorot_has_its_range():
    values = np.asarray(initializers("graph").glorot_uniform(seed=0)((3, 3, 500, 300)))
    limit = np.sqrt(6 / (9 * 800))
    assert abs(values.min() + limit) < 1e-4 * limit and abs(values.max() - limit) < 1e-4 * limit
    assert abs(values.var() - limit**2 / 3) < 1e-3 * limit**2


def test_to_everyone_they_are_kerass_own():
    draw = initializers("graph").glorot_uniform(seed=0)
    assert isinstance(draw, keras.initializers.GlorotUniform) and draw.__class__ is keras.initializers.GlorotUniform
    written = keras.saving.serialize_keras_object(draw)
    assert (written["module"], written["class_name"]) == ("keras.initializers", "GlorotUniform")
    assert written["config"] == keras.initializers.GlorotUniform(seed=0).get_config()


def test_without_a_seed_they_draw_as_keras_does():
    draw = initializers("stateless").glorot_uniform
    assert np.abs(np.asarray(draw()(SHAPE)) - np.asarray(draw()(SHAPE))).max() > 1e-3


def test_another_kind_is_refused():
    with pytest.raises(ModelError, match="Unknown kind of initialisers: received 'eager'; expected one of 'graph'"):
        initializers("eager")
