"""Public names that are imported when they are first used.

A package's `__init__.pyi` says which they are and where they come from: to editors and type checkers, which read it as it is,
and to the package itself, which reads it here. So a name is declared once, and importing a package loads no framework.
"""

import ast
import importlib
import sys
from collections.abc import Callable
from pathlib import Path

from keras_resnet import backend


def attach(package: str) -> tuple[Callable, Callable, list[str]]:
    """The `__getattr__`, `__dir__` and `__all__` of a package, by the stub beside its `__init__.py`.

    Args:
        package: the package's `__name__`.

    Raises, when a name is used:
        AttributeError: no such public name.
        ModuleNotFoundError: Keras's backend is not installed: one line says what to do.
    """
    homes = _homes(Path(str(sys.modules[package].__file__)).with_suffix(".pyi"))

    def __getattr__(name):
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        try:
            home, there = homes[name]
            if home == package:  # a module of the package
                return importlib.import_module(f"{package}.{there}")
            return getattr(importlib.import_module(home), there)
        except ModuleNotFoundError as error:
            if not (line := backend.missing(error)):
                raise
            raise ModuleNotFoundError(line, name=error.name) from None

    def __dir__():
        return sorted(homes)

    return __getattr__, __dir__, sorted(homes)


def _homes(stub: Path) -> dict[str, tuple[str, str]]:
    """Public name -> module and name there: every ``from MODULE import NAME as PUBLIC`` of the stub."""
    statements = ast.parse(stub.read_text(encoding="utf-8")).body
    return {
        alias.asname: (statement.module, alias.name)
        for statement in statements
        if isinstance(statement, ast.ImportFrom) and statement.module
        for alias in statement.names
        if alias.asname
    }
