"""What stands before the first block.

Each function takes a tensor, its number of filters, a layer factory, and whether the last convolution is normalised and
activated: in a pre-activation network the first block does that.
"""


def imagenet_stem(x, width, make, activated):
    """A 7x7 convolution of stride 2 and a pool of stride 2: a quarter of the size (He et al. 2015, table 1)."""
    return make.stem_pool(_last(make.conv(x, "1", width, 7, stride=2), "1", make, activated))


def deep_stem(x, width, make, activated):
    """C and D of He et al. 2019 (arXiv:1812.01187), figure 2 b: three 3x3 convolutions in place of the 7x7."""
    for branch, stride in (("1", 2), ("2", 1)):
        x = make.conv(x, branch, width // 2, 3, stride=stride)
        x = make.norm(x, branch)
        x = make.act(x, branch)
    return make.stem_pool(_last(make.conv(x, "3", width, 3), "3", make, activated))


def small_stem(x, width, make, activated):
    """A 3x3 convolution at full size, for images of 32 x 32 (He et al. 2015, section 4.2)."""
    return _last(make.conv(x, "1", width, 3), "1", make, activated)


def _last(x, branch, make, activated):
    return make.act(make.norm(x, branch), branch) if activated else x
