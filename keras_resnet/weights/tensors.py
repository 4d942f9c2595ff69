"""Canonical tensors, `{Place: {role: tensor}}`: out of a file, and into a model. Compared first, read next, assigned last."""

import math
import sys
from dataclasses import dataclass, field

import numpy as np

from keras_resnet.architectures.layer_names import HEAD, Place
from keras_resnet.errors import WeightsError, one_of
from keras_resnet.weights.biases import convolutions, with_zero_biases, without_biases
from keras_resnet.weights.dialect import Naming, name_places, translate
from keras_resnet.weights.dialects import COUNTER
from keras_resnet.weights.graph import layers_of
from keras_resnet.weights.report import LoadReport
from keras_resnet.weights.stem import adapt_stem
from keras_resnet.weights.weight_file import Stored

KERNELS = ("theano", "tensorflow")
TRANSPOSED = "kernels transposed from (out, in, height, width)"
TAKE_NONFINITE = "nonfinite='warn' takes them as they are"
LOAD_NONFINITE = "kr.weights.load(.., nonfinite='warn') takes them as they are"
_ALIGNMENT = 64  # bytes: what TensorFlow asks of memory that it is to take over, EIGEN_MAX_ALIGN_BYTES


@dataclass(frozen=True)
class Canonical:
    """A file's tensors by place and role, kernels `(height, width, in, out)` for a cross-correlation.

    Attributes:
        stored: the `Stored` it comes from.
        tensors: `Place` (or a str for a layer without one) -> role -> `StoredTensor`.
        names: the same keys -> the layer's name in the file.
        naming: the `Naming` that was found.
        converted: what was done to the tensors, in words.
        evidence: what decided, in words.
        rotated: whether kernels are Theano's, turned by 180 degrees.
        vocabulary: whose words the file's weights have, a row of `dialects.VOCABULARIES`.
        counters: `Place` -> PyTorch's ``num_batches_tracked``, which is no weight and goes into no model.
    """

    stored: Stored
    tensors: dict
    names: dict
    naming: Naming
    converted: tuple
    evidence: tuple
    rotated: bool
    vocabulary: str = "keras"
    counters: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Slots:
    """A model's variables: `tensors` and `names` as in `Canonical`, with variables in place of tensors."""

    tensors: dict
    names: dict
    naming: Naming


@dataclass
class Plan:
    """What goes where: triples of a name for messages, variable and `StoredTensor`; and the report."""

    report: LoadReport
    assignments: list = field(default_factory=list)


def canonical(stored, kernels=None):
    """A file's tensors by place and role.

    Args:
        stored: a `Stored`, still open.
        kernels: ``"theano"`` (turned by 180 degrees) or ``"tensorflow"``; None to go by what the file says.

    Raises:
        WeightsError: ``kernels`` is neither; two layers claim one place.
    """
    if kernels not in (None, *KERNELS):
        raise WeightsError(one_of("kernels", kernels, KERNELS))
    layers, vocabulary, channels_first = translate(stored.layers)
    shapes = {name: {role: tensor.shape for role, tensor in weights.items()} for name, weights in layers.items() if weights}
    naming = name_places(shapes, graph=lambda: stored.config)
    rotated, why = _rotated(stored, vocabulary, channels_first, kernels)
    tensors = {key: dict(layers[name]) for name, key in naming.keys.items()}
    converted = []
    if rotated:
        count = _turn(tensors)
        converted.append(f"{count} kernels turned by 180 degrees, as Theano convolves")
    if vocabulary == "torch" or channels_first:
        converted.append(TRANSPOSED)
    names = {key: name for name, key in naming.keys.items()}
    counters = {key: stored.layers[name][COUNTER] for key, name in names.items() if COUNTER in stored.layers[name]}
    return Canonical(stored, tensors, names, naming, tuple(converted), tuple(why), rotated, vocabulary, counters)


def _rotated(stored, vocabulary, channels_first, kernels):
    """Whether kernels are Theano's, and the evidence."""
    if kernels:
        return kernels == "theano", [f"kernels are {kernels}'s, as was asked for"]
    if vocabulary == "torch":
        return False, []
    if stored.backend:
        return stored.backend == "theano", [f"the attribute backend is {stored.backend}"]
    if vocabulary == "keras1":
        if channels_first:
            return True, ["Keras 1, which names no backend; kernels are (out, in, height, width): Theano's is assumed"]
        return False, ["Keras 1, which names no backend; kernels are (height, width, in, out): TensorFlow's is assumed"]
    return False, []


def _turn(tensors):
    """Rotates every convolution's kernel that is larger than one pixel."""
    count = 0
    for weights in tensors.values():
        kernel = weights.get("kernel")
        if kernel is not None and len(kernel.shape) == 4 and tuple(kernel.shape[:2]) != (1, 1):
            weights["kernel"] = kernel.then(kernel.shape, lambda array: array[::-1, ::-1])
            count += 1
    return count


def slots(model):
    """The variables of a model by place and role; those of nested models too."""
    layers = {}
    for layer in leaves(model):
        weights = {weight.path.rsplit("/", 1)[-1]: weight for weight in layer.weights}
        if layer.name in layers:
            raise WeightsError(f"The model {model.name} has two layers named {layer.name}; expected every name once")
        if weights:
            layers[layer.name] = weights
    shapes = {name: {role: tuple(weight.shape) for role, weight in weights.items()} for name, weights in layers.items()}
    naming = name_places(shapes, prefixes=(f"{model.name}_",), graph=lambda: _graph(model))
    return Slots(
        {key: layers[name] for name, key in naming.keys.items()}, {key: name for name, key in naming.keys.items()}, naming
    )


