"""Image sets: the SIGNS layout read, checked, written, packed from photographs, drawn, and split.

Names load when they are first used, so that importing the package stays quick. Nothing here imports a framework.
"""

import importlib

# Public name -> the module that holds it.
_HOMES = {
    "check": "audit",
    "SignsSet": "sets",
    "Split": "sets",
    "load": "source",
    "load_folder": "folder",
    "load_signs": "signs",
    "write_signs": "signs",
    "pack_folder": "pack",
    "make_synthetic": "synthetic",
    "sample_grid": "grid",
    "split_indices": "split",
}

__all__ = [*_HOMES]


def __getattr__(name):
    if name in _HOMES:
        return getattr(importlib.import_module(f"keras_resnet.data.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *__all__})
