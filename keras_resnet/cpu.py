"""What has to happen before a framework loads: TensorFlow's fast CPU kernels, and a look for the package of the same name."""

import contextlib
import ctypes
import importlib.metadata
import os
import sys
import warnings

ONEDNN = "TF_ENABLE_ONEDNN_OPTS"
MALLOC = "KERAS_RESNET_MALLOC"

# mallopt's parameters and our values (glibc's malloc.h). Large tensors come from one heap that keeps its memory, not from
# pages that are mapped, cleared and given back at every step.
_MALLOC = (
    (-8, 1),  # M_ARENA_MAX: a thread's own arena cannot hold a tensor of more than 64 MiB
    (-3, 1 << 30),  # M_MMAP_THRESHOLD: smaller requests stay in the heap
    (-1, 2**31 - 1),  # M_TRIM_THRESHOLD: the heap's free end is not given back
    (-2, 1 << 26),  # M_TOP_PAD: the heap grows by 64 MiB
)

# With one of these TensorFlow turns oneDNN on by itself (tensorflow/core/util/util.cc, IsMKLEnabled, version 2.21).
_ONEDNN_BY_DEFAULT = {"avx512_vnni", "avx512_bf16", "avx_vnni", "amx_tile", "amx_int8", "amx_bf16"}


def turn_on_onednn():
    """Turns TensorFlow's oneDNN kernels on, unless the user decided or TensorFlow is loaded already."""
    if "tensorflow" not in sys.modules:
        os.environ.setdefault(ONEDNN, "1")


def keep_memory():
    """Has glibc keep the memory of freed tensors for the next step, on Linux, before TensorFlow takes any.

    A training step of ResNet-50 at 64 x 64 and batch 32 otherwise takes 70,000 page faults. A user who set one of malloc's
    own variables has decided; `KERAS_RESNET_MALLOC=0` in the environment turns this off.
    """
    decided = MALLOC in os.environ or any(name == "GLIBC_TUNABLES" or name.startswith("MALLOC_") for name in os.environ)
    if decided or not sys.platform.startswith("linux") or "tensorflow" in sys.modules:
        return
    with contextlib.suppress(AttributeError, OSError):  # musl has no mallopt, and needs none
        mallopt = ctypes.CDLL(None).mallopt
        for parameter, value in _MALLOC:
            mallopt(parameter, value)


def flags():
    """The processor's feature flags as Linux names them, a set; empty where they cannot be read."""
    try:
        with open("/proc/cpuinfo") as stream:
            line = next((line for line in stream if line.startswith("flags")), ":")
    except OSError:
        return set()
    return set(line.partition(":")[2].split())


def onednn_by_default():
    """Whether TensorFlow turns oneDNN on by itself on this processor, so that its stock speed is the fast one."""
    return bool(_ONEDNN_BY_DEFAULT & flags())


def lost_speed():
    """One line saying what is lost and how to mend it where TensorFlow was loaded without oneDNN; None where it was not.

    A user who set the variable to 0 has decided, and hears nothing.
    """
    if "tensorflow" not in sys.modules or ONEDNN in os.environ or onednn_by_default():
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
