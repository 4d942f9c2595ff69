"""The same numbers sooner: TensorFlow kernels for training on a CPU, given to layers and optimisers that stay Keras's own."""

from keras_resnet.fast.accelerator import accelerate

__all__ = ["accelerate"]
