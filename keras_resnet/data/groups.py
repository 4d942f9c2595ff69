"""Which photographs belong together: a CSV file with the columns `file` and `group`."""

import csv

import numpy as np

from keras_resnet.data.listing import listed, natural
from keras_resnet.errors import DataError
from keras_resnet.files import irregular


def read_groups(path, names):
    """For each photo in ``names`` its group, int64 `(N,)`, numbered in natural order; and the rows without a photo."""
    group_of = read_rows(path)
    missing = [name for name in names if name not in group_of]
    if missing:
        raise DataError(
            f"{path} has no row for {len(missing):,} of {len(names):,} photographs: {listed(missing)}; "
            f"expected paths like {names[0].rpartition('/')[0]}/name.jpg in the column file"
        )
    extra = tuple(sorted(set(group_of) - set(names), key=natural))
    ranks = {group: rank for rank, group in enumerate(sorted({group_of[name] for name in names}, key=natural))}
    return np.array([ranks[group_of[name]] for name in names], np.int64), extra


def read_rows(path):
    """Photograph -> group, both str, as the file says.

    Raises:
        DataError: the file cannot be read, lacks a column, or gives a photograph no group or two.
    """
    kind = irregular(path)
    if kind:
        raise DataError(f"{path} is {kind}; expected a CSV file")
    try:
        with open(path, newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            columns = reader.fieldnames or []
            rows = list(reader)
    except FileNotFoundError:
        raise DataError(f"No such groups file: {path}") from None
    except (OSError, UnicodeDecodeError, csv.Error) as problem:
        raise DataError(f"{path} cannot be read as a CSV file: {problem}") from None
    if not {"file", "group"} <= set(columns):
        raise DataError(f"{path} has the columns {', '.join(columns) or 'none'}; expected file and group")
    group_of = {}
    for row in rows:
        file, group = (row["file"] or "").strip().removeprefix("./"), (row["group"] or "").strip()
        if not group or group_of.setdefault(file, group) != group:
            fault = f"two groups, {group_of[file]} and {group}" if group else "no group"
            raise DataError(f"{path} gives {file} {fault}; expected one group for each file")
    return group_of
