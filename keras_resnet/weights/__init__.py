"""Weight files: reading, comparing, loading, saving."""

from keras_resnet.weights.io import WeightsInfo, inspect, load, model_from, save, verify
from keras_resnet.weights.report import LoadReport

__all__ = ["LoadReport", "WeightsInfo", "inspect", "load", "model_from", "save", "verify"]
