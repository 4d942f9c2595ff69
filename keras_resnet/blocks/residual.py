"""The two blocks of a ResNet-50, as He et al. drew them and Chollet wrote them in 2017: tensor in, tensor out.

Both are bottlenecks (He et al. 2015, arXiv:1512.03385, figure 5 right): a 1x1 convolution that narrows, a 3x3 convolution, a
1x1 convolution that widens again; and what came in is added to what came out. They differ in the shortcut alone: in an
identity block it is the input itself, in a convolutional block a 1x1 convolution gives it the shape of the main path.
"""

from collections.abc import Sequence

from keras import KerasTensor, backend, layers

from keras_resnet.errors import ModelError


def identity_block(
    input_tensor, kernel_size: int | tuple[int, int], filters: Sequence[int], stage: int, block: str, *, layers=layers
) -> KerasTensor:
    """A bottleneck whose shortcut is its own input.

    Args:
        input_tensor: float `(N, H, W, C)` (or `(N, C, H, W)` under the `channels_first` image data format), C equal to the
            last of ``filters``.
        kernel_size: side of the middle convolution's kernel, an odd int or a pair of them; 3 in every ResNet.
        filters: three ints, the filters of the convolutions on the main path.
        stage: int, used in the layer names: 2 to 5 in ResNet-50.
        block: str, used in the layer names: ``"a"``, ``"b"`` ...
        layers: where the layers come from: `keras.layers`, or a namespace with a Conv2D, a BatchNormalization, an Activation
            and an Add of other defaults.

    Returns:
        A tensor of the input's shape, not negative.

    Raises:
        ModelError: ``filters`` is not three ints, or the last of them is not the input's number of channels.
    """
    filters1, filters2, filters3 = _three(filters)
    axis = _channel_axis()
    conv_name = f"res{stage}{block}_branch"
    bn_name = f"bn{stage}{block}_branch"
    if input_tensor.shape[axis] != filters3:
        raise ModelError(
            f"{f'identity_block {stage}{block}'.rstrip()} adds its input to its output: expected an input of {filters3} "
            f"channels (the last of filters={tuple(filters)}), received shape {tuple(input_tensor.shape)}; "
            "conv_block changes the number of channels"
        )

    x = layers.Conv2D(filters1, (1, 1), name=conv_name + "2a")(input_tensor)
    x = layers.BatchNormalization(axis=axis, name=bn_name + "2a")(x)
    x = layers.Activation("relu")(x)

    x = layers.Conv2D(filters2, kernel_size, padding="same", name=conv_name + "2b")(x)
    x = layers.BatchNormalization(axis=axis, name=bn_name + "2b")(x)
    x = layers.Activation("relu")(x)

    x = layers.Conv2D(filters3, (1, 1), name=conv_name + "2c")(x)
    x = layers.BatchNormalization(axis=axis, name=bn_name + "2c")(x)

    x = layers.Add()([x, input_tensor])
    return layers.Activation("relu")(x)


def conv_block(
    input_tensor,
    kernel_size: int | tuple[int, int],
    filters: Sequence[int],
    stage: int,
    block: str,
    strides: int | tuple[int, int] = (2, 2),
    *,
    layers=layers,
) -> KerasTensor:
    """A bottleneck whose shortcut is a 1x1 convolution: for a new number of channels, a smaller map, or both.

    The stride stands in the first 1x1 convolution of the main path and in the shortcut, as in the Caffe original
    (torchvision's "v1.5" has it in the 3x3 convolution instead).

    Args:
        input_tensor: float `(N, H, W, C)` (or `(N, C, H, W)` under the `channels_first` image data format).
        kernel_size: side of the middle convolution's kernel, an odd int or a pair of them; 3 in every ResNet.
        filters: three ints, the filters of the convolutions on the main path; the last is the output's channels.
        stage: int, used in the layer names.
        block: str, used in the layer names.
        strides: int or a pair of ints, `(2, 2)` by default; `(1, 1)` in stage 2, whose input the stem has reduced already.
        layers: as in `identity_block`.

    Returns:
        A tensor `(N, ceil(H / strides[0]), ceil(W / strides[1]), filters[2])`, not negative.

    Raises:
        ModelError: ``filters`` is not three ints.
    """
    filters1, filters2, filters3 = _three(filters)
    axis = _channel_axis()
    conv_name = f"res{stage}{block}_branch"
    bn_name = f"bn{stage}{block}_branch"

    x = layers.Conv2D(filters1, (1, 1), strides=strides, name=conv_name + "2a")(input_tensor)
    x = layers.BatchNormalization(axis=axis, name=bn_name + "2a")(x)
    x = layers.Activation("relu")(x)

    x = layers.Conv2D(filters2, kernel_size, padding="same", name=conv_name + "2b")(x)
    x = layers.BatchNormalization(axis=axis, name=bn_name + "2b")(x)
    x = layers.Activation("relu")(x)

    x = layers.Conv2D(filters3, (1, 1), name=conv_name + "2c")(x)
    x = layers.BatchNormalization(axis=axis, name=bn_name + "2c")(x)

    shortcut = layers.Conv2D(filters3, (1, 1), strides=strides, name=conv_name + "1")(input_tensor)
    shortcut = layers.BatchNormalization(axis=axis, name=bn_name + "1")(shortcut)

    x = layers.Add()([x, shortcut])
    return layers.Activation("relu")(x)


def _channel_axis():
    return 1 if backend.image_data_format() == "channels_first" else 3


def _three(filters):
    try:
        filters1, filters2, filters3 = filters
    except (TypeError, ValueError):
        raise ModelError(f"filters: expected three ints, e.g. (64, 64, 256), received {filters!r}") from None
    return filters1, filters2, filters3
