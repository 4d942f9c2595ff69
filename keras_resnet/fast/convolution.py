"""Training by matrix products, where those are faster than a convolution's own kernels.

A 1x1 convolution is a matrix product of pixels and kernel, and so are its two gradients; a convolution's kernels would first
put the weights into an order of their own, at every step. What 3x3 convolutions do is in `winograd`.
"""

import keras
import tensorflow as tf

from keras_resnet.fast import context, winograd

# From so many channels on, maps of at most that side: on larger ones the way to the points costs more than it saves, on some
# processors 1.6 times the convolution's own time (128 channels, 224 x 224).
_WINOGRAD = (256, 112), (128, 32), (64, 8)


def methods(layer):
    """The methods for a layer: empty for one that is served as it is."""
    plain = (
        type(layer) is keras.layers.Conv2D
        and layer.data_format == "channels_last"
        and layer.groups == 1
        and tuple(layer.dilation_rate) == (1, 1)
        and layer.strides[0] == layer.strides[1]
    )
    if not plain:
        return {}
    if tuple(layer.kernel_size) == (1, 1):
        return {"call": _one_pixel}
    if (
        tuple(layer.kernel_size) == (3, 3)
        and layer.padding == "same"
        and layer.strides[0] == 1
        and layer.compute_dtype in ("float32", "float64")
    ):
        return {"convolution_op": _three_pixels}
    return {}


def _served(layer, inputs):
    """Whether a call trains on the products; what predicts, what XLA compiles and inputs of other types do not."""
    return context.training() and context.plain_tensor(inputs, layer.compute_dtype) and not context.compiled_by_xla()


def _one_pixel(layer, inputs):
    """`Conv2D.call` of a 1x1 kernel: the bias goes with the product, which saves a pass over the map."""
    if not _served(layer, inputs):
        return type(layer).call(layer, inputs)
    weights = (layer.kernel, layer.bias) if layer.use_bias else (layer.kernel,)

    @tf.custom_gradient
    def product(x, w, *bias):
        return _product(layer.strides[0], x, w, *bias)

    outputs = product(inputs, *map(tf.convert_to_tensor, weights))
    return outputs if layer.activation is None else layer.activation(outputs)


def _product(stride, x, w, *bias):
    """The convolution and the function of its gradients."""
    seen = x if stride == 1 else tf.nn.avg_pool2d(x, 1, stride, "VALID")  # of one pixel: a slice, and sooner than a slice
    matrix = tf.reshape(w, w.shape[2:])
    outputs = tf.matmul(_rows(seen), matrix)

    def gradients(dy):
        slopes = _rows(dy)
        # Unlike the kernel of `tf.matmul`, that of `tf.einsum` copies no transposed factor.
        dx = _map(tf.einsum("nd,cd->nc", slopes, matrix), seen)
        dw = tf.reshape(tf.matmul(_rows(seen), slopes, transpose_a=True), w.shape)
        db = [tf.raw_ops.BiasAddGrad(out_backprop=slopes)] if bias else []
        return dx if stride == 1 else _spread(dx, stride, tf.shape(x)), dw, *db

    return _map(tf.nn.bias_add(outputs, *bias) if bias else outputs, seen), gradients


def _spread(x, stride, shape):
    """The pixels of a map put ``stride`` apart, with zeros between, in a map of that shape."""
    count, height, width, channels = tf.unstack(tf.shape(x))
    apart = tf.pad(x[:, :, None, :, None], [(0, 0), (0, 0), (0, stride - 1), (0, 0), (0, stride - 1), (0, 0)])
    apart = tf.reshape(apart, (count, height * stride, width * stride, channels))
    return tf.reshape(apart[:, : shape[1], : shape[2]], shape)


def _three_pixels(layer, inputs, kernel):
    """`Conv2D.convolution_op` of a 3x3 kernel; maps of open size, and those too large, keep the convolution's own kernels."""
    sides = inputs.shape[1:3]
    if not _served(layer, inputs) or None in sides or max(sides) > _largest_side(kernel):
        return type(layer).convolution_op(layer, inputs, kernel)
    return winograd.convolution(inputs, tf.convert_to_tensor(kernel))


def _largest_side(kernel):
    """Of maps on which Winograd's filtering was faster."""
    return next((side for channels, side in _WINOGRAD if min(kernel.shape[2:]) >= channels), 0)


def _rows(x):
    """`(N, H, W, C)` as `(N * H * W, C)`."""
    return tf.reshape(x, (-1, x.shape[-1]))


def _map(rows, like):
    """`(N * H * W, C)` as `(N, H, W, C)`, of the height and width of another map."""
    height, width = (like.shape[axis] or tf.shape(like)[axis] for axis in (1, 2))
    return tf.reshape(rows, (-1, height, width, rows.shape[-1]))
