"""`check_train_eval_gap` beside the closed forms of each loss in NumPy, on the head's own outputs."""

import functools

import keras
import numpy as np
import pytest

import keras_resnet as kr
from keras_resnet.errors import ModelError

RANDOM = np.random.default_rng(1)
IMAGES = RANDOM.normal(1, 1, (16, 4, 4, 2)).astype("float32")
CLASSES, SEVERAL = RANDOM.integers(0, 3, 16), RANDOM.integers(0, 2, (16, 3))
VALUES = RANDOM.normal(40, 9, (16, 3))


def headed(units, activation, seed=0, images=IMAGES):
    """A network with a normalisation and a head; and its outputs before the activation in both modes, by NumPy."""
    keras.utils.set_random_seed(seed)
    inputs = keras.Input(images.shape[1:])
    flat = keras.layers.Flatten()(keras.layers.BatchNormalization(name="bn")(inputs))
    model = keras.Model(inputs, keras.layers.Dense(units, activation=activation, name="head")(flat))
    kernel, bias = (np.array(weight, "float64") for weight in model.get_layer("head").weights)
    mean, variance = images.mean((0, 1, 2), dtype="float64"), images.var((0, 1, 2), dtype="float64")
    pairs = ((mean, variance), (0, 1))
    return model, [((images - m) / np.sqrt(v + 1e-3)).reshape(len(images), -1) @ kernel + bias for m, v in pairs]


def sigmoid(scores):
    return 1 / (1 + np.exp(-scores))


def binary(scores, labels):
    """Cross-entropy of sigmoid units, clipped as in Keras."""
    p = np.clip(sigmoid(scores), 1e-7, 1 - 1e-7)
    return -(labels * np.log(p) + (1 - labels) * np.log(1 - p)).mean()


def of_classes(scores, labels):
    top = scores.max(-1, keepdims=True)
    logs = scores - top - np.log(np.exp(scores - top).sum(-1, keepdims=True))
    return -np.take_along_axis(logs, labels[:, None], 1).mean()


def binary_of_shares(scores, labels):
    """The binary cross-entropy of a softmax, unit by unit, which some train with."""
    shares = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
    right = np.eye(scores.shape[-1])[labels] > 0
    return -np.log(np.clip(np.where(right, shares, 1 - shares), 1e-7, 1)).mean()


def squared(scores, values):
    return ((scores - values) ** 2).mean()


def agrees(gap, scores, loss, right=None):
    assert (gap.train_loss, gap.eval_loss) == pytest.approx([loss(each) for each in scores], rel=1e-4)
    accuracies = (gap.train_accuracy, gap.eval_accuracy)
    assert accuracies == ((None, None) if right is None else tuple(right(each).mean() for each in scores))


def test_a_gap_names_the_normalization_and_is_gone_after_recalibration():
    images = RANDOM.normal(30, 2, (16, 4, 4, 2)).astype("float32")
    model, scores = headed(3, None, images=images)
    gap = kr.check_train_eval_gap(model, images, CLASSES)
    agrees(gap, scores, lambda each: of_classes(each, CLASSES), lambda each: each.argmax(1) == CLASSES)
    shift = np.sqrt(np.mean(images.mean((0, 1, 2), dtype="float64") ** 2) / 1.001)
    assert not gap.agrees and gap.layers == (("bn", pytest.approx(shift, rel=1e-4)),)
    assert "Batch normalisation's running statistics do not fit" in str(gap) and f"worst bn ({shift:.1f} standard" in str(gap)

    kr.recalibrate_batch_norm(model, images)
    gap = kr.check_train_eval_gap(model, images, np.eye(3)[CLASSES])
    assert gap.agrees and gap.train_loss == pytest.approx(gap.eval_loss, rel=1e-3) and "The two modes agree" in str(gap)