def _graph(model):
    """The layers of a model's graph; none where it has none that can be written down."""
    try:
        return layers_of(model.to_json())
    except (AttributeError, NotImplementedError, TypeError, ValueError):
        return ()


def leaves(model):
    """The layers of a model, those of the models within it in their place."""
    for layer in model.layers:
        if hasattr(layer, "layers"):
            yield from leaves(layer)
        else:
            yield layer


def plan(file, model, *, head="require", stem="require"):
    """Compares a file with a model and says what would go where.

    Args:
        file: a `Canonical`.
        model: `Slots`.
        head: ``"require"``, or ``"skip"`` to leave out the classifier of both.
        stem: ``"require"``, or ``"adapt"`` to give the first kernel the model's number of input channels.

    Returns:
        A `Plan`; nothing has been read or assigned.
    """
    ours, converted, skipped = dict(model.tensors), list(file.converted), []
    theirs = {key: dict(weights) for key, weights in file.tensors.items()}
    if head == "skip":
        for key in [key for key in ours if _is_head(key)]:
            skipped += [f"{model.names[key]}/{role}" for role in ours.pop(key)]
        theirs = {key: weights for key, weights in theirs.items() if not _is_head(key)}
    if stem == "adapt":
        theirs, done = adapt_stem(theirs, ours)
        converted += done
    biased = {key for key in convolutions(ours) if "bias" in ours[key]}
    theirs, count = with_zero_biases(theirs, biased)
    converted += [f"{count} convolution biases set to zero, which the file lacks"] if count else []
    theirs, count = without_biases(theirs, set(convolutions(ours)) - biased)
    converted += [f"{count} convolution biases, which the model lacks, taken into the running means"] if count else []
    result = Plan(LoadReport((), (), (), ()))
    matched, missing, reshaped = [], [], []
    for key, weights in ours.items():
        for role, variable in weights.items():
            name, tensor = f"{model.names[key]}/{role}", theirs.get(key, {}).get(role)
            if tensor is None:
                missing.append(name)
            elif tuple(tensor.shape) != tuple(variable.shape):
                reshaped.append((name, tuple(tensor.shape), tuple(variable.shape)))
            else:
                matched.append(name)
                result.assignments.append((f"{file.names.get(key, name)}/{role}", variable, tensor))
    unexpected = [
        f"{file.names[key]}/{role}" for key, weights in theirs.items() for role in weights if role not in ours.get(key, {})
    ]
    result.report = LoadReport(*map(tuple, (matched, missing, unexpected, reshaped, converted, skipped)))
    return result


def _is_head(key):
    return isinstance(key, Place) and key.stage == HEAD and key.role == "dense"


def read_all(assignments, path, nonfinite="refuse", advice=TAKE_NONFINITE):
    """Reads what a plan assigns: float32 arrays in its order, each of memory that nothing else uses.

    Returns:
        The arrays, and what is wrong with their numbers in words.

    Raises:
        WeightsError: NaN, infinity or a negative variance, with the layer's name, unless ``nonfinite`` is ``"warn"``.
    """
    arrays, faults = [], []
    with np.errstate(all="ignore"):  # what is not finite is reported below
        for name, _, tensor in assignments:
            array = aligned(tensor.shape)
            if tensor.fill is not None:
                tensor.fill(array)
            else:
                np.copyto(array, tensor.read(), casting="unsafe")
            problem = fault(name, array)
            if problem:
                faults.append(f"{name} holds {problem}")
            arrays.append(array)
    refuse_faults(faults, path, nonfinite, advice)
    return arrays, faults


def refuse_faults(faults, path, nonfinite, advice=TAKE_NONFINITE):
    """Raises a `WeightsError` for numbers that are no weights, unless ``nonfinite`` is ``"warn"``; it ends in ``advice``."""
    if faults and nonfinite != "warn":
        more = f", and so do {len(faults) - 1} more" if len(faults) > 1 else ""
        raise WeightsError(f"{path}: {faults[0]}{more}; expected finite numbers. {advice}")


def fault(name, array):
    """What makes an array no weights, in words; None where nothing does. Name: as messages have it, `"bn/moving_variance"`."""
    if not np.isfinite(array.sum()) and not np.isfinite(array).all():  # a finite sum has finite terms alone
        return "NaN" if np.isnan(array).any() else "infinity"
    if name.endswith("/moving_variance") and array.size and array.min() < 0:
        return f"a negative variance, {array.min():g}"
    return None


def aligned(shape):
    """An array of float32, not set, that begins at a multiple of `_ALIGNMENT` bytes."""
    size = 4 * math.prod(shape)
    memory = np.empty(size + _ALIGNMENT, "uint8")
    start = -memory.ctypes.data % _ALIGNMENT
    return memory[start : start + size].view("float32").reshape(shape)


def assign(assignments, arrays):
    """Sets the variables.

    Args:
        assignments: of a `Plan`.
        arrays: of `read_all`; nobody may use them afterwards, for TensorFlow's variables may take their memory over.
    """
    convert = _converter()
    for (_, variable, _), array in zip(assignments, arrays, strict=True):
        variable.assign(convert(array))


def _converter():
    """From an array of `read_all` to what the backend assigns fastest: TensorFlow copies arrays, some twice, but no tensors."""
    if "tensorflow" not in sys.modules or sys.modules["keras"].backend.backend() != "tensorflow":
        return lambda array: array
    share = sys.modules["tensorflow"].experimental.dlpack.from_dlpack
    return lambda array: share(array.__dlpack__()) if array.size else array
