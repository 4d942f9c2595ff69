"""Networks as learners hand them in, right and wrong."""

import keras
from keras import layers

from keras_resnet.compat import assignment_v3

NETWORK = """
def ResNet50(input_shape=(64, 64, 3), classes=6):
    X_input = layers.Input(input_shape)
    X = layers.ZeroPadding2D((3, 3))(X_input)
    X = layers.Conv2D(64, (7, 7), strides=(2, 2))(X)
    X = layers.BatchNormalization(axis=3)(X)
    X = layers.Activation("relu")(X)
    X = layers.MaxPooling2D((3, 3), strides=(2, 2))(X)
    for F, count, s in zip((64, 128, 256, 512), (3, 4, 6, 3), (1, 2, 2, 2)):
        X = convolutional_block(X, 3, [F, F, 4 * F], s=s)
        for _ in range(count - 1):
            X = identity_block(X, 3, [F, F, 4 * F])
    X = layers.AveragePooling2D((2, 2))(X)
    X = layers.Flatten()(X)
    X = layers.Dense(classes, activation="softmax")(X)
    return Model(inputs=X_input, outputs=X)
"""
_RELU = '    X = layers.Activation("relu")(X)\n'
_NORM = "    X = layers.BatchNormalization(axis=3)(X)\n"
_POOL = "    X = layers.MaxPooling2D((3, 3), strides=(2, 2))(X)\n"
_AVERAGE = "    X = layers.AveragePooling2D((2, 2))(X)\n"
_FLAT = "    X = layers.Flatten()(X)\n"
_DENSE = '    X = layers.Dense(classes, activation="softmax")(X)\n'
_CONV = "    X = layers.Conv2D(64, (7, 7), strides=(2, 2))(X)\n"
_RETURN = "    return Model(inputs=X_input, outputs=X)\n"
_IDENTITY = "            X = identity_block(X, 3, [F, F, 4 * F])\n"
_CONVOLUTIONAL = "        X = convolutional_block(X, 3, [F, F, 4 * F], s=s)\n"
_OWN_CLASS = """
class ResNet(keras.Model):
    def __init__(self, classes):
        super().__init__()
        self.classes = classes

    def call(self, X):
        X_input = X
{body}        return X


def ResNet50(input_shape=(64, 64, 3), classes=6):
    return ResNet(classes)
"""

# What is right -> pairs of old and new text, and a word of the advice, if any.
RIGHT = {
    "the assignment's": ([], ""),
    "an average pool without a size": ([("((2, 2))(X)\n    X = layers.Fl", "()(X)\n    X = layers.Fl")], "Keras 3 wants it"),
    "a global average": ([(_AVERAGE + _FLAT, "    X = layers.GlobalAveragePooling2D()(X)\n")], "averages the whole last map"),
    "an average by a function": ([(_AVERAGE + _FLAT, "    X = keras.ops.mean(X, axis=(1, 2))\n")], "averages the whole"),
    "a padded average pool": ([("Pooling2D((2, 2))", 'Pooling2D(pool_size=(2, 2), padding="same", name="avg_pool")')], ""),
    "a softmax of its own": ([(', activation="softmax")(X)', ")(X)\n    X = layers.Softmax()(X)")], ""),
    "reshaped": ([("layers.Flatten()", "layers.Reshape((2048,))")], ""),
    "names of its own": (
        [
            ("layers.Conv2D(64, (7, 7),", 'layers.Conv2D(64, (7, 7), name="res5c_branch2c",'),
            ("layers.Dense(", 'layers.Dense(name="conv1", units='),
        ],
        "",
    ),
    "other parameters": (
        [("input_shape=(64, 64, 3), classes=6", "shape, n_classes"), ("(input_shape)", "(shape)"), ("(classes", "(n_classes")],
        "",
    ),
    "no parameters": (
        [("input_shape=(64, 64, 3), classes=6", ""), ("(input_shape)", "((64, 64, 3))"), ("(classes", "(6")],
        "has no parameter",
    ),
    "another epsilon": ([("axis=3", "axis=3, epsilon=1e-5")], ""),
    "without biases": ([("strides=(2, 2))(X)\n    X = layers.B", "strides=(2, 2), use_bias=False)(X)\n    X = layers.B")], ""),
    "the ReLU behind the pool": ([(_RELU + _POOL, _POOL + _RELU)], ""),
}

