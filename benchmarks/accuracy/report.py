"""The results of the accuracy benchmark for a reader: tables and pictures."""

from pathlib import Path

from benchmarks.accuracy.contestants import GROUPS
from benchmarks.accuracy.results import TARGETS, read, read_curve, summarize
from benchmarks.errors import BenchError
from keras_resnet.evaluate.drawing import BLUE, FAINT, INK, ORANGE, new_figure, style, write

# Group -> its picture. The contestants of the ablation are too many for one.
PICTURES = {"main": "accuracy.png", "few": "few.png"}

_COLORS = (BLUE, ORANGE, "#2f855a", "#805ad5")
_TOP = 0.9  # where the second panel begins
_LOG_SPAN = 4  # from this ratio of the longest to the shortest run on, minutes are drawn on a logarithmic axis


def report(out):
    """What the results of a folder come to, with the pictures drawn.

    Args:
        out: the folder.

    Returns:
        A dict of plain values: ``groups``, by name the dict of `summarize`; ``pictures``, paths by group; ``results``, all
        rows.

    Raises:
        BenchError: nothing was measured there.
    """
    rows = read(out)
    if not rows:
        raise BenchError(f"No results in {out}; `python -m benchmarks accuracy --data SET --out {out}` measures them")
    by_group = {group: [row for row in rows if row["group"] == group] for group in GROUPS}
    by_group = {group: _in_order(group, found) for group, found in by_group.items() if found}
    pictures = {
        group: str(draw(found, out, Path(out) / PICTURES[group])) for group, found in by_group.items() if group in PICTURES
    }
    summaries = {group: summarize(found, GROUPS[group].baseline) for group, found in by_group.items()}
    return {"groups": summaries, "pictures": pictures, "results": rows}


def _in_order(group, rows):
    """The rows in the order of the table of contestants."""
    place = {name: number for number, name in enumerate(GROUPS[group].contestants)}
    return sorted(rows, key=lambda row: place.get(row["contestant"], len(place)))


def tables(reported):
    """The result of `report` as lines of text: a table for each group."""
    blocks = []
    for group, summaries in reported["groups"].items():
        rows = [row for row in reported["results"] if row["group"] == group]
        columns = {**_START, **_COLUMNS[group]}
        cells = [list(columns), *([form(name, summary) for form in columns.values()] for name, summary in summaries.items())]
        widths = [max(len(line[place]) for line in cells) for place in range(len(columns))]
        lines = ["  ".join(_padded(line, widths)).rstrip() for line in cells]
        blocks.append("\n".join([_title(group, summaries, rows), "", *lines, "", *_NOTES[group]]))
    machines = sorted({f"{row['machine']}; {row['versions']}" for row in reported["results"]})
    pictures = [f"Picture: {path}" for path in reported["pictures"].values()]
    return "\n\n".join([*blocks, "\n".join([*machines, *pictures])])


def _padded(line, widths):
    return [line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True))]


def _title(group, summaries, rows):
    epochs, sizes, images = (sorted({str(row[key]) for row in rows}) for key in ("epochs", "size", "images"))
    models = dict.fromkeys(summary["model"] for summary in summaries.values())
    return (
        f"{group}: {', '.join(models)}; {' and '.join(epochs)} epochs, images {' and '.join(sizes)}, "
        f"{' and '.join(images)} test images; accuracy in percent after the last epoch"
    )


def _percent(value):
    return "-" if value is None else f"{100 * value:.2f}"


def _range(pair, sign=""):
    return "-" if pair is None else " to ".join(f"{100 * value:{sign}.2f}" for value in pair)


def _reached(target):
    def form(name, summary):
        found, runs = summary[f"to_{target}"], len(summary["seeds"])
        if found["minutes"] is None:
            return f"not in {found['not_within']:.1f}"
        return f"{found['minutes']:.1f}" + (f" ({found['reached']} of {runs})" if found["reached"] < runs else "")

    return form


def _times(target):
    def form(name, summary):
        found = (summary["against"] or {}).get(f"times_{target}")
        return "-" if found is None else f"{'> ' if found['at_least'] else ''}{found['times']:.1f}"

    return form


def _against(key, form):
    """A column of the comparison with the baseline."""
    return lambda name, summary: "-" if (summary["against"] or {}).get(key) is None else form(summary["against"][key])


def _difference(value):
    return f"{100 * value:+.2f}"


def _value(key, form=_percent):
    return lambda name, summary: form(summary[key])


def _seeds(seeds):
    return ",".join(map(str, seeds))


def _minutes(value):
    return f"{value:.1f}"


