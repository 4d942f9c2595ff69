"""Batch normalisation in training by TensorFlow's fused kernels, where Keras composes it of a dozen passes over the map."""

import keras
import tensorflow as tf


def methods(layer):
    """The methods for a layer: empty for one that is served as it is."""
    plain = (
        type(layer) is keras.layers.BatchNormalization
        and layer.built
        and layer.axis in (3, -1)
        and len(layer.input.shape) == 4
        and layer.scale
        and layer.center
        and not layer.renorm
        and not layer.synchronized
        and layer.compute_dtype == "float32"
    )
    return {"call": _call} if plain else {}


def _call(layer, inputs, training=None, mask=None):
    """`BatchNormalization.call`."""
    if not training or not layer.trainable or mask is not None:
        return type(layer).call(layer, inputs, training=training, mask=mask)
    outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=inputs,
        scale=tf.convert_to_tensor(layer.gamma),
        offset=tf.convert_to_tensor(layer.beta),
        mean=tf.zeros((0,)),
        variance=tf.zeros((0,)),
        epsilon=layer.epsilon,
        is_training=True,
    )
    # The kernel gives the unbiased variance (a sum over n - 1), Keras keeps the biased one (over n).
    count = tf.cast(tf.size(inputs) // inputs.shape[-1], variance.dtype)
    variance = variance * tf.maximum(count - 1, 1) / count
    for kept, new in ((layer.moving_mean, mean), (layer.moving_variance, variance)):
        kept.assign(kept * layer.momentum + new * (1 - layer.momentum))
    return outputs
