"""Loading the framework without its start-up lines."""

import contextlib
import os
import sys
import tempfile


def load_keras(first_tensor=True):
    """Imports Keras and starts its backend; what they print on standard error appears only where that fails.

    TensorFlow writes several lines there from C++ before any of its own settings can stop it.

    Args:
        first_tensor: whether to start the devices too; not before a process has joined others.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with tempfile.TemporaryFile() as heap:
        try:
            with _standard_error_to(heap):
                import keras

                _leave_tensorflow_out(keras.backend.backend())
                if first_tensor:
                    keras.ops.zeros(1)  # the first tensor starts the devices
        except BaseException:
            heap.seek(0)
            sys.stderr.write(heap.read().decode(errors="replace"))
            raise


def _leave_tensorflow_out(backend):
    """On another backend Keras would load TensorFlow, for seconds, to see whether what it saves is of TensorFlow's types."""
    if backend != "tensorflow":
        with contextlib.suppress(ImportError, AttributeError):  # private names; without them TensorFlow is loaded
            from keras.src.utils.module_utils import tensorflow

            tensorflow._available = False


@contextlib.contextmanager
def standard_output_to_error():
    """What C++ writes to standard output goes to standard error too: Gloo greets its peers there."""
    sys.stdout.flush()
    saved = os.dup(1)
    try:
        os.dup2(2, 1)
        yield
    finally:
        sys.stdout.flush()
        os.dup2(saved, 1)
        os.close(saved)


@contextlib.contextmanager
def _standard_error_to(file):
    sys.stderr.flush()
    saved = os.dup(2)
    try:
        os.dup2(file.fileno(), 2)
        yield
    finally:
        sys.stderr.flush()
        os.dup2(saved, 2)
        os.close(saved)
