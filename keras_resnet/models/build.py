"""From a name of the catalogue to a `keras.Model`."""

import os
from os import PathLike

import keras

from keras_resnet import environment
from keras_resnet.architectures.catalog import resolve
from keras_resnet.errors import ModelError
from keras_resnet.fast import accelerate
from keras_resnet.models.assemble import assemble
from keras_resnet.models.head import classify, pool
from keras_resnet.models.inputs import image_input, model_inputs
from keras_resnet.models.layer_factory import KerasLayers
from keras_resnet.models.pretrained import choose, split


def create_model(
    model: str,
    /,
    *,
    lineage: str | None = None,
    input_shape: tuple | None = None,
    input_tensor=None,
    classes: int | None = None,
    include_top: bool = True,
    pooling: str | None = None,
    classifier_activation: str | None = "softmax",
    weights: str | PathLike | None = None,
    head: str = "require",
    stem: str = "require",
    dtype: str | None = None,
    name: str | None = None,
    **choices,
) -> keras.Model:
    """Builds a network of the catalogue.

    The network does not scale pixels: it computes with what it is given.

    Args:
        model: its name, e.g. ``"resnet50"``; `list_models` lists them.
        lineage: whose conventions it follows, e.g. ``"keras"``; None for the network's default.
        input_shape: `(height, width, channels)` without the batch axis, each side at least 32 or None for an open size, any
            number of channels. None means the published size with the top and an open size without, and three channels.
        input_tensor: a Keras tensor to build upon instead of a new input, e.g. the output of a `Rescaling` layer.
        classes: number of classes of the top; None for the published number: 1000, or 10 for the networks of 32 x 32.
        include_top: whether to end in the classifier.
        pooling: without the top: None for the last feature map, ``"avg"`` or ``"max"`` for its global average or maximum.
        classifier_activation: activation of the top; None for logits.
        weights: None for random weights; ``"imagenet"`` for the first published file of this network and lineage, or the name
            of another (`weights.KNOWN_FILES`), downloaded where it is not there; or the path of a weight file.
        head: ``"skip"`` keeps the new classifier and loads the rest, e.g. for other ``classes`` than the file's.
        stem: ``"adapt"`` gives the file's first kernel the network's number of input channels, as `weights.load` says.
            `ModelSpec` has fields ``head`` and ``stem`` too: their values are taken here as well.
        dtype: dtype policy of the layers, e.g. ``"mixed_bfloat16"``; None for Keras's own. Under a mixed policy the
            classifier computes in float32.
        name: None gives the layers the names they have in their lineage. Any other name becomes the model's and, with an
            underscore, the prefix of every layer's, so that several networks can live in one model.
        choices: fields of `ModelSpec` that differ from the row, e.g. ``zero_init_gamma=True``, ``drop_path=0.1``,
            ``norm="group"``, ``output_stride=16``.

    Returns:
        A `keras.Model` of Keras's own layers, which loads again without this package.

    Raises:
        ModelError: an argument cannot be met; the message names it and what would be accepted.
        WeightsError: the weight file is not there and cannot be downloaded, is damaged, or does not fit.

    Example:
        >>> net = create_model("resnet18", input_shape=(64, 64, 3), classes=6, zero_init_gamma=True)
        >>> net.output_shape
        (None, 6)
    """
    loading, fields = split(head, stem)
    spec = resolve(model, lineage, **choices, **fields)
    classes = spec.classes if classes is None else classes
    check_arguments(include_top, pooling, classes, weights)
    _check_data_format()
    top = {"include_top": include_top, "classes": classes}
    pretrained = choose(weights, model=model, lineage=spec.lineage, **top, **loading)
    images = image_input(input_tensor, input_shape, spec.input_size if include_top else None, name=name and f"{name}_input")
    make = KerasLayers(spec, prefix=name, dtype=dtype, classes=classes)
    x = assemble(images, spec, make)
    x = classify(x, spec, make, classes, classifier_activation) if include_top else pool(x, make, pooling)
    network = keras.Model(model_inputs(images), x, name=name or model)
    pretrained.into(network)
    return accelerate(network)


def check_arguments(include_top, pooling, classes, weights):
    """Refuses arguments that no network can be built with.

    Raises:
        ModelError: names the argument.
    """
    if pooling not in (None, "avg", "max"):
        raise ModelError(f"pooling: expected None, 'avg' or 'max', received {pooling!r}")
    if include_top and (not isinstance(classes, int) or isinstance(classes, bool) or classes < 1):
        raise ModelError(f"classes: expected an int of at least 1, received {classes!r}")
    if weights is not None and not isinstance(weights, str | os.PathLike):
        raise ModelError(f"weights: expected None, 'imagenet', the name of a known file or a path, received {weights!r}")


def _check_data_format():
    """TensorFlow convolves images with their channels first on a GPU, and on a CPU by oneDNN alone."""
    if keras.config.image_data_format() != "channels_first" or keras.backend.backend() != "tensorflow":
        return
    import tensorflow

    value = os.environ.get(environment.ONEDNN)
    on = environment.onednn_by_default() if value is None else value != "0"
    if not on and not tensorflow.config.list_physical_devices("GPU"):
        raise ModelError(
            "The image data format is channels_first, which TensorFlow computes on a CPU with oneDNN alone, and that is off: "
            f"set {environment.ONEDNN}=1 in the environment before TensorFlow is loaded, or keras.config.set_image_data_format("
            "'channels_last')"
        )
