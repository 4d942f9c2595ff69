"""`keras-resnet evaluate`: a trained run on the test images of a set."""

from keras_resnet.cli.output import add_common, result, say, table
from keras_resnet.cli.quiet import load_keras


def add_arguments(parser):
    """Adds the command's arguments."""
    parser.add_argument("run", metavar="RUN", help="run folder")
    text = "image set in the SIGNS layout, or a folder of class folders of photographs, or of train/ and test/ with such"
    parser.add_argument("--data", required=True, metavar="SET", help=text)
    parser.add_argument("--all", action="store_true", help="look at images too that the run was trained on")
    parser.add_argument("--out", metavar="DIR", help="write confusion.png, mistakes.png and report.html there")
    add_common(parser, "keras-resnet evaluate runs/first --data signs")


def run(arguments):
    """Evaluates and prints the scores."""
    from keras_resnet.workdir import Workdir

    Workdir(arguments.run).read()  # a wrong name is told at once, not after the framework has loaded
    load_keras()
    from keras_resnet import evaluate
    from keras_resnet.evaluate.metrics import percent

    scores = evaluate.report(arguments.run, arguments.data, out=arguments.out, all_images=arguments.all, say=say)
    record = Workdir(arguments.run).read()
    weighted = scores.imbalanced or record["recipe"].get("class_weights", False)
    balanced = f", balanced accuracy {percent(scores.balanced_accuracy, 1)}" if weighted else ""
    lines = [f"Test accuracy {scores.accuracy_text}{balanced}, loss {scores.loss:.3f}, on {scores.images} images", ""]
    rows = [(row.name, row.images, _share(row.precision), _share(row.recall)) for row in scores.per_class]
    lines += table(["class", "images", "precision", "recall"], rows)
    if arguments.out:
        lines += ["", f"Report: {arguments.out}/report.html"]
    result({"run": arguments.run, **scores.to_json()}, lines, arguments.json)


def _share(value):
    return "-" if value is None else f"{value:.1%}"
