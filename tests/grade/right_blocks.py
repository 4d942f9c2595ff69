"""Right blocks, as learners hand them in: of every generation, and in styles of their own."""

import importlib
import linecache
import textwrap

import keras
from keras import layers, ops

IDENTITY_V1 = """
def identity_block(X, f, filters, stage, block):
    F1, F2, F3 = filters
    X_shortcut = X

    X = Conv2D(filters=F1, kernel_size=(1, 1), strides=(1, 1), padding="valid", name=f"res{stage}{block}_branch2a")(X)
    X = BatchNormalization(axis=3, name=f"bn{stage}{block}_branch2a")(X)
    X = Activation("relu")(X)

    X = Conv2D(filters=F2, kernel_size=(f, f), strides=(1, 1), padding="same", name=f"res{stage}{block}_branch2b")(X)
    X = BatchNormalization(axis=3, name=f"bn{stage}{block}_branch2b")(X)
    X = Activation("relu")(X)

    X = Conv2D(filters=F3, kernel_size=(1, 1), strides=(1, 1), padding="valid", name=f"res{stage}{block}_branch2c")(X)
    X = BatchNormalization(axis=3, name=f"bn{stage}{block}_branch2c")(X)

    X = Add()([X, X_shortcut])
    X = Activation("relu")(X)
    return X
"""

CONV_V1 = """
def convolutional_block(X, f, filters, stage, block, s=2):
    F1, F2, F3 = filters
    X_shortcut = X

    X = Conv2D(F1, (1, 1), strides=(s, s), name=f"res{stage}{block}_branch2a")(X)
    X = BatchNormalization(axis=3, name=f"bn{stage}{block}_branch2a")(X)
    X = Activation("relu")(X)

    X = Conv2D(F2, (f, f), strides=(1, 1), padding="same", name=f"res{stage}{block}_branch2b")(X)
    X = BatchNormalization(axis=3, name=f"bn{stage}{block}_branch2b")(X)
    X = Activation("relu")(X)

    X = Conv2D(F3, (1, 1), strides=(1, 1), padding="valid", name=f"res{stage}{block}_branch2c")(X)
    X = BatchNormalization(axis=3, name=f"bn{stage}{block}_branch2c")(X)

    X_shortcut = Conv2D(F3, (1, 1), strides=(s, s), padding="valid", name=f"res{stage}{block}_branch1")(X_shortcut)
    X_shortcut = BatchNormalization(axis=3, name=f"bn{stage}{block}_branch1")(X_shortcut)

    X = Add()([X, X_shortcut])
    X = Activation("relu")(X)
    return X
"""

IDENTITY_V2 = """
def identity_block(X, f, filters, training=True, initializer=random_uniform):
    F1, F2, F3 = filters
    X_shortcut = X

    X = Conv2D(F1, kernel_size=1, strides=(1, 1), padding="valid", kernel_initializer=initializer(seed=0))(X)
    X = BatchNormalization(axis=3)(X, training=training)
    X = Activation("relu")(X)

    X = Conv2D(F2, kernel_size=f, strides=(1, 1), padding="same", kernel_initializer=initializer(seed=0))(X)
    X = BatchNormalization(axis=3)(X, training=training)
    X = Activation("relu")(X)

    X = Conv2D(F3, kernel_size=1, strides=(1, 1), padding="valid", kernel_initializer=initializer(seed=0))(X)
    X = BatchNormalization(axis=3)(X, training=training)

    X = Add()([X, X_shortcut])
    X = Activation("relu")(X)
    return X
"""

