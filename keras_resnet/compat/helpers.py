"""The assignment's helper file, `resnets_utils.py`: data, batches, labels, photographs. The same in every generation."""

import math
from pathlib import Path

import numpy as np

from keras_resnet.data.photo import read_whole_photo
from keras_resnet.data.signs import load_signs
from keras_resnet.errors import DataError, WeightsError


def load_dataset(path=None):
    """The SIGNS set of `./datasets`, where the notebook keeps it, or of another folder.

    Returns:
        Training images uint8 `(m, 64, 64, 3)`, their labels int64 `(1, m)`, test images, their labels, and the classes `(k,)`:
        int64 where they are numbers.

    Raises:
        DataError: as `keras_resnet.data.load_signs`.
    """
    signs = load_signs(path)
    numbered = all(name.isdecimal() for name in signs.class_names)
    classes = np.array([int(name) if numbered else name for name in signs.class_names])
    train, test = signs.train, signs.test
    return train.images, train.labels.reshape(1, -1), test.images, test.labels.reshape(1, -1), classes


def convert_to_one_hot(Y, C):
    """Labels of any shape, int, m of them, to columns of zeros and a one: float64 `(C, m)`. For Keras, take `.T`.

    Raises:
        DataError: labels that are no ints from 0 to ``C - 1``.
    """
    labels = np.asarray(Y).reshape(-1)
    if labels.dtype.kind not in "iu" or (labels.size and not 0 <= labels.min() <= labels.max() < C):
        found = f"{labels.dtype}" + (f" from {labels.min()} to {labels.max()}" if labels.size else "")
        raise DataError(f"convert_to_one_hot: expected int labels from 0 to {C - 1}, received {found}")
    return np.eye(C)[labels].T


def random_mini_batches(X, Y, mini_batch_size=64, seed=0):
    """Shuffles images and labels and cuts them into batches; the last may be shorter.

    It seeds NumPy's global random numbers, as the assignment's did, so that the batches are those of its outputs.

    Args:
        X: `(m, H, W, C)`.
        Y: one-hot `(m, k)`.
        mini_batch_size: images a batch.
        seed: int.

    Returns:
        A list of pairs `(X, Y)`.
    """
    np.random.seed(seed)
    order = np.random.permutation(len(X))
    starts = range(0, len(X), mini_batch_size)
    return [(X[order[start : start + mini_batch_size]], Y[order[start : start + mini_batch_size]]) for start in starts]


def forward_propagation_for_predict(X, parameters):
    """The scores of the three-layer network of an earlier assignment, which the file brings along: `(k, m)`.

    Args:
        X: `(n, m)`, a column each.
        parameters: dict of ``"W1"``, ``"b1"`` to ``"W3"``, ``"b3"``.
    """
    Z1 = parameters["W1"] @ X + parameters["b1"]
    Z2 = parameters["W2"] @ np.maximum(Z1, 0) + parameters["b2"]
    return parameters["W3"] @ np.maximum(Z2, 0) + parameters["b3"]


def predict(X, parameters):
    """The class of each column of X by that network: int64 `(m,)`. A convolutional network has `model.predict`."""
    return forward_propagation_for_predict(np.asarray(X), parameters).argmax(axis=0)


def load_image(path, size=None):
    """A photograph, in place of `scipy.misc.imread` and `imresize`, which SciPy no longer has.

    Args:
        path: the file, of any format that Pillow reads.
        size: None for the photograph as it is, or `(height, width)`, to which it is stretched with antialiasing. For a
            network trained on squares, cut the square first or use `keras_resnet.data.photo.read_photo`.

    Returns:
        uint8 `(height, width, 3)`, RGB, 0 to 255.

    Raises:
        DataError: no such file, or no photograph.
    """
    image = read_whole_photo(path)
    return image if size is None else resize_image(image, size)


def resize_image(image, size):
    """An image uint8 `(H, W, 3)` at another size: `(height, width)`, or as `imresize` had it a float, the factor on both."""
    from PIL import Image

    height, width = [math.floor(side * size) for side in image.shape[:2]] if isinstance(size, float) else size[:2]
    return np.asarray(Image.fromarray(np.asarray(image)).resize((width, height), Image.Resampling.BILINEAR))


def load_model(filepath, custom_objects=None, compile=True):
    """A saved network, compiled as the assignment compiles it, so that `evaluate` works.

    The optimiser that an old file holds is left out: Keras 3 refuses its settings. A ResNet in `.h5` is read by
    `keras_resnet.weights.model_from`, which also turns back the kernels of files that were made with Theano; another network
    by Keras.

    Args:
        filepath: of a `.h5` or `.keras` file.
        custom_objects: layers of one's own by name, for a file that Keras reads.
        compile: whether to compile it.

    Returns:
        A `keras.Model` with Adam, categorical cross-entropy and accuracy.

    Raises:
        WeightsError: no such file, or one that cannot be read.
    """
    model = _read_model(filepath, custom_objects)
    if compile:
        model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
    return model


def _read_model(path, custom_objects):
    import keras

    from keras_resnet.weights import model_from

    refused = None
    if Path(path).suffix in (".h5", ".hdf5") and not custom_objects:
        try:
            return model_from(path)
        except WeightsError as problem:
            refused = problem
    try:
        return keras.models.load_model(path, custom_objects=custom_objects, compile=False)
    except Exception as problem:  # whatever a file of another kind makes Keras raise
        why = refused or f"{path} cannot be read as a saved network: {' '.join(str(problem).split())}"
        raise WeightsError(str(why)) from None


def preprocess_input(images):
    """Pixels 0 to 255 as the assignment's networks were trained on them: divided by 255, float32; the argument stays as it is.

    The notebook of 2017 called Keras's function of this name for one's own photo, which subtracts ImageNet's means instead;
    the network then answered class 0 for every photo. The notebooks of 2018 and later divide by 255.

    Raises:
        DataError: values beyond 0 to 255.
    """
    pixels = np.asarray(images, dtype="float32")
    if pixels.size and (pixels.min() < 0 or pixels.max() > 255):
        raise DataError(f"preprocess_input: expected pixels from 0 to 255, received {pixels.min():g} to {pixels.max():g}")
    return pixels / np.float32(255)
