"""Networks: the catalogue, the builder, and what is done to a built network."""

from keras_resnet.models.batch_norm import recalibrate_batch_norm, set_batch_norm_momentum
from keras_resnet.models.build import create_model
from keras_resnet.models.catalog import CATALOG

__all__ = ["CATALOG", "create_model", "recalibrate_batch_norm", "set_batch_norm_momentum"]