CONV_V2 = """
def convolutional_block(X, f, filters, s=2, training=True, initializer=glorot_uniform):
    F1, F2, F3 = filters
    X_shortcut = X

    X = Conv2D(F1, kernel_size=1, strides=(s, s), padding="valid", kernel_initializer=initializer(seed=0))(X)
    X = BatchNormalization(axis=3)(X, training=training)
    X = Activation("relu")(X)

    X = Conv2D(F2, kernel_size=f, strides=(1, 1), padding="same", kernel_initializer=initializer(seed=0))(X)
    X = BatchNormalization(axis=3)(X, training=training)
    X = Activation("relu")(X)

    X = Conv2D(F3, kernel_size=1, strides=(1, 1), padding="valid", kernel_initializer=initializer(seed=0))(X)
    X = BatchNormalization(axis=3)(X, training=training)

    X_shortcut = Conv2D(F3, kernel_size=1, strides=(s, s), padding="valid", kernel_initializer=initializer(seed=0))(X_shortcut)
    X_shortcut = BatchNormalization(axis=3)(X_shortcut, training=training)

    X = Add()([X, X_shortcut])
    X = Activation("relu")(X)
    return X
"""

IDENTITY_V3 = IDENTITY_V2.replace("training=True, ", "").replace(", training=training", "")
CONV_V3 = CONV_V2.replace("training=True, ", "").replace(", training=training", "")

# A right block in other words.
LOOP = """
def identity_block(x, kernel_size, filters, stage, block):
    y = x
    for number, (count, side) in enumerate(zip(filters, (1, kernel_size, 1), strict=True)):
        y = layers.BatchNormalization()(layers.Conv2D(count, side, padding="same")(y))
        if number < 2:
            y = layers.ReLU()(y)
    return layers.ReLU()(layers.Add()([x, y]))
"""

FUNCTIONS = """
def conv_block(x, kernel_size, filters, stage, block, strides=(2, 2)):
    def unit(x, count, side, strides=1):
        return layers.BatchNormalization(axis=-1)(layers.Conv2D(count, side, strides, "same")(x))

    one, two, three = filters
    shortcut = unit(x, three, 1, strides)
    x = keras.activations.relu(unit(x, one, 1, strides))
    x = ops.relu(unit(x, two, kernel_size))
    return ops.relu(unit(x, three, 1) + shortcut)
"""

SEQUENTIAL = """
def identity_block(X, f, filters, initializer=random_uniform):
    def conv(count, side, **options):
        return layers.Conv2D(count, side, padding="same", kernel_initializer=initializer(seed=0), **options)

    main = keras.Sequential(
        [
            conv(filters[0], 1), layers.BatchNormalization(), layers.ReLU(),
            conv(filters[1], f), layers.BatchNormalization(), layers.ReLU(),
            conv(filters[2], 1), layers.BatchNormalization(),
        ]
    )
    return layers.Activation("relu")(layers.add([X, main(X)]))
"""

OWN_PADDING = """
def identity_block(X, f, filters, stage, block):
    y = layers.Activation("relu")(layers.BatchNormalization()(layers.Conv2D(filters[0], 1)(X)))
    y = layers.ZeroPadding2D(f // 2)(y)
    y = layers.Activation("relu")(layers.BatchNormalization()(layers.Conv2D(filters[1], f)(y)))
    y = layers.BatchNormalization()(layers.Conv2D(filters[2], 1)(y))
    return layers.Activation(keras.activations.relu)(ops.add(y, X))
"""

WHOLE_LAYER = """
class Bottleneck(layers.Layer):
    def __init__(self, filters, f, s):
        super().__init__()
        one, two, three = filters
        self.convs = [layers.Conv2D(one, 1, s), layers.Conv2D(two, f, padding="same"), layers.Conv2D(three, 1)]
        self.norms = [layers.BatchNormalization() for _ in range(4)]
        self.projection = layers.Conv2D(three, 1, s)

    def build(self, shape):
        shortcut = self.projection.compute_output_shape(shape)
        self.projection.build(shape)
        for conv, norm in zip(self.convs, self.norms):
            conv.build(shape)
            shape = conv.compute_output_shape(shape)
            norm.build(shape)
        self.norms[3].build(shortcut)

    def call(self, x, training=None):
        shortcut = self.norms[3](self.projection(x), training=training)
        for number in range(3):
            x = self.norms[number](self.convs[number](x), training=training)
            x = ops.relu(x) if number < 2 else x
        return ops.relu(x + shortcut)


def convolutional_block(X, f, filters, stage, block, s=2):
    return Bottleneck(filters, f, s)(X)
"""

