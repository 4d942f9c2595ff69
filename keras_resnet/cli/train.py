"""`keras-resnet train`: a run folder from an image set."""

import argparse
import contextlib
import dataclasses
import sys

from keras_resnet.cli.output import add_common, result, say
from keras_resnet.cli.quiet import load_keras, standard_output_to_error
from keras_resnet.errors import KerasResNetError, RunError

_DEFAULTS = {"model": "resnet50", "recipe": "signs", "seed": 0, "validation_fraction": 0.1}

# Arguments of `train.run` -> what argparse takes. Where one is not given, the recipe's own value counts.
_NUMBERS = {
    "epochs": (int, "N", "passes over the images (default: the recipe's)"),
    "batch_size": (int, "N", "images a step (default: the recipe's)"),
    "learning_rate": (float, "R", "the highest learning rate (default: the recipe's)"),
    "accumulate": (int, "N", "average the gradients of N batches for one update"),
    "early_stopping": (int, "N", "end when the validation loss has not fallen for N epochs; the last epoch counts"),
    "size": (int, "S", "resize the images to S x S pixels (default: as they are; photographs 64)"),
    "per_class": (int, "N", "train on N images of each class alone, spread over the people of the set"),
}


def add_arguments(parser):
    """Adds the command's arguments."""
    from keras_resnet.environment import PRECISIONS
    from keras_resnet.train.recipe import STAGES
    from keras_resnet.train.recipes import RECIPES

    rows = "\n".join(f"  {name:<13}{recipe.epochs:>3} epochs: {recipe.summary}" for name, recipe in RECIPES.items())
    parser.description = f"{parser.description}\n\nrecipes:\n{rows}"
    text = "image set in the SIGNS layout; or a folder of class folders of photographs, or of train/, test/ and val/ with such"
    parser.add_argument("--data", metavar="SET", help=text)
    parser.add_argument("--out", metavar="RUN", help="run folder to write")
    parser.add_argument("--model", help=f"a network of the catalogue (default: {_DEFAULTS['model']})")
    parser.add_argument("--recipe", metavar="NAME", help=f"one of those above (default: {_DEFAULTS['recipe']})")
    for name, (kind, metavar, text) in _NUMBERS.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=kind, metavar=metavar, help=text)
    parser.add_argument("--seed", type=int, metavar="S", help=f"default: {_DEFAULTS['seed']}")
    parser.add_argument(
        "--validation-fraction", type=float, metavar="F",
        help="share of the training images kept for validation where there is no val/, by group where known "
        f"(default: {_DEFAULTS['validation_fraction']})",
    )  # fmt: skip
    text = "share of the photographs of a folder without test/ to test on"
    parser.add_argument("--test-fraction", type=float, metavar="F", help=text)
    text = "columns file and group: the photographs of one group stay on one side"
    parser.add_argument("--groups", metavar="FILE.csv", help=text)
    parser.add_argument("--skip-bad", action="store_true", help="leave out photographs that cannot be read")
    text = "read images from the disk as they are needed (default: where a split has more than 100 MB of pixels)"
    parser.add_argument("--stream", action=argparse.BooleanOptionalAction, default=None, help=text)
    text = "start from a run folder or a weight file; without one, from random weights"
    parser.add_argument("--weights", metavar="FILE", help=text)
    text = "keep the network from its input to this stage as it is: stem, stage2 .. stage5, none (default: the recipe's)"
    parser.add_argument("--freeze", choices=["none", *STAGES], metavar="STAGE", help=text)
    parser.add_argument("--precision", choices=PRECISIONS, help="of the layers' computations (default: the recipe's)")
    parser.add_argument("--class-weights", action="store_true", help="weigh the images of rare classes more")
    text = "allow operations whose last digits differ from start to start; a resumed run may then end otherwise"
    parser.add_argument("--fast", action="store_true", help=text)
    text = "compute blocks again for their gradients instead of keeping all outputs: less memory, more time, the same numbers"
    parser.add_argument("--remat", action="store_true", help=text)
    parser.add_argument("--tensorboard", action="store_true", help="write logs for TensorBoard to RUN/tensorboard")
    text = "go on after the last full epoch of RUN, from its record alone; with --data and --out begin it where there is none"
    parser.add_argument("--resume", nargs="?", const=True, default=False, metavar="RUN", help=text)
    parser.set_defaults(refuse=parser.error)
    _add_processes(parser)
    parser.add_argument("--dry-run", action="store_true", help="say what would happen, time and memory; write nothing")
    add_common(parser, "keras-resnet train --data signs --recipe signs-quick --out runs/first")


