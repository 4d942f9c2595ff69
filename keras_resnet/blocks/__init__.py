"""Residual blocks, tensor to tensor; they know no network and no weights.

`conv_block` and `identity_block` are Chollet's, of Keras layers. The others are the general ones: they receive a maker that
turns "a 3x3 convolution here" into a layer of the right name, padding and bias, or into a count of its parameters.
"""

import importlib

_HOME = {"conv_block": "residual", "identity_block": "residual"}

__all__ = ["conv_block", "identity_block"]


def __getattr__(name):
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__():
    return sorted({*globals(), *__all__})
