"""The exceptions of the package: one small family.

A message has four parts, in one line: what was asked for, what was received, what would have been accepted, and where.
The command line prints the message alone, on standard error, and exits with status 1.
"""

from keras_resnet.text import visible


class KerasResNetError(Exception):
    """Any error that this package raises on purpose; its text is meant for the user, and safe to print whatever it names."""

    def __str__(self):
        return visible(super().__str__(), keep="\n\t")


class ModelError(KerasResNetError, ValueError):
    """An argument of a network or a block cannot be met."""


class DataError(KerasResNetError, ValueError):
    """An image set or a photograph is missing, damaged or of the wrong form."""


class WeightsError(KerasResNetError, ValueError):
    """A weight file is missing, damaged, or does not fit the model."""


class RunError(KerasResNetError):
    """A run folder is missing, incomplete, or does not fit what is asked of it."""


class DeployError(KerasResNetError):
    """A network cannot be exported as asked, or an export is damaged, foreign, or not the same function as its source."""


class LabError(KerasResNetError, ValueError):
    """An experiment of the lab cannot be run as asked, or a stored result cannot be read."""


class GradeError(KerasResNetError):
    """A learner's file cannot be read, or there is nothing in it to check."""


def one_of(what, received, choices):
    """The text for a value that is not in a known list, e.g. ``one_of("recipe", "sings", ["signs"])``."""
    accepted = ", ".join(repr(choice) if isinstance(choice, str) else str(choice) for choice in choices)
    return f"Unknown {what}: received {received!r}; expected one of {accepted}."


def nearest_of(what, received, names, most=3):
    """The text for a name that is not among many, the closest first and few of them, e.g. of the arguments of a function."""
    shown = ", ".join(map(repr, sorted(names, key=lambda name: _likeness(str(received), name), reverse=True)[:most]))
    more = f" ... ({len(names)} in all)" if len(names) > most else ""
    return f"Unknown {what}: received {received!r}; expected one of {shown}{more}."


def _likeness(received, name):
    """How alike two names are, from 0 on: by their letters, their words and their beginning; `lr` is `learning_rate`."""
    import difflib
    import os

    received, name = received.lower(), name.lower()
    mine, theirs = set(received.split("_")), name.split("_")
    if received == "".join(word[:1] for word in theirs):
        return 3.0
    letters = difflib.SequenceMatcher(None, received, name).ratio()
    words = len(mine.intersection(theirs)) / len(mine.union(theirs))
    return letters + words + name.startswith(received) / 2 + len(os.path.commonprefix([received, name])) / 100
