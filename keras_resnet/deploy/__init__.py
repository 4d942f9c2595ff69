"""A trained network put to use: answers on photographs, written for other engines, and proved to be the same function."""

from keras_resnet import lazy

__getattr__, __dir__, __all__ = lazy.attach(__name__)
