"""A trained run as a function from photographs to probabilities, computed by the engine that is quickest here."""

import logging
from collections.abc import Sequence
from os import PathLike
from pathlib import Path

import numpy as np
from PIL import Image

from keras_resnet import evaluate
from keras_resnet.deploy import cache, engines
from keras_resnet.deploy.preparation import Preparation, several
from keras_resnet.errors import DeployError
from keras_resnet.evaluate.feature_space import FeatureSpace
from keras_resnet.evaluate.metrics import finite
from keras_resnet.workdir import FEATURES, Workdir

UNUSUAL = 4  # standard deviations of the training images; of normally distributed values, one in 16,000 lies farther off

_log = logging.getLogger(__name__)


class Predictor:
    """The network of a run folder.

    A photograph is the path of a file, a Pillow image, or an array of pixels, as for `preparation.Preparation`; whatever engine
    computes, it is prepared by the same code. An engine that is no framework imports none. It reads an export of the run, which
    is made and checked at the first call, kept in `RUN/exports`, and made anew when the weights have changed.

    Attributes:
        class_names: tuple of str, in the order of the probabilities.
        image_shape: `(H, W, 3)` of the images that the network takes.
        engine: the name of the one that computes; precision: in what.

    Args:
        run: the run folder.
        engine: ``"keras"``, ``"openvino"``, ``"onnxruntime"`` or ``"litert"``; ``"auto"`` takes OpenVINO, ONNX Runtime or
            LiteRT, the first that is installed, else Keras.
        precision: ``"float32"``, or where the engine has it ``"bfloat16"`` or ``"int8"``, which lose less than half a point of
            accuracy on the run's validation images, or are refused.

    Raises:
        RunError: no trained run there, or a damaged one.
        DeployError: the engine is not installed, or the export cannot be made, or was changed.
    """

    def __init__(self, run: str | PathLike, *, engine: str = cache.AUTO, precision: str = engines.FLOAT) -> None:
        workdir = Workdir(run)
        self.engine, self.precision = cache.choose(engine, precision), precision
        self._network = self._features = self._space = None
        self._answers = self._loaded(workdir, engine == cache.AUTO)
        self._record = workdir.read("class_names", "data.shape", "data.photos.brightness", "data.photos.contrast")
        self.class_names = tuple(self._record["class_names"])
        self._preparation = Preparation(self._record)
        self.image_shape = self._preparation.image_shape

    def _loaded(self, workdir, may_fall_back):
        """A function: images uint8 `(N, H, W, 3)` to probabilities."""
        if self.engine != engines.KERAS:
            try:
                path = cache.export_of(workdir.path, self.engine, self.precision)
                return engines.load(path, self.engine, self.precision)
            except (DeployError, OSError) as problem:
                if (
                    not may_fall_back
                    or self.precision != engines.FLOAT
                    or cache.is_ready(workdir.path, self.engine, self.precision)
                ):
                    raise
                _log.warning(f"Keras computes in place of {self.engine}: {problem}")
                self.engine = engines.KERAS
        self._network = workdir.load_model()
        self._space = FeatureSpace.load(workdir / FEATURES) if (workdir / FEATURES).exists() else None
        return lambda images: np.asarray(self._network.predict(images, batch_size=64, verbose=0))

    def photo(self, photograph: str | PathLike | Image.Image | np.ndarray) -> np.ndarray:
        """A photograph as the network takes it: uint8 `(H, W, 3)`.

        Raises:
            DataError: it cannot be read, or is an array of another form.
        """
        return self._preparation.photo(photograph)

    def __call__(self, photographs: str | PathLike | Image.Image | np.ndarray | Sequence) -> np.ndarray:
        """Probabilities float32 `(N, classes)`; of one photograph, N is 1.

        Args:
            photographs: one, or a list of them, or an array uint8 `(N, H, W, 3)` of any size.

        Raises:
            DataError: as `photo`.
            RunError: the network's answers are no numbers.
        """
        images = self._preparation.images(several(photographs))
        if not len(images):
            return np.empty((0, len(self.class_names)), np.float32)
        return finite(self._answers(images))

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
        photographs = list(several(photographs))
        crops = [self.photo(each) for each in photographs]
        probabilities = self(np.stack(crops)) if crops else ()
        rows = [
            (_name(each, number), self._preparation.whole(each), crop, row, self.unlike_training(crop))
            for number, (each, crop, row) in enumerate(zip(photographs, crops, probabilities, strict=True), start=1)
        ]
        return evaluate.photos(rows, self.class_names, out)

    def unlike_training(self, image: np.ndarray) -> str | None:
        """Why a photo is unlike the training images, in words; None where it is not.

        Judged by brightness and contrast, and where Keras computes by the network's own features too; see `judges_features`.

        Args:
            image: uint8 `(H, W, 3)`.
        """
        for name, value in (("brightness", image.mean()), ("contrast", image.std())):
            mean, spread = self._record["data"]["photos"][name]
            if abs(value - mean) > UNUSUAL * spread:
                return f"its {name}, {value:.0f}, is far from that of the training images, {mean:.0f} +- {spread:.0f}"
        return self._unlike_by_features(image) if self.judges_features else None

    @property
    def judges_features(self) -> bool:
        """Whether `unlike_training` knows the network's features: exports give probabilities alone, and old runs kept none."""
        return self._space is not None

    def _unlike_by_features(self, image):
        if self._features is None:
            from keras_resnet.models.calls import embedding

            self._features = embedding(self._network)
        [distance] = self._space.distances(self._features(image[None]))
        if distance <= self._space.limit:
            return None
        times = distance / self._space.limit
        return f"by the network's features it is {times:.2f} times as far from the training images as nearly all good ones are"


def _name(photograph, number):
    return Path(photograph).name if isinstance(photograph, str | Path) else f"image {number}"
