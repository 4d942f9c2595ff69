"""What makes a network: every choice that changes a number is a field."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ModelSpec:
    """A residual network of bottleneck blocks.

    Attributes:
        name: its name in the catalogue.
        depths: blocks in each stage, the first stage being stage 2.
        widths: filters of the narrow convolutions in each stage; a stage's output has four times as many.
        stem_width: filters of the 7x7 convolution.
    """

    name: str
    depths: tuple
    widths: tuple
    stem_width: int = 64
