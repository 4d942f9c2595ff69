"""Whether the arguments of loading and writing are of the right kind, in the right order: said before anything is done."""

import os

from keras_resnet.errors import WeightsError


def check_model_and_path(call, model, path):
    """Refuses what is no model, or no path.

    Raises:
        WeightsError: says what was received, and in which order the two are expected.
    """
    if not hasattr(model, "layers") or not _is_path(path):
        raise WeightsError(f"{call}: expected a keras.Model first and a path second, received {_said(model)} and {_said(path)}")
    _check_not_empty(path)


def check_paths(call, source, target):
    """As `check_model_and_path`, for a file that is read and one that is written."""
    if not (_is_path(source) and _is_path(target)):
        raise WeightsError(
            f"{call}: expected the path of a weight file first and that of the new file second, received {_said(source)} and "
            f"{_said(target)}"
        )
    _check_not_empty(source)
    _check_not_empty(target)


def check_path(path):
    """Refuses what is no path of a file that could be read.

    Raises:
        WeightsError: says what was received.
    """
    if not _is_path(path):
        raise WeightsError(f"expected the path of a weight file, received {_said(path)}")
    _check_not_empty(path)


def check_names_a_file(path):
    """Refuses the path of a new file that ends as a folder's does.

    Raises:
        WeightsError: says so.
    """
    if os.fspath(path).endswith(("/", os.sep)):
        raise WeightsError(f"{path} names a folder, for it ends in a slash; expected the path of a file")


def _is_path(value):
    return isinstance(value, str) or isinstance(value, os.PathLike) and isinstance(os.fspath(value), str)


def _check_not_empty(path):
    if not os.fspath(path):
        raise WeightsError("the path is empty; expected the path of a weight file")


def _said(value):
    """A value in a few words."""
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    text = repr(value) if value is None or isinstance(value, str | bytes | int | float) else f"a {type(value).__name__}"
    return " ".join(text.split()) if len(text) <= 80 else f"{text[:77]}.."
