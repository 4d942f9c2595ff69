"""The log of a training run, a line an epoch, as columns."""

import csv
import math
from pathlib import Path

from keras_resnet.errors import DataError
from keras_resnet.files import describe


def read_log(path, needed=()):
    """A CSV log, as Keras's `CSVLogger` writes it, as a dict of columns.

    Args:
        path: the file; its first line names the columns. An empty cell, ``NA`` (Keras, for a value that an epoch lacks)
            and the cells that a cut-off last line lacks become NaN.
        needed: columns that must be there.

    Returns:
        Dict of column name -> list of floats, all of one length: the number of epochs.

    Raises:
        DataError: the file is missing or empty, is no text, lacks a column, or a cell is not a number.
    """
    path = Path(path)
    if not path.exists():
        raise DataError(f"No such file: {path}; expected the CSV log of a training run")
    if not path.is_file():
        raise DataError(f"{path} is {describe(path)}; expected the CSV log of a training run")
    try:
        return _columns(path, needed)
    except (OSError, UnicodeDecodeError, csv.Error) as problem:
        raise DataError(f"{path} cannot be read as the CSV log of a training run: {problem}") from None


def _columns(path, needed):
    with open(path, newline="", encoding="utf-8") as stream:
        reader = csv.DictReader(stream, restval="")
        log = {name: [] for name in reader.fieldnames or ()}
        if not log:
            raise DataError(f"{path} is empty; expected the CSV log of a training run")
        missing = [name for name in needed if name not in log]
        if missing:
            raise DataError(f"{path} has no column {missing[0]}; expected the log of a training run")
        for row in reader:
            for name, cell in row.items():
                _append(log, name, cell, f"{path}, line {reader.line_num}")
    return log


def _append(log, name, cell, where):
    if name is None:
        raise DataError(f"{where}: {len(log) + len(cell)} cells; expected {len(log)}, one a column")
    try:
        log[name].append(math.nan if cell.strip() in ("", "NA") else float(cell))
    except ValueError:
        raise DataError(f"{where}: {name} is {cell!r}; expected a number") from None
