"""What training on a processor wants of its process: TensorFlow's fast kernels, kept memory, no package of the same name."""

import contextlib
import ctypes
import importlib.metadata
import os
import sys
import warnings
from collections.abc import Iterator

ONEDNN = "TF_ENABLE_ONEDNN_OPTS"
MALLOC = "KERAS_RESNET_MALLOC"

# Parameters of mallopt (glibc's malloc.h): M_MMAP_THRESHOLD, larger requests are mapped, cleared and given back at every step;
# M_TRIM_THRESHOLD, a longer free end of the heap is given back; M_TOP_PAD, what the heap grows by.
_KEPT = ((-3, 1 << 30), (-1, 2**31 - 1), (-2, 1 << 26))
# What glibc itself comes to where large blocks are freed (DEFAULT_MMAP_THRESHOLD_MAX, twice that; DEFAULT_TOP_PAD).
_USUAL = ((-3, 1 << 25), (-1, 1 << 26), (-2, 1 << 17))

# With one of these TensorFlow turns oneDNN on by itself (tensorflow/core/util/util.cc, IsMKLEnabled, version 2.21).
_ONEDNN_BY_DEFAULT = {"avx512_vnni", "avx512_bf16", "avx_vnni", "amx_tile", "amx_int8", "amx_bf16"}


def turn_on_onednn():
    """Turns TensorFlow's oneDNN kernels on, unless the user decided or TensorFlow is loaded already."""
    if "tensorflow" not in sys.modules:
        os.environ.setdefault(ONEDNN, "1")


@contextlib.contextmanager
def keep_memory() -> Iterator[None]:
    """Within the `with` block glibc keeps freed memory for the next step, and gives it back at the end. Linux alone.

    A training step of ResNet-50 at 64 x 64 and batch 32 under TensorFlow otherwise takes 6,700 page faults, 3 % of its time. A
    user who set one of malloc's own variables has decided; `KERAS_RESNET_MALLOC=0` in the environment turns this off.
    """
    decided = os.environ.get(MALLOC) == "0" or any(
        name == "GLIBC_TUNABLES" or name.startswith("MALLOC_") for name in os.environ
    )
    libc = None if decided or not sys.platform.startswith("linux") else ctypes.CDLL(None)
    if not hasattr(libc, "mallopt"):  # musl has none, and needs none
        yield
        return
    for parameter, value in _KEPT:
        libc.mallopt(parameter, value)
    try:
        yield
    finally:
        for parameter, value in _USUAL:
            libc.mallopt(parameter, value)
        libc.malloc_trim(0)


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
