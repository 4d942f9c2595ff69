"""Running experiments: their values measured seed by seed, criteria checked."""

import platform
import time
from collections.abc import Callable, Sequence
from os import PathLike

from keras_resnet.environment import cores, processor, versions
from keras_resnet.errors import LabError, one_of
from keras_resnet.lab.experiment import Result, Setting, conclude
from keras_resnet.lab.page import write_page
from keras_resnet.lab.registry import EXPERIMENTS
from keras_resnet.lab.store import draw, write


def run(
    names: str | Sequence[str] = "all",
    *,
    quick: bool = False,
    seed: int | Sequence[int] = 0,
    out: str | PathLike | None = None,
    say: Callable = print,
) -> list[Result]:
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
    caches: dict[int, dict] = {seed: {} for seed in seeds}
    results = []
    for experiment in chosen:
        results.append(_run(experiment, quick, caches, out, say))
        if out is not None:
            write_page(out)
    return results


def _run(experiment, quick, caches, out, say):
    """One experiment over all seeds; after each seed what there is is written, so that nothing measured is lost."""
    values, seconds, seeds = [], [], []
    for seed, cache in caches.items():
        say(f"{experiment.name}, seed {seed}")
        began = time.perf_counter()
        values.append(experiment.measure(Setting(quick, seed, say, cache)))
        seconds.append(time.perf_counter() - began)
        seeds.append(seed)
        result = conclude(experiment, quick, seeds, values, seconds, _machine())
        if out is not None:
            write(result, out)
    say(f"{experiment.name}: {'confirmed' if result.passed else 'not confirmed'}, {sum(seconds):.1f} s")
    if out is not None:
        draw(result, out)
    return result


def _machine():
    """What a result was measured on and with."""
    machine = {"processor": processor(), "cores": cores(), "system": platform.system()}
    return {"machine": machine, "versions": versions()}


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