@pytest.mark.parametrize("labels", [np.zeros(16), SEVERAL[:, 0], SEVERAL[:, :1], SEVERAL[:, 0] > 0, list(SEVERAL[:, 0])])
def test_one_sigmoid_unit_is_judged_by_the_binary_cross_entropy(labels):
    model, scores = headed(1, "sigmoid")
    column = np.reshape(labels, (16, 1)).astype(int)
    gap = kr.check_train_eval_gap(model, IMAGES, labels)
    agrees(gap, scores, lambda each: binary(each, column), lambda each: (each > 0) == column)
    assert "binary cross-entropy and accuracy" in str(gap)


@pytest.mark.parametrize("labels", [SEVERAL, np.zeros((16, 3), "uint8"), np.ones((16, 3), bool)])
def test_several_sigmoid_units_are_judged_one_by_one(labels):
    model, scores = headed(3, "sigmoid")
    gap = kr.check_train_eval_gap(model, IMAGES, labels)
    agrees(gap, scores, lambda each: binary(each, labels), lambda each: (each > 0) == labels)


def ended(model, layer):
    return keras.Model(model.inputs, layer(model.outputs[0]))


@pytest.mark.parametrize("end", ["behind it", "of an operation", "in float32", "squeezed", "nested", "sequential"])
def test_the_head_is_read_off_the_graph_wherever_its_activation_stands(end):
    model, scores = headed(1, None if end in ("behind it", "of an operation") else "sigmoid")
    if end == "behind it":
        model = ended(model, keras.layers.Activation("sigmoid"))
    elif end == "in float32":
        model = ended(model, keras.layers.Activation("linear", dtype="float32"))
    elif end == "squeezed":
        model = ended(model, lambda outputs: keras.ops.squeeze(outputs, -1))
    elif end == "of an operation":
        model = ended(model, keras.ops.sigmoid)
    elif end == "nested":
        images = keras.Input(IMAGES.shape[1:])
        model = keras.Model(images, model(images))
    elif end == "sequential":
        model = keras.Sequential([keras.Input(IMAGES.shape[1:]), model])
    gap = kr.check_train_eval_gap(model, IMAGES, SEVERAL[:, 0])
    agrees(gap, scores, lambda each: binary(each, SEVERAL[:, :1]), lambda each: (each > 0) == SEVERAL[:, :1])


@pytest.mark.parametrize("activation", ["softmax", None])
@pytest.mark.parametrize("labels", [CLASSES, CLASSES[:, None], CLASSES.astype("float32"), np.eye(3)[CLASSES]])
def test_classes_are_judged_by_their_cross_entropy(activation, labels):
    model, scores = headed(3, activation)
    gap = kr.check_train_eval_gap(model, IMAGES, labels)
    agrees(gap, scores, lambda each: of_classes(each, CLASSES), lambda each: each.argmax(1) == CLASSES)


def test_shares_of_classes_are_judged_by_what_they_weigh():
    model, scores = headed(3, "softmax")
    mixed = 0.7 * np.eye(3)[CLASSES] + 0.3 * np.eye(3)[CLASSES[::-1]]
    gap = kr.check_train_eval_gap(model, IMAGES, mixed)
    agrees(
        gap,
        scores,
        lambda each: 0.7 * of_classes(each, CLASSES) + 0.3 * of_classes(each, CLASSES[::-1]),
        lambda each: each.argmax(1) == CLASSES,
    )


@pytest.mark.parametrize("units", [1, 3])
def test_a_linear_head_beside_measured_values_is_judged_by_the_squared_error(units):
    model, scores = headed(units, None)
    gap = kr.check_train_eval_gap(model, IMAGES, VALUES[:, :units])
    agrees(gap, scores, lambda each: squared(each, VALUES[:, :units]))
    assert "mean squared error" in str(gap) and "accuracy" not in str(gap)


LOGITS = {"from_logits": True}
LOSSES = keras.losses


