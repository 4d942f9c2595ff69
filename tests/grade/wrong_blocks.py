"""Wrong blocks: what was done to a right one, and what the learner has to be told."""

from right_blocks import (
    CONV_V1,
    CONV_V2,
    CONV_V3,
    FUNCTIONS,
    HIDING,
    IDENTITY_V1,
    IDENTITY_V2,
    IDENTITY_V3,
    LOOP,
    OWN_PADDING,
    SEQUENTIAL,
    WHOLE_LAYER,
)

_FIRST_NORM = '    X = BatchNormalization(axis=3, name=f"bn{stage}{block}_branch2a")(X)\n'
_SECOND = '    X = Conv2D(F2, (f, f), strides=(1, 1), padding="same", name=f"res{stage}{block}_branch2b")(X)\n'
_ADDED = '    X = Add()([X, X_shortcut])\n    X = Activation("relu")(X)\n'
_NORM_B = '    X = BatchNormalization(axis=3, name=f"bn{stage}{block}_branch2b")(X)\n'
_SHORTCUT_NORM = '    X_shortcut = BatchNormalization(axis=3, name=f"bn{stage}{block}_branch1")(X_shortcut)\n'
_SHORTCUT_CONV = (
    '    X_shortcut = Conv2D(F3, (1, 1), strides=(s, s), padding="valid", name=f"res{stage}{block}_branch1")(X_shortcut)\n'
)
_CROPPING = """
class Cropping(Conv2D):
    def call(self, inputs):
        return super().call(inputs)[:, 1:]

    def compute_output_shape(self, shape):
        shape = super().compute_output_shape(shape)
        return (shape[0], shape[1] - 1, *shape[2:])


"""
_HALVING = """
class Halving(Conv2D):
    def call(self, inputs):
        return super().call(inputs) / 2


"""
_RELU = '    X = Activation("relu")(X)\n'
_SAVED = "    X_shortcut = X\n"

