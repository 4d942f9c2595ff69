"""What a computation depends on beside its inputs: the process, the processor, versions, seeds, and the arithmetic.

Importing this loads no framework; the functions load Keras and its backend where they need them. What `import keras_resnet`
itself changes in the process is `turn_on_onednn`, and no more.
"""

import contextlib
import ctypes
import importlib.metadata
import os
import platform
import sys
import warnings
from collections.abc import Iterator

from keras_resnet.errors import RunError, one_of
from keras_resnet.version import __version__

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
    if libc is None or not hasattr(libc, "mallopt"):  # musl has none, and needs none
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


def processor() -> str:
    """The processor's model, as the operating system names it."""
    return _cpuinfo("model name") or platform.processor() or platform.machine()


def processor_flags() -> set[str]:
    """The processor's features as Linux names them; empty where they cannot be read."""
    return set(_cpuinfo("flags").split())


def _cpuinfo(name):
    """What Linux says of the first core; empty elsewhere."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as stream:
            line = next((line for line in stream if line.startswith(name)), "")
    except OSError:
        return ""
    return line.partition(":")[2].strip()


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def versions() -> dict[str, str]:
    """Of this package, Python, and what is loaded of NumPy, h5py, Keras, its backend, PyTorch and torchvision."""
    keras = sys.modules.get("keras")
    backend = [keras.backend.backend()] if keras else []  # its name is its module's
    names = dict.fromkeys(["numpy", "keras", *backend, "h5py", "torch", "torchvision"])
    loaded = {name: sys.modules[name].__version__ for name in names if name in sys.modules}
    return {"keras_resnet": __version__, "python": platform.python_version(), **loaded}


def onednn() -> bool | None:
    """Whether TensorFlow's oneDNN kernels are on in this process; None where TensorFlow is not loaded or does not say."""
    if "tensorflow" not in sys.modules:
        return None
    try:
        from tensorflow.python.util import _pywrap_util_port
    except ImportError:
        return None
    return bool(_pywrap_util_port.IsMklEnabled())


def onednn_by_default():
    """Whether TensorFlow turns oneDNN on by itself on this processor, so that its stock speed is the fast one."""
    return bool(_ONEDNN_BY_DEFAULT & processor_flags())


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


PRECISIONS = ("float32", "bfloat16", "float16")  # of the layers' computations

_LARGEST_SEED = 2**32 - 1  # of NumPy's global generator

# Values of `jax_default_matmul_precision` under which float32 products are taken in full (JAX's documentation of
# `jax.default_matmul_precision`); None and "default" mean TF32 on graphics cards that have it.
_FULL_IN_JAX = ("float32", "highest")


def seed_everything(seed: int) -> None:
    """Seeds the global random numbers of Python (`random`), NumPy (`numpy.random`), Keras and its backend.

    Initial weights, dropout and shuffling are then the same in every start of the same program. Not covered: the hash seed of
    Python, which is fixed before a program starts (`PYTHONHASHSEED`); `numpy.random.Generator` objects, which have seeds of
    their own (those of `keras_resnet` are seeded by the run's seed); and the order in which threads add numbers up, so that
    two runs on several threads may differ in their last digits.

    Args:
        seed: int, 0 to 2**32 - 1.

    Raises:
        RunError: another seed.
    """
    if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed <= _LARGEST_SEED:
        raise RunError(f"seed: expected an int from 0 to {_LARGEST_SEED}, received {seed!r}")
    import keras

    keras.utils.set_random_seed(seed)


@contextlib.contextmanager
def deterministic(wanted=True):
    """Within the `with` block the backend computes, on a processor, the same bits at every start.

    TensorFlow and PyTorch have a switch for that, which is put back at the end; JAX's programs for the processor are so by
    themselves. On graphics cards nothing is changed: some operations have no such form there.

    Args:
        wanted: False changes nothing.

    Yields:
        Whether it holds, a bool.
    """
    import keras

    backend = keras.backend.backend()
    if not wanted or _has_cards(backend):
        yield False
        return
    read, write = _SWITCH.get(backend, (lambda: True, lambda value: None))
    before = read()
    write(True)
    try:
        yield True
    finally:
        write(before)


def _has_cards(backend):
    """Whether the backend computes on something else than the processor."""
    return _LOOK[backend]()["devices"] != ["CPU"]


def _tensorflow_is_deterministic():
    from tensorflow.python.framework import config  # the public module has only the way in

    return config.is_op_determinism_enabled()


def _set_tensorflow_deterministic(value):
    from tensorflow.python.framework import config

    (config.enable_op_determinism if value else config.disable_op_determinism)()


def _torch_is_deterministic():
    import torch

    return torch.are_deterministic_algorithms_enabled()


def _set_torch_deterministic(value):
    import torch

    torch.use_deterministic_algorithms(value)


