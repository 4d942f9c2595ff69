"""``keras-resnet``: reads the command, calls it, and turns errors into one line and an exit status.

Exit status: 0 success, 1 an error (one line on standard error), 2 a usage error, 130 interrupted. No framework is imported
here: every command imports what it needs when it runs.
"""

import argparse
import importlib
import os
import sys
import traceback

from keras_resnet.backend import missing
from keras_resnet.cli.output import notes_shown, say
from keras_resnet.errors import KerasResNetError
from keras_resnet.text import visible
from keras_resnet.version import __version__

# Command -> one line of help. The module keras_resnet.cli.<command> has `add_arguments(parser)` and `run(arguments)`,
# which returns None or an exit status.
COMMANDS = {
    "train": "train a network on an image set and write a run folder",
    "evaluate": "measure a trained run on the test images of a set",
    "crossval": "measure accuracy on images that no network has seen, and find labels that may be wrong",
    "predict": "say what a trained run sees in photographs",
    "explain": "show which parts of photographs a trained run's answers rest on",
    "export": "write a trained network for another engine, and prove it the same",
    "runs": "compare the runs of a folder in a table and one picture",
    "models": "list the networks, their lineages, parameters and multiply-adds",
    "weights": "say what a weight file is, convert, compare and fetch such files",
    "data": "make, pack, check and show image sets in the SIGNS layout",
    "grade": "check your own residual blocks, a sentence for each mistake",
    "lab": "test what texts claim of residual networks, with numbers and figures",
}

EXAMPLE = """\
example:
  keras-resnet data synthetic signs
  keras-resnet train --data signs --out runs/first
  keras-resnet predict runs/first photo.jpg
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        """Ends with a usage error; words of the command line may be names of files."""
        super().error(visible(message))


def build_parser(command=None):
    """The parser; with the name of a command, only that command's arguments are built (start-up stays quick)."""
    parser = _Parser(
        prog="keras-resnet",
        description="Residual networks for Keras: train, evaluate and use them.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"keras-resnet {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, summary in COMMANDS.items():
        sub = commands.add_parser(name, help=summary, description=summary, formatter_class=argparse.RawDescriptionHelpFormatter)
        if name == command:
            importlib.import_module(f"keras_resnet.cli.{name}").add_arguments(sub)
    return parser


def main(argv=None):
    """Runs one command line and returns its exit status."""
    argv = list(sys.argv[1:] if argv is None else argv)
    command = next((word for word in argv if word in COMMANDS), None)
    arguments = build_parser(command).parse_args(argv, argparse.Namespace(words=argv))
    return finish(lambda: importlib.import_module(f"keras_resnet.cli.{command}").run(arguments), arguments)


def finish(call, arguments, program="keras-resnet"):
    """Calls what a command does, and returns the exit status: an error is one line, with ``--debug`` its traceback."""
    try:
        with notes_shown():
            status = call()
    except BrokenPipeError:  # the reader, e.g. `head`, has seen enough; nothing more can be flushed to it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if getattr(arguments, "debug", False):
            say(traceback.format_exc())
        else:
            say(f"{program}: {_line(error)}")
        return 1
    except KeyboardInterrupt:
        say(f"{program}: interrupted")
        return 130
    return status or 0


def _line(error):
    """An error as one line: its text, and for one that this package did not foresee also its kind and how to see more."""
    text = " ".join(str(error).split())
    if isinstance(error, KerasResNetError):
        return text
    if isinstance(error, ImportError) and (line := missing(error)):
        return line
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return f"{type(error).__name__}: {text} (--debug shows where)"


if __name__ == "__main__":
    sys.exit(main())
