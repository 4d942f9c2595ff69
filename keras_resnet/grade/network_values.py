"""What a learner's network computes, beside this package's with the same weights."""

import keras
import numpy as np

from keras_resnet.grade import values
from keras_resnet.grade.graph import Graph, opened, producer
from keras_resnet.grade.network_reading import read_network
from keras_resnet.grade.sentences import mistake
from keras_resnet.resnet50 import ResNet50

_WEIGHTS = {"kernel": None, "bias": 0, "gamma": 1, "beta": 0, "moving_mean": None, "moving_variance": None}
# Training or not, the size of the images' numbers, how much of the largest output two ways to compute it may differ.
_CASES = ((False, 1, 1e-3), (False, 1000, 1e-3), (True, 1, 1e-2))


def mistakes(graph, network, shape):
    """Compares what the classifier is given, for random weights that are copied layer by layer.

    Args:
        graph, network: a `Graph` and the `Network` read off it, with the layers of ResNet-50 in their places.
        shape: of the images.

    Returns:
        A list of `Mistake`: none, or one.
    """
    model = ResNet50(weights=None, input_shape=shape, classes=network.parts[-1].tensor.shape[-1])
    reference = opened(model.inputs[0], model.outputs)
    there = read_network(reference)
    _give_weights(_weighted(network), _weighted(there))
    images = np.random.default_rng(values.SEED).uniform(0, 1, (2, *shape))
    nets = [Graph(each.source, [_features(read)]) for each, read in ((graph, network), (reference, there))]
    for training, scale, tolerance in _CASES:
        x = keras.ops.convert_to_tensor((scale * images).astype("float32"))
        received, expected = (values.numbers(net(x, training=training)) for net in nets)
        difference, size = np.abs(received - expected).max(), np.abs(expected).max()
        if not difference <= tolerance * size:
            return [mistake("network_values", difference=difference, size=size)]
    return []


def _weighted(network):
    layers = dict.fromkeys(part.layer for part in network.parts if part.kind in ("conv", "norm", "dense"))
    return [layer for layer in layers if layer.weights]


def _features(network):
    """What the Dense layer is given, `(N, 2048)`: a softmax of large numbers would hide differences."""
    dense = next(part for part in network.head if part.kind == "dense")
    return producer(dense.tensor).input_tensors[0]


def _give_weights(learners, references):
    """Random weights, the same in both; where the learner's layers have fewer, the others' have no effect."""
    random = np.random.default_rng(values.SEED)
    for learner, reference in zip(learners, references, strict=True):
        if hasattr(learner, "epsilon"):  # 1e-3 in most generations, 1e-6 in the last: both are right
            reference.epsilon = learner.epsilon
        for role, absent in _WEIGHTS.items():
            here, there = getattr(learner, role, None), getattr(reference, role, None)
            if there is None:
                continue
            value = _random(role, there.shape, random) if here is not None else np.full(there.shape, absent, "float32")
            for variable in (here, there):
                if variable is not None:
                    variable.assign(value)


def _random(role, shape, random):
    """A weight, float32, at a scale that keeps signals near 1."""
    if role == "kernel":
        return random.normal(0, np.sqrt(2 / np.prod(shape[:-1])), shape).astype("float32")
    if role in ("gamma", "moving_variance"):
        return random.uniform(0.5, 1.5, shape).astype("float32")
    return random.normal(0, 0.2, shape).astype("float32")
