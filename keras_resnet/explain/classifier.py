"""A classifier as the methods see it: images in, logits out, gradients between."""

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np

from keras_resnet.autodiff import vjp
from keras_resnet.errors import DataError, ModelError, one_of
from keras_resnet.models.calls import Part, unrolled
from keras_resnet.workdir import Workdir

SMALLEST_MAP = 7  # pixels of a side; at 64 x 64 the last map of a ResNet-50 is 2 x 2, which shows nothing
BATCH = 32  # images at once

# Functions, layers and operations that turn logits into probabilities -> which of the two they do it by.
_LAST = dict.fromkeys(("softmax", "softmax_v2", "log_softmax", "log_softmax_v2", "Softmax", "LogSoftmax"), "softmax")
_LAST |= dict.fromkeys(("sigmoid", "Sigmoid"), "sigmoid")
_NO_MAPS = ("ZeroPadding2D", "Cropping2D", "UpSampling2D", "Resizing", "Pad")  # their size is not the network's
_ROW_SUM_TOLERANCE = 1e-3


class Classifier:
    """A network without the softmax or sigmoid at its end.

    Attributes:
        network: the `models.calls.Network` from images to logits.
        activation: ``"softmax"``, ``"sigmoid"``, or None where the model ends in logits.
        classes: their number; a network of one output has two, which its logit tells apart.

    Args:
        model: a functional or sequential `keras.Model`, or the folder of a run.
        many: whether so many images will be looked at that compiling the network is worth the seconds that it takes.

    Raises:
        ModelError: no such model, or no outputs `(N, classes)`.
        RunError: no trained run there.
    """

    def __init__(self, model, *, many=False):
        self.model = Workdir(model).load_model() if isinstance(model, str | Path) else model
        whole = unrolled(self.model)
        self.network, self.activation = _without_activation(whole)
        self.outputs = self.model.output_shape[-1]
        if len(self.model.output_shape) != 2 or self.outputs is None:
            raise ModelError(f"model {self.model.name!r}: expected outputs (N, classes), received {self.model.output_shape}")
        self.classes = max(2, self.outputs)
        logits = Part(self.network, self.model)
        self._predict = logits.predict_on_batch if many else logits

    @property
    def channels_axis(self):
        """Of images and maps: 1 or 3."""
        formats = (getattr(call.layer, "data_format", None) for call in self.network.calls)
        return 1 if next(filter(None, formats), keras.config.image_data_format()) == "channels_first" else 3

    def images(self, images):
        """Checked, as float32.

        Raises:
            DataError: not numbers `(N, H, W, C)`, as the model takes them.
        """
        images = np.asarray(images)
        expected = self.model.input_shape
        fits = images.ndim == 4 and all(want in (None, is_) for want, is_ in zip(expected[1:], images.shape[1:], strict=True))
        if not fits or not len(images) or images.dtype.kind not in "uif" or not np.isfinite(images).all():
            shape = ("N", *(side or "any" for side in expected[1:]))
            raise DataError(
                f"images: expected finite numbers ({', '.join(map(str, shape))}), N of 1 or more, "
                f"received {images.dtype} {images.shape}"
            )
        return images.astype(np.float32)

    def logits(self, images):
        """float32 `(N, outputs)` for float32 images."""
        batches = (self._predict(images[i : i + BATCH]) for i in range(0, len(images), BATCH))
        logits = np.concatenate([keras.ops.convert_to_numpy(batch).astype(np.float32) for batch in batches])
        if self.activation is None and _are_probabilities(logits):
            raise ModelError(
                f"model {self.model.name!r}: its outputs are probabilities, and no softmax or sigmoid that could be taken off "
                "ends it; expected a model that ends in one, or in logits"
            )
        return logits

    def probabilities(self, images):
        """float32 `(N, classes)`."""
        return self.as_probabilities(self.logits(images))

    def as_probabilities(self, logits):
        """float32 `(N, classes)` of logits `(N, outputs)`."""
        if self.outputs > 1 and self.activation != "sigmoid":
            shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
            return shifted / shifted.sum(axis=1, keepdims=True)
        positive = 1 / (1 + np.exp(-logits.astype(np.float64)))
        positive = positive.astype(np.float32)
        return positive if self.outputs > 1 else np.concatenate([1 - positive, positive], axis=1)

    def chosen(self, class_index, logits):
        """The classes to explain, int64 `(N,)`: those given, or the predicted ones.

        Raises:
            DataError: no such class, or not one for each image.
        """
        if class_index is None:
            return self.as_probabilities(logits).argmax(axis=1).astype(np.int64)
        given = np.asarray(class_index)
        whole = given.dtype.kind in "iu" and given.ndim <= 1 and given.size in (1, len(logits))
        if not whole or given.min() < 0 or given.max() >= self.classes:
            raise DataError(
                f"class_index: expected a whole number from 0 to {self.classes - 1}, one for all {len(logits)} images or one "
                f"for each, or None for the predicted class; received {class_index!r}"
            )
        return np.broadcast_to(given.reshape(-1), len(logits)).astype(np.int64)

    def slope(self, classes):
        """By which the logits are multiplied to give those of some classes: float32 `(N, outputs)`."""
        if self.outputs == 1:
            return (2 * classes[:, None] - 1).astype(np.float32)
        return np.eye(self.outputs, dtype=np.float32)[classes]

    def gradient(self, images, classes, number=None):
        """The gradient of each image's logit with respect to a tensor.

        Args:
            images: float32 `(N, ...)`.
            classes: int64 `(N,)`.
            number: of the tensor in the network; None for the images themselves.

        Returns:
            `(tensor, gradient)`, float32 of one shape.
        """
        parts = (slice(start, start + BATCH) for start in range(0, len(images), BATCH))
        batches = [self._gradient(images[part], self.slope(classes[part]), number) for part in parts]
        return tuple(np.concatenate(parts) for parts in zip(*batches, strict=True))

    def _gradient(self, images, slope, number):
        network, given = self.network, {self.network.input: keras.ops.convert_to_tensor(images)}
        at, tensor = network.input, images
        if number is not None:
            at, tensor = number, keras.ops.convert_to_numpy(network.run(given, [number])[0])

        def logits(value):
            return network.run({**given, at: value}, [network.output])[0]

        _, (gradient,) = vjp(logits, [tensor], slope)
        return np.asarray(tensor, np.float32), np.asarray(gradient, np.float32)

    def layer(self, name, image):
        """The `Call` of a feature map.

        Args:
            name: of a layer, or ``"auto"``: the deepest map of at least 7 x 7 behind a convolution that all later layers
                depend on; where there is none, the deepest of the largest.
            image: float32 `(1, ...)`, to measure maps by.

        Raises:
            ModelError: no such layer, or one without a map.
        """
        if name != "auto":
            return self._named(name)
        calls = self.network.bottlenecks()
        order = {id(call): place for place, call in enumerate(self.network.calls)}
        first = next((order[id(call)] for call in self.network.calls if _convolves(call.layer)), len(order))
        maps = [call for call in calls if order[id(call)] >= first and _is_map(call)]
        if not maps:
            raise ModelError(f"model {self.model.name!r}: expected convolutions, received a network without a feature map")
        sizes = self._sizes(maps, image)
        large = [call for call, size in zip(maps, sizes, strict=True) if size >= SMALLEST_MAP]
        return large[-1] if large else [call for call, size in zip(maps, sizes, strict=True) if size == max(sizes)][-1]

    def _named(self, name):
        found = [call for call in self.network.calls if name in (call.name, call.layer.name)]
        maps = [call for call in self.network.calls if _is_map(call)]
        if not found:
            raise ModelError(one_of(f"layer of {self.model.name}", name, ["auto", *(call.name for call in maps[-6:])]))
        if len(found) > 1:
            names = ", ".join(repr(call.name) for call in found)
            raise ModelError(f"layer: {name!r} is the name of {len(found)} layers; expected one of {names}")
        if not _is_map(found[0]):
            raise ModelError(f"layer: expected one whose output is a feature map, received {name!r} with {found[0].shape}")
        return found[0]

    def _sizes(self, calls, image):
        """The smaller side of each map."""
        across = [1, 2, 3]
        across.remove(self.channels_axis)
        shapes = [call.shape for call in calls]
        if any(None in shape[1:] for shape in shapes):
            given = {self.network.input: keras.ops.convert_to_tensor(image)}
            shapes = [tuple(tensor.shape) for tensor in self.network.run(given, [call.outputs[0] for call in calls])]
        return [min(shape[axis] for axis in across) for shape in shapes]


