"""Measurements against other libraries, each of them a command of `keras-resnet bench`."""

from keras_resnet.bench.train import Settings, measure_training, summarize

__all__ = ["Settings", "measure_training", "summarize"]
