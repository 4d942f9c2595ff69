"""What a computation depends on beside its code: the seeds of random numbers, and the arithmetic of the machine.

`import keras_resnet` loads no framework; the functions here load Keras and its backend when they are called.
"""

import contextlib
import os

from keras_resnet.errors import RunError, one_of

PRECISIONS = ("float32", "bfloat16", "float16")  # of the layers' computations

_LARGEST_SEED = 2**32 - 1  # of NumPy's global generator

# Values of `jax_default_matmul_precision` under which float32 products are taken in full (JAX's documentation of
# `jax.default_matmul_precision`); None and "default" mean TF32 on graphics cards that have it.
_FULL_IN_JAX = ("float32", "highest")


def seed_everything(seed):
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


def numerics(tf32=False):
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


def cores():
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


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
        "onednn": _onednn_in_tensorflow(),
    }


def _cards(tf):
    return tf.config.get_visible_devices("GPU")


def _onednn_in_tensorflow():
    try:
        from tensorflow.python.util import _pywrap_util_port
    except ImportError:
        return None
    return bool(_pywrap_util_port.IsMklEnabled())


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
