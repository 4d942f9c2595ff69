"""ResNet50, to be read from top to bottom: a stem, sixteen blocks, a head.

This is the network of Chollet's 2017 `resnet50.py` (fchollet/deep-learning-models, release v0.2), layer for layer: the same
names, the same order of layers and weights, the same numbers. What other libraries call ResNet-50 has its stride elsewhere,
pads its pool, or has no biases: other networks, in which this one's weights compute something else.

Reference: He, Zhang, Ren, Sun: Deep Residual Learning for Image Recognition, 2015, arXiv:1512.03385.
"""

from os import PathLike

import keras
from keras import backend, layers

from keras_resnet.blocks import conv_block, identity_block
from keras_resnet.fast import accelerate
from keras_resnet.models import create_model
from keras_resnet.models.build import check_arguments
from keras_resnet.models.inputs import image_input, model_inputs
from keras_resnet.models.pretrained import choose


def ResNet50(
    include_top: bool = True,
    weights: str | PathLike | None = "imagenet",
    input_tensor=None,
    input_shape: tuple | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: str | None = "softmax",
    name: str = "resnet50",
    *,
    lineage: str = "chollet",
    head: str = "require",
    stem: str = "require",
) -> keras.Model:
    """Builds a ResNet-50.

    The network does not scale pixels: it computes with what it is given. Weights trained on ImageNet expect what
    `keras.applications.resnet50.preprocess_input` makes (BGR, the means subtracted).

    Args:
        include_top: whether to end in the classifier: average over the whole last feature map, then a dense layer.
        weights: ``"imagenet"`` for the published weights, downloaded where they are not there (Chollet's file, top-1 74.704 %);
            the name of another known file (`weights.KNOWN_FILES`); the path of a weight file; or None for random weights.
        input_tensor: a Keras tensor to build upon instead of a new input, e.g. the output of a `Rescaling` layer.
        input_shape: `(height, width, channels)` without the batch axis, each side at least 32 or None for an open size.
            None means `(224, 224, 3)` with the top and `(None, None, 3)` without.
        pooling: without the top: None for the last feature map `(N, ceil(H / 32) or one less, .., 2048)`, ``"avg"`` or
            ``"max"`` for its global average or maximum `(N, 2048)`.
        classes: number of classes of the top.
        classifier_activation: activation of the top; None for logits.
        name: name of the model.
        lineage: whose ResNet-50: Chollet's, which is written out below, or another of the catalogue, e.g. ``"torchvision"``;
            there a ``name`` of your own becomes the prefix of the layer names too.
        head: ``"skip"`` keeps the new classifier and loads the rest, e.g. for other ``classes`` than the file's.
        stem: ``"adapt"`` gives the file's first kernel the network's number of input channels, as `weights.load` says.

    Returns:
        A `keras.Model`; with 1000 classes it has 25,636,712 parameters.

    Raises:
        ModelError: an argument cannot be met; the message names it and what would be accepted.
        WeightsError: the weight file is not there and cannot be downloaded, is damaged, or does not fit.

    Example:
        >>> model = ResNet50(weights=None, input_shape=(64, 64, 3), classes=6)
        >>> model.output_shape, model.count_params()
        ((None, 6), 23600006)
    """
    if lineage != "chollet":
        return create_model(
            "resnet50",
            lineage=lineage,
            input_shape=input_shape,
            input_tensor=input_tensor,
            classes=classes,
            include_top=include_top,
            pooling=pooling,
            classifier_activation=classifier_activation,
            weights=weights,
            head=head,
            stem=stem,
            name=None if name == "resnet50" else name,
        )
    check_arguments(include_top, pooling, classes, weights)
    top = {"include_top": include_top, "classes": classes}
    pretrained = choose(weights, model="resnet50", lineage=lineage, **top, head=head, stem=stem)
    images = image_input(input_tensor, input_shape, 224 if include_top else None)

    x = feature_map(images)
    if include_top:
        x = _average_whole_map(x)
        x = layers.Dense(classes, activation=classifier_activation, name="fc1000")(x)  # named so for any `classes`
    elif pooling == "avg":
        x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
    elif pooling == "max":
        x = layers.GlobalMaxPooling2D(name="max_pool")(x)

    model = keras.Model(model_inputs(images), x, name=name)
    pretrained.into(model)
    return accelerate(model)


def feature_map(images, *, conv_block=conv_block, identity_block=identity_block, layers=layers):
    """The network without its head: a float tensor `(N, H, W, C)` to `(N, ceil(H / 32) or one less, .., 2048)`.

    Args:
        images: the tensor.
        conv_block, identity_block: the two block builders, functions of Chollet's signatures.
        layers: where the stem's layers come from, as in `blocks.residual`.
    """
    axis = 1 if backend.image_data_format() == "channels_first" else 3

    x = layers.ZeroPadding2D((3, 3))(images)
    x = layers.Conv2D(64, (7, 7), strides=(2, 2), name="conv1")(x)
    x = layers.BatchNormalization(axis=axis, name="bn_conv1")(x)
    x = layers.Activation("relu")(x)
    x = layers.MaxPooling2D((3, 3), strides=(2, 2))(x)

    x = conv_block(x, 3, [64, 64, 256], stage=2, block="a", strides=(1, 1))
    x = identity_block(x, 3, [64, 64, 256], stage=2, block="b")
    x = identity_block(x, 3, [64, 64, 256], stage=2, block="c")

    x = conv_block(x, 3, [128, 128, 512], stage=3, block="a")
    x = identity_block(x, 3, [128, 128, 512], stage=3, block="b")
    x = identity_block(x, 3, [128, 128, 512], stage=3, block="c")
    x = identity_block(x, 3, [128, 128, 512], stage=3, block="d")

    x = conv_block(x, 3, [256, 256, 1024], stage=4, block="a")
    x = identity_block(x, 3, [256, 256, 1024], stage=4, block="b")
    x = identity_block(x, 3, [256, 256, 1024], stage=4, block="c")
    x = identity_block(x, 3, [256, 256, 1024], stage=4, block="d")
    x = identity_block(x, 3, [256, 256, 1024], stage=4, block="e")
    x = identity_block(x, 3, [256, 256, 1024], stage=4, block="f")

    x = conv_block(x, 3, [512, 512, 2048], stage=5, block="a")
    x = identity_block(x, 3, [512, 512, 2048], stage=5, block="b")
    x = identity_block(x, 3, [512, 512, 2048], stage=5, block="c")
    return x


def _average_whole_map(x):
    """The mean of each channel over the whole map, `(N, 2048)`: the published two layers, or one where the size is open."""
    height, width = x.shape[2:4] if backend.image_data_format() == "channels_first" else x.shape[1:3]
    if height is None or width is None:
        return layers.GlobalAveragePooling2D(name="avg_pool")(x)
    x = layers.AveragePooling2D((height, width), name="avg_pool")(x)
    return layers.Flatten()(x)
