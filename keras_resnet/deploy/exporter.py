"""A trained network written for another engine, and proved there to be the same function."""

import os
import shutil
import tempfile
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path

import keras
import numpy as np

from keras_resnet.deploy import cache, engines, metadata, parity, quantize, writers
from keras_resnet.deploy.formats import FORMATS, format_of, require
from keras_resnet.deploy.metadata import FEATURES, INPUT, PROBABILITIES
from keras_resnet.deploy.sources import Source, find, images_for, seeded, with_features, with_probabilities
from keras_resnet.errors import DeployError
from keras_resnet.files import PART
from keras_resnet.models.preprocess import preprocess_input

LOOKED_AT = 64  # images in float32, where every single answer has to be the same
SCORED = 1000  # images, where accuracy is compared


@dataclass(frozen=True)
class Order:
    """What is to be written.

    Attributes:
        format: a key of `formats.FORMATS`.
        precision: ``"float32"``; ``"bfloat16"``, a float32 file that OpenVINO is to compute so; or ``"int8"``.
        features: whether it gives the pooled features in place of probabilities.
        max_drop: points of accuracy, 0 to 100, that another precision than float32 may lose.

    Raises:
        DeployError: it cannot be met.
    """

    format: str
    precision: str = engines.FLOAT
    features: bool = False
    max_drop: float = 0.5

    def __post_init__(self):
        row = format_of(self.format)
        require(f"format={self.format!r}", row.modules, row.extra)
        if self.precision == engines.INT8 and row.int8 is None:
            others = " or ".join(name for name, other in FORMATS.items() if other.int8 is not None)
            raise DeployError(f"int8: {self.format} has none; expected {others}")
        engines.engine_of(row.engine, self.precision)
        if self.precision != engines.FLOAT and self.features:
            raise DeployError(f"features: expected none in {self.precision}, where accuracy is what is checked")
        if self.precision == engines.INT8:
            require("int8", row.int8, "int8")
        if not 0 <= self.max_drop <= 100:
            raise DeployError(f"max_drop: expected points from 0 to 100, received {self.max_drop}")


@dataclass(frozen=True)
class Exported:
    """What `export` wrote.

    Attributes:
        path: of the file, or of the folder of a SavedModel.
        format, precision: as in its `Order`.
        bytes: of all its files.
        parity: a `Parity`; in another precision than float32 with the accuracy.
        images: what it was checked on, in words.
        float_layers: of int8, the layers that compute in float32 still.
    """

    path: Path
    format: str
    precision: str
    bytes: int
    parity: parity.Parity
    images: str
    float_layers: tuple = ()

    def to_json(self) -> dict:
        """A dict of plain values."""
        found = {name: getattr(self, name) for name in ("format", "precision", "bytes", "images")}
        found = {"path": str(self.path), **found, "parity": self.parity.to_json()}
        if self.parity.accuracy is not None:
            found |= {"accuracy": vars(self.parity.accuracy), "float_layers": list(self.float_layers)}
        return found

    def __str__(self):
        where = f"{self.path}: {self.format}, {self.precision}, {self.bytes / 1e6:.1f} MB"
        if self.parity.accuracy is not None:
            kept = f"; in float32: {', '.join(self.float_layers)}" if self.float_layers else ""
            return f"{where}; {self.parity.accuracy}{kept}"
        differ = f"{self.parity.largest_logit_difference:.2g} at most (allowed: {self.parity.bound:.2g})"
        return f"{where}; logits differ by {differ}, every class is the same on {self.parity.images} {self.images}"


def export(
    source: str | PathLike | keras.Model,
    path: str | PathLike | None = None,
    *,
    format: str,
    int8: bool = False,
    images=None,
    features: bool = False,
    max_drop: float = 0.5,
    preprocess: str | None = None,
) -> Exported:
    """Writes a trained network for another engine, and checks there that it is the same function.

    The export takes raw pixels, uint8 `(N, height, width, 3)` named `images`, N open, and gives float32 `(N, classes)` named
    `probabilities`. What else a user of it has to know, from the class names to how a photograph is resized, stands in the
    file's own metadata and in a JSON file beside it.

    Args:
        source: a run folder; a weight file that `weights.model_from` takes; or a `keras.Model` of images `(N, H, W, 3)`.
        path: to write to, with the format's ending; None for a place in the run folder, `RUN/exports`. An export that is there
            is replaced.
        format: ``"openvino"``, ``"onnx"``, ``"litert"`` or ``"saved_model"``.
        int8: whether to compute in 8-bit integers, calibrated on 300 training images. Where more than ``max_drop`` is lost,
            NNCF leaves those layers in float32 that lose it.
        images: to check and calibrate on; None for the run's own: those to validate on to check, those to train on to
            calibrate, those to test on never. The path of an image set, a `SignsSet`, or uint8 `(N, H, W, 3)`.
        features: whether to give the pooled features `(N, C)`, named `features`, in place of probabilities.
        max_drop: points of accuracy, 0 to 100, that int8 may lose.
        preprocess: the mode of `preprocess_input` that a weight file or a `keras.Model` expects of pixels; None for what the
            file's lineage says. A run's network does it itself.

    Returns:
        An `Exported`.

    Raises:
        DeployError: an argument that cannot be met, a package that is not installed; or the export is not the same function,
            and nothing was written.
        RunError, WeightsError, DataError: the source or the images cannot be read.
    """
    order = Order(format, engines.INT8 if int8 else engines.FLOAT, features, max_drop)
    return write(order, source, path, images=images, preprocess=preprocess)


