"""Weight files: reading, comparing, loading, saving, converting."""

from keras_resnet.weights.conversion import convert, save
from keras_resnet.weights.difference import Difference, diff
from keras_resnet.weights.fetching import fetch
from keras_resnet.weights.io import WeightsInfo, inspect, load, model_from, verify
from keras_resnet.weights.known_files import KNOWN_FILES, KnownFile
from keras_resnet.weights.report import LoadReport, WriteReport

__all__ = [
    "Difference",
    "KNOWN_FILES",
    "KnownFile",
    "LoadReport",
    "WeightsInfo",
    "WriteReport",
    "convert",
    "diff",
    "fetch",
    "inspect",
    "load",
    "model_from",
    "save",
    "verify",
]
