"""The images of a data set, batch by batch, whoever holds them: arrays, tf.data, Keras's PyDataset, PyTorch, a generator."""

import itertools
import math
import warnings

import keras
import numpy as np

from keras_resnet.errors import ModelError

# Images taken of a source that does not say how many it has, which may be endless. Wu and Johnson 2021 (arXiv:2105.07576,
# section 3) find 1,000 to 10,000 enough for the statistics of batch normalisation.
UNCOUNTED = 10_000


def image_batches(data, model, *, batch_size, steps, what):
    """Yields what a model takes of each batch of a data set.

    Args:
        data: images as an array `(N, H, W, C)`, a dict of such arrays for a model of several inputs, `(images, labels)` or
            `(images, labels, weights)`; or an iterable of batches, each of them images, `(images, labels)`,
            `(images, labels, weights)` or a dict.
        model: the `keras.Model` they are for.
        batch_size: for arrays.
        steps: how many batches are taken at most; None for all.
        what: begins a message.

    Yields:
        Arrays in the structure of ``model.input``. Batches of less than half the first one's images are left out.

    Raises:
        ModelError: no batches of images for this model, or an endless source without ``steps``.
    """
    if steps is not None and (isinstance(steps, bool) or not isinstance(steps, int) or steps < 1):
        raise ModelError(f"{what}: steps: expected a number of batches, at least 1, received {steps!r}")
    source, length = _open(data, batch_size, what)
    if length == math.inf and steps is None:
        raise ModelError(f"{what}: the data set is endless: pass steps=, how many of its batches to take")
    return _taken(source, model, steps, what, uncounted=length is None and steps is None)


def _taken(source, model, steps, what, uncounted):
    first, images = None, 0
    for number, batch in enumerate(itertools.islice(source, steps), 1):
        if uncounted and images >= UNCOUNTED:
            warnings.warn(
                f"{what}: took {images:,} images, the first {number - 1:,} batches of a source that does not say how many it "
                "has; pass steps= for another number of batches",
                stacklevel=3,
            )
            return
        inputs = model_inputs(_images(batch, f"{what}: batch {number}"), model, f"{what}: batch {number}")
        count = len(keras.tree.flatten(inputs)[0])
        first = count if first is None else first
        if 2 * count >= first > 0:
            images += count
            yield inputs


def _open(data, batch_size, what):
    """An iterable of batches, and how many there are: None where it does not say, infinity where there is no end."""
    if isinstance(data, tuple) and len(data) in (2, 3) and len({len(np.shape(part)) for part in data[:2]}) == 2:
        data = data[0]  # (images, labels): a tuple of batches would have arrays of one rank
    if hasattr(data, "shape") or isinstance(data, dict):
        count = len(keras.tree.flatten(data)[0])
        return (_slice(data, start, batch_size) for start in range(0, count, batch_size)), math.ceil(count / batch_size)
    if hasattr(data, "cardinality"):  # tf.data: -1 for endless, -2 for unknown
        count = int(data.cardinality())
        return data, {-1: math.inf, -2: None}.get(count, count)
    if isinstance(data, keras.utils.PyDataset):
        return data, math.inf if data.num_batches is None else data.num_batches
    if hasattr(data, "__iter__") and not isinstance(data, str | bytes):
        return data, _length(data)
    if hasattr(data, "__getitem__") and hasattr(data, "__len__") and not isinstance(data, str | bytes):
        return (data[index] for index in range(len(data))), len(data)
    raise ModelError(f"{what}: expected an array of images or an iterable of batches, received {type(data).__name__}")


def _slice(arrays, start, count):
    return keras.tree.map_structure(lambda array: array[start : start + count], arrays)


def _length(data):
    try:
        return len(data)
    except TypeError:
        return None


def _images(batch, what):
    """What stands first in `(images, labels)` and `(images, labels, weights)`; PyTorch's loaders make lists of them."""
    if not isinstance(batch, tuple | list):
        return batch
    if not 1 <= len(batch) <= 3:
        raise ModelError(f"{what}: expected images, (images, labels) or (images, labels, weights), received {len(batch)} parts")
    return batch[0]


def model_inputs(images, model, what):
    """What a model takes, as arrays.

    Args:
        images: `(N, H, W, C)`, of NumPy or a tensor of any framework; for a model of several inputs a list or a dict of them;
            or any dict, of which the model's inputs are taken by their names, or by shape where one part alone has it.
        model: a `keras.Model`. One without a graph takes whatever it is given.
        what: begins a message.

    Returns:
        NumPy arrays in the structure of ``model.input``.

    Raises:
        ModelError: not what the model takes.
    """
    tensors = getattr(model, "inputs", None)
    if not tensors:
        return keras.tree.map_structure(lambda part: _array(part, what), images)
    structure = tensors[0] if isinstance(model, keras.Sequential) else model.input
    names = sorted(structure) if isinstance(structure, dict) else [tensor.name for tensor in tensors]
    parts = zip(_parts(images, names, model, what), tensors, strict=True)
    return keras.tree.pack_sequence_as(structure, [_fitting(_array(part, what), tensor, what) for part, tensor in parts])


def _parts(images, names, model, what):
    """One for each input of the model."""
    tensors = model.inputs
    if isinstance(images, dict):
        if set(names) <= set(images):
            return [images[name] for name in names]
        alike = [part for part in images.values() if _fits(np.shape(part), tensors[0].shape)]
        if len(tensors) == len(alike) == 1:
            return alike
        found = ", ".join(f"{name!r} {tuple(np.shape(part))}" for name, part in images.items())
        raise ModelError(f"{what}: expected {', '.join(map(repr, names))} or one part of the input's shape, received {found}")
    if len(tensors) == 1:
        return [images]
    if not isinstance(images, tuple | list) or len(images) != len(tensors):
        count = len(images) if isinstance(images, tuple | list) else 1
        raise ModelError(f"{what}: expected {len(tensors)} inputs of model {model.name!r}, received {count}")
    return images


def _array(part, what):
    part = part.detach().cpu() if hasattr(part, "detach") else part  # PyTorch's
    array = np.asarray(part)
    if array.dtype.kind in "OSUmM":
        raise ModelError(f"{what}: expected images, received {type(part).__name__} of {array.dtype}")
    return array


def _fitting(array, tensor, what):
    if _fits(array.shape, tensor.shape):
        return array
    sides = ", ".join("any" if side is None else str(side) for side in tensor.shape[1:])
    hint = ": a single image, put it into a batch" if _fits((1, *array.shape), tensor.shape) else ""
    raise ModelError(f"{what}: expected images of shape (N, {sides}), received {array.shape}{hint}")


def _fits(shape, expected):
    return len(shape) == len(expected) and all(want in (None, side) for side, want in zip(shape[1:], expected[1:], strict=True))