def _without_activation(network):
    """`(network, activation)`: a network up to its logits, and what stood behind them."""
    number = network.output
    while (call := network.maker(number)) is not None:
        name = getattr(getattr(call.layer, "activation", None), "__name__", None)
        kind = _LAST.get(type(call.layer).__name__) or _LAST.get(name)
        if kind and len(call.layer.weights if hasattr(call.layer, "weights") else ()):
            return network.ending_with(_linear(call)), kind
        if kind:
            return network.ending_at(call.inputs[0]), kind
        if type(call.layer).__name__ not in ("Activation", "Identity", "Dropout") or name not in (None, "linear"):
            break
        number = call.inputs[0]  # what passes its input on, as the casting layer of mixed precision
    return network, None


def _linear(call):
    """A call whose layer has no activation: a twin of the layer with the same weights, for the layer itself stays as it is."""
    twin = type(call.layer).from_config({**call.layer.get_config(), "activation": "linear"})
    twin.build(call.node.input_tensors[0].shape)
    twin.set_weights(call.layer.get_weights())
    return replace(call, layer=twin)


def _are_probabilities(outputs):
    sums = outputs.sum(axis=1)
    return outputs.shape[1] > 1 and outputs.min() >= 0 and np.abs(sums - 1).max() <= _ROW_SUM_TOLERANCE


def _convolves(layer):
    return any(len(variable.shape) == 4 for variable in getattr(layer, "weights", ()))


def _is_map(call):
    return len(call.shape) == 4 and type(call.layer).__name__ not in _NO_MAPS
