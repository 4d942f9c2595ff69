"""The run folder: what stands where in it, and reading and writing its record, `run.json`.

run.json        recipe, data fingerprint, versions, seed, class names, preprocessing, calibration, results
model.keras     the trained network with its scaling in front: takes raw pixels; its logits are divided by the temperature of
                the calibration already, and so are those of weights.h5
weights.h5      its weights in the layout that Keras 1 and 2 read; loads into the bare network
features.npz    the features of training images, these images, small, and how far good images lie from them: see
                `evaluate.feature_space`
images.npz      by what the run's images are recognised: see `data.recognition`
log.csv         a line an epoch: loss (of smoothed labels, where the recipe has such) and accuracy in training and validation;
                images_per_second, of the median step, where there are two; learning_rate; seconds, of the epoch; waiting, the
                share of its time without a batch to work on
curves.png  confusion.png  reliability.png  mistakes.png  report.html
checkpoint/     what resuming needs: the states after the last two epochs
.lock           while a process trains in the folder: its number
tensorboard/    where it was asked for
"""

import json
import re
import zipfile
from pathlib import Path

from keras_resnet.errors import RunError
from keras_resnet.files import describe, is_clutter, json_text, leftovers, open_hdf5, whole
from keras_resnet.text import typed

LOCK, IMAGES, FEATURES = ".lock", "images.npz", "features.npz"
STATUSES = ("running", "trained", "complete")  # training not at its end, or the report missing, or nothing

_CHECKPOINT = re.compile(r"epoch-([0-9]{4,9})\.npz")
_LONGEST = 200  # characters of a framework's message that are repeated


class Workdir:
    """A run folder by its path. Nothing is read or written before it is asked for."""

    def __init__(self, path):
        self.path = Path(path)

    def __truediv__(self, name):
        return self.path / name

    def exists(self):
        """Whether there is a record of a run."""
        return (self.path / "run.json").exists()

    def is_free(self):
        """Whether there is nothing at the path, or a folder with nothing but traces of a killed process or of the system."""
        if not self.path.is_dir():
            return not self.path.exists()
        traces = {self.path / LOCK, *leftovers(self.path)}
        return all(file in traces or is_clutter(file.name) for file in self.path.iterdir())

    def tidy(self):
        """Removes what a process that was killed had not written to the end. Only for one that holds the lock."""
        for folder in (self.path, self.path / "checkpoint"):
            for file in leftovers(folder):
                file.unlink()

    def read(self, *needed):
        """The record as a dict, every known field of its type.

        Args:
            needed: fields that must be there, in dots: ``"recipe.name"``.

        Raises:
            RunError: there is none, or it is damaged.
        """
        file = self.path / "run.json"
        if not self.path.is_dir():
            raise RunError(f"No run folder at {self.path}; `keras-resnet train --data SET --out {self.path}` makes one")
        if not file.is_file():
            kind = describe(file)
            told = "it has no run.json" if kind == "not there" else f"{file} is {kind}, expected the record of a run"
            raise RunError(f"{self.path} is not a run folder: {told}")
        record = _parsed(file)
        fault = _fault(record, needed)
        if fault:
            raise RunError(f"{file} is not the record of a run: {fault}")
        return record

    def write(self, record):
        """Replaces the record, whole or not at all."""
        with whole(self.path / "run.json") as temporary:
            temporary.write_text(json_text(record) + "\n", encoding="utf-8")

    def epochs(self):
        """How many epochs the last checkpoint has behind it; 0 without one."""
        return max(map(epochs_of, checkpoints(self / "checkpoint")), default=0)

    def damage(self):
        """What is wrong with the files of the trained network, in words; None where nothing is."""
        try:
            self._model()
            with open_hdf5(self / "weights.h5", RunError):
                return None
        except RunError as problem:
            return str(problem)

    def load_model(self):
        """The trained `keras.Model`, not compiled; takes images uint8 or float `(N, H, W, 3)`, 0 to 255.

        Raises:
            RunError: there is none; or it is damaged, of another network than the record's, or has weights that are no numbers.
        """
        self.read()
        if not (self / "model.keras").exists():
            raise RunError(f"{self.path} holds no trained model yet: {self / 'model.keras'} is missing; go on with --resume")
        try:
            return self._model()
        except RunError as problem:
            raise RunError(f"{problem}; {self._remedy()}") from None

    def _model(self):
        """The model, or a RunError that says what is wrong with its file."""
        import keras

        file = self / "model.keras"
        kind = describe(file)
        if kind != "a zip archive":
            raise RunError(f"{file} is {kind}, expected a model as Keras saves it")
        if not zipfile.is_zipfile(file):  # of which Keras says that there is no such file
            raise RunError(f"{file} is damaged: it begins as a zip archive and has no end, as one that was cut off")
        try:
            model = keras.models.load_model(file, compile=False)
        except Exception as problem:  # Keras raises nearly every built-in exception on what it did not write
            raise RunError(f"{file} is damaged: {_short(problem)}") from None
        fault = _misfit(model, self.read()) or _not_finite(model)
        if fault:
            raise RunError(f"{file} is damaged: {fault}")
        return model

    def _remedy(self):
        if checkpoints(self / "checkpoint"):
            return f"`keras-resnet train --resume {typed(self.path)}` makes it anew from the last checkpoint"
        return "restore it from a copy, or train again in another folder"


