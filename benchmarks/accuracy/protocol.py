"""How accurate training gets on an image set, and in how many minutes: here, in stock Keras, and with each choice left out.

The runs are made one after the other, each in a process of its own (`benchmarks.accuracy.child`), and each result is
appended to a table at once: a command that was stopped goes on where it was. The test images are looked at after every epoch
for the minutes that an accuracy takes, off the clock; nothing is chosen by them, and the last epoch counts. What a run does at
its end, its report included, is on the clock. Graphics cards are hidden: the minutes are those of the processor.
"""

import contextlib
import dataclasses
import hashlib
import json
import os
import shutil
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from benchmarks.accuracy.contestants import GROUPS, STOCK_MODEL, Group, contestant_recipe
from benchmarks.accuracy.results import RESULTS, append, read
from benchmarks.errors import BenchError
from benchmarks.train import Child
from keras_resnet.environment import cores, processor
from keras_resnet.errors import one_of


@dataclass(frozen=True)
class Protocol:
    """What is measured.

    Attributes:
        data: path of a SIGNS set.
        out: folder of the results.
        group: a name of `GROUPS`.
        only: names of its contestants; None for all.
        seeds, epochs, model, size: None for the group's.
        weights: a weight file or run folder, for the group ``few``.

    Raises:
        BenchError: a value that cannot be.
    """

    data: str
    out: str
    group: str = "main"
    only: tuple | None = None
    seeds: tuple | None = None
    epochs: int | None = None
    model: str | None = None
    size: int | None = None
    weights: str | None = None

    def __post_init__(self):
        if self.group not in GROUPS:
            raise BenchError(one_of("group", self.group, GROUPS))
        for name in self.only or ():
            if name not in GROUPS[self.group].contestants:
                raise BenchError(one_of("contestant", name, GROUPS[self.group].contestants))
        if self.epochs is not None and self.epochs < 1:
            raise BenchError(f"epochs: expected at least 1, received {self.epochs}")
        if self.seeds is not None and (not self.seeds or min(self.seeds) < 0 or len(set(self.seeds)) < len(self.seeds)):
            raise BenchError(f"seeds: expected different numbers from 0 on, received {list(self.seeds)}")
        rows = GROUPS[self.group].contestants
        started = [name for name in self.only or rows if rows[name].weights]
        if started and self.weights is None:
            raise BenchError(f"weights: expected a weight file or run folder that {started[0]} starts from, received none")
        if self.weights is not None and self.group != "few":
            raise BenchError(f"weights: expected none, {self.group} starts from random numbers, received {self.weights}")


@dataclass(frozen=True)
class Job:
    """One training run, in plain values; ``set`` and ``settings`` tell data and recipe from others."""

    group: str
    contestant: str
    seed: int
    model: str
    epochs: int
    size: str
    set: str
    settings: str
    data: str
    out: str
    resize: int | None
    weights: str | None

    @property
    def name(self):
        """``"signs-0"``: of its run folder and its curve."""
        return f"{self.contestant}-{self.seed}"

    @property
    def run(self):
        """Path of the run folder."""
        return Path(self.out) / "runs" / self.name


def measure_accuracy(protocol, *, say=print):
    """Makes the runs that are not in the results yet, one after the other.

    Args:
        protocol: a `Protocol`.
        say: called with lines of progress.

    Returns:
        The runs that failed: a list of dicts of ``contestant``, ``seed`` and ``error``. What came of the others stands in
        `OUT/results.csv`; `OUT/curves/` holds the test accuracy by epoch, `OUT/runs/` the run folders.

    Raises:
        BenchError: the folder holds results of other data or settings.
        DataError, WeightsError, RunError: the set or the weights cannot be read.
    """
    jobs, done = plan(protocol, say), read(protocol.out)
    _check_same(jobs, done, Path(protocol.out) / RESULTS)
    measured = {(row["contestant"], row["seed"]) for row in done}
    left = [job for job in jobs if (job.contestant, job.seed) not in measured]
    if len(left) < len(jobs):
        say(f"{len(jobs) - len(left)} of {len(jobs)} runs stand in {Path(protocol.out) / RESULTS} already")
    failed = []
    for number, job in enumerate(left, start=1):
        say(f"run {number} of {len(left)}: {job.contestant}, seed {job.seed}, {job.model}, {job.epochs} epochs, {job.size}")
        try:
            facts = _train(job, say)
        except BenchError as error:
            say(str(error))
            failed.append({"contestant": job.contestant, "seed": job.seed, "error": str(error)})
            continue
        about = {"date": datetime.now().isoformat(timespec="seconds"), "machine": f"{processor()}, {cores()} cores"}
        append(protocol.out, {**dataclasses.asdict(job), **facts, **about})
        say(f"{job.name}: {facts['right']} of {facts['images']} right in {facts['minutes']:.1f} minutes")
    return failed


