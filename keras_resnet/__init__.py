"""keras_resnet: two block builders stacked into ResNets, their weights, and a training module for SIGNS-style image sets.

Importing this package loads no framework: public names are resolved when they are first used. Import it before TensorFlow, so
that TensorFlow's fast CPU kernels (oneDNN) are on; see `keras_resnet.cpu`.
"""

import importlib

from keras_resnet import backend, cpu
from keras_resnet.version import __version__

# Public name -> the module it comes from.
_NAMES = {
    "ResNet50": "keras_resnet.resnet50",
    "conv_block": "keras_resnet.blocks",
    "identity_block": "keras_resnet.blocks",
    "accelerate": "keras_resnet.fast",
    "create_model": "keras_resnet.models.build",
    "decode_predictions": "keras_resnet.models.imagenet",
    "list_models": "keras_resnet.models.catalog",
    "features": "keras_resnet.models.pyramid",
    "freeze": "keras_resnet.models.freezing",
    "check_train_eval_gap": "keras_resnet.models.batch_norm",
    "preprocess_input": "keras_resnet.models.preprocess",
    "recalibrate_batch_norm": "keras_resnet.models.batch_norm",
    "keep_memory": "keras_resnet.cpu",
    "numerics": "keras_resnet.repeatable",
    "seed_everything": "keras_resnet.repeatable",
}
_SUBPACKAGES = (
    "bench",
    "blocks",
    "compat",
    "data",
    "deploy",
    "errors",
    "evaluate",
    "grade",
    "lab",
    "models",
    "train",
    "weights",
)

__all__ = ["__version__", *_NAMES, *_SUBPACKAGES]


def __getattr__(name):
    if name not in __all__:
        raise AttributeError(f"module 'keras_resnet' has no attribute {name!r}")
    try:
        if name in _SUBPACKAGES:
            return importlib.import_module(f"keras_resnet.{name}")
        return getattr(importlib.import_module(_NAMES[name]), name)
    except ModuleNotFoundError as error:
        if not (line := backend.missing(error)):
            raise
        raise ModuleNotFoundError(line, name=error.name) from None


def __dir__():
    return sorted(__all__)


backend.choose_backend()
cpu.turn_on_onednn()
cpu.warn_of_namesake()
