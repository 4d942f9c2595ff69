"""The process in which a learner's code runs: `python -m keras_resnet.grade.child TASK`.

TASK is a JSON file: ``path`` of the learner's file, ``report`` to write into, ``megabytes`` and ``seconds`` that its code may
use, what `confinement.confine` takes, and ``done``, the names of functions that are not to be checked again. The report has one
JSON value a line, written as it goes, the first once the framework has loaded: ``{"note": ..}``, ``{"found": [[name, subject],
..]}``, ``{"grade": ..}``; or, where Keras has no backend, ``{"missing": what to do, "name": of the module}`` alone.
"""

import dataclasses
import json
import os
import sys

from keras_resnet import backend
from keras_resnet.grade import confinement


def main(path, report, megabytes, seconds, writable, hidden, done):
    """Loads the file's definitions, checks each of the targets among them, and writes the report."""
    try:
        import keras
    except ModuleNotFoundError as error:
        return _report_missing_backend(error, report)

    from keras_resnet.grade import cells

    pieces = cells.read(path)
    keras.ops.zeros(1)  # the framework has its memory before the limit counts
    with open(report, "w", encoding="utf-8") as file:
        os.chdir(os.path.dirname(os.path.abspath(path)))
        sys.path.insert(0, os.getcwd())
        sys.argv, sys.dont_write_bytecode = [path], True
        confinement.limit(megabytes, seconds)
        confinement.confine(writable, hidden)
        _check(pieces, done, lambda value: print(json.dumps(value), file=file, flush=True))


def _report_missing_backend(error, report):
    line = backend.missing(error)
    if not line:
        raise error
    with open(report, "w", encoding="utf-8") as file:
        json.dump({"missing": line, "name": error.name}, file)


def _check(pieces, done, write):
    from keras_resnet.grade import targets
    from keras_resnet.grade.definitions import Definitions

    definitions = Definitions(pieces, targets.wanted(pieces))
    found, unclear = targets.find(definitions)
    for note in [*definitions.notes, *unclear, *(target.note for target in found if target.function and target.note)]:
        write({"note": note})
    write({"found": [(target.name, target.subject) for target in found]})
    unread = [target.name for target in found if target.function is None]
    for target in found:
        if target.name in done:
            continue
        outcome = dataclasses.replace(_outcome(target, unread), name=target.name, subject=target.subject)
        write({"grade": dataclasses.asdict(outcome)})


def _outcome(target, unread):
    from keras_resnet import grade
    from keras_resnet.grade.grading import graded
    from keras_resnet.grade.sentences import mistake
    from keras_resnet.grade.targets import CHECKS

    if target.function is None:
        return graded(target.name, [mistake("unreadable", name=target.name, why=target.note)])
    used = getattr(getattr(target.function, "__code__", None), "co_names", ())
    if block := next((name for name in unread if name in used), None):
        return graded(target.name, [mistake("not_checked", name=target.name, block=block, why="cannot be read")])
    try:
        return getattr(grade, CHECKS[target.subject])(target.function)
    except SystemExit:
        return graded(target.name, [mistake("exit", name=target.name)])


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as task:
        main(**json.load(task))
