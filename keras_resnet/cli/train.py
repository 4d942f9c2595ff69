"""`keras-resnet train`: a run folder from an image set."""

import contextlib
import dataclasses
import sys

from keras_resnet.cli.output import add_common, result, say
from keras_resnet.cli.quiet import load_keras


def add_arguments(parser):
    """Adds the command's arguments."""
    from keras_resnet.train.recipes import RECIPES

    parser.add_argument("--data", required=True, metavar="SET", help="image set in the SIGNS layout")
    parser.add_argument("--out", required=True, metavar="RUN", help="run folder to write")
    parser.add_argument("--model", default="resnet50", help="a network of the catalogue (default: %(default)s)")
    recipes = "; ".join(f"{name}: {recipe.summary} ({recipe.epochs} epochs)" for name, recipe in RECIPES.items())
    parser.add_argument("--recipe", default="signs", metavar="NAME", help=f"{recipes} (default: %(default)s)")
    parser.add_argument("--epochs", type=int, metavar="N", help="passes over the images (default: the recipe's)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="default: %(default)s")
    parser.add_argument(
        "--validation-fraction", type=float, default=0.1, metavar="F",
        help="share of the training images kept for validation, by group where known (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--resume", action="store_true", help="go on with the run in RUN after its last full epoch")
    add_common(parser, "keras-resnet train --data signs --recipe signs-quick --out runs/first")


def run(arguments):
    """Trains and prints the outcome."""
    from keras_resnet.data import load_signs

    load_signs(arguments.data)  # a bad set is told at once, not after the framework has loaded
    load_keras()
    from keras_resnet import train

    with contextlib.redirect_stdout(sys.stderr):  # Keras's progress bars
        outcome = train.run(
            data=arguments.data,
            out=arguments.out,
            model=arguments.model,
            recipe=arguments.recipe,
            epochs=arguments.epochs,
            seed=arguments.seed,
            validation_fraction=arguments.validation_fraction,
            resume=arguments.resume,
            say=say,
            verbose=1 if sys.stderr.isatty() else 2,  # a moving bar, or a line an epoch
        )
    low, high = outcome.accuracy_interval
    text = (
        f"Test accuracy {outcome.accuracy:.1%} (95 % interval {low:.1%} to {high:.1%}), loss {outcome.loss:.3f}, on "
        f"{outcome.images} images after {outcome.epochs} epochs in {outcome.seconds / 60:.1f} minutes\n"
        f"Report: {outcome.run}/report.html"
    )
    result(dataclasses.asdict(outcome), text, arguments.json)
