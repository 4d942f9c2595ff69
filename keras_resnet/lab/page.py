"""The lab as one HTML page: claims, verdicts and figures of the results of a folder; it opens offline."""

import re
from html import escape
from os import PathLike
from pathlib import Path

from keras_resnet.errors import LabError
from keras_resnet.evaluate.page import embedded, write_document
from keras_resnet.lab.registry import EXPERIMENTS
from keras_resnet.lab.store import draw, figures_of, read

_STYLE = """
nav table { margin-top: 1.5rem; }
nav th, nav td { text-align: left; }
nav a { color: var(--accent); white-space: nowrap; }
.met { font-weight: 600; white-space: nowrap; }
.yes { color: #1a7f4b; } .no { color: #b3420a; }
@media screen and (prefers-color-scheme: dark) { .yes { color: #5fd39b; } .no { color: #ff9a5c; } }
figure { margin: 1.25rem 0; }
.criteria td:first-child, .numbers td:first-child { text-align: left; }
blockquote { margin: .5rem 0; font-size: 1.05rem; }
@media (max-width: 40rem) {
  nav thead { display: none; }
  nav tr { display: grid; grid-template-columns: 1fr auto; border-bottom: 1px solid var(--line); padding: .4rem 0; }
  nav td { border: 0; padding: .1rem 0; }
  nav td:last-child { grid-column: 1 / -1; }
}
"""


def write_page(folder: str | PathLike, *, again: bool = False) -> Path:
    """Writes `lab.html` from the results `NAME.json` of a folder and the figures that are drawn from them.

    Args:
        folder: of the results; figures that are missing are drawn.
        again: whether those that are there are drawn anew.

    Returns:
        The path of the page.

    Raises:
        LabError: there is no result, or a file of that name is none.
    """
    folder = Path(folder)
    results = [read(folder / f"{name}.json") for name in EXPERIMENTS if (folder / f"{name}.json").exists()]
    if not results:
        raise LabError(f"{folder} holds no results of the lab; `keras-resnet lab run NAME --out {folder}` writes one")
    sections = [_head(results)]
    for result in results:
        paths = figures_of(result, folder)
        if again or not all(path.exists() for path in paths):
            draw(result, folder)
        captions = [caption for caption, _ in EXPERIMENTS[result.experiment].figures.values()]
        pictures = [_figure(path, result.experiment, caption) for path, caption in zip(paths, captions, strict=True)]
        sections.append(_section(result, pictures))
    return write_document(folder / "lab.html", "The residual lab", sections, _STYLE)


def _head(results):
    confirmed = sum(result.passed for result in results)
    rows = "".join(
        f'<tr><td><a href="#{result.experiment}">{result.experiment}</a></td><td>{_verdict(result.passed)}</td>'
        f"<td>{escape(result.claim)}</td></tr>\n"
        for result in results
    )
    return (
        "<header>\n<h1>The residual lab</h1>\n"
        f'<p class="faint">Claims of the literature on residual networks, tested: {len(results)} in all, {confirmed} '
        f"confirmed, {len(results) - confirmed} not. The criteria were written down before the runs.</p>\n</header>\n"
        f'<nav class="wide"><table>\n<thead><tr><th>Experiment</th><th>Verdict</th><th>Claim</th></tr></thead>\n'
        f"<tbody>\n{rows}</tbody>\n</table></nav>"
    )


def _section(result, pictures):
    criteria = "".join(f"<tr><td>{escape(each['text'])}</td><td>{_seeds(each['met'])}</td></tr>\n" for each in result.criteria)
    numbers = "".join(
        f"<tr><td>{escape(label)}</td><td>{row['mean']:.4g}</td><td>{row['low']:.4g} to {row['high']:.4g}</td></tr>\n"
        for label, row in result.spread.items()
    )
    seeds = ", ".join(map(str, result.seeds))
    machine = ", ".join([result.machine["processor"], f"{result.machine['cores']} cores", *_versions(result)])
    return (
        f'<h2 id="{result.experiment}">{result.experiment}: {_verdict(result.passed)}</h2>\n'
        f"<blockquote>{escape(result.claim)}</blockquote>\n"
        f'<p class="faint">{escape(result.source)}</p>\n<p>{_prose(result.protocol)}</p>\n'
        f'<div class="wide"><table class="criteria">\n<thead><tr><th>Criterion</th><th>Met</th></tr></thead>\n'
        f"<tbody>\n{criteria}</tbody>\n</table></div>\n" + "\n".join(pictures) + "\n"
        f'<details><summary>Numbers</summary>\n<div class="wide"><table class="numbers">\n<thead><tr><th>Quantity</th>'
        "<th>Mean</th><th>Lowest to highest of the "
        f"seeds</th></tr></thead>\n<tbody>\n{numbers}</tbody>\n</table></div></details>\n"
        f'<p class="faint">{result.form.capitalize()} form, seed{"s" if len(result.seeds) > 1 else ""} {seeds}, '
        f"{sum(result.seconds):.0f} s; {escape(machine)}. All values: {result.experiment}.json</p>"
    )


def _prose(text):
    """Text as HTML, what stands in backticks as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def _versions(result):
    return [f"{name} {version}" for name, version in result.versions.items()]


def _seeds(met):
    text = f"{sum(met)} of {len(met)} seeds" if len(met) > 1 else "yes" if met[0] else "no"
    return f'<span class="met {"yes" if all(met) else "no"}">{text}</span>'


def _verdict(passed):
    return f'<span class="met {"yes" if passed else "no"}">{"confirmed" if passed else "not confirmed"}</span>'


def _figure(path, name, caption):
    picture = embedded(path, caption, f"Figure of {name}", drawn=True)
    return f"<figure>\n{picture}\n<figcaption>{escape(caption)}</figcaption>\n</figure>"