def _add_processes(parser):
    """The arguments of runs in several processes."""
    parser.add_argument(
        "--processes", type=int, metavar="N",
        help="split each batch over N processes (KERAS_BACKEND=jax): on this machine, or, where each knows its place by the "
        "next two, SLURM or a Kubernetes indexed job, those that run this command; 1 splits it over this machine's devices",
    )  # fmt: skip
    parser.add_argument("--process-index", type=int, metavar="I", help="which of them this is, from 0; 0 writes RUN")
    parser.add_argument("--coordinator", metavar="HOST:PORT", help="of process 0: where the others find it")


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
        from keras_resnet.train.recorded import recorded, recorded_processes

        return recorded(folder, **typed), arguments.processes or recorded_processes(folder)
    missing = [f"--{name}" for name in ("data", "out") if name not in typed]
    if missing:
        arguments.refuse(f"the following arguments are required: {', '.join(missing)} (or --resume RUN)")
    return {**_DEFAULTS, **typed}, arguments.processes


def _alone(given, arguments):
    from keras_resnet.data import load
    from keras_resnet.train.options import settings

    # A bad set or setting is told at once, not after the framework has loaded.
    load(given["data"], **{name: given.get(name) for name in ("test_fraction", "groups")}, stream=True)
    choices = {
        name: value for name, value in given.items() if name not in ("data", "out", "model", "recipe", "epochs", "resume")
    }
    settings(given["recipe"], given.get("epochs"), choices)
    load_keras()
    if arguments.dry_run:
        from keras_resnet import train

        with contextlib.redirect_stdout(sys.stderr):
            planned = train.plan(**given)
        result(planned.to_json(), str(planned), arguments.json)
    else:
        _report(_train(given), arguments)


def _as_one_of(group, given, arguments):
    """Trains in a process beside others; the first one tells of it."""
    with standard_output_to_error():
        load_keras(first_tensor=False)
        from keras_resnet.train.distribute import join

        join(group)
        outcome = _train(given)
    if group.index == 0:
        _report(outcome, arguments)


def _train(given):
    from keras_resnet import train

    with contextlib.redirect_stdout(sys.stderr):  # Keras's progress bars
        # A moving bar, or a line an epoch.
        return train.run(**given, verbose=1 if sys.stderr.isatty() else 2)


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
    names = ("data", "out", *_DEFAULTS, *_NUMBERS, "precision", "freeze", "weights", "test_fraction", "groups", "stream")
    typed = {name: getattr(arguments, name) for name in names if getattr(arguments, name) is not None}
    switches = ("tensorboard", "remat", "skip_bad", "fast", "class_weights", "resume")
    typed |= {name: True for name in switches if getattr(arguments, name)}
    if arguments.freeze == "none":
        typed["freeze"] = None
    return {**typed, "say": say}


def _text(outcome, arguments):
    low, high = outcome.accuracy_interval
    balanced = f", balanced accuracy {outcome.balanced_accuracy:.1%}" if arguments.class_weights else ""
    return (
        f"Test accuracy {outcome.accuracy:.1%} (95 % interval {low:.1%} to {high:.1%}){balanced}, loss {outcome.loss:.3f}, on "
        f"{outcome.images} images after {outcome.epochs} epochs in {outcome.seconds / 60:.1f} minutes\n"
        f"Report: {outcome.run}/report.html"
    )
