"""`keras-resnet crossval`: the accuracy on images that no network of it has seen, and labels that may be wrong."""

import contextlib
import sys

from keras_resnet.cli.output import add_common, result, say
from keras_resnet.cli.quiet import load_keras

NAMED = 10  # doubtful labels that are printed


def add_arguments(parser):
    """Adds the command's arguments."""
    text = "image set in the SIGNS layout, or a folder of class folders of photographs; all images take part"
    parser.add_argument("--data", required=True, metavar="SET", help=text)
    text = "folder for a run folder of each fold, crossval.json, mistakes.png and doubtful.png; what is done there is kept"
    parser.add_argument("--out", required=True, metavar="DIR", help=text)
    parser.add_argument("--folds", type=int, default=5, metavar="N", help="networks that are trained (default: %(default)s)")
    text = "columns file and group: the photographs of one group stay in one fold"
    parser.add_argument("--groups", metavar="FILE.csv", help=text)
    parser.add_argument("--model", default="resnet50", help="a network of the catalogue (default: %(default)s)")
    parser.add_argument("--recipe", default="signs", metavar="NAME", help="as for train (default: %(default)s)")
    parser.add_argument("--epochs", type=int, metavar="N", help="passes over the images (default: the recipe's)")
    text = "resize the images to S x S pixels (default: as they are; photographs 64)"
    parser.add_argument("--size", type=int, metavar="S", help=text)
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="of the folds and of training (default: %(default)s)")
    add_common(parser, "keras-resnet crossval --data photos --groups people.csv --folds 5 --out runs/crossval")


def run(arguments):
    """Trains and scores the folds, and prints what came of them."""
    from keras_resnet.data import load
    from keras_resnet.data.listing import find_parts
    from keras_resnet.data.source import is_photographs

    # A bad set is told at once, not after the framework has loaded.
    given = {"test_fraction": 1} if is_photographs(arguments.data) and not find_parts(arguments.data) else {}
    load(arguments.data, groups=arguments.groups, stream=True, **given)
    load_keras()
    from keras_resnet.train.crossval import crossval

    names = ("data", "out", "folds", "groups", "model", "recipe", "epochs", "size", "seed")
    with contextlib.redirect_stdout(sys.stderr):  # Keras's progress
        found = crossval(**{name: getattr(arguments, name) for name in names}, say=say, verbose=2)
    value = found.to_json()
    result(value, "\n".join(_lines(value)), arguments.json)


def _lines(value):
    low, high = value["interval"]
    by = "groups" if value["folds"][0]["groups"] is not None else "images"
    yield (
        f"Accuracy {value['accuracy']:.1%} (95 % interval {low:.1%} to {high:.1%}, a bootstrap over {by}) on "
        f"{value['images']:,} images, each judged by a network that never saw it"
    )
    for fold in value["folds"]:
        groups = "" if fold["groups"] is None else f" of {fold['groups']:,} groups"
        yield f"  {fold['run']}: {fold['accuracy']:.1%} on {fold['images']:,} images{groups}"
    for row in value["doubtful"][:NAMED]:
        told = f"{row['label_probability']:.1%} against {row['probability']:.1%}"
        yield f"Doubtful: {row['image']} is labeled {row['label']} and looks like {row['looks_like']} ({told})"
    if len(value["doubtful"]) > NAMED:
        yield f"  and {len(value['doubtful']) - NAMED:,} more in crossval.json"
    for path in filter(None, value["pictures"].values()):
        yield f"Picture: {path}"
