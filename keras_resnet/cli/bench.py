"""`keras-resnet bench`: measurements against other libraries."""

import argparse

from keras_resnet.cli.output import add_common, result, say

_TRAIN = "images per second of training, against stock Keras and PyTorch"


def add_arguments(parser):
    """Adds the subcommands and their arguments."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    parser.epilog = "example:\n  keras-resnet bench train"
    _add_train(actions)


def run(arguments):
    """Runs the subcommand that was parsed."""
    {"train": _train}[arguments.action](arguments)


def _add_train(actions):
    from keras_resnet.bench.train import CONTESTANTS, Settings

    default = Settings()
    table = "\n".join(f"  {name:<18}{summary}" for name, summary in CONTESTANTS.items())
    parser = actions.add_parser(
        "train",
        help=_TRAIN,
        description=f"{_TRAIN}; on the processor, graphics cards hidden.\n\ncontestants:\n{table}",
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
        parser.add_argument(flag, type=int, metavar="N", default=value, help=f"{text} (default: %(default)s)")
    text = "network of the catalogue for keras_resnet; the others are ResNet-50 (default: %(default)s)"
    parser.add_argument("--model", default=default.model, help=text)
    parser.add_argument("--only", metavar="NAME,NAME", help="contestants to measure (default: all that make sense here)")
    add_common(parser, "keras-resnet bench train --rounds 5 --json")


def _train(arguments):
    from keras_resnet.bench import Settings, measure_training

    names = ("model", "size", "batch_size", "rounds", "steps", "threads")
    settings = Settings(**{name: getattr(arguments, name) for name in names})
    only = arguments.only and [name.strip() for name in arguments.only.split(",")]
    measured = measure_training(settings, only=only, say=say)
    result(measured, training_table(measured), arguments.json)


def training_table(measured):
    """The result of `measure_training` as lines of text."""
    settings, versions = measured["settings"], measured["versions"]
    lines = [
        f"Training on {settings['size']} x {settings['size']} images, batch {settings['batch_size']}: medians of "
        f"{settings['rounds']} rounds of {settings['steps']} steps, {settings['threads']} threads, {measured['processor']}",
        "",
        f"{'contestant':<18}{'images/s':>9}{'lowest':>9}{'highest':>9}{'ours/theirs':>13}{'at a step':>11}{'peak MB':>9}",
    ]
    for name, speed in measured["images_per_second"].items():
        low, high = measured["spread"][name]
        ratio = f"{measured['ratio'][name]:.2f}" if name in measured["ratio"] else "-"
        step, peak = measured["images_per_second_step"][name], measured["peak_mb"][name]
        lines.append(f"{name:<18}{speed:>9.1f}{low:>9.1f}{high:>9.1f}{ratio:>13}{step:>11.1f}{peak:>9.0f}")
    lines += [
        "",
        "images/s: an epoch of the round as a user waits for it; at a step: images/s at the median step alone.",
        "ours/theirs: median over the rounds of the ratio within each round.",
        ", ".join(f"{name} {version}" for name, version in versions.items()),
    ]
    return "\n".join(lines)
