"""The training images that a photograph is most like by the network's features: what it may have learned its answer from."""

from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np

from keras_resnet.data.photo import read_photo, resize
from keras_resnet.errors import DataError, RunError
from keras_resnet.evaluate import figures
from keras_resnet.evaluate.evaluation import feature_space_of
from keras_resnet.models.calls import embedding
from keras_resnet.workdir import Workdir


@dataclass(frozen=True, eq=False)
class Neighbors:
    """Training images, the most similar first.

    Attributes:
        classes: list of str, the names of their classes.
        similarities: float32 `(count,)`, the cosines of their features to the photograph's, -1 to 1.
        images: uint8 `(count, h, w, 3)`, as the run keeps them, small.
        picture: the PNG that was written, or None.
    """

    classes: list
    similarities: np.ndarray
    images: np.ndarray
    picture: Path | None


def neighbors(
    run: str | PathLike, photo: str | PathLike | np.ndarray, *, count: int = 11, out: str | PathLike | None = None
) -> "Neighbors":
    """The training images that a photograph is most like.

    Of more than 4,000 training images those are compared that the run has kept, evenly spaced.

    Args:
        run: the run folder.
        photo: the path of a photograph, or an array uint8 `(H, W, 3)` of the size of the run's images.
        count: how many, 1 or more.
        out: a PNG to draw them to, the photograph first; None draws nothing.

    Returns:
        `Neighbors`.

    Raises:
        RunError: no trained run there, or one of an earlier version, which has kept no images.
        DataError: the photograph cannot be read, or ``count`` is below 1.
    """
    if count < 1:
        raise DataError(f"count: expected 1 or more, received {count}")
    workdir = Workdir(run)
    model, record, space = workdir.load_model(), workdir.read("class_names", "data.shape"), feature_space_of(workdir)
    if space is None:
        raise RunError(f"{run} has kept no training images, as runs of earlier versions: train again to compare with them")
    image = _as_in_run(photo, record)
    places, similar = space.nearest(embedding(model)(image[None]), count)
    classes = [record["class_names"][label] for label in space.labels[places[0]]]
    found = space.images[places[0]]
    picture = None if out is None else figures.neighbors(image, found, classes, similar[0], out)
    return Neighbors(classes, similar[0], found, picture)


def _as_in_run(photo, record):
    """uint8 `(H, W, 3)` of the run's size."""
    shape = tuple(record["data"]["shape"])
    if isinstance(photo, str | Path):
        image = read_photo(photo, tuple(record["data"].get("set_shape", shape)[:2]))
        return image if image.shape == shape else resize(image[None], record["size"])[0]
    image = np.asarray(photo)
    if image.shape != shape or image.dtype != np.uint8:
        raise DataError(f"photo: expected a path or an array uint8 {shape}, received {image.dtype} {image.shape}")
    return image
