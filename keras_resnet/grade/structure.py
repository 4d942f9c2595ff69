"""What the layers of a block say about its mistakes."""

from dataclasses import dataclass

from keras import layers

from keras_resnet.grade import probing
from keras_resnet.grade.reading import with_article
from keras_resnet.grade.sentences import mistake
from keras_resnet.grade.settings import layer_mistakes

ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth")
MISSING = {
    "identity": (
        "Conv2D(F1, 1x1), BatchNormalization, ReLU",
        "Conv2D(F2, f x f, padding='same'), BatchNormalization, ReLU",
        "Conv2D(F3, 1x1), BatchNormalization",
        "the addition of the input, and a ReLU",
    ),
    "conv": (
        "Conv2D(F1, 1x1, stride s), BatchNormalization, ReLU",
        "Conv2D(F2, f x f, padding='same'), BatchNormalization, ReLU",
        "Conv2D(F3, 1x1), BatchNormalization",
        "in the shortcut Conv2D(F3, 1x1, stride s), BatchNormalization; the addition, and a ReLU",
    ),
}


@dataclass(frozen=True)
class Task:
    """What a block is built with in a check: numbers that are all different, so that each can be told from the others.

    Attributes:
        kind: ``"identity"`` or ``"conv"``.
        name: of the learner's function.
        channels, kernel, filters, stride: of the input and the arguments.
        height, width: of the input; behind the stride at least the kernel's size is left.
        stage, block: for the names of its layers.
        x, f, s: what the learner calls the parameters for input, kernel size and stride.
        strides: how the stride is given to a layer, in the learner's words.
    """

    kind: str
    name: str
    channels: int
    kernel: int
    filters: tuple
    stride: int = 1
    height: int = 6
    width: int = 8
    stage: int = 2
    block: str = "a"
    x: str = "X"
    f: str = "f"
    s: str = "s"
    strides: str = "(s, s)"


def mistakes(reading, task, loose=()):
    """A list of `Mistake`, in the order in which a learner writes the block.

    Args:
        reading: the `reading.Reading` of the block.
        task: its `Task`.
        loose: `Part`s that nothing goes on with.
    """
    if reading.join is None and not reading.shapes:
        added = any(type(part.layer).__name__ == "Add" for part in loose)
        return _loose(loose, task) if added else [*_main(reading, task), mistake("no_addition", name=task.name)]
    if reading.branched:
        return [mistake("several_joins")]
    if _added_to_itself(reading):
        row = "shortcut_not_added" if any(part.kind in ("conv", "norm") for part in loose) else "added_to_itself"
        return [mistake(row, x=task.x), *_main(reading, task), *_end(reading)]
    if loose:
        return _loose(loose, task)
    return [*_beginnings(reading, task), *_main(reading, task), *_shortcut(reading, task), *_end(reading)]


def _added_to_itself(reading):
    return bool(reading.main) and len(reading.shared) == len(reading.main) and not reading.shortcut


def _loose(parts, task):
    part = parts[0]
    known = part.kind == "conv" and getattr(part.layer, "filters", None) in task.filters
    which = f"the Conv2D with F{task.filters.index(part.layer.filters) + 1} filters" if known else part.label
    return [mistake("dead_end", which=which)]


def _beginnings(reading, task):
    found = [
        mistake("input_unused", what=path, x=task.x)
        for path, starts in zip(("The main path", "The shortcut"), reading.starts, strict=True)
        if not starts
    ]
    if not reading.shared:
        return found
    if len(reading.shared) == len(reading.main):
        return [*found, mistake("shortcut_from_main", x=task.x)]
    return [*found, mistake("late_shortcut", where=_place(reading.shared), x=task.x)]


def _place(parts):
    """Where a path has come to, in words."""
    count = sum(part.kind == "conv" for part in parts)
    if not count:
        return parts[-1].label
    last = {"conv": "convolution", "norm": "batch normalisation", "relu": "ReLU"}.get(parts[-1].kind, parts[-1].label)
    return f"the {ORDINALS[count - 1]} {last} of the main path"


def sections_of(parts):
    """What stands before the first convolution, and each convolution with what follows it."""
    before, sections = [], []
    for part in parts:
        if part.kind == "conv":
            sections.append((part, []))
        else:
            (sections[-1][1] if sections else before).append(part)
    return before, sections


