"""The names that the notebooks of every generation import beside the blocks: from `resnets_utils.py`, Keras and NumPy."""

import math
import os

import h5py
import keras as _keras
import numpy as np
from keras.initializers import Constant, Identity
from keras.layers import (
    Activation,
    Add,
    BatchNormalization,
    Conv2D,
    Dense,
    Flatten,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    Input,
    ZeroPadding2D,
)
from keras.models import Model
from keras.preprocessing import image
from keras.utils import get_file

from keras_resnet.compat import standins
from keras_resnet.compat.drawing import SVG, imshow, model_to_dot, plot_model
from keras_resnet.compat.helpers import (
    convert_to_one_hot,
    forward_propagation_for_predict,
    load_dataset,
    load_image,
    load_model,
    predict,
    preprocess_input,
    random_mini_batches,
)
from keras_resnet.compat.standins import AveragePooling2D, MaxPooling2D

K, layers, scipy = standins.backend(), standins.layers(), standins.scipy()
EagerTensor = type(_keras.ops.zeros(()))  # of the backend, whichever it is
constant, identity = Constant, Identity

__all__ = [
    "Activation",
    "Add",
    "AveragePooling2D",
    "BatchNormalization",
    "Constant",
    "Conv2D",
    "Dense",
    "EagerTensor",
    "Flatten",
    "GlobalAveragePooling2D",
    "GlobalMaxPooling2D",
    "Identity",
    "Input",
    "K",
    "MaxPooling2D",
    "Model",
    "SVG",
    "ZeroPadding2D",
    "constant",
    "convert_to_one_hot",
    "forward_propagation_for_predict",
    "get_file",
    "h5py",
    "identity",
    "image",
    "imshow",
    "layers",
    "load_dataset",
    "load_image",
    "load_model",
    "math",
    "model_to_dot",
    "np",
    "os",
    "plot_model",
    "predict",
    "preprocess_input",
    "random_mini_batches",
    "scipy",
]
