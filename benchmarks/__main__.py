"""`python -m benchmarks`, from the repository: measurements against other libraries, each a command."""

import argparse
import dataclasses
import importlib
import sys

from keras_resnet.cli.main import finish
from keras_resnet.cli.output import add_common, result, say

_TRAIN = "images per second of training, against stock Keras and PyTorch"
_LOAD = "seconds to load a weight file of 100 MB, against Keras and a plain read of it"
_ACCURACY = "test accuracy and the minutes that it takes, against stock Keras"

# Subcommand -> what measures it, one line of help, arguments of the example. Its module has `Settings` and `table`.
_BY_SETTINGS = {
    "scale": (
        "measure_scaling",
        "images per second of one training process against two, and on paper what more machines give",
        "--model resnet18 --json",
    ),
    "remat": (
        "measure_remat",
        "memory and time of a training step with `train --remat` against one without",
        "--size 224 --batch-size 16",
    ),
    "predict": (
        "measure_predicting",
        "images per second of a trained network in each engine, against Keras, PyTorch and the bare engines",
        "--json",
    ),
    "stream": (
        "measure_streaming",
        "memory and speed of training on a set that stays on the disk, against the same set in memory",
        "--gigabytes 2",
    ),
}


def main(argv=None):
    """Runs one command line and returns its exit status."""
    arguments = build_parser().parse_args(argv)
    return finish(lambda: run(arguments), arguments, "benchmarks")


