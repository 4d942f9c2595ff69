"""The residual lab: what texts on residual networks claim, each claim an experiment with a criterion stated beforehand.

An experiment is one file: claim, source, protocol, criteria, the measurement, and the figures, which are drawn from the stored
numbers alone. Importing this package and listing the experiments load no framework.
"""

import importlib

# Public name -> the module that defines it; a module is imported when one of its names is first asked for.
_HOME = {
    "EXPERIMENTS": "registry",
    "Criterion": "experiment",
    "Experiment": "experiment",
    "Result": "experiment",
    "draw": "store",
    "figures_of": "store",
    "read": "store",
    "run": "runner",
    "write_page": "page",
}

__all__ = sorted(_HOME)


def __getattr__(name):
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__():
    return sorted({*globals(), *__all__})
