"""Checks of a learner's own blocks and network: structure and values, a sentence for each mistake.

In a notebook cell, `check_identity_block(identity_block)`; at the command line, `keras-resnet grade NOTEBOOK_OR_MODULE`.
"""

from keras_resnet import lazy

__getattr__, __dir__, __all__ = lazy.attach(__name__)
