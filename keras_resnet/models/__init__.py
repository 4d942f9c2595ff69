"""Networks: the catalogue, the builder, and what is done to a built network. The catalogue needs no framework."""

import importlib

# Public name -> the module that defines it; a module is imported when one of its names is first asked for.
_HOME = {
    "CATALOG": "catalog",
    "Identity": "identity",
    "LINEAGES": "lineages",
    "ModelSpec": "spec",
    "check_train_eval_gap": "train_eval_gap",
    "create_model": "build",
    "decode_predictions": "imagenet",
    "differences": "identity",
    "features": "pyramid",
    "freeze": "freezing",
    "identify": "identity",
    "list_models": "catalog",
    "preprocess_input": "preprocess",
    "recalibrate_batch_norm": "batch_norm",
    "resolve": "catalog",
    "set_batch_norm_momentum": "batch_norm",
}

__all__ = sorted(_HOME)


def __getattr__(name):
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__():
    return sorted({*globals(), *__all__})
