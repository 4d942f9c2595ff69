"""What has to happen before a framework loads: TensorFlow's fast CPU kernels, and a look for the package of the same name."""

import importlib.metadata
import os
import sys
import warnings

ONEDNN = "TF_ENABLE_ONEDNN_OPTS"

# With one of these TensorFlow turns oneDNN on by itself (tensorflow/core/util/util.cc, IsMKLEnabled, version 2.21).
_ONEDNN_BY_DEFAULT = {"avx512_vnni", "avx512_bf16", "avx_vnni", "amx_tile", "amx_int8", "amx_bf16"}


def turn_on_onednn():
    """Turns TensorFlow's oneDNN kernels on, unless the user decided or TensorFlow is loaded already."""
    if "tensorflow" not in sys.modules:
        os.environ.setdefault(ONEDNN, "1")


def flags():
    """The processor's feature flags as Linux names them, a set; empty where they cannot be read."""
    try:
        with open("/proc/cpuinfo") as stream:
            line = next((line for line in stream if line.startswith("flags")), ":")
    except OSError:
        return set()
    return set(line.partition(":")[2].split())


def lost_speed():
    """One line saying what is lost and how to mend it where TensorFlow was loaded without oneDNN; None where it was not.

    A user who set the variable to 0 has decided, and hears nothing.
    """
    if "tensorflow" not in sys.modules or ONEDNN in os.environ or _ONEDNN_BY_DEFAULT & flags():
        return None
    return (
        "TensorFlow was loaded before keras_resnet and runs without its oneDNN kernels on this processor: training takes "
        f"several times as long. Import keras_resnet first, or set {ONEDNN}=1 in the environment."
    )


def warn_of_namesake():
    """Warns where the unrelated distribution `keras-resnet` is installed: it has the same import name."""
    try:
        version = importlib.metadata.version("keras-resnet")
    except importlib.metadata.PackageNotFoundError:
        return
    warnings.warn(
        f"The unrelated distribution keras-resnet {version} is installed beside keras-resnet50 and has the same import name, "
        "keras_resnet: the files of the two are mixed. Run `pip uninstall keras-resnet keras-resnet50`, then "
        "`pip install keras-resnet50`.",
        stacklevel=3,
    )
