"""A sentence for each mistake: the rows of one table. `{where}` and the like are filled in by what was found."""

from dataclasses import dataclass

MISTAKES = {
    # Not there yet, or not to be run.
    "unreadable": "{name} cannot be read, for its lines are no Python; {why}.",
    "unwritten": "{name} is not written yet: it {what}. Missing: {missing}.",
    "no_return": "{name} computes something and returns nothing; end it with `return {x}`.",
    "wrong_type": "{name} returns {received}; expected {expected}.",
    "signature": "{name} takes ({received}); expected the parameters of one of these: {expected}.",
    "blank": "A blank is left before line {line}, `{code}`: {names} is None there.",
    "unpacked": "{name} stops in line {line}, `{code}`: `filters` holds three numbers, F1, F2 and F3, and the line takes "
    "{received} out of it.",
    "tensorflow_op": "Line {line}, `{code}`: a function of TensorFlow cannot take a Keras tensor while a network is built; "
    "use the layer of that name (Activation('relu'), Add()) or keras.ops.",
    "blank_here": "A blank is left in line {line}, `{code}`: None stands there.",
    "layer_uncalled": "{name} stops in line {line}, `{code}`: {variable} is the layer {what} itself there, not a tensor; a "
    "layer has to be called on one: {what}(..)({variable}).",
    "list_wanted": "{name} stops in line {line}, `{code}`: the layer takes both tensors as one list: Add()([X, X_shortcut]).",
    "list_given": "{name} stops in line {line}, `{code}`: a list stands there in place of one number; `filters` holds three, "
    "F1, F2, F3 = filters.",
    "stopped": "{name} had not come to an end after {seconds:g} s and was stopped; is there a loop without one?",
    "died": "{name} brought its process to an end ({how}); it may use {megabytes} MB of memory.",
    "files": "{name} wrote more than {megabytes} MB of files and was stopped.",
    "memory": "{name} used more than {megabytes} MB of memory and was stopped.",
    "not_checked": "{name} was not checked, for {block} {why}: mend that first.",
    "exit": "{name} calls exit(), which ends the whole program; let it return a tensor.",
    "error": "{name} stops in line {line}, `{code}`: {error}.",
    "error_in": "{name} stops in {inner}, line {line}, `{code}`: {error}. Mend {inner} first: a check of it says what is "
    "wrong.",
    "default_stride": "{name} has the stride {received} by default; the assignment's is 2.",
    # The two paths and where they meet.
    "no_addition": "The input is never added: {name} ends without an addition of main path and shortcut, and without it there "
    "is no residual block.",
    "join": "The two paths meet in {received}; they have to be added: Add()([main path, shortcut]).",
    "several_joins": "There is more than one addition or the like in the block; expected one, of main path and shortcut.",
    "shapes": "The two paths cannot be added: the main path ends in shape {main}, the shortcut in {shortcut}.",
    "dead_end": "Nothing goes on with what {which} computes; the layer that should follow it is called on another tensor.",
    "input_unused": "{what} does not begin at the block's input {x}.",
    "late_shortcut": "The shortcut was saved after {x} had been overwritten: it begins behind {where} instead of at the "
    "block's input. Save the input before the first convolution, e.g. X_shortcut = {x}.",
    "added_to_itself": "Both inputs of the addition are the end of the main path. One of them has to be the block's input as "
    "it was before the first convolution: save it there, e.g. X_shortcut = {x}, and add that.",
    "shortcut_not_added": "Both inputs of the addition are the end of the main path; what was computed for the shortcut is "
    "not added. Give the addition the main path and the shortcut.",
    "shortcut_from_main": "The shortcut is computed from the end of the main path; compute it from the block's input as it "
    "was before the first convolution, e.g. X_shortcut = {x} there.",
    "relu_before_addition": "The last ReLU stands before the addition; first add the shortcut, then apply the ReLU to the sum.",
    "extra_relu_before_addition": "There is a ReLU at the end of the main path, before the addition; the third component has "
    "none, for the ReLU comes after the sum.",
    "activation_at_end": "The main path ends in {received}, before the addition; the third component has no activation, for "
    "the ReLU comes after the sum.",
    "relu_missing_at_end": "The ReLU after the addition is missing.",
    "after_addition": "{what} stands after the addition; only a ReLU belongs there.",
    # Convolutions.
    "convolutions": "The main path has {received} instead of three.",
    "convolutions_missing": "The main path has {received} of three convolutions; missing: {missing}.",
    "convolution_kind": "{where} is {received}; expected a Conv2D.",
    "stride_place": "The stride, `{s}`, stands in {where}; it belongs in the first convolution of the main path, the 1x1.",
    "stride_fixed": "The stride of {where} is {received} for {s}={stride}; write strides={strides}.",
    "stride_missing": "{where} has no stride; write strides={strides}.",
    "stride_extra": "{where} has the stride {received}; it has to be 1.",
    "kernel": "The kernel of {where} is {received}; expected {expected}.",
    "kernel_fixed": "The kernel of {where} is {received} whatever {f} is; expected ({f}, {f}).",
    "filters": "{where} has as many filters as {received}; expected {expected}.",
    "filters_fixed": "{where} has {received} filters whatever `filters` says; expected {expected}.",
    "padding": "{where} has padding='valid', which makes the map smaller than the shortcut's; expected padding='same'.",
    "zeros": "Before {where} stand zeros of another size than padding='same' has: {received}; expected {expected}.",
    "zeros_before": "Before {where} stands a layer of zeros; it does not belong to the block.",
    "dilation": "{where} has a dilation or groups; expected neither.",
    "initialiser": "{where} does not use the initializer that {name} is given; write kernel_initializer=initializer(seed=0).",
    "initialiser_uncalled": "The initializer has to be called: kernel_initializer=initializer(seed=0).",
    "seed": "The initializer is called with seed={received}; the assignment has seed=0.",
    "constant_start": "The weights of every convolution start as one number, so that the filters of the first and of the "
    "second stay equal however long they are trained; the assignment has kernel_initializer=glorot_uniform(seed=0).",
    # Batch normalisation and activations.
    "norm_missing": "The batch normalisation after {where} is missing.",
    "norm_missing_on_shortcut": "The batch normalisation after the shortcut's convolution is missing.",
    "norm_twice": "There are {received} batch normalisations after {where}; expected one.",
    "axis": "The batch normalisation after {where} normalises along axis {received}; the channels are axis 3.",
    "epsilon": "The batch normalisation after {where} has epsilon={received}; leave it out, for Keras's own 0.001.",
    "momentum": "The batch normalisation after {where} has momentum={received}; leave it out, for Keras's own 0.99.",
    "relu_before_norm": "After {where} the ReLU comes before the batch normalisation; normalise first.",
    "relu_missing": "The ReLU after {where} is missing.",
    "relu_twice": "There are {received} ReLUs after {where}; expected one.",
    "relu_on_shortcut": "There is an activation in the shortcut; it has none.",
    "activation": "The activation after {where} is {received}; expected a ReLU.",
    "preactivation": "The main path begins with {what} before its first convolution; there, the order is convolution, batch "
    "normalisation, ReLU.",
    "foreign": "{what} stands after {where}; it does not belong there.",
    "frozen": "{where} has trainable=False, so that it never learns; leave the argument out.",
    "channels_first": "{where} has data_format='channels_first'; the images here are (height, width, channels): leave the "
    "argument out.",
    # The shortcut's own.
    "convolution_on_identity": "The shortcut of an identity block is the input itself; here it has {received}.",
    "shortcut_not_convolved": "The shortcut of a convolutional block needs a 1x1 convolution with F3 filters and the stride "
    "{s}, and a batch normalisation; here there is no convolution.",
    "shortcut_convolutions": "The shortcut has {received} convolutions; expected one, 1x1.",
    "foreign_on_shortcut": "{what} stands in the shortcut; it does not belong there.",
    # Names that keep Keras from building a network.
    "name_twice": "Two layers have the name '{received}', and Keras builds no network with a name used twice; the layers "
    "themselves are not judged by their names.",
    "name_repeated": "The layer '{received}' has the same name whatever `{which}` is: Keras builds no network with a name "
    "used twice. Make the name of stage and block, as in 'res' + str(stage) + block + '_branch2a'.",
    "name_fixed": "The layer '{received}' has the same name in every block, and Keras builds no network with a name used "
    "twice; leave `name=` out.",
    "layer_shared": "Every call of {name} uses one and the same layer '{received}', so that all blocks have its weights; make "
    "the layer within the function.",
    # Modes and numbers.
    "training_ignored": "`training` changes nothing: give it to every batch normalisation, BatchNormalization(axis=3)(X, "
    "training=training).",
    "training_partly": "With training={mode} the block computes something else than batch normalisation in that mode: not "
    "every batch normalisation is given training=training.",
    "hidden": "{what} hides its layers from the graph, so that values alone could be checked, and they are not those of the "
    "equations. Write it as a function of Keras's layers, and what is wrong can be said.",
    "values": "The layers look right, but the block computes something else than the equations, in {mode} mode.",
    # The whole network.
    "blocks_first": "{name} is made of {blocks}, which {verb} not right yet: mend that first. {rest}",
    "unfinished": "{name} is not written to its end: it {what}. There so far: {done}. Missing: {missing}.",
    "departure": "Not as in ResNet-50: {what}: here {here}; expected {there}.",
    "not_a_resnet": "The network cannot be read as a ResNet: {what}.",
    "output": "The network gives {received} for {classes} classes; expected {expected}.",
    "argument_ignored": "`{argument}` changes nothing: for {argument}={given} the network has {received}. Use the argument "
    "where {place}.",
    "head_missing": "At the end {what} is missing; behind the last block stand AveragePooling2D((2, 2)), Flatten and "
    "Dense({classes}, activation='softmax').",
    "max_for_average": "At the end stands {received}; expected the average: AveragePooling2D((2, 2)).",
    "foreign_at_end": "{what} stands between the last block and the classifier; only the average pooling and Flatten do.",
    "between": "Before {where} stands {what}, outside of the blocks; nothing belongs there.",
    "frozen_network": "The whole network has trainable=False, so that it never learns; leave that out.",
    "classifiers": "At the end stand {received} Dense layers; expected one, from the average to the classes.",
    "softmax": "The last layer's activation is {received}; expected softmax.",
    "softmax_twice": "At the end {received} softmaxes follow one another; expected one.",
    "layer_twice": "The layer '{received}' is used {times} times, so that its weights are shared; make a new layer each time.",
    "filters_of_text": "The text of 2017 says [256, 256, 2048] for the identity blocks of stage 5; the paper's table, and the "
    "23,600,006 parameters that the notebook prints, are those of [512, 512, 2048].",
    "network_hidden": "{what} hides its layers from the graph, so that the network cannot be compared with ResNet-50; write "
    "it as a function of Keras's layers.",
    "network_values": "The network computes something else than ResNet-50 with the same weights: the largest difference is "
    "{difference:.2g} where the outputs reach {size:.2g}.",
}


@dataclass(frozen=True)
class Mistake:
    """A row of `MISTAKES` and what fills its braces: pairs of name and value.

    Attributes:
        case: where or for which arguments it comes up, in words, e.g. ``"With s=1"``; empty for everywhere.
    """

    row: str
    facts: tuple = ()
    case: str = ""

    def __str__(self):
        text = MISTAKES[self.row].format(**dict(self.facts))
        if self.row not in _NAMED_FIRST:  # a learner's function keeps its case
            text = text[0].upper() + text[1:] if not self.case or text[:2].isupper() else text[0].lower() + text[1:]
        return f"{self.case}: {text}" if self.case else text


_NAMED_FIRST = {row for row, text in MISTAKES.items() if text.startswith("{name}")}


def mistake(row, **facts):
    """A `Mistake`."""
    return Mistake(row, tuple(facts.items()))
