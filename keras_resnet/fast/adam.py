"""Adam and AdamW by TensorFlow's fused kernel: one pass over each variable and its two moments, where Keras makes several."""

import keras
import tensorflow as tf


def methods(optimizer):
    """The methods for an optimiser: empty for one that is served as it is, None included."""
    if type(optimizer) not in (keras.optimizers.Adam, keras.optimizers.AdamW) or optimizer.amsgrad:
        return {}
    return {"_backend_update_step": _update, "_apply_weight_decay": _apply_weight_decay}


def _update(optimizer, gradients, variables, learning_rate):
    """`Optimizer._backend_update_step`. What all variables share is computed once: Keras does it for each."""
    dense = all(isinstance(gradient, tf.Tensor) for gradient in gradients)
    if not dense or any(variable.dtype != "float32" for variable in variables) or tf.distribute.has_strategy():
        type(optimizer)._backend_update_step(optimizer, gradients, variables, learning_rate)
        return
    step = tf.cast(optimizer.iterations + 1, tf.float32)
    shared = {
        "beta1_power": tf.pow(optimizer.beta_1, step),
        "beta2_power": tf.pow(optimizer.beta_2, step),
        "lr": tf.cast(learning_rate, tf.float32),
        "beta1": optimizer.beta_1,
        "beta2": optimizer.beta_2,
        "epsilon": optimizer.epsilon,
    }
    for gradient, variable in zip(gradients, variables, strict=True):
        index = optimizer._get_variable_index(variable)
        moments = {"m": optimizer._momentums[index], "v": optimizer._velocities[index]}
        handles = {name: moment.value.handle for name, moment in moments.items()}
        tf.raw_ops.ResourceApplyAdam(var=variable.value.handle, grad=gradient, **handles, **shared)


def _apply_weight_decay(optimizer, variables):
    """`Optimizer._apply_weight_decay`, by one product instead of two and a difference."""
    if optimizer.weight_decay is None:
        return
    kept = 1 - tf.cast(optimizer.learning_rate, tf.float32) * optimizer.weight_decay
    for variable in variables:
        if optimizer._use_weight_decay(variable):
            variable.assign(variable * tf.cast(kept, variable.dtype))
