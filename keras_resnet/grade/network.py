"""The check of the whole network."""

import inspect

import keras
import numpy as np

from keras_resnet.errors import KerasResNetError
from keras_resnet.grade import calling, reading, running, values
from keras_resnet.grade.grading import graded
from keras_resnet.grade.sentences import mistake
from keras_resnet.models import identify
from keras_resnet.models.words import LABELS, in_words
from keras_resnet.resnet50 import ResNet50
from keras_resnet.weights.tensors import slots

PARAMETERS = 23_600_006  # of ResNet-50 for 64 x 64 x 3 and 6 classes, as every generation's notebook prints it
_SIZE, _CLASSES = (64, 64, 3), 6
# Choices that are the same network under other names, or that training alone sees.
_FREE = {"grammar", "numbered", "head", "softmax_layer", "shortcut_first", "pads", "initializer", "momentum", "epsilon"}
_GIVEN = {"input_shape": _SIZE, "classes": _CLASSES, "weights": None, "include_top": True}
_MISSING = "the stem, four stages of 3, 4, 6 and 3 blocks, the average, the classifier, and Model(inputs=X_input, outputs=X)"


def check_resnet50(function):
    """Checks a function that builds ResNet-50 for images of 64 x 64 x 3 and 6 classes.

    The graph is compared with the published network's, and the outputs for random weights with those of this package's.

    Args:
        function: `(input_shape=(64, 64, 3), classes=6)`, with or without `training`; or Chollet's signature, which is called
            with `weights=None`. A `keras.Model` that is built already is taken too.

    Returns:
        A `Grade`.
    """
    name = function.name if isinstance(function, keras.Model) else calling.name_of(function)
    model, found = _built(function, name)
    return graded(name, found if model is None else _mistakes(model, name))


def _built(function, name):
    """The model, and the mistakes where there is none."""
    if isinstance(function, keras.Model):
        return function, []
    try:
        accepted = inspect.signature(function).parameters
        model = function(**{key: value for key, value in _GIVEN.items() if key in accepted})
    except NotImplementedError:
        return None, [mistake("unwritten", name=name, what="raises NotImplementedError", missing=_MISSING)]
    except Exception as error:
        return None, [running.failure(error, function, name)]
    if model is None:
        return None, [mistake("unwritten", name=name, what="returns nothing", missing=_MISSING)]
    if not isinstance(model, keras.Model):
        expected = "a keras.Model: Model(inputs=X_input, outputs=X)"
        return None, [mistake("wrong_type", name=name, received=running.described(model), expected=expected)]
    return model, []


def _mistakes(model, name):
    shape = tuple(model.output_shape)
    if shape != (None, _CLASSES):
        return [mistake("output", received=shape, expected=(None, _CLASSES))]
    model = _unfolded(model)
    found = _departures(model)
    if model.count_params() != PARAMETERS and not found:
        found.append(mistake("parameters", received=model.count_params(), expected=PARAMETERS))
    if not np.allclose(values.numbers(model(np.ones((1, *_SIZE), "float32"))).sum(), 1, atol=1e-4):
        found.append(mistake("softmax", received=_last_activation(model)))
    return found or _values(model)


def _unfolded(model):
    """The network with the layers of the models within it in their place: of the same layers, for the graph to be read."""
    if not any(isinstance(layer, keras.Model) for layer in model.layers):
        return model

    images = keras.Input(model.input_shape[1:])
    return keras.Model(images, _through(model, images))


def _through(model, x):
    """What a model makes of a Keras tensor, layer by layer."""
    graph = model._functional if isinstance(model, keras.Sequential) else model
    tensors = {id(graph.inputs[0]): x}
    for operation in graph.operations:
        for node in operation._inbound_nodes:
            if not node.input_tensors or any(id(tensor) not in tensors for tensor in node.input_tensors):
                continue
            arguments, options = node.arguments.fill_in(tensors)
            inner = isinstance(operation, keras.Model)
            output = _through(operation, arguments[0]) if inner else operation(*arguments, **options)
            tensors[id(node.output_tensors[0])] = output
    return tensors[id(graph.outputs[0])]


def _departures(model):
    try:
        differences = identify(model).differences("resnet50", "coursera")
    except KerasResNetError as error:
        return [mistake("not_a_resnet", what=str(error))]
    return [_departure(difference) for difference in differences if difference.field not in _FREE]


def _departure(difference):
    field = difference.field
    here, there = in_words(field, difference.here), in_words(field, difference.there)
    return mistake("departure", what=LABELS[field], here=here, there=there)


def _last_activation(model):
    function = getattr(model.layers[-1], "activation", None)
    return getattr(function, "__name__", "none")


def _values(model):
    """Compares outputs for random weights, which are copied by their place in the network."""
    reference = ResNet50(weights=None, input_shape=_SIZE, classes=_CLASSES)
    random = np.random.default_rng(values.SEED)
    found, wanted = slots(model), slots(reference)
    theirs, ours = found.tensors, wanted.tensors
    if {key: set(roles) for key, roles in theirs.items()} != {key: set(roles) for key, roles in ours.items()}:
        return [mistake("parameters", received=model.count_params(), expected=PARAMETERS)]
    for place, roles in ours.items():
        for role, variable in roles.items():
            value = _random(role, variable.shape, random)
            variable.assign(value)
            theirs[place][role].assign(value)
    for place, name in wanted.names.items():  # 1e-3 in most generations, 1e-6 in the last: both are right
        if place.role == "norm":
            reference.get_layer(name).epsilon = model.get_layer(found.names[place]).epsilon
    images = keras.ops.convert_to_tensor(random.uniform(0, 1, (2, *_SIZE)).astype("float32"))
    outputs = [values.numbers(_without_classifier(net)(images, training=False)) for net in (model, reference)]
    difference, size = np.abs(outputs[0] - outputs[1]).max(), np.abs(outputs[1]).max()
    return [] if difference <= 1e-3 * size else [mistake("network_values", difference=difference, size=size)]


def _without_classifier(model):
    """What the classifier is given, `(N, 2048)`: a softmax of large numbers would hide differences."""
    tensor = model.outputs[0]
    while not isinstance(tensor._keras_history.operation, keras.layers.Dense):
        tensor = reading.node(tensor).input_tensors[0]
    return keras.Model(model.inputs, reading.node(tensor).input_tensors[0])


def _random(role, shape, random):
    """A weight, float32, at a scale that keeps signals near 1."""
    if role == "kernel":
        return random.normal(0, np.sqrt(2 / np.prod(shape[:-1])), shape).astype("float32")
    if role in ("gamma", "moving_variance", "variance"):
        return random.uniform(0.5, 1.5, shape).astype("float32")
    return random.normal(0, 0.2, shape).astype("float32")
