"""What the layers of a block say about its mistakes."""

from dataclasses import dataclass

from keras_resnet.grade.sentences import mistake

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
    """

    kind: str
    name: str
    channels: int
    kernel: int
    filters: tuple
    stride: int = 1
    height: int = 6
    width: int = 8


def mistakes(reading, task):
    """A list of `Mistake`, in the order in which a learner writes the block."""
    if reading.join is None and not reading.shapes:
        return [*_main(reading, task), mistake("no_addition", name=task.name)]
    if reading.branched:
        return [mistake("several_joins")]
    found = _beginnings(reading)
    found += _main(reading, task)
    found += _shortcut(reading, task)
    return found + _end(reading)


def loose(parts, task):
    """The `Mistake` for parts that nothing goes on with: none, or one."""
    for part in parts:
        which = part.label
        if part.kind == "conv" and part.layer.filters in task.filters:
            which = f"the Conv2D with F{task.filters.index(part.layer.filters) + 1} filters"
        return [mistake("dead_end", which=which)]
    return []


def _beginnings(reading):
    found = [
        mistake("input_unused", what=path)
        for path, starts in zip(("The main path", "The shortcut"), reading.starts, strict=True)
        if not starts
    ]
    if not reading.shared:
        return found
    if len(reading.shared) == len(reading.main):
        return [*found, mistake("shortcut_from_main" if reading.shortcut else "added_to_itself")]
    return [*found, mistake("late_shortcut", where=_place(reading.shared))]


def _place(parts):
    """Where a path has come to, in words."""
    count = sum(part.kind == "conv" for part in parts)
    if not count:
        return parts[-1].label
    last = {"conv": "convolution", "norm": "batch normalisation", "relu": "ReLU"}.get(parts[-1].kind, parts[-1].label)
    return f"the {ORDINALS[count - 1]} {last} of the main path"


def _sections(parts):
    """What stands before the first convolution, and each convolution with what follows it."""
    before, sections = [], []
    for part in parts:
        if part.kind == "conv":
            sections.append((part, []))
        else:
            (sections[-1][1] if sections else before).append(part)
    return before, sections


def _main(reading, task):
    before, sections = _sections(reading.main)
    found = [mistake("preactivation", what=before[0].label)] if before else []
    if len(sections) < 3:
        missing = "; ".join(MISSING[task.kind][len(sections) : 3])
        found.append(mistake("convolutions_missing", received=len(sections), missing=missing))
    elif len(sections) > 3:
        found.append(mistake("convolutions", received=f"{len(sections)} convolutions"))
        return found
    convs = [conv.layer for conv, _ in sections]
    places = [f"the {ordinal} convolution of the main path" for ordinal in ORDINALS[: len(convs)]]
    found += _strides(convs, places, task)
    for index, (layer, where) in enumerate(zip(convs, places, strict=True)):
        found += _convolution(layer, where, task.kernel if index == 1 else 1, index, task)
    for index, ((_, rest), where) in enumerate(zip(sections, places, strict=True)):
        found += _norms(rest, where, "norm_missing")
        found += _activations(rest, where) if index < 2 else _last_activations(rest, where, reading)
    return found


def _strides(convs, places, task):
    strides = [tuple(conv.strides) for conv in convs]
    first = 0 if task.kind == "identity" else 1  # from here on the strides are 1
    extra = [(place, stride) for place, stride in zip(places[first:], strides[first:], strict=True) if stride != (1, 1)]
    elsewhere = [place for place, stride in extra if stride == (task.stride,) * 2]
    if first and strides[:1] == [(1, 1)] and len(elsewhere) == 1:
        return [mistake("stride_place", where=elsewhere[0])]
    found = _stride(convs[0], places[0], task) if first and convs else []
    return found + [mistake("stride_extra", where=place, received=_once(stride)) for place, stride in extra]


def _stride(layer, where, task):
    if tuple(layer.strides) == (task.stride,) * 2:
        return []
    if tuple(layer.strides) == (1, 1):
        return [mistake("stride_missing", where=where)]
    return [mistake("stride_fixed", where=where, received=_once(layer.strides))]


def _once(pair):
    """A stride as it is written: an int where both are the same."""
    return pair[0] if pair[0] == pair[1] else tuple(pair)


def _convolution(layer, where, kernel, index, task):
    """Kernel, filters, padding of one convolution; ``index`` of its filters in `Task.filters`."""
    found, size = [], tuple(layer.kernel_size)
    if size != (kernel, kernel):
        words = f"{size[0]}x{size[1]}"
        if kernel > 1:
            found.append(mistake("kernel_fixed", where=where, received=words))
        else:
            received = "f x f" if size == (task.kernel,) * 2 else words
            found.append(mistake("kernel", where=where, received=received, expected="1x1"))
    if layer.filters != task.filters[index]:
        found.append(_filters(layer.filters, where, index, task))
    if kernel > 1 and layer.padding != "same":
        found.append(mistake("padding", where=where))
    if tuple(layer.dilation_rate) != (1, 1) or layer.groups != 1:
        found.append(mistake("dilation", where=where))
    return found


def _filters(received, where, index, task):
    expected = f"F{index + 1}"
    known = {task.channels: "the input has channels", **{count: f"F{n + 1}" for n, count in enumerate(task.filters)}}
    if received in known:
        return mistake("filters", where=where, received=known[received], expected=expected)
    return mistake("filters_fixed", where=where, received=received, expected=expected)


def _norms(parts, where, missing):
    norms = [part.layer for part in parts if part.kind == "norm"]
    if not norms:
        return [mistake(missing, where=where)]
    if len(norms) > 1:
        return [mistake("norm_twice", where=where, received=len(norms))]
    axis = norms[0].axis
    return [] if axis in (3, -1) else [mistake("axis", where=where, received=axis)]


def _activations(parts, where):
    found = _others(parts, where)
    kinds = [part.kind for part in parts]
    if "activation" in kinds:
        found.append(mistake("activation", where=where, received=_function(parts[kinds.index("activation")])))
    elif "relu" not in kinds:
        found.append(mistake("relu_missing", where=where))
    elif "norm" in kinds and kinds.index("relu") < kinds.index("norm"):
        found.append(mistake("relu_before_norm", where=where))
    return found


def _last_activations(parts, where, reading):
    found = _others(parts, where)
    kinds = [part.kind for part in parts]
    if "activation" in kinds:
        found.append(mistake("activation", where=where, received=_function(parts[kinds.index("activation")])))
    elif "relu" in kinds and any(part.kind == "relu" for part in reading.after):
        found.append(mistake("extra_relu_before_addition"))
    elif "relu" in kinds and reading.shapes:
        found.append(mistake("relu_before_addition"))
    return found


def _others(parts, where):
    return [mistake("foreign", where=where, what=part.label) for part in parts if part.kind == "other"]


def _function(part):
    function = getattr(part.layer, "activation", None)
    return getattr(function, "__name__", type(part.layer).__name__)


def _shortcut(reading, task):
    before, sections = _sections(reading.shortcut)
    if reading.shared and len(reading.shared) == len(reading.main):
        return []  # it has been said that the shortcut is, or comes from, the end of the main path
    if task.kind == "identity":
        return [mistake("convolution_on_identity", received=part.label) for part in reading.shortcut[:1]]
    if not sections:
        return [mistake("shortcut_not_convolved")]
    if len(sections) > 1:
        return [mistake("shortcut_convolutions", received=len(sections))]
    (conv, rest), where = sections[0], "the shortcut's convolution"
    found = _stride(conv.layer, where, task)
    found += _convolution(conv.layer, where, 1, 2, task)
    found += _norms(rest, where, "norm_missing_on_shortcut")
    for part in [*before, *rest]:
        if part.kind in ("relu", "activation"):
            found.append(mistake("relu_on_shortcut"))
        elif part.kind == "other" or part in before:
            found.append(mistake("foreign_on_shortcut", what=part.label))
    return found


def _end(reading):
    if reading.join is None:
        return []
    if type(reading.join).__name__ != "Add":
        return [mistake("join", received=_joined(reading.join))]
    kinds = [part.kind for part in reading.after]
    found = [mistake("after_addition", what=part.label) for part in reading.after if part.kind in ("other", "norm", "conv")]
    if "activation" in kinds:
        where = "the addition"
        found.append(mistake("activation", where=where, received=_function(reading.after[kinds.index("activation")])))
    elif "relu" not in kinds and not (reading.main and reading.main[-1].kind == "relu"):  # of that it is said where it belongs
        found.append(mistake("relu_missing_at_end"))
    return found


def _joined(operation):
    name = type(operation).__name__
    return f"{'an' if name[:1] in 'AEIOU' else 'a'} {name}"
