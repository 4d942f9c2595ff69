"""Automatic differentiation by Keras's backend: TensorFlow, JAX or PyTorch, in the precision of what it is given."""

import contextlib
from types import SimpleNamespace

import keras
import numpy as np


def vjp(function, inputs, slope=None):
    """The value of a function and dJ/dinput for each input.

    Args:
        function: from tensors to a tensor, of `native` operations, or of `keras.ops` and Keras layers in float32.
        inputs: list of arrays, float32 or float64.
        slope: dJ/dvalue, an array of the value's shape; None for J = the sum of the value.

    Returns:
        `(value, slopes)`: an array, and a list of arrays shaped as the inputs.
    """
    backend, inputs = keras.backend.backend(), [np.asarray(each) for each in inputs]
    with _double_in_jax(backend):
        value, slopes = _VJP[backend](function, inputs, slope)
        return keras.ops.convert_to_numpy(value), [keras.ops.convert_to_numpy(each) for each in slopes]


def _tensorflow(function, inputs, slope):
    import tensorflow as tf

    tensors = [tf.convert_to_tensor(each) for each in inputs]
    with tf.GradientTape() as record:
        record.watch(tensors)
        value = function(*tensors)
    given = None if slope is None else tf.convert_to_tensor(slope, dtype=value.dtype)
    return value, record.gradient(value, tensors, given, unconnected_gradients="zero")


def _jax(function, inputs, slope):
    import jax
    import jax.numpy as jnp

    value, back = jax.vjp(function, *map(jnp.asarray, inputs))
    return value, back(jnp.ones_like(value) if slope is None else jnp.asarray(slope, value.dtype))


def _torch(function, inputs, slope):
    import torch

    tensors = [torch.as_tensor(each, device=_torch_device(each)).requires_grad_() for each in inputs]
    value = function(*tensors)
    given = torch.ones_like(value) if slope is None else torch.as_tensor(slope, dtype=value.dtype, device=value.device)
    return value.detach(), torch.autograd.grad(value, tensors, given, materialize_grads=True)


def native():
    """The backend's own `array`, `matmul`, `relu` and `tanh`: on some backends `keras.ops` turns float64 into float32."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        return SimpleNamespace(array=tf.convert_to_tensor, matmul=tf.matmul, relu=tf.nn.relu, tanh=tf.tanh)
    if backend == "jax":
        import jax

        return SimpleNamespace(array=jax.numpy.asarray, matmul=jax.numpy.matmul, relu=jax.nn.relu, tanh=jax.numpy.tanh)
    import torch

    return SimpleNamespace(
        array=lambda value: torch.as_tensor(value, device=_torch_device(value)),
        matmul=torch.matmul,
        relu=torch.relu,
        tanh=torch.tanh,
    )


def _torch_device(array):
    """Keras's device; of float64 arrays the processor where that is Apple's GPU, which knows none."""
    device = keras.ops.zeros(()).device
    return "cpu" if device.type == "mps" and array.dtype == np.float64 else device


_VJP = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}


def _double_in_jax(backend):
    """JAX makes float32 of every float64 unless it is told otherwise."""
    if backend != "jax":
        return contextlib.nullcontext()
    import jax

    return jax.enable_x64(True)
