"""Explanations by gradients of the logit of a class: Grad-CAM, Grad-CAM++, integrated gradients."""

import warnings
from collections.abc import Sequence

import keras
import numpy as np

from keras_resnet.explain.classifier import Classifier
from keras_resnet.explain.heatmaps import Heatmaps, heatmaps, resized, scaled

INCOMPLETE = 0.01  # of the difference of the logits, which the shares of the pixels may miss
FIRST_STEPS, MOST_STEPS = 27, 2187


def grad_cam(
    model: keras.Model, images, class_index: int | Sequence[int] | None = None, layer: str = "auto", *, signed: bool = False
) -> Heatmaps:
    """Grad-CAM: a feature map's channels, each times the mean gradient of the class's logit over it, summed.

    Selvaraju et al. 2017, arXiv:1610.02391, equations 1 and 2.

    Args:
        model: a functional or sequential `keras.Model`, or the folder of a run.
        images: numbers `(N, H, W, C)` as the model takes them; a run takes pixels 0 to 255.
        class_index: the class to explain, one for all images or N of them; None for the predicted one. Of a model with one
            output, 1 is the class of its positive logits, 0 the other.
        layer: the name of the layer whose map is looked at, ``"backbone/conv5_block3_out"`` or its last part; ``"auto"``: the
            deepest map of at least 7 x 7.
        signed: whether to keep what speaks against the class, which the method leaves out by a ReLU.

    Returns:
        `Heatmaps` float32 `(N, H, W)`, 0 to 1, the largest value of each 1; with ``signed`` -1 to 1. A map of zeros: nothing
        in the layer speaks for the class.

    Raises:
        ModelError: not such a model, or no such layer.
        DataError: images or classes of another form.
    """
    return _cam("grad_cam", _mean_gradient, model, images, class_index, layer, signed)


def grad_cam_plus_plus(
    model: keras.Model, images, class_index: int | Sequence[int] | None = None, layer: str = "auto"
) -> Heatmaps:
    """Grad-CAM++: as Grad-CAM, with each channel weighed by the places where its gradient speaks for the class.

    Chattopadhyay et al. 2018, arXiv:1710.11063, equations 5, 7 and 19, the class's score the exponential of its logit. No
    channel has a negative weight, so the map stays near the sum of all channels: of the methods here it is the one that
    changes least as the network's weights are drawn anew (`cascading_randomization`). Prefer `grad_cam`.

    Args, returns and raises: as `grad_cam`, without ``signed``.
    """
    return _cam("grad_cam_plus_plus", _weighed_gradient, model, images, class_index, layer, False)


def _cam(method, weigh, model, images, class_index, layer, signed):
    classifier = Classifier(model)
    images = classifier.images(images)
    classes = classifier.chosen(class_index, classifier.logits(images))
    call = classifier.layer(layer, images[:1])
    found = classifier.gradient(images, classes, call.outputs[0])
    maps, gradient = (_channels_last(each, classifier).astype(np.float64) for each in found)  # channels cancel each other
    cam = np.einsum("nhwc,nc->nhw", maps, weigh(maps, gradient))
    cam = cam if signed else np.maximum(cam, 0)
    if not np.abs(cam).max(axis=(1, 2)).all():
        warnings.warn(f"{method}: nothing in the map of {call.name!r} speaks for the class; such maps are zero", stacklevel=3)
    height, width = _size(images, classifier)
    return heatmaps(scaled(resized(cam, height, width)), method, classes, call.name)


def _mean_gradient(maps, gradient):
    return gradient.mean(axis=(1, 2))


def _weighed_gradient(maps, gradient):
    square, total = gradient**2, maps.sum(axis=(1, 2), keepdims=True)
    below = 2 * square + total * gradient**3
    share = np.divide(square, below, out=np.zeros_like(below), where=below != 0)
    return (share * np.maximum(gradient, 0)).sum(axis=(1, 2))


def integrated_gradients(
    model: keras.Model,
    images,
    class_index: int | Sequence[int] | None = None,
    *,
    baseline: float = 0.0,
    steps: int | None = None,
) -> Heatmaps:
    """Integrated gradients: how much each pixel adds to the difference of the class's logit to that of a baseline.

    Sundararajan et al. 2017, arXiv:1703.01365, equation 1; the integral by the midpoint rule. The values of an image sum to
    that difference.

    Args:
        model, images, class_index: as for `grad_cam`.
        baseline: an image without a content, `(H, W, C)`, or a number for all values: 0 is black where a model takes pixels.
        steps: of the integral; None triples them from 27 until the sum misses the difference by less than 1 %, 2187 at most.

    Returns:
        `Heatmaps` float32 `(N, H, W)`, in units of the logit, summed over channels: above 0 for the class, below 0 against it.
        Where the sum misses the difference by more than 1 %, a warning says so.

    Raises:
        As `grad_cam`.
    """
    classifier = Classifier(model)
    images = classifier.images(images)
    base = np.broadcast_to(np.asarray(baseline, np.float32), images.shape[1:])
    logits = classifier.logits(images)
    classes = classifier.chosen(class_index, logits)
    difference = ((logits - classifier.logits(base[None])) * classifier.slope(classes)).sum(axis=1)
    found = [_integrated(classifier, *each, base, steps) for each in zip(images, classes, difference, strict=True)]
    shares, missed = (np.stack(each) for each in zip(*found, strict=True))
    if missed.max() > INCOMPLETE:
        warnings.warn(
            f"integrated_gradients: the pixels' shares miss the difference of the logits by up to {missed.max():.1%}; "
            "more steps may come nearer",
            stacklevel=2,
        )
    return heatmaps(_channels_last(shares, classifier).sum(axis=-1), "integrated_gradients", classes)


def _integrated(classifier, image, index, difference, base, steps):
    """`(shares, missed)` of one image: float32 of its shape, and the part of the difference that their sum misses."""
    count, total = steps or FIRST_STEPS, np.zeros(image.shape)
    fresh = np.arange(count)
    while True:
        places = ((fresh + 0.5) / count).astype(np.float32).reshape(-1, 1, 1, 1)
        _, gradient = classifier.gradient(base + places * (image - base), np.full(len(fresh), index))
        total += gradient.sum(axis=0, dtype=np.float64)
        shares = (image - base) * total / count
        missed = abs(shares.sum() - difference) / max(abs(difference), 1e-12)
        if steps or missed <= INCOMPLETE or count >= MOST_STEPS:
            return shares, missed
        count *= 3
        fresh = np.flatnonzero(np.arange(count) % 3 != 1)  # the middles of the old steps are middles of every third new one


def _channels_last(values, classifier):
    return np.moveaxis(values, classifier.channels_axis, -1)


def _size(images, classifier):
    return images.shape[2:] if classifier.channels_axis == 1 else images.shape[1:3]
