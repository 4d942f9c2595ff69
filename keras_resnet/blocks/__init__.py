"""Residual blocks, tensor to tensor; they know no network and no weights.

`conv_block` and `identity_block` are Chollet's, of Keras layers. The others are the general ones: they receive a layer
factory that turns "a 3x3 convolution here" into a layer of the right name, padding and bias, or into a count of its
parameters.
"""

from keras_resnet import lazy

__getattr__, __dir__, __all__ = lazy.attach(__name__)
