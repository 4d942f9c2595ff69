"""Which layers and optimisers of a model train on other kernels than Keras's, and how they are given them.

A kernel is set on the one layer, as an attribute that shades its class's method: the layer stays a `keras.layers.Conv2D` or
`BatchNormalization`, is saved as one and loads again without this package. What a network predicts goes through the same
kernels as before; the other ones serve training alone.
"""

import os
import types

import keras

SWITCH = "KERAS_RESNET_ACCELERATE"


def accelerate(model):
    """Lets a model train faster on a CPU under TensorFlow; elsewhere it changes nothing.

    - Convolutions of 1x1: matrix products, forward and for the gradients.
    - Convolutions of 3x3 with many channels: Winograd's filtering, both ways.
    - Batch normalisation: one fused kernel for each direction.
    - If the model is compiled with Adam or AdamW: one fused kernel for each variable.

    Gradients and updates are Keras's up to the rounding of float32; that of Winograd's filtering, 1e-6 of a map, is two to five
    times that of a convolution written out. `create_model` and `ResNet50` have done it for the layers of the networks that they
    return; models loaded by Keras, and optimisers, are done by this function. `KERAS_RESNET_ACCELERATE=0` in the environment
    turns it off.

    Args:
        model: a `keras.Model`, of this package or not; those within it are done too.

    Returns:
        The same model. Call before its first training step: what was traced stays as it was.

    Example:
        >>> model = keras.applications.ResNet50(weights=None, classes=6)
        >>> model.compile("adam", "sparse_categorical_crossentropy")
        >>> accelerate(model).fit(images, labels)
    """
    if _serves():
        from keras_resnet.fast import adam, batch_norm, convolution

        for layer in _layers(model):
            for kernels in (convolution, batch_norm):
                _give(layer, kernels.methods(layer))
        optimizer = getattr(model, "optimizer", None)
        _give(optimizer, adam.methods(optimizer))
    return model


def _layers(model):
    for layer in model.layers:
        if hasattr(layer, "layers"):
            yield from _layers(layer)
        else:
            yield layer


def _serves():
    if keras.backend.backend() != "tensorflow" or os.environ.get(SWITCH) == "0":
        return False
    import tensorflow

    return not tensorflow.config.list_physical_devices("GPU")


def _give(owner, methods):
    for name, function in methods.items():
        setattr(owner, name, types.MethodType(function, owner))