# What was done -> old and new text, the rows and a part of the first sentence.
WRONG = {
    "a block too few": (
        "(3, 4, 6, 3)",
        "(3, 4, 6, 2)",
        ["departure"],
        "blocks in each stage: here 3, 4, 6, 2; expected 3, 4, 6, 3",
    ),
    "a block in another stage": ("(3, 4, 6, 3)", "(3, 4, 5, 4)", ["departure"], "here 3, 4, 5, 4; expected 3, 4, 6, 3"),
    "no zeros in front": (
        "    X = layers.ZeroPadding2D((3, 3))(X_input)\n    X = layers.Conv2D(64, (7, 7), strides=(2, 2))(X)\n",
        '    X = layers.Conv2D(64, (7, 7), strides=(2, 2), padding="same")(X_input)\n',
        ["departure"],
        "padding of the stem's convolution: here TensorFlow's SAME; expected zeros of 3 on each side",
    ),
    "zeros and SAME": (
        "strides=(2, 2))(X)\n    X = layers.B",
        'strides=(2, 2), padding="same")(X)\n    X = layers.B',
        ["departure"],
        "here zeros of 3 on each side and TensorFlow's SAME; expected zeros of 3 on each side",
    ),
    "fewer zeros": ("ZeroPadding2D((3, 3))", "ZeroPadding2D((2, 2))", ["departure"], "here zeros of 2 on each side"),
    "the pool padded": (
        "strides=(2, 2))(X)\n    for",
        'strides=(2, 2), padding="same")(X)\n    for',
        ["departure"],
        "padding of the stem's pool: here TensorFlow's SAME; expected none",
    ),
    "a pool of 2": (
        "MaxPooling2D((3, 3)",
        "MaxPooling2D((2, 2)",
        ["departure"],
        "size of the stem's pool: here 2x2; expected 3x3",
    ),
    "a pool without a size": (
        "MaxPooling2D((3, 3), strides=(2, 2))",
        "MaxPooling2D()",
        ["departure"],
        "size of the stem's pool: here 2x2",
    ),
    "a pool that averages": (
        "layers.MaxPooling2D",
        "layers.AveragePooling2D",
        ["departure"],
        "pool of the stem: here AveragePooling2D; expected MaxPooling2D",
    ),
    "no pool": (_POOL, "", ["departure"], "pools of the stem: here 0; expected 1"),
    "32 filters": ("Conv2D(64", "Conv2D(32", ["departure"], "filters of the stem's convolution: here 32; expected 64"),
    "a kernel of 5": ("(7, 7)", "(5, 5)", ["departure"], "kernel of the stem's convolution: here 5x5; expected 7x7"),
    "no stride in front": (
        "(7, 7), strides=(2, 2)",
        "(7, 7)",
        ["departure"],
        "stride of the stem's convolution: here 1; expected 2",
    ),
    "ReLU before the normalisation": (
        _NORM + _RELU,
        _RELU + _NORM,
        ["relu_before_norm"],
        "After the stem's convolution the ReLU comes before the batch normalisation; normalise first.",
    ),
    "ReLU in the convolution": (
        "(7, 7), strides=(2, 2))(X)\n" + _NORM + _RELU,
        '(7, 7), strides=(2, 2), activation="relu")(X)\n' + _NORM,
        ["relu_before_norm"],
        "After the stem's convolution the ReLU comes before",
    ),
    "no normalisation": (_NORM, "", ["norm_missing"], "The batch normalisation after the stem's convolution is missing."),
    "normalised behind the pool": (
        _NORM + _RELU + _POOL,
        _RELU + _POOL + _NORM,
        ["relu_before_norm", "departure"],
        "After the stem's convolution the ReLU comes before",
    ),
    "no ReLU": (_RELU, "", ["relu_missing"], "The ReLU after the stem's convolution is missing."),
    "two ReLUs": (_RELU, 2 * _RELU, ["relu_twice"], "There are 2 ReLUs after the stem's convolution; expected one."),
    "relu6": (
        _RELU,
        _RELU.replace("relu", "relu6"),
        ["activation"],
        "The activation after the stem's convolution is relu6; expected a ReLU.",
    ),
    "a separable convolution": (
        "layers.Conv2D(",
        "layers.SeparableConv2D(",
        ["convolution_kind"],
        "The stem's convolution is a SeparableConv2D; expected a Conv2D.",
    ),
    "an epsilon of 0.1": (
        "axis=3",
        "axis=3, epsilon=0.1",
        ["epsilon"],
        "after the stem's convolution has epsilon=0.1; leave it out",
    ),
    "a frozen layer": (
        "strides=(2, 2))(X)\n    X = layers.B",
        "strides=(2, 2), trainable=False)(X)\n    X = layers.B",
        ["frozen"],
        "The stem's convolution has trainable=False, so that it never learns",
    ),
    "frozen from outside": (
        _RETURN,
        "    model = Model(inputs=X_input, outputs=X)\n    model.trainable = False\n    return model\n",
        ["frozen_network"],
        "The whole network has trainable=False, so that it never learns",
    ),
    "no softmax": (', activation="softmax"', "", ["softmax"], "The last layer's activation is linear; expected softmax."),
    "a ReLU before the softmax": (
        _DENSE,
        _DENSE.replace("softmax", "relu") + "    X = layers.Softmax()(X)\n",
        ["softmax"],
        "The last layer's activation is relu; expected softmax.",
    ),
    "sigmoid": ('"softmax"', '"sigmoid"', ["softmax"], "The last layer's activation is sigmoid; expected softmax."),
    "two softmaxes": (
        _DENSE,
        _DENSE + "    X = layers.Softmax()(X)\n",
        ["softmax_twice"],
        "At the end 2 softmaxes follow one another",
    ),
    "other classes": (
        "Dense(classes",
        "Dense(10",
        ["output"],
        "The network gives (None, 10) for 6 classes; expected (None, 6)",
    ),
    "six classes always": (
        "Dense(classes",
        "Dense(6",
        ["argument_ignored"],
        "`classes` changes nothing: for classes=9 the network has 6 outputs. Use the argument where the last layer is made",
    ),
    "one shape always": (
        "Input(input_shape)",
        "Input((64, 64, 3))",
        ["argument_ignored"],
        "`input_shape` changes nothing: for input_shape=(56, 48, 4) the network has the input (64, 64, 3).",
    ),
    "height and width swapped": (
        "Input(input_shape)",
        "Input((input_shape[1], input_shape[0], input_shape[2]))",
        ["departure"],
        "Not as in ResNet-50: input for input_shape=(56, 48, 4): here (48, 56, 4); expected (56, 48, 4).",
    ),
    "gray images": (
        "Input(input_shape)",
        "Input((64, 64, 1))",
        ["departure"],
        "Not as in ResNet-50: input for input_shape=(64, 64, 3): here (64, 64, 1); expected (64, 64, 3).",
    ),
    "a plain network": (
        "convolutional_block(X, 3, [F, F, 4 * F], s=s)",
        'layers.Conv2D(4 * F, 3, s, "same")(X)',
        None,
        "blocks in each stage: here 2, 3, 5, 2",
    ),
    "no blocks": (
        _CONVOLUTIONAL + "        for _ in range(count - 1):\n" + _IDENTITY,
        '        X = layers.Conv2D(4 * F, 3, s, "same")(X)\n',
        ["not_a_resnet"],
        "nothing is added in it, so that it has no residual block",
    ),
    "a stride in stage 2": (
        "(1, 2, 2, 2)",
        "(2, 2, 2, 1)",
        ["departure", "departure"],
        "In block 1 of stage 2: not as in ResNet-50: stride: here 2; expected 1",
    ),
    "a kernel of 5 in the blocks": (
        "convolutional_block(X, 3",
        "convolutional_block(X, 5",
        ["departure"],
        "In every convolutional block: not as in ResNet-50: side of the middle kernel, f: here 5; expected 3.",
    ),
    "the filters of the text of 2017": (
        _IDENTITY,
        "            X = identity_block(X, 3, [min(F, 256), min(F, 256), 4 * F])\n",
        ["departure", "filters_of_text"],
        "In block 2 of stage 5, block 3 of stage 5: not as in ResNet-50: filters: here [256, 256, 2048]; expected",
    ),
    "filters in another order": (
        _CONVOLUTIONAL,
        _CONVOLUTIONAL.replace("[F, F, 4 * F]", "[F, 2 * F, 4 * F]"),
        4 * ["departure"],
        "In block 1 of stage 2: not as in ResNet-50: filters: here [64, 128, 256]; expected [64, 64, 256].",
    ),
    "all convolutional": (
        _IDENTITY,
        "            X = convolutional_block(X, 3, [F, F, 4 * F], s=1)\n",
        ["departure"],
        "In every identity block: not as in ResNet-50: kind of block: here convolutional; expected identity.",
    ),
    "max for average": (
        "layers.AveragePooling2D",
        "layers.MaxPooling2D",
        ["max_for_average"],
        "At the end stands a MaxPooling2D; expected the average: AveragePooling2D((2, 2)).",
    ),
    "a global maximum": (
        _AVERAGE + _FLAT,
        "    X = layers.GlobalMaxPooling2D()(X)\n",
        ["max_for_average"],
        "At the end stands a GlobalMaxPooling2D; expected the average",
    ),
    "no average": (_AVERAGE, "", ["head_missing"], "At the end the average pooling is missing"),
    "an average of 1": (
        "AveragePooling2D((2, 2))",
        "AveragePooling2D((1, 1))",
        ["departure"],
        "size of the average pooling: here 1x1; expected 2x2",
    ),
    "not flat": (
        _FLAT,
        "",
        ["head_missing"],
        "At the end Flatten is missing; behind the last block stand AveragePooling2D((2, 2)), Flatten and",
    ),
    "dropout at the end": (
        _FLAT,
        _FLAT + "    X = layers.Dropout(0.5)(X)\n",
        ["foreign_at_end"],
        "A Dropout stands between the last block and the classifier",
    ),
    "a second Dense layer": (
        _DENSE,
        '    X = layers.Dense(64, activation="relu")(X)\n' + _DENSE,
        ["classifiers"],
        "At the end stand 2 Dense layers; expected one",
    ),
    "no Dense layer": (_DENSE, "", ["head_missing"], "At the end the Dense layer is missing"),
    "dropout in front": (
        _POOL,
        _POOL + "    X = layers.Dropout(0.1)(X)\n",
        ["foreign"],
        "A Dropout stands after the stem's convolution; it does not belong there.",
    ),
    "images scaled in front": (
        "(X_input)\n",
        "(layers.Rescaling(1 / 255)(X_input))\n",
        ["foreign"],
        "A Rescaling stands after the images; it does not belong there.",
    ),
    "one layer for all stages": (
        "    for F",
        "    once = layers.Conv2D(256, 1)\n    X = once(X)\n    X = once(layers.Conv2D(64, 1)(X))\n    for F",
        ["between", "layer_twice"],
        "Before block 1 of stage 2 stands a Conv2D, a Conv2D, a Conv2D, outside of the blocks",
    ),
    "not written": (
        _RETURN,
        "",
        ["unfinished"],
        "the Dense layer. Missing: return Model(inputs=X_input, outputs=X).",
    ),
    "written to stage 3": (
        "(3, 4, 6, 3)",
        "(3, 4, 6, 3)[:2]",
        ["departure"],
        "blocks in each stage: here 3, 4; expected 3, 4, 6, 3",
    ),
    "the model not returned": (
        _RETURN,
        "    model = Model(inputs=X_input, outputs=X)\n",
        ["no_return"],
        "end it with `return model`.",
    ),
    "a tensor": (
        "return Model(inputs=X_input, outputs=X)",
        "return X",
        ["wrong_type"],
        "expected a keras.Model: Model(inputs=",
    ),
    "an error": (
        "X = layers.Flatten()(X)",
        "X = Flat()(X)",
        ["error"],
        "`X = Flat()(X)`: NameError: name 'Flat' is not defined",
    ),
    "blanks": (
        _AVERAGE,
        "    X = None\n",
        ["blank"],
        "A blank is left before line 14, `X = layers.Flatten()(X)`: X is None there.",
    ),
    "a name used twice": (
        _FLAT + _DENSE,
        '    X = layers.Flatten(name="end")(X)\n' + _DENSE.replace("classes,", 'classes, name="end",'),
        ["name_twice"],
        "Two layers have the name 'end'",
    ),
    "two outputs": ("outputs=X)", "outputs=[X, X])", ["not_a_resnet"], "it has 2 outputs"),
}


def network(source):
    """The function `ResNet50` that a source defines, over this package's blocks."""
    space = {"keras": keras, "layers": layers, "Model": keras.Model}
    space |= {"identity_block": assignment_v3.identity_block, "convolutional_block": assignment_v3.convolutional_block}
    import linecache

    linecache.cache["net"] = (len(source), None, source.splitlines(keepends=True), "net")
    exec(compile(source, "net", "exec"), space)
    return space["ResNet50"]


def as_a_class():
    """The network as a model of one's own that computes in `call`."""
    lines = NETWORK.split("layers.Input(input_shape)\n")[1].split("    return Model")[0].splitlines()
    body = "".join(f"    {line}\n" for line in lines).replace("Dense(classes", "Dense(self.classes")
    return network(_OWN_CLASS.format(body=body))
