"""The results of the accuracy benchmark: their files, and what they come to over the seeds."""

import csv
import math
import statistics
from pathlib import Path

from benchmarks.errors import BenchError
from keras_resnet.files import whole

RESULTS = "results.csv"
TARGETS = (98, 99)  # percent of the test images

# Column -> what its text is read as; a value that is not there is empty, and None.
COLUMNS = {
    "group": str,
    "contestant": str,
    "seed": int,
    "model": str,
    "epochs": int,
    "size": str,
    "accuracy": float,
    "low": float,
    "high": float,
    "right": int,
    "images": int,
    "minutes": float,
    "minutes_to_98": float,
    "minutes_to_99": float,
    "images_per_second": float,
    "trained_on": int,
    "validation_accuracy": float,
    "validation_loss": float,
    "onednn": str,
    "date": str,
    "machine": str,
    "versions": str,
    "set": str,
    "settings": str,
}
_CURVE = {"epoch": str, "minutes": float, "right": int, "images": int}

# 97.5 % quantiles of Student's t distribution for 1, 2 .. 10 degrees of freedom: NIST/SEMATECH e-Handbook of Statistical
# Methods, section 1.3.6.7.2. With more, the expansion of Abramowitz and Stegun 1964, 26.7.5, is right to three decimals.
_STUDENT = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)
_NORMAL = 1.959964


def read(out):
    """The rows of a folder's results, a list of dicts by column; none where nothing was measured yet.

    Raises:
        BenchError: the file is damaged, or another one.
    """
    return _read(Path(out) / RESULTS, COLUMNS)


def append(out, row):
    """Adds a row. The file is replaced, whole or not at all.

    Args:
        out: the folder.
        row: dict by column, without accuracy and interval; more than the columns does no harm.
    """
    from keras_resnet.evaluate.metrics import wilson_interval

    low, high = wilson_interval(row["right"], row["images"])
    row = {**row, "accuracy": row["right"] / row["images"], "low": low, "high": high}
    _write(Path(out) / RESULTS, COLUMNS, [*read(out), row])


def read_curve(out, contestant, seed):
    """The curve of a run: a list of dicts of ``epoch`` (text), ``minutes``, ``right`` and ``images``; empty without a file."""
    return _read(Path(out) / "curves" / f"{contestant}-{seed}.csv", _CURVE)


def write_curve(path, rows):
    """Writes a curve, dicts as in `read_curve`."""
    _write(path, _CURVE, rows)


def minutes_to(rows, share):
    """Minutes at the first row of a curve with at least this share of the test images right; None without one."""
    return next((row["minutes"] for row in rows if row["right"] >= share * row["images"]), None)


