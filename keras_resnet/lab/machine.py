"""What a result was measured on and with."""

import os
import platform
import sys

import numpy as np

from keras_resnet.repeatable import cores
from keras_resnet.version import __version__


def facts():
    """A dict: ``machine`` (processor, cores, system) and ``versions``; of Keras and its backend only where they are loaded."""
    keras = sys.modules.get("keras")
    frameworks = ["keras", keras.backend.backend()] if keras else []
    return {
        "machine": {"processor": _processor(), "cores": cores(), "system": platform.system()},
        "versions": {
            "keras_resnet": __version__,
            "python": platform.python_version(),
            "numpy": np.__version__,
            **{name: sys.modules[name].__version__ for name in frameworks},
        },
    }


def _processor():
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as stream:
            for line in stream:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
