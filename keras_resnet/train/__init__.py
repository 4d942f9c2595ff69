"""Training: recipes, and a run from an image set to a run folder."""

from keras_resnet import lazy

__getattr__, __dir__, __all__ = lazy.attach(__name__)
