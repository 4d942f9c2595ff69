"""Adam and AdamW by TensorFlow's fused kernel: one pass over each variable and its two moments, where Keras makes several."""

import keras
import tensorflow as tf


def methods(optimizer):
    """The methods for an optimiser: empty for one that is served as it is, None included."""
    if type(optimizer) not in (keras.optimizers.Adam, keras.optimizers.AdamW) or optimizer.amsgrad:
        return {}
    return {"update_step": _update_step, "_apply_weight_decay": _apply_weight_decay}


def _update_step(optimizer, gradient, variable, learning_rate):
    """`Adam.update_step`."""
    if isinstance(gradient, tf.IndexedSlices) or variable.dtype != tf.float32:
        return type(optimizer).update_step(optimizer, gradient, variable, learning_rate)
    index = optimizer._get_variable_index(variable)
    step = tf.cast(optimizer.iterations + 1, tf.float32)
    tf.raw_ops.ResourceApplyAdam(
        var=variable.handle,
        m=optimizer._momentums[index].value.handle,
        v=optimizer._velocities[index].value.handle,
        beta1_power=tf.pow(optimizer.beta_1, step),
        beta2_power=tf.pow(optimizer.beta_2, step),
        lr=tf.cast(learning_rate, tf.float32),
        beta1=optimizer.beta_1,
        beta2=optimizer.beta_2,
        epsilon=optimizer.epsilon,
        grad=gradient,
    )


def _apply_weight_decay(optimizer, variables):
    """`Optimizer._apply_weight_decay`, by one product instead of two and a difference."""
    if optimizer.weight_decay is None:
        return
    kept = 1 - tf.cast(optimizer.learning_rate, tf.float32) * optimizer.weight_decay
    for variable in variables:
        if optimizer._use_weight_decay(variable):
            variable.assign(variable * tf.cast(kept, variable.dtype))
