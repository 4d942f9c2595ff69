"""The run folder: what stands where in it, and reading and writing its record, `run.json`.

run.json        recipe, data fingerprint, versions, seed, class names, preprocessing, results
model.keras     the trained network with its scaling in front: takes raw pixels
weights.h5      its weights in the layout that Keras 1 and 2 read; loads into the bare network
images.npz      by what the run's images are recognised: see `data.recognition`
log.csv         a line an epoch: loss and accuracy in training and validation; images_per_second, of the median step;
                learning_rate; seconds, of the epoch; waiting, the share of its time without a batch to work on
curves.png  confusion.png  mistakes.png  report.html
checkpoint/     what resuming needs: the states after the last two epochs
.lock           while a process trains in the folder: its number
tensorboard/    where it was asked for
"""

import json
from pathlib import Path

from keras_resnet.errors import RunError
from keras_resnet.files import leftovers, whole

LOCK, IMAGES = ".lock", "images.npz"


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
        """Whether there is nothing at the path, or a folder with nothing but traces of a process that was killed."""
        if not self.path.is_dir():
            return not self.path.exists()
        traces = {self.path / LOCK, *leftovers(self.path)}
        return all(file in traces for file in self.path.iterdir())

    def tidy(self):
        """Removes what a process that was killed had not written to the end. Only for one that holds the lock."""
        for folder in (self.path, self.path / "checkpoint"):
            for file in leftovers(folder):
                file.unlink()

    def read(self):
        """The record as a dict. Raises RunError where there is none."""
        file = self.path / "run.json"
        if not self.path.is_dir():
            raise RunError(f"No run folder at {self.path}; `keras-resnet train --data SET --out {self.path}` makes one")
        try:
            return json.loads(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise RunError(f"{self.path} is not a run folder: it has no run.json") from None
        except json.JSONDecodeError as problem:
            raise RunError(f"{file} is not readable as JSON: {problem}") from None

    def write(self, record):
        """Replaces the record, whole or not at all."""
        with whole(self.path / "run.json") as temporary:
            temporary.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")

    def load_model(self):
        """The trained `keras.Model`, not compiled; takes images uint8 or float `(N, H, W, 3)`, 0 to 255."""
        import keras

        file = self.path / "model.keras"
        self.read()
        if not file.exists():
            raise RunError(f"{self.path} holds no trained model yet: {file} is missing; go on with --resume")
        return keras.models.load_model(file, compile=False)
