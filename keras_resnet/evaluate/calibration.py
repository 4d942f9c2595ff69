"""Temperature scaling: one number that makes a network's probabilities as sure as it is right, and how sure that number is.

Guo, Pleiss, Sun & Weinberger 2017, "On calibration of modern neural networks", section 4.2: logits are divided by a temperature
that is fitted on images which the network was not trained on. The predicted classes stay as they are.
"""

from dataclasses import asdict, dataclass

import numpy as np

from keras_resnet.errors import DataError
from keras_resnet.evaluate.metrics import calibration_error, checked, percent

LEAST, MOST = 0.02, 50.0  # temperatures that are looked at
RESAMPLES = 500  # of the bootstrap
_FLOOR = 1e-30  # a smaller probability of a float32 softmax counts as this


@dataclass(frozen=True)
class Calibration:
    """A fitted temperature.

    Attributes:
        temperature: what the logits are divided by; below 1 where the network was less sure than right.
        interval: `(low, high)`, 95 %, by a bootstrap over the images. Images of one person or scene are less than independent,
            and the true interval is then wider.
        images: that it was fitted on.
        ece_before, ece_after: expected calibration error on these images, 0 to 1; see `metrics.calibration_error`.
    """

    temperature: float
    interval: tuple[float, float]
    images: int
    ece_before: float
    ece_after: float

    def to_json(self):
        """A plain dict that `json.dumps` takes."""
        return {**asdict(self), "interval": list(self.interval)}

    @property
    def text(self):
        """For a reader: ``"Temperature 0.62 (0.48 to 0.81), of 108 validation images: calibration error 13.9 % -> 4.1 %"``."""
        low, high = self.interval
        errors = " -> ".join(percent(error, 1) for error in (self.ece_before, self.ece_after))
        return (
            f"Temperature {self.temperature:.2f} ({low:.2f} to {high:.2f}), of {self.images:,} validation images: "
            f"calibration error {errors}"
        )


def fit_temperature(probabilities: np.ndarray, labels: np.ndarray, *, seed: int = 0) -> "Calibration":
    """The temperature at which the probabilities of the true classes are most likely.

    The target of an image is not 1 for its class but `(N + 1) / (N + 2)`, the rest shared by the others, as in Platt 1999,
    "Probabilistic outputs for support vector machines", section 2.2: else few images, all of them right, would make any
    network sure of everything.

    Args:
        probabilities: float `(N, k)`, of a softmax; of images that the network was not trained on.
        labels: int `(N,)`, 0 to k - 1.
        seed: of the bootstrap.

    Returns:
        `Calibration`.

    Raises:
        DataError: the arguments are not of that form.
    """
    probabilities = np.asarray(probabilities)
    classes = probabilities.shape[1] if probabilities.ndim == 2 else 0
    if classes < 2:
        raise DataError(f"Probabilities of shape {probabilities.shape}; expected (N, k), k of 2 or more")
    probabilities, labels = checked(probabilities, labels, classes)
    inverses = np.geomspace(1 / MOST, 1 / LEAST, 400)
    slopes = _slopes(probabilities, labels, inverses)
    temperature = 1 / _root(slopes.sum(axis=0), inverses)
    drawn = np.random.default_rng(seed).multinomial(len(labels), np.full(len(labels), 1 / len(labels)), RESAMPLES)
    resampled = [1 / _root(row, inverses) for row in drawn @ slopes]
    low, high = np.quantile(resampled, (0.025, 0.975))
    return Calibration(
        temperature=float(temperature),
        interval=(float(low), float(high)),
        images=len(labels),
        ece_before=calibration_error(probabilities, labels),
        ece_after=calibration_error(tempered(probabilities, temperature), labels),
    )


def tempered(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities `(N, k)` as they are with their logits divided by a temperature: float64, rows sum to 1."""
    logits = np.log(np.maximum(np.asarray(probabilities, np.float64), _FLOOR)) / temperature
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def _slopes(probabilities, labels, inverses):
    """The derivative of each image's loss by the inverse temperature, at some of these: float64 `(N, len(inverses))`.

    The loss is convex in the inverse temperature, so its sum over any images has one root.
    """
    count, classes = probabilities.shape
    logits = np.log(np.maximum(probabilities, _FLOOR))
    targets = np.full((count, classes), 1 / (count + 2) / (classes - 1))
    targets[np.arange(count), labels] = (count + 1) / (count + 2)
    wanted = (targets * logits).sum(axis=1)
    mean = [(tempered(probabilities, 1 / inverse) * logits).sum(axis=1) for inverse in inverses]
    return np.stack(mean, axis=1) - wanted[:, None]


def _root(slope, inverses):
    """Where an increasing function, given at some places, is 0; at an end where it is 0 nowhere. Linear in the logarithm."""
    return np.exp(np.interp(0.0, slope, np.log(inverses)))
