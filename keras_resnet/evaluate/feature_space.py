"""Whether an image is like those that a network was trained on, and which of these it is most like.

Both are told by the network's own features, what its last layer reads. How far an image lies from all classes is its
Mahalanobis distance to the nearest mean of a class, all classes of one covariance (Lee et al. 2018, arXiv:1807.03888, equation
2). In measurements it told photographs of other things from test images better than the distance to the nearest training
images did.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from keras_resnet import files
from keras_resnet.errors import RunError

MOST_IMAGES = 4000  # training images that are kept, evenly spaced
SHRINKAGE = 0.1  # of the covariance towards a multiple of the identity: fewer images than features leave it singular
_BEYOND = 2.05  # standard deviations, of the logarithm of the distance, that one good image in fifty lies beyond


@dataclass(frozen=True, eq=False)
class FeatureSpace:
    """Features of training images.

    Attributes:
        features: float32 `(M, C)`.
        labels: int64 `(M,)`.
        numbers: int64 `(M,)`, the numbers of these images among those that the run trained on.
        limit: the distance from which on an image is unlike all of them.
    """

    features: np.ndarray
    labels: np.ndarray
    numbers: np.ndarray
    limit: float = math.inf

    @cached_property
    def _means(self):
        """`(K, C)`, whitened, of the classes that have images."""
        means = np.stack([self.features[self.labels == label].mean(axis=0) for label in np.unique(self.labels)])
        return means @ self._whitening

    @cached_property
    def _whitening(self):
        """`(C, C)`: the distance of two features is that of their products with it."""
        classes, places = np.unique(self.labels, return_inverse=True)
        means = np.stack([self.features[self.labels == label].mean(axis=0) for label in classes])
        apart = (self.features - means[places]).astype(np.float64)
        covariance = apart.T @ apart / len(apart)
        size = np.trace(covariance) / len(covariance) or 1.0
        covariance = (1 - SHRINKAGE) * covariance + SHRINKAGE * size * np.eye(len(covariance))
        values, axes = np.linalg.eigh(covariance)
        return axes / np.sqrt(values)

    def distances(self, features):
        """How far images lie from the nearest class: float64 `(N,)`, 0 or more, in standard deviations.

        Args:
            features: float `(N, C)`.
        """
        white = np.asarray(features, np.float64) @ self._whitening
        return np.min([np.linalg.norm(white - mean, axis=1) for mean in self._means], axis=0)

    def nearest(self, features, count):
        """The training images most like some images.

        Returns:
            `(numbers, similarities)`: int64 and float32 `(N, count)`, the most similar first, by the cosine of the features, -1
            to 1; fewer where there are not so many.
        """
        similar = _directions(features) @ _directions(self.features).T
        order = np.argsort(-similar, axis=1, kind="stable")[:, :count]
        return self.numbers[order], np.take_along_axis(similar, order, axis=1)

    def save(self, path):
        """Writes an `.npz` file."""
        small = np.abs(self.features).max(initial=0) < np.finfo(np.float16).max
        features = self.features.astype(np.float16) if small else self.features
        with files.whole(path) as temporary, open(temporary, "wb") as stream:
            np.savez(stream, features=features, labels=self.labels, numbers=self.numbers, limit=self.limit)

    @classmethod
    def load(cls, path):
        """What `save` wrote.

        Raises:
            RunError: the file is damaged.
        """
        try:
            with np.load(path, allow_pickle=False) as stored:
                features = stored["features"].astype(np.float32)
                return cls(features, stored["labels"], stored["numbers"], float(stored["limit"]))
        except Exception as problem:  # NumPy and zipfile raise many kinds of exceptions on damaged files
            told = " ".join(str(problem).split())
            raise RunError(f"{Path(path)} is damaged: {told}; restore it from a copy, or remove it: it is not needed") from None


def kept(count):
    """The numbers of those of ``count`` training images whose features are kept: int64, in order."""
    return np.unique(np.linspace(0, count - 1, min(count, MOST_IMAGES)).round().astype(np.int64))


def with_limit(space, features):
    """The space with the limit that one good image in fifty lies beyond.

    Args:
        space: a `FeatureSpace`.
        features: float `(V, C)` of two images or more of the same kind, best such that the network was not trained on: those
            that it was trained on lie nearer, and a limit taken from them flags more good images.
    """
    logarithms = np.log(np.maximum(space.distances(features), 1e-12))
    # A prediction interval: few images leave the limit less sure, and so farther off.
    beyond = _BEYOND * logarithms.std(ddof=1) * math.sqrt(1 + 1 / len(logarithms))
    return FeatureSpace(space.features, space.labels, space.numbers, float(np.exp(logarithms.mean() + beyond)))


def _directions(features):
    features = np.asarray(features, np.float32)
    return features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
