"""Why a network says what it says: which parts of an image its answer rests on, and tests that a method shows the network.

All methods take a functional or sequential `keras.Model`, nested or not, or the folder of a run, and work on TensorFlow, JAX
and PyTorch alike. They look at the logit of a class: a softmax or sigmoid at the end is taken off first.
"""

import importlib

# Public name -> the module that defines it; a module is imported when one of its names is first asked for.
_HOME = {
    "Heatmaps": "heatmaps",
    "METHODS": "methods",
    "cascading_randomization": "checks",
    "deletion": "checks",
    "grad_cam": "gradients",
    "grad_cam_plus_plus": "gradients",
    "insertion": "checks",
    "integrated_gradients": "gradients",
    "occlusion": "perturbation",
    "overlay": "heatmaps",
    "rise": "perturbation",
}

__all__ = sorted(_HOME)


def __getattr__(name):
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__():
    return sorted({*globals(), *__all__})