@pytest.mark.parametrize(
    ("units", "activation", "loss", "labels", "expected", "right"),
    [
        (1, None, LOSSES.BinaryCrossentropy(**LOGITS), SEVERAL[:, 0], lambda s: binary(s, SEVERAL[:, :1]), SEVERAL[:, :1]),
        (3, None, LOSSES.BinaryCrossentropy(**LOGITS), SEVERAL, lambda s: binary(s, SEVERAL), SEVERAL),
        (3, "sigmoid", "binary_crossentropy", SEVERAL, lambda s: binary(s, SEVERAL), SEVERAL),
        (1, "sigmoid", "bce", SEVERAL[:, 1], lambda s: binary(s, SEVERAL[:, 1:2]), SEVERAL[:, 1:2]),
        (1, "sigmoid", "crossentropy", SEVERAL[:, 1], lambda s: binary(s, SEVERAL[:, 1:2]), SEVERAL[:, 1:2]),
        (3, "softmax", "crossentropy", CLASSES, lambda s: of_classes(s, CLASSES), CLASSES),
        (3, "softmax", "categorical_crossentropy", CLASSES, lambda s: of_classes(s, CLASSES), CLASSES),
        (3, "softmax", "sparse_categorical_crossentropy", np.eye(3)[CLASSES], lambda s: of_classes(s, CLASSES), CLASSES),
        (3, None, LOSSES.SparseCategoricalCrossentropy(**LOGITS), CLASSES, lambda s: of_classes(s, CLASSES), CLASSES),
        (3, None, LOSSES.CategoricalCrossentropy(True, reduction="sum"), CLASSES, lambda s: of_classes(s, CLASSES), CLASSES),
        (3, None, functools.partial(LOSSES.binary_crossentropy, **LOGITS), SEVERAL, lambda s: binary(s, SEVERAL), SEVERAL),
        (3, "softmax", "bce", CLASSES, lambda s: binary_of_shares(s, CLASSES), CLASSES),
        (3, "softmax", "bce", np.eye(3)[CLASSES], lambda s: binary_of_shares(s, CLASSES), CLASSES),
        (1, None, "mse", VALUES[:, 0], lambda s: squared(s, VALUES[:, :1]), None),
        (1, None, "mse", SEVERAL[:, 0], lambda s: squared(s, SEVERAL[:, :1]), None),
        (3, None, ["mae"], VALUES, lambda s: np.abs(s - VALUES).mean(), None),
        (1, "sigmoid", "mse", SEVERAL[:, 0], lambda s: squared(sigmoid(s), SEVERAL[:, :1]), SEVERAL[:, :1]),
        (3, None, lambda y, outputs: keras.ops.mean(keras.ops.abs(outputs - y) ** 3), VALUES, None, None),
    ],
)
def test_a_compiled_model_is_judged_by_its_loss(units, activation, loss, labels, expected, right):
    model, scores = headed(units, activation)
    model.compile(loss=loss)
    expected = expected or (lambda each: (np.abs(each - VALUES) ** 3).mean())
    of_class = right is CLASSES
    judge = None if right is None else lambda each: each.argmax(1) == right if of_class else (each > 0) == right
    agrees(kr.check_train_eval_gap(model, IMAGES, labels), scores, expected, judge)


def test_smoothed_labels_and_ignored_ones_are_those_of_the_compiled_loss():
    model, scores = headed(3, "softmax")
    model.compile(loss=keras.losses.CategoricalCrossentropy(label_smoothing=0.3))
    even = [np.mean([of_classes(each, np.full(16, k)) for k in range(3)]) for each in scores]
    gap = kr.check_train_eval_gap(model, IMAGES, CLASSES)
    expected = [0.7 * of_classes(each, CLASSES) + 0.3 * mean for each, mean in zip(scores, even, strict=True)]
    assert [gap.train_loss, gap.eval_loss] == pytest.approx(expected, rel=1e-4)

    model.compile(loss=keras.losses.SparseCategoricalCrossentropy(ignore_class=-1))
    labels, seen = np.where(np.arange(16) % 4, CLASSES, -1), np.arange(16) % 4 > 0
    gap = kr.check_train_eval_gap(model, IMAGES, labels)
    agrees(gap, [each[seen] for each in scores], lambda s: of_classes(s, CLASSES[seen]), lambda s: s.argmax(1) == CLASSES[seen])