def _main(reading, task):
    before, sections = sections_of(reading.main)
    found = [mistake("preactivation", what=before[0].label)] if before else []
    if len(sections) < 3:
        missing = "; ".join(MISSING[task.kind][len(sections) : 3])
        found.append(mistake("convolutions_missing", received=len(sections), missing=missing))
    elif len(sections) > 3:
        found.append(mistake("convolutions", received=f"{len(sections)} convolutions"))
        return found
    convs = [conv for conv, _ in sections]
    places = [f"the {ordinal} convolution of the main path" for ordinal in ORDINALS[: len(convs)]]
    found += _strides(convs, places, task)
    for index, (conv, where) in enumerate(zip(convs, places, strict=True)):
        found += _convolution(conv, where, task.kernel if index == 1 else 1, index, task)
    for index, ((_, rest), where) in enumerate(zip(sections, places, strict=True)):
        found += norm_mistakes(rest, where, "norm_missing")
        found += activation_mistakes(rest, where) if index < 2 else _last_activations(rest, where, reading)
    return found


def _strides(convs, places, task):
    strides = [tuple(conv.layer.strides) for conv in convs]
    first = 0 if task.kind == "identity" else 1  # from here on the strides are 1
    extra = [(place, stride) for place, stride in zip(places[first:], strides[first:], strict=True) if stride != (1, 1)]
    elsewhere = [place for place, stride in extra if stride == (task.stride,) * 2]
    if first and strides[:1] == [(1, 1)] and len(elsewhere) == 1 and task.stride > 1:
        return [mistake("stride_place", where=elsewhere[0], s=task.s)]
    found = _stride(convs[0].layer, places[0], task) if first and convs else []
    return found + [mistake("stride_extra", where=place, received=once(stride)) for place, stride in extra]


def _stride(layer, where, task):
    if tuple(layer.strides) == (task.stride,) * 2:
        return []
    if tuple(layer.strides) == (1, 1):
        return [mistake("stride_missing", where=where, strides=task.strides)]
    given = {"s": task.s, "stride": task.stride, "strides": task.strides}
    return [mistake("stride_fixed", where=where, received=once(layer.strides), **given)]


def once(pair):
    """A stride or a size as it is written: an int where both are the same."""
    return pair[0] if pair[0] == pair[1] else tuple(pair)


def _convolution(conv, where, kernel, index, task):
    """Kind, kernel, filters, padding and settings of one convolution; ``index`` of its filters in `Task.filters`."""
    layer, found = conv.layer, layer_mistakes(conv, where)
    if not isinstance(layer, layers.Conv2D):
        return [*found, mistake("convolution_kind", where=where, received=conv.label)]
    size = tuple(layer.kernel_size)
    if size != (kernel, kernel):
        words = f"{size[0]}x{size[1]}"
        if kernel > 1:
            found.append(mistake("kernel_fixed", where=where, received=words, f=task.f))
        else:
            received = f"{task.f} x {task.f}" if size == (task.kernel,) * 2 else words
            found.append(mistake("kernel", where=where, received=received, expected="1x1"))
    if layer.filters != task.filters[index]:
        found.append(_filters(layer.filters, where, index, task))
    found += _padding(conv, where, kernel)
    if tuple(layer.dilation_rate) != (1, 1) or layer.groups != 1:
        found.append(mistake("dilation", where=where))
    return found


