"""Image sets: the SIGNS layout read, checked, written, packed from photographs, drawn, and split.

Names load when they are first used, so that importing the package stays quick. Nothing here imports a framework.
"""

from keras_resnet import lazy

__getattr__, __dir__, __all__ = lazy.attach(__name__)