def write(order: Order, source, path=None, *, images=None, preprocess: str | None = None) -> Exported:
    """As `export`, with an `Order`."""
    if keras.backend.backend() != "tensorflow":
        raise DeployError(
            f"export writes from Keras on TensorFlow, received {keras.backend.backend()}; with KERAS_BACKEND=tensorflow in the "
            "environment Keras reads the same networks"
        )
    source = find(source, preprocess)
    target = _target(path, order, source)
    source = with_features(source) if order.features else with_probabilities(source)
    photographs, described = images_for(source, images), _described(source, order)
    home = next(folder for folder in target.absolute().parents if folder.is_dir())
    with tempfile.TemporaryDirectory(prefix=f"{PART}{target.name}-", dir=home) as folder:
        draft = Path(folder) / target.name
        found, kept = _written(order, draft, described, source, photographs)
        _raise(found.fault(order.max_drop), target, source, "; nothing was written")
        size = sum(file.stat().st_size for file in metadata.files_of(draft))
        result = Exported(target, order.format, order.precision, size, found, photographs.origin, kept)
        told = {name: value for name, value in result.to_json().items() if name != "path"}
        metadata.write(draft, described, {"check": told})
        _check_words(draft, described, source)
        _publish(draft, target)
    return result


def check(
    path: str | PathLike,
    source: str | PathLike | keras.Model,
    *,
    images=None,
    preprocess: str | None = None,
    max_drop: float = 0.5,
) -> parity.Parity:
    """Compares an export with its source again, as `export` did when it wrote it.

    Args:
        path: of the export; its JSON file lies beside it.
        source, images, preprocess, max_drop: as for `export`.

    Returns:
        A `Parity`.

    Raises:
        DeployError: the export is damaged or was changed, or it is not the same function.
    """
    described, source = metadata.read(path), find(source, preprocess)
    source = with_features(source) if described["output"]["name"] == FEATURES else with_probabilities(source)
    found = _compared(Path(path), described, source, images_for(source, images))
    _raise(found.fault(max_drop), path, source)
    _check_words(Path(path), described, source)
    return found


def raw_pixels(source: Source, name: str) -> keras.Model:
    """A network with all that its export does: images uint8 `(N, H, W, 3)` to a dict of one float32 tensor.

    Args:
        source: a `Source`.
        name: of the output.
    """
    images = keras.Input(source.image_shape, dtype="uint8", name=INPUT)
    pixels = keras.ops.cast(images, "float32")
    answers = source.network(pixels if source.mode == "none" else preprocess_input(pixels, source.mode))
    answers = keras.tree.flatten(answers)[0]  # a model that was loaded may give a list of one
    if source.ends_in_logits:
        answers = keras.ops.softmax(answers)
    answers = keras.layers.Identity(dtype="float32", name=name)(answers)
    return keras.Model(images, {name: answers}, name="export")


def _target(path, order, source):
    """The path to write to; what stands there and is no export is left alone."""
    ending = FORMATS[order.format].ending
    if path is None:
        if not source.record:
            raise DeployError(f"path: expected one to write to, as {source} is no run folder, received none")
        return cache.path_of(source.path, source.sha256, order.format, order.precision, order.features)
    path = Path(path)
    if ending and path.suffix != ending:
        raise DeployError(f"path: expected one that ends in {ending} for {order.format}, received {path}")
    if path.exists() and not metadata.beside(path).exists():
        raise DeployError(f"{path} exists and is no export of this package; name another path, or delete it")
    return path


