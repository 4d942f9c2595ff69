"""The tests that came with the notebooks from 2021 on: `public_tests.py` and `test_utils.py`.

They compare a learner's function with this package's block of the same generation; `keras_resnet.grade` says what is wrong
with it. The recorded numbers of the originals depend on the graphics card that they were made on; this package's blocks meet
those that do not.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np

from keras_resnet.errors import ModelError

_TOLERANCE = 1e-4  # of the largest value
_IMAGES = np.concatenate([value * np.ones((1, 4, 4, 3), "float32") for value in (-1, 1, 3)])


class Later(Sequence):
    """A sequence that is computed when its first item, or its length, is asked for.

    Args:
        compute: a function without arguments that returns it.
    """

    def __init__(self, compute):
        self._compute = functools.cache(compute)

    def __getitem__(self, index):
        return self._compute()[index]

    def __len__(self):
        return len(self._compute())


@dataclass(frozen=True)
class PublicTests:
    """The functions of `public_tests.py`, for a generation's own blocks.

    Attributes:
        identity_block, convolutional_block, network: the generation's.
        takes_training: whether the blocks have a parameter `training`.
        drawn: a function without arguments that returns the initializer for the convolutional block.
    """

    identity_block: object
    convolutional_block: object
    network: object
    takes_training: bool
    drawn: object

    def identity_block_test(self, target):
        """Compares ``target`` with the identity block, in inference and in training mode.

        Raises:
            ModelError: the values differ, or ``target`` returns no tensor.
        """

        def ones(seed=0):
            return keras.initializers.Constant(1)

        for f, filters, training in ((2, [4, 4, 3], False), (3, [3, 3, 3], True)):
            arguments = {"f": f, "filters": filters, "initializer": ones}
            self._compare("identity_block", target, self.identity_block, arguments, arguments, training)
        print("All tests passed!")

    def convolutional_block_test(self, target):
        """Compares ``target`` with the convolutional block, in both modes and with a stride of 4.

        Raises:
            ModelError: the values differ, or ``target`` returns no tensor.
        """
        for s, training in ((2, False), (2, True), (4, False)):
            here, there = ({"f": 2, "filters": [2, 4, 6], "s": s, "initializer": self.drawn()} for _ in range(2))
            self._compare("convolutional_block", target, self.convolutional_block, here, there, training)
        print("All tests passed!")

    def ResNet50_test(self, target):
        """Compares the layers of the network that ``target`` builds with those of the assignment.

        Raises:
            ModelError: as `comparator`.
        """
        comparator(summary(target(input_shape=(64, 64, 3), classes=6)), self.network_summary())

    def network_summary(self):
        """`ResNet50_summary` of `outputs.py`: the rows of the assignment's network, which is built when they are asked for."""
        return Later(lambda: summary(self.network()))

    def _compare(self, name, target, block, here, there, training):
        received, expected = (self._values(name, f, a, training) for f, a in ((target, here), (block, there)))
        mode = f"f={here['f']}, filters={here['filters']}, training={training}"
        if received.shape != expected.shape:
            raise ModelError(f"{name}({mode}): expected shape {expected.shape}, received {received.shape}")
        difference = np.abs(received - expected).max()
        if not difference <= _TOLERANCE * np.abs(expected).max():
            place = np.unravel_index(np.abs(received - expected).argmax(), expected.shape)
            raise ModelError(
                f"{name}({mode}): expected {expected[place]:.6g} at {tuple(map(int, place))}, received {received[place]:.6g}; "
                f"keras_resnet.grade says what may be wrong"
            )

    def _values(self, name, function, arguments, training):
        """What a block computes of the images, as numbers; without a parameter `training`, by a model of it."""
        if self.takes_training:
            tensor = function(_IMAGES, training=training, **arguments)
        else:
            inputs = keras.Input(_IMAGES.shape[1:])
            tensor = function(inputs, **arguments)
            if tensor is not None:
                tensor = keras.Model(inputs, tensor)(keras.ops.convert_to_tensor(_IMAGES), training=training)
        if tensor is None:
            raise ModelError(f"{name}: expected a tensor, received None: is it written to its end, with `return X`?")
        return keras.ops.convert_to_numpy(tensor).astype("float64")


def summary(model):
    """The layers of a model as the notebooks list them: a list of lists.

    A row holds the class's name, the shape of the output and the number of parameters; then of a convolution padding,
    activation and initializer, of a pool size, strides and padding, of zeros the padding, of a dense layer the activation.
    """
    return [_row(layer) for layer in model.layers]


def _row(layer):
    kind, shape = type(layer).__name__, tuple(layer.output.shape)
    row = [kind, [shape] if kind == "InputLayer" else shape, layer.count_params()]
    if kind == "Conv2D":
        return [*row, layer.padding, layer.activation.__name__, layer.kernel_initializer.__class__.__name__]
    if kind == "MaxPooling2D":
        return [*row, tuple(layer.pool_size), tuple(layer.strides), layer.padding]
    if kind == "ZeroPadding2D":
        return [*row, tuple(map(tuple, layer.padding))]
    return [*row, layer.activation.__name__] if kind == "Dense" else row


def comparator(learner, instructor):
    """Compares two lists of `summary` and prints that they agree.

    Raises:
        ModelError: another number of layers, or the first row that differs.
    """
    for number, (received, expected) in enumerate(zip(learner, instructor, strict=False)):
        if received != expected:
            raise ModelError(f"layer {number}: expected {expected}, received {received}")
    if len(learner) != len(instructor):
        raise ModelError(f"layers: expected {len(instructor)}, received {len(learner)}")
    print("All tests passed!")
