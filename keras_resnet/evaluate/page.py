"""A run as one HTML page: pictures and style are inside the file, so that it opens offline and can be mailed."""

import base64
import math
from html import escape
from os import PathLike
from pathlib import Path

from keras_resnet import files
from keras_resnet.errors import DataError
from keras_resnet.evaluate.drawing import is_clear
from keras_resnet.evaluate.metrics import Scores, percent
from keras_resnet.version import __version__

PIXELS_PER_PIXEL = 1.5  # figures are drawn at 144 dots an inch; a CSS pixel is 1/96 inch
# A figure that is broader than this (CSS pixels) is not shrunk below a share of its size, at which its letters can still be
# read: on a narrow screen it is moved sideways.
_BROAD, _LEAST = 640, 0.8

# Name of a figure -> heading and caption, in the order of the page.
_DRAWN = ("curves", "confusion", "reliability")  # in the dark they turn black; photographs keep their colors
_FIGURES = {
    "curves": (
        "Training",
        "The training figures are means over an epoch, while the network was learning; those of validation are taken "
        "at its end.",
    ),
    "confusion": ("Confusion matrix", "Rows are the true class, columns the predicted one; each cell counts images."),
    "reliability": (
        "How far to believe a probability",
        "Test images by the probability of the network's answer: how many of them it named rightly, and below how many there "
        "are. Above the line it was less sure than right, below it surer.",
    ),
    "mistakes": (
        "Most confident mistakes",
        "In brackets the probability that the network gave its wrong answer. Beside each image, in orange, the parts that "
        "spoke for that answer (Grad-CAM of the deepest feature map of at least 7 x 7); grey where nothing did.",
    ),
}

_STYLE = """
:root { color-scheme: light dark; --page: #fff; --ink: #22272e; --faint: #5d6671; --line: #e3e6ea; --panel: #f5f7f9;
  --accent: #2b6cb0; --bar: #b9d3ec; }
@media (prefers-color-scheme: dark) { :root { --page: #16191d; --ink: #e4e8ec; --faint: #9aa4af; --line: #2f353c;
  --panel: #1e2328; --accent: #7db3e8; --bar: #35618c; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 62rem; padding: 2.5rem 1.5rem 4rem; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0; }
h2 { font-size: 1.15rem; margin: 2.75rem 0 .75rem; padding-top: .9rem; border-top: 1px solid var(--line); }
h3 { font-size: .95rem; margin: 0 0 .4rem; }
p { margin: .35rem 0; }
h1, p, figcaption, dd, pre, .settings td { overflow-wrap: anywhere; }
th, td { overflow-wrap: break-word; }
.faint, figcaption, footer, dt { color: var(--faint); font-size: .875rem; }
dl { display: flex; flex-wrap: wrap; gap: 1px; margin: 1.5rem 0 0; background: var(--line);
  border: 1px solid var(--line); border-radius: 8px; overflow: hidden; }
dl div { flex: 1 1 auto; background: var(--panel); padding: .8rem 1rem; white-space: nowrap; }
dd { margin: 0; font-size: 1.3rem; font-weight: 600; font-variant-numeric: tabular-nums; }
dl div:first-child dd { font-size: 2.1rem; line-height: 1.15; color: var(--accent); }
dd small { display: block; font-size: .875rem; font-weight: 400; line-height: 1.5; color: var(--faint); }
figure { margin: 0; }
img { display: block; max-width: 100%; height: auto; margin: 0 auto .5rem; background: #fff; border-radius: 8px;
  border: 1px solid var(--line); }
img.clear { background: none; border: 0; }
@media screen and (prefers-color-scheme: dark) { img.drawn { filter: invert(.91) hue-rotate(180deg); border-color: #fff; } }
table { border-collapse: collapse; width: 100%; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .6rem; text-align: right; border-bottom: 1px solid var(--line); vertical-align: top; }
th { font-weight: 600; }
th:first-child, .settings td { text-align: left; }
.settings th { font-weight: 400; color: var(--faint); width: 45%; }
.share { width: 20%; white-space: nowrap; background: linear-gradient(to right, var(--bar) calc(var(--share) * 1%),
  transparent 0) .6rem 100% / calc(100% - .6rem) 4px no-repeat; }
.groups { columns: 22rem 2; column-gap: 2.5rem; }
.groups section { break-inside: avoid; margin-bottom: 1.5rem; }
.wide { overflow-x: auto; }
@media (max-width: 40rem) {
  body { padding: 1.5rem 1rem 3rem; }
  .settings, .settings tbody { display: block; }
  .settings tr { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 0 1rem; padding: .3rem 0;
    border-bottom: 1px solid var(--line); }
  .settings th, .settings td { width: auto; border: 0; padding: 0; }
}
pre { margin: 0; padding: .8rem 1rem; background: var(--panel); border: 1px solid var(--line); border-radius: 8px;
  white-space: pre-wrap; overflow-wrap: anywhere; font: .875rem/1.5 ui-monospace, Menlo, Consolas, monospace; }
summary { cursor: pointer; color: var(--accent); }
footer { margin-top: 3rem; padding-top: .9rem; border-top: 1px solid var(--line); }
@media print { :root { color-scheme: light; --page: #fff; --ink: #000; --faint: #444; --line: #ccc; --panel: #fff;
  --accent: #000; --bar: #bbb; }
  body { padding: 0; max-width: none; font-size: 11pt; }
  h2 { break-after: avoid; }
  figure, dl, tr { break-inside: avoid; }
  .log:has(details:not([open])) { display: none; }
  .share { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
"""


