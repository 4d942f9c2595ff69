"""Whether a map shows the network: what is left of it as weights are drawn anew, and what its order of pixels is worth."""

from collections.abc import Callable, Sequence

import keras
import numpy as np

from keras_resnet.errors import DataError
from keras_resnet.explain.classifier import BATCH, Classifier
from keras_resnet.models.calls import unrolled
from keras_resnet.stats import rank_correlation


def cascading_randomization(
    model: keras.Model, method: Callable, images, class_index: int | Sequence[int] | None = None, *, seed: int = 0
) -> list[tuple[str, float]]:
    """How like a method's maps stay to themselves as weights are drawn anew, layer by layer from the top down.

    A map that shows the network changes; one that stays shows the image alone, as an edge detector does (Adebayo et al. 2018,
    arXiv:1810.03292, section 3). A layer's kernel is drawn anew by putting its values in a random order; scales and statistics
    stay, so that the activations keep their size.

    Args:
        model: a functional or sequential `keras.Model`; a copy is changed, not the model.
        method: a function of a model, images and classes that returns maps `(N, H, W)`: `grad_cam` or another.
        images: numbers `(N, H, W, C)` as the model takes them.
        class_index: as for `grad_cam`; the predicted class is that of the model with its own weights, throughout.
        seed: of the orders.

    Returns:
        A list of `(layer, similarity)`, the top layer first: the name of the last layer that was changed, and the mean over the
        images of Spearman's rank correlation of the map with that of the model's own weights; 0 where a map is constant.
    """
    classifier = Classifier(model)
    checked = classifier.images(images)
    classes = classifier.chosen(class_index, classifier.logits(checked))
    first = np.asarray(method(classifier.model, images, classes))
    copy = keras.models.clone_model(classifier.model)
    copy.set_weights(classifier.model.get_weights())
    generator, found = np.random.default_rng(seed), []
    for name, layer in _layers_from_the_top(copy):
        layer.set_weights([_reordered(values, generator) for values in layer.get_weights()])
        maps = np.asarray(method(copy, images, classes))
        found.append((name, float(np.mean([rank_correlation(*pair) for pair in zip(first, maps, strict=True)]))))
    return found


def _layers_from_the_top(model):
    """Name and layer of those with a kernel, each once."""
    seen = set()
    for call in reversed(unrolled(model).calls):
        kernels = [variable for variable in getattr(call.layer, "weights", ()) if len(variable.shape) > 1]
        if kernels and id(call.layer) not in seen:
            seen.add(id(call.layer))
            yield call.name, call.layer


def _reordered(values, generator):
    return generator.permutation(values.ravel()).reshape(values.shape) if values.ndim > 1 else values


def deletion(
    model: keras.Model,
    images,
    maps: np.ndarray,
    class_index: int | Sequence[int] | None = None,
    *,
    steps: int = 32,
    fill: float | None = None,
) -> np.ndarray:
    """The mean probability of a class while pixels are hidden, those of the highest values first: low for a good map.

    Petsiuk et al. 2018, arXiv:1806.07421, section 4.1.

    Args:
        model, images, class_index: as for `grad_cam`.
        maps: float `(N, H, W)`; equal values in the order of the pixels.
        steps: in which an equal number of pixels is hidden.
        fill: what hidden pixels show, a number or `(C,)`; None for the mean color of each image.

    Returns:
        float64 `(N,)`: the area under the curve of probability over the share of hidden pixels, 0 to 1, by trapezoids.

    Raises:
        ModelError, DataError: as `grad_cam`; maps of another shape.
    """
    return _areas(model, images, maps, class_index, steps, fill, hide=True)


def insertion(
    model: keras.Model,
    images,
    maps: np.ndarray,
    class_index: int | Sequence[int] | None = None,
    *,
    steps: int = 32,
    fill: float | None = None,
) -> np.ndarray:
    """The mean probability of a class while pixels are shown, those of the highest values first: high for a good map.

    Args, returns and raises: as `deletion`.
    """
    return _areas(model, images, maps, class_index, steps, fill, hide=False)


def _areas(model, images, maps, class_index, steps, fill, hide):
    classifier = Classifier(model)
    images, maps = classifier.images(images), np.asarray(maps)
    classes = classifier.chosen(class_index, classifier.logits(images))
    last = np.moveaxis(images, classifier.channels_axis, -1)
    if maps.shape != last.shape[:3] or steps < 1:
        raise DataError(f"maps: expected {last.shape[:3]} and 1 step or more, received {maps.shape} and {steps}")
    return np.array([_area(classifier, *each, steps, fill, hide) for each in zip(last, maps, classes, strict=True)])


def _area(classifier, image, values, index, steps, fill, hide):
    """Of one image `(H, W, C)`."""
    color = image.mean(axis=(0, 1)) if fill is None else np.asarray(fill, np.float32)
    place = np.empty(values.size, int)
    place[np.argsort(-values.ravel(), kind="stable")] = np.arange(values.size)
    place, curve = place.reshape(values.shape), []
    counts = np.linspace(0, values.size, steps + 1).round()
    for start in range(0, len(counts), BATCH):
        first = place < counts[start : start + BATCH, None, None]
        shown = np.where((first != hide)[..., None], image, color).astype(np.float32)
        curve += list(classifier.probabilities(np.moveaxis(shown, -1, classifier.channels_axis))[:, index])
    curve = np.array(curve, np.float64)
    return float(np.diff(counts / values.size) @ (curve[1:] + curve[:-1]) / 2)