def checkpoints(folder):
    """The checkpoint files in a folder, oldest first; what has another name (a copy, a backup) is none of ours."""
    return sorted((file for file in folder.glob("epoch-*.npz") if _CHECKPOINT.fullmatch(file.name)), key=epochs_of)


def epochs_of(file):
    """How many epochs a checkpoint has behind it, by its name."""
    return int(_CHECKPOINT.fullmatch(file.name)[1])


def _parsed(file):
    """What a record holds, a dict."""
    try:
        record = json.loads(file.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError:
        raise RunError(f"{file} is not text in UTF-8, as records are written; restore it from a copy") from None
    except (ValueError, RecursionError) as problem:
        raise RunError(f"{file} is not readable as JSON: {_short(problem)}; restore it from a copy") from None
    except OSError as problem:
        raise RunError(f"{file} cannot be read: {problem.strerror}") from None
    if not isinstance(record, dict):
        raise RunError(f"{file} is not the record of a run: it holds {_short(json.dumps(record), 40)}, expected an object")
    return record


def _text(value):
    return isinstance(value, str)


def _number(value):
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15  # NaN is not


def _whole(value):
    return isinstance(value, int) and _number(value) and value >= 0


def _share(value):
    return _number(value) and 0 <= value <= 1


def _object(value):
    return isinstance(value, dict)


def _list_of(accepts, length=None):
    return lambda value: isinstance(value, list) and value and length in (None, len(value)) and all(map(accepts, value))


def _or_none(accepts):
    return lambda value: value is None or accepts(value)


# (Whether a value can be, what is expected, the fields of a record.) A field that is missing is fine until it is needed.
_KINDS = (
    (lambda value: value in STATUSES, f"one of {', '.join(STATUSES)}", ("status",)),
    (_text, "a text", ("command", "started_in", "model", "pixels", "recipe.name", "recipe.summary", "weights.path")),
    (_text, "a text", ("data.fingerprint",)),
    (_or_none(_text), "a text or null", ("lineage", "data.path", "data.groups")),
    (_object, "an object", ("recipe", "switches", "data", "data.photos", "result", "result.test", "versions", "numerics")),
    (_or_none(_object), "an object or null", ("weights", "photographs", "calibration")),
    (_whole, "a whole number", ("seed", "processes", "recipe.epochs", "result.epochs", "result.test.images")),
    (_or_none(_whole), "a whole number or null", ("size",)),
    (_number, "a number", ("result.seconds", "result.test.loss", "calibration.temperature")),
    (_or_none(_number), "a number or null", ("result.images_per_second",)),
    (_share, "a number from 0 to 1", ("validation_fraction", "recipe.label_smoothing")),
    (_share, "a number from 0 to 1", ("result.test.accuracy", "result.test.balanced_accuracy")),
    (_list_of(_text), "a list of texts", ("class_names",)),
    (_list_of(_whole, 3), "three whole numbers", ("data.shape", "data.set_shape")),
    (_list_of(_number, 2), "two numbers", ("data.photos.brightness", "data.photos.contrast", "result.test.accuracy_interval")),
)


def _fault(record, needed):
    """What is wrong with a record, in words; None where nothing is."""
    for accepts, expected, fields in _KINDS:
        for field, value in ((field, _get(record, field)) for field in fields):
            if value is not _MISSING and not accepts(value):
                return f"{field} is {_short(json.dumps(value), 40)}, expected {expected}"
    missing = [field for field in needed if _get(record, field) is _MISSING]
    return f"it has no {missing[0]}" if missing else None


_MISSING = object()


def _get(record, field):
    """The value of a field in dots; `_MISSING` where it, or what it stands in, is not there."""
    for name in field.split("."):
        record = record.get(name, _MISSING) if isinstance(record, dict) else _MISSING
    return record


def _misfit(model, record):
    """How a loaded model differs from the network of the record, in words; None where it does not."""
    shape, names = _get(record, "data.shape"), record.get("class_names")
    expected = (None, *shape) if shape is not _MISSING else None, (None, len(names)) if names else None
    for what, wanted in zip(("input_shape", "output_shape"), expected, strict=True):
        found = getattr(model, what, None)
        if wanted is not None and found != wanted:
            return f"its {what} is {found}, and that of the run's network {wanted}"
    return None


def _not_finite(model):
    """The first weights of a model that are not finite, in words; None where all are."""
    import keras
    import numpy as np

    for variable in model.variables:
        values = keras.ops.convert_to_numpy(variable)
        if values.dtype.kind not in "iub" and not np.isfinite(values.astype(np.float32)).all():
            return f"{variable.path} holds values that are no finite numbers, and so would be every answer"
    return None


def _short(problem, length=_LONGEST):
    """A message as one short line."""
    text = " ".join(str(problem).split())
    return text if len(text) <= length else f"{text[: length - 3]}..."
