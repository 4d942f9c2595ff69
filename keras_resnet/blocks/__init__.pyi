from keras_resnet.blocks.residual import conv_block as conv_block
from keras_resnet.blocks.residual import identity_block as identity_block
