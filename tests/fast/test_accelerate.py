"""The fast kernels against Keras's own, in float64 where they take it, and that the layers stay Keras's."""

import contextlib
import os
import subprocess
import sys

import keras
import numpy as np
import pytest

import keras_resnet as kr

if keras.backend.backend() != "tensorflow":
    pytest.skip("the fast kernels are TensorFlow's", allow_module_level=True)

import tensorflow as tf

if tf.config.list_physical_devices("GPU"):
    pytest.skip("the fast kernels are for machines without a GPU", allow_module_level=True)

FAST = {"call", "convolution_op"}  # methods that a layer with other kernels has of its own


def twins(*layers, shape, dtype="float32"):
    """Two models of equal weights, the second with the fast kernels; layers are given as functions that make one."""
    models = []
    for _ in range(2):
        made = [layer() for layer in layers]
        inputs = keras.Input(shape, dtype=dtype)
        x = inputs
        for layer in made:
            x = layer(x)
        models.append(keras.Model(inputs, x))
    random = np.random.default_rng(0)
    for pair in zip(*(model.weights for model in models), strict=True):
        value = random.uniform(0.5, 1.5, pair[0].shape)
        for variable in pair:
            variable.assign(value)
    return models[0], kr.accelerate(models[1])


def slopes(model, x, direction):
    """Outputs, and the gradients of a weighted sum of them: of the input and of every variable."""
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = model(x, training=True)
        loss = tf.reduce_sum(y * direction)
    found = tape.gradient(loss, [x, *(v.value for v in model.trainable_variables)])
    return [np.asarray(value) for value in (y, *found)]


@pytest.mark.parametrize(
    ("kernel", "side", "options"),
    [
        (1, 5, {}),
        (1, 1, {"use_bias": False}),
        (1, 4, {"activation": "relu"}),
        (1, 5, {"strides": 2}),
        (1, 6, {"strides": 2}),
        (1, 7, {"strides": 3}),
    ],
)
def test_gradients_of_convolutions_are_those_of_keras_in_float64(kernel, side, options):
    def layer():
        return keras.layers.Conv2D(7, kernel, padding="same", dtype="float64", **options)

    stock, fast = twins(layer, shape=(side, side, 5), dtype="float64")
    assert FAST & set(vars(fast.layers[1]))
    random = np.random.default_rng(1)
    after = -(-side // options.get("strides", 1))
    x, direction = random.normal(size=(3, side, side, 5)), random.normal(size=(3, after, after, 7))
    for ours, theirs in zip(slopes(fast, x, direction), slopes(stock, x, direction), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(fast(x, training=False), stock(x, training=False))


@pytest.mark.parametrize("shape", [(2, 1), (5, 5), (8, 8), (9, 9), (None, None)])
@pytest.mark.parametrize("use_bias", [True, False])
def test_gradients_of_wide_convolutions_are_those_of_keras_in_float64(shape, use_bias):
    """With 64 channels, on maps that are small enough, too large, and of open size."""

    def layer():
        return keras.layers.Conv2D(64, 3, padding="same", dtype="float64", use_bias=use_bias, activation="relu")

    stock, fast = twins(layer, shape=(*shape, 64), dtype="float64")
    random = np.random.default_rng(2)
    x, direction = random.normal(size=(2, 2, *(side or 3 for side in shape), 64))
    for ours, theirs in zip(slopes(fast, x, direction), slopes(stock, x, direction), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-11, atol=1e-11)
    np.testing.assert_array_equal(fast(x, training=False), stock(x, training=False))


@pytest.mark.parametrize(
    ("kernel", "side", "channels", "products"),
    [(1, 5, 5, (1, 0)), (3, 8, 64, (3, 3)), (3, 8, 63, None), (3, 9, 64, None), (3, 9, 128, (3, 3)), (3, None, 128, None)],
)
def test_products_train_and_convolutions_predict(kernel, side, channels, products):
    """Products of two matrices and of many: two dimensions to the points and two back, the taps, and the products there."""
    _, fast = twins(lambda: keras.layers.Conv2D(channels, kernel, padding="same"), shape=(side, side, channels))
    for training, expected in ((True, products), (False, None)):
        function = tf.function(lambda x, training=training: fast(x, training=training))
        graph = function.get_concrete_function(tf.TensorSpec((2, side, side, channels))).graph
        kinds = [operation.type for operation in graph.get_operations()]
        found = kinds.count("MatMul"), kinds.count("BatchMatMulV2"), kinds.count("Conv2D")
        assert found == ((0, 0, 1) if expected is None else (*expected, 0))


def test_batch_normalization_gives_keras_numbers():
    stock, fast = twins(lambda: keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5), shape=(3, 3, 4))
    assert "call" in vars(fast.layers[1])
    random = np.random.default_rng(3)
    x, direction = random.normal(2, 3, (5, 3, 3, 4)).astype("float32"), random.normal(size=(5, 3, 3, 4)).astype("float32")
    for ours, theirs in zip(slopes(fast, x, direction), slopes(stock, x, direction), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=2e-5)
    for ours, theirs in zip(fast.weights, stock.weights, strict=True):  # the running statistics are among them
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)
    # The closed form, with the biased variance: 0.9 of what was kept and 0.1 of the batch's.
    before = np.random.default_rng(0).uniform(0.5, 1.5, (4, 4))
    np.testing.assert_allclose(fast.weights[2], 0.9 * before[2] + 0.1 * x.mean((0, 1, 2)), rtol=1e-5)
    np.testing.assert_allclose(fast.weights[3], 0.9 * before[3] + 0.1 * x.var((0, 1, 2)), rtol=1e-5)
    np.testing.assert_array_equal(fast(x, training=False), type(fast.layers[1]).call(fast.layers[1], x, training=False))


