"""``keras-resnet grade``: checks the residual blocks and the network in a learner's notebook or module."""

import dataclasses

from keras_resnet.cli.output import add_common, result, say

DESCRIPTION = """\
Checks identity_block, convolutional_block (or conv_block) and ResNet50 of a notebook or module against the
paper's layers and against the equations, in any of the assignment's signatures, and prints a sentence for each
mistake. Only the file's definitions are run, in a process of their own. Exit status 0 where all is right, 1 where
it is not."""


def add_arguments(parser):
    """Adds the command's arguments."""
    parser.description = DESCRIPTION
    parser.add_argument("file", metavar="NOTEBOOK_OR_MODULE", help="a .ipynb or .py file")
    parser.add_argument("--seconds", type=float, default=120, metavar="S", help="time for its code (default: 120)")
    parser.add_argument("--memory", type=int, default=4096, metavar="MB", help="memory for its code (default: 4096)")
    add_common(parser, "keras-resnet grade residual_networks.ipynb")


def run(arguments):
    """Checks the file and prints a verdict for each function; returns 1 where one is not right."""
    from keras_resnet.grade import grade_file

    graded = grade_file(arguments.file, seconds=arguments.seconds, megabytes=arguments.memory)
    for note in graded.notes:
        say(f"note: {note}")
    value = {**dataclasses.asdict(graded), "passed": graded.passed}
    result(value, str(graded), arguments.json)
    return 0 if graded.passed else 1
