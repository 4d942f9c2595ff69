"""The numbers of one block, which its function is given beside a tensor and a layer factory."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Unit:
    """One residual block.

    Attributes:
        filters: channels of its output.
        width: filters of the inner convolutions of a bottleneck.
        stride: 1 or 2.
        strided: which convolution of a bottleneck has the stride: 1, the first 1x1 (He et al., Caffe), or 2, the 3x3
            ("v1.5"). A basic block has it in its first convolution.
        halves: whether the block halves the map where nothing is dilated; then ``stride`` is 1 if dilation took its place.
        dilation: of the first 3x3 convolution; ``dilation_after``: of the second, in a basic block.
        groups: of the 3x3 convolution of a bottleneck.
        squeezed: filters of the first layer of squeeze-and-excitation; 0 for none.
        scale: what the sum of branch and shortcut is multiplied by; or ``"learned"``: a scalar that starts at zero and
            multiplies the branch (De and Smith 2020, arXiv:2002.10444; Bachlechner et al. 2020, arXiv:2003.04887).
        drop: the probability, in training, that the branch of an image is left out.
    """

    filters: int
    width: int
    stride: int = 1
    strided: int = 1
    halves: bool = False
    dilation: int = 1
    dilation_after: int = 1
    groups: int = 1
    squeezed: int = 0
    scale: float | str = 1.0
    drop: float = 0.0
