"""Explanations by hiding parts of an image: occlusion by a window, and random masks (RISE). They need no gradient."""

import itertools
from collections.abc import Sequence

import keras
import numpy as np

from keras_resnet.errors import DataError
from keras_resnet.explain.classifier import BATCH, Classifier
from keras_resnet.explain.heatmaps import Heatmaps, heatmaps, resized


def occlusion(
    model: keras.Model,
    images,
    class_index: int | Sequence[int] | None = None,
    *,
    window: int | None = None,
    stride: int | None = None,
    fill: float | None = None,
) -> Heatmaps:
    """Occlusion: how far the class's logit falls where a window hides the image (Zeiler and Fergus 2014, section 4.2).

    Args:
        model, images, class_index: as for `grad_cam`.
        window: side of the square in pixels; None for a sixth of the image's smaller side.
        stride: from one place of the window to the next, in pixels; None for half a window. The last window of a row or column
            lies at the edge.
        fill: what the window shows: a number, or `(C,)`; None for the mean color of each image.

    Returns:
        `Heatmaps` float32 `(N, H, W)`, in units of the logit: the mean over all windows that hide a pixel of what the logit
        falls by. Above 0: what is there speaks for the class; below 0: against it.

    Raises:
        ModelError, DataError: as `grad_cam`; a window or stride that does not fit.
    """
    classifier = Classifier(model, many=True)
    images = classifier.images(images)
    last = np.moveaxis(images, classifier.channels_axis, -1)
    window, stride = _window(window, stride, last.shape[1:3])
    logits = classifier.logits(images)
    classes = classifier.chosen(class_index, logits)
    places = list(itertools.product(*(_starts(side, window, stride) for side in last.shape[1:3])))
    maps = [
        _occluded(classifier, image, logits[number], classes[number], places, window, _fill(image, fill))
        for number, image in enumerate(last)
    ]
    return heatmaps(np.stack(maps), "occlusion", classes)


def _window(window, stride, sides):
    window = window or max(1, min(sides) // 6)
    stride = stride or max(1, window // 2)
    if not 1 <= window <= min(sides) or not 1 <= stride <= window:
        raise DataError(
            f"occlusion: expected a window of 1 to {min(sides)} pixels and a stride of 1 to the window's side, "
            f"received {window} and {stride}"
        )
    return window, stride


def _starts(side, window, stride):
    """Where windows begin, the last at the edge."""
    return sorted({*range(0, side - window + 1, stride), side - window})


def _occluded(classifier, image, logits, index, places, window, fill):
    slope = classifier.slope(np.array([index]))[0]
    fallen, covered = (np.zeros(image.shape[:2]) for _ in range(2))
    for start in range(0, len(places), BATCH):
        batch = places[start : start + BATCH]
        hidden = np.repeat(image[None], len(batch), axis=0)
        for each, (top, left) in zip(hidden, batch, strict=True):
            each[top : top + window, left : left + window] = fill
        falls = (logits - classifier.logits(np.moveaxis(hidden, -1, classifier.channels_axis))) @ slope
        for (top, left), fall in zip(batch, falls, strict=True):
            fallen[top : top + window, left : left + window] += fall
            covered[top : top + window, left : left + window] += 1
    return fallen / covered


def rise(
    model: keras.Model,
    images,
    class_index: int | Sequence[int] | None = None,
    *,
    masks: int = 2000,
    grid: int = 7,
    visible: float = 0.5,
    seed: int = 0,
    fill: float | None = None,
) -> Heatmaps:
    """RISE: the class's mean probability under random masks that leave a pixel visible (Petsiuk et al. 2018, arXiv:1806.07421).

    A mask is a grid of cells drawn 0 or 1, made larger bilinearly and shifted at random; all images see the same masks.

    Args:
        model, images, class_index: as for `grad_cam`.
        masks: how many; each is one look of the network at each image.
        grid: cells along a side.
        visible: the share of cells that are left visible, between 0 and 1.
        seed: of the masks.
        fill: what hidden pixels show, as for `occlusion`.

    Returns:
        `Heatmaps` float32 `(N, H, W)`, probabilities, 0 to 1. What matters is where a map is higher than elsewhere: many masks
        tell small parts from chance.

    Raises:
        ModelError, DataError: as `grad_cam`; masks, grid or share out of range.
    """
    if masks < 1 or grid < 1 or not 0 < visible < 1:
        received = f"received {masks}, {grid} and {visible}"
        raise DataError(f"rise: expected masks and grid of 1 or more, visible between 0 and 1, {received}")
    classifier = Classifier(model, many=True)
    images = classifier.images(images)
    classes = classifier.chosen(class_index, classifier.logits(images))
    last = np.moveaxis(images, classifier.channels_axis, -1)
    fills = np.stack([np.broadcast_to(_fill(image, fill), image.shape[-1:]) for image in last])[:, None, None]
    generator = np.random.default_rng(seed)
    likely, seen = np.zeros(last.shape[:3]), np.zeros(last.shape[1:3])
    for start in range(0, masks, BATCH):
        drawn = _masks(min(BATCH, masks - start), grid, visible, last.shape[1:3], generator)
        seen += drawn.sum(axis=0)
        for number, (image, color) in enumerate(zip(last, fills, strict=True)):
            shown = color + drawn[..., None] * (image - color)
            probabilities = classifier.probabilities(np.moveaxis(shown, -1, classifier.channels_axis))
            likely[number] += np.tensordot(probabilities[:, classes[number]], drawn, axes=1)
    return heatmaps(likely / np.maximum(seen, 1e-12), "rise", classes)


def _masks(count, grid, visible, sides, generator):
    """float32 `(count, H, W)`, 0 to 1."""
    cells = [-(-side // grid) for side in sides]
    drawn = (generator.random((count, grid + 1, grid + 1)) < visible).astype(np.float32)
    large = resized(drawn, *(cell * (grid + 1) for cell in cells))
    shifts = np.stack([generator.integers(0, cell, count) for cell in cells], axis=1)
    return np.stack([each[y : y + sides[0], x : x + sides[1]] for each, (y, x) in zip(large, shifts, strict=True)])


def _fill(image, fill):
    """What hidden pixels of an image `(H, W, C)` show."""
    if fill is None:
        return image.mean(axis=(0, 1))
    given = np.asarray(fill, np.float32)
    if given.shape not in ((), image.shape[-1:]):
        raise DataError(f"fill: expected a number or {image.shape[-1]} of them, received {fill!r}")
    return given
