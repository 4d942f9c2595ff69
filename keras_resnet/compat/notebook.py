"""The names that the notebooks of every generation import beside the blocks: from `resnets_utils.py`, Keras and NumPy."""

import math
import os

import h5py
import keras
import numpy as np
from keras import layers
from keras.initializers import Constant as constant
from keras.initializers import Identity as identity
from keras.layers import (
    Activation,
    Add,
    AveragePooling2D,
    BatchNormalization,
    Conv2D,
    Dense,
    Flatten,
    GlobalMaxPooling2D,
    Input,
    MaxPooling2D,
    ZeroPadding2D,
)
from keras.models import Model
from keras.preprocessing import image
from keras.utils import get_file, model_to_dot, plot_model

from keras_resnet.compat import standins
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

K, tf, scipy = standins.backend(), standins.tensorflow(), standins.scipy()
EagerTensor = type(keras.ops.zeros(()))  # of the backend, whichever it is

__all__ = [
    "Activation",
    "Add",
    "AveragePooling2D",
    "BatchNormalization",
    "Conv2D",
    "Dense",
    "EagerTensor",
    "Flatten",
    "GlobalMaxPooling2D",
    "Input",
    "K",
    "MaxPooling2D",
    "Model",
    "ZeroPadding2D",
    "constant",
    "convert_to_one_hot",
    "forward_propagation_for_predict",
    "get_file",
    "h5py",
    "identity",
    "image",
    "keras",
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
    "tf",
]