def html_report(
    path: str | PathLike,
    *,
    title: str,
    summary: dict,
    scores: Scores,
    figures: dict,
    log: dict | None = None,
    settings: dict | None = None,
) -> str | PathLike:
    """Writes one HTML page on a trained network; it refers to nothing outside itself.

    Args:
        path: the file to write; it appears whole or not at all.
        title: the heading.
        summary: dict of what is known of the run, each key optional: ``model``, ``data``, ``run`` (text under the
            heading), ``epochs``, ``seconds`` (of training), ``images_per_second`` (of training), ``floor`` (the least loss
            that the smoothed labels of its training leave), ``command`` (what reproduces the run), ``balanced`` (whether the
            balanced accuracy stands beside the accuracy; it does so too where the classes of the test set differ much in
            size), ``unlike`` (how many test images are unlike those of the training). Other keys are passed over.
        scores: `Scores` on the test set.
        figures: dict of ``curves``, ``confusion``, ``reliability``, ``mistakes`` -> PNG file, or None for one that is not
            there. Other names are shown after these, under their own name.
        log: dict of column -> list of floats, one an epoch, for a table of all epochs.
        settings: dict of the recipe, versions and so on; a dict among its values becomes a table of its own.

    Returns:
        `path`.

    Raises:
        DataError: a figure is missing or not a PNG image.
    """
    sections = [_head(title, summary, scores)]
    for name in [*_FIGURES, *(name for name in figures if name not in _FIGURES)]:
        if figures.get(name) is not None:
            sections.append(_figure(name, figures[name], scores, _smoothed(summary) if name == "curves" else ""))
        elif name == "mistakes" and not scores.mistakes:
            sections.append(f"<h2>Mistakes</h2>\n<p>None on {scores.images:,} test images.</p>")
        if name == "confusion":
            sections.append(_classes(scores, _balanced(summary, scores), summary.get("unlike")))
    sections += [_settings(settings or {}), _command(summary), _epochs(log or {}), _foot(scores)]
    return write_document(path, title, filter(None, sections))


def write_document(path, title, sections, style=""):
    """Writes one HTML page of the package's look that refers to nothing outside itself.

    Args:
        path: the file to write; it appears whole or not at all.
        title: of the window, text.
        sections: strings of HTML.
        style: CSS beside that of all pages.

    Returns:
        `path`.
    """
    page = (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:; '
        "style-src 'unsafe-inline'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n<link rel="icon" href="data:,">\n'
        f"<title>{escape(str(title))}</title>\n<style>{_STYLE}{style}</style>\n</head>\n<body>\n"
        + "\n".join(sections)
        + "\n</body>\n</html>\n"
    )
    with files.whole(path) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return Path(path)


