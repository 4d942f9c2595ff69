"""The check of the whole network."""

from collections.abc import Callable

import keras

from keras_resnet.grade import calling, network_structure, network_values, running, settings
from keras_resnet.grade.blocks import check_conv_block, check_identity_block
from keras_resnet.grade.grading import Grade, graded
from keras_resnet.grade.graph import opened
from keras_resnet.grade.network_reading import read_network
from keras_resnet.grade.sentences import mistake
from keras_resnet.grade.standins import standing_in

_EXPECTED = "(input_shape=(64, 64, 3), classes=6)"
_SIZES = (((64, 64, 3), 6), ((56, 48, 4), 9))  # both end in a map of 2 x 2, which one average covers
_MISSING = "the stem, four stages of 3, 4, 6 and 3 blocks, the average, the classifier, and Model(inputs=X_input, outputs=X)"
_CHECKS = {"identity": check_identity_block, "conv": check_conv_block}


def check_resnet50(function: Callable) -> Grade:
    """Checks a function that builds ResNet-50: its layers against the published network's, its outputs against this package's.

    It is called twice: for images of 64 x 64 x 3 and 6 classes, and for another shape and another number of classes. Where a
    block that it is made of is not right, that is said first, and the network is judged with a right one in its place.

    Args:
        function: `(input_shape=(64, 64, 3), classes=6)`, with or without `training`; or Chollet's signature, which is called
            with `weights=None`. A `keras.Model` that is built already is taken too, as one for 64 x 64 x 3 and 6 classes.

    Returns:
        A `Grade`.
    """
    if isinstance(function, keras.Model):
        found, advice = _of_model(function, function.name, *_SIZES[0])
        return graded(function.name, found, advice)
    name = calling.name_of(function)
    found, advice = _of_function(function, name)
    wrong = _wrong_blocks(function) if found else {}
    if None in wrong.values():
        found = [_blocks_first(name, wrong, "The network is checked when they can be called as the assignment does.")]
    elif wrong:
        with standing_in(function, wrong):
            found, advice = _of_function(function, name)
        rest = "What follows holds with right ones in their place." if found else "With right ones in their place it is right."
        found = [_blocks_first(name, wrong, rest), *found]
    return graded(name, found, [] if found else advice)


def _wrong_blocks(function):
    """The blocks that a function is made of and that are not right: name -> `calling.Learner`, None for other parameters."""
    blocks = calling.blocks_in(function).items()
    return {name: calling.learner(block, kind) for name, (kind, block) in blocks if not _CHECKS[kind](block).passed}


def _blocks_first(name, wrong, rest):
    blocks, verb = " and ".join(wrong), "is" if len(wrong) == 1 else "are"
    return mistake("blocks_first", name=name, blocks=blocks, verb=verb, rest=rest)


def _of_function(function, name):
    """Mistakes and advice: two lists."""
    options = calling.network_options(function)
    if options is None:
        return [mistake("signature", name=name, received=calling.parameters_of(function), expected=_EXPECTED)], []
    advice = []
    for number, (shape, classes) in enumerate(_SIZES):
        given = {"shape": shape, "classes": classes}
        model, found, remarks = _built(function, name, {key: given.get(role, role) for key, role in options.items()})
        taken = [given[role] if role in options.values() else default for role, default in zip(given, _SIZES[0], strict=True)]
        if model is not None:
            found = _ignored(model, options, shape, classes)
            found, more = (found, []) if found else _of_model(model, name, *taken, values=not number)
            remarks += more
        if found:
            return found, []
        advice += remarks
    missing = [role for role in ("shape", "classes") if role not in options.values()]
    advice += [f"{name} has no parameter for the {_ROLES[role]}; the assignment's has {_EXPECTED}." for role in missing]
    return [], list(dict.fromkeys(advice))


_ROLES = {"shape": "shape of the images", "classes": "number of classes"}