@pytest.mark.parametrize(
    ("units", "activation", "labels", "message"),
    [
        (3, "softmax", CLASSES + 1, "expected labels from 0 to 2, received 1 to 3"),
        (3, "softmax", CLASSES - 1, "expected labels from 0 to 2, received -1 to 1"),
        (3, "softmax", CLASSES + 0.5, "whole numbers from 0 to 2, received"),
        (3, "softmax", np.zeros((16, 4)), r"of shape \(16,\) from 0 to 2, or \(16, 3\) one-hot, received shape \(16, 4\)"),
        (3, "softmax", np.ones((16, 3)), "received a smallest value of 1 and sums of 3 to 3; several labels an image"),
        (1, "softmax", np.zeros(16), "ends in 'softmax' of 1 units"),
        (1, "sigmoid", CLASSES, "expected labels of 0 or 1 for binary cross-entropy, received 0 to 2"),
        (1, "sigmoid", np.zeros((16, 2)), r"labels of shape \(16, 1\), one a unit of the head, received shape \(16, 2\)"),
        (3, "sigmoid", CLASSES, r"expected labels of shape \(16, 3\), one a unit of the head, received shape \(16,\)"),
        (3, None, CLASSES + 2.0, "expected labels from 0 to 2, received 2 to 4"),
        (1, None, SEVERAL[:, 0], "are unbounded, and labels of 0 to 1 fit logits .* compile the model with"),
        (3, None, SEVERAL, "no loss is known: .* compile the model with its loss"),
        (3, "relu", CLASSES, "ends in 'relu' of 3 units; compile the model with its loss"),
        (3, "softmax", ["cat"] * 16, "expected labels as numbers, received <U3 such as"),
        (3, "softmax", np.array([None] * 16), "expected labels as numbers, received object"),
        (3, "softmax", [[0], [1, 2]] * 8, "expected labels as an array of numbers, received list"),
        (3, "softmax", CLASSES[:5], "as many labels as images, received 5 and 16"),
        (3, "softmax", 1, "as many labels as images, received 1 and 16"),
        (3, "sigmoid", np.full((16, 3), np.nan), "labels that are finite"),
    ],
)
def test_labels_that_do_not_fit_are_one_line(units, activation, labels, message):
    model, _ = headed(units, activation)
    with pytest.raises(ModelError, match=f"^check_train_eval_gap: .*{message}") as caught:
        kr.check_train_eval_gap(model, IMAGES, labels)
    assert "\n" not in str(caught.value)


def test_a_compiled_loss_that_cannot_be_computed_is_one_line():
    model, _ = headed(3, None)
    model.compile(loss=lambda y, outputs: keras.ops.matmul(y, outputs))
    with pytest.raises(ModelError, match=r"lambda.* cannot be computed of labels \(16, 3\) and outputs \(16, 3\): [^\n]*$"):
        kr.check_train_eval_gap(model, IMAGES, VALUES)
    model.compile(loss="categorical_crossentropy")
    with pytest.raises(ModelError, match="sum to 1"):
        kr.check_train_eval_gap(model, IMAGES, VALUES)
    one, _ = headed(1, "sigmoid")
    one.compile(loss="sparse_categorical_crossentropy")
    with pytest.raises(ModelError, match="two classes or more, and the model has one output: it takes BinaryCrossentropy"):
        kr.check_train_eval_gap(one, IMAGES, np.zeros(16))


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (IMAGES[:, :3], r"expected images of shape \(N, 4, 4, 2\), received \(16, 3, 4, 2\)"),
        (IMAGES[0], r"received \(4, 4, 2\): a single image, put it into a batch"),
        (IMAGES[:0], "expected a batch of images, received none"),
        (np.array(["cat"] * 16), "expected images, received ndarray of <U3"),
        (np.full_like(IMAGES, np.nan), "the outputs in training mode are not finite"),
    ],
)
def test_images_that_do_not_fit_are_one_line(images, message):
    with pytest.raises(ModelError, match=f"^check_train_eval_gap: .*{message}"):
        kr.check_train_eval_gap(headed(3, "softmax")[0], images, CLASSES[: len(images)])