def _padding(conv, where, kernel):
    if kernel == 1:
        return [mistake("zeros_before", where=where)] if conv.zeros else []
    needed = tuple(((side - 1) // 2, side // 2) for side in conv.layer.kernel_size)
    if conv.layer.padding == "same":
        return [mistake("zeros_before", where=where)] if conv.zeros else []
    if conv.zeros is None:
        return [mistake("padding", where=where)]
    return [] if conv.zeros == needed else [mistake("zeros", where=where, received=conv.zeros, expected=needed)]


def _filters(received, where, index, task):
    expected = f"F{index + 1}"
    known = {task.channels: "the input has channels", **{count: f"F{n + 1}" for n, count in enumerate(task.filters)}}
    if received in known:
        return mistake("filters", where=where, received=known[received], expected=expected)
    return mistake("filters_fixed", where=where, received=received, expected=expected)


def norm_mistakes(parts, where, missing):
    """Those of the batch normalisation among what follows a convolution; ``missing`` is the row for none."""
    norms = [part for part in parts if part.kind == "norm"]
    if not norms:
        return [mistake(missing, where=where)]
    if len(norms) > 1:
        return [mistake("norm_twice", where=where, received=len(norms))]
    return layer_mistakes(norms[0], where)


def activation_mistakes(parts, where):
    """Those of the ReLU among what follows a convolution, and what does not belong there."""
    found, kinds = others(parts, where), [part.kind for part in parts]
    other = next((part for part in parts if part.kind in _OTHER_FUNCTIONS), None)
    if other:
        found.append(mistake("activation", where=where, received=function_of(other)))
    elif "relu" not in kinds:
        found.append(mistake("relu_missing", where=where))
    elif kinds.count("relu") > 1:
        found.append(mistake("relu_twice", where=where, received=kinds.count("relu")))
    elif "norm" in kinds and kinds.index("relu") < kinds.index("norm"):
        found.append(mistake("relu_before_norm", where=where))
    return found


def _last_activations(parts, where, reading):
    found, kinds = others(parts, where), [part.kind for part in parts]
    other = next((part for part in parts if part.kind in _OTHER_FUNCTIONS), None)
    if other:
        found.append(mistake("activation_at_end", where=where, received=function_of(other)))
    elif "relu" in kinds and any(part.kind == "relu" for part in reading.after):
        found.append(mistake("extra_relu_before_addition"))
    elif "relu" in kinds and reading.shapes:
        found.append(mistake("relu_before_addition"))
    return found


def others(parts, where):
    """What stands among the parts and is none of those that belong behind a convolution."""
    known = ("conv", "norm", "relu", *_OTHER_FUNCTIONS)
    return [mistake("foreign", where=where, what=part.label) for part in parts if part.kind not in known]


_OTHER_FUNCTIONS = ("activation", "softmax")


def function_of(part):
    """What to call the activation of a part."""
    layer = part.layer
    if isinstance(layer, layers.ReLU):
        settings = {name: getattr(layer, name) for name in ("max_value", "negative_slope", "threshold") if getattr(layer, name)}
        return "ReLU with " + ", ".join(f"{name}={value:g}" for name, value in settings.items())
    name = getattr(getattr(layer, "activation", None), "__name__", None) or with_article(type(layer).__name__)
    if name == "<lambda>":
        return "a lambda that computes something else"
    return f"a function called {name} that computes something else" if name.lower() == "relu" and part.kind != "relu" else name


def _shortcut(reading, task):
    before, sections = sections_of(reading.shortcut)
    if reading.shared and len(reading.shared) == len(reading.main):
        return []  # it has been said that the shortcut comes from the end of the main path
    if task.kind == "identity":
        return [mistake("convolution_on_identity", received=part.label) for part in reading.shortcut[:1]]
    if not sections:
        return [mistake("shortcut_not_convolved", s=task.s)]
    if len(sections) > 1:
        return [mistake("shortcut_convolutions", received=len(sections))]
    (conv, rest), where = sections[0], "the shortcut's convolution"
    found = _stride(conv.layer, where, task)
    found += _convolution(conv, where, 1, 2, task)
    found += norm_mistakes(rest, where, "norm_missing_on_shortcut")
    for part in [*before, *rest]:
        if part.kind in ("relu", *_OTHER_FUNCTIONS):
            found.append(mistake("relu_on_shortcut"))
        elif part.kind != "norm" or part in before:
            found.append(mistake("foreign_on_shortcut", what=part.label))
    return found


def _end(reading):
    if reading.join is None:
        return []
    if probing.call_kind(reading.join) != "sum":
        return [mistake("join", received=with_article(type(reading.join.operation).__name__))]
    kinds = [part.kind for part in reading.after]
    allowed = ("relu", *_OTHER_FUNCTIONS)
    found = [mistake("after_addition", what=part.label) for part in reading.after if part.kind not in allowed]
    other = next((part for part in reading.after if part.kind in _OTHER_FUNCTIONS), None)
    if other:
        found.append(mistake("activation", where="the addition", received=function_of(other)))
    elif kinds.count("relu") > 1:
        found.append(mistake("relu_twice", where="the addition", received=kinds.count("relu")))
    elif "relu" not in kinds and not (reading.main and reading.main[-1].kind == "relu"):  # of that it is said where it belongs
        found.append(mistake("relu_missing_at_end"))
    return found
