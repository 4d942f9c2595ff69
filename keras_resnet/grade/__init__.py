"""Checks of a learner's own blocks and network: structure and values, a sentence for each mistake.

In a notebook cell, `check_identity_block(identity_block)`; at the command line, `keras-resnet grade NOTEBOOK_OR_MODULE`.
"""

import importlib

# Public name -> the module that holds it.
_HOMES = {
    "Grade": "grading",
    "check_conv_block": "blocks",
    "check_identity_block": "blocks",
    "check_resnet50": "network",
    "grade_file": "process",
    "grade_folder": "gradebook",
}

__all__ = [*_HOMES]


def __getattr__(name):
    if name in _HOMES:
        return getattr(importlib.import_module(f"keras_resnet.grade.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *__all__})