def test_models_that_it_cannot_judge_are_one_line():
    inputs = keras.Input((4, 4, 2))
    two = keras.Model(inputs, [keras.layers.Flatten()(inputs), keras.layers.ReLU()(inputs)], name="two")
    for model, message in [
        (two, "expected a model of one output, received 'two' with 2"),
        ("resnet50", "expected a keras.Model, received str"),
        (keras.Sequential([keras.layers.BatchNormalization()], name="unbuilt"), "model 'unbuilt' has no weights yet"),
    ]:
        with pytest.raises(ModelError, match=f"^check_train_eval_gap: {message}"):
            kr.check_train_eval_gap(model, IMAGES, CLASSES)


def test_other_losses_agree_by_their_own_size():
    """Of values about 40 a squared error of 0.3 more is nothing; a batch far from the running statistics is not."""
    model, _ = headed(1, None)
    kr.recalibrate_batch_norm(model, IMAGES)
    assert kr.check_train_eval_gap(model, IMAGES, VALUES[:, 0]).agrees
    small = kr.check_train_eval_gap(model, IMAGES + 30, model.predict(IMAGES, verbose=0) * (1 + 1e-3))
    assert not small.agrees and "do not fit the weights: mean squared error" in str(small)


def test_a_gap_without_batch_normalization_is_not_put_down_to_it():
    keras.utils.set_random_seed(0)
    images = keras.Input((4, 4, 2))
    louder = keras.layers.Lambda(lambda x, training: x * (1.0 if training else 30.0), arguments={})
    model = keras.Model(images, keras.layers.Dense(3, activation="softmax")(keras.layers.Flatten()(louder(images))))
    gap = kr.check_train_eval_gap(model, IMAGES, CLASSES)
    assert not gap.agrees and str(gap).startswith("The two modes disagree, and no batch normalisation that is trained is the")


def test_a_model_without_a_graph_is_judged_by_its_loss_or_its_shares():
    class Plain(keras.Model):
        def __init__(self, activation):
            super().__init__()
            self.norm, self.flat = keras.layers.BatchNormalization(), keras.layers.Flatten()
            self.dense = keras.layers.Dense(3, activation=activation)

        def call(self, images, training=None):
            return self.dense(self.flat(self.norm(images, training=training)))

    for activation in ("softmax", None):
        model, (graph, scores) = Plain(activation), headed(3, activation)
        model(IMAGES)
        model.set_weights(graph.get_weights())
        if activation is None:
            with pytest.raises(ModelError, match="does not show what it ends in; compile the model with its loss"):
                kr.check_train_eval_gap(model, IMAGES, CLASSES)
            model.compile(loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        gap = kr.check_train_eval_gap(model, IMAGES, CLASSES)
        agrees(gap, scores, lambda each: of_classes(each, CLASSES), lambda each: each.argmax(1) == CLASSES)


def test_the_model_stays_as_it_is_random_states_included():
    inputs = keras.Input((4, 4, 2))
    x = keras.layers.Dropout(0.5, seed=1)(keras.layers.BatchNormalization()(inputs))
    model = keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(keras.layers.Flatten()(x)))
    before = [np.array(variable) for variable in model.variables]
    kr.check_train_eval_gap(model, IMAGES, CLASSES)
    for variable, value in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(np.array(variable), value, err_msg=variable.path)
