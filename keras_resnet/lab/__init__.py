"""The residual lab: what texts on residual networks claim, each claim an experiment with a criterion stated beforehand.

An experiment is one file: claim, source, protocol, criteria, the measurement, and the figures, which are drawn from the stored
numbers alone. Importing this package and listing the experiments load no framework.
"""

from keras_resnet import lazy

__getattr__, __dir__, __all__ = lazy.attach(__name__)
