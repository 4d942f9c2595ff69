"""How well a network does on a labelled set: figures in numbers, pictures and one HTML page. Needs no framework."""

from keras_resnet import lazy

__getattr__, __dir__, __all__ = lazy.attach(__name__)
