"""From a spec to a chain of blocks. What a layer is, the factory decides: a Keras layer (`build`) or a count (`count`)."""

from dataclasses import dataclass

from keras_resnet.architectures import layer_names
from keras_resnet.blocks import postact, preact, shortcut, stem
from keras_resnet.blocks.unit import Unit

_STEMS = {"imagenet": stem.imagenet_stem, "deep": stem.deep_stem, "small": stem.small_stem}


@dataclass(frozen=True)
class _Order:
    """An order of operations: its two blocks, how branch and shortcut meet, and its shortcuts with weights."""

    blocks: dict
    join: object
    projection: object
    pooled_projection: object


_POST = {"basic": postact.basic_block, "bottleneck": postact.bottleneck_block}
_PRE = {"basic": preact.preact_basic_block, "bottleneck": preact.preact_bottleneck_block}
_ORDERS = {
    "post": _Order(_POST, shortcut.add_then_activate, shortcut.projection, shortcut.pooled_projection),
    "branch_end": _Order(_POST, shortcut.activate_then_add, shortcut.projection, shortcut.pooled_projection),
    "pre": _Order(_PRE, shortcut.add, shortcut.bare_projection, shortcut.bare_pooled_projection),
}


def assemble(x, spec, make):
    """The network without its head.

    Args:
        x: images, a tensor `(N, H, W, C)` of the factory's kind.
        spec: a `ModelSpec`.
        make: a layer factory.

    Returns:
        The last feature map.
    """
    if spec.input_norm:
        x = make.at(layer_names.INPUT).norm(x, "1", gamma=False)
    x = _STEMS[spec.stem](x, spec.stem_width, make.at(layer_names.STEM), spec.stem_activated)
    order = _ORDERS[spec.order]
    for stage, index, unit in units(spec):
        here = make.at(stage, index)
        way = _shortcut(spec, index, unit, here.channels(x))
        x = order.blocks[spec.block](x, unit, here, way, order.join)
    if spec.order == "pre":
        end = make.at(layer_names.HEAD)
        x = end.act(end.norm(x, "post"), "post")
    return x


def units(spec):
    """The blocks of a network in order: a list of `(stage, index, Unit)`."""
    blocks = [(stage, index) for stage, depth in enumerate(spec.depths, start=2) for index in range(depth)]
    reached, dilation, found = 1 if spec.stem == "small" else 4, 1, []
    for number, (stage, index) in enumerate(blocks):
        width = spec.widths[stage - 2]
        halves = _halves(spec, stage, index)
        before = dilation
        if halves and reached >= spec.output_stride:
            dilation *= 2  # in place of the stride, from the next convolution on
        elif halves:
            reached *= 2
        unit = Unit(
            filters=width * spec.expansion,
            width=int(width * spec.base_width / 64) * spec.groups,
            stride=2 if halves and dilation == before else 1,
            strided=spec.strided_conv,
            halves=halves,
            dilation=before,
            dilation_after=dilation,
            groups=spec.groups,
            squeezed=_squeezed(spec, width * spec.expansion),
            scale=spec.residual_scale,
            drop=spec.drop_path * number / max(1, len(blocks) - 1),
        )
        found.append((stage, index, unit))
    return found


def _halves(spec, stage, index):
    if spec.strided_block == "first":
        return index == 0 and stage > 2
    return index == spec.depths[stage - 2] - 1 and stage < len(spec.depths) + 1


def _squeezed(spec, filters):
    if spec.se_ratio is None:
        return 0
    return max(8, int(filters * spec.se_ratio + 4) // 8 * 8)  # a multiple of 8, as in timm 1.0.31, layers/squeeze_excite.py


def _shortcut(spec, index, unit, channels):
    """Which function of `blocks.shortcut` leads past a block; None in a plain network."""
    if spec.shortcut == "none":
        return None
    halves = unit.halves
    order = _ORDERS[spec.order]
    if spec.shortcut == "A":
        return shortcut.zero_pad if channels != unit.filters or halves else shortcut.identity
    moved = halves and spec.strided_block == "first"
    first = index == 0 and spec.project_first
    if spec.shortcut == "C" or channels != unit.filters or moved or first:
        return order.pooled_projection if spec.shortcut == "D" else order.projection
    return shortcut.subsample if unit.stride > 1 else shortcut.identity