def plan(protocol, say=print):
    """The jobs of a protocol, a list: all contestants with the first seed, then with the next."""
    from keras_resnet.data import load_signs
    from keras_resnet.train.recipes import RECIPES

    group, signs = GROUPS[protocol.group], load_signs(protocol.data)
    resize = protocol.size or group.size
    model, weights_hash = _start(protocol, group)
    recipes = {name: contestant_recipe(protocol.group, name) for name in protocol.only or group.contestants}
    for name in [name for name in recipes if name != group.baseline and _is_baseline(protocol.group, name, recipes[name])]:
        say(f"{name} is left out: it is what the recipe does as it stands")
        del recipes[name]
    fixed = {
        "group": protocol.group,
        "epochs": protocol.epochs or group.epochs or RECIPES["signs"].epochs,
        "size": "x".join(str(resize or side) for side in signs.image_shape[:2]),
        "set": signs.fingerprint()[:12],
        "data": str(protocol.data),
        "out": str(protocol.out),
        "resize": resize,
    }
    jobs = []
    for seed in protocol.seeds or group.seeds:
        for name, recipe in recipes.items():
            started = group.contestants[name].weights
            own = {"model": STOCK_MODEL if recipe is None else model, "weights": protocol.weights if started else None}
            settings = _digest(recipe, group, started and weights_hash)
            jobs.append(Job(contestant=name, seed=seed, settings=settings, **own, **fixed))
    return jobs


def _is_baseline(group, name, recipe):
    """Whether a contestant does what the baseline does: a choice that the recipe lacks cannot be left out."""
    row = GROUPS[group].contestants[name]
    return not row.weights and recipe is not None and recipe == contestant_recipe(group, GROUPS[group].baseline)


def _start(protocol, group):
    """The network's name, and the hash of the weights, None without."""
    model = protocol.model or group.model
    if protocol.weights is None:
        if model is None:
            raise BenchError("model: expected a name of the catalogue where no weights are given, received none; --model NAME")
        return model, None
    from keras_resnet.weights import inspect
    from keras_resnet.workdir import Workdir

    path = Path(protocol.weights)
    info = inspect(path / "weights.h5" if path.is_dir() else path)
    model = model or (Workdir(path).read("model")["model"] if path.is_dir() else info.model)
    if model is None:
        raise BenchError(f"{path} does not tell its network; name it with --model")
    return model, info.sha256


def _digest(recipe, group, weights):
    """Ten hexadecimal digits that are equal for equal settings; a later version's new field at its default changes nothing."""
    from keras_resnet.train.recipe import Recipe

    plain = Recipe(name="", summary="", epochs=1).to_json()
    chosen = {} if recipe is None else {name: value for name, value in recipe.to_json().items() if value != plain[name]}
    chosen = {name: value for name, value in chosen.items() if name not in ("name", "summary", "epochs")}
    settings = {"recipe": chosen, "per_class": group.per_class, "weights": weights or None}
    if group.validation_fraction != Group.validation_fraction:
        settings["validation_fraction"] = group.validation_fraction
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:10]


def _check_same(jobs, rows, path):
    """Raises where a run that was made already was another one than is asked for now."""
    made = {(row["contestant"], row["seed"]): row for row in rows}
    for job in jobs:
        row = made.get((job.contestant, job.seed))
        for column in ("model", "epochs", "size", "set", "settings") if row else ():
            if row[column] != getattr(job, column):
                what = "another recipe, or other weights," if column == "settings" else f"{column} {row[column]}"
                now = "" if column == "settings" else f" {getattr(job, column)}"
                raise BenchError(
                    f"{path}: {job.contestant}, seed {job.seed} was made with {what} and not with what is asked for now{now}; "
                    "name another folder with --out"
                )


def _train(job, say):
    """Makes one run in a process of its own. Returns its facts, a dict; raises `BenchError` where it fails."""
    if (job.run / "run.json").exists():  # stopped half-way: its minutes would not be those of one run
        shutil.rmtree(job.run)
    environment = {"TF_CPP_MIN_LOG_LEVEL": "3", **os.environ, "CUDA_VISIBLE_DEVICES": "-1"}
    words = [sys.executable, "-m", "benchmarks.accuracy.child", json.dumps(dataclasses.asdict(job))]
    with contextlib.closing(Child(job.name, words, environment)) as child:
        while "facts" not in (answer := child.receive()):
            when = "finished" if answer["epoch"] == "end" else f"epoch {answer['epoch']}"
            say(f"  {when}: {answer['minutes']:.1f} minutes, {answer['right']} of {answer['images']} right")
        return answer["facts"]
