"""What a function or a layer without weights computes, by what it makes of numbers: whoever wrote it, whatever it is called."""

import keras
import numpy as np

from keras_resnet.grade.graph import run

_BATCH, _SIDE = 2, 8  # in place of sizes that are left open
_EXPONENTS = (-4, 8)  # of ten: a function that is cut off somewhere between differs from one that is not


def function_kind(function):
    """What an activation function is: ``"relu"``, ``"softmax"``, ``"nothing"`` or ``"activation"`` for any other.

    Args:
        function: from a tensor to one of its shape; None for none.
    """
    known = {None: "nothing", keras.activations.linear: "nothing", keras.activations.relu: "relu"}
    known[keras.activations.softmax] = "softmax"
    if function in known:
        return known[function]
    return _kind(lambda x, training: function(x), [_numbers((_BATCH, _SIDE, _SIDE, _BATCH), 0)]) or "activation"


def call_kind(call):
    """What a call of an operation without weights is: None where it is nothing of this list.

    Args:
        call: a node of the graph, with Keras tensors of shape `(N, ..)`.

    Returns:
        As `function_kind`; ``"sum"`` of two inputs; ``"flatten"`` or ``"global_average"``, however that is written.
    """
    tensors = list({id(tensor): tensor for tensor in call.input_tensors}.values())
    inputs = [_numbers(_sizes(tensor.shape), seed) for seed, tensor in enumerate(tensors)]

    def compute(*arrays, training):
        values = {id(tensor): array for tensor, array in zip(tensors, arrays, strict=True)}
        return run(call, values, training)

    taken = [next(number for number, each in enumerate(tensors) if each is tensor) for tensor in call.input_tensors]
    return _kind(compute, inputs, taken)


def _kind(compute, inputs, taken=(0,)):
    """The kind that is right in both modes, on numbers of every size and on moderate ones; or None."""
    moderate = [np.random.default_rng(9 + n).normal(0, 1, array.shape).astype("float32") for n, array in enumerate(inputs)]
    kinds = {_matched(compute, given, taken, mode) for given in (inputs, moderate) for mode in (False, True)}
    return kinds.pop() if len(kinds) == 1 else None


def _matched(compute, arrays, taken, training):
    try:
        received = compute(*map(keras.ops.convert_to_tensor, arrays), training=training)
        received = np.asarray(keras.ops.convert_to_numpy(received))
    except Exception:  # whatever a learner's own code raises
        return None
    expected = _of_one(arrays[0]) if len(taken) == 1 else _of_several([arrays[number] for number in taken])
    return next((kind for kind, value in expected.items() if _equal(received, value, kind not in _EXACT)), None)


def _of_one(x):
    exponentials = np.exp(x - x.max(axis=-1, keepdims=True))
    known = {"relu": np.maximum(x, 0), "nothing": x, "softmax": exponentials / exponentials.sum(axis=-1, keepdims=True)}
    known["flatten"] = x.reshape(len(x), -1)
    return {**known, "global_average": x.mean(axis=(1, 2), dtype="float64")} if x.ndim == 4 else known


def _of_several(arrays):
    try:
        return {"sum": sum(arrays)}
    except ValueError:  # of shapes that cannot be added
        return {}


_EXACT = ("relu", "nothing")  # whoever writes them, nothing is left of what they cut off: a small slope is no ReLU


def _equal(received, expected, rounded):
    tolerance = 1e-6 * np.abs(expected).max() if rounded else 0
    return received.shape == expected.shape and np.allclose(received, expected, rtol=1e-5, atol=tolerance)


def _sizes(shape):
    return tuple((_BATCH if axis == 0 else _SIDE) if size is None else size for axis, size in enumerate(shape))


def _numbers(shape, seed):
    """float32 of both signs and every size, so that every branch of a function is gone through."""
    random = np.random.default_rng(seed)
    return (random.choice([-1, 1], shape) * 10 ** random.uniform(*_EXPONENTS, shape)).astype("float32")