# What was done to the right block -> the block, pairs of old and new text, and the rows of the table that have to come out.
CHANGED = {
    "stride in the f x f convolution": (
        "conv",
        CONV_V1,
        [("F1, (1, 1), strides=(s, s)", "F1, (1, 1), strides=(1, 1)"), ("(f, f), strides=(1, 1)", "(f, f), strides=(s, s)")],
        ["stride_place"],
    ),
    "stride forgotten in the main path": ("conv", CONV_V1, [("F1, (1, 1), strides=(s, s)", "F1, (1, 1)")], ["stride_missing"]),
    "stride forgotten in the shortcut": (
        "conv",
        CONV_V2,
        [("X_shortcut = Conv2D(F3, kernel_size=1, strides=(s, s)", "X_shortcut = Conv2D(F3, kernel_size=1")],
        ["stride_missing"],
    ),
    "stride always 2": ("conv", CONV_V1, [("(s, s)", "(2, 2)")], ["stride_fixed", "stride_fixed"]),
    "stride of 1 by default": ("conv", CONV_V1, [("s=2", "s=1")], ["default_stride"]),
    "no batch normalisation on the shortcut": ("conv", CONV_V1, [(_SHORTCUT_NORM, "")], ["norm_missing_on_shortcut"]),
    "no batch normalisation after the second": ("identity", IDENTITY_V1, [(_NORM_B, "")], ["norm_missing"]),
    "ReLU before the addition": (
        "identity",
        IDENTITY_V1,
        [(_ADDED, _RELU + "    X = Add()([X, X_shortcut])\n")],
        ["relu_before_addition"],
    ),
    "ReLU before and after the addition": ("conv", CONV_V1, [(_ADDED, _RELU + _ADDED)], ["extra_relu_before_addition"]),
    "no ReLU at the end": ("identity", IDENTITY_V2, [(_ADDED, "    X = Add()([X, X_shortcut])\n")], ["relu_missing_at_end"]),
    "valid for same": ("identity", IDENTITY_V1, [('"same"', '"valid"')], ["padding"]),
    "valid for same, conv": ("conv", CONV_V2, [('"same"', '"valid"')], ["padding"]),
    "shortcut saved after the first component": (
        "identity",
        IDENTITY_V1,
        [(_SAVED, ""), (_FIRST_NORM + _RELU, _FIRST_NORM + _RELU + _SAVED)],
        ["late_shortcut"],
    ),
    "shortcut saved at the end": ("identity", IDENTITY_V1, [(_SAVED, ""), (_ADDED, _SAVED + _ADDED)], ["added_to_itself"]),
    "shortcut computed from X": (
        "conv",
        CONV_V1,
        [('name=f"res{stage}{block}_branch1")(X_shortcut)', 'name=f"res{stage}{block}_branch1")(X)')],
        ["shortcut_from_main"],
    ),
    "training ignored": ("identity", IDENTITY_V2, [(", training=training", "")], ["training_ignored"]),
    "training always on": ("conv", CONV_V2, [("training=training", "training=True")], ["training_ignored"]),
    "training forgotten once": (
        "conv",
        CONV_V2,
        [("BatchNormalization(axis=3)(X_shortcut, training=training)", "BatchNormalization(axis=3)(X_shortcut)")],
        ["training_partly"],
    ),
    "F1 in place of F2": ("identity", IDENTITY_V1, [("filters=F2", "filters=F1")], ["filters"]),
    "64 filters": ("conv", CONV_V1, [("Conv2D(F1,", "Conv2D(64,")], ["filters_fixed"]),
    "F1 in the shortcut": ("conv", CONV_V1, [("X_shortcut = Conv2D(F3", "X_shortcut = Conv2D(F1")], ["filters"]),
    "3x3 whatever f": ("identity", IDENTITY_V1, [("(f, f)", "(3, 3)")], ["kernel_fixed"]),
    "f x f in the first": (
        "identity",
        IDENTITY_V2,
        [("F1, kernel_size=1", "F1, kernel_size=f"), ('"valid"', '"same"')],
        ["kernel"],
    ),
    "axis 1": ("identity", IDENTITY_V1, [("axis=3", "axis=1")], ["axis", "axis", "axis"]),
    "axis 2, once": ("conv", CONV_V1, [('axis=3, name=f"bn{stage}{block}_branch1"', "axis=2")], ["axis"]),
    "ReLU before batch normalisation": ("conv", CONV_V1, [(_NORM_B + _RELU, _RELU + _NORM_B)], ["relu_before_norm"]),
    "no ReLU after the first": ("conv", CONV_V1, [(_RELU + "\n" + _SECOND, "\n" + _SECOND)], ["relu_missing"]),
    "tanh": ("identity", IDENTITY_V1, [(_NORM_B + _RELU, _NORM_B + '    X = Activation("tanh")(X)\n')], ["activation"]),
    "joined end to end": ("identity", IDENTITY_V1, [("Add()", "layers.Concatenate()")], ["join"]),
    "never added": ("identity", IDENTITY_V1, [("    X = Add()([X, X_shortcut])\n", "")], ["no_addition"]),
    "dropout": ("identity", IDENTITY_V1, [(_NORM_B, _NORM_B + "    X = layers.Dropout(0.5)(X)\n")], ["foreign"]),
    "a convolution on the identity": (
        "identity",
        IDENTITY_V1,
        [(_SAVED, "    X_shortcut = Conv2D(F3, 1)(X)\n")],
        ["convolution_on_identity"],
    ),
    "no return": ("identity", IDENTITY_V1, [("    return X\n", "")], ["no_return"]),
    "a blank left": ("identity", IDENTITY_V2, [('    X = Activation("relu")(X)\n\n', "    X = None\n\n")], ["blank"]),
    "the initializer not used": (
        "identity",
        IDENTITY_V2,
        [('padding="same", kernel_initializer=initializer(seed=0)', 'padding="same"')],
        ["initialiser"],
    ),
    "the initializer not called": ("conv", CONV_V2, [("initializer(seed=0)", "initializer")], ["initialiser_uncalled"]),
    "another seed": ("conv", CONV_V3, [("seed=0", "seed=1")], ["seed"]),
    "a function of TensorFlow": (
        "identity",
        IDENTITY_V1,
        [(_ADDED, "    X = tf.nn.relu(X + X_shortcut)\n")],
        ["tensorflow_op"],
    ),
    "an unknown name": ("identity", IDENTITY_V1, [("Add()", "Addition()")], ["error"]),
    "no parameter for the stride": ("conv", CONV_V1, [(", s=2", ""), ("(s, s)", "(2, 2)")], ["signature"]),
    "a list returned": ("identity", IDENTITY_V1, [("return X", "return [X, X_shortcut]")], ["wrong_type"]),
    "not written": ("identity", "\ndef identity_block(X, f, filters, stage, block):\n    pass\n", [], ["unwritten"]),
    "NotImplementedError": (
        "conv",
        "\ndef conv_block(x, f, filters, stage, block, strides=2):\n    raise NotImplementedError\n",
        [],
        ["unwritten"],
    ),
    "returns its input": ("identity", "\ndef identity_block(X, f, filters, stage, block):\n    return X\n", [], ["unwritten"]),
    "the first component alone": (
        "identity",
        "\ndef identity_block(X, f, filters, stage, block):\n    X = Conv2D(filters[0], 1)(X)\n"
        '    X = BatchNormalization()(X)\n    return Activation("relu")(X)\n',
        [],
        ["convolutions_missing", "no_addition"],
    ),
    "batch normalisation after the addition": (
        "identity",
        IDENTITY_V1,
        [(_ADDED, "    X = Add()([X, X_shortcut])\n    X = BatchNormalization(axis=3)(X)\n" + _RELU)],
        ["after_addition"],
    ),
    "batch normalisation twice": (
        "identity",
        IDENTITY_V1,
        [(_NORM_B, 2 * _NORM_B.replace("branch", "{X.name}"))],
        ["norm_twice"],
    ),
    "batch normalisation first": (
        "identity",
        IDENTITY_V1,
        [(_SAVED, _SAVED + "    X = BatchNormalization(axis=3)(X)\n")],
        ["preactivation"],
    ),
    "the wrong variable": (
        "identity",
        IDENTITY_V1,
        [(_NORM_B, _NORM_B.replace("(X)", "(X_shortcut)"))],
        ["dead_end"],
    ),
    "an input of its own": (
        "identity",
        IDENTITY_V1,
        [(_SAVED, "    X_shortcut = layers.Input((6, 8, 7))\n")],
        ["input_unused"],
    ),
    "a stride on the identity": (
        "identity",
        IDENTITY_V1,
        [("(f, f), strides=(1, 1)", "(f, f), strides=(2, 2)")],
        ["stride_extra"],
    ),
    "dilated": ("identity", IDENTITY_V1, [('padding="same"', 'padding="same", dilation_rate=2')], ["dilation"]),
    "added twice": ("identity", IDENTITY_V1, [("[X, X_shortcut]", "[X, X_shortcut, X_shortcut]")], ["several_joins"]),
    "two convolutions in the shortcut": (
        "conv",
        CONV_V1,
        [(_SHORTCUT_NORM, "    X_shortcut = Conv2D(F3, 1)(X_shortcut)\n" + _SHORTCUT_NORM)],
        ["shortcut_convolutions"],
    ),
    "dropout in the shortcut": (
        "conv",
        CONV_V1,
        [(_SHORTCUT_NORM, _SHORTCUT_NORM + "    X_shortcut = layers.Dropout(0.5)(X_shortcut)\n")],
        ["foreign_on_shortcut"],
    ),
    "no convolution in the shortcut": (
        "conv",
        CONV_V1,
        [(_SHORTCUT_CONV, "    X_shortcut = layers.MaxPooling2D(1, strides=s)(X_shortcut)\n")],
        ["shortcut_not_convolved"],
    ),
    "a layer of its own that crops": (
        "identity",
        IDENTITY_V1,
        [("\ndef ", _CROPPING + "\ndef "), ("Conv2D(filters=F3", "Cropping(filters=F3")],
        ["shapes"],
    ),
    "a layer of its own that halves": (
        "identity",
        IDENTITY_V1,
        [("\ndef ", _HALVING + "\ndef "), ("Conv2D(filters=F3", "Halving(filters=F3")],
        ["values"],
    ),
    # In styles of their own.
    "loop: ReLU in every turn": ("identity", LOOP, [("if number < 2:", "if True:")], ["extra_relu_before_addition"]),
    "loop: too many turns": (
        "identity",
        LOOP,
        [("zip(filters, (1, kernel_size, 1)", "zip([*filters, filters[2]], (1, kernel_size, 1, 1)")],
        ["convolutions"],
    ),
    "loop: swapped Add of the output": ("identity", LOOP, [("Add()([x, y])", "Add()([y, y])")], ["added_to_itself"]),
    "functions: stride in the second": (
        "conv",
        FUNCTIONS,
        [("unit(x, one, 1, strides)", "unit(x, one, 1)"), ("unit(x, two, kernel_size)", "unit(x, two, kernel_size, strides)")],
        ["stride_place"],
    ),
    "functions: a ReLU on the shortcut": (
        "conv",
        FUNCTIONS,
        [("shortcut = unit(x, three, 1, strides)", "shortcut = ops.relu(unit(x, three, 1, strides))")],
        ["relu_on_shortcut"],
    ),
    "functions: multiplied": ("conv", FUNCTIONS, [("unit(x, three, 1) + shortcut", "unit(x, three, 1) * shortcut")], ["join"]),
    "functions: the shortcut overwritten": (
        "conv",
        FUNCTIONS,
        [
            ("    shortcut = unit(x, three, 1, strides)\n    x = keras", "    x = keras"),
            ("    return ops.relu(", "    shortcut = unit(x, three, 1)\n    return ops.relu("),
        ],
        ["late_shortcut", "stride_missing"],
    ),
    "Sequential: no last normalisation": (
        "identity",
        SEQUENTIAL,
        [("conv(filters[2], 1), layers.BatchNormalization(),", "conv(filters[2], 1),")],
        ["norm_missing"],
    ),
    "zeros of its own, too few": ("identity", OWN_PADDING, [("f // 2", "1")], ["zeros"]),
    "one layer: no ReLU at the end": (
        "conv",
        WHOLE_LAYER,
        [("return ops.relu(x + shortcut)", "return x + shortcut")],
        ["relu_missing_at_end"],
    ),
    "one layer that hides: no ReLU at the end": (
        "conv",
        HIDING,
        [("return ops.relu(x + shortcut)", "return x + shortcut")],
        ["hidden"],
    ),
    # What no output shows, or only some.
    "two ReLUs": ("identity", IDENTITY_V1, [(_NORM_B + _RELU, _NORM_B + 2 * _RELU)], ["relu_twice"]),
    "two ReLUs at the end": ("conv", CONV_V3, [(_ADDED, _ADDED + _RELU)], ["relu_twice"]),
    "two ReLUs, one in the convolution": (
        "identity",
        LOOP,
        [("layers.Add()([x, y])", "layers.ReLU()(layers.Add()([x, y]))")],
        ["relu_twice"],
    ),
    "relu6": ("identity", IDENTITY_V1, [(_NORM_B + _RELU, _NORM_B + _RELU.replace("relu", "relu6"))], ["activation"]),
    "a ReLU cut off far out": ("conv", FUNCTIONS, [("return ops.relu(", "return layers.ReLU(max_value=1e4)(")], ["activation"]),
    "a ReLU of its own, cut off": (
        "identity",
        IDENTITY_V3,
        [(_ADDED, "    X = Add()([X, X_shortcut])\n    X = Activation(lambda x: ops.clip(x, 0, 1e6))(X)\n")],
        ["activation"],
    ),
    "a ReLU with a slope": (
        "identity",
        LOOP,
        [("layers.ReLU()(y)", "layers.LeakyReLU(negative_slope=1e-4)(y)")],
        2 * ["activation"],
    ),
    "an activation before the addition": (
        "conv",
        CONV_V1,
        [(_ADDED, '    X = Activation("tanh")(X)\n' + _ADDED)],
        ["activation_at_end"],
    ),
    "noise": ("conv", CONV_V3, [(_ADDED, "    X = layers.GaussianNoise(0.1)(X)\n" + _ADDED)], ["foreign"]),
    "dropout behind the addition": (
        "identity",
        LOOP,
        [("layers.ReLU()(layers.Add()", "layers.Dropout(0.1)(layers.Add()")],
        ["after_addition", "relu_missing_at_end"],
    ),
    "a convolution that never learns": (
        "identity",
        IDENTITY_V1,
        [('padding="same"', 'padding="same", trainable=False')],
        ["frozen"],
    ),
    "a normalisation that never learns": (
        "conv",
        CONV_V3,
        [("BatchNormalization(axis=3)(X_shortcut)", "BatchNormalization(axis=3, trainable=False)(X_shortcut)")],
        ["frozen"],
    ),
    "an epsilon of 1": ("identity", IDENTITY_V1, [("axis=3", "axis=3, epsilon=1")], 3 * ["epsilon"]),
    "an epsilon of nothing": (
        "identity",
        LOOP,
        [("layers.BatchNormalization()", "layers.BatchNormalization(epsilon=0.0)")],
        3 * ["epsilon"],
    ),
    "no running mean": ("conv", FUNCTIONS, [("axis=-1", "momentum=1.0")], 4 * ["momentum"]),
    "weights that start as one number": (
        "conv",
        FUNCTIONS,
        [('"same")', '"same", kernel_initializer=keras.initializers.Constant(0.1))')],
        ["constant_start"],
    ),
    "a separable convolution": (
        "identity",
        IDENTITY_V1,
        [("Conv2D(filters=F2, ", "layers.SeparableConv2D(filters=F2, ")],
        ["convolution_kind"],
    ),
    "a depthwise convolution": (
        "conv",
        CONV_V1,
        [("Conv2D(F2, (f, f)", "layers.DepthwiseConv2D((f, f)")],
        ["convolution_kind"],
    ),
    "channels first": (
        "identity",
        IDENTITY_V1,
        [("axis=3", "axis=1"), ('padding="same"', 'padding="same", data_format="channels_first"')],
        ["channels_first", "axis", "axis", "axis"],
    ),
    "channels first in the shortcut": (
        "conv",
        CONV_V3,
        [("X_shortcut = Conv2D(F3,", 'X_shortcut = Conv2D(F3, data_format="channels_first",')],
        ["channels_first"],
    ),
    "zeros before a 1x1": (
        "conv",
        CONV_V1,
        [("    X = Conv2D(F1", "    X = layers.ZeroPadding2D(1)(X)\n    X = Conv2D(F1")],
        ["zeros_before"],
    ),
    "Add()([X, X])": ("identity", IDENTITY_V1, [("[X, X_shortcut]", "[X, X]")], ["added_to_itself"]),
    "Add()([X, X]), conv": ("conv", CONV_V1, [("[X, X_shortcut]", "[X, X]")], ["shortcut_not_added"]),
    "X + X": (
        "conv",
        FUNCTIONS,
        [("ops.relu(unit(x, three, 1) + shortcut)", "ops.relu((y := unit(x, three, 1)) + y)")],
        ["shortcut_not_added"],
    ),
    "no shortcut for a stride of 1": (
        "conv",
        CONV_V3,
        [
            ("    X_shortcut = Conv2D(F3", "    if s > 1:\n      X_shortcut = Conv2D(F3"),
            ("    X_shortcut = BatchN", "      X_shortcut = BatchN"),
        ],
        ["shortcut_not_convolved"],
    ),
    "a stride of 2 for all above 1": (
        "conv",
        CONV_V1,
        [("(s, s)", "(min(s, 2), min(s, 2))")],
        ["stride_fixed", "stride_fixed"],
    ),
    "a kernel of 5 for all above 3": ("identity", IDENTITY_V1, [("(f, f)", "(max(f, 3), max(f, 3))")], ["kernel"]),
    # Names that keep Keras from building a network.
    "a name used twice": (
        "identity",
        IDENTITY_V1,
        [("bn{stage}{block}_branch2b", "bn{stage}{block}_branch2a")],
        ["name_twice"],
    ),
    "a name used twice, of two kinds": (
        "conv",
        CONV_V1,
        [('"bn{stage}{block}_branch1"', '"res{stage}{block}_branch1"')],
        ["name_twice"],
    ),
    "names without the block": ("identity", IDENTITY_V1, [("{stage}{block}", "{stage}")], ["name_repeated"]),
    "names without the stage": ("conv", CONV_V1, [("{stage}{block}", "{block}")], ["name_repeated"]),
    "fixed names": (
        "identity",
        IDENTITY_V3,
        [("BatchNormalization(axis=3)", 'BatchNormalization(axis=3, name="bn")')],
        ["name_twice"],
    ),
    "one fixed name": ("conv", CONV_V3, [("Add()", 'Add(name="sum")')], ["name_fixed"]),
    "a layer that all blocks share": (
        "identity",
        "\nNORM = layers.BatchNormalization(axis=3)\n" + IDENTITY_V3,
        [("    X = BatchNormalization(axis=3)(X)\n\n    X = Add()", "    X = NORM(X)\n\n    X = Add()")],
        ["layer_shared"],
    ),
    # Lines that stop.
    "two filters": ("identity", IDENTITY_V1, [("F1, F2, F3 = filters", "F1, F2 = filters")], ["unpacked"]),
    "four filters": ("conv", CONV_V3, [("F1, F2, F3 = filters", "F1, F2, F3, F4 = filters")], ["unpacked"]),
    "a layer that is not called": (
        "identity",
        IDENTITY_V3,
        [(_RELU + "\n", '    X = Activation("relu")\n\n')],
        ["layer_uncalled"],
    ),
    "a layer that is not called, in the addition": (
        "conv",
        CONV_V3,
        [("    X_shortcut = BatchNormalization(axis=3)(X_shortcut)", "    X_shortcut = BatchNormalization(axis=3)")],
        ["layer_uncalled"],
    ),
    "two tensors without a list": ("identity", IDENTITY_V1, [("([X, X_shortcut])", "(X, X_shortcut)")], ["list_wanted"]),
    "two tensors without a list, conv": (
        "conv",
        CONV_V3,
        [("Add()([X, X_shortcut])", "layers.add(X, X_shortcut, X)")],
        ["list_wanted"],
    ),
    "all filters for one": ("conv", CONV_V1, [("F1, F2, F3 = filters", "F1 = F2 = F3 = filters")], ["list_given"]),
    "all filters for one, in a loop": ("identity", LOOP, [("Conv2D(count,", "Conv2D(filters,")], ["list_given"]),
    "an exponential of almost nothing": (
        "identity",
        IDENTITY_V3,
        [(_ADDED, _ADDED.replace('Activation("relu")', "layers.ELU(alpha=1e-7)"))],
        ["activation"],
    ),
    "a slope of almost nothing": (
        "conv",
        CONV_V3,
        [(_ADDED, _ADDED.replace('Activation("relu")', "layers.LeakyReLU(negative_slope=1e-7)"))],
        ["activation"],
    ),
    "a stride that is text": ("conv", CONV_V1, [("s=2", "s='2'")], ["default_stride"]),
    "a blank in the line": ("identity", IDENTITY_V1, [("Add()([X, X_shortcut])", "Add()([X, None])")], ["blank_here"]),
    "blanks for arguments": (
        "conv",
        CONV_V3,
        [("Conv2D(F2, kernel_size=f, strides=(1, 1)", "Conv2D(filters=None, kernel_size=None, strides=None")],
        ["blank_here"],
    ),
    "blanks to the end": (
        "identity",
        IDENTITY_V2,
        [(_ADDED, "    X = None\n    X = None\n")],
        ["blank_here"],
    ),
    "a blank for the last ReLU": (
        "conv",
        CONV_V1,
        [(_ADDED, "    X = Add()([X, X_shortcut])\n    X = None\n")],
        ["blank_here"],
    ),
    "a blank for the filters": ("conv", CONV_V1, [("F1, F2, F3 = filters", "F1, F2, F3 = None")], ["blank_here"]),
}


def changed(source, changes):
    """A source with texts replaced, each of which has to be there."""
    for old, new in changes:
        assert old in source, old
        source = source.replace(old, new)
    return source
