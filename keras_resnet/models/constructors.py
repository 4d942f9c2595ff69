"""The networks under the names and with the arguments of `keras.applications`; ResNet-50 has a file of its own."""

import keras

from keras_resnet.models.build import create_model

# Constructor -> network and lineage: Keras's own where keras.applications has the network, else PyTorch's.
_ROWS = {
    "ResNet18": ("resnet18", "torchvision"),
    "ResNet34": ("resnet34", "torchvision"),
    "ResNet101": ("resnet101", "keras"),
    "ResNet152": ("resnet152", "keras"),
    "ResNet50V2": ("resnet50v2", "keras"),
    "ResNet101V2": ("resnet101v2", "keras"),
    "ResNet152V2": ("resnet152v2", "keras"),
}


def _constructor(title: str):
    model, usual = _ROWS[title]

    def build(
        include_top: bool = True,
        weights: str | None = "imagenet",
        input_tensor=None,
        input_shape: tuple | None = None,
        pooling: str | None = None,
        classes: int = 1000,
        classifier_activation: str | None = "softmax",
        name: str = model,
        *,
        lineage: str = usual,
        head: str = "require",
        stem: str = "require",
    ) -> keras.Model:
        return create_model(
            model,
            lineage=lineage,
            include_top=include_top,
            weights=weights,
            input_tensor=input_tensor,
            input_shape=input_shape,
            pooling=pooling,
            classes=classes,
            classifier_activation=classifier_activation,
            head=head,
            stem=stem,
            name=None if name == model else name,
        )

    build.__name__ = build.__qualname__ = title
    build.__doc__ = f"""Builds `{model}` as {usual} has it: `create_model` with the arguments of `keras.applications`.

    Args:
        include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation: as of `ResNet50`. Weights of
            ImageNet are {usual}'s, and expect its preprocessing.
        name: of the model; one of your own becomes the prefix of the layer names too.
        lineage, head, stem: as of `create_model`.

    Returns:
        A `keras.Model`.

    Raises:
        ModelError: an argument cannot be met.
        WeightsError: the weight file is not there and cannot be downloaded, is damaged, or does not fit.
    """
    return build


ResNet18 = _constructor("ResNet18")
ResNet34 = _constructor("ResNet34")
ResNet101 = _constructor("ResNet101")
ResNet152 = _constructor("ResNet152")
ResNet50V2 = _constructor("ResNet50V2")
ResNet101V2 = _constructor("ResNet101V2")
ResNet152V2 = _constructor("ResNet152V2")
