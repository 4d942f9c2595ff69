"""A learner's file as pieces of Python: the code cells of a notebook, or a module. No notebook library is needed."""

import json
from pathlib import Path

from keras_resnet.errors import GradeError


def read(path):
    """The pieces of code in a file: a list of pairs of a label for messages and the source, without IPython's magics.

    Raises:
        GradeError: no such file, or neither a notebook nor Python.
    """
    path = Path(path)
    if path.is_dir():
        raise GradeError(f"{path} holds no notebook (.ipynb) and no module (.py)")
    if path.suffix not in (".ipynb", ".py"):
        raise GradeError(f"{path}: expected a notebook (.ipynb) or a module (.py)")
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise GradeError(f"No such file: {path}") from None
    except (OSError, UnicodeDecodeError) as problem:
        raise GradeError(f"{path} cannot be read: {problem}") from None
    return [(path.name, text)] if path.suffix == ".py" else _cells(path, text)


def _cells(path, text):
    try:
        notebook = json.loads(text)
        cells = notebook["cells"] if "cells" in notebook else [c for sheet in notebook["worksheets"] for c in sheet["cells"]]
        code = [_source(cell) for cell in cells if cell["cell_type"] == "code"]
    except (ValueError, KeyError, TypeError) as problem:
        raise GradeError(f"{path} is no notebook: {type(problem).__name__}: {problem}") from None
    return [(f"cell {number}", _without_magics(source)) for number, source in enumerate(code, start=1)]


def _source(cell):
    source = cell["source"] if "source" in cell else cell["input"]  # the latter before version 4 of the format
    return source if isinstance(source, str) else "".join(source)


def _without_magics(source):
    """The cell with empty lines in place of `%matplotlib inline` and `!ls`; nothing of a cell in another language."""
    if source.lstrip().startswith("%%"):
        return ""
    return "\n".join("" if line.lstrip().startswith(("%", "!")) else line for line in source.split("\n"))
