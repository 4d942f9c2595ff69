"""Less memory for more time: outputs inside a block are computed again on the way back, instead of being kept.

A network is cut where a single map goes from one part to the next: behind the stem and behind every residual block. In
training only these maps are kept; what lies between is computed a second time when its gradients are due (Chen et al. 2016,
arXiv:1604.06174). Keras's own `RematScope` works layer by layer, which keeps every layer's input, and so gains next to
nothing where convolutions and normalisations alternate.
"""

import math
import types

import keras

from keras_resnet.models.graph import functional, steps

LONGEST = 12  # steps of a part where a network has no blocks


def recompute(model):
    """Lets a network of the catalogue compute its parts again in training; what it computes stays the same.

    Call it before the first training step. The network stays as it is but for its `call`, an attribute that shades its
    class's; it is saved without it.

    Args:
        model: a functional `keras.Model` with one input and one output.

    Returns:
        The same model.
    """
    pixels, *parts = _parts(functional(model))
    plain = model.call

    def call(self, inputs, training=None, mask=None, **others):
        if not training or mask is not None:
            return plain(inputs, training=training, mask=mask, **others)
        inputs = pixels(inputs)
        for part in parts:
            inputs = part(inputs)
        return inputs

    model.call = types.MethodType(call, model)
    return model


def held(model):
    """The Keras tensors that a step of a network holds at most when its parts are computed again: a list.

    They are what goes from part to part, and all of the part that has most.
    """
    _, *parts = _parts(functional(model))
    largest = max(parts, key=lambda part: sum(math.prod(output.shape[1:]) for output in part.outputs))
    between = [part.function.outputs[0] for part in parts if part is not largest]
    return [parts[0].function.inputs[0], *between, *largest.outputs]


def cuts(model):
    """The steps behind which a single map goes on: their numbers, in order, of `models.graph.steps`."""
    order = steps(model)
    last = {}  # a step -> the last that reads it
    for step in order:
        for number in step.inputs:
            last[number] = step.index
    found, reach = [], -1
    for step in order[:-1]:
        if reach <= step.index:  # nothing before this step is read behind it
            found.append(step.index)
        reach = max(reach, last.get(step.index, -1))
    return found


def _parts(model):
    """The parts of a network, from its input to its output. The first, which scales the pixels, has nothing to be trained."""
    order = steps(model)
    begin = next(step.index for step in order if step.inputs and isinstance(step.layer, keras.layers.Layer))
    yield keras.Function(model.inputs[0], order[begin].output)
    readers = {}
    for step in order:
        for number in step.inputs:
            readers[number] = readers.get(number, 0) + 1
    for cut in cuts(model):
        if cut > begin and (readers[cut] > 1 or cut - begin >= LONGEST):  # a shortcut begins here
            yield _Part(order[begin].output, order[cut].output)
            begin = cut
    yield _Part(order[begin].output, order[-1].output)


class _Part:
    """The layers between two tensors, computed again for their gradients."""

    def __init__(self, begin, end):
        self.function = keras.Function(begin, end)
        layers = [each for each in self.function.operations if isinstance(each, keras.layers.Layer)]
        self.outputs = [each.output for each in layers if not isinstance(each, keras.layers.InputLayer)]
        self.trained = [variable for layer in layers for variable in layer.trainable_variables]
        self.kept = [variable for layer in layers for variable in layer.non_trainable_variables]

    def __call__(self, inputs):
        outputs, news = _again(self._pure)(inputs, *_values(self.trained), *_copies(self.kept))
        for variable, new in zip(self.kept, news, strict=True):
            variable.assign(new)
        return outputs

    def _pure(self, inputs, *values):
        """Outputs, and the new values of the variables that a pass changes: a function of tensors alone."""
        state = zip(self.trained + self.kept, values, strict=True)
        with keras.StatelessScope(list(state)) as scope:
            outputs = self.function._run_through_graph(inputs, operation_fn=_in_training)
        return outputs[0] if isinstance(outputs, list) else outputs, [scope.get_current_value(each) for each in self.kept]


def _in_training(operation):
    if "training" in getattr(operation, "_call_context_args", {}):
        return lambda *arguments, **settings: operation(*arguments, **{**settings, "training": True})
    return operation


def _values(variables):
    return [keras.ops.convert_to_tensor(variable.value) for variable in variables]


def _copies(variables):
    """Values that stay when the variables are given new ones: PyTorch's are changed in place."""
    return [keras.ops.copy(value) for value in _values(variables)]


def _again(function):
    """The backend's way to compute a function of tensors once more for its gradients."""
    return _again_in_jax(function) if keras.backend.backend() == "jax" else keras.remat(function)


def _again_in_jax(function):
    """As `jax.checkpoint`, whose second computation XLA merges with the first on processors: no memory is saved there.

    Here the second takes inputs that hang on the gradient by a zero that no compiler can foresee, so that it cannot begin
    before; TensorFlow's `recompute_grad` does the same.
    """
    import jax

    def backward(arguments, slopes):
        first = jax.numpy.reshape(slopes[0], -1)[0]
        zero = jax.numpy.where(first == first, 0.0, jax.numpy.nan)
        late = [each + zero.astype(each.dtype) if "float" in str(each.dtype) else each for each in arguments]
        return jax.vjp(function, *late)[1](slopes)

    again = jax.custom_vjp(function)
    again.defvjp(lambda *arguments: (function(*arguments), arguments), backward)
    return again
