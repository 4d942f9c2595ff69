"""Random changes to training images that leave the label true: moves, turns, sizes, light and colour."""

from dataclasses import dataclass

import numpy as np
from PIL import Image


@dataclass(frozen=True)
class Augmentation:
    """How far images are changed; every amount is drawn uniformly from its range. All zero changes nothing.

    Attributes:
        shift: largest move, as a share of the side, in both directions.
        rotation: largest turn, in degrees, either way.
        zoom: the hand is drawn `1 - zoom` to `1 + zoom` times as large.
        brightness: largest change of the mean, as a share of 255.
        contrast: contrast is multiplied by `1 - contrast` to `1 + contrast`.
        colour: each channel is multiplied by `1 - colour` to `1 + colour`.
        erase: side of a grey square laid over a random place, as a share of the side; half of the images get one.
        mirror: whether to turn left hands into right ones. Off where handedness matters.
    """

    shift: float = 0.0
    rotation: float = 0.0
    zoom: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    colour: float = 0.0
    erase: float = 0.0
    mirror: bool = False


def augment(images, augmentation, generator):
    """Changes each image of a batch on its own.

    Args:
        images: uint8 `(N, H, W, 3)`, left as they are.
        augmentation: an `Augmentation`.
        generator: a `numpy.random.Generator`; equal states give equal results.

    Returns:
        uint8 `(N, H, W, 3)`.
    """
    if augmentation == Augmentation():
        return images
    moved = images
    if augmentation.shift or augmentation.rotation or augmentation.zoom:
        moved = np.stack([_move(image, augmentation, generator) for image in images])
    if augmentation.mirror:
        flip = generator.random(len(moved)) < 0.5
        moved = np.where(flip[:, None, None, None], moved[:, :, ::-1], moved)
    changed = _relight(moved, augmentation, generator)
    return _erase(changed, augmentation.erase, generator) if augmentation.erase else changed


def _move(image, augmentation, generator):
    """Rotates about the centre, scales and shifts, in one resampling; outside the image its edge goes on."""
    height, width = image.shape[:2]
    angle = np.deg2rad(generator.uniform(-1, 1) * augmentation.rotation)
    scale = 1 / (1 + generator.uniform(-1, 1) * augmentation.zoom)
    shift_x, shift_y = generator.uniform(-1, 1, 2) * augmentation.shift * (width, height)
    pad = max(height, width) // 2
    padded = Image.fromarray(np.pad(image, ((pad, pad), (pad, pad), (0, 0)), mode="edge"))
    cos, sin = np.cos(angle) * scale, np.sin(angle) * scale
    centre_x, centre_y = width / 2, height / 2
    # Pillow wants the inverse map: where in the padded image each pixel of the result comes from.
    coefficients = (
        cos, -sin, pad + centre_x - cos * (centre_x + shift_x) + sin * (centre_y + shift_y),
        sin, cos, pad + centre_y - sin * (centre_x + shift_x) - cos * (centre_y + shift_y),
    )  # fmt: skip
    return np.asarray(padded.transform((width, height), Image.Transform.AFFINE, coefficients, Image.Resampling.BILINEAR))


def _relight(images, augmentation, generator):
    """Multiplies contrast and channels and adds brightness, in one pass: `gain * (image - mean) + mean + offset`."""
    if not (augmentation.brightness or augmentation.contrast or augmentation.colour):
        return images
    count, channels = images.shape[0], images.shape[3]
    contrast = 1 + generator.uniform(-1, 1, (count, 1, 1, 1)) * augmentation.contrast
    colour = 1 + generator.uniform(-1, 1, (count, 1, 1, channels)) * augmentation.colour
    offset = 255 * generator.uniform(-1, 1, (count, 1, 1, 1)) * augmentation.brightness
    mean = images.mean(axis=(1, 2, 3), keepdims=True)
    changed = (contrast * (images - mean) + mean + offset) * colour
    return np.clip(np.rint(changed), 0, 255).astype("uint8")


def _erase(images, share, generator):
    erased = images.copy()
    height, width = images.shape[1:3]
    side = max(1, round(share * min(height, width)))
    for image in erased:
        top, left = generator.integers(0, height - side + 1), generator.integers(0, width - side + 1)
        if generator.random() < 0.5:
            image[top : top + side, left : left + side] = 127
    return erased
