"""Reads the fields of a `ModelSpec` off a network that has been taken apart; a field that leaves no trace is left out."""

import math

from keras import initializers, layers

from keras_resnet.architectures import layer_names
from keras_resnet.architectures.lineages import ALL
from keras_resnet.models.anatomy import NORMS

_INITIALIZERS = {"GlorotUniform": "glorot_uniform", "HeNormal": "he_normal", "HeUniform": "he_uniform"}


def read(anatomy):
    """The choices that a network shows.

    Args:
        anatomy: an `Anatomy`.

    Returns:
        A dict: field of `ModelSpec` -> value. A value that no spec has is a word, or a tuple where layers disagree.
    """
    norms = [step.layer for step in anatomy.steps if isinstance(step.layer, NORMS)]
    return {
        **_topology(anatomy, norms),
        **_stem(anatomy),
        **_strides(anatomy),
        **_numbers(anatomy, norms),
        **_names(anatomy),
        **_head(anatomy),
    }


def branches(anatomy):
    """The branches whose convolutions can have a bias, in the order of `lineages.ALL`."""
    present = {place.branch if place.stage != layer_names.STEM else "stem" for place, step in _convolutions(anatomy)}
    return tuple(branch for branch in ALL if branch in present)


def places(anatomy):
    """The convolutions, normalisations, additions and the classifier: pairs of `layer_names.Place` and step."""
    found = list(_convolutions(anatomy))
    found += _norms(anatomy.stem, _of(anatomy.stem, layers.Conv2D), anatomy, layer_names.STEM, 0)
    for block in anatomy.blocks:
        found += _norms(block.steps, block.convs, anatomy, block.stage, block.index, block.shortcut)
        if block.join is not None:
            found.append((layer_names.Place(block.stage, block.index, "out", "add"), block.join))
    found += [(layer_names.Place(layer_names.HEAD, 0, "post", "norm"), step) for step in _of(anatomy.head, NORMS)]
    found += [(layer_names.Place(layer_names.HEAD, 0, "1", "dense"), step) for step in _of(anatomy.head, layers.Dense)[:1]]
    return found


def _convolutions(anatomy):
    for number, step in enumerate(_of(anatomy.stem, layers.Conv2D), start=1):
        yield layer_names.Place(layer_names.STEM, 0, str(number), "conv"), step
    for block in anatomy.blocks:
        for number, step in enumerate(block.convs, start=1):
            yield layer_names.Place(block.stage, block.index, str(number), "conv"), step
        for step in block.projection:
            yield layer_names.Place(block.stage, block.index, "0", "conv"), step


def _norms(steps, convs, anatomy, stage, index, shortcut=()):
    for step in _of(steps, NORMS):
        number = sum(1 for conv in convs if step.behind >> conv.index & 1)
        if stage == layer_names.STEM:
            yield layer_names.Place(layer_names.STEM if number else layer_names.INPUT, 0, str(number or 1), "norm"), step
        elif step in shortcut:
            yield layer_names.Place(stage, index, "0", "norm"), step
        else:
            yield layer_names.Place(stage, index, str(number) if number else "pre", "norm"), step