def _read(path, columns):
    if not path.exists():
        return []
    with open(path, newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    try:
        return [{name: kind(row[name]) if row[name] != "" else None for name, kind in columns.items()} for row in rows]
    except (KeyError, TypeError, ValueError):
        raise BenchError(f"{path} is not what this command wrote: expected the columns {', '.join(columns)}") from None


def _write(path, columns, rows):
    with whole(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(columns), restval="", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)


def summarize(rows, baseline):
    """What the runs of a group come to, by contestant.

    Args:
        rows: of the results, those of one group.
        baseline: the contestant that the others are compared with.

    Returns:
        A dict by contestant of dicts of plain values: ``seeds``, ``model``, ``epochs``, ``size``, ``trained_on``;
        ``accuracy``, the mean on the test images, 0 to 1, with ``lowest``, ``highest``, ``interval`` (95 %, of the mean over
        seeds, Student's t, cut at 0 and 1; None with one seed) and ``pooled`` (95 %, Wilson, over the images of all seeds as
        if they were independent); ``validation_accuracy`` and ``validation_loss``, means; ``minutes`` and
        ``images_per_second``, medians; ``to_98`` and ``to_99``, see `reach`; ``against``, see `compare`, None for the
        baseline and where no seed was run by both.
    """
    from keras_resnet.evaluate.metrics import wilson_interval

    found = {}
    for name in dict.fromkeys(row["contestant"] for row in rows):
        own = sorted((row for row in rows if row["contestant"] == name), key=lambda row: row["seed"])
        accuracies = [row["accuracy"] for row in own]
        found[name] = {
            **{key: own[0][key] for key in ("model", "epochs", "size", "trained_on")},
            "seeds": [row["seed"] for row in own],
            "accuracy": statistics.fmean(accuracies),
            "lowest": min(accuracies),
            "highest": max(accuracies),
            "interval": mean_interval(accuracies, 0, 1),
            "pooled": list(wilson_interval(sum(row["right"] for row in own), sum(row["images"] for row in own))),
            **{key: _mean(own, key) for key in ("validation_accuracy", "validation_loss")},
            "minutes": statistics.median(row["minutes"] for row in own),
            "images_per_second": _median(own, "images_per_second"),
            **{f"to_{target}": reach(own, target) for target in TARGETS},
        }
    for name, summary in found.items():
        summary["against"] = None if name == baseline else compare(rows, name, baseline, found)
    return found


def reach(rows, target):
    """How long the runs of a contestant took to an accuracy.

    Args:
        rows: of one contestant.
        target: percent, 98 or 99.

    Returns:
        A dict: ``minutes``, the median over the runs, None where that is a run that did not get there; ``reached``, how many
        runs did; ``not_within``, the minutes of the shortest run that did not, None where all did.
    """
    times = [row[f"minutes_to_{target}"] for row in rows]
    median = statistics.median(math.inf if minutes is None else minutes for minutes in times)
    missed = [row["minutes"] for row, minutes in zip(rows, times, strict=True) if minutes is None]
    return {
        "minutes": median if math.isfinite(median) else None,
        "reached": len(rows) - len(missed),
        "not_within": min(missed, default=None),
    }


def compare(rows, name, baseline, summaries):
    """A contestant against the baseline.

    Args:
        rows: of the results.
        name, baseline: two contestants.
        summaries: as `summarize` returns them.

    Returns:
        A dict: ``difference`` and ``validation_difference``, mean of (its accuracy less the baseline's) over the seeds that
        both were run with, and ``interval``, ``validation_interval``, 95 % of these means; ``times_98`` and ``times_99``: how
        many times as fast it gets there, `{"times": .., "at_least": bool}`, at least so where the baseline's median run
        does not get there; None where its own does not. None where they share no seed.
    """
    by_name = [{row["seed"]: row for row in rows if row["contestant"] == each} for each in (name, baseline)]
    pairs = [(row, by_name[1][seed]) for seed, row in by_name[0].items() if seed in by_name[1]]
    if not pairs:
        return None
    found = {}
    for prefix in ("", "validation_"):
        key = f"{prefix}accuracy"
        values = [one[key] - other[key] for one, other in pairs if None not in (one[key], other[key])]
        found[f"{prefix}difference"] = statistics.fmean(values) if values else None
        found[f"{prefix}interval"] = mean_interval(values)
    for target in TARGETS:
        found[f"times_{target}"] = _times(*(summaries[each][f"to_{target}"] for each in (name, baseline)))
    return found


def _times(own, other):
    theirs = other["minutes"] or other["not_within"]
    if own["minutes"] is None:
        return None
    return {"times": theirs / own["minutes"], "at_least": other["minutes"] is None}


def mean_interval(values, least=-math.inf, most=math.inf):
    """The 95 % interval of a mean by Student's t, `[low, high]` cut at the bounds; None of less than two values."""
    if len(values) < 2:
        return None
    mean, margin = statistics.fmean(values), student(len(values) - 1) * statistics.stdev(values) / math.sqrt(len(values))
    return [max(least, mean - margin), min(most, mean + margin)]


def student(freedom):
    """The 97.5 % quantile of Student's t distribution with 1 or more degrees of freedom."""
    if freedom <= len(_STUDENT):
        return _STUDENT[freedom - 1]
    z, n = _NORMAL, freedom
    cubic = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * n**3)
    return z + (z**3 + z) / (4 * n) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * n**2) + cubic


def _mean(rows, key):
    values = [row[key] for row in rows if row[key] is not None]
    return statistics.fmean(values) if values else None


def _median(rows, key):
    values = [row[key] for row in rows if row[key] is not None]
    return statistics.median(values) if values else None
