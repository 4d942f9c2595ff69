"""The numbers that the notebooks of each generation print, and how to get them here.

Run as a program, it prints the largest difference of each case as JSON: the other backends do that in a process of their own.
Expected values were read in published notebooks and their public tests; those that were computed on a graphics card with TF32
(10 bits of fraction in every product) are given with a tolerance that covers it.
"""

import json
from functools import partial

import keras
import numpy as np

from keras_resnet.compat import assignment_v1 as v1
from keras_resnet.compat import assignment_v2 as v2
from keras_resnet.compat import assignment_v3 as v3

FLOAT32, TF32 = 1e-5, 2e-4  # relative to the largest value of the case
ONES = np.concatenate([value * np.ones((1, 4, 4, 3), "float32") for value in (-1, 1, 3)])


def constant(seed=0):
    return keras.initializers.Constant(1)


def numbers(tensor):
    return keras.ops.convert_to_numpy(tensor)


def resume(tensor):
    """What the notebooks print: the means over the channels of the first and last row, of the second and the third image."""
    return numbers(tensor)[1:, (0, -1)].mean(axis=3)


def normal():
    random = np.random.RandomState(1)
    return random.randn(3, 4, 4, 6)


def trained(block, **arguments):
    """A block of the third generation in training mode: a model of it."""
    inputs = keras.Input(ONES.shape[1:])
    return keras.Model(inputs, block(inputs, **arguments))(keras.ops.convert_to_tensor(ONES), training=True)


def v2_conv(kind, training):
    """`convolutional_block` on ONES, its weights drawn in a way of 2021 or 2022; with the stateful one after another call."""
    draw = v2.initializers(kind, 2)
    block = partial(v2.convolutional_block, ONES, f=2, filters=[2, 4, 6], initializer=draw.glorot_uniform)
    if kind == "stateful" and training:
        block(training=False)  # the notebook's first call
    return numbers(block(training=training))


def v3_conv(before=None):
    """`convolutional_block` of the third generation after `tf.random.set_seed(2)` and, in one variant, a call with s=4."""
    v3.tf.random.set_seed(2)
    if before:
        assert tuple(v3.convolutional_block(ONES, f=2, filters=[2, 4, 6], s=before).shape) == (3, 1, 1, 6)
    return numbers(v3.convolutional_block(ONES, f=2, filters=[2, 4, 6]))


def border(interior, edge, corner):
    """A 4x4 map's first and last row under a 2x2 kernel of ones, which reaches over the last row and column."""
    return [[interior] * 3 + [edge], [edge] * 3 + [corner]]


def ring(edge, middle):
    """The same under a 3x3 kernel."""
    return [[edge, middle, middle, edge]] * 2


SMALL, EQUAL, NINE = {"f": 2, "filters": [4, 4, 3]}, {"f": 2, "filters": [3, 3, 3]}, {"f": 3, "filters": [3, 3, 3]}
_V2, _V3 = partial(v2.identity_block, ONES, initializer=constant), partial(v3.identity_block, ONES, initializer=constant)

