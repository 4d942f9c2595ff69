"""Grad-CAM, Grad-CAM++ and integrated gradients against NumPy and closed forms, on every form of model."""

import keras
import numpy as np
import pytest
from explained_networks import FORMS, SHAPE, network, network_and_body, relu_map, top
from keras import layers

import keras_resnet as kr
from keras_resnet.errors import DataError, ModelError
from keras_resnet.explain import grad_cam, grad_cam_plus_plus, integrated_gradients

IMAGES = np.random.default_rng(5).uniform(0, 1, (3, *SHAPE)).astype("float32")


def images_for(scale):
    return (IMAGES / scale).astype("float32")


def scaled(maps):
    return maps / np.abs(maps).max(axis=(1, 2), keepdims=True)


@pytest.mark.parametrize("form", FORMS)
def test_grad_cam_of_the_last_map_is_class_activation_mapping(form):
    """Zhou et al. 2016: with a global average pool and a dense layer, it is the classifier's weights times the channels."""
    model, scale, body = network_and_body(form)
    images = images_for(scale)
    kernel, _ = top(model)
    maps = keras.ops.convert_to_numpy(body(images * np.float32(scale))).astype(float)
    np.testing.assert_allclose(maps, relu_map(model, images, scale), atol=1e-5)
    for index in range(4):
        received = grad_cam(model, images, index, "map", signed=True)
        np.testing.assert_allclose(received, scaled(maps @ kernel[:, index]), atol=1e-6)
        assert received.layer.endswith("map") and received.class_index.tolist() == [index] * 3


@pytest.mark.parametrize("form", FORMS)
def test_the_predicted_class_is_that_of_the_largest_logit(form):
    model, scale = network(form, seed=3)
    images = images_for(scale)
    kernel, bias = top(model)
    logits = relu_map(model, images, scale).mean(axis=(1, 2)) @ kernel + bias
    received = grad_cam(model, images)
    assert received.class_index.tolist() == logits.argmax(axis=1).tolist()
    assert received.dtype == np.float32 and received.min() >= 0 and received.max() == 1


def test_what_speaks_against_the_class_is_left_out_unless_asked_for():
    model, _ = network("nested")
    signed, plain = (grad_cam(model, IMAGES, 1, "map", signed=each) for each in (True, False))
    assert signed.min() < 0
    positive = np.maximum(signed, 0)
    np.testing.assert_allclose(plain, positive / positive.max(axis=(1, 2), keepdims=True), atol=1e-6)


def test_one_output_tells_two_classes_apart():
    """The map of class 0 is that of class 1 turned round; a probability of 0.5 or more is class 1."""
    image = keras.Input(SHAPE)
    x = layers.Conv2D(4, 3, padding="same", activation="relu", name="map")(image)
    model = keras.Model(image, layers.Dense(1, activation="sigmoid")(layers.GlobalAveragePooling2D()(x)))
    yes, no = (np.asarray(grad_cam(model, IMAGES, index, signed=True)) for index in (1, 0))
    np.testing.assert_allclose(yes, -no, atol=1e-6)
    predicted = (keras.ops.convert_to_numpy(model(IMAGES))[:, 0] >= 0.5).astype(int)
    assert grad_cam(model, IMAGES).class_index.tolist() == predicted.tolist()


def test_grad_cam_plus_plus_weighs_as_its_equations_say():
    """Equation 19 written out with loops, for a map behind which everything is linear."""
    model, _ = network("nested")
    kernel, _ = top(model)
    maps = relu_map(model, IMAGES, 1)
    pixels = maps.shape[1] * maps.shape[2]
    for index in range(4):
        expected = np.zeros(maps.shape[:3])
        for number, image in enumerate(maps):
            for channel in range(maps.shape[3]):
                slope, weight = kernel[channel, index] / pixels, 0.0
                for _ in range(pixels):
                    share = slope**2 / (2 * slope**2 + image[..., channel].sum() * slope**3)
                    weight += share * max(slope, 0)
                expected[number] += weight * image[..., channel]
        received = grad_cam_plus_plus(model, IMAGES, index, "map")
        np.testing.assert_allclose(received, scaled(np.maximum(expected, 0)), atol=2e-6)