def _described(source, order):
    inside = source.record.get("preprocessing", "none: takes pixels 0 to 255")
    if source.mode != "none":
        inside = f"none: takes pixels 0 to 255 and does preprocess_input(mode={source.mode!r}) itself"
    return metadata.described(
        name=source.record.get("model", source.network.name),
        classes=source.classes,
        image_shape=source.image_shape,
        preparation=source.preparation,
        preprocessing=inside,
        source={"name": source.path.name if source.path else source.network.name, "sha256": source.sha256},
        precision=order.precision,
        output=FEATURES if order.features else PROBABILITIES,
        calibration=source.record.get("calibration"),
    )


def _written(order, draft, described, source, photographs):
    """Writes an export; of int8 every layer, or where that loses too much, without those that lose it.

    Returns:
        A `Parity`, and the layers left in float32.
    """
    network = raw_pixels(source, described["output"]["name"])
    if order.precision != engines.INT8:
        writers.write(network, draft, order.format, described)
        return _compared(draft, described, source, photographs), ()
    if photographs.calibration is None:
        raise DeployError("int8: expected photographs to calibrate on, and there are none of the run's: name some with images=")
    calibration = _spread(photographs.calibration, quantize.CALIBRATED)
    if order.format == "litert":
        writers.write_litert_int8(network, draft, calibration)
        writers.stamp(draft, order.format, described)
        return _compared(draft, described, source, photographs), ()
    for careful in (False, True):
        writers.write(network, draft, order.format, described)
        judge = _judge(source, photographs, order.max_drop) if careful else None
        quantize.quantize(draft, order.format, calibration, judge)
        writers.stamp(draft, order.format, described)
        found = _compared(draft, described, source, photographs)
        if found.fault(order.max_drop) is None:
            break
    return found, quantize.float_layers(draft, order.format, source.network)


def _judge(source, photographs, max_drop):
    images = _spread(photographs.checked.images, SCORED)
    labels = _spread(photographs.checked.labels, SCORED)
    return quantize.Judge(images, labels if photographs.labeled else source.answers(images).argmax(axis=1), max_drop)


def _compared(path, described, source, photographs):
    """The `Parity` of a file with its source, through the file as its engine loads it."""
    exact = described["precision"] == engines.FLOAT
    format = next(name for name, row in FORMATS.items() if row.ending == path.suffix)
    images = _spread(photographs.checked.images, LOOKED_AT if exact else SCORED)
    again = np.arange(max(len(images), sum(parity.BATCHES))) % len(images)  # few images come again, to fill every batch once
    expected = source.answers(images)
    answers = parity.in_batches(engines.load(path, FORMATS[format].engine, described["precision"]), images[again])
    try:
        found = parity.compare(expected[again], answers, features=described["output"]["name"] == FEATURES)
    except DeployError as problem:
        raise DeployError(f"{path.name} is not the same function as {source}: {problem}") from None
    found = replace(found, images=len(images))
    if exact:
        return found
    labels = _spread(photographs.checked.labels, SCORED) if photographs.labeled else None
    return replace(found, accuracy=parity.accuracy_of(expected, answers[: len(images)], labels))


def _spread(rows, most):
    """So many rows, evenly spaced, or all where there are fewer; as an array."""
    return np.asarray(rows[np.linspace(0, len(rows) - 1, min(most, len(rows))).astype(int)])


def _raise(fault, path, source, end=""):
    if fault is not None:
        raise DeployError(f"{path} is not the same function as {source}: {fault}{end}")


def _check_words(path, described, source):
    """Raises a `DeployError` where what an export says of itself is not what its source does, or is not in the file.

    The classes have to be in the source's order; and photographs that are prepared as it says have to be the source's images,
    pixel for pixel.
    """
    if tuple(described["classes"]) != source.classes:
        raise DeployError(f"{path} names the classes {described['classes']}; those of {source} are {list(source.classes)}")
    for pixels in seeded(2, (3 * source.image_shape[0], 2 * source.image_shape[1] + 5, 3)):
        if not np.array_equal(metadata.prepared(described["photograph"], pixels), source.prepare(pixels)):
            steps = ", ".join(f"{step['filter']} to {step['size']}" for step in described["photograph"]["resize"])
            raise DeployError(f"{path} says that photographs are resized by {steps}; {source} makes other pixels of them")
    stored = engines.metadata_in(path)
    if stored is not None and any(described.get(name) != value for name, value in stored.items()):
        raise DeployError(f"{path} says of itself other things than {metadata.beside(path).name} beside it")


def _publish(draft, target):
    """Moves an export to its place, its JSON last: until that is there, nothing takes the files for an export."""
    target.parent.mkdir(parents=True, exist_ok=True)
    metadata.beside(target).unlink(missing_ok=True)
    if target.is_dir():
        shutil.rmtree(target)
    for name in sorted(os.listdir(draft.parent), key=lambda name: name == metadata.beside(draft).name):
        os.replace(draft.parent / name, target.parent / name)
