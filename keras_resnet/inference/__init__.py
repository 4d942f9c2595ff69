"""Using a trained run."""

from keras_resnet.inference.predictor import Predictor

__all__ = ["Predictor"]
