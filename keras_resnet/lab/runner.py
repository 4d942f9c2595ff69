"""Running experiments: their values measured seed by seed, criteria checked, results written, figures drawn."""

import json
import time
from pathlib import Path

from keras_resnet.errors import LabError, one_of
from keras_resnet.evaluate import drawing
from keras_resnet.files import whole
from keras_resnet.lab.experiment import Result, Setting, conclude
from keras_resnet.lab.machine import facts
from keras_resnet.lab.page import write_page
from keras_resnet.lab.registry import EXPERIMENTS


def run(names="all", *, quick=False, seed=0, out=None, say=print):
    """Runs experiments.

    Args:
        names: ``"all"``, the name of one, or several names.
        quick: the quick form: smaller and shorter, its verdicts those of the tests.
        seed: a whole number, or several, each measured on its own; the spread over them stands in the result.
        out: folder for `NAME.json`, the figures and `lab.html`, which shows all results of the folder; None writes nothing.
        say: called with lines of progress.

    Returns:
        A list of `Result`, in the order of `EXPERIMENTS`.

    Raises:
        LabError: an unknown name, or a seed that is no whole number of at least 0.

    Example:
        >>> [result] = run("variance", out="lab")
        >>> result.passed
        True
    """
    chosen, seeds = _chosen(names), _seeds(seed)
    shelves = {seed: {} for seed in seeds}
    results = []
    for experiment in chosen:
        results.append(_run(experiment, quick, shelves, out, say))
        if out is not None:
            write_page(out)
    return results


def _run(experiment, quick, shelves, out, say):
    """One experiment over all seeds; after each seed what there is is written, so that nothing measured is lost."""
    values, seconds, seeds = [], [], []
    for seed, shelf in shelves.items():
        say(f"{experiment.name}, seed {seed}")
        began = time.perf_counter()
        values.append(experiment.measure(Setting(quick, seed, say, shelf)))
        seconds.append(time.perf_counter() - began)
        seeds.append(seed)
        result = conclude(experiment, quick, seeds, values, seconds, facts())
        if out is not None:
            _write(result, Path(out))
    say(f"{experiment.name}: {'confirmed' if result.passed else 'not confirmed'}, {sum(seconds):.1f} s")
    if out is not None:
        draw(result, out)
    return result


def _write(result, folder):
    with whole(folder / f"{result.experiment}.json") as temporary:
        temporary.write_text(json.dumps(result.to_json(), separators=(",", ":")) + "\n", encoding="utf-8")


def read(path):
    """A stored result.

    Args:
        path: of a `NAME.json`.

    Returns:
        A `Result`.

    Raises:
        LabError: no such file, not JSON, or not a result.
    """
    try:
        stored = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise LabError(f"No stored result at {path}; `keras-resnet lab run NAME --out DIR` writes one") from None
    except ValueError as problem:
        raise LabError(f"{path} is not readable as JSON: {problem}") from None
    return Result.from_json(stored)


def draw(result, folder):
    """Draws the figures of a result, from its stored numbers alone.

    Args:
        result: a `Result`.
        folder: where `NAME-FIGURE.png` go.

    Returns:
        Their paths, a list.
    """
    for path, (_, figure) in zip(figures_of(result, folder), EXPERIMENTS[result.experiment].figures.values(), strict=True):
        drawing.write(figure(result), path)
        _shrink(path)
    return figures_of(result, folder)


def _shrink(path):
    """Stores a picture in 256 colours: a third of the bytes, and lines and photographs look the same."""
    from PIL import Image

    with Image.open(path) as picture:
        fewer = picture.convert("RGB").quantize(256)
    with whole(path) as temporary:
        fewer.save(temporary, format="PNG", optimize=True, dpi=(drawing.DPI, drawing.DPI))


def figures_of(result, folder):
    """Where the figures of a result stand in a folder: a list of paths."""
    return [Path(folder) / f"{result.experiment}-{name}.png" for name in EXPERIMENTS[result.experiment].figures]


def _chosen(names):
    names = [names] if isinstance(names, str) else list(names)
    if names == ["all"]:
        return list(EXPERIMENTS.values())
    for name in names:
        if name not in EXPERIMENTS:
            raise LabError(one_of("experiment", name, ("all", *EXPERIMENTS)))
    return [experiment for name, experiment in EXPERIMENTS.items() if name in names]


def _seeds(seed):
    seeds = [seed] if isinstance(seed, int) else list(seed)
    wrong = [each for each in seeds if not isinstance(each, int) or isinstance(each, bool) or each < 0]
    if wrong or not seeds or len(set(seeds)) < len(seeds):
        raise LabError(f"seed: expected a whole number of at least 0, or several different ones, received {seed!r}")
    return seeds
