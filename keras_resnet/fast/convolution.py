"""Gradients of convolutions by matrix products, where those are faster than a convolution's own.

A 1x1 convolution is a matrix product of pixels and kernel, and so are its two gradients. A 3x3 convolution is a sum of nine
products, one for each tap of the kernel, over the pixels whose neighbour lies in the map: on a map of 2x2, where most
neighbours are padding, these are 16 products of one pixel instead of 36.
"""

import functools

import keras
import tensorflow as tf

_SMALL = 2  # the largest side of a map on which the nine products were faster


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
        return {"convolution_op": _one_pixel}
    if tuple(layer.kernel_size) == (3, 3) and layer.padding == "same" and layer.strides[0] == 1:
        return {"convolution_op": _nine_taps}
    return {}


def _one_pixel(layer, inputs, kernel):
    """`Conv2D.convolution_op` of a 1x1 kernel."""
    stride = layer.strides[0]
    return _convolution(inputs, kernel, stride, functools.partial(_gradients_of_one_pixel, stride))


def _nine_taps(layer, inputs, kernel):
    """`Conv2D.convolution_op` of a 3x3 kernel; large maps, and those of open size, keep the convolution's own gradients."""
    sides = inputs.shape[1:3]
    if None in sides or max(sides) > _SMALL:
        return type(layer).convolution_op(layer, inputs, kernel)
    return _convolution(inputs, kernel, 1, _gradients_of_nine_taps)


def _convolution(inputs, kernel, stride, gradients):
    """TensorFlow's convolution with padding "same", with other gradients: a function of inputs, kernel and `dy`."""

    @tf.custom_gradient
    def convolve(x, w):
        return tf.nn.conv2d(x, w, stride, "SAME"), lambda dy: gradients(x, w, dy)

    return convolve(tf.convert_to_tensor(inputs), tf.convert_to_tensor(kernel))


def _gradients_of_one_pixel(stride, x, w, dy):
    seen = x if stride == 1 else tf.nn.avg_pool2d(x, 1, stride, "VALID")  # of one pixel: a slice, and sooner than a slice
    slopes = _rows(dy)
    dx = tf.reshape(tf.matmul(slopes, w[0, 0], transpose_b=True), tf.shape(seen))
    dw = tf.matmul(_rows(seen), slopes, transpose_a=True)
    return dx if stride == 1 else _spread(dx, stride, tf.shape(x)), tf.reshape(dw, w.shape)


def _spread(x, stride, shape):
    """The pixels of a map put ``stride`` apart, with zeros between, in a map of that shape."""
    count, height, width, channels = tf.unstack(tf.shape(x))
    apart = tf.pad(x[:, :, None, :, None], [(0, 0), (0, 0), (0, stride - 1), (0, 0), (0, stride - 1), (0, 0)])
    apart = tf.reshape(apart, (count, height * stride, width * stride, channels))
    return tf.reshape(apart[:, : shape[1], : shape[2]], shape)


def _gradients_of_nine_taps(x, w, dy):
    height, width = x.shape[1:3]
    dx, dw = [], []
    for row in range(3):
        for column in range(3):
            top, left = _Overlap(row - 1, height), _Overlap(column - 1, width)
            if not (top.count and left.count):
                dw.append(tf.zeros_like(w[row, column]))
                continue
            seen = x[:, top.input : top.input + top.count, left.input : left.input + left.count]
            slopes = dy[:, top.output : top.output + top.count, left.output : left.output + left.count]
            dw.append(tf.matmul(_rows(seen), _rows(slopes), transpose_a=True))
            part = tf.matmul(_rows(slopes), w[row, column], transpose_b=True)
            around = [(0, 0), top.around(height), left.around(width), (0, 0)]
            dx.append(tf.pad(tf.reshape(part, tf.shape(seen)), around))
    return tf.add_n(dx), tf.reshape(tf.stack(dw), w.shape)


class _Overlap:
    """Along one axis: where the pixels that a tap of the kernel sees begin, where their results do, and how many there are."""

    def __init__(self, offset, side):
        self.input, self.output, self.count = max(0, offset), max(0, -offset), max(0, side - abs(offset))

    def around(self, side):
        """The padding that puts the pixels seen back into their place in the map."""
        return self.input, side - self.input - self.count


def _rows(x):
    """`(N, H, W, C)` as `(N * H * W, C)`."""
    return tf.reshape(x, (-1, x.shape[-1]))
