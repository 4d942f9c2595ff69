"""Using a trained run."""

from keras_resnet import lazy

__getattr__, __dir__, __all__ = lazy.attach(__name__)