# Title -> text of a contestant's name and summary.
_START = {"contestant": lambda name, summary: name, "seeds": _value("seeds", _seeds)}
_TEST = {"accuracy": _value("accuracy"), "lowest": _value("lowest"), "highest": _value("highest")}
_AGAINST = {
    "difference": _against("difference", _difference),
    "95 %": _against("interval", lambda pair: _range(pair, "+")),
}
_COLUMNS = {
    "main": {
        **_TEST,
        "95 % of mean": _value("interval", _range),
        "95 % pooled": _value("pooled", _range),
        "minutes": _value("minutes", _minutes),
        **{f"to {target} %": _reached(target) for target in TARGETS},
        **{f"times stock, {target} %": _times(target) for target in TARGETS},
    },
    "ablation": {
        "validation": _value("validation_accuracy"),
        "difference": _against("validation_difference", _difference),
        "95 %": _against("validation_interval", lambda pair: _range(pair, "+")),
        "loss": _value("validation_loss", lambda value: "-" if value is None else f"{value:.4f}"),
        "test": _value("accuracy"),
        "test difference": _against("difference", _difference),
        "minutes": _value("minutes", _minutes),
    },
    "few": {
        **_TEST,
        "95 % of mean": _value("interval", _range),
        **_AGAINST,
        "validation": _value("validation_accuracy"),
        "minutes": _value("minutes", _minutes),
    },
}
_MEAN = "95 % of mean: Student's t over the seeds; 95 % pooled: Wilson, all seeds' images taken as independent."
_PAIRED = "Differences: percentage points, mean over the seeds run with both, with their 95 % interval (Student's t)."
_NOTES = {
    "main": (
        _MEAN,
        "minutes: median of whole runs, without the looks at the test images between epochs; to 98 %, 99 %: to the first epoch",
        "with as many of the test images right, median; not in N: the median run did not get there, and the shortest that did",
        "not took N minutes.",
    ),
    "ablation": (
        f"{_PAIRED} Against: recipe.",
        "Choices are made by the validation images; the test images stand beside them.",
    ),
    "few": (f"{_PAIRED} Against: few-scratch.", _MEAN.partition(";")[0] + "."),
}


def draw(rows, out, path):
    """Draws test accuracy over minutes of training, a line a run: all of it, and the part above 90 %.

    Args:
        rows: of the results, those of one group.
        out: the folder, for the curves.
        path: the PNG to write.

    Returns:
        `path`.
    """
    lows = (0, _TOP) if max(row["accuracy"] for row in rows) > _TOP else (0,)
    figure = new_figure(5.7 * len(lows), 4.6)
    panels = figure.subplots(1, len(lows), squeeze=False)[0]
    names = list(dict.fromkeys(row["contestant"] for row in rows))
    for axes, low in zip(panels, lows, strict=True):
        labelled = set()
        for row in rows:
            name = row["contestant"]
            color = _COLORS[names.index(name) % len(_COLORS)]
            _draw_run(axes, read_curve(out, name, row["seed"]), color, None if name in labelled else name, low=low)
            labelled.add(name)
        _finish_panel(axes, rows, low)
    if panels[0].get_legend_handles_labels()[0]:
        panels[0].legend(frameon=False, fontsize=9, labelcolor=INK, loc="best")
    return write(figure, path)


def _draw_run(axes, curve, color, label, *, low):
    if not curve:  # its file was taken away; the table has the run
        return
    minutes = [point["minutes"] for point in curve]
    accuracy = [point["right"] / point["images"] for point in curve]
    axes.plot(minutes, accuracy, color=color, linewidth=1.3, alpha=0.85, label=label)
    if accuracy[-1] >= low:
        axes.plot(minutes[-1], accuracy[-1], color=color, marker="o", markersize=5, clip_on=False, zorder=3)


def _finish_panel(axes, rows, low):
    from matplotlib.ticker import LogLocator, NullFormatter, PercentFormatter, StrMethodFormatter

    longest = [row["minutes"] for row in rows]
    if max(longest) > _LOG_SPAN * min(longest):
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
    else:
        axes.set_xlim(left=0)
    for target, place in zip(TARGETS, ("top", "bottom"), strict=True):
        axes.axhline(target / 100, color=INK, linestyle=(0, (5, 3)), linewidth=0.9, zorder=1)
        beside = {"transform": axes.get_yaxis_transform(), "va": "center" if low else place}
        axes.text(1.01, target / 100, f"{target} %", color=INK, fontsize=8, **beside)
    axes.set_ylim(low, 1.0)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
    axes.set_xlabel("Minutes of training", color=FAINT, fontsize=9)
    axes.set_title("Above 90 %" if low else "Test accuracy", loc="left", color=INK, fontsize=11, fontweight="bold")
    style(axes)
