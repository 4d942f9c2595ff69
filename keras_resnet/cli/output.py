"""What every command shares: the ``--json`` and ``--debug`` flags, and where results and progress go."""

import json
import math
import sys


def add_common(parser, example):
    """Adds ``--json`` and ``--debug`` to ``parser`` and ends its help with ``example``."""
    parser.add_argument("--json", action="store_true", help="print one JSON value on standard output")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    parser.epilog = f"example:\n  {example}"


def say(text):
    """Progress and warnings: standard error, so that standard output holds the result alone."""
    print(text, file=sys.stderr, flush=True)


def result(value, text, as_json):
    """Prints a result on standard output: ``value`` as one JSON value, or ``text``.

    A number that is not finite, which JSON has no word for, becomes null.
    """
    print(json.dumps(_finite(value), indent=2, allow_nan=False) if as_json else text, flush=True)


def _finite(value):
    """The same value with None for every NaN and infinity in it."""
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