# Case -> what computes it, the values, the tolerance.
CASES = {
    "v1 identity": (
        lambda: numbers(v1.identity_block(normal(), f=2, filters=[2, 4, 6], stage=1, block="a"))[1][1][0],
        [0.94822985, 0.0, 1.16101444, 2.747859, 0.0, 1.36677003],
        FLOAT32,
    ),
    "v1 convolutional": (
        lambda: numbers(v1.convolutional_block(normal(), f=2, filters=[2, 4, 6], stage=1, block="a"))[1][1][0],
        [0.09018463, 1.23489773, 0.46822017, 0.0367176, 0.0, 0.65516603],
        FLOAT32,
    ),
    "v2 identity, ones, inference": (
        lambda: resume(_V2(**SMALL, training=False)),
        [border(192.71236, 96.85618, 48.92809), border(578.13708, 290.56854, 146.78427)],
        FLOAT32,
    ),
    "v2 identity, ones, training": (
        lambda: resume(_V2(**EQUAL, training=True)),
        [border(0.40739, 0.40739, 0.40739), border(4.99991, 3.25948, 2.40739)],
        FLOAT32,
    ),
    "v2 identity, ones, training, f=3": (
        lambda: resume(_V2(**NINE, training=True)),
        [ring(0.37394285, 0.37394285), ring(3.2379014, 4.1394243)],
        FLOAT32,
    ),
    "v2 convolutional, early 2021, inference": (
        lambda: v2_conv("stateless", False)[0],
        [
            [[0, 0.66683817, 0, 0, 0.888539, 0.5274254], [0, 0.65053666, 0, 0, 0.8959285, 0.49965227]],
            [[0, 0.6312079, 0, 0, 0.86362475, 0.47643146], [0, 0.56883204, 0, 0, 0.8553412, 0.417093]],
        ],
        FLOAT32,
    ),
    "v2 convolutional, early 2021, training": (
        lambda: v2_conv("stateless", True)[:2],
        [
            [
                [[0, 2.7823157, 0, 0, 1.6960442, 2.8218517], [0, 1.5445004, 0, 0, 2.170656, 1.3908148]],
                [[0, 1.9399526, 0, 0, 1.4798119, 1.9157798], [0, 0, 0, 0.9879823, 1.1234158, 0]],
            ],
            [[[0, 0.4073585, 0, 0.60906595, 0.61729676, 0.43824518]] * 2] * 2,
        ],
        FLOAT32,
    ),
    "v2 identity, 2022, inference": (
        lambda: resume(_V2(**SMALL, training=False)),
        [border(192.6542, 96.8271, 48.91355), border(578.21246, 290.60623, 146.80312)],
        TF32,
    ),
    "v2 identity, 2022, training, f=3": (
        lambda: resume(_V2(**NINE, training=True)),
        [ring(0.373974, 0.373974), ring(3.2379792, 4.139072)],
        TF32,
    ),
    "v2 convolutional, 2022, inference": (
        lambda: v2_conv("stateful", False)[0],
        [
            [[0, 0, 0.6442667, 0, 0.13945118, 0.78498244], [0.01695363, 0, 0.7052939, 0, 0.27986753, 0.67453355]],
            [[0, 0, 0.6702033, 0, 0.18277727, 0.7506114], [0, 0, 0.68768525, 0, 0.25753927, 0.6794529]],
        ],
        TF32,
    ),
    "v2 convolutional, 2022, training": (
        lambda: v2_conv("stateful", True)[0, 0, 0],
        [0, 2.4476275, 1.8830043, 0.21259236, 1.922003, 0],
        TF32,
    ),
    "v3 identity, ones, inference": (
        lambda: resume(_V3(**SMALL)),
        [border(192.99992, 96.99996, 48.99998), border(578.99976, 290.99988, 146.99994)],
        TF32,
    ),
    "v3 identity, ones, training": (
        lambda: resume(trained(v3.identity_block, **EQUAL, initializer=constant)),
        [border(0.40732, 0.40732, 0.40732), border(5.00011, 3.25955, 2.40732)],
        TF32,
    ),
    "v3 identity, ones, training, f=3": (
        lambda: resume(trained(v3.identity_block, **NINE, initializer=constant)),
        [ring(0.37390518, 0.37390518), ring(3.2380054, 4.1391973)],
        TF32,
    ),
    "v3 convolutional": (
        lambda: v3_conv()[0, 0],
        [[0, 0, 0.6444886, 0, 0.13933674, 0.78552186], [0.01692437, 0, 0.70562446, 0, 0.28001052, 0.6748623]],
        TF32,
    ),
    "v3 convolutional after s=4": (
        lambda: v3_conv(before=4)[0, 0],
        [[0.33485505, 1.6415989, 0.33789736, 0.08511472, 0.814965, 0], [0.17509979, 1.5699672, 0.2606045, 0, 0.767209, 0]],
        TF32,
    ),
}


def difference(name):
    """The largest difference of a case from what was published, in units of its largest value."""
    compute, expected, _ = CASES[name]
    received, expected = np.asarray(compute(), dtype="float64"), np.asarray(expected, dtype="float64")
    assert received.shape == expected.shape, name
    return float(np.abs(received - expected).max() / np.abs(expected).max())


if __name__ == "__main__":
    print(json.dumps({"backend": keras.backend.backend(), "differences": {name: difference(name) for name in CASES}}))
