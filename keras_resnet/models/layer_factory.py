"""Makes the Keras layers of a network: names, padding, biases and normalisation as its spec says."""

import copy
import math

import keras
from keras import layers, ops

from keras_resnet.architectures import layer_names


class KerasLayers:
    """Turns "a 3x3 convolution here" into layers; ``here`` is the stage and block that `at` was told.

    Every method takes a float tensor `(N, H, W, C)` (or `(N, C, H, W)`, as Keras is set) first, then the branch
    (`layer_names.Place`), and returns a tensor.

    Args:
        spec: a `ModelSpec`.
        prefix: None, or what stands before every layer's name, with an underscore between.
        dtype: dtype policy of every layer but the classifier; None for Keras's own.
        classes: number of classes, for the lineage that has it in a layer name.
    """

    def __init__(self, spec, *, prefix=None, dtype=None, classes=None):
        self.spec, self.prefix, self.classes = spec, prefix, classes
        self.dtype = keras.dtype_policies.get(dtype) if dtype is not None else keras.config.dtype_policy()
        self.channels_first = keras.config.image_data_format() == "channels_first"
        self.axis = 1 if self.channels_first else 3
        self.stage, self.block = layer_names.STEM, 0

    def at(self, stage, block=0):
        """A layer factory for another place."""
        there = copy.copy(self)
        there.stage, there.block = stage, block
        return there

    def channels(self, x):
        """The number of channels, an int."""
        return x.shape[self.axis]

    def conv(self, x, branch, filters, kernel, *, stride=1, dilation=1, groups=1):
        """A convolution that keeps the size, or halves it: zeros of equal width on both sides, unless the spec differs."""
        same = self.stage == layer_names.STEM and self.spec.stem_padding == "same"
        own_pads = kernel > 1 and not same and (stride > 1 or self.stage > layer_names.STEM and self.spec.pads == "always")
        if own_pads:
            x = layers.ZeroPadding2D(dilation * (kernel // 2), **self._named(branch, "pad"))(x)
        return layers.Conv2D(
            filters,
            kernel,
            strides=stride,
            padding="valid" if own_pads or kernel == 1 else "same",
            dilation_rate=dilation,
            groups=groups,
            use_bias=self.spec.has_bias(self.stage, branch),
            kernel_initializer=_initializer(self.spec.initializer),
            **self._named(branch, "conv"),
        )(x)

    def norm(self, x, branch, *, last=False, gamma=True):
        """The spec's normalisation, if any; ``last`` marks the one that ends a branch."""
        if self.spec.norm == "none":
            return x
        gammas = "zeros" if last and self.spec.zero_init_gamma else "ones"
        common = dict(axis=self.axis, epsilon=self.spec.epsilon, scale=gamma, gamma_initializer=gammas)
        if self.spec.norm == "group":
            groups = math.gcd(32, self.channels(x))
            return layers.GroupNormalization(groups, **common, **self._named(branch, "norm"))(x)
        return layers.BatchNormalization(momentum=self.spec.momentum, **common, **self._named(branch, "norm"))(x)

    def act(self, x, branch):
        """A ReLU."""
        return self.activation(x, branch, "relu")

    def activation(self, x, branch, function):
        """An activation by Keras's name; the classifier's has its precision."""
        dtype = self._head_dtype() if self.stage == layer_names.HEAD and function != "relu" else self.dtype
        return layers.Activation(function, **{**self._named(branch, "act"), "dtype": dtype})(x)

    def stem_pool(self, x):
        """The 3x3 maximum of stride 2 behind the stem's convolutions."""
        pool = self.spec.pool
        width = {"zero": (1, 1), "infinity": (1, 1), "ceil": (0, 1)}.get(pool)
        if pool == "infinity" or pool == "ceil" and not self.spec.stem_activated:
            pads = [(0, 0), width, width]
            pads.insert(self.axis, (0, 0))
            x = ops.pad(x, pads, constant_values=-math.inf)
        elif width:  # behind a ReLU zeros change no maximum; elsewhere Keras has them all the same
            x = layers.ZeroPadding2D((width, width), **self._named("pool", "pad"))(x)
        padding = "same" if pool == "same" else "valid"
        return layers.MaxPooling2D(3, strides=2, padding=padding, **self._named("pool", "pool"))(x)

    def subsample(self, x, branch, stride):
        """Every ``stride``-th pixel."""
        return layers.MaxPooling2D(1, strides=stride, **self._named(branch, "pool"))(x)

    def average_pool(self, x, branch, stride):
        """The mean of 2x2 pixels, of those that are there at an odd edge; at stride 1 with zeros there, as in timm."""
        if stride == 1:
            x = layers.ZeroPadding2D(((0, 1), (0, 1)), **self._named(branch, "pad"))(x)
        padding = "valid" if stride == 1 else "same"
        return layers.AveragePooling2D(2, strides=stride, padding=padding, **self._named(branch, "pool"))(x)

    def pad_channels(self, x, filters):
        """Zeros behind the channels, up to ``filters``."""
        if filters == self.channels(x):
            return x
        pads = [(0, 0)] * 4
        pads[self.axis] = (0, filters - self.channels(x))
        return ops.pad(x, pads)

    def mean(self, x, branch):
        """The mean of each channel, `(N, 1, 1, C)`."""
        return layers.GlobalAveragePooling2D(keepdims=True, **self._named(branch, "pool"))(x)

    def gate_conv(self, x, branch, filters, activation):
        """A 1x1 convolution with a bias and an activation."""
        return layers.Conv2D(
            filters,
            1,
            activation=activation,
            kernel_initializer=_initializer(self.spec.initializer),
            **self._named(branch, "conv"),
        )(x)

    def multiply(self, x, weights, branch):
        """The product."""
        return layers.Multiply(**self._named(branch, "multiply"))([x, weights])

    def add(self, branch, shortcut, place):
        """The sum of branch and shortcut."""
        both = [shortcut, branch] if self.spec.shortcut_first else [branch, shortcut]
        return layers.Add(**self._named(place, "add"))(both)

    def rescale(self, x, branch, factor):
        """The product with a constant."""
        return layers.Rescaling(factor, **self._named(branch, "rescale"))(x)

    def learned_scale(self, x, branch):
        """The product with a trainable scalar that starts at zero: a dense layer of one weight, which Keras loads by itself."""
        scale = layers.Dense(1, use_bias=False, kernel_initializer="zeros", **self._named(branch, "scale"))
        return ops.squeeze(scale(ops.expand_dims(x, -1)), -1)

    def drop(self, x, branch, rate):
        """In training, zeros for a whole image with probability ``rate``, and 1 / (1 - rate) times the image otherwise."""
        return layers.Dropout(rate, noise_shape=(None, 1, 1, 1), **self._named(branch, "drop"))(x)

    def global_average(self, x, branch):
        """The mean of each channel, `(N, C)`."""
        return layers.GlobalAveragePooling2D(**self._named(branch, "pool"))(x)

    def global_max(self, x, branch):
        """The largest value of each channel, `(N, C)`."""
        return layers.GlobalMaxPooling2D(**{**self._named(branch, "pool"), "name": self._prefixed("max_pool")})(x)

    def average_whole_map(self, x, branch):
        """As `global_average`, in Chollet's two layers; in one where the size is open."""
        sides = x.shape[2:4] if self.channels_first else x.shape[1:3]
        if None in sides:
            return self.global_average(x, branch)
        x = layers.AveragePooling2D(tuple(sides), **self._named(branch, "pool"))(x)
        return layers.Flatten(**self._named(branch, "flatten"))(x)

    def dense(self, x, branch, units, activation):
        """The classifier, in float32 under a mixed policy: half precision is too coarse for a softmax."""
        options = {**self._named(branch, "dense"), "dtype": self._head_dtype()}
        return layers.Dense(units, activation=activation, **options)(x)

    def _head_dtype(self):
        return self.dtype.variable_dtype if self.dtype.name.startswith("mixed") else self.dtype

    def _named(self, branch, role):
        place = layer_names.Place(self.stage, self.block, branch, role)
        spec = self.spec
        name = layer_names.keras_name(layer_names.layer_name(spec.grammar, place, numbered=spec.numbered, classes=self.classes))
        if name is None and self.prefix:
            zone = {layer_names.INPUT: "input", layer_names.STEM: "stem", layer_names.HEAD: "head"}.get(self.stage)
            name = "_".join((zone or f"stage{self.stage}_block{self.block + 1}", branch, role))
        return {"name": self._prefixed(name), "dtype": self.dtype}

    def _prefixed(self, name):
        return f"{self.prefix}_{name}" if self.prefix else name


def _initializer(name):
    if name == "kaiming_normal":  # torchvision/models/resnet.py: kaiming_normal_(mode="fan_out", nonlinearity="relu")
        return keras.initializers.VarianceScaling(2.0, mode="fan_out", distribution="untruncated_normal")
    return keras.initializers.get(name)
