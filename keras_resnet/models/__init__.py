"""Networks: the catalogue, the builder, and what is done to a built network. The catalogue needs no framework."""

from keras_resnet import lazy

__getattr__, __dir__, __all__ = lazy.attach(__name__)
