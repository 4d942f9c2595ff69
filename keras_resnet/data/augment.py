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
    color: float = 0.0
    erase: float = 0.0
    mirror: bool = False


def augment(images, augmentation, generator, first=0, count=None):
    """Changes each image of a batch on its own.

    Args:
        images: uint8 `(N, H, W, 3)`, left as they are.
        augmentation: an `Augmentation`.
        generator: a `numpy.random.Generator`; equal states give equal results.
        first, count: where only a part of a batch is at hand, the number of its first image in that batch and the size of the
            batch: what comes out is that part of the whole batch, changed.

    Returns:
        uint8 `(N, H, W, 3)`.
    """
    if augmentation == Augmentation():
        return images
    count = len(images) if count is None else count
    mine = slice(first, first + len(images))  # numbers are drawn for all images of the batch, and used for these
    moved = images
    if augmentation.shift or augmentation.rotation or augmentation.zoom:
        draws = generator.uniform(-1, 1, (count, 4))[mine]
        moved = _move(images, augmentation, draws)
    if augmentation.mirror:
        flip = generator.random(count)[mine] < 0.5
        moved = np.where(flip[:, None, None, None], moved[:, :, ::-1], moved)
    changed = _relight(moved, augmentation, generator, mine, count)
    return _erase(changed, augmentation.erase, generator, mine) if augmentation.erase else changed


def _move(images, augmentation, draws):
    """Rotates about the centre, scales and shifts, in one resampling; outside the image its edge goes on.

    Args:
        images: uint8 `(N, H, W, 3)`.
        augmentation: an `Augmentation`.
        draws: `(N, 4)` from -1 to 1, for the turn, the size, and the shift in x and y.
    """
    height, width = images.shape[1:3]
    pad, size = max(height, width) // 2, (width, height)
    moved = np.empty_like(images)
    widened = np.pad(images, ((0, 0), (pad, pad), (pad, pad), (0, 0)), mode="edge")
    for result, padded, drawn in zip(moved, widened, draws, strict=True):
        inverse = _inverse_map(size, pad, augmentation, drawn)
        picture = Image.fromarray(padded).transform(size, Image.Transform.AFFINE, inverse, Image.Resampling.BILINEAR)
        result[:] = np.asarray(picture)
    return moved


def _inverse_map(size, pad, augmentation, drawn):
    """What Pillow wants: where in the padded image each pixel of the result comes from, as the six numbers of an affine map."""
    width, height = size
    angle = np.deg2rad(drawn[0] * augmentation.rotation)
    scale = 1 / (1 + drawn[1] * augmentation.zoom)
    shift_x, shift_y = drawn[2:] * augmentation.shift * size
    cos, sin = np.cos(angle) * scale, np.sin(angle) * scale
    center_x, center_y = width / 2, height / 2
    return (
        cos, -sin, pad + center_x - cos * (center_x + shift_x) + sin * (center_y + shift_y),
        sin, cos, pad + center_y - sin * (center_x + shift_x) - cos * (center_y + shift_y),
    )  # fmt: skip


def _relight(images, augmentation, generator, mine, count):
    """Multiplies contrast and channels and adds brightness, at once: `(contrast * (image - mean) + mean + offset) * colour`."""
    if not (augmentation.brightness or augmentation.contrast or augmentation.color):
        return images
    channels = images.shape[3]
    contrast = 1 + generator.uniform(-1, 1, (count, 1, 1, 1))[mine] * augmentation.contrast
    color = 1 + generator.uniform(-1, 1, (count, 1, 1, channels))[mine] * augmentation.color
    offset = 255 * generator.uniform(-1, 1, (count, 1, 1, 1))[mine] * augmentation.brightness
    mean = images.mean(axis=(1, 2, 3), keepdims=True)
    # Rows of W * C numbers, not of C at each pixel: NumPy is slow at loops over three.
    rows = images.reshape(*images.shape[:2], -1)
    gain, shift = (np.tile(each * color, images.shape[2])[..., 0, :] for each in (contrast, (1 - contrast) * mean + offset))
    changed = rows * gain + shift
    return np.clip(np.rint(changed, out=changed), 0, 255, out=changed).astype("uint8").reshape(images.shape)


def _erase(images, share, generator, mine):
    erased = images.copy()
    height, width = images.shape[1:3]
    side = max(1, round(share * min(height, width)))
    for number in range(mine.stop):
        top, left = generator.integers(0, height - side + 1), generator.integers(0, width - side + 1)
        if generator.random() < 0.5 and number >= mine.start:
            image = erased[number - mine.start]
            image[top : top + side, left : left + side] = 127
    return erased
