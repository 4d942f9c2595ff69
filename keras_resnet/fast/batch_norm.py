"""Batch normalisation in training by TensorFlow's fused kernels, where Keras composes it of a dozen passes over the map."""

import keras
import tensorflow as tf

from keras_resnet.fast import context

# XLA, which has no such operation, refuses a graph that holds it; the operation's name is in the message.
_REFUSED_BY_XLA = "keras_resnet_traced_this_for_training_without_jit_compile"


def methods(layer):
    """The methods for a layer: empty for one that is served as it is."""
    plain = (
        type(layer) is keras.layers.BatchNormalization
        and layer.axis in (3, -1)
        and layer.scale
        and layer.center
        and not layer.renorm
        and not layer.synchronized
        and layer.compute_dtype == "float32"
    )
    return {"call": _call} if plain else {}


def _call(layer, inputs, training=None, mask=None):
    """`BatchNormalization.call`."""
    served = training and layer.trainable and mask is None and context.plain_tensor(inputs, "float32")
    if not served or inputs.shape.rank != 4 or context.compiled_by_xla():
        return type(layer).call(layer, inputs, training=training, mask=mask)
    outputs, mean, variance = _normalized(
        inputs, tf.convert_to_tensor(layer.gamma), tf.convert_to_tensor(layer.beta), layer.epsilon
    )
    for kept, new in ((layer.moving_mean, mean), (layer.moving_variance, variance)):
        kept.assign(kept * layer.momentum + new * (1 - layer.momentum))
    return outputs


def _normalized(inputs, scale, offset, epsilon):
    """The normalized map, and the mean and biased variance `(C,)` that it was normalized by.

    XLA would compute the variance as a difference of squares, which loses it where the mean is large; so the kernel is kept out
    of its clusters, and a function traced with it and later called from one with `jit_compile=True` is refused.
    """
    none = tf.zeros((0,))
    with context.kept_from_clusters():
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs, scale=scale, offset=offset, mean=none, variance=none, epsilon=epsilon, is_training=True
        )
        variance = tf.stop_gradient(tf.raw_ops.Copy(input=variance, name=_REFUSED_BY_XLA))  # `Copy` has no gradient
    # The kernel gives the unbiased variance (a sum over n - 1), Keras keeps the biased one (over n).
    count = tf.cast(tf.size(inputs) // inputs.shape[-1], variance.dtype)
    return outputs, mean, variance * tf.maximum(count - 1, 1) / count