def build_parser():
    """The parser with its subcommands."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure this package against other libraries on this machine.",
        epilog="example:\n  python -m benchmarks train",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    _add_train(actions)
    _add_load(actions)
    _add_accuracy(actions)
    for name, (_, summary, example) in _BY_SETTINGS.items():
        _add_numbers(actions, name, summary, f"python -m benchmarks {name} {example}")
    return parser


def run(arguments):
    """Runs the subcommand that was parsed. Returns its exit status, None for success."""
    actions = {"train": _train, "load": _load, "accuracy": _accuracy}
    actions |= {name: _measure(name, measure) for name, (measure, *_) in _BY_SETTINGS.items()}
    return actions[arguments.action](arguments)


def _add_numbers(actions, name, summary, example):
    """A subcommand whose arguments are the fields of the `Settings` of its module."""
    module = importlib.import_module(f"benchmarks.{name}")
    text = f"{summary}.\n\n{module.__doc__}"
    parser = actions.add_parser(
        name, help=summary, description=text, formatter_class=argparse.RawDescriptionHelpFormatter
    )  # fmt: skip
    for field in dataclasses.fields(module.Settings):
        flag, kind = f"--{field.name.replace('_', '-')}", type(field.default)
        metavar = "NAME" if kind is str else "N"
        parser.add_argument(flag, type=kind, metavar=metavar, default=field.default, help="default: %(default)s")
    add_common(parser, example)


def _measure(module, measure):
    """The function of a subcommand of `_add_numbers`: ``measure`` is the name of the one that measures."""

    def call(arguments):
        bench = importlib.import_module(f"benchmarks.{module}")
        given = {field.name: getattr(arguments, field.name) for field in dataclasses.fields(bench.Settings)}
        measured = getattr(bench, measure)(bench.Settings(**given), say=say)
        result(measured, bench.table(measured), arguments.json)

    return call


def _add_train(actions):
    from benchmarks.device import DEVICES, ON_GPU
    from benchmarks.train import CONTESTANTS, Settings
    from keras_resnet.environment import PRECISIONS

    default = Settings()
    table = "\n".join(f"  {name:<18}{summary}" for name, summary in CONTESTANTS.items())
    parser = actions.add_parser(
        "train",
        help=_TRAIN,
        description=f"{_TRAIN}; on the graphics card where there is one, else on the processor.\n\ncontestants:\n{table}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    numbers = {
        "rounds": "how often each is measured, in turn; results to quote need 5 or more",
        "steps": "training steps in a round",
        "batch_size": "images a step",
        "size": "height and width of the images",
        "threads": "of each contestant",
    }
    for name, text in numbers.items():
        flag, value = f"--{name.replace('_', '-')}", getattr(default, name)
        usual = f"{value}; on a graphics card {ON_GPU[name]}" if name in ON_GPU else value
        parser.add_argument(flag, type=int, metavar="N", help=f"{text} (default: {usual})")
    text = "graphics cards are hidden on cpu (default: gpu where an NVIDIA card is to be seen)"
    parser.add_argument("--device", choices=DEVICES, help=text)
    text = "of the layers' computations (default: float32; on a graphics card bfloat16)"
    parser.add_argument("--precision", choices=PRECISIONS, help=text)
    text = "network of the catalogue for keras_resnet; the others are ResNet-50 (default: %(default)s)"
    parser.add_argument("--model", default=default.model, help=text)
    parser.add_argument("--only", metavar="NAME,NAME", help="contestants to measure (default: all that make sense here)")
    add_common(parser, "python -m benchmarks train --rounds 5 --json")


def _train(arguments):
    from benchmarks.device import choose_device, graphics_card
    from benchmarks.train import measure_training, settings_for

    names = ("model", "size", "batch_size", "rounds", "steps", "threads", "precision")
    given = {name: getattr(arguments, name) for name in names if getattr(arguments, name) is not None}
    settings = settings_for(choose_device(arguments.device, graphics_card()), given)
    only = arguments.only and [name.strip() for name in arguments.only.split(",")]
    measured = measure_training(settings, only=only, say=say)
    result(measured, training_table(measured), arguments.json)


def _add_load(actions):
    from benchmarks.load import CONTESTANTS

    table = "\n".join(f"  {name:<18}{summary}" for name, summary in CONTESTANTS.items())
    parser = actions.add_parser(
        "load",
        help=_LOAD,
        description=f"{_LOAD}; the file is in the page cache.\n\ncontestants:\n{table}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rounds", type=int, metavar="N", default=15, help="how often each is measured, in turn (default: 15)")
    text = "network of the catalogue whose weights are loaded (default: %(default)s)"
    parser.add_argument("--model", default="resnet50", help=text)
    add_common(parser, "python -m benchmarks load --json")


def _load(arguments):
    from benchmarks.load import measure_loading

    measured = measure_loading(arguments.rounds, model=arguments.model, say=say)
    result(measured, loading_table(measured), arguments.json)


def _add_accuracy(actions):
    from benchmarks.accuracy.contestants import GROUPS

    tables = [
        "\n".join([f"contestants, {name}:", *(f"  {each:<18}{row.summary}" for each, row in group.contestants.items())])
        for name, group in GROUPS.items()
    ]
    parser = actions.add_parser(
        "accuracy",
        help=_ACCURACY,
        description=f"{_ACCURACY}; one run after the other, and the command goes on where it was stopped.\n\n"
        + "\n\n".join(tables),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", metavar="SET", help="image set in the SIGNS layout")
    parser.add_argument("--out", required=True, metavar="DIR", help="folder of results.csv, curves, run folders and pictures")
    groups = parser.add_mutually_exclusive_group()
    groups.add_argument("--ablation", action="store_true", help="each choice of the recipe signs left out, or added")
    groups.add_argument("--few", action="store_true", help="from --weights against from scratch, 10 training images a class")
    groups.add_argument("--report", action="store_true", help="train nothing: say what stands in DIR")
    parser.add_argument("--only", type=_names, metavar="NAME,NAME", help="contestants to measure (default: all)")
    text = "of the runs (default: 0,1,2; with --ablation 0,1)"
    parser.add_argument("--seeds", type=_seeds, metavar="S,S", help=text)
    text = "passes over the images (default: those of the recipe signs; with --ablation 20, with --few 40)"
    parser.add_argument("--epochs", type=int, metavar="N", help=text)
    text = "network of the catalogue; stock Keras is always ResNet50 (default: resnet50, resnet18, that of the weights)"
    parser.add_argument("--model", metavar="NAME", help=text)
    parser.add_argument("--size", type=int, metavar="S", help="resize the images to S x S (default: no; with --ablation 32)")
    parser.add_argument("--weights", metavar="FILE", help="weight file or run folder, for --few")
    add_common(parser, "python -m benchmarks accuracy --data signs --out accuracy")


def _names(text):
    return tuple(name.strip() for name in text.split(","))


def _seeds(text):
    return tuple(int(seed) for seed in text.split(","))


def _accuracy(arguments):
    from benchmarks.accuracy import report

    failed = [] if arguments.report else _measure_accuracy(arguments)
    reported = report.report(arguments.out)
    result({**reported, "failed": failed}, report.tables(reported), arguments.json)
    for run_ in failed:
        say(f"failed: {run_['contestant']}, seed {run_['seed']}: {run_['error']}")
    return 1 if failed else None


def _measure_accuracy(arguments):
    from benchmarks.accuracy.protocol import Protocol, measure_accuracy
    from benchmarks.errors import BenchError

    if arguments.data is None:
        raise BenchError(
            "data: expected the path of an image set, received none; --data SET, or --report for what was measured"
        )
    group = "ablation" if arguments.ablation else "few" if arguments.few else "main"
    names = ("data", "out", "only", "seeds", "epochs", "model", "size", "weights")
    return measure_accuracy(Protocol(group=group, **{name: getattr(arguments, name) for name in names}), say=say)


def loading_table(measured):
    """The result of `measure_loading` as lines of text."""
    settings = measured["settings"]
    lines = [
        f"Loading {measured['weights']} weights of {settings['model']}, {measured['file_mb']:.1f} MB, page cache "
        f"{measured['page_cache']}: medians of {settings['rounds']} rounds, {measured['processor']}",
        "",
        f"{'contestant':<18}{'seconds':>9}{'shortest':>10}{'longest':>9}{'ours/theirs':>13}",
    ]
    for name, seconds in measured["seconds"].items():
        low, high = measured["spread"][name]
        ratio = f"{measured['ratio'][name]:.2f}" if name in measured["ratio"] else "-"
        lines.append(f"{name:<18}{seconds:>9.4f}{low:>10.4f}{high:>9.4f}{ratio:>13}")
    lines += ["", ", ".join(f"{name} {version}" for name, version in measured["versions"].items())]
    return "\n".join(lines)


def training_table(measured):
    """The result of `measure_training` as lines of text."""
    settings, versions = measured["settings"], measured["versions"]
    lower = "" if settings.get("precision", "float32") == "float32" else f" in {settings['precision']}"
    lines = [
        f"Training{lower} on {settings['size']} x {settings['size']} images, batch {settings['batch_size']}: medians of "
        f"{settings['rounds']} rounds of {settings['steps']} steps, {settings['threads']} threads, {measured['processor']}",
        "",
        f"{'contestant':<18}{'images/s':>9}{'lowest':>9}{'highest':>9}{'ours/theirs':>13}{'at a step':>11}{'peak MB':>9}",
    ]
    for name, speed in measured["images_per_second"].items():
        low, high = measured["spread"][name]
        ratio = f"{measured['ratio'][name]:.2f}" if name in measured["ratio"] else "-"
        step, peak = measured["images_per_second_step"][name], measured["peak_mb"][name]
        lines.append(f"{name:<18}{speed:>9.1f}{low:>9.1f}{high:>9.1f}{ratio:>13}{step:>11.1f}{peak:>9.0f}")
    if reached := measured.get("limit"):
        each, peak, most = reached["multiply_adds"] / 1e9, reached["product_peak"] / 1e9, reached["images_per_second"]
        lines += [
            "",
            f"A step, written out, is {each:.2f} billion multiply-adds an image; the best matrix product makes {peak:.0f}",
            f"billion a second, which would be {most:.0f} images/s. Of that keras_resnet reaches {reached['share']:.0%}.",
        ]
    lines += [
        "",
        "images/s: an epoch of the round as a user waits for it; at a step: images/s at the median step alone.",
        "ours/theirs: median over the rounds of the ratio within each round.",
        ", ".join(f"{name} {version}" for name, version in versions.items()),
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
