"""The state of a run between two epochs, in a file: weights, statistics, and whatever the optimiser keeps between steps.

A checkpoint is NumPy's archive of arrays, a member for each variable with a checksum of its own, so that damage is noticed
wherever it lies. It is written by plain writes: where a disk is full, HDF5's library may end the process.
"""

import zipfile
import zlib

import keras
import numpy as np

from keras_resnet.errors import RunError
from keras_resnet.files import whole

_DAMAGE = (OSError, EOFError, ValueError, KeyError, NotImplementedError, zipfile.BadZipFile, zlib.error)


class Checkpoint(keras.callbacks.Callback):
    """Saves the whole state after each epoch as `epoch-NNNN.npz`; a file appears whole or not at all, and the last two stay.

    Raises, at the end of an epoch:
        RunError: a number of the state is not finite; the checkpoints are as they were.
    """

    def __init__(self, folder):
        super().__init__()
        self.folder = folder

    def on_epoch_end(self, epoch, logs=None):
        state = state_of(self.model)
        bad = next((name for name, array in state.items() if not np.isfinite(array).all()), None)
        if bad:
            raise RunError(
                f"Training stopped after epoch {epoch + 1}: {bad} is not finite, and that epoch was not saved; a lower "
                "--learning-rate, in another folder, may help"
            )
        with whole(self.folder / f"epoch-{epoch + 1:04d}.npz") as temporary:
            np.savez(temporary, **state)
        for old in checkpoints(self.folder)[:-2]:
            old.unlink()


def checkpoints(folder):
    """The checkpoint files in a folder, oldest first."""
    return sorted(folder.glob("epoch-[0-9]*.npz"), key=epochs_of)


def epochs_of(file):
    """How many epochs a checkpoint has behind it, by its name."""
    return int(file.stem.removeprefix("epoch-"))


def restore(model, folder, say):
    """Loads the last checkpoint that is whole, if there is any, into a compiled model.

    Args:
        model: a compiled `keras.Model`.
        folder: of the checkpoints.
        say: told, in a line, of a damaged checkpoint and what is done instead.

    Returns:
        The number of epochs behind the checkpoint; 0 without one.

    Raises:
        RunError: every checkpoint is damaged, or one is of another network; the model is as it was.
    """
    files = checkpoints(folder)
    model.optimizer.build(model.trainable_variables)
    for number, file in reversed(list(enumerate(files))):
        try:
            with np.load(file, allow_pickle=False) as archive:
                state = {name: archive[name] for name in archive.files}
        except _DAMAGE as problem:
            reason = " ".join(str(problem).split())
            if number == 0:
                raise RunError(
                    f"No checkpoint in {folder} can be read; the oldest, {file.name}: {reason}; remove that folder, and "
                    "--resume begins the run anew"
                ) from None
            say(f"The checkpoint {file} is damaged ({reason}); going on from the one before, {files[number - 1].name}")
            continue
        _assign(model, state, file)
        return epochs_of(file)
    return 0


def state_of(model):
    """Every number that a compiled model keeps between steps: dict of part, number and variable's path to its array."""
    return {
        f"{part}/{number}/{variable.path}": keras.ops.convert_to_numpy(variable)
        for part, variables in _parts(model)
        for number, variable in enumerate(variables)
    }


def _parts(model):
    return ("model", model.variables), ("optimizer", model.optimizer.variables)


def _assign(model, state, file):
    """Assigns all arrays of a state, or none. Paths are not compared: Keras counts its optimisers, and names them by that."""
    variables = {f"{part}/{number}": variable for part, those in _parts(model) for number, variable in enumerate(those)}
    arrays = {"/".join(name.split("/")[:2]): array for name, array in state.items()}
    shapes = {name: tuple(variable.shape) for name, variable in variables.items()}
    if shapes != {name: array.shape for name, array in arrays.items()}:
        raise RunError(
            f"The checkpoint {file} is of another network or optimiser than this version makes of the run's settings: expected "
            f"{len(variables)} variables, received {len(state)}, or other shapes; begin in another folder"
        )
    for name, variable in variables.items():
        variable.assign(arrays[name])
