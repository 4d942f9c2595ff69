"""Whether two networks are the same function, from what they say of the same images."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from keras_resnet.errors import DeployError
from keras_resnet.evaluate.metrics import paired_interval, percent

BATCHES = (1, 3, 16)  # in turn, since engines choose their kernels by the batch
TOLERANCE = 1e-4  # of the largest logit, in float32
_LEAST_LOGIT = 0.05  # below it float32's own rounding of the probabilities is more than the tolerance
_LEAST_PROBABILITY = 1e-30  # float32 ends at 1e-38, and engines differ in what they make of numbers near it


@dataclass(frozen=True)
class Accuracy:
    """What a network loses on labelled images; all are fractions, 0 to 1.

    Attributes:
        before: of the source; after: of the export.
        interval: the 95 % interval of `after - before`, for the same images.
        images: how many.
        labeled: whether the labels are those of the set; else the source's own answers stand in for them.
    """

    before: float
    after: float
    interval: tuple
    images: int
    labeled: bool

    def __str__(self):
        low, high = (f"{100 * bound:+.1f}" for bound in self.interval)
        what = "accuracy" if self.labeled else "agreement with the source"
        return (
            f"{what} {percent(self.before, 1)} before and {percent(self.after, 1)} after on {self.images:,} images, difference "
            f"{100 * (self.after - self.before):+.1f} points (95 % interval {low} to {high})"
        )


@dataclass(frozen=True)
class Parity:
    """How an export's answers differ from its source's.

    Attributes:
        images: that both looked at.
        largest_logit_difference: over all images and classes. Logits are the logarithms of the probabilities less their mean
            over the classes; of an export of features, the features.
        largest_logit: of the source.
        agreement: the share of images that both give the same class, 0 to 1.
        accuracy: an `Accuracy`, or None for float32.
    """

    images: int
    largest_logit_difference: float
    largest_logit: float
    agreement: float
    accuracy: Accuracy | None = None

    @property
    def bound(self) -> float:
        """What the largest difference may be in float32."""
        return TOLERANCE * max(self.largest_logit, _LEAST_LOGIT)

    def fault(self, max_drop: float) -> str | None:
        """Why the export is not the same function, in words; None where it is.

        Args:
            max_drop: points of accuracy, 0 to 100, that may be lost in another precision than float32.
        """
        if self.accuracy is not None:
            lost = 100 * (self.accuracy.before - self.accuracy.after)
            return f"{self.accuracy}; expected at most {max_drop:g} points lost" if lost > max_drop + 1e-9 else None
        if not self.largest_logit_difference <= self.bound:  # NaN is no agreement
            return (
                f"its logits differ by up to {self.largest_logit_difference:.3g} on {self.images} images, expected at most "
                f"{self.bound:.3g}, and {percent(self.agreement)} of the images get the same class"
            )
        return None if self.agreement == 1 else f"{percent(self.agreement, 1)} of {self.images} images get the same class"

    def to_json(self) -> dict:
        """A dict of plain values."""
        names = ("images", "largest_logit_difference", "largest_logit", "agreement")
        return {name: getattr(self, name) for name in names}


def compare(expected: np.ndarray, found: np.ndarray, *, features: bool = False) -> Parity:
    """Compares two networks' answers on the same images.

    Args:
        expected, found: float `(N, outputs)`, probabilities, or features.
        features: whether they are features.

    Raises:
        DeployError: the shapes differ, or the export gives what is no number.
    """
    if expected.shape != found.shape:
        raise DeployError(f"the source gives {expected.shape}, the export {found.shape}")
    if not np.isfinite(found).all():
        raise DeployError("the export gives values that are no finite numbers")
    one, other = (values.astype(np.float64) if features else logits(values) for values in (expected, found))
    return Parity(
        images=len(expected),
        largest_logit_difference=float(np.abs(one - other).max()),
        largest_logit=float(np.abs(one).max()),
        agreement=float((expected.argmax(axis=1) == found.argmax(axis=1)).mean()),
    )


def logits(probabilities: np.ndarray) -> np.ndarray:
    """The logits whose softmax they are, with mean 0 over the classes: float64 `(N, classes)`."""
    logs = np.log(np.maximum(probabilities.astype(np.float64), _LEAST_PROBABILITY))
    return logs - logs.mean(axis=1, keepdims=True)


def accuracy_of(expected: np.ndarray, found: np.ndarray, labels: np.ndarray | None) -> Accuracy:
    """What is lost on labelled images; without labels, on the source's own answers."""
    truth = expected.argmax(axis=1) if labels is None else labels
    before, after = expected.argmax(axis=1) == truth, found.argmax(axis=1) == truth
    interval = paired_interval(int((after & ~before).sum()), int((before & ~after).sum()), len(truth))
    return Accuracy(float(before.mean()), float(after.mean()), interval, len(truth), labels is not None)


def in_batches(engine: Callable, images: np.ndarray) -> np.ndarray:
    """What an engine says of images in batches of 1, 3 and 16 in turn."""
    ends = itertools.takewhile(lambda end: end < len(images), itertools.accumulate(itertools.cycle(BATCHES)))
    return np.concatenate([engine(part) for part in np.split(images, list(ends))])