def _topology(anatomy, norms):
    blocks, first = anatomy.blocks, anatomy.blocks[0]
    bottleneck = len(first.convs) == 3
    outputs = [stage[0].channels for stage in anatomy.stages.values()]
    widths = tuple(channels // 4 if bottleneck else channels for channels in outputs)
    inner = first.convs[1].layer
    kinds = {type(layer) for layer in norms}
    return {
        "depths": tuple(len(stage) for stage in anatomy.stages.values()),
        "widths": widths,
        "block": "bottleneck" if bottleneck else "basic",
        "order": anatomy.order,
        "shortcut": _shortcut(anatomy),
        "groups": inner.groups,
        "base_width": inner.filters * 64 // (widths[0] * inner.groups) if bottleneck else 64,
        "se_ratio": blocks[-1].gate[0].layer.filters / blocks[-1].channels if blocks[-1].gate else None,
        "residual_scale": _scale(blocks[-1]),
        "norm": {"BatchNormalization": "batch", "GroupNormalization": "group"}[kinds.pop().__name__] if kinds else "none",
        "zero_init_gamma": _starts_at_zero(anatomy),
        "drop_path": round(max((step.layer.rate for step in _of(blocks[-1].steps, layers.Dropout)), default=0.0), 12),
        "output_stride": _output_stride(anatomy),
    }


def _shortcut(anatomy):
    blocks = anatomy.blocks
    if blocks[0].join is None:
        return "none"
    projections = [block for block in blocks if block.projection]
    if not projections:
        return "A"
    if any(block.index for block in projections):
        return "C"
    pooled = any(_of(block.shortcut, layers.AveragePooling2D) for block in projections)
    return "D" if pooled else "B"


def _scale(block):
    if _of(block.steps, layers.Dense):
        return "learned"
    factors = _of(block.steps, layers.Rescaling)
    return float(factors[0].layer.scale) if factors else 1.0


def _starts_at_zero(anatomy):
    """Whether every branch of a network that is normalised last starts at zero."""
    if anatomy.order == "pre":
        return False
    lasts = []
    for block in anatomy.blocks:
        behind = [step for step in _of(block.steps, NORMS) if step.behind >> block.convs[-1].index & 1]
        lasts += [step.layer for step in behind if step not in block.shortcut][:1]
    return bool(lasts) and all(isinstance(layer.gamma_initializer, initializers.Zeros) for layer in lasts)


def _output_stride(anatomy):
    """What the network divides the size by, if not by two in every stage but the first; else 32, the undilated one's."""
    stem = math.prod(step.layer.strides[0] for step in _of(anatomy.stem, (layers.Conv2D, layers.MaxPooling2D)))
    reached = stem * math.prod(block.stride for block in anatomy.blocks)
    return reached if reached < stem * 2 ** (len(anatomy.stages) - 1) else 32


def _stem(anatomy):
    convs = _of(anatomy.stem, layers.Conv2D)
    pools = _of(anatomy.stem, layers.MaxPooling2D)
    kernels = [step.layer.kernel_size[0] for step in convs]
    kind = {((7,), 1): "imagenet", ((3, 3, 3), 1): "deep", ((3,), 0): "small"}.get((tuple(kernels), len(pools)))
    found = {
        "stem": kind or f"convolutions of sides {', '.join(map(str, kernels)) or 'none'} and {len(pools)} pools",
        "stem_width": convs[-1].layer.filters if convs else 0,
        "input_norm": any(
            place.stage == layer_names.INPUT for place, _ in _norms(anatomy.stem, convs, anatomy, layer_names.STEM, 0)
        ),
    }
    if convs and convs[0].layer.strides != (1, 1):
        found["stem_padding"] = "same" if convs[0].layer.padding == "same" else "explicit"
    if anatomy.order == "pre":
        last = [step for step in _of(anatomy.stem, NORMS) if convs and step.behind >> convs[-1].index & 1]
        found["stem_norm"] = bool(last)
    if pools:
        found["pool"] = _pool(pools[0], anatomy.steps[pools[0].inputs[0]])
    return found


def _pool(pool, before):
    if pool.layer.padding == "same":
        return "same"
    if isinstance(before.layer, layers.ZeroPadding2D):
        return {((1, 1), (1, 1)): "zero", ((0, 1), (0, 1)): "ceil"}.get(before.layer.padding, f"zeros {before.layer.padding}")
    return "infinity" if type(before.layer).__name__ == "Pad" else "valid"


def _strides(anatomy):
    found = {"pads": _pads(anatomy)}
    strided = [block for block in anatomy.blocks if block.stride > 1]
    if strided:
        found["strided_block"] = anatomy.strided_block
    if len(anatomy.blocks[0].convs) == 3 and strided:
        where = {number for block in strided for number, step in enumerate(block.convs, 1) if step.layer.strides != (1, 1)}
        found["strided_conv"] = _single(where)
    first = anatomy.blocks[0]
    stem = _of(anatomy.stem, layers.Conv2D)
    if first.join is not None and stem and stem[-1].layer.filters == first.channels:
        found["project_first"] = bool(first.projection)
    return found


def _pads(anatomy):
    """When zeros are a layer of their own; "never" is TensorFlow's uneven padding of strided convolutions."""
    threes = [step for block in anatomy.blocks for step in block.convs if step.layer.kernel_size == (3, 3)]
    if any(step.layer.strides != (1, 1) and step.layer.padding == "same" for step in threes):
        return "never"
    return "always" if all(step.layer.padding == "valid" for step in threes) else "strided"


def _numbers(anatomy, norms):
    found = {"bias": _bias(anatomy)}
    if norms:
        found["epsilon"] = _single({layer.epsilon for layer in norms})
    if any(isinstance(layer, layers.BatchNormalization) for layer in norms):
        found["momentum"] = _single({layer.momentum for layer in norms})
    found["initializer"] = _single({_initializer(step.layer.kernel_initializer) for _, step in _convolutions(anatomy)})
    joined = [block for block in anatomy.blocks if block.join is not None]
    if joined:
        found["shortcut_first"] = _single({block.shortcut_first for block in joined})
    return found


def _bias(anatomy):
    with_bias, without = set(), set()
    for place, step in _convolutions(anatomy):
        branch = "stem" if place.stage == layer_names.STEM else place.branch
        (with_bias if step.layer.use_bias else without).add(branch)
    words = {branch: f"some of {branch}" for branch in with_bias & without}
    return tuple(words.get(branch, branch) for branch in ALL if branch in with_bias)


def _initializer(initializer):
    name = type(initializer).__name__
    if name == "VarianceScaling" and (initializer.scale, initializer.mode) == (2.0, "fan_out"):
        return "kaiming_normal"
    return _INITIALIZERS.get(name, name)


def _names(anatomy):
    """The grammar of most layer names, behind a prefix or not, and the stages whose blocks it numbers."""
    named = [(place, step.layer.name) for place, step in places(anatomy)]
    best, grammar, prefix = 0, "another", ""
    for candidate in layer_names.GRAMMARS:
        first = layer_names.keras_name(layer_names.layer_name(candidate, layer_names.Place(layer_names.STEM, 0, "1", "conv")))
        own = named[0][1]
        before = own[: -len(first)] if own.endswith(f"_{first}") else ""
        fits = sum(1 for place, name in named if layer_names.place_of(candidate, name.removeprefix(before)) == place)
        if fits > best and 2 * fits > len(named):
            best, grammar, prefix = fits, candidate, before
    if "{label}" not in str(layer_names.GRAMMARS.get(grammar)):
        return {"grammar": grammar}
    numbered = {
        place.stage
        for place, name in named
        if place.block and layer_names.layer_name(grammar, place, numbered=(place.stage,)) == name.removeprefix(prefix)
    }
    return {"grammar": grammar, "numbered": tuple(sorted(numbered))}


def _head(anatomy):
    dense = _of(anatomy.head, layers.Dense)
    if not dense:
        return {}
    found = {}
    if _of(anatomy.head, layers.Flatten):
        found["head"] = "flatten"
    elif None not in anatomy.blocks[-1].output.shape[1:]:
        found["head"] = "global"
    after = [step for step in _of(anatomy.head, layers.Activation) if step.index > dense[-1].index]
    if after or getattr(dense[-1].layer.activation, "__name__", "") != "linear":
        found["softmax_layer"] = bool(after)
    return found


def _of(steps, kinds):
    return [step for step in steps if isinstance(step.layer, kinds)]


def _single(values):
    """The value, or all of them, sorted, where there are several."""
    return next(iter(values)) if len(values) == 1 else tuple(sorted(values, key=str))