# Backend -> how its switch is read and set.
_SWITCH = {
    "tensorflow": (_tensorflow_is_deterministic, _set_tensorflow_deterministic),
    "torch": (_torch_is_deterministic, _set_torch_deterministic),
}


class Numerics(dict):
    """What `numerics` returns: a dict of plain values. At the end of a `with` block the former setting of TF32 comes back."""

    def __init__(self, facts, before):
        super().__init__(facts)
        self._before = before

    def __enter__(self):
        return self

    def __exit__(self, *error):
        _set_tf32(self["backend"], self._before)


def numerics(tf32: bool | None = False) -> Numerics:
    """Turns TF32 off, and says what float32 numbers are computed with.

    TF32 keeps 10 of the 23 bits of a float32 fraction in matrix products and convolutions on NVIDIA's graphics cards since
    2020: two frameworks, or a card and a processor, then agree to three digits. Turn it off before comparing them.

    It takes effect at once; used in a `with` statement, until the block ends:

        with kr.numerics() as facts:
            logits = model.predict(images)

    Args:
        tf32: False turns it off, True on; None leaves it as it is and only looks.

    Returns:
        A dict: ``backend``, Keras's; ``devices``, names of the graphics cards or other accelerators, else of the processor;
        ``threads``, a dict of ``intra`` (in one operation) and ``inter`` (operations beside each other), None where the
        backend does not say; ``onednn``, whether the kernels of that library are used on the processor, None where that
        cannot be asked; ``tf32``, whether it is allowed; ``float``, Keras's default type of numbers.

    Raises:
        RunError: another value of ``tf32``, or a backend that is not known here.
    """
    if tf32 not in (False, True, None):
        raise RunError(one_of("tf32", tf32, (False, True, None)))
    import keras

    backend = keras.backend.backend()
    if backend not in _LOOK:
        raise RunError(one_of("backend of Keras", backend, _LOOK))
    before = _get_tf32(backend)
    if tf32 is not None:
        _set_tf32(backend, tf32)
    facts = {"backend": backend, **_LOOK[backend](), "tf32": _allowed(_get_tf32(backend)), "float": keras.config.floatx()}
    return Numerics(facts, before)


def _tensorflow():
    import tensorflow as tf

    cards = [tf.config.experimental.get_device_details(card).get("device_name", card.name) for card in _cards(tf)]
    threads = tf.config.threading
    return {
        "devices": cards or ["CPU"],
        "threads": {  # 0 stands for all cores
            "intra": threads.get_intra_op_parallelism_threads() or cores(),
            "inter": threads.get_inter_op_parallelism_threads() or cores(),
        },
        "onednn": onednn(),
    }


def _cards(tf):
    return tf.config.get_visible_devices("GPU")


def _torch():
    import torch

    return {
        "devices": _cards_of_torch(torch) or ["CPU"],
        "threads": {"intra": torch.get_num_threads(), "inter": torch.get_num_interop_threads()},
        "onednn": bool(torch.backends.mkldnn.is_available()),
    }


def _cards_of_torch(torch):
    """The devices beside the processor, in the order in which Keras takes the first kind (keras/src/backend/torch/core.py)."""
    if torch.backends.mps.is_available():
        return ["Apple GPU (MPS)"]
    if cards := [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]:
        return cards
    return [torch.xpu.get_device_name(number) for number in range(torch.xpu.device_count())]


def _jax():
    import jax

    return {
        "devices": ["CPU" if device.platform == "cpu" else device.device_kind for device in jax.devices()],
        "threads": {"intra": None, "inter": None},
        "onednn": None,
    }


_LOOK = {"tensorflow": _tensorflow, "torch": _torch, "jax": _jax}


def _get_tf32(backend):
    """The setting in the backend's own terms: `_set_tf32` takes it back."""
    if backend == "tensorflow":
        import tensorflow as tf

        return tf.config.experimental.tensor_float_32_execution_enabled()
    if backend == "torch":
        import torch

        return (torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32)
    import jax

    return jax.config.jax_default_matmul_precision


def _set_tf32(backend, value):
    """Sets it to a bool, or to what `_get_tf32` returned."""
    if backend == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_tensor_float_32_execution(value)
    elif backend == "torch":
        import torch

        products, convolutions = (value, value) if isinstance(value, bool) else value
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = products, convolutions
    else:
        import jax

        value = {True: "default", False: "float32"}[value] if isinstance(value, bool) else value
        jax.config.update("jax_default_matmul_precision", value)


def _allowed(setting):
    """Whether a setting, as `_get_tf32` gives it, allows TF32 anywhere."""
    if isinstance(setting, tuple):
        return any(setting)
    return setting if isinstance(setting, bool) else setting not in _FULL_IN_JAX