def test_a_frozen_batch_normalization_keeps_its_statistics():
    _, fast = twins(keras.layers.BatchNormalization, shape=(3, 3, 4))
    fast.layers[1].trainable = False
    before = [np.array(value) for value in fast.weights]
    fast(np.ones((2, 3, 3, 4), "float32"), training=True)
    for value, old in zip(fast.weights, before, strict=True):
        np.testing.assert_array_equal(value, old)


@pytest.mark.parametrize("make", [keras.optimizers.Adam, keras.optimizers.AdamW])
def test_three_updates_are_those_of_the_closed_form(make):
    """Kingma and Ba 2015, algorithm 1, in Keras's form of epsilon; AdamW: decay first (Loshchilov and Hutter 2019)."""
    rate, beta1, beta2, epsilon, decay = 0.01, 0.9, 0.999, 1e-7, 0.1 if make is keras.optimizers.AdamW else 0.0
    inputs = keras.Input((2,))
    model = keras.Model(inputs, keras.layers.Dense(3)(inputs))
    model.compile(make(rate, **({"weight_decay": decay} if decay else {})), "mse")
    model.optimizer.exclude_from_weight_decay(var_names=["bias"])
    kr.accelerate(model)
    assert "_backend_update_step" in vars(model.optimizer)
    values = [np.array(v, "float64") for v in model.trainable_variables]
    m, v = [0 * value for value in values], [0 * value for value in values]
    random = np.random.default_rng(4)
    for step in range(1, 4):
        gradients = [random.normal(size=value.shape) for value in values]
        model.optimizer.apply([tf.constant(g, tf.float32) for g in gradients], model.trainable_variables)
        for i, g in enumerate(gradients):
            m[i], v[i] = beta1 * m[i] + (1 - beta1) * g, beta2 * v[i] + (1 - beta2) * g * g
            alpha = rate * np.sqrt(1 - beta2**step) / (1 - beta1**step)
            kept = 1 - rate * decay if values[i].ndim == 2 else 1
            values[i] = values[i] * kept - alpha * m[i] / (np.sqrt(v[i]) + epsilon)
    for ours, expected in zip(model.trainable_variables, values, strict=True):
        np.testing.assert_allclose(ours, expected, rtol=2e-5)
    assert int(model.optimizer.iterations) == 3