def embedded(path, alt, name, drawn=False):
    """A PNG file as an `img` element that holds it.

    Args:
        path: the file.
        alt: what stands for it where it cannot be seen.
        name: of the figure, for the error.
        drawn: whether it is a drawing on white, which a dark page turns into one on black; photographs stay as they are.

    Raises:
        DataError: it is missing or not a PNG image.
    """
    from PIL import Image

    path = Path(path)
    kind = files.describe(path) if path.is_file() else "not there"
    if kind != "a PNG image":
        raise DataError(f"{name}: {path} is {kind}; expected a PNG image")
    with Image.open(path) as image:
        width, height = (round(pixels / PIXELS_PER_PIXEL) for pixels in image.size)
        look = "clear" if is_clear(image) else "drawn" if drawn else "photographs"
    data = base64.b64encode(path.read_bytes()).decode("ascii")
    least = f' style="min-width: {_LEAST * width:.0f}px"' if width > _BROAD else ""
    return (
        f'<div class="wide"><img class="{look}" src="data:image/png;base64,{data}" width="{width}" height="{height}"{least} '
        f'alt="{escape(alt)}"></div>'
    )


def _head(title, summary, scores):
    low, high = (percent(bound, 1) for bound in scores.accuracy_interval)
    tiles = [
        ("Test accuracy", percent(scores.accuracy, 1), f"95 % interval {low} to {high}"),
        *_balanced_tile(summary, scores),
        ("Test loss", f"{scores.loss:.3g}", "in nats, of labels as they are" if _smoothed(summary) else "in nats"),
        ("Test images", f"{scores.images:,}", f"{len(scores.mistakes):,} wrong"),
    ]
    if summary.get("epochs") is not None:
        tiles.append(("Epochs", f"{summary['epochs']:,}", ""))
    if summary.get("seconds") is not None:
        tiles.append(("Training time", _duration(summary["seconds"]), ""))
    if summary.get("images_per_second") is not None:
        tiles.append(("Speed", f"{summary['images_per_second']:,.3g}", "images a second"))
    facts = [f"{name}: {summary[name]}" for name in ("model", "data", "run") if summary.get(name) is not None]
    lines = "".join(
        f"<div><dt>{label}</dt><dd>{escape(value)}{f'<small>{escape(note)}</small>' if note else ''}</dd></div>\n"
        for label, value, note in tiles
    )
    return (
        f'<header>\n<h1>{escape(str(title))}</h1>\n<p class="faint">{escape(" · ".join(facts))}</p>\n'
        f"<dl>\n{lines}</dl>\n</header>"
    )


def _balanced(summary, scores):
    return bool(summary.get("balanced")) or scores.imbalanced


def _balanced_tile(summary, scores):
    if _balanced(summary, scores):
        yield "Balanced accuracy", percent(scores.balanced_accuracy, 1), "mean recall of the classes"


def _smoothed(summary):
    """How the losses of training differ from that of the test, a sentence; empty where they do not."""
    if summary.get("floor") is None:
        return ""
    return (
        f" Their losses are of smoothed labels, which leave at least {summary['floor']:.3g}; the test loss is of the labels as "
        "they are, and not to be compared with them."
    )


def _figure(name, path, scores, more):
    heading, caption = _FIGURES.get(name, (str(name).capitalize(), ""))
    alt = f"{heading}: {', '.join(scores.classes)}" if name == "confusion" else heading
    picture = embedded(path, alt, f"Figure {name!r}", drawn=name in _DRAWN)
    return f"<h2>{escape(heading)}</h2>\n<figure>\n{picture}\n<figcaption>{escape(caption + more)}</figcaption>\n</figure>"


