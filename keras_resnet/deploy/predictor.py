"""A trained run as a function from photographs to probabilities."""

from pathlib import Path

import numpy as np

from keras_resnet import evaluate
from keras_resnet.data.photo import read_photo, read_whole_photo, resize
from keras_resnet.errors import DataError
from keras_resnet.workdir import Workdir

UNUSUAL = 4  # standard deviations of the training images; of normally distributed values, one in 16,000 lies farther off


class Predictor:
    """The network of a run folder.

    A run that resized its images (``--size``) resizes what it is given in the same way.

    Attributes:
        class_names: tuple of str, in the order of the probabilities.
        image_shape: `(H, W, 3)` of the images that the network takes.

    Args:
        run: the run folder.

    Raises:
        RunError: no trained run there.
    """

    def __init__(self, run):
        workdir = Workdir(run)
        self._record = workdir.read()
        self._model = workdir.load_model()
        self.class_names = tuple(self._record["class_names"])
        self.image_shape = tuple(self._record["data"]["shape"])

    def photo(self, path):
        """A photograph as the images of the run's set were made: uint8 `(H, W, 3)`, its largest central part of their shape.

        Raises:
            DataError: as `data.photo.read_photo`.
        """
        size = self._record["data"].get("set_shape", self.image_shape)[:2]
        return self._resized(read_photo(path, size)[None])[0]

    def __call__(self, images):
        """Probabilities float32 `(N, classes)` for images uint8 `(N, H, W, 3)` of the run's size.

        Raises:
            DataError: another shape or dtype.
        """
        images = self._resized(np.asarray(images))
        if images.shape[1:] != self.image_shape or images.dtype != np.uint8:
            raise DataError(
                f"images: expected uint8 (N, {', '.join(map(str, self.image_shape))}), received {images.dtype} {images.shape}"
            )
        return np.asarray(self._model.predict(images, batch_size=64, verbose=0))

    def picture(self, paths, out):
        """Draws photographs, the crop of each that the network sees, and the probabilities.

        Args:
            paths: the file of a photograph, or a list of up to 20.
            out: the PNG to write.

        Returns:
            `out`, as a `Path`.

        Raises:
            DataError: as `photo` and `evaluate.photos`.
        """
        paths = [paths] if isinstance(paths, str | Path) else list(paths)
        crops = [self.photo(path) for path in paths]
        probabilities = self(np.stack(crops)) if crops else ()
        rows = [
            (Path(path).name, read_whole_photo(path), crop, row, self.unlike_training(crop))
            for path, crop, row in zip(paths, crops, probabilities, strict=True)
        ]
        return evaluate.photos(rows, self.class_names, out)

    def _resized(self, images):
        """As the run resized the images of its set; what it did not resize, or could not, stays as it is."""
        size, square = self._record.get("size"), images.ndim == 4 and images.shape[1] == images.shape[2]
        fits = images.shape[1:] == self.image_shape or images.dtype != np.uint8 or images.shape[3:] != (3,)
        return resize(images, size) if size and square and not fits else images

    def unlike_training(self, image):
        """Why a photo is unlike the training images, in words; None where it is not.

        Args:
            image: uint8 `(H, W, 3)`.
        """
        for name, value in (("brightness", image.mean()), ("contrast", image.std())):
            mean, spread = self._record["data"]["photos"][name]
            if abs(value - mean) > UNUSUAL * spread:
                return f"its {name}, {value:.0f}, is far from that of the training images, {mean:.0f} +- {spread:.0f}"
        return None
