"""Adam and AdamW by TensorFlow's fused kernel: one pass over each variable and its two moments, where Keras makes several."""

import keras
import tensorflow as tf

from keras_resnet.fast import context


def methods(optimizer):
    """The methods for an optimizer: empty for one that is served as it is, None included."""
    served = type(optimizer) in (keras.optimizers.Adam, keras.optimizers.AdamW) and not optimizer.amsgrad
    return {"_backend_update_step": _update} if served else {}


def _update(optimizer, gradients, variables, learning_rate):
    """`Optimizer._backend_update_step`. What all variables share is computed once: Keras does it for each."""
    variables = [variable.value if isinstance(variable, keras.Variable) else variable for variable in variables]
    if not _served(gradients, variables):
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
        tf.raw_ops.ResourceApplyAdam(var=variable.handle, grad=gradient, **handles, **shared)


def _served(gradients, variables):
    """Whether all of an update is of the kernel's kind: dense, float32, in no strategy's hands and not compiled by XLA."""
    plain = all(context.plain_tensor(gradient, "float32") for gradient in gradients)
    whole = all(variable.dtype == "float32" for variable in variables)
    return plain and whole and not tf.distribute.has_strategy() and not context.compiled_by_xla()
