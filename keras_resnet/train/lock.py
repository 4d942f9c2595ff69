"""One process at a time in a run folder."""

import contextlib
import os

from keras_resnet import locks
from keras_resnet.errors import RunError
from keras_resnet.files import open_own
from keras_resnet.workdir import LOCK


@contextlib.contextmanager
def locked(folder):
    """Holds a run folder, which is made where it is missing, against other processes; without effect on Windows.

    The system lets go of the lock when the process ends, however it ends; a `.lock` that a killed process left behind holds
    nothing.

    Args:
        folder: a `pathlib.Path`.

    Raises:
        RunError: another process holds it; the message names its number.
        OSError: the folder cannot be written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if not locks.known():
        yield
        return
    handle = _take(folder)
    try:
        yield
    finally:
        (folder / LOCK).unlink(missing_ok=True)  # before the lock goes: nobody can have taken this file meanwhile
        os.close(handle)


def _take(folder):
    """The open lock file, locked."""
    path = folder / LOCK
    while True:
        handle = open_own(path, os.O_RDWR, RunError)
        try:
            locks.take(handle, path)
        except BlockingIOError:
            owner = os.read(handle, 20).decode("ascii", "replace").strip()
            os.close(handle)
            process = f"process {owner}" if owner else "another process"
            raise RunError(
                f"{folder} is in use: {process} is training in it; wait for its end, or name another folder with --out"
            ) from None
        except OSError:
            os.close(handle)
            raise
        if _stands(handle, path):
            os.ftruncate(handle, 0)
            os.write(handle, f"{os.getpid()}\n".encode())
            return handle
        os.close(handle)  # its owner removed it between our opening and our locking it


def _stands(handle, path):
    """Whether the open file is the one of that name."""
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path))
    except FileNotFoundError:
        return False
