"""`keras-resnet export`: a trained network for another engine."""

from keras_resnet.cli.output import add_common, result
from keras_resnet.cli.quiet import load_keras


def add_arguments(parser):
    """Adds the command's arguments."""
    from keras_resnet.deploy.formats import FORMATS
    from keras_resnet.models.preprocess import MODES

    parser.add_argument("source", metavar="RUN", help="run folder, or a weight file")
    parser.add_argument("--format", required=True, choices=FORMATS, help="what to write")
    text = "compute in 8-bit integers, scaled by the run's training images, and say what accuracy that costs"
    parser.add_argument("--int8", action="store_true", help=text)
    text = "points of accuracy that int8 may lose; layers that lose more stay in float32 (default: %(default)s)"
    parser.add_argument("--max-drop", type=float, default=0.5, metavar="POINTS", help=text)
    parser.add_argument("--features", action="store_true", help="give the pooled features in place of probabilities")
    parser.add_argument("--out", metavar="PATH", help="where to write (default: a place in RUN/exports, where `predict` looks)")
    text = "image set to check and calibrate on (default: the run's own images, those to test on never)"
    parser.add_argument("--images", metavar="SET", help=text)
    text = "what a weight file expects of pixels (default: as published weights of its lineage)"
    parser.add_argument("--preprocess", choices=MODES, help=text)
    add_common(parser, "keras-resnet export runs/first --format openvino --int8")


def run(arguments):
    """Exports, checks, and prints what was found."""
    from keras_resnet.deploy.formats import format_of, require

    row = format_of(arguments.format)
    require(f"--format {arguments.format}", row.modules, row.extra)  # told at once, not after the framework has loaded
    load_keras()
    from keras_resnet.deploy import export

    names = ("format", "int8", "max_drop", "features", "images", "preprocess")
    written = export(arguments.source, arguments.out, **{name: getattr(arguments, name) for name in names})
    result(written.to_json(), str(written), arguments.json)