def test_sparse_gradients_and_other_devices_are_left_to_keras():
    """An embedding's gradient is sparse, and within a strategy Keras distributes the update: weights are those of Keras."""
    for scope in (contextlib.nullcontext, tf.distribute.OneDeviceStrategy("/cpu:0").scope):
        found = []
        for fast in (False, True):
            with scope():
                keras.utils.set_random_seed(8)
                model = keras.Sequential(
                    [keras.Input((2,), dtype="int32"), keras.layers.Embedding(5, 3), keras.layers.Flatten()]
                )
                model.add(keras.layers.Dense(1))
                model.compile(keras.optimizers.Adam(0.01), "mse")
            if fast:
                kr.accelerate(model)
            for _ in range(3):
                model.train_on_batch(np.array([[0, 1], [3, 1]]), np.array([[1.0], [2.0]]))
            found.append(model.get_weights())
        for ours, theirs in zip(*found, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-6)


def small(**options):
    keras.utils.set_random_seed(5)
    return kr.create_model("resnet-tiny", input_shape=(32, 32, 3), classes=3, **options)


def test_the_network_stays_keras_own(tmp_path):
    """Classes, configuration, predictions and the saved file are those of a network without the kernels."""
    network = small()
    assert any(FAST & set(vars(layer)) for layer in network.layers)
    assert {type(layer).__module__.split(".")[0] for layer in network.layers} == {"keras"}
    x = np.random.default_rng(6).normal(size=(2, 32, 32, 3)).astype("float32")
    network.compile("adam", "sparse_categorical_crossentropy")
    kr.accelerate(network)
    network.fit(x, np.array([0, 2]), epochs=2, verbose=0)
    network.save(tmp_path / "network.keras")
    code = (
        "import sys, keras, numpy as np; path, x = sys.argv[1:]; model = keras.models.load_model(path); "
        "np.save(x, model.predict(np.load(x), verbose=0)); assert 'keras_resnet' not in sys.modules"
    )
    np.save(tmp_path / "x.npy", x)
    environment = {**os.environ, "TF_ENABLE_ONEDNN_OPTS": "1", "PYTHONPATH": ""}
    arguments = [sys.executable, "-c", code, "network.keras", "x.npy"]
    subprocess.run(arguments, check=True, cwd=tmp_path, env=environment, capture_output=True)
    np.testing.assert_allclose(np.load(tmp_path / "x.npy"), network.predict(x, verbose=0), rtol=1e-5)


def test_training_goes_where_keras_goes():
    """Some steps of a small network, in float32, from equal weights: losses agree to the rounding that steps amplify."""
    random = np.random.default_rng(7)
    x, y = random.normal(size=(8, 32, 32, 3)).astype("float32"), random.integers(0, 3, 8)
    losses = []
    for fast in (False, True):
        network = small()
        if not fast:
            network = keras.models.clone_model(network)
            assert not any(FAST & set(vars(layer)) for layer in network.layers)
            network.set_weights(small().get_weights())
        network.compile(keras.optimizers.AdamW(1e-3, weight_decay=0.05), "sparse_categorical_crossentropy")
        if fast:
            kr.accelerate(network)
        losses.append([network.train_on_batch(x, y) for _ in range(4)])
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-3)
    assert losses[0][-1] < losses[0][0]


def test_the_switch_turns_it_off(monkeypatch):
    monkeypatch.setenv("KERAS_RESNET_ACCELERATE", "0")
    network = small()
    assert not any(FAST & set(vars(layer)) for layer in network.layers)


def test_what_is_not_plain_is_left_alone():
    layers = [
        lambda: keras.layers.Conv2D(4, 1, strides=(1, 2)),
        lambda: keras.layers.Conv2D(4, 3, padding="same", strides=2),
        lambda: keras.layers.Conv2D(4, 3, padding="valid"),
        lambda: keras.layers.Conv2D(4, 1, groups=2),
        lambda: keras.layers.BatchNormalization(scale=False),
        lambda: keras.layers.BatchNormalization(axis=1),
    ]
    _, fast = twins(*layers, shape=(24, 24, 4))
    assert not any(FAST & set(vars(layer)) for layer in fast.layers)
