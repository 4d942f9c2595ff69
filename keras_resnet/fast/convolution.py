"""Training by matrix products, where those are faster than a convolution's own kernels.

A 1x1 convolution is a matrix product of pixels and kernel, and so are its two gradients; a convolution's kernels would first
put the weights into an order of their own, at every step. A 3x3 convolution is a sum of nine products, one for each tap of the
kernel, over the pixels whose neighbour lies in the map: on a map of 2x2, where most neighbours are padding, these are 16
products of one pixel instead of 36.
"""

import keras
import tensorflow as tf

_SMALL = 2  # the largest side of a map on which the nine products, and the other order of a product, were faster


def methods(layer):
    """The methods for a layer: empty for one that is served as it is."""
    plain = (
        type(layer) is keras.layers.Conv2D
        and layer.data_format == "channels_last"
        and layer.groups == 1
        and tuple(layer.dilation_rate) == (1, 1)
        and layer.strides[0] == layer.strides[1]
        and hasattr(layer, "_get_call_context")  # not public: a Keras without it trains on its own kernels
    )
    if not plain:
        return {}
    if tuple(layer.kernel_size) == (1, 1):
        return {"call": _one_pixel}
    if tuple(layer.kernel_size) == (3, 3) and layer.padding == "same" and layer.strides[0] == 1:
        return {"convolution_op": _nine_taps}
    return {}


def _training(layer):
    """Whether a layer is being called to train; Keras tells a convolution so in the context of the call alone."""
    return bool(layer._get_call_context().get_value("training"))


def _one_pixel(layer, inputs):
    """`Conv2D.call` of a 1x1 kernel: the bias goes with the product, which saves a pass over the map."""
    if not _training(layer):
        return type(layer).call(layer, inputs)
    weights = (layer.kernel, layer.bias) if layer.use_bias else (layer.kernel,)

    @tf.custom_gradient
    def product(x, w, *bias):
        return _product(layer.strides[0], x, w, *bias)

    outputs = product(tf.convert_to_tensor(inputs), *map(tf.convert_to_tensor, weights))
    return outputs if layer.activation is None else layer.activation(outputs)


def _product(stride, x, w, *bias):
    """The convolution and the function of its gradients."""
    seen = x if stride == 1 else tf.nn.avg_pool2d(x, 1, stride, "VALID")  # of one pixel: a slice, and sooner than a slice
    matrix = tf.reshape(w, w.shape[2:])
    outputs = tf.matmul(_rows(seen), matrix)

    def gradients(dy):
        slopes = _rows(dy)
        dx = _map(_gradient_of_rows(slopes, matrix, seen.shape[1:3]), seen)
        dw = tf.reshape(tf.matmul(_rows(seen), slopes, transpose_a=True), w.shape)
        db = [tf.raw_ops.BiasAddGrad(out_backprop=slopes)] if bias else []
        return dx if stride == 1 else _spread(dx, stride, tf.shape(x)), dw, *db

    return _map(tf.nn.bias_add(outputs, *bias) if bias else outputs, seen), gradients


def _gradient_of_rows(slopes, matrix, sides):
    """`slopes @ matrix.T`. The kernel of a product copies its second factor where that is transposed: of a small map, with few
    pixels and large weights, the pixels are the smaller copy."""
    if None in sides or max(sides) > _SMALL:
        return tf.matmul(slopes, matrix, transpose_b=True)
    return tf.transpose(tf.matmul(matrix, slopes, transpose_b=True))


def _spread(x, stride, shape):
    """The pixels of a map put ``stride`` apart, with zeros between, in a map of that shape."""
    count, height, width, channels = tf.unstack(tf.shape(x))
    apart = tf.pad(x[:, :, None, :, None], [(0, 0), (0, 0), (0, stride - 1), (0, 0), (0, stride - 1), (0, 0)])
    apart = tf.reshape(apart, (count, height * stride, width * stride, channels))
    return tf.reshape(apart[:, : shape[1], : shape[2]], shape)


def _nine_taps(layer, inputs, kernel):
    """`Conv2D.convolution_op` of a 3x3 kernel; large maps, and those of open size, keep the convolution's own kernels."""
    sides = inputs.shape[1:3]
    if not _training(layer) or None in sides or max(sides) > _SMALL:
        return type(layer).convolution_op(layer, inputs, kernel)
    return _sum_of_taps(tf.convert_to_tensor(inputs), tf.convert_to_tensor(kernel))


@tf.custom_gradient
def _sum_of_taps(x, w):
    taps = [_Tap(row, column, x.shape[1:3]) for row in range(3) for column in range(3)]
    matrices = tf.reshape(w, (9, *w.shape[2:]))  # of which one is a part of the same memory, not a copy
    outputs = [tap.to_output(tf.matmul(_rows(tap.seen(x)), matrices[n])) for n, tap in enumerate(taps) if tap]

    def gradients(dy):
        sides = x.shape[1:3]
        dx = [tap.to_input(_gradient_of_rows(_rows(tap.given(dy)), matrices[n], sides)) for n, tap in enumerate(taps) if tap]
        dw = [
            tf.matmul(_rows(tap.seen(x)), _rows(tap.given(dy)), transpose_a=True) if tap else tf.zeros_like(matrices[0])
            for tap in taps
        ]
        return tf.add_n(dx), tf.reshape(tf.stack(dw), w.shape)

    return tf.add_n(outputs), gradients


class _Tap:
    """One tap of a 3x3 kernel on a map of that size: which pixels it sees, and for which ones; false where for none."""

    def __init__(self, row, column, sides):
        self._sides = sides
        offsets = (row - 1, column - 1)
        self._input = [max(0, offset) for offset in offsets]
        self._output = [max(0, -offset) for offset in offsets]
        self._count = [max(0, side - abs(offset)) for side, offset in zip(sides, offsets, strict=True)]

    def __bool__(self):
        return all(self._count)

    def seen(self, x):
        """The pixels of the input that it sees."""
        return self._cut(x, self._input)

    def given(self, y):
        """The pixels of the output that it gives to."""
        return self._cut(y, self._output)

    def to_input(self, rows):
        """Rows for the pixels that it sees, in a map of zeros."""
        return self._put(rows, self._input)

    def to_output(self, rows):
        """Rows for the pixels that it gives to, in a map of zeros."""
        return self._put(rows, self._output)

    def _cut(self, x, first):
        (top, left), (height, width) = first, self._count
        return x[:, top : top + height, left : left + width]

    def _put(self, rows, first):
        part = tf.reshape(rows, (-1, *self._count, rows.shape[-1]))
        around = [(begin, side - begin - count) for begin, side, count in zip(first, self._sides, self._count, strict=True)]
        return tf.pad(part, [(0, 0), *around, (0, 0)])


def _rows(x):
    """`(N, H, W, C)` as `(N * H * W, C)`."""
    return tf.reshape(x, (-1, x.shape[-1]))


def _map(rows, like):
    """`(N * H * W, C)` as `(N, H, W, C)`, of the height and width of another map."""
    height, width = (like.shape[axis] or tf.shape(like)[axis] for axis in (1, 2))
    return tf.reshape(rows, (-1, height, width, rows.shape[-1]))
