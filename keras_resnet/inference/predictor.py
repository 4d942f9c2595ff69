"""A trained run as a function from photographs to probabilities."""

import numpy as np

from keras_resnet.errors import DataError
from keras_resnet.workdir import Workdir

UNUSUAL = 4  # standard deviations of the training images; of normally distributed values, one in 16,000 lies farther off


class Predictor:
    """The network of a run folder.

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

    def __call__(self, images):
        """Probabilities float32 `(N, classes)` for images uint8 `(N, H, W, 3)` of the run's size.

        Raises:
            DataError: another shape or dtype.
        """
        images = np.asarray(images)
        if images.shape[1:] != self.image_shape or images.dtype != np.uint8:
            raise DataError(
                f"images: expected uint8 (N, {', '.join(map(str, self.image_shape))}), received {images.dtype} {images.shape}"
            )
        return np.asarray(self._model.predict(images, batch_size=64, verbose=0))

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
