"""`keras-resnet train`: a run folder from an image set."""

import argparse
import contextlib
import dataclasses
import sys

from keras_resnet.cli.output import add_common, result, say
from keras_resnet.cli.quiet import load_keras, standard_output_to_error
from keras_resnet.errors import KerasResNetError, RunError


def add_arguments(parser):
    """Adds the command's arguments; those of the recipe and of the run are declared in `train.config`."""
    from keras_resnet.train.config import MODEL, RECIPE, Options, Recipe
    from keras_resnet.train.recipes import RECIPES

    rows = "\n".join(f"  {name:<13}{recipe.epochs:>3} epochs: {recipe.summary}" for name, recipe in RECIPES.items())
    parser.description = f"{parser.description}\n\nrecipes:\n{rows}"
    text = "image set in the SIGNS layout; or a folder of class folders of photographs, or of train/, test/ and val/ with such"
    parser.add_argument("--data", metavar="SET", help=text)
    parser.add_argument("--out", metavar="RUN", help="run folder to write")
    parser.add_argument("--model", help=f"a network of the catalogue (default: {MODEL})")
    parser.add_argument("--recipe", metavar="NAME", help=f"one of those above (default: {RECIPE})")
    text = "go on after the last full epoch of RUN, from its record alone; with --data and --out begin it where there is none"
    parser.add_argument("--resume", nargs="?", const=True, default=False, metavar="RUN", help=text)
    parser.add_argument("--dry-run", action="store_true", help="say what would happen, time and memory; write nothing")
    parser.set_defaults(refuse=parser.error)
    _add_options(parser.add_argument_group("in place of the recipe's own choices"), Recipe)
    _add_options(parser.add_argument_group("images, weights and what is written"), Options)
    _add_processes(parser.add_argument_group("several processes"))
    add_common(parser, "keras-resnet train --data signs --recipe signs-quick --out runs/first")


def _add_options(group, asked):
    """A flag for each option of `Recipe` or `Options` that has one; what is not typed does not stand in the arguments."""
    from keras_resnet.train.config import Recipe, declared, default_of, flag_of

    for name, option in declared(asked).items():
        values, default = option.values, default_of(asked, name)
        if not option.flag:
            continue
        if values.kind is bool:  # one that may be on by itself can be turned off too
            both = asked is Recipe or values.accepts(None)
            how = {"action": argparse.BooleanOptionalAction if both else "store_true"}
        else:
            how = {"type": values.kind, "metavar": values.metavar, "choices": values.choices}
        shown = "" if asked is Recipe or default is None or default is False else f" (default: {default})"
        group.add_argument(flag_of(name), default=argparse.SUPPRESS, help=option.text + shown, **how)


def _add_processes(group):
    """The arguments of runs in several processes."""
    group.add_argument(
        "--processes", type=int, metavar="N",
        help="split each batch over N processes (KERAS_BACKEND=jax): on this machine, or, where each knows its place by the "
        "next two, SLURM or a Kubernetes indexed job, those that run this command; 1 splits it over this machine's devices",
    )  # fmt: skip
    group.add_argument("--process-index", type=int, metavar="I", help="which of them this is, from 0; 0 writes RUN")
    group.add_argument("--coordinator", metavar="HOST:PORT", help="of process 0: where the others find it")


def run(arguments):
    """Trains and prints the outcome, or prints what would happen. Returns the exit status, None for success."""
    from keras_resnet.train.group import find_group, require_jax

    given, processes = _wanted(arguments)
    group = find_group(processes, arguments.process_index, arguments.coordinator)
    if group is None:
        return _alone(given, arguments)
    if arguments.dry_run:
        raise RunError(f"dry_run: expected one process, whose time and memory it measures, received {group.processes}")
    require_jax()
    if group.processes > 1 and group.coordinator is None:
        from keras_resnet.train.launch import launch

        return launch(arguments.words, group.processes)
    return _as_one_of(group, given, arguments)


