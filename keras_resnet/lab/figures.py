"""What the figures of the experiments share: panels, lines with their spread over the seeds, bars."""

import numpy as np

from keras_resnet.evaluate import drawing
from keras_resnet.evaluate.drawing import FAINT, INK

# Okabe and Ito 2008, "Color universal design", without their yellow, which is faint on white.
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")
WIDTHS = (3.0, 2.3, 1.7, 1.1)  # points: a line that lies on an earlier one does not hide it
DASHES = ("-", (0, (4, 2)), (0, (1, 1.5)))


_HEIGHT = 3.2  # inches of a panel without its legend
_DECADES = 2  # a logarithmic axis of fewer has its numbers written out


def panels(count, *, width=3.6, share=False):
    """A figure of panels side by side: `(figure, list of axes)`; ``share`` gives them one vertical scale."""
    figure = drawing.new_figure(width * count + 0.4, _HEIGHT)
    axes = figure.subplots(1, count, sharey=share, squeeze=False)[0]
    return figure, list(axes)


def finish(axes, title, fact, across, up, *, log=False, legend=True):
    """Title, axis labels and grid of one panel, and below it the legend, where no line can run through it."""
    drawing.style(axes)
    drawing.title(axes, title, fact)
    axes.set_xlabel(across, color=FAINT, fontsize=9)
    axes.set_ylabel(up, color=FAINT, fontsize=9)
    if log:
        drawing.log_axis(axes, decades=_DECADES)
    if legend:
        figure, taken = axes.figure, drawing.legend_below(axes)
        figure.set_figheight(max(figure.get_figheight(), _HEIGHT + taken))


def band(axes, x, series, label, number=0, *, dash=0, marker=None):
    """A line of the means over the seeds, and behind it a band from the lowest to the highest.

    Args:
        axes: to draw on.
        x: `(T,)`.
        series: a list of `(T,)`, one a seed.
        label: in the legend.
        number: of the colour; ``dash``: of the dash.
        marker: of the points, or None.
    """
    series, color = np.asarray(series, dtype=float), COLORS[number % len(COLORS)]
    width = WIDTHS[min(number, len(WIDTHS) - 1)]
    style = {"color": color, "linestyle": DASHES[dash], "linewidth": width, "marker": marker, "markersize": 2.5 + width}
    axes.plot(x, series.mean(axis=0), label=label, **style)
    if len(series) > 1:
        axes.fill_between(x, series.min(axis=0), series.max(axis=0), color=color, alpha=0.18, linewidth=0)


def bars(axes, labels, series, number=0, *, offset=0.0, width=0.6, label=None, form="{:.3g}"):
    """Bars of the means over the seeds with their values written out, a thin line from the lowest to the highest.

    Args:
        axes: to draw on.
        labels: under the bars, `k` of them.
        series: a list of `(k,)`, one a seed.
        number: of the colour.
        offset, width: of a bar, in units of their distance.
        label: in the legend, or None.
        form: how a value is written.
    """
    series = np.asarray(series, dtype=float)
    means, places = series.mean(axis=0), np.arange(len(labels)) + offset
    axes.bar(places, means, width, color=COLORS[number % len(COLORS)], label=label)
    if len(series) > 1:
        axes.vlines(places, series.min(axis=0), series.max(axis=0), color=INK, linewidth=1)
    tops = series.max(axis=0)
    for place, mean, top in zip(places, means, tops, strict=True):
        axes.annotate(
            form.format(mean), (place, max(top, 0)), (0, 2), textcoords="offset points", ha="center", fontsize=7, color=INK
        )
    axes.margins(y=0.12)
    axes.set_xticks(np.arange(len(labels)), labels)


def of(result, *keys):
    """A value of each seed: ``of(result, "errors", "plain20")`` is a list, one entry a seed."""
    found = []
    for values in result.values:
        for key in keys:
            values = values[key]
        found.append(values)
    return found
