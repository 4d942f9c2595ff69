"""In which circumstances a layer or an optimizer is being called, some of which only private names tell."""

import contextlib

import tensorflow as tf
from keras.src.backend.common import global_state  # holds the context of a call; no public name gives it
from tensorflow.python.framework import ops
from tensorflow.python.ops import control_flow_util


def training() -> bool:
    """Whether the outermost running `Layer.__call__` trains: where a convolution, which has no such argument, learns of it.

    Outside of such a call, as where `RematScope` or a user calls `layer.call` itself, it is False. The context is read and
    never made: one that nobody ends would put every later model of the thread into training.
    """
    context = global_state.get_global_attribute("current_call_ctx")
    return context is not None and bool(context.get_value("training"))


def compiled_by_xla() -> bool:
    """Whether what is being traced goes to XLA (`jit_compile=True`), which has kernels of its own for everything."""
    return control_flow_util.GraphOrParentsInXlaContext(ops.get_default_graph())


def kept_from_clusters():
    """A scope whose operations TensorFlow's automatic clustering (`tf.config.optimizer.set_jit`) leaves out of XLA."""
    return contextlib.nullcontext() if tf.executing_eagerly() else tf.xla.experimental.jit_scope(compile_ops=False)


def plain_tensor(inputs, dtype: str) -> bool:
    """Whether layer inputs are one dense tensor of that type; any other is left to Keras, which casts or refuses it."""
    return isinstance(inputs, tf.Tensor) and inputs.dtype == dtype
