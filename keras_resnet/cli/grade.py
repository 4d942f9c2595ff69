"""``keras-resnet grade``: checks the residual blocks and the network in a learner's notebook or module, or in a class's."""

import dataclasses
import os
from collections import Counter

from keras_resnet.cli.output import add_common, result, say, table

DESCRIPTION = """\
Checks identity_block, convolutional_block (or conv_block) and ResNet50 of a notebook or module against the
paper's layers and against the equations, in any of the assignment's signatures, and prints a sentence for each
mistake. Only the file's definitions are run, and of them what the three need, in a process of their own that may
write nothing, start no program and use no network. Exit status 0 where all is right, 1 where it is not.

Of a folder, every submission is graded: each notebook or module in it, and those of each folder in it. --csv
writes a row for each as it comes; the same command later goes on where it was stopped, and grades again what has
changed. Exit status 0 once each has its row."""


def add_arguments(parser):
    """Adds the command's arguments."""
    parser.description = DESCRIPTION
    parser.add_argument("file", metavar="NOTEBOOK_OR_MODULE_OR_FOLDER", help="a .ipynb or .py file, or a class's folder")
    parser.add_argument("--seconds", type=float, default=120, metavar="S", help="time for its code (default: 120)")
    parser.add_argument("--memory", type=int, default=4096, metavar="MB", help="memory for its code (default: 4096)")
    parser.add_argument("--csv", metavar="FILE", help="of a folder: the table to write, or to go on with")
    parser.add_argument("--html", metavar="FILE", help="of a folder: a page of the same")
    parser.add_argument("--jobs", type=int, metavar="N", help="of a folder: how many at a time (default: what memory allows)")
    add_common(parser, "keras-resnet grade residual_networks.ipynb\n  keras-resnet grade handed_in --csv grades.csv")


def run(arguments):
    """Checks a file and prints a verdict for each function, 1 where one is not right; or grades a folder."""
    return _folder(arguments) if os.path.isdir(arguments.file) else _file(arguments)


def _file(arguments):
    from keras_resnet.errors import GradeError
    from keras_resnet.grade import grade_file

    if arguments.csv or arguments.html or arguments.jobs:
        raise GradeError(f"--csv, --html and --jobs are for a folder of submissions; {arguments.file} is none")
    graded = grade_file(arguments.file, seconds=arguments.seconds, megabytes=arguments.memory)
    for note in graded.notes:
        say(f"note: {note}")
    value = {**dataclasses.asdict(graded), "passed": graded.passed}
    result(value, str(graded), arguments.json)
    return 0 if graded.passed else 1


def _folder(arguments):
    from keras_resnet.grade import grade_folder

    options = {"jobs": arguments.jobs, "seconds": arguments.seconds, "megabytes": arguments.memory, "say": say}
    rows = grade_folder(arguments.file, csv=arguments.csv, html=arguments.html, **options)
    result([dataclasses.asdict(row) for row in rows], _table(rows), arguments.json)
    return 0


def _table(rows):
    """The lines of a table of verdicts, and how many there are of each result."""
    header = ("submission", "result", "identity block", "convolutional block", "network")
    cells = [(row.submission, row.result, row.identity_block, row.convolutional_block, row.network) for row in rows]
    counts = Counter(row.result for row in rows)
    return [*table(header, cells), ", ".join(f"{count} {word}" for word, count in counts.items())]
