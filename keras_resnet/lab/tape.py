"""Backpropagation in NumPy, float64: values that remember what they were made of.

Independent of Keras and its backends, so that one can be checked against the other.

A node holds ``value`` and, for each parent p, a function that turns dJ/dvalue into its share of dJ/dp (a vector-Jacobian
product). `gradients` goes through the nodes from the last to the first and adds the shares up: the chain rule.
"""

import itertools

import numpy as np

_numbers = itertools.count()


class Node:
    """A value of a computation.

    Args:
        value: float64 array.
        parents: pairs of a `Node` and a function from dJ/dvalue to the share of dJ/d(that node).
    """

    __slots__ = ("number", "parents", "value")

    def __init__(self, value, parents=()):
        self.value, self.parents, self.number = np.asarray(value, dtype=np.float64), tuple(parents), next(_numbers)


def gradients(output, wanted, slope=None):
    """dJ/dnode for some nodes.

    Args:
        output: the `Node` that J is made of.
        wanted: list of `Node`.
        slope: dJ/doutput, an array of its shape; None for J = the sum of the output.

    Returns:
        A list of arrays, zeros for a node that the output does not depend on.
    """
    slopes = {output.number: np.ones_like(output.value) if slope is None else np.asarray(slope, dtype=np.float64)}
    pending, kept = {output.number: output}, {node.number for node in wanted}
    needed = _leading_to(kept, output)
    while pending:
        number = max(pending)  # a node is younger than its parents: all its shares have arrived
        node = pending.pop(number)
        incoming = slopes[number] if number in kept else slopes.pop(number)
        for parent, share in node.parents:
            if parent.number not in needed:
                continue
            slopes[parent.number] = slopes.get(parent.number, 0) + share(incoming)
            pending[parent.number] = parent
    return [slopes.get(node.number, np.zeros_like(node.value)) for node in wanted]


def _leading_to(kept, output):
    """The numbers of the nodes below the output that depend on one of those kept, these included."""
    found, pending = {}, [output]
    while pending:
        node = pending.pop()
        if node.number not in found:
            found[node.number] = node
            pending += [parent for parent, _ in node.parents]
    needed = set()
    for number in sorted(found):
        if number in kept or any(parent.number in needed for parent, _ in found[number].parents):
            needed.add(number)
    return needed


def linear(x, kernel):
    """`x @ kernel`: `(N, C)` and `(C, D)` to `(N, D)`."""
    return Node(
        x.value @ kernel.value,
        ((x, lambda slope: slope @ kernel.value.T), (kernel, lambda slope: x.value.T @ slope)),
    )


def shift(x, bias):
    """`x + bias`: `(N, C)` and `(C,)`."""
    return Node(x.value + bias.value, ((x, lambda slope: slope), (bias, lambda slope: slope.sum(axis=0))))


def add(x, y):
    """`x + y`, of one shape."""
    return Node(x.value + y.value, ((x, lambda slope: slope), (y, lambda slope: slope)))


def scale(x, factor):
    """`factor * x`, the factor a number."""
    return Node(factor * x.value, ((x, lambda slope: factor * slope),))


# Activation -> its value and its derivative, functions of an array.
ACTIVATIONS = {
    "relu": (lambda z: np.maximum(z, 0), lambda z: (z > 0).astype(np.float64)),
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "sigmoid": (lambda z: 1 / (1 + np.exp(-z)), lambda z: 1 / (2 + np.exp(z) + np.exp(-z))),
}


def activate(x, name):
    """An activation of `ACTIVATIONS`."""
    value, derivative = ACTIVATIONS[name]
    return Node(value(x.value), ((x, lambda slope: slope * derivative(x.value)),))


def normalize(x, epsilon, constant):
    """Batch normalisation without gamma and beta: `(N, C)` less its mean over N, over its standard deviation.

    Args:
        x: a `Node`.
        epsilon: added to the variance.
        constant: whether mean and deviation count as constants in the derivative.
    """
    deviation = np.sqrt(x.value.var(axis=0) + epsilon)
    y = (x.value - x.value.mean(axis=0)) / deviation

    def share(slope):
        if constant:
            return slope / deviation
        return (slope - slope.mean(axis=0) - y * (slope * y).mean(axis=0)) / deviation

    return Node(y, ((x, share),))


def cross_entropy(logits, labels):
    """The mean cross-entropy of a softmax: `(N, K)` and int `(N,)` to `()`."""
    shifted = logits.value - logits.value.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    rows = np.arange(len(labels))
    wrong = np.exp(log_p)
    wrong[rows, labels] -= 1
    return Node(-log_p[rows, labels].mean(), ((logits, lambda slope: slope * wrong / len(labels)),))