def _classes(scores, balanced, unlike):
    mean = f"Balanced accuracy (mean recall) {percent(scores.balanced_accuracy, 1)}; expected" if balanced else "Expected"
    rows = "".join(
        f"<tr><th>{escape(row.name)}</th><td>{row.images:,}</td>"
        f"{_share(row.precision)}{_share(row.recall)}{_share(row.f1)}</tr>\n"
        for row in scores.per_class
    )
    return (
        '<h2>Classes</h2>\n<div class="wide">\n<table>\n<thead><tr><th>Class</th><th>Images</th><th>Precision</th>'
        f"<th>Recall</th><th>F1</th></tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n</div>\n"
        f"<p>{mean} calibration error "
        f"{percent(scores.calibration_error, 1)} (15 bins).{_unlike(scores, unlike)}</p>\n"
        '<p class="faint">Precision: of the images given this class, the share that are of it. Recall: of the images '
        "of this class, the share given it. F1: the harmonic mean of the two. A dash: undefined, no such images.</p>"
    )


def _unlike(scores, count):
    """How many test images are unlike those of the training, a sentence; nothing where that is not known."""
    if count is None:
        return ""
    return f" By the network's features {count:,} of the {scores.images:,} test images are unlike those that it was trained on."


def _share(fraction):
    if fraction is None:
        return "<td>–</td>"
    return f'<td class="share" style="--share: {100 * fraction:.1f}">{percent(fraction, 1)}</td>'


def _settings(settings):
    """The settings as tables: single values first, then one table for each dict among them."""
    single = {key: value for key, value in settings.items() if not isinstance(value, dict)}
    groups = {"Settings": single, **{key: value for key, value in settings.items() if isinstance(value, dict)}}
    tables = []
    for name, group in groups.items():
        rows = "".join(f"<tr><th>{escape(key)}</th><td>{escape(_text(value))}</td></tr>\n" for key, value in _flat(group))
        if rows:
            heading = str(name)[:1].upper() + str(name)[1:]
            table = f'<table class="settings"><tbody>\n{rows}</tbody></table>'
            tables.append(f"<section><h3>{escape(heading)}</h3>\n{table}</section>")
    return '<h2>Recipe and versions</h2>\n<div class="groups">\n' + "\n".join(tables) + "\n</div>" if tables else ""


def _flat(group, prefix=""):
    """Pairs of dotted key and value: ``{"adam": {"epsilon": 1}}`` -> ``("adam.epsilon", 1)``."""
    for key, value in group.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _text(value):
    if value is None or value == {}:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_text, value)) or "none"
    return str(value)


def _command(summary):
    if not summary.get("command"):
        return ""
    return f"<h2>Do it again</h2>\n<pre><code>{escape(str(summary['command']))}</code></pre>"


def _epochs(log):
    """A folded table of all epochs, counted from 1."""
    if not log:
        return ""
    columns = {"epoch": log.get("epoch", range(len(next(iter(log.values()))))), **log}
    head = "".join(f"<th>{escape(name.replace('_', ' '))}</th>" for name in columns)
    rows = "".join(
        f"<tr><td>{epoch + 1:.0f}</td>{''.join(f'<td>{_number(value)}</td>' for value in values)}</tr>\n"
        for epoch, *values in zip(*columns.values(), strict=True)
    )
    table = f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table>"
    return (
        '<section class="log">\n<h2>Every epoch</h2>\n<details>\n<summary>Show the log</summary>\n'
        f'<div class="wide">\n{table}\n</div>\n</details>\n</section>'
    )


def _number(value):
    return f"{value:.4g}" if math.isfinite(value) else "–"


def _duration(seconds):
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds} s"
    minutes, seconds = divmod(seconds, 60)
    return f"{minutes} min {seconds:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def _foot(scores):
    return (
        "<footer><p>The interval is Wilson's, at 95 %. It takes the test images as independent: where several show one "
        "person or one scene, the true uncertainty is larger. The loss is the mean cross-entropy of the "
        f"{len(scores.classes)} classes; guessing gives {math.log(len(scores.classes)):.3g}.</p>"
        f"<p>keras_resnet {escape(__version__)}</p></footer>"
    )
