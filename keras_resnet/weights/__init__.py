"""Weight files: reading, comparing, loading, saving."""

from keras_resnet.weights.io import load, save
from keras_resnet.weights.report import LoadReport

__all__ = ["LoadReport", "load", "save"]