# What no graph shows: a layer that looks into its input, so that it cannot be called on a tensor without numbers.
HIDING = WHOLE_LAYER.replace(
    "    def call(self, x, training=None):\n",
    "    def call(self, x, training=None):\n        if keras.backend.is_keras_tensor(x):\n            raise TypeError\n",
)

RIGHT = {
    "identity v1": ("identity", IDENTITY_V1),
    "conv v1": ("conv", CONV_V1),
    "identity v2": ("identity", IDENTITY_V2),
    "conv v2": ("conv", CONV_V2),
    "identity v3": ("identity", IDENTITY_V3),
    "conv v3": ("conv", CONV_V3),
    "loop, unnamed, swapped Add": ("identity", LOOP),
    "functions and operators": ("conv", FUNCTIONS),
    "Sequential in a block": ("identity", SEQUENTIAL),
    "zeros of its own": ("identity", OWN_PADDING),
    "one layer of its own": ("conv", WHOLE_LAYER),
    "one layer that hides what it does": ("conv", HIDING),
    "activations in the layers": ("identity", LOOP.replace("layers.ReLU()(y)", "layers.Activation(keras.ops.relu)(y)")),
    "functions of its own that compute a ReLU": (
        "identity",
        IDENTITY_V3.replace('Activation("relu")', "layers.Lambda(lambda x: ops.maximum(x, 0))"),
    ),
    "an addition of its own": ("conv", CONV_V3.replace("Add()", "layers.Lambda(lambda both: both[0] + both[1])")),
    "dropout of nothing": ("identity", IDENTITY_V1.replace("    X = Add()", "    X = layers.Dropout(0.0)(X)\n    X = Add()")),
    "a layer that nothing goes on with": ("conv", CONV_V1.replace("    X = Add()", "    Y = Conv2D(3, 1)(X)\n    X = Add()")),
    "other names": ("conv", CONV_V1.replace("res{stage}{block}_branch", "stage_{stage}_{block}_")),
    "other settings within reason": ("identity", IDENTITY_V1.replace("axis=3,", "epsilon=1e-5, momentum=0.9,")),
    "one kernel that starts at zero": ("conv", CONV_V1.replace('"same"', '"same", kernel_initializer="zeros"')),
    "regularised": ("identity", IDENTITY_V3.replace("padding=", 'kernel_regularizer="l2", padding=')),
    "words of its own": (
        "conv",
        CONV_V3.replace("X, f, filters, s=2", "data, side, numbers, stride=(2, 2)")
        .replace("(s, s)", "stride")
        .replace("size=f", "size=side")
        .replace("= filters", "= numbers")
        .replace("X_shortcut = X\n", "X = X_shortcut = data\n"),
    ),
    "no biases": ("identity", IDENTITY_V1.replace('padding="same"', 'padding="same", use_bias=False')),
}


def function(source, name="submission"):
    """The last function that a source defines, its lines known to tracebacks."""
    source = textwrap.dedent(source)
    lines = source.splitlines(keepends=True)
    linecache.cache[name] = (len(source), None, lines, name)
    space = {key: getattr(layers, key) for key in ("Activation", "Add", "BatchNormalization", "Conv2D")}
    space |= {"layers": layers, "ops": ops, "keras": keras}
    if keras.backend.backend() == "tensorflow":
        space["tf"] = importlib.import_module("tensorflow")
    space |= {key: getattr(keras.initializers, key) for key in ("glorot_uniform", "random_uniform")}
    exec(compile(source, name, "exec"), space)
    return [value for value in space.values() if getattr(getattr(value, "__code__", None), "co_filename", "") == name][-1]
