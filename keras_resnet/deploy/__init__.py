"""A trained network put to use: answers on photographs, written for other engines, and proved to be the same function."""

import importlib

# Public name -> the module that defines it; a module is imported when one of its names is first asked for.
_HOME = {
    "Exported": "exporter",
    "Parity": "parity",
    "Predictor": "predictor",
    "check": "exporter",
    "export": "exporter",
    "latency": "timing",
    "load": "engines",
}

__all__ = sorted(_HOME)


def __getattr__(name):
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__():
    return sorted({*globals(), *__all__})
