"""What every command shares: the ``--json`` and ``--debug`` flags, and how results, progress and warnings are printed.

Whatever is printed passes here, and has the control characters escaped that files, names of classes or servers may bring.
"""

import contextlib
import logging
import sys
import warnings

from keras_resnet.files import json_text
from keras_resnet.text import columns, fitted, visible

_LONGEST = 40  # columns of a table's first column


def add_common(parser, example):
    """Adds ``--json`` and ``--debug`` to ``parser`` and ends its help with ``example``."""
    parser.add_argument("--json", action="store_true", help="print one JSON value on standard output")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    parser.epilog = f"example:\n  {example}"


def say(text):
    """Progress and warnings: standard error, so that standard output holds the result alone."""
    _print(visible(str(text), keep="\n"), sys.stderr)


def line(text):
    """A line of the result, on standard output."""
    _print(visible(text), sys.stdout)


def result(value, text, as_json):
    """Prints a result on standard output: ``value`` as one JSON value, or ``text``, a str or a list of lines."""
    if not isinstance(text, str):
        text = "\n".join(visible(line) for line in text)
    _print(json_text(value) if as_json else visible(text, keep="\n"), sys.stdout)


def table(header, rows):
    """The lines of a table: the first column to the left, the others to the right; long names without their middle."""
    cells = [[fitted(visible(str(first)), _LONGEST), *map(str, others)] for first, *others in (header, *rows)]
    widths = [max(map(columns, column)) for column in zip(*cells, strict=True)]
    return ["  ".join(_padded(row, widths)).rstrip() for row in cells]


def _padded(row, widths):
    for place, (cell, width) in enumerate(zip(row, widths, strict=True)):
        space = " " * (width - columns(cell))
        yield space + cell if place else cell + space


def _print(text, stream):
    encoding = stream.encoding or "utf-8"  # one that lacks a letter of a name is no reason to end
    try:
        print(text.encode(encoding, "backslashreplace").decode(encoding), file=stream, flush=True)
    except OSError as problem:
        problem.filename = problem.filename or getattr(stream, "name", None)  # of a full disk, for the message
        raise


@contextlib.contextmanager
def notes_shown(level=logging.WARNING):
    """Shows what the package logs from a level on, and what it warns of, as lines on standard error, each warning once."""
    logger, handler = logging.getLogger("keras_resnet"), _Handler()
    before = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(level)
    logger.propagate = False
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _shown_by(warnings.showwarning)
            yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before[0])
        logger.propagate = before[1]


def _shown_by(others):
    """Shows warnings that are meant for users; ``others`` shows those that are meant for programmers."""

    def show(message, category, *place, **more):
        if issubclass(category, UserWarning):
            say(visible(f"warning: {message}"))
        else:
            others(message, category, *place, **more)

    return show


class _Handler(logging.Handler):
    def __init__(self):
        super().__init__()
        self._warned = set()

    def emit(self, record):
        text = record.getMessage()
        if record.levelno < logging.WARNING:
            say(visible(text))
        elif text not in self._warned:
            self._warned.add(text)
            say(visible(f"warning: {text}"))
