"""Shortcuts, and how a branch and its shortcut meet.

The letters are those of He et al. 2015, section 4.1, and of He et al. 2019 (arXiv:1812.01187) for D.
"""

from keras_resnet.blocks.gate import squeeze_and_excitation


def identity(x, unit, make):
    """The input itself."""
    return x


def subsample(x, unit, make):
    """Every second pixel, where only the size of the map changes."""
    return make.subsample(x, "0", unit.stride)


def zero_pad(x, unit, make):
    """Option A: every second pixel, and zeros for the channels that are new. No parameters."""
    if unit.stride > 1:
        x = make.subsample(x, "0", unit.stride)
    return make.pad_channels(x, unit.filters)


def projection(x, unit, make):
    """Options B and C: a 1x1 convolution and a normalisation."""
    return make.norm(bare_projection(x, unit, make), "0")


def bare_projection(x, unit, make):
    """A 1x1 convolution alone: in pre-activation blocks, whose input is normalised already."""
    return make.conv(x, "0", unit.filters, 1, stride=unit.stride)


def pooled_projection(x, unit, make):
    """Option D: the mean of 2 x 2 pixels, then a 1x1 convolution that looks at all of them, and a normalisation."""
    return make.norm(bare_pooled_projection(x, unit, make), "0")


def bare_pooled_projection(x, unit, make):
    """Option D in a pre-activation block."""
    if unit.halves:
        x = make.average_pool(x, "0", unit.stride)
    return make.conv(x, "0", unit.filters, 1)


def add_then_activate(branch, shortcut, unit, make):
    """He et al. 2015: the sum passes through the ReLU."""
    return make.act(_add(_close(branch, unit, make), shortcut, unit, make), "out")


def activate_then_add(branch, shortcut, unit, make):
    """ "ReLU before addition" of He et al. 2016 (arXiv:1603.05027), figure 4 c: the branch can only add."""
    return _add(_close(make.act(branch, "out"), unit, make), shortcut, unit, make)


def add(branch, shortcut, unit, make):
    """Pre-activation: nothing after the sum."""
    return _add(_close(branch, unit, make), shortcut, unit, make)


def _close(branch, unit, make):
    if unit.squeezed:
        branch = squeeze_and_excitation(branch, unit.squeezed, make)
    if unit.scale == "learned":
        branch = make.learned_scale(branch, "out")
    return make.drop(branch, "out", unit.drop) if unit.drop else branch


def _add(branch, shortcut, unit, make):
    if shortcut is None:  # a plain network
        return branch
    total = make.add(branch, shortcut, "out")
    return total if unit.scale in (1, "learned") else make.rescale(total, "out", unit.scale)
