"""Blocks whose convolutions are followed by normalisation and activation (He et al. 2015, arXiv:1512.03385, figure 5).

Every function takes a tensor, a `Unit`, a layer factory, the shortcut (a function of this package's `shortcut`, or None in a
plain network) and ``join``, which says how branch and shortcut meet.
"""


def basic_block(x, unit, make, shortcut, join):
    """Two 3x3 convolutions."""
    y = make.conv(x, "1", unit.filters, 3, stride=unit.stride, dilation=unit.dilation)
    y = make.norm(y, "1")
    y = make.act(y, "1")

    y = make.conv(y, "2", unit.filters, 3, dilation=unit.dilation_after)
    y = make.norm(y, "2", last=True)

    return join(y, shortcut and shortcut(x, unit, make), unit, make)


def bottleneck_block(x, unit, make, shortcut, join):
    """A 1x1 convolution that narrows, a 3x3, a 1x1 that widens again."""
    strides = (unit.stride, 1) if unit.strided == 1 else (1, unit.stride)

    y = make.conv(x, "1", unit.width, 1, stride=strides[0])
    y = make.norm(y, "1")
    y = make.act(y, "1")

    y = make.conv(y, "2", unit.width, 3, stride=strides[1], dilation=unit.dilation, groups=unit.groups)
    y = make.norm(y, "2")
    y = make.act(y, "2")

    y = make.conv(y, "3", unit.filters, 1)
    y = make.norm(y, "3", last=True)

    return join(y, shortcut and shortcut(x, unit, make), unit, make)
