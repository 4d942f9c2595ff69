"""What a training step takes of memory, by the network alone, and whether there is as much: asked before the first step."""

import math

import keras

from keras_resnet.data.memory import free_memory, gigabytes
from keras_resnet.errors import RunError
from keras_resnet.models.inputs import MINIMUM_SIZE
from keras_resnet.train.remat import held

FLOAT32 = 4  # bytes; weights, gradients and the optimiser's slots are always float32
ADAM_SLOTS = 2


def memory(network, recipe, batch_size, remat=False):
    """Bytes of a training step: weights, gradients, slots, and the outputs that it keeps for one batch, by default all."""
    trainable = count_numbers(network.trainable_variables)
    copies = 1 + ADAM_SLOTS + (recipe.ema is not None) + (recipe.accumulate > 1)  # the one is the gradients
    layers = [layer for layer in network.layers if not isinstance(layer, keras.layers.InputLayer)]
    outputs = sum(_bytes(output) for output in (held(network) if remat else [layer.output for layer in layers]))
    return FLOAT32 * (network.count_params() + copies * trainable) + batch_size * outputs


def _bytes(output):
    """Of a layer's output for one image."""
    width = 2 if output.dtype in ("bfloat16", "float16") else FLOAT32
    return width * math.prod(output.shape[1:])


def count_numbers(variables):
    """How many numbers some variables hold together."""
    return sum(math.prod(variable.shape) for variable in variables)


def check_memory(network, recipe, batch_size, remat=False):
    """Raises a RunError where a training step would take more memory than is free; on a GPU, whose memory is another, never.

    Args:
        network: the `keras.Model`.
        recipe: a `Recipe`.
        batch_size: images that this process computes with at once.
        remat: whether outputs inside a block are computed again.
    """
    free, needed = free_memory(), memory(network, recipe, batch_size, remat)
    if free is None or needed <= free or not _on_processors():
        return
    height, width = network.input_shape[1:3]
    fixed = memory(network, recipe, 0, remat)
    share = max(0, free - fixed) / (needed - fixed)
    side, images = int(min(height, width) * math.sqrt(share)), int(batch_size * share)
    choices = [f"--batch-size {images:,}"] * (images > 0) + [f"--size {side:,}"] * (side >= MINIMUM_SIZE)
    fits = f"{' or '.join(choices)} or less fits" if choices else "expected a smaller network or another machine"
    raise RunError(
        f"A step on {batch_size} images of {height:,} x {width:,} pixels would take about {gigabytes(needed)} of memory, and "
        f"{gigabytes(free)} are free; {fits}"
    )


def _on_processors():
    """Whether the backend computes in the memory of this machine."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow

        return not tensorflow.config.list_physical_devices("GPU")
    if backend == "jax":
        import jax

        return jax.default_backend() == "cpu"
    return False
