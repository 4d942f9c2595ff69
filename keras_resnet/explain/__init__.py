"""Why a network says what it says: which parts of an image its answer rests on, and tests that a method shows the network.

All methods take a functional or sequential `keras.Model`, nested or not, or the folder of a run, and work on TensorFlow, JAX
and PyTorch alike. They look at the logit of a class: a softmax or sigmoid at the end is taken off first.
"""

from keras_resnet import lazy

__getattr__, __dir__, __all__ = lazy.attach(__name__)
