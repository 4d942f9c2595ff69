"""A learner's file as pieces of Python: the code cells of a notebook, or a module. No notebook library is needed."""

import ast
import json
import re
from pathlib import Path

from keras_resnet.errors import GradeError

# Magics of a whole cell below which Python goes on.
_PYTHON_BELOW = re.compile(r"%%(time|timeit|capture|prun|memit|python3?|skip)\b")
_MAGIC = re.compile(r"\s*[%!?]|.*\?{1,2}\s*$|\s*\w[\w, ]*=\s*[%!]")


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
    return [(path.name, _without_magics(text))] if path.suffix == ".py" else _cells(path, text)


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
    """The cell without IPython's magics such as `%matplotlib inline`, `!ls` and `Conv2D?`; nothing of another language's.

    Only lines that are no Python are taken for magics: a line that goes on with `% (..)` is none.
    """
    if source.lstrip().startswith("%%") and not _PYTHON_BELOW.match(source.lstrip()):
        return ""
    lines = source.split("\n")
    while number := _magic_among(lines):
        indent = re.match(r"\s*", lines[number - 1])[0]
        lines[number - 1] = f"{indent}pass" if indent else ""
    return "\n".join(lines)


def _magic_among(lines):
    """The number of the first line that is no Python, if it is a magic; else 0."""
    try:
        ast.parse("\n".join(lines))
    except SyntaxError as error:
        number = error.lineno or 0
        return number if 0 < number <= len(lines) and _MAGIC.match(lines[number - 1]) else 0
    except ValueError:  # null bytes
        return 0
    return 0
