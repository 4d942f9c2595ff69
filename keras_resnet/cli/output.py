"""What every command shares: the ``--json`` and ``--debug`` flags, and where results and progress go."""

import sys

from keras_resnet.files import json_text


def add_common(parser, example):
    """Adds ``--json`` and ``--debug`` to ``parser`` and ends its help with ``example``."""
    parser.add_argument("--json", action="store_true", help="print one JSON value on standard output")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    parser.epilog = f"example:\n  {example}"


def say(text):
    """Progress and warnings: standard error, so that standard output holds the result alone."""
    print(text, file=sys.stderr, flush=True)


def result(value, text, as_json):
    """Prints a result on standard output: ``value`` as one JSON value, or ``text``."""
    print(json_text(value) if as_json else text, flush=True)
