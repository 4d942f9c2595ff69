"""Whether an image is like those that a network was trained on, and which of these it is most like.

Both are identified by the network's own features, what its last layer reads. How far an image lies from all classes is its
Mahalanobis distance to the nearest mean of a class, all classes of one covariance (Lee et al. 2018, arXiv:1807.03888, equation
2). In measurements it told photographs of other things from test images better than the distance to the nearest training
images did.
"""

import math
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from PIL import Image

from keras_resnet import files
from keras_resnet.errors import RunError

MOST_IMAGES = 4000  # training images that are kept, evenly spaced
LEAST = 20  # held-out images below which no limit is taken from them: it would hang on one or two
SHRINKAGE = 0.1  # of the covariance towards a multiple of the identity: fewer images than features leave it singular
_MOST_BYTES = 16_000_000  # of pixels that are kept
_BEYOND = 2.33  # standard deviations, of the logarithm of the distance, that one good image in a hundred lies beyond


@dataclass(frozen=True, eq=False)
class FeatureSpace:
    """Features of training images.

    Attributes:
        features: float32 `(M, C)`.
        labels: int64 `(M,)`.
        images: uint8 `(M, h, w, 3)`, these images, made small where they are many.
        limit: the distance from which on an image is unlike all of them.
    """

    features: np.ndarray
    labels: np.ndarray
    images: np.ndarray
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
            `(places, similarities)`: int64 and float32 `(N, count)`, which of the M images, the most similar first, and the
            cosine of the features, -1 to 1; fewer where there are not so many.
        """
        similar = _directions(features) @ _directions(self.features).T
        order = np.argsort(-similar, axis=1, kind="stable")[:, :count]
        return order, np.take_along_axis(similar, order, axis=1)

    def save(self, path):
        """Writes an `.npz` file."""
        small = np.abs(self.features).max(initial=0) < np.finfo(np.float16).max
        features = self.features.astype(np.float16) if small else self.features
        with files.whole(path) as temporary, open(temporary, "wb") as stream:
            np.savez_compressed(stream, features=features, labels=self.labels, images=self.images, limit=self.limit)

    @classmethod
    def load(cls, path):
        """What `save` wrote.

        Raises:
            RunError: the file is damaged.
        """
        try:
            with np.load(path, allow_pickle=False) as stored:
                features = stored["features"].astype(np.float32)
                return cls(features, stored["labels"], stored["images"], float(stored["limit"]))
        except Exception as problem:  # NumPy and zipfile raise many kinds of exceptions on damaged files
            told = " ".join(str(problem).split())
            raise RunError(f"{Path(path)} is damaged: {told}; restore it from a copy, or remove it: it is not needed") from None


def kept(count):
    """The numbers of those of ``count`` training images whose features are kept: int64, in order."""
    return np.unique(np.linspace(0, count - 1, min(count, MOST_IMAGES)).round().astype(np.int64))


def with_limit(space, features):
    """The space with the limit that one good image in a hundred lies beyond.

    Args:
        space: a `FeatureSpace`.
        features: float `(V, C)` of two images or more of the same kind, best such that the network was not trained on: those
            that it was trained on lie nearer, and a limit taken from them flags more good images.
    """
    logarithms = np.log(np.maximum(space.distances(features), 1e-12))
    # A prediction interval: few images leave the limit less sure, and so farther off.
    beyond = _student(_BEYOND, len(logarithms) - 1) * logarithms.std(ddof=1) * math.sqrt(1 + 1 / len(logarithms))
    return replace(space, limit=float(np.exp(logarithms.mean() + beyond)))


def _student(normal, freedom):
    """The quantile of Student's distribution at that of the normal one (Abramowitz and Stegun 1964, 26.7.5, two terms)."""
    first, second = (normal**3 + normal) / 4, (5 * normal**5 + 16 * normal**3 + 3 * normal) / 96
    return normal + first / freedom + second / freedom**2


def small(images):
    """Images uint8 `(N, H, W, 3)` as they are kept: no side above 64 pixels, and 16 MB in all."""
    height, width = images.shape[1:3]
    factor = min(1, 64 / max(height, width), math.sqrt(_MOST_BYTES / (3 * len(images) * height * width)))
    size = max(1, int(width * factor)), max(1, int(height * factor))
    return np.stack([np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR)) for image in images])


def _directions(features):
    features = np.asarray(features, np.float32)
    return features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
