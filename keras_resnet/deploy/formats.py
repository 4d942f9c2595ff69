"""The formats that a network is exported to, what each needs to be installed, and the engine that runs it."""

import importlib.util
from dataclasses import dataclass

from keras_resnet.errors import DeployError, one_of

DISTRIBUTION = "keras-resnet50"
INT8_MODULES = ("nncf", "torch")  # NNCF 3.4 imports PyTorch to see whether a model is one of it (nncf/common/utils/backend.py)


@dataclass(frozen=True)
class Format:
    """One format of exported networks.

    Attributes:
        ending: of the file's name; of a folder, none.
        engine: what runs it, a key of `engines.ENGINES`.
        modules: what has to be installed to write one and check it.
        extra: of this package, that installs them.
        int8: what writing it in int8 needs beyond that; empty for nothing. None where it has no int8.
    """

    ending: str
    engine: str
    modules: tuple
    extra: str
    int8: tuple | None


FORMATS = {
    "openvino": Format(".xml", "openvino", ("openvino",), "openvino", INT8_MODULES),
    "onnx": Format(".onnx", "onnxruntime", ("onnx", "tf2onnx", "onnxruntime"), "onnx", INT8_MODULES),
    "litert": Format(".tflite", "litert", ("ai_edge_litert",), "litert", ()),
    "saved_model": Format("", "tensorflow", ("tensorflow",), "", None),
}


def format_of(name):
    """The `Format` of a name; a `DeployError` for another one."""
    if name not in FORMATS:
        raise DeployError(one_of("format", name, FORMATS))
    return FORMATS[name]


def is_installed(*modules):
    """Whether all modules can be imported; nothing is."""
    return all(importlib.util.find_spec(module) is not None for module in modules)


def require(what, modules, extra):
    """Raises a `DeployError` that says which extra to install where a module is missing."""
    missing = [module for module in modules if not is_installed(module)]
    if missing:
        install = f"pip install '{DISTRIBUTION}[{extra}]'" if extra else f"pip install {' '.join(missing)}"
        raise DeployError(f"{what} needs {' and '.join(missing)}, not installed here: {install}")
