"""Small networks of several forms around one body, whose logits NumPy can follow from the last map on."""

import keras
import numpy as np
from keras import layers

SHAPE = (12, 10, 3)


def body(name="body", shape=SHAPE):
    """Two convolutions of the image's size, a functional model: `(N, 12, 10, 3)` to `(N, 12, 10, 5)`."""
    image = keras.Input(shape)
    x = layers.Conv2D(4, 3, padding="same", activation="relu", name="first")(image)
    x = layers.Conv2D(5, 3, padding="same", name="second")(x)
    return keras.Model(image, layers.ReLU(name="map")(x), name=name)


def _head(x, form):
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    if form == "logits":
        return layers.Dense(4, name="top")(x)
    if form == "softmax layer":
        return layers.Softmax(name="softmax")(layers.Dense(4, name="top")(x))
    if form == "softmax operation":
        return keras.ops.softmax(layers.Dense(4, name="top")(x))
    if form == "cast":
        x = layers.Dense(4, activation="softmax", name="top")(x)
        return layers.Activation("linear", dtype="float32", name="cast")(x)
    return layers.Dense(4, activation=form, name="top")(x)


FORMS = ("flat", "nested", "sequential", "twice nested", "softmax layer", "softmax operation", "logits", "sigmoid", "cast")


def network(form, seed=0):
    """`(model, scale)`: a network with random weights, and what its body's input is of the image."""
    model, scale, _ = network_and_body(form, seed)
    return model, scale


def network_and_body(form, seed=0):
    """The same, and the body, which makes the last map of ``scale`` times the image."""
    keras.utils.set_random_seed(seed)
    inner = body()
    model, scale = _around(inner, form)
    generator = np.random.default_rng(seed)
    model.set_weights([generator.normal(0, 0.5, values.shape) for values in model.get_weights()])
    return model, scale, inner


def _around(inner, form):
    if form == "sequential":
        model = keras.Sequential([keras.Input(SHAPE), layers.Rescaling(1 / 255, name="scaling"), inner])
        model.add(layers.GlobalAveragePooling2D(name="pool"))
        model.add(layers.Dense(4, activation="softmax", name="top"))
        return model, 1 / 255
    image = keras.Input(SHAPE)
    if form == "flat":
        return keras.Model(inner.input, _head(inner.output, "softmax")), 1
    if form == "nested":
        return keras.Model(image, _head(inner(image), "softmax")), 1
    if form == "twice nested":
        half = keras.Input(SHAPE)
        middle = keras.Model(half, _head(inner(half), "softmax"), name="middle")
        return keras.Model(image, middle(layers.Rescaling(2.0, name="scaling")(image))), 2
    return keras.Model(image, _head(inner(image), form)), 1


def relu_map(model, images, scale):
    """The last map `(N, 12, 10, 5)`, in NumPy alone."""
    x = images * scale
    for name in ("first", "second"):
        kernel, bias = _weights(model, name)
        x = np.maximum(_convolve(x, kernel) + bias, 0)
    return x


def top(model):
    """Kernel and bias of the classifier."""
    return _weights(model, "top")


def _weights(model, name):
    for layer in model._flatten_layers():
        if layer.name == name:
            return [np.asarray(values, np.float64) for values in layer.get_weights()]
    raise LookupError(name)


def _convolve(x, kernel):
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    rows, columns = x.shape[1:3]
    return sum(padded[:, i : i + rows, j : j + columns] @ kernel[i, j] for i in range(3) for j in range(3))


PATCH = 12  # pixels of a side


def patches(count, seed):
    """Dark images with a bright patch in a random place: lines across, lines down, or dots.

    Returns:
        `(images, labels, boxes)`: uint8 `(N, 32, 32, 3)`, int `(N,)`, 0 to 2, and `(top, left)` of each patch.
    """
    generator = np.random.default_rng(seed)
    images = generator.integers(0, 60, (count, 32, 32, 3)).astype("uint8")
    labels, boxes = np.arange(count) % 3, generator.integers(2, 18, (count, 2))
    row, column = np.indices((PATCH, PATCH)) // 2 % 2
    patterns = [row, column, row * column]
    for image, label, (top, left) in zip(images, labels, boxes, strict=True):
        image[top : top + PATCH, left : left + PATCH] += (180 * patterns[label])[..., None].astype("uint8")
    return images, labels, boxes


def patch_network():
    """Three convolutions and a global pool: pixels 0 to 255 to three probabilities."""
    image = keras.Input((32, 32, 3))
    x = layers.Rescaling(1 / 255)(image)
    x = layers.Conv2D(8, 3, padding="same", activation="relu")(x)
    x = layers.MaxPooling2D()(x)
    for _ in range(2):
        x = layers.Conv2D(16, 3, padding="same", activation="relu")(x)
    return keras.Model(image, layers.Dense(3, activation="softmax")(layers.GlobalAveragePooling2D()(x)))
