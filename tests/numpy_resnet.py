"""The forward pass of ResNets with Caffe's layer names in NumPy, float64, from the equations alone.

Nothing of the package is used. What Chollet's and He's networks do differently is a parameter.
"""

import numpy as np

BATCH_NORM_EPSILON = 1e-3  # the default of Keras's BatchNormalization, which Chollet's file leaves as it is


def convolution(x, kernel, bias=0, *, stride=1, padding=0):
    """Cross-correlation: x `(N, H, W, C)`, kernel `(kh, kw, C, F)`, bias `(F,)` or none, zeros around."""
    kh, kw, channels, filters = kernel.shape
    x = np.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    height, width = (x.shape[1] - kh) // stride + 1, (x.shape[2] - kw) // stride + 1
    patches = np.empty((len(x), height, width, kh, kw, channels))
    for row in range(kh):
        for column in range(kw):
            patches[:, :, :, row, column] = x[
                :, row : row + stride * height : stride, column : column + stride * width : stride
            ][:, :height, :width]
    return patches.reshape(len(x), height, width, -1) @ kernel.reshape(-1, filters) + bias


def normalize(x, gamma, beta, mean, variance, epsilon):
    return gamma * (x - mean) / np.sqrt(variance + epsilon) + beta


def max_pool(x, size=3, stride=2, ceil=False):
    """Without padding; ``ceil``: a last window that is partly outside counts too, with what it has inside (Caffe)."""
    if ceil:
        rest = [-(side - size) % stride for side in x.shape[1:3]]
        x = np.pad(x, ((0, 0), (0, rest[0]), (0, rest[1]), (0, 0)), constant_values=-np.inf)
    height, width = (x.shape[1] - size) // stride + 1, (x.shape[2] - size) // stride + 1
    views = [
        x[:, row : row + stride * height : stride, column : column + stride * width : stride][:, :height, :width]
        for row in range(size)
        for column in range(size)
    ]
    return np.max(views, axis=0)


def relu(x):
    return np.maximum(x, 0)


class Network:
    """Weights as a dict of layer name -> list of arrays, in the order of Keras: statistics too, and biases where there are any.

    ``epsilon``: of every normalisation. ``ceil``: how the stem's pool rounds, see `max_pool`.
    """

    def __init__(self, weights, *, epsilon=BATCH_NORM_EPSILON, ceil=False):
        self.epsilon, self.ceil = epsilon, ceil
        self.weights = {name: [array.astype("float64") for array in arrays] for name, arrays in weights.items()}

    def conv_bn(self, x, conv, bn, stride=1, padding=0):
        y = convolution(x, *self.weights[conv], stride=stride, padding=padding)
        return normalize(y, *self.weights[bn], self.epsilon)

    def block(self, x, name, stride=1, projection=False):
        """One bottleneck; `name` is e.g. "2a". The stride stands in the first 1x1 convolution."""
        conv, bn = f"res{name}_branch", f"bn{name}_branch"
        y = relu(self.conv_bn(x, conv + "2a", bn + "2a", stride))
        y = relu(self.conv_bn(y, conv + "2b", bn + "2b", padding=1))
        y = self.conv_bn(y, conv + "2c", bn + "2c")
        return relu(y + (self.conv_bn(x, conv + "1", bn + "1", stride) if projection else x))

    def logits(self, images, depths=(3, 4, 6, 3)):
        x = relu(self.conv_bn(images.astype("float64"), "conv1", "bn_conv1", stride=2, padding=3))
        x = max_pool(x, ceil=self.ceil)
        for stage, depth in enumerate(depths, start=2):
            for index in range(depth):
                first = index == 0
                x = self.block(x, f"{stage}{'abcdef'[index]}", 2 if first and stage > 2 else 1, projection=first)
        kernel, bias = self.weights["fc1000"]
        return x.mean(axis=(1, 2)) @ kernel + bias


def randomize(model, seed):
    """Sets every weight of a Keras model to random numbers, running statistics too, at a scale that keeps signals near 1."""
    generator = np.random.default_rng(seed)
    for layer in model.layers:
        for weight in layer.weights:
            weight.assign(_random(weight.path.rsplit("/", 1)[-1], tuple(weight.shape), generator))


def _random(name, shape, generator):
    if name == "kernel":
        return generator.normal(0, np.sqrt(2 / np.prod(shape[:-1])), shape)
    if name in ("gamma", "moving_variance"):
        return generator.uniform(0.5, 1.5, shape)
    return generator.normal(0, 0.2, shape)
