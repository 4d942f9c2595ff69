"""Labels that may be wrong, by what networks say of images that they never saw, and the interval of what these are right in."""

from dataclasses import dataclass

import numpy as np

from keras_resnet.errors import DataError
from keras_resnet.evaluate.metrics import checked, wilson_interval

RESAMPLES = 4000


@dataclass(frozen=True)
class Doubt:
    """An image whose label may be wrong: its index, its label and the class it looks like (indices), and the probabilities of
    these two."""

    index: int
    label: int
    suggested: int
    label_probability: float
    probability: float


def doubtful_labels(probabilities: np.ndarray, labels: np.ndarray) -> list["Doubt"]:
    """Images whose labels may be wrong, the most doubtful first: confident learning (Northcutt et al. 2021, arXiv:1911.00068).

    An image is doubtful where another class is as probable as it is, in the mean, for the images that have that class for a
    label (section 3.1); the order is that of the label's probability less the other's.

    Args:
        probabilities: float `(N, k)`, out of sample: each row of a network that was not trained on the image.
        labels: int `(N,)`, 0 to k - 1, as given.

    Returns:
        A list of `Doubt`.

    Raises:
        DataError: the arguments are not of that form.
    """
    probabilities = np.asarray(probabilities)
    probabilities, labels = checked(probabilities, labels, probabilities.shape[-1] if probabilities.ndim == 2 else 0)
    rows, classes = np.arange(len(labels)), np.arange(probabilities.shape[1])
    members = labels[:, None] == classes
    means = (probabilities * members).sum(axis=0) / np.maximum(members.sum(axis=0), 1)
    means[~members.any(axis=0)] = np.inf  # of a class without images nothing is known
    likely = np.where((probabilities >= means) & ~members, probabilities, -1)
    suggested = likely.argmax(axis=1)
    margin = probabilities[rows, labels] - probabilities[rows, suggested]
    found = np.flatnonzero(likely.max(axis=1) >= 0)
    order = found[np.argsort(margin[found], kind="stable")]
    of_label, of_other = probabilities[rows, labels], probabilities[rows, suggested]
    return [Doubt(int(i), int(labels[i]), int(suggested[i]), float(of_label[i]), float(of_other[i])) for i in order]


def group_interval(right, groups, *, seed=0):
    """The 95 % interval of an accuracy by a bootstrap over groups: images of one person are not independent.

    Args:
        right: bool `(N,)`.
        groups: int `(N,)`, equal for images that hang together.
        seed: of the bootstrap.

    Returns:
        `(low, high)`, 0 to 1. Where all groups do equally well the bootstrap sees no spread: Wilson's interval of as many
        trials as there are groups takes its place.

    Raises:
        DataError: no images, or other shapes.
    """
    right, groups = np.asarray(right, bool), np.asarray(groups)
    if right.ndim != 1 or right.shape != groups.shape or not len(right):
        received = f"received {right.shape} and {groups.shape}"
        raise DataError(f"right and groups: expected two arrays (N,), N of 1 or more, {received}")
    _, places = np.unique(groups, return_inverse=True)
    counts, sums = np.bincount(places), np.bincount(places, weights=right)
    if np.ptp(sums / counts) == 0:
        return wilson_interval(right.mean() * len(counts), len(counts))
    drawn = np.random.default_rng(seed).multinomial(len(counts), np.full(len(counts), 1 / len(counts)), RESAMPLES)
    low, high = np.quantile(drawn @ sums / (drawn @ counts), (0.025, 0.975))
    return float(low), float(high)
