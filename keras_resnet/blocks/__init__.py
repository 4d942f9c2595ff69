"""Residual blocks, tensor to tensor; they know no network and no weights."""

from keras_resnet.blocks.residual import conv_block, identity_block

__all__ = ["conv_block", "identity_block"]
