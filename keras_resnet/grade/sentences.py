"""A sentence for each mistake: the rows of one table. `{where}` and the like are filled in by what was found."""

from dataclasses import dataclass

MISTAKES = {
    # Not there yet, or not to be run.
    "unwritten": "{name} is not written yet: it {what}. Missing: {missing}.",
    "no_return": "{name} computes something and returns nothing; end it with `return X`.",
    "wrong_type": "{name} returns {received}; expected {expected}.",
    "signature": "{name} takes ({received}); expected the parameters of one of these: {expected}.",
    "blank": "A blank is left before line {line}, `{code}`: {names} is None there.",
    "tensorflow_op": "Line {line}, `{code}`: a function of TensorFlow cannot take a Keras tensor while a network is built; use "
    "the layer of that name (Activation('relu'), Add()) or keras.ops.",
    "stopped": "{name} had not come to an end after {seconds:g} s and was stopped; is there a loop without one?",
    "died": "{name} brought its process to an end ({how}); it may use {megabytes} MB of memory.",
    "exit": "{name} calls exit(), which ends the whole program; let it return a tensor.",
    "error": "{name} stops in line {line}, `{code}`: {error}.",
    "default_stride": "{name} has the stride {received} by default; the assignment's is 2.",
    # The two paths and where they meet.
    "no_addition": "The input is never added: {name} ends without an addition of main path and shortcut, and without it there "
    "is no residual block.",
    "join": "The two paths meet in {received}; they have to be added: Add()([X, X_shortcut]).",
    "several_joins": "There is more than one addition or the like in the block; expected one, of main path and shortcut.",
    "shapes": "The two paths cannot be added: the main path ends in shape {main}, the shortcut in {shortcut}.",
    "dead_end": "Nothing goes on with what {which} computes; the layer that should follow it is called on another tensor.",
    "input_unused": "{what} does not begin at the block's input X.",
    "late_shortcut": "The shortcut was saved after X had been overwritten: it begins behind {where} instead of at the block's "
    "input. Put X_shortcut = X before the first convolution.",
    "added_to_itself": "The main path is added to itself: X_shortcut is X after the third component. Put X_shortcut = X before "
    "the first convolution.",
    "shortcut_from_main": "The shortcut is computed from the end of the main path, X; compute it from the block's input, "
    "X_shortcut.",
    "relu_before_addition": "The last ReLU stands before the addition; first add the shortcut, then apply the ReLU to the sum.",
    "extra_relu_before_addition": "There is a ReLU at the end of the main path, before the addition; the third component has "
    "none, for the ReLU comes after the sum.",
    "relu_missing_at_end": "The ReLU after the addition is missing.",
    "after_addition": "{what} stands after the addition; only a ReLU belongs there.",
    # Convolutions.
    "convolutions": "The main path has {received} instead of three.",
    "convolutions_missing": "The main path has {received} of three convolutions; missing: {missing}.",
    "stride_place": "The stride s stands in {where}; it belongs in the first convolution of the main path, the 1x1.",
    "stride_fixed": "The stride of {where} is {received} for s=3; write strides=(s, s).",
    "stride_missing": "{where} has no stride; write strides=(s, s).",
    "stride_extra": "{where} has the stride {received}; it has to be 1.",
    "kernel": "The kernel of {where} is {received}; expected {expected}.",
    "kernel_fixed": "The kernel of {where} is {received} whatever f is; expected (f, f).",
    "filters": "{where} has as many filters as {received}; expected {expected}.",
    "filters_fixed": "{where} has {received} filters whatever `filters` says; expected {expected}.",
    "padding": "{where} has padding='valid', which makes the map smaller than the shortcut's; expected padding='same'.",
    "dilation": "{where} has a dilation or groups; expected neither.",
    "initialiser": "{where} does not use the initializer that {name} is given; write kernel_initializer=initializer(seed=0).",
    "initialiser_uncalled": "The initializer has to be called: kernel_initializer=initializer(seed=0).",
    "seed": "The initializer is called with seed={received}; the assignment has seed=0.",
    # Batch normalisation and activations.
    "norm_missing": "The batch normalisation after {where} is missing.",
    "norm_missing_on_shortcut": "The batch normalisation after the shortcut's convolution is missing.",
    "norm_twice": "There are {received} batch normalisations after {where}; expected one.",
    "axis": "The batch normalisation after {where} normalises along axis {received}; the channels are axis 3.",
    "relu_before_norm": "After {where} the ReLU comes before the batch normalisation; normalise first.",
    "relu_missing": "The ReLU after {where} is missing.",
    "relu_on_shortcut": "There is a ReLU in the shortcut; it has none.",
    "activation": "The activation after {where} is {received}; expected a ReLU.",
    "preactivation": "The main path begins with {what} before its first convolution; there, the order is convolution, batch "
    "normalisation, ReLU.",
    "foreign": "{what} stands after {where}; it does not belong to the block.",
    # The shortcut's own.
    "convolution_on_identity": "The shortcut of an identity block is the input itself; here it has {received}.",
    "shortcut_not_convolved": "The shortcut of a convolutional block needs a 1x1 convolution with F3 filters and stride s, and "
    "a batch normalisation; here there is no convolution.",
    "shortcut_convolutions": "The shortcut has {received} convolutions; expected one, 1x1.",
    "foreign_on_shortcut": "{what} stands in the shortcut; it does not belong there.",
    # Modes and numbers.
    "training_ignored": "`training` changes nothing: give it to every batch normalisation, BatchNormalization(axis=3)(X, "
    "training=training).",
    "training_partly": "With training={mode} the block computes something else than batch normalisation in that mode: not "
    "every batch normalisation is given training=training.",
    "hidden": "{what} hides its layers from the graph, so that values alone could be checked, and they are not those of the "
    "equations. Written as a function of Keras's layers it can be told what is wrong.",
    "values": "The layers look right, but the block computes something else than the equations, in {mode} mode.",
    # The whole network.
    "departure": "Not as in ResNet-50: {what}: here {here}; expected {there}.",
    "not_a_resnet": "The network cannot be read as a ResNet: {what}.",
    "output": "The network gives {received} for 6 classes; expected {expected}.",
    "parameters": "The network has {received:,} parameters; ResNet-50 for 64 x 64 x 3 and 6 classes has {expected:,}.",
    "softmax": "The last layer's activation is {received}; expected softmax.",
    "network_values": "The network computes something else than ResNet-50 with the same weights: the largest difference is "
    "{difference:.2g} where the outputs reach {size:.2g}.",
}


@dataclass(frozen=True)
class Mistake:
    """A row of `MISTAKES` and what fills its braces: pairs of name and value."""

    row: str
    facts: tuple = ()

    def __str__(self):
        text = MISTAKES[self.row].format(**dict(self.facts))
        return text[0].upper() + text[1:] if self.row not in _NAMED_FIRST else text


# Sentences that begin with the learner's function, whose name keeps its case.
_NAMED_FIRST = {row for row, text in MISTAKES.items() if text.startswith("{name}")}


def mistake(row, **facts):
    """A `Mistake`."""
    return Mistake(row, tuple(facts.items()))
