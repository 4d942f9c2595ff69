"""A trained run as a function from photographs to probabilities."""

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

import numpy as np
from PIL import Image

from keras_resnet import evaluate
from keras_resnet.data.photo import cut_photo, read_photo, read_whole_photo, resize, whole_photo
from keras_resnet.errors import DataError
from keras_resnet.evaluate import evaluation
from keras_resnet.evaluate.evaluation import predict
from keras_resnet.models.calls import embedding
from keras_resnet.workdir import Workdir

UNUSUAL = 4  # standard deviations of the training images; of normally distributed values, one in 16,000 lies farther off


class Predictor:
    """The network of a run folder.

    A photograph is the path of a file, a Pillow image, or an array uint8 `(H, W)`, `(H, W, 3)` or `(H, W, 4)` of any size. It
    is made as the images of the run's set were: its largest central part of their shape, resized with antialiasing. Arrays of
    the set's own size are taken as they are; a run that resized its images (``--size``) resizes these in the same way.

    Attributes:
        class_names: tuple of str, in the order of the probabilities.
        image_shape: `(H, W, 3)` of the images that the network takes.

    Args:
        run: the run folder.

    Raises:
        RunError: no trained run there, or a damaged one.
    """

    def __init__(self, run: str | PathLike) -> None:
        workdir = Workdir(run)
        self._model = workdir.load_model()
        self._record = workdir.read("class_names", "data.shape", "data.photos.brightness", "data.photos.contrast")
        self._space, self._features = evaluation.feature_space_of(workdir), None
        self.class_names = tuple(self._record["class_names"])
        self.image_shape = tuple(self._record["data"]["shape"])

    def photo(self, photograph: str | PathLike | Image.Image | np.ndarray) -> np.ndarray:
        """A photograph as the network takes it: uint8 `(H, W, 3)`.

        Raises:
            DataError: it cannot be read, or is an array of another form.
        """
        size = tuple(self._record["data"].get("set_shape", self.image_shape)[:2])
        if isinstance(photograph, str | Path):
            image = read_photo(photograph, size)
        elif not isinstance(photograph, Image.Image) and np.shape(photograph) in (self.image_shape, (*size, 3)):
            image = _checked(np.asarray(photograph), self.image_shape)
        else:
            image = _decoded(self._pillow(photograph), lambda opened: cut_photo(opened, size))
        return image if image.shape == self.image_shape else self._resized(image)

    def __call__(self, photographs: str | PathLike | Image.Image | np.ndarray | Sequence) -> np.ndarray:
        """Probabilities float32 `(N, classes)`; of one photograph, N is 1.

        Args:
            photographs: one, or a list of them, or an array uint8 `(N, H, W, 3)` of any size.

        Raises:
            DataError: as `photo`.
            RunError: the network's answers are no numbers.
        """
        images = self._images(_several(photographs))
        if not len(images):
            return np.empty((0, len(self.class_names)), np.float32)
        return predict(self._model, images)

    def _images(self, photographs):
        """uint8 `(N, H, W, 3)` of the network's size, of several photographs."""
        if isinstance(photographs, np.ndarray):
            _checked(photographs, self.image_shape)
            if photographs.shape[1:] == self.image_shape:
                return photographs
        found = [self.photo(each) for each in photographs]
        return np.stack(found) if found else np.empty((0, *self.image_shape), np.uint8)

    def picture(self, photographs: str | PathLike | Image.Image | np.ndarray | Sequence, out: str | PathLike) -> str | PathLike:
        """Draws photographs, the crop of each that the network sees, and the probabilities.

        Args:
            photographs: one, or a list of up to 20.
            out: the PNG to write.

        Returns:
            ``out``.

        Raises:
            DataError: as `photo` and `evaluate.photos`.
        """
        photographs = list(_several(photographs))
        crops = [self.photo(each) for each in photographs]
        probabilities = self(np.stack(crops)) if crops else ()
        rows = [
            (_name(each, number), self._whole(each), crop, row, self.unlike_training(crop))
            for number, (each, crop, row) in enumerate(zip(photographs, crops, probabilities, strict=True), start=1)
        ]
        return evaluate.photos(rows, self.class_names, out)

    def _whole(self, photograph):
        """Uncut, uint8 `(H, W, 3)`."""
        if isinstance(photograph, str | Path):
            return read_whole_photo(photograph)
        return _decoded(self._pillow(photograph), whole_photo)

    def _pillow(self, photograph):
        """A Pillow image of one, or of an array."""
        if isinstance(photograph, Image.Image):
            return photograph
        pixels = _checked(np.asarray(photograph), self.image_shape)
        return Image.fromarray(pixels[..., 0] if pixels.shape[2:] == (1,) else pixels)

    def _resized(self, image):
        """As the run resized the images of its set."""
        size = self._record.get("size")
        if size is None:
            raise DataError(f"A photograph of {image.shape[:2]} does not fit the run's images, {self.image_shape[:2]}")
        return resize(image[None], size)[0]

    def unlike_training(self, image: np.ndarray) -> str | None:
        """Why a photo is unlike the training images, in words; None where it is not.

        Args:
            image: uint8 `(H, W, 3)`.
        """
        for name, value in (("brightness", image.mean()), ("contrast", image.std())):
            mean, spread = self._record["data"]["photos"][name]
            if abs(value - mean) > UNUSUAL * spread:
                return f"its {name}, {value:.0f}, is far from that of the training images, {mean:.0f} +- {spread:.0f}"
        return self._unlike_by_features(image)

    def _unlike_by_features(self, image):
        """The same, by the network's own features; None for a run of an earlier version, which has no measure of them."""
        if self._space is None:
            return None
        self._features = self._features or embedding(self._model)
        [distance] = self._space.distances(self._features(image[None]))
        if distance <= self._space.limit:
            return None
        times = distance / self._space.limit
        return f"by the network's features it is {times:.2f} times as far from the training images as nearly all good ones are"


def _several(photographs):
    """Several photographs, of one or of several: a list, or an array `(N, H, W, 3)`."""
    if isinstance(photographs, str | Path | Image.Image):
        return [photographs]
    if isinstance(photographs, list | tuple):
        return photographs
    photographs = np.asarray(photographs)
    return photographs if photographs.ndim == 4 else [photographs]


def _checked(pixels, image_shape):
    """An array of one image or several, of a form that images have."""
    fits = pixels.ndim == 2 or pixels.ndim in (3, 4) and pixels.shape[-1] in (1, 3, 4)
    if pixels.dtype != np.uint8 or not fits or 0 in pixels.shape[-3:]:
        raise DataError(
            f"images: expected uint8 (N, {', '.join(map(str, image_shape))}), received {pixels.dtype} {pixels.shape}; or "
            "photographs of any size, uint8 (H, W, 3)"
        )
    return pixels


def _name(photograph, number):
    return Path(photograph).name if isinstance(photograph, str | Path) else f"image {number}"


def _decoded(image, read):
    """What ``read`` makes of a Pillow image; one that was opened from a file is decoded only now."""
    try:
        return read(image)
    except DataError:
        raise
    except Exception as problem:  # the decoders of Pillow raise nearly every built-in exception on damaged files
        raise DataError(f"The image cannot be read: {problem}") from None
