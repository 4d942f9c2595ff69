"""Squeeze-and-excitation (Hu et al. 2018, arXiv:1709.01507): each channel times a weight read off the means of all of them."""


def squeeze_and_excitation(x, squeezed, make):
    """`(N, H, W, C)` to the same shape: mean, 1x1 convolution to ``squeezed``, ReLU, 1x1 back to C, sigmoid, product."""
    weights = make.mean(x, "gate")
    weights = make.gate_conv(weights, "gate1", squeezed, "relu")
    weights = make.gate_conv(weights, "gate2", make.channels(x), "sigmoid")
    return make.multiply(x, weights, "gate")
