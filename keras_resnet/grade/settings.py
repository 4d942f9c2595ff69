"""What a single layer's settings say about mistakes: those that no output shows, or only some outputs."""

from keras import initializers, layers

from keras_resnet.grade.sentences import mistake

# Published networks have 1e-3 (Keras), 1e-5 and 1.001e-5 (PyTorch, keras.applications), 1e-6 (the assignment from 2023 on).
_EPSILONS = (1e-9, 5e-3)
_MOMENTA = (0.5, 0.9999)  # of the running statistics: Keras has 0.99, PyTorch 0.9 in these terms
_CONSTANT = (initializers.Zeros, initializers.Ones, initializers.Constant)


def layer_mistakes(part, where):
    """A list of `Mistake` of a convolution, a batch normalisation or a dense layer.

    Args:
        part: a `reading.Part`.
        where: what to call its place; of a normalisation, the place of its convolution.
    """
    layer, named = part.layer, f"the batch normalisation after {where}" if part.kind == "norm" else where
    found = [mistake("frozen", where=named)] if not layer.trainable else []
    if getattr(layer, "data_format", None) == "channels_first":
        found.append(mistake("channels_first", where=named))
    if part.kind == "norm" and isinstance(layer, layers.BatchNormalization):
        found += _norm(layer, where)
    return found


def constant_start(convolutions):
    """The `Mistake` of kernels that all start as one number, so that nothing tells their filters apart: none, or one."""
    constant = bool(convolutions) and all(map(_starts_constant, convolutions))
    return [mistake("constant_start")] if constant else []


def _starts_constant(layer):
    return isinstance(getattr(layer, "kernel_initializer", None), _CONSTANT)


def advice_of(found):
    """What is to be said of the settings of layers that change training alone: a list of str."""
    named = ("kernel_regularizer", "bias_regularizer", "activity_regularizer", "kernel_constraint", "bias_constraint")
    used = [name for name in named if any(getattr(layer, name, None) is not None for layer in found)]
    advice = [f"Layers have a {name}, which the assignment's do not have; it counts in training alone." for name in used]
    return advice


def advice_of_start(found):
    """What is to be said of a kernel that starts as one number beside others that do not: a list of str."""
    constant = [layer for layer in found if _starts_constant(layer)]
    return [_CONSTANT_START.format(kind=type(constant[0].kernel_initializer).__name__)] if constant else []


_CONSTANT_START = (
    "A kernel starts as one number for all its weights ({kind}); the assignment's start at random, with glorot_uniform."
)


def _norm(layer, where):
    found = []
    if layer.axis not in (3, -1):
        found.append(mistake("axis", where=where, received=layer.axis))
    if not _EPSILONS[0] <= layer.epsilon <= _EPSILONS[1]:
        found.append(mistake("epsilon", where=where, received=f"{layer.epsilon:g}"))
    if not _MOMENTA[0] <= layer.momentum <= _MOMENTA[1]:
        found.append(mistake("momentum", where=where, received=f"{layer.momentum:g}"))
    return found
