"""Training: recipes, and a run from an image set to a run folder."""

import importlib

# Public name -> the module that defines it; loaded when first asked for, so that reading recipes loads no framework.
_HOME = {
    "LayerRatesAdamW": "layer_rates",
    "Options": "options",
    "Outcome": "trainer",
    "Plan": "dry_run",
    "RECIPES": "recipes",
    "Recipe": "recipe",
    "find_group": "group",
    "join": "distribute",
    "plan": "dry_run",
    "resume": "trainer",
    "run": "trainer",
    "training_model": "network",
}

__all__ = sorted(_HOME)


def __getattr__(name):
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
