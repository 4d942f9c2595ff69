"""How well a network does on a labelled set: figures in numbers, pictures and one HTML page. Needs no framework."""

import importlib

# Public name -> the module that defines it; a module is imported when one of its names is first asked for.
_HOME = {
    "Scores": "metrics",
    "score": "metrics",
    "wilson_interval": "metrics",
    "compare": "comparison",
    "confusion": "figures",
    "curves": "figures",
    "mistakes": "figures",
    "photos": "photographs",
    "explanations": "explanations",
    "html_report": "page",
    "report": "evaluation",
}

__all__ = sorted(_HOME)


def __getattr__(name):
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__():
    return sorted({*globals(), *__all__})