def _wanted(arguments):
    """The keyword arguments of `train.run`, and the number of processes or None: as typed, or from the record of a run."""
    typed = _keywords(arguments)
    folder = arguments.resume if isinstance(arguments.resume, str) else None
    if folder is not None and "out" in typed:
        raise RunError(f"--resume {folder} names the run to go on with; expected no --out beside it, received {typed['out']}")
    if arguments.resume and "data" not in typed:
        folder = folder or typed.get("out")
    if folder is not None:
        from keras_resnet.train.arguments import recorded, recorded_processes

        return recorded(folder, **typed), arguments.processes or recorded_processes(folder)
    missing = [f"--{name}" for name in ("data", "out") if name not in typed]
    if missing:
        arguments.refuse(f"the following arguments are required: {', '.join(missing)} (or --resume RUN)")
    return typed, arguments.processes


def _alone(given, arguments):
    from keras_resnet.train.arguments import configure
    from keras_resnet.train.images import read

    config = configure(**given, verbose=_verbose())
    # A bad set or setting is told at once, not after the framework has loaded.
    images = read(config.data, config.options, config.recipe.batch_size)
    load_keras()
    from keras_resnet.train import dry_run, trainer

    with contextlib.redirect_stdout(sys.stderr):  # Keras's progress bars
        done = (dry_run.plan_of if arguments.dry_run else trainer.carry_out)(config, images)
    if arguments.dry_run:
        result(done.to_json(), str(done), arguments.json)
    else:
        _report(done, arguments)


def _as_one_of(group, given, arguments):
    """Trains in a process beside others; the first one tells of it."""
    with standard_output_to_error():
        load_keras(first_tensor=False)
        from keras_resnet.train.distribute import join

        join(group)
        from keras_resnet import train

        with contextlib.redirect_stdout(sys.stderr):
            outcome = train.run(**given, verbose=_verbose())
    if group.index == 0:
        _report(outcome, arguments)


def _verbose():
    """A moving bar, or a line an epoch."""
    return 1 if sys.stderr.isatty() else 2


def _report(outcome, arguments):
    result(dataclasses.asdict(outcome), _text(outcome, arguments), arguments.json)
    _export(outcome.run)


def _export(run):
    """Makes the export that `predict` reads, where an engine is installed. The run is whole without: a fault is a line."""
    from keras_resnet.deploy import cache
    from keras_resnet.deploy.engines import FLOAT, KERAS

    engine = cache.choose(cache.AUTO, FLOAT)
    if engine == KERAS or cache.is_ready(run, engine, FLOAT):
        return
    try:
        say(f"Exported for {engine}: {cache.export_of(run, engine, FLOAT)}")
    except (KerasResNetError, OSError) as problem:
        say(f"warning: {engine} will not serve this run: {problem}")


def _keywords(arguments):
    """The keyword arguments of `train.run` that were typed."""
    from keras_resnet.train.config import NONE, Options, Recipe, declared

    names = ("data", "out", "model", "recipe")
    typed = {name: getattr(arguments, name) for name in names if getattr(arguments, name) is not None}
    if arguments.resume:
        typed["resume"] = True
    for name, option in {**declared(Recipe), **declared(Options)}.items():
        if hasattr(arguments, name):
            value = getattr(arguments, name)
            typed[name] = None if option.values.choices and value == NONE else value
    return {**typed, "say": say}


def _text(outcome, arguments):
    low, high = outcome.accuracy_interval
    weighted = getattr(arguments, "class_weights", False)
    balanced = f", balanced accuracy {outcome.balanced_accuracy:.1%}" if weighted else ""
    return (
        f"Test accuracy {outcome.accuracy:.1%} (95 % interval {low:.1%} to {high:.1%}){balanced}, loss {outcome.loss:.3f}, on "
        f"{outcome.images} images after {outcome.epochs} epochs in {outcome.seconds / 60:.1f} minutes\n"
        f"Report: {outcome.run}/report.html"
    )
