"""Scores of a classifier on labelled images, from its probabilities alone."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from keras_resnet.errors import DataError, RunError

PROBABILITY_FLOOR = 1e-7  # keras.config.epsilon(), the clip of keras.losses.CategoricalCrossentropy
ROW_SUM_TOLERANCE = 1e-2  # a float16 or bfloat16 softmax misses 1 by a few thousandths; logits miss it by far more
IMBALANCE = 1.5  # images of the largest class over those of the smallest, from which on accuracy alone misleads
CALIBRATION_BINS = 15  # Guo, Pleiss, Sun & Weinberger 2017, section 5 ("M = 15 bins")
Z_95 = 1.959964  # the 97.5 % quantile of the standard normal distribution


@dataclass(frozen=True)
class ClassScore:
    """One class. All fractions lie in 0 to 1.

    Attributes:
        name: the class.
        images: images whose true class this is.
        precision: right among the images given this class; None where none was.
        recall: right among the images of this class; None where there are none.
        f1: harmonic mean of the two, `2 TP / (2 TP + FP + FN)`; None where all three counts are 0.
    """

    name: str
    images: int
    precision: float | None
    recall: float | None
    f1: float | None


@dataclass(frozen=True)
class Mistake:
    """One wrong image: its index in the set, its true and predicted class (indices), the probability of the latter."""

    index: int
    true: int
    predicted: int
    probability: float


@dataclass(frozen=True)
class Bin:
    """Images of about one confidence: how many, their mean confidence, and the fraction of them that are right."""

    images: int
    confidence: float
    accuracy: float


@dataclass(frozen=True, eq=False)
class Scores:
    """What `score` returns.

    Attributes:
        images: number of images, N.
        accuracy: fraction of the images whose largest probability is that of the true class.
        accuracy_interval: `(low, high)`, the 95 % Wilson score interval of the accuracy. It takes the images as
            independent; several photographs of one person are less than that, and the true interval is then wider.
        loss: mean categorical cross-entropy, in nats.
        balanced_accuracy: mean recall of the classes that have images.
        calibration_error: expected calibration error, 0 to 1; see `calibration_error`.
        confusion: int64 `(k, k)`, read-only; rows are the true class, columns the predicted one.
        per_class: one `ClassScore` a class, in the order of the class names.
        mistakes: every wrong image, the most confident first.
        reliability: tuple of `Bin`, those of `reliability`.
    """

    images: int
    accuracy: float
    accuracy_interval: tuple[float, float]
    loss: float
    balanced_accuracy: float
    calibration_error: float
    confusion: np.ndarray
    per_class: tuple[ClassScore, ...]
    mistakes: tuple[Mistake, ...]
    reliability: tuple[Bin, ...]

    @property
    def classes(self) -> tuple[str, ...]:
        """The class names, in order."""
        return tuple(row.name for row in self.per_class)

    @property
    def imbalanced(self) -> bool:
        """Whether the largest class has more than 1.5 times the images of the smallest that has any."""
        counts = [row.images for row in self.per_class if row.images]
        return max(counts) > IMBALANCE * min(counts)

    @property
    def accuracy_text(self) -> str:
        """Accuracy and interval for a reader: ``"95.8 % (90.6 to 98.2)"``."""
        low, high = (percent(bound, 1).removesuffix(" %") for bound in self.accuracy_interval)
        return f"{percent(self.accuracy, 1)} ({low} to {high})"

    def to_json(self) -> dict:
        """A plain dict that `json.dumps` takes; an undefined precision, recall or f1 is None."""
        return {
            "accuracy": self.accuracy,
            "loss": self.loss,
            "images": self.images,
            "accuracy_interval": list(self.accuracy_interval),
            "balanced_accuracy": self.balanced_accuracy,
            "calibration_error": self.calibration_error,
            "classes": list(self.classes),
            "confusion": self.confusion.tolist(),
            "per_class": [dict(vars(row)) for row in self.per_class],
        }


def score(probabilities: np.ndarray, labels: np.ndarray, class_names: Sequence[str]) -> Scores:
    """Scores of a classifier.

    Args:
        probabilities: float `(N, k)`, each row the probabilities of the k classes (a softmax: in [0, 1], sum 1).
        labels: int `(N,)`, the true classes, 0 to k - 1.
        class_names: k names.

    Returns:
        `Scores`.

    Raises:
        DataError: the arguments are not of that form or do not fit each other.
    """
    names = tuple(str(name) for name in class_names)
    probabilities, labels = checked(probabilities, labels, len(names))
    predicted = probabilities.argmax(axis=1)
    matrix: np.ndarray = np.zeros((len(names), len(names)), dtype=np.int64)
    np.add.at(matrix, (labels, predicted), 1)
    matrix.setflags(write=False)
    per_class = tuple(_class_score(name, matrix, index) for index, name in enumerate(names))
    correct = int(np.trace(matrix))
    of_truth = probabilities[np.arange(len(labels)), labels]
    return Scores(
        images=len(labels),
        accuracy=correct / len(labels),
        accuracy_interval=wilson_interval(correct, len(labels)),
        loss=float(-np.log(np.clip(of_truth, PROBABILITY_FLOOR, 1 - PROBABILITY_FLOOR)).mean()),
        balanced_accuracy=float(np.mean([row.recall for row in per_class if row.recall is not None])),
        calibration_error=calibration_error(probabilities, labels),
        confusion=matrix,
        per_class=per_class,
        mistakes=_mistakes(probabilities, labels, predicted),
        reliability=reliability(probabilities, labels),
    )


def smoothed_floor(smoothing, classes):
    """The least loss that labels smoothed by a share, 0 to 1, leave: their entropy, in nats.

    A label of k classes becomes ``1 - smoothing + smoothing / k`` for its class and ``smoothing / k`` for each other, as in
    `keras.losses.CategoricalCrossentropy`.
    """
    share = smoothing / classes
    targets = np.array([1 - smoothing + share, *[share] * (classes - 1)])
    targets = targets[targets > 0]
    return float(-(targets * np.log(targets)).sum())


def finite(probabilities: np.ndarray) -> np.ndarray:
    """Probabilities as they are.

    Raises:
        RunError: some are no numbers.
    """
    if not np.isfinite(probabilities).all():
        raise RunError("The network's probabilities are no finite numbers: its weights are too large, or were damaged")
    return probabilities


def wilson_interval(correct: int, total: int, z: float = Z_95) -> tuple[float, float]:
    """The Wilson score interval of a proportion, `(low, high)` in [0, 1].

    It stays inside [0, 1] and keeps close to its nominal coverage near 0 and 1, where the textbook interval fails:
    E. B. Wilson 1927, "Probable inference, the law of succession, and statistical inference", JASA 22; recommended by
    Brown, Cai & DasGupta 2001, "Interval estimation for a binomial proportion", Statistical Science 16.

    Args:
        correct: successes, 0 to `total`.
        total: independent trials, at least 1.
        z: standard normal quantile; the default gives 95 %.

    Raises:
        DataError: `total` is not positive or `correct` lies outside 0 to `total`.
    """
    if total < 1 or not 0 <= correct <= total:
        raise DataError(f"No interval for {correct} right of {total} images; expected 0 <= right <= images >= 1")
    p = correct / total
    center = p + z * z / (2 * total)
    margin = z * math.sqrt(p * (1 - p) / total + z * z / (4 * total * total))
    scale = 1 + z * z / total
    # At both ends the bound is exact; rounding would leave 1e-17 or 0.9999999999999999.
    low = 0.0 if correct == 0 else (center - margin) / scale
    high = 1.0 if correct == total else (center + margin) / scale
    return low, high


def paired_interval(gained: int, lost: int, total: int, z: float = Z_95) -> tuple[float, float]:
    """An interval of the difference of two classifiers' accuracies on the same images, `(low, high)` in [-1, 1].

    Agresti and Min 2005, "Simple improved confidence intervals for comparing matched proportions", Statistics in Medicine 24,
    section 2: Wald's interval with half a pair added to each of the four cells, so that equal answers on a few images do not
    pass for certainty.

    Args:
        gained: images that only the second one has right.
        lost: images that only the first one has right.
        total: all images, at least 1.
        z: standard normal quantile; the default gives 95 %.

    Raises:
        DataError: `total` is not positive, or the others do not fit into it.
    """
    if total < 1 or min(gained, lost) < 0 or gained + lost > total:
        raise DataError(f"No interval for {gained} gained and {lost} lost of {total} images; expected counts of some images")
    images, difference = total + 2, (gained - lost) / (total + 2)
    margin = z * math.sqrt(((gained + lost + 1) / images - difference**2) / images)
    return max(-1.0, difference - margin), min(1.0, difference + margin)


def calibration_error(probabilities, labels, bins=CALIBRATION_BINS):
    """Expected calibration error: |accuracy - mean confidence| averaged over bins of confidence, weighted by images.

    Confidence is the largest probability of an image; the bins are `(0, 1/bins], (1/bins, 2/bins] ..`, as in Guo,
    Pleiss, Sun & Weinberger 2017, "On calibration of modern neural networks", equations 1 to 3. With few images the
    estimate is biased upwards.

    Args:
        probabilities: float `(N, k)`.
        labels: int `(N,)`.
        bins: number of equal bins.

    Returns:
        A float, 0 (calibrated) to 1.
    """
    rows = reliability(probabilities, labels, bins)
    return sum(row.images * abs(row.accuracy - row.confidence) for row in rows) / len(labels)


def reliability(probabilities, labels, bins=CALIBRATION_BINS):
    """How often a network is right where it is sure to some degree; arguments as for `calibration_error`.

    Returns:
        A tuple of `Bin`, the least confident first; bins without images are left out.
    """
    probabilities, labels = np.asarray(probabilities, dtype=np.float64), np.asarray(labels)
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    place = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    members = (place == number for number in np.unique(place))
    return tuple(Bin(int(each.sum()), float(confidence[each].mean()), float(right[each].mean())) for each in members)


def percent(fraction, decimals=0):
    """A fraction as text, ``"95.8 %"``; what is not all does not read as 100 %, and what is not nothing not as 0 %."""
    step = 10.0**-decimals
    if fraction < 1 and 100 * fraction >= 100 - step / 2:
        return f"> {100 - step:.{decimals}f} %"
    if 0 < fraction and 100 * fraction < step / 2:
        return f"< {step:.{decimals}f} %"
    return f"{100 * fraction:.{decimals}f} %"


def checked(probabilities, labels, classes):
    """The two arrays as float64 and int64, or a `DataError` that says what is wrong with them."""
    probabilities, labels = np.asarray(probabilities), np.asarray(labels)
    if probabilities.ndim != 2 or probabilities.shape[1] != classes or not len(probabilities):
        raise DataError(f"Probabilities of shape {probabilities.shape}; expected (N, {classes}), one column a class")
    if labels.shape != probabilities.shape[:1] or labels.dtype.kind not in "iu":
        raise DataError(
            f"Labels of shape {labels.shape}, {labels.dtype}; expected {probabilities.shape[:1]} integers, one an image"
        )
    if labels.min() < 0 or labels.max() >= classes:
        raise DataError(f"Labels from {labels.min()} to {labels.max()}; expected 0 to {classes - 1}, one a class")
    probabilities = probabilities.astype(np.float64)
    sums = probabilities.sum(axis=1)
    bad = ~((np.abs(sums - 1) <= ROW_SUM_TOLERANCE) & (probabilities.min(axis=1) >= 0))  # NaN is bad too
    if bad.any():
        row = int(bad.argmax())
        raise DataError(
            f"Row {row} of the probabilities sums to {sums[row]:.6g}, smallest value {probabilities[row].min():.6g}; "
            "expected values in [0, 1] that sum to 1 (a softmax, not logits)"
        )
    return probabilities, labels.astype(np.int64)


def _class_score(name, matrix, index):
    right, true, predicted = (int(n) for n in (matrix[index, index], matrix[index].sum(), matrix[:, index].sum()))
    return ClassScore(
        name=name,
        images=true,
        precision=right / predicted if predicted else None,
        recall=right / true if true else None,
        f1=2 * right / (true + predicted) if true + predicted else None,
    )


def _mistakes(probabilities, labels, predicted):
    wrong = np.flatnonzero(predicted != labels)
    confidence = probabilities[wrong, predicted[wrong]]
    order = np.argsort(-confidence, kind="stable")
    return tuple(
        Mistake(int(i), int(labels[i]), int(predicted[i]), float(p))
        for i, p in zip(wrong[order], confidence[order], strict=True)
    )