def test_a_map_is_enlarged_bilinearly_to_the_images_size():
    """Against TensorFlow's own resizing, and gradients taken by TensorFlow's tape."""
    tf = pytest.importorskip("tensorflow")
    keras.utils.set_random_seed(0)
    model = kr.create_model("resnet-tiny", input_shape=(64, 48, 3), classes=4)
    images = np.random.default_rng(0).uniform(0, 1, (2, 64, 48, 3)).astype("float32")
    received = grad_cam(model, images, 2, signed=True)
    logits = keras.models.clone_model(model)
    logits.set_weights(model.get_weights())
    logits.layers[-1].activation = keras.activations.linear
    split = keras.Model(logits.input, [logits.get_layer(received.layer).output, logits.output])
    with tf.GradientTape() as tape:
        maps, answers = split(images)
        chosen = answers[:, 2]
    gradient = tape.gradient(chosen, maps)
    cam = tf.reduce_sum(tf.reduce_mean(gradient, axis=(1, 2), keepdims=True) * maps, axis=-1)
    expected = tf.image.resize(cam[..., None], (64, 48))[..., 0].numpy()
    np.testing.assert_allclose(received, scaled(expected), atol=1e-5)


@pytest.mark.parametrize(("size", "stage"), [(64, "C3"), (96, "C3"), (224, "C5"), (128, "C4")])
def test_auto_takes_the_deepest_map_of_at_least_seven_by_seven(size, stage):
    """ResNet-18: the stage's last map is an eighth, a sixteenth or a thirty-second of the image."""
    model = kr.create_model("resnet18", input_shape=(size, size, 3), classes=3)
    expected = kr.features(model).output[stage]._keras_history.operation.name
    if size == 224:  # one image is enough of what is large
        assert grad_cam(model, np.ones((1, size, size, 3))).layer == expected
    else:
        assert grad_cam(model, np.random.default_rng(0).uniform(0, 1, (2, size, size, 3))).layer == expected


def test_auto_measures_an_open_size_and_takes_the_largest_where_all_are_small():
    model = kr.create_model("resnet18", input_shape=(None, None, 3), classes=3)
    stages = kr.features(model).output
    for size, stage in ((64, "C3"), (128, "C4")):
        images = np.random.default_rng(0).uniform(0, 1, (1, size, size, 3))
        assert grad_cam(model, images).layer == stages[stage]._keras_history.operation.name
    image = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, strides=2, padding="same", activation="relu", name="four")(image)
    x = layers.Conv2D(4, 3, strides=2, padding="same", activation="relu", name="two")(x)
    small = keras.Model(image, layers.Dense(2)(layers.Flatten()(x)))
    assert grad_cam(small, np.random.default_rng(0).normal(size=(2, 8, 8, 3)), 0, signed=True).layer == "four"


def test_auto_finds_a_map_inside_a_nested_model_and_names_its_path():
    backbone = kr.create_model("resnet18", input_shape=(64, 64, 3), include_top=False)
    model = keras.Sequential([keras.Input((64, 64, 3)), layers.Rescaling(1 / 255), backbone])
    model.add(layers.GlobalAveragePooling2D())
    model.add(layers.Dense(3, activation="softmax"))
    last = kr.features(backbone).output["C3"]._keras_history.operation.name
    images = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3)).astype("uint8")
    received = grad_cam(model, images)
    assert received.layer == f"{backbone.name}/{last}"
    np.testing.assert_array_equal(received, grad_cam(model, images, layer=last))


@pytest.mark.parametrize("form", FORMS)
def test_integrated_gradients_sum_to_the_difference_of_the_logits(form):
    model, scale = network(form, seed=1)
    images = images_for(scale)
    kernel, bias = top(model)
    logits = [relu_map(model, each, scale).mean(axis=(1, 2)) @ kernel + bias for each in (images, 0 * images[:1])]
    for index in (0, 3):
        received = integrated_gradients(model, images, index)
        np.testing.assert_allclose(received.sum(axis=(1, 2)), logits[0][:, index] - logits[1][0, index], rtol=0.01)


def test_integrated_gradients_of_a_residual_network_sum_to_the_difference_too():
    keras.utils.set_random_seed(1)
    model = kr.create_model("resnet-tiny", input_shape=(32, 32, 3), classes=4, classifier_activation=None)
    images = np.random.default_rng(2).uniform(0, 1, (2, 32, 32, 3)).astype("float32")
    answers, base = (keras.ops.convert_to_numpy(model(each)) for each in (images, np.full((1, 32, 32, 3), 0.5, "float32")))
    received = integrated_gradients(model, images, [1, 3], baseline=0.5)
    np.testing.assert_allclose(received.sum(axis=(1, 2)), [answers[0, 1] - base[0, 1], answers[1, 3] - base[0, 3]], rtol=0.01)