def _built(function, name, options):
    """The model, and the mistakes where there is none, and advice."""
    try:
        model, advice = running.called(function, **options)
    except NotImplementedError:
        return None, [mistake("unwritten", name=name, what="raises NotImplementedError", missing=_MISSING)], []
    except Exception as error:
        return None, [running.failure(error, function, name)], []
    if model is None:
        return None, [_unfinished(function, name, options)], []
    if not isinstance(model, keras.Model):
        expected = "a keras.Model: Model(inputs=X_input, outputs=X)"
        return None, [mistake("wrong_type", name=name, received=running.described(model), expected=expected)], []
    return model, [], advice


def _unfinished(function, name, options):
    """The `Mistake` of a function that returns nothing: what there is, and what is missing."""
    seen = running.locals_at_the_end(function, options)
    model = next((key for key, value in seen.items() if isinstance(value, keras.Model)), None)
    if model:
        return mistake("no_return", name=name, x=model)
    graphs = running.graphs_among(seen.values())
    if not graphs:
        return mistake("unwritten", name=name, what="returns nothing", missing=_MISSING)
    network = read_network(opened(*max(graphs, key=lambda pair: len(opened(*pair).calls))))
    done, missing = network_structure.progress(network)
    return mistake("unfinished", name=name, what="returns nothing", done=done, missing=missing)


def _of_model(model, name, shape, classes, values=True):
    """Mistakes and advice of a model that is built for images of ``shape`` and ``classes``."""
    graph = _graph(model, shape)
    if graph is None:
        outputs = len(getattr(model, "outputs", None) or ())
        what = f"it has {outputs} outputs" if outputs > 1 else f"{type(model).__name__} has no graph of Keras's layers"
        return [mistake("not_a_resnet", what=what)], []
    network = read_network(graph)
    if network.hidden:
        return [mistake("network_hidden", what=network.hidden.label)], []
    if not network.whole:
        return [mistake("not_a_resnet", what="its additions do not follow one another from the images on")], []
    found = network_structure.mistakes(network, classes) + _shared(graph)
    output = tuple(graph.outputs[0].shape)
    if not found and output != (None, classes):
        found = [mistake("output", received=output, classes=classes, expected=(None, classes))]
    if not found and tuple(graph.source.shape[1:]) != tuple(shape):
        found = [mistake("departure", what="input", here=tuple(graph.source.shape[1:]), there=shape)]
    found = found or (network_values.mistakes(graph, network, shape) if values else [])
    return found, [] if found else _advice(network, graph.layers)


def _advice(network, layers):
    return [*network_structure.advice(network), *settings.advice_of(layers), *settings.advice_of_start(layers)]


def _graph(model, shape):
    """The `graph.Graph` of a model, also of one that is written as a class; None where it has none."""
    try:
        if getattr(model, "inputs", None):
            return opened(model.inputs[0], model.outputs) if len(model.outputs) == len(model.inputs) == 1 else None
        images = keras.Input(shape)
        model(images)
        output = model.call(images)
    except Exception:  # whatever a learner's own code raises for a tensor without numbers
        return None
    return opened(images, [output])


def _ignored(model, options, shape, classes):
    """The arguments that have no effect on a model."""
    roles, found = {role: key for key, role in options.items()}, []
    received = tuple(model.inputs[0].shape[1:]) if getattr(model, "inputs", None) else shape
    if "shape" in roles and received not in (shape, _SIZES[0][0]):
        what = f"input for {roles['shape']}={shape}"
        found.append(mistake("departure", what=what, here=received, there=shape))
    elif "shape" in roles and received != shape:
        facts = {"argument": roles["shape"], "given": shape, "received": f"the input {received}"}
        found.append(mistake("argument_ignored", **facts, place="the input is made: Input(input_shape)"))
    outputs = model.outputs[0].shape[-1] if getattr(model, "outputs", None) else classes
    if "classes" in roles and outputs != classes and outputs == _SIZES[0][1]:
        facts = {"argument": roles["classes"], "given": classes, "received": f"{outputs} outputs"}
        found.append(mistake("argument_ignored", **facts, place="the last layer is made: Dense(classes, activation='softmax')"))
    return found


def _shared(graph):
    """Layers with weights that are used more than once."""
    used = [call.operation for call in graph.calls if getattr(call.operation, "weights", ())]
    twice = next((layer for layer in used if used.count(layer) > 1), None)
    return [mistake("layer_twice", received=twice.name, times=used.count(twice))] if twice is not None else []
