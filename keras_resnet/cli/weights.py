"""`keras-resnet weights`: what a weight file is, and whether it would load."""

from keras_resnet.cli.output import add_common, result
from keras_resnet.cli.quiet import load_keras


def add_arguments(parser):
    """Adds the command's arguments."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, summary, run_it in (
        ("inspect", "say what a weight file is, by its content, and what decided", _inspect),
        ("verify", "exit 0 for a file that would load, else 1 with the reason in one line", _verify),
    ):
        action = actions.add_parser(name, help=summary, description=summary)
        action.add_argument(
            "file", metavar="FILE", help="HDF5 of Keras 1, 2 or 3, .keras, .safetensors, or a file of torch.save"
        )
        action.add_argument(
            "--kernels",
            choices=("theano", "tensorflow"),
            help="who computed, where the file does not say; Theano turns kernels",
        )
        add_common(action, f"keras-resnet weights {name} resnet50.h5")
        action.set_defaults(run=run_it)
    parser.epilog = "example:\n  keras-resnet weights inspect resnet50.h5"


def run(arguments):
    """Runs the action."""
    arguments.run(arguments)


def _inspect(arguments):
    from dataclasses import asdict

    from keras_resnet.weights import inspect

    info = asdict(inspect(arguments.file, kernels=arguments.kernels))
    lines = [f"{name:<12} {'-' if value is None else value}" for name, value in info.items() if name != "evidence"]
    lines += [f"{'evidence' if number == 0 else '':<12} {text}" for number, text in enumerate(info["evidence"])]
    result(info, "\n".join(lines), arguments.json)


def _verify(arguments):
    load_keras()
    from keras_resnet.weights import verify

    info, report = verify(arguments.file, kernels=arguments.kernels)
    value = {"file": arguments.file, "model": info.model, "lineage": info.lineage, "weights": len(report.matched)}
    result(value, f"{arguments.file} loads: {info.model}, lineage {info.lineage}; {report}", arguments.json)
