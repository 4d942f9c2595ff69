"""Measurements against other libraries, each of them a command of `keras-resnet bench`."""

from keras_resnet.bench.load import measure_loading
from keras_resnet.bench.train import Settings, measure_training, summarize

__all__ = ["Settings", "measure_loading", "measure_training", "summarize"]
