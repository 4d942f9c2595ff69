"""The state of a run between two epochs, in a file: weights, statistics, and whatever the optimiser keeps between steps.

A checkpoint is NumPy's archive of arrays, a member for each variable with a checksum of its own, so that damage is noticed
wherever it lies. It is written by plain writes: where a disk is full, HDF5's library may end the process.
"""

import contextlib

import keras
import numpy as np

from keras_resnet.errors import KerasResNetError, RunError
from keras_resnet.files import read_arrays, whole
from keras_resnet.workdir import checkpoints, epochs_of


class Checkpoint(keras.callbacks.Callback):
    """Saves the whole state after each epoch as `epoch-NNNN.npz`; a file appears whole or not at all, and the last two stay.

    Args:
        folder: of the checkpoints.
        guard: makes the context in which each is written.

    Raises, at the end of an epoch:
        RunError: a number of the state is not finite; the checkpoints are as they were.
    """

    def __init__(self, folder, guard=contextlib.nullcontext):
        super().__init__()
        self.folder, self.guard = folder, guard

    def on_epoch_end(self, epoch, logs=None):
        state = state_of(self.model)
        bad = first_not_finite(state)
        if bad:
            raise RunError(
                f"Training stopped after epoch {epoch + 1}: {bad} is not finite, and that epoch was not saved; a lower "
                "--learning-rate, in another folder, may help"
            )
        with self.guard():
            self._write(state, epoch + 1)

    def _write(self, state, epochs):
        with whole(self.folder / f"epoch-{epochs:04d}.npz") as temporary:
            np.savez(temporary, **state)
        for old in checkpoints(self.folder)[:-2]:
            if old.is_file():
                old.unlink()


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
            state = _read(file)
        except KerasResNetError as problem:
            if number == 0:
                raise RunError(
                    f"No checkpoint in {folder} can be read; the oldest, {file.name}: {problem}; remove that folder, and "
                    "--resume begins the run anew"
                ) from None
            say(f"The checkpoint {file} is damaged ({problem}); going on from the one before, {files[number - 1].name}")
            continue
        _assign(model, state, file)
        return epochs_of(file)
    return 0


def _read(file):
    """A state from its file; a KerasResNetError says in what it is damaged."""
    state = read_arrays(file)
    texts = [name for name, array in state.items() if array.dtype.kind not in "biuf"]
    if texts or not state:
        raise KerasResNetError(f"{texts[0]} holds no numbers" if texts else "it holds nothing")
    bad = first_not_finite(state)
    if bad:
        raise KerasResNetError(f"{bad} holds values that are not finite")
    return state


def first_not_finite(state):
    """The name of the first array of a state with NaN or infinity in it; None without one."""
    return next((name for name, array in state.items() if not np.isfinite(array).all()), None)


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
