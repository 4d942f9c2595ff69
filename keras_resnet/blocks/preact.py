"""Blocks whose convolutions follow normalisation and activation (He et al. 2016, arXiv:1603.05027, figure 4 e).

A shortcut with weights takes the activated input, as the branch does; one without takes the input as it came, so that the
signal passes from the first block to the last unchanged.
"""

from keras_resnet.blocks.shortcut import bare_pooled_projection, bare_projection

_WEIGHTED = (bare_projection, bare_pooled_projection)


def preact_basic_block(x, unit, make, shortcut, join):
    """Two 3x3 convolutions."""
    active = make.act(make.norm(x, "pre"), "pre")

    y = make.conv(active, "1", unit.filters, 3, stride=unit.stride, dilation=unit.dilation)
    y = make.norm(y, "1")
    y = make.act(y, "1")

    y = make.conv(y, "2", unit.filters, 3, dilation=unit.dilation_after)

    return join(y, shortcut and shortcut(active if shortcut in _WEIGHTED else x, unit, make), unit, make)


def preact_bottleneck_block(x, unit, make, shortcut, join):
    """A 1x1 convolution that narrows, a 3x3, a 1x1 that widens again."""
    strides = (unit.stride, 1) if unit.strided == 1 else (1, unit.stride)
    active = make.act(make.norm(x, "pre"), "pre")

    y = make.conv(active, "1", unit.width, 1, stride=strides[0])
    y = make.norm(y, "1")
    y = make.act(y, "1")

    y = make.conv(y, "2", unit.width, 3, stride=strides[1], dilation=unit.dilation, groups=unit.groups)
    y = make.norm(y, "2")
    y = make.act(y, "2")

    y = make.conv(y, "3", unit.filters, 1)

    return join(y, shortcut and shortcut(active if shortcut in _WEIGHTED else x, unit, make), unit, make)
