"""Which photographs belong together: a CSV file with the columns `file` and `group`."""

import csv
import unicodedata

import numpy as np

from keras_resnet.data.listing import listed, natural
from keras_resnet.errors import DataError
from keras_resnet.files import irregular


def read_groups(path, names):
    """For each photo in ``names`` its group, int64 `(N,)`, numbered in natural order; and the rows without a photo."""
    group_of, keys = read_rows(path), [key(name) for name in names]
    missing = [name for name, found in zip(names, keys, strict=True) if found not in group_of]
    if missing:
        raise DataError(
            f"{path} has no row for {len(missing):,} of {len(names):,} photographs: {listed(missing)}; "
            f"expected paths like {names[0].rpartition('/')[0]}/name.jpg in the column file"
        )
    extra = tuple(sorted(set(group_of) - set(keys), key=natural))
    ranks = {group: rank for rank, group in enumerate(sorted({group_of[found] for found in keys}, key=natural))}
    return np.array([ranks[group_of[found]] for found in keys], np.int64), extra


def key(name: str) -> str:
    """A photograph's path as the rows are looked up by it, whichever system wrote the table and whichever has the photographs.

    Windows has backslashes between folders; macOS hands on names with their accents as letters of their own (NFD), where other
    systems have one letter for both (NFC).
    """
    return unicodedata.normalize("NFC", name.strip().replace("\\", "/")).removeprefix("./")


def read_rows(path):
    """Photograph, by its `key`, -> group, both str.

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
        file, group = key(row["file"] or ""), (row["group"] or "").strip()
        if not group or group_of.setdefault(file, group) != group:
            fault = f"two groups, {group_of[file]} and {group}" if group else "no group"
            raise DataError(f"{path} gives {file} {fault}; expected one group for each file")
    return group_of
