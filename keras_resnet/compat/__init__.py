"""The residual-network assignment's three generations of names and signatures, over the blocks of this package.

`assignment_v1` (2017 to 2020), `assignment_v2` (2021 to 2023), `assignment_v3` (from 2023 on): star imports for old notebooks.
"""

import importlib

__all__ = ["assignment_v1", "assignment_v2", "assignment_v3"]


def __getattr__(name):
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module(f"{__name__}.{name}")


def __dir__():
    return sorted({*globals(), *__all__})
