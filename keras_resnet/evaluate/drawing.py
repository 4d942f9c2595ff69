"""The look that all pictures share: colours, sizes, and the drawing of axes, titles and files."""

import math
import warnings
from pathlib import Path

import numpy as np

from keras_resnet import files, fonts

DPI = 144
INK, FAINT, GRID = "#22272e", "#69727d", "#e3e6ea"
NEUTRAL = "#757d87"  # of letters on a clear figure: a contrast of 4 with white and with the dark page
# Training and right; validation and wrong. Blue and orange are told apart by every kind of colour vision.
BLUE, ORANGE = "#2b6cb0", "#d9691e"
LOG_SPAN = 20  # a loss whose largest value is this many times its smallest is drawn on a logarithmic axis
LONG_LABEL = 18  # characters of a legend's label, from which on it has a row for itself
NAME_LENGTH = 18  # characters of a class name that are drawn


def new_figure(width, height, clear=False):
    """An empty figure of a size in inches, on white; or on nothing, for photographs, which stand on light and dark pages."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained", facecolor="none" if clear else "white")
    FigureCanvasAgg(figure)
    return figure


def is_clear(image):
    """Whether an image of Pillow lets the page through anywhere."""
    return image.convert("RGBA").getchannel("A").getextrema()[0] < 255


def write(figure, path):
    """Writes a figure as a PNG, whole or not at all; returns the path."""
    path = Path(path)
    _give_fonts(figure)
    with files.whole(path) as temporary, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # `fonts` has said so
        figure.savefig(temporary, format="png", dpi=DPI, bbox_inches="tight", pad_inches=0.12)
    return path


def _give_fonts(figure):
    """Lets the texts of a figure use further fonts where theirs lacks letters."""
    import matplotlib
    from matplotlib import font_manager
    from matplotlib.text import Text

    texts = figure.findobj(Text)
    letters = frozenset("".join(text.get_text() for text in texts))
    shaped = int(matplotlib.__version__.split(".")[0]) > 3 or int(matplotlib.__version__.split(".")[1]) > 10
    fonts.tell_of_order(letters, shaped, f"Matplotlib {matplotlib.__version__}")
    found = fonts.others(letters, font_manager.findfont(font_manager.FontProperties()))
    for file in found:
        font_manager.fontManager.addfont(file)
    names = [font_manager.get_font(file).family_name for file in found]
    for text in texts if names else ():
        text.set_fontfamily([*text.get_fontfamily(), *names])


def style(axes):
    """Gives axes the look of all: light grid, no box."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GRID)
    axes.grid(color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(which="both", colors=FAINT, labelsize=9, length=0)


def epoch_axis(axes, epochs):
    """Whole epochs along the horizontal axis; ``epochs`` is the array that is drawn over, at least one."""
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    margin = max(0.02 * (epochs[-1] - epochs[0]), 0.3)
    axes.set_xlim(epochs.min() - margin, epochs.max() + margin)
    axes.set_xlabel("Epoch", color=FAINT, fontsize=9)


def loss_axis(axes, values):
    """The vertical axis of losses, an array of those drawn, NaN among them or not; returns whether it is logarithmic."""
    values = values[np.isfinite(values)]
    logarithmic = bool(len(values)) and values.min() > 0 and values.max() > LOG_SPAN * values.min()
    if logarithmic:
        log_axis(axes)
    elif len(values):
        axes.set_ylim(min(0, values.min()), 1.08 * values.max() or 1)
    return logarithmic


def log_axis(axes, decades=math.inf):
    """Makes the vertical axis of what is drawn logarithmic; with its numbers written out where it has fewer decades."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    axes.set_yscale("log")
    low, high = axes.get_ylim()
    if high < low * 10**decades:
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())


def legend_below(axes, columns=None):
    """A legend below axes, where no line can run through it; returns the inches of height that it takes.

    Args:
        axes: whose lines have labels.
        columns: None for two, or for one where a label is long.
    """
    from matplotlib.transforms import ScaledTranslation

    labels = axes.get_legend_handles_labels()[1]
    columns = columns or (1 if max(map(len, labels)) > LONG_LABEL else 2)
    below = axes.transAxes + ScaledTranslation(0, -34 / 72, axes.figure.dpi_scale_trans)  # behind numbers and axis label
    style = {"frameon": False, "fontsize": 8, "labelcolor": INK, "borderaxespad": 0, "handlelength": 2.8}
    axes.legend(loc="upper left", bbox_to_anchor=(0, 0), bbox_transform=below, ncols=columns, **style)
    return 0.18 * math.ceil(len(labels) / columns)


def title(axes, name, fact):
    """A bold name above the axes, and under it a fact about what they show."""
    axes.set_title(f"{name}\n", loc="left", color=INK, fontsize=11, fontweight="bold")
    axes.text(0, 1.03, fact, transform=axes.transAxes, color=FAINT, fontsize=9)


def marker(epochs):
    """Points where there are few epochs, a bare line otherwise."""
    return "o" if len(epochs) <= 12 else None


def short(name):
    """A name as far as there is room for it."""
    return name if len(name) <= NAME_LENGTH else name[: NAME_LENGTH - 1] + "…"
