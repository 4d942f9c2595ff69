"""Which layers and optimisers of a model train on other kernels than Keras's, and how they are given them.

A kernel is set on the one layer, as an attribute that shades its class's method: the layer stays a `keras.layers.Conv2D` or
`BatchNormalization`, is saved as one and loads again without this package. What a network predicts goes through the same
kernels as before; the other ones serve training alone.
"""

import importlib
import os
import types
import warnings
from collections.abc import Callable, Mapping
from typing import TypeVar

import keras

SWITCH = "KERAS_RESNET_ACCELERATE"

Model = TypeVar("Model", bound=keras.layers.Layer)


def accelerate(model: Model) -> Model:
    """Lets a model train faster on a CPU under TensorFlow; elsewhere it changes nothing.

    - Convolutions of 1x1: matrix products, forward and for the gradients.
    - Convolutions of 3x3 with many channels: Winograd's filtering, both ways.
    - Batch normalization: one fused kernel for each direction.
    - If the model is compiled with Adam or AdamW: one fused kernel for each variable.

    Gradients and updates are Keras's up to the rounding of float32; that of Winograd's filtering, 1e-6 of a map, is two to five
    times that of a convolution written out. `create_model` and `ResNet50` have done it for the layers of the networks that they
    return; models loaded by Keras, and optimizers, are done by this function. `KERAS_RESNET_ACCELERATE=0` in the environment
    turns it off.

    Keras's own kernels serve wherever these cannot promise the same:

    - what predicts: every call that does not train, and what is exported;
    - what is computed outside of a `Layer.__call__`: `layer.call` called by hand, the second forward pass of `RematScope`;
    - what XLA compiles (`jit_compile=True`). A function that was traced for training without it, and is then called from one
      with it, is refused by TensorFlow; the operation that it names says so;
    - convolutions of other sizes, with groups, dilation, padding "valid" (but for 1x1), or `channels_first`; of 3x3 on maps of
      open or larger size; layers of classes derived from Keras's;
    - batch normalization that is frozen, masked, without scale or center, with renorm or synchronized, of maps that are not
      `(N, H, W, C)`, or of another type than float32;
    - AMSGrad, other optimizers, `LossScaleOptimizer`, sparse or half-precision gradients, `tf.distribute`;
    - copies: `copy.deepcopy`, `pickle`, `keras.models.clone_model` and a saved and loaded file have Keras's own layers; pass
      them to this function.

    Derivatives of second order are taken of these kernels too. Through a batch normalization they are the true ones, while
    Keras's own differ by about a percent: `tf.nn.moments` takes its mean for a constant within the variance.

    Args:
        model: a `keras.Model` or layer, of this package or not, functional or subclassed; all layers within it are done.

    Returns:
        The same model. Call before its first training step: what was traced stays as it was.

    Warns:
        UserWarning: the model is not built, and some of its layers may not yet exist.

    Example:
        >>> model = keras.applications.ResNet50(weights=None, classes=6)
        >>> model.compile("adam", "sparse_categorical_crossentropy")
        >>> accelerate(model).fit(images, labels)
    """
    if kernels := _kernels():
        layers = model._flatten_layers()  # not public; `model.layers` lacks those within layers
        for kind in ("convolution", "batch_norm"):
            for layer in layers:
                _give(layer, kernels[kind].methods(layer))
        optimizer = getattr(model, "optimizer", None)
        _give(optimizer, kernels["adam"].methods(optimizer))
        _warn_of_layers_to_come(layers)
    return model


def _kernels() -> dict[str, types.ModuleType]:
    """The modules of kernels by name; empty where they do not serve."""
    if keras.backend.backend() != "tensorflow" or os.environ.get(SWITCH) == "0":
        return {}
    import tensorflow

    if tensorflow.config.list_physical_devices("GPU"):
        return {}
    try:
        return {name: importlib.import_module(f"keras_resnet.fast.{name}") for name in ("adam", "batch_norm", "convolution")}
    except ImportError as error:  # of a private name, see `context`
        warnings.warn(
            f"accelerate: training uses Keras's own kernels, this Keras or TensorFlow is not known: {error}", stacklevel=3
        )
        return {}


def _give(owner: object, methods: Mapping[str, Callable]) -> None:
    for name, function in methods.items():
        setattr(owner, name, types.MethodType(function, owner))


def _warn_of_layers_to_come(layers: list[keras.layers.Layer]) -> None:
    """Keras's own layers make none when they are built, those of other classes may, an empty model is yet to be filled."""
    empty = len(layers) == 1 and isinstance(layers[0], keras.Model)
    coming = [layer for layer in layers if not layer.built and (empty or _module(type(layer).build) != "keras")]
    if coming:
        warnings.warn(
            f"accelerate: {type(coming[0]).__name__} {coming[0].name!r} is not built; layers that it gets later would train "
            "on Keras's own kernels. Call accelerate again once the model is built, before the first training step.",
            stacklevel=3,
        )


def _module(function: Callable) -> str:
    return function.__module__.partition(".")[0]