def test_integrated_gradients_of_a_linear_network_are_its_weights_times_the_image():
    image = keras.Input(SHAPE)
    model = keras.Model(image, layers.Dense(4, activation="softmax")(layers.Flatten()(image)))
    kernel = model.layers[-1].get_weights()[0].reshape(*SHAPE, 4)
    received = integrated_gradients(model, IMAGES, 2, baseline=0.25, steps=1)
    np.testing.assert_allclose(received, ((IMAGES - 0.25) * kernel[..., 2]).sum(axis=-1), atol=1e-5)


def test_too_few_steps_are_said():
    model, _ = network("nested", seed=1)
    with pytest.warns(UserWarning, match="miss the difference of the logits by up to"):
        integrated_gradients(model, 20 * IMAGES - 10, steps=1)


def test_models_stay_as_they_are():
    """No layer gets another node, no weight another value, and the answers stay probabilities."""
    model, _ = network("nested")
    nodes = [len(layer._inbound_nodes) for layer in model._flatten_layers()]
    before = keras.ops.convert_to_numpy(model(IMAGES))
    grad_cam(model, IMAGES)
    integrated_gradients(model, IMAGES[:1])
    assert [len(layer._inbound_nodes) for layer in model._flatten_layers()] == nodes
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(model(IMAGES)), before)


def without_convolutions():
    image = keras.Input(SHAPE)
    return keras.Model(image, layers.Dense(4, activation="softmax")(layers.Flatten()(image)))


def of_two_inputs():
    first, second = keras.Input(SHAPE), keras.Input(SHAPE)
    return keras.Model([first, second], layers.Dense(2)(layers.Flatten()(first + second)))


class Subclassed(keras.Model):
    def call(self, images):
        return images[:, 0, 0]


def hidden_softmax():
    image = keras.Input(SHAPE)
    x = layers.Dense(4)(layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3)(image)))
    x = keras.ops.exp(x)
    return keras.Model(image, x / keras.ops.sum(x, axis=1, keepdims=True))


def map_at_the_end():
    image = keras.Input(SHAPE)
    return keras.Model(image, layers.Conv2D(4, 3)(image))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (without_convolutions, "expected convolutions, received a network without a feature map"),
        (of_two_inputs, "one input and one output, received 'functional.*' with 2 inputs and 1 outputs"),
        (Subclassed, "a Subclassed without a graph"),
        (lambda: keras.Sequential([layers.Dense(3)]), "a Sequential without a graph"),
        (hidden_softmax, "its outputs are probabilities, and no softmax or sigmoid that could be taken off"),
        (map_at_the_end, r"expected outputs \(N, classes\)"),
        (lambda: "nowhere", "No run folder at nowhere"),
        (lambda: 3, "received int"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_models_that_cannot_be_explained_are_named_in_one_line(make, message):
    with pytest.raises(Exception, match=message) as caught:
        grad_cam(make(), IMAGES)
    assert isinstance(caught.value, kr.errors.KerasResNetError) and "\n" not in str(caught.value)


@pytest.mark.parametrize("wrong", [4, -1, [0, 1], 1.5, "two", [[0, 1, 2]]])
def test_classes_that_are_not_there_are_named(wrong):
    model, _ = network("nested")
    with pytest.raises(DataError, match="expected a whole number from 0 to 3, one for all 3 images"):
        grad_cam(model, IMAGES, wrong)


@pytest.mark.parametrize(
    "wrong", [IMAGES[0], IMAGES[:0], IMAGES[:, :5], np.where(IMAGES > 0.9, np.nan, IMAGES), IMAGES[..., :1], ["a"]]
)
def test_images_of_another_form_are_named(wrong):
    model, _ = network("nested")
    with pytest.raises(DataError, match=r"expected finite numbers \(N, 12, 10, 3\), N of 1 or more, received"):
        grad_cam(model, wrong)


def test_layers_that_cannot_be_looked_at_are_named():
    model, _ = network("nested")
    with pytest.raises(ModelError, match="Unknown layer of .*'conv9'; expected one of 'auto', 'body/first', .*'body/map'"):
        grad_cam(model, IMAGES, layer="conv9")
    with pytest.raises(ModelError, match=r"expected one whose output is a feature map, received 'pool' with \(None, 5\)"):
        grad_cam(model, IMAGES, layer="pool")
