import keras
import numpy as np
import pytest

import keras_resnet as kr
from keras_resnet.errors import ModelError


def one_norm(momentum=0.99):
    inputs = keras.Input((4, 4, 2))
    return keras.Model(inputs, keras.layers.BatchNormalization(momentum=momentum, name="bn")(inputs))


def test_recalibration_gives_the_mean_of_the_batches_own_statistics():
    images = np.random.default_rng(1).normal(3, 2, (40, 4, 4, 2)).astype("float32")
    model = one_norm()
    assert kr.recalibrate_batch_norm(model, images, batch_size=10) == 4
    batches = images.reshape(4, 10, 4, 4, 2)
    layer = model.get_layer("bn")
    np.testing.assert_allclose(layer.moving_mean, batches.mean(axis=(1, 2, 3)).mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(layer.moving_variance, batches.var(axis=(1, 2, 3)).mean(axis=0), rtol=1e-4)
    assert layer.momentum == 0.99


def test_recalibration_leaves_weights_and_frozen_statistics():
    images = np.random.default_rng(1).normal(3, 2, (20, 32, 32, 3)).astype("float32")
    model = kr.models.create_model("resnet-tiny", input_shape=(32, 32, 3), classes=3)
    model.get_layer("bn_conv1").trainable = False
    before = {weight.path: np.array(weight) for weight in model.weights}
    kr.recalibrate_batch_norm(model, images, batch_size=10)
    for weight in model.weights:
        statistic = "moving" in weight.path and not weight.path.startswith("bn_conv1")
        assert np.array_equal(before[weight.path], np.array(weight)) != statistic, weight.path


def test_recalibration_takes_batches_and_refuses_none():
    images = np.random.default_rng(1).normal(3, 2, (20, 4, 4, 2)).astype("float32")
    model, other = one_norm(), one_norm()
    kr.recalibrate_batch_norm(model, images, batch_size=10)
    kr.recalibrate_batch_norm(other, iter([images[:10], images[10:]]))
    np.testing.assert_array_equal(model.get_layer("bn").moving_mean, other.get_layer("bn").moving_mean)
    with pytest.raises(ModelError, match="at least one batch of images, received none"):
        kr.recalibrate_batch_norm(one_norm(), [])


def test_momentum_is_set_everywhere_and_followed():
    model = one_norm()
    kr.models.set_batch_norm_momentum(model, 0.5)
    model(np.full((2, 4, 4, 2), 4.0, "float32"), training=True)
    np.testing.assert_allclose(model.get_layer("bn").moving_mean, [2.0, 2.0])


def classifier(logits):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((4, 4, 2))
    x = keras.layers.BatchNormalization(name="bn")(inputs)
    x = keras.layers.Dense(3, activation=None if logits else "softmax", name="head")(keras.layers.Flatten()(x))
    return keras.Model(inputs, x)


@pytest.mark.parametrize("logits", [True, False])
def test_gap_is_the_cross_entropy_of_each_mode_and_names_batch_norm(logits):
    images = np.random.default_rng(1).normal(30, 2, (16, 4, 4, 2)).astype("float32")
    labels = np.arange(16) % 3
    model = classifier(logits)
    before = [np.array(weight) for weight in model.weights]
    gap = kr.check_train_eval_gap(model, images, labels)
    assert all(np.array_equal(old, np.array(new)) for old, new in zip(before, model.weights, strict=True))

    kernel, bias = (np.array(weight, "float64") for weight in model.get_layer("head").weights)
    mean, variance = images.mean(axis=(0, 1, 2), dtype="float64"), images.var(axis=(0, 1, 2), dtype="float64")
    for loss, centre, square in ((gap.train_loss, mean, variance), (gap.eval_loss, 0, 1)):
        scores = ((images - centre) / np.sqrt(square + 1e-3)).reshape(16, -1) @ kernel + bias
        exact = np.log(np.exp(scores - scores.max(1, keepdims=True)).sum(1)) + scores.max(1) - scores[np.arange(16), labels]
        assert loss == pytest.approx(np.minimum(exact, -np.log(1e-7) if not logits else np.inf).mean(), rel=1e-3)
    assert not gap.agrees and gap.layers[0] == ("bn", pytest.approx(30, rel=0.02))
    assert "Batch normalisation's running statistics do not fit" in str(gap) and "worst bn (29.9 standard" in str(gap)

    kr.recalibrate_batch_norm(model, images)
    gap = kr.check_train_eval_gap(model, images, np.eye(3)[labels])
    assert gap.agrees and gap.train_loss == pytest.approx(gap.eval_loss, rel=1e-3) and "The two modes agree" in str(gap)


def test_gap_refuses_another_number_of_labels():
    with pytest.raises(ModelError, match="as many labels as images, received 3 and 4"):
        kr.check_train_eval_gap(classifier(True), np.zeros((4, 4, 4, 2), "float32"), np.zeros(3, int))
