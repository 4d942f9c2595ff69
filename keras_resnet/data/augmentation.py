"""How training images may be changed at random, as plain values: what a recipe says of it. Loads nothing."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Augmentation:
    """How far images are changed; every amount is drawn uniformly from its range. All zero changes nothing.

    Attributes:
        shift: largest move, as a share of the side, in both directions.
        rotation: largest turn, in degrees, either way.
        zoom: the hand is drawn `1 - zoom` to `1 + zoom` times as large.
        brightness: largest change of the mean, as a share of 255.
        contrast: contrast is multiplied by `1 - contrast` to `1 + contrast`.
        color: each channel is multiplied by `1 - color` to `1 + color`.
        erase: side of a grey square laid over a random place, as a share of the side; half of the images get one.
        mirror: whether to turn left hands into right ones. Off where handedness matters.
    """

    shift: float = 0.0
    rotation: float = 0.0
    zoom: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    color: float = 0.0
    erase: float = 0.0
    mirror: bool = False
