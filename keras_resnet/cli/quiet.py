"""Loading the framework without its start-up lines."""

import contextlib
import os
import sys
import tempfile


def load_keras():
    """Imports Keras and starts its backend; what they print on standard error appears only where that fails.

    TensorFlow writes several lines there from C++ before any of its own settings can stop it.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with tempfile.TemporaryFile() as heap:
        try:
            with _standard_error_to(heap):
                import keras

                keras.ops.zeros(1)  # the first tensor starts the devices
        except BaseException:
            heap.seek(0)
            sys.stderr.write(heap.read().decode(errors="replace"))
            raise


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
