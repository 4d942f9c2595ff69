"""Biases of convolutions that one of two networks has and the other has not."""

import numpy as np

from keras_resnet.architectures.layer_names import Place
from keras_resnet.weights.weight_file import StoredTensor


def convolutions(tensors):
    """The places of convolutions, those of squeeze-and-excitation left out: their biases are no normalisation's business."""
    return [key for key in tensors if isinstance(key, Place) and key.role == "conv" and not key.branch.startswith("gate")]


def with_zero_biases(tensors, wanted):
    """Zeros for the biases that a network without any lacks; a network with biases in its blocks is left as it is.

    Args:
        tensors: `Place` -> role -> `StoredTensor`.
        wanted: the places that have a bias in the other network.

    Returns:
        The tensors, and how many biases are new.
    """
    blocks = [key for key in convolutions(tensors) if key.stage >= 2]
    if not blocks or any("bias" in tensors[key] for key in blocks):
        return tensors, 0
    bare = [key for key in convolutions(tensors) if key in wanted and "bias" not in tensors[key] and "kernel" in tensors[key]]
    added = {key: {**tensors[key], "bias": _zeros(tensors[key]["kernel"].shape[3])} for key in bare}
    return {**tensors, **added}, len(added)


def without_biases(tensors, bare):
    """Takes biases into the running means that follow: x + b - m = x - (m - b).

    Args:
        tensors: `Place` -> role -> `StoredTensor`.
        bare: the places that have no bias in the other network.

    Returns:
        The tensors, and how many biases went; one without a running mean behind it stays.
    """
    folded = {}
    for key in convolutions(tensors):
        norm = key._replace(role="norm")
        bias, mean = tensors[key].get("bias"), tensors.get(norm, {}).get("moving_mean")
        if key in bare and bias is not None and mean is not None and mean.shape == bias.shape:
            folded[key] = {role: tensor for role, tensor in tensors[key].items() if role != "bias"}
            folded[norm] = {**tensors[norm], "moving_mean": _difference(mean, bias)}
    return {**tensors, **folded}, len(folded) // 2


def without_zero_biases(tensors, bare):
    """Leaves out biases that are zero throughout, which is exact. Arguments and result as of `without_biases`."""
    zero = [
        key
        for key in convolutions(tensors)
        if key in bare and "bias" in tensors[key] and not np.any(tensors[key]["bias"].read())
    ]
    left = {key: {role: tensor for role, tensor in tensors[key].items() if role != "bias"} for key in zero}
    return {**tensors, **left}, len(left)


def _zeros(count):
    return StoredTensor((count,), lambda: np.zeros(count, "float32"))


def _difference(mean, bias):
    return mean.then(mean.shape, lambda array: array - bias.read())
