"""Hand signs for the numbers 0 to 5, drawn: an image set that needs no download.

In the style of the SIGNS photographs: one hand before a mostly light wall, 64 x 64 RGB. Everything else is left to
chance: which hand, palm or back, skin, light, wall, sleeve, turn, size, place, view, focus, colour cast and noise. The
hand is modelled in `hand`; here it is put before a camera, lit, drawn at three times the size, and reduced with Pillow.

An image depends on nothing but its digit, seed, split and number, so the same seed gives the same bytes.
"""

import colorsys
from os import PathLike
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from keras_resnet.data import hand
from keras_resnet.data.sets import SignsSet
from keras_resnet.errors import DataError

CLASS_NAMES = ("0", "1", "2", "3", "4", "5")

_OVERSAMPLING = 3

# Skin under white light, very light to very dark, RGB 0 to 255; chosen by eye. A hand lies anywhere between two rows.
_SKIN = np.array(
    [
        (247, 212, 192), (236, 191, 163), (219, 168, 135), (197, 142, 106),
        (166, 112, 79), (131, 84, 58), (97, 61, 44), (70, 45, 35),
    ]
) / 255.0  # fmt: skip


class _Light(NamedTuple):
    toward: np.ndarray  # unit vector to the light: right, down, to the viewer
    ambient: float  # share of the light that comes from everywhere
    tint: np.ndarray  # factors of red, green and blue


def make_synthetic(
    path: str | PathLike, *, seed: int = 0, size: int = 64, train_images: int = 1080, test_images: int = 120
) -> SignsSet:
    """Draws the set and writes it to a folder in the SIGNS layout; the same arguments give the same bytes.

    Args:
        path: the folder; it is made where it is missing, and an older set in it is replaced.
        seed: a whole number, 0 or more.
        size: height and width of the images in pixels, 16 or more.
        train_images: number of training images, 6 or more, spread evenly over the six classes.
        test_images: the same for the test images.

    Returns:
        The `SignsSet` written, its classes named "0" to "5".

    Raises:
        DataError: for a number out of these ranges, or a folder that cannot be written.
    """
    from keras_resnet.data.signs import write_signs

    train, test = synthetic_splits(seed, size=size, train_images=train_images, test_images=test_images)
    return write_signs(path, train, test, CLASS_NAMES)


def synthetic_splits(seed=0, *, size=64, train_images=1080, test_images=120):
    """Draws the set in memory; arguments and errors as in `make_synthetic`.

    Returns:
        `(train, test)`, two `Split` of images uint8 `(N, size, size, 3)`, RGB, and labels int64 `(N,)`, 0 to 5. Classes
        are as equal as N allows and in random order; every image is drawn independently of all others.
    """
    from keras_resnet.data.signs import Split

    _check_counts(seed, size, train_images, test_images)
    return tuple(Split(*_draw_split(seed, part, count, size)[:2]) for part, count in enumerate((train_images, test_images)))


def synthetic_masks(
    seed: int = 0, *, size: int = 64, train_images: int = 1080, test_images: int = 120
) -> tuple[np.ndarray, np.ndarray]:
    """Where the hand is in each image of `synthetic_splits` of the same arguments: the pixels that show the sign.

    Returns:
        `(train, test)`, bool `(N, size, size)`: the hand from the wrist on, without forearm, sleeve and shadow. A pixel that it
        covers in part counts where it covers the half.

    Raises:
        DataError: as `make_synthetic`.
    """
    _check_counts(seed, size, train_images, test_images)
    return tuple(_draw_split(seed, part, count, size)[2] for part, count in enumerate((train_images, test_images)))


def _check_counts(seed, size, train_images, test_images):
    least = len(CLASS_NAMES)
    for name, value, lowest in (
        ("seed", seed, 0),
        ("size", size, 16),
        ("train_images", train_images, least),
        ("test_images", test_images, least),
    ):
        if not isinstance(value, (int, np.integer)) or value < lowest:
            raise DataError(f"The synthetic set has {name}={value!r}; expected a whole number, {lowest} or more.")


def _draw_split(seed, part, count, size):
    labels = np.random.default_rng([seed, part, 0]).permutation(np.arange(count, dtype=np.int64) % len(CLASS_NAMES))
    drawn = [draw_with_mask(label, np.random.default_rng([seed, part, 1 + i]), size) for i, label in enumerate(labels)]
    images, masks = zip(*drawn, strict=True)
    return np.stack(images), labels, np.stack(masks)


def draw_hand_sign(digit, generator, size=64):
    """Draws one hand that shows ``digit``.

    Args:
        digit: 0 to 5, the number of fingers held out.
        generator: a `numpy.random.Generator`; all that varies is drawn from it.
        size: height and width of the image in pixels, 16 or more.

    Returns:
        uint8 `(size, size, 3)`, RGB, 0 to 255.

    Raises:
        DataError: for another digit or a smaller size.
    """
    return draw_with_mask(digit, generator, size)[0]


def draw_with_mask(digit, generator, size=64):
    """The image of `draw_hand_sign`, and where the hand is in it, as `synthetic_masks` has it: bool `(size, size)`."""
    if digit not in hand.SIGNS:
        raise DataError(f"Cannot draw a hand sign for {digit!r}; expected a whole number from 0 to 5.")
    if size < 16:
        raise DataError(f"Cannot draw a hand sign of size {size}; expected 16 pixels or more.")
    pose = hand.sample_pose(digit, generator)
    side = size * _OVERSAMPLING
    camera = _camera(pose, generator, side)
    light = _light(generator)
    skin = _skin(generator, pose)
    wall = _wall(generator, size, skin).resize((side, side), Image.Resampling.BILINEAR)
    mask, color, shown = _lit_hand(pose, camera, light, skin, generator, side)
    scene = np.asarray(wall, np.float32) * (_shadow(mask, light, generator, side) / 255)[..., None]
    scene[mask] = color
    scene *= light.tint
    return _photograph(scene, generator, size), _reduced(shown, size)


def _reduced(shown, size):
    """A mask of the oversampled frame as one of the image: where at least half of a pixel is covered."""
    return shown.reshape(size, _OVERSAMPLING, size, _OVERSAMPLING).mean(axis=(1, 3)) >= 0.5


def _camera(pose, generator, side):
    """The 3 x 3 homography from hand coordinates to the pixels of a frame of ``side``: turned, tilted and fitted in."""
    angle = np.deg2rad(generator.uniform(-22, 22))
    stretch, skew = generator.uniform(0.92, 1.06), generator.uniform(-0.06, 0.06)
    tilt = generator.uniform(-0.07, 0.07, size=2)
    flip = -1.0 if pose.mirrored else 1.0
    center = np.array([[1, 0, 0], [0, -1, 0.8], [0, 0, 1]])
    shape = np.array([[flip * stretch, skew, 0], [0, 1, 0], [0, 0, 1]])
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    view = np.array([[1, 0, 0], [0, 1, 0], [*tilt, 1]]) @ turn @ shape @ center
    circles = hand.extent(pose)
    points = _project(view, circles[:, :2])
    low, high = (points - circles[:, 2:]).min(axis=0), (points + circles[:, 2:]).max(axis=0)
    scale = min(generator.uniform(0.78, 0.90) / (high - low).max(), 0.42)
    slack = 1 - scale * (high - low)
    move = slack * generator.uniform(0.15, 0.85, size=2) - scale * low
    return np.array([[scale, 0, move[0]], [0, scale, move[1]], [0, 0, 1 / side]]) @ view


def _project(matrix, points):
    """Applies a homography to points `(n, 2)`."""
    mapped = np.column_stack([points, np.ones(len(points))]) @ matrix.T
    return mapped[:, :2] / mapped[:, 2:]


def _light(generator):
    azimuth, height = np.deg2rad(generator.uniform(-110, 110)), np.deg2rad(generator.uniform(38, 68))
    across = np.cos(height)
    toward = np.array([across * np.sin(azimuth), -across * np.cos(azimuth), np.sin(height)])
    tint = 1 + np.array([1.0, 0.1, -1.0]) * generator.normal(0, 0.035) + generator.normal(0, 0.012, size=3)
    return _Light(toward, generator.uniform(0.35, 0.6), (tint * generator.uniform(0.86, 1.06)).astype(np.float32))


def _skin(generator, pose):
    place = generator.uniform(0, len(_SKIN) - 1)
    first = min(int(place), len(_SKIN) - 2)
    color = _SKIN[first] + (place - first) * (_SKIN[first + 1] - _SKIN[first])
    if pose.palm:
        color = color + 0.30 * max(0.0, 0.62 - color.mean()) * np.array([1.25, 0.95, 0.8])  # palms are the lighter side
    return (color * generator.normal(1, 0.02, size=3)).clip(0.05, 1)


def _wall_color(generator, skin):
    """A colour for the wall, RGB 0 to 1, mostly light, that the skin stands out from."""
    for _ in range(50):
        if generator.random() < 0.8:
            hue, strength, value = generator.random(), generator.uniform(0, 0.07), generator.uniform(0.74, 0.97)
        else:
            hue, strength, value = generator.random(), generator.uniform(0.05, 0.4), generator.uniform(0.15, 0.6)
        color = np.array(colorsys.hsv_to_rgb(hue, strength, value))
        if np.linalg.norm(color - 0.9 * skin) > 0.42:
            break
    return color


def _wall(generator, size, skin):
    """The background as a Pillow image: a wall, plain or with stripes or things on it, out of focus."""
    color = _wall_color(generator, skin)
    image = Image.new("RGB", (size, size), _rgb(color))
    draw = ImageDraw.Draw(image)
    kind = generator.choice(["plain", "things", "stripes"], p=[0.6, 0.28, 0.12])
    if kind == "things":
        for _ in range(generator.integers(1, 4)):
            corner, extent = generator.uniform(-0.2, 0.9, size=2) * size, generator.uniform(0.15, 0.8, size=2) * size
            other = 0.65 * color + 0.35 * _wall_color(generator, skin)
            form = draw.rectangle if generator.random() < 0.7 else draw.ellipse
            form([*corner, *(corner + extent)], fill=_rgb(other))
    elif kind == "stripes":
        step, lean = generator.uniform(0.08, 0.25) * size, generator.uniform(-0.5, 0.5) * size
        other = _rgb(color * generator.uniform(0.86, 0.94))
        for start in np.arange(-size, 2 * size, 2 * step):
            draw.polygon([(start, 0), (start + step, 0), (start + step + lean, size), (start + lean, size)], fill=other)
    image = image.filter(ImageFilter.GaussianBlur(generator.uniform(0.4, 2.5) * size / 64))
    across, down = np.meshgrid(*[np.linspace(-1, 1, size)] * 2)
    slope = generator.normal(0, 0.08, size=2)
    shade = 1 + slope[0] * across + slope[1] * down - generator.uniform(0, 0.12) * (across**2 + down**2)
    grain = _clouds(generator, size, int(generator.integers(3, 24))) * generator.uniform(0, 0.025)
    return Image.fromarray((np.asarray(image) * (shade + grain)[..., None]).clip(0, 255).astype(np.uint8))


def _rgb(color):
    return tuple(int(value) for value in (255 * np.asarray(color)).clip(0, 255))


def _clouds(generator, side, cells):
    """Smooth noise about 0, of about unit size: float32 `(side, side)`."""
    coarse = generator.normal(size=(cells, cells)).astype(np.float32)
    return np.asarray(Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC))


def _lit_hand(pose, camera, light, skin, generator, side):
    """The hand and its sleeve under the light.

    Returns:
        `(mask, color, shown)`: where they are, boolean `(side, side)`; the colours there, RGB float32 `(n, 3)`; and where the
        hand itself is, from the wrist on, boolean `(side, side)`.
    """
    down, across = np.mgrid[:side, :side].astype(np.float32) + np.float32(0.5)
    inverse = np.linalg.inv(camera).astype(np.float32)
    x, y, depth = (row[0] * across + row[1] * down + row[2] for row in inverse)
    x, y = x / depth, y / depth
    height, covered = hand.relief(pose, x, y)
    over = np.zeros_like(height)
    if generator.random() < 0.4:
        over = hand.sleeve(pose, x, y, generator.uniform(-0.30, -0.02))
    dressed, height = over > height, np.maximum(height, over)
    mask = height > 0
    pixels = np.float32(np.sqrt(abs(np.linalg.det(camera[:2, :2]))) * side)
    box = np.ix_(*[np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0)])
    shade = _shade(height[box] * pixels, light, side)[mask[box]][:, None]
    albedo = _skin_colors(pose, camera, skin, covered, mask, generator)
    cloth = colorsys.hsv_to_rgb(generator.random(), generator.uniform(0, 0.6), generator.uniform(0.1, 0.8))
    albedo[dressed[mask]] = cloth
    warm = np.array([0.15, -0.05, -0.15], np.float32)  # light that comes out of skin in the shade is red
    return mask, albedo * shade * (1 + (1 - shade) * warm), mask & ~dressed & (y > 0)


def _skin_colors(pose, camera, skin, covered, mask, generator):
    """The skin under the mask, uneven and with creases and nails: RGB float32 `(n, 3)`."""
    side = len(mask)
    crease, nail = Image.new("L", (side, side), 0), Image.new("L", (side, side), 0)
    for line in hand.creases(pose):
        points = [tuple(point) for point in _project(camera, np.array(line))]
        ImageDraw.Draw(crease).line(points, fill=255, width=_OVERSAMPLING - 1)
    for outline in hand.nails(pose):
        ImageDraw.Draw(nail).polygon([tuple(point) for point in _project(camera, outline)], fill=255)
    crease = (np.asarray(crease) * ~covered)[mask] * np.float32(generator.uniform(0.05, 0.15) / 255)
    nail = np.asarray(nail)[mask][:, None] * np.float32(0.8 / 255)
    polish = 0.75 * skin + 0.25 * np.array([1.0, 0.80, 0.78])
    if generator.random() < 0.08:
        polish = np.array([generator.uniform(0.3, 0.8), 0.05, generator.uniform(0.05, 0.4)])
    red = _clouds(generator, side, 6)[mask][:, None] * np.array([0.01, -0.015, -0.012], np.float32)
    uneven = (1 + np.float32(0.02) * _clouds(generator, side, 9)[mask]) * (1 - crease)
    base = skin.astype(np.float32) * (red + uneven[:, None])
    return base + nail * (polish.astype(np.float32) - base)


def _moved(field, down, right):
    """``field`` moved by whole pixels; what comes in repeats the edge."""
    rows, columns = (np.arange(length) for length in field.shape)
    rows, columns = (rows - round(down)).clip(0, rows[-1]), (columns - round(right)).clip(0, columns[-1])
    return field[rows][:, columns]


def _soften(field, times):
    """A binomial blur of ``times`` passes."""
    for _ in range(times):
        field = np.pad(field, 1, mode="edge")
        field = field[:-2] + 2 * field[1:-1] + field[2:]
        field = (field[:, :-2] + 2 * field[:, 1:-1] + field[:, 2:]) / 16
    return field


def _shade(height, light, side):
    """How bright a relief is, about 1 where it is flat and free, float32 like ``height``, which is in pixels."""
    smooth = _soften(height, 2)
    slope_down, slope_across = np.gradient(smooth)
    toward = light.toward.astype(np.float32)
    facing = toward[2] - toward[0] * slope_across - toward[1] * slope_down
    direct = facing / np.sqrt(1 + slope_across**2 + slope_down**2)
    direct = direct.clip(0, None)
    hidden = np.zeros_like(height)
    for step in (0.015, 0.03, 0.05):  # what stands higher toward the light throws a shadow
        reach = step * side
        blocker = _moved(smooth, -toward[1] * reach, -toward[0] * reach) - reach * toward[2]
        hidden = np.maximum(hidden, ((blocker - smooth) / (0.02 * side)).clip(0, 1))
    lit = direct * (1 - 0.75 * _soften(hidden, 2)) / toward[2]
    unit = side / 400  # a height of 0.64 of the side fills a byte
    around = Image.fromarray((smooth / unit).clip(0, 255).astype(np.uint8)).filter(ImageFilter.BoxBlur(side / 40))
    cavity = ((np.asarray(around, np.float32) * unit - smooth) / (0.06 * side)).clip(0, 0.5)
    gloss = ((direct - 0.93) / 0.07).clip(0, 1) ** 2 * 0.06
    return (light.ambient + (1 - light.ambient) * lit.clip(0, 1.25)) * (1 - cavity) + gloss


def _shadow(mask, light, generator, side):
    """The factor by which the hand darkens the wall: float32 `(side, side)`."""
    reach = generator.uniform(0.02, 0.10) * side
    moved = _moved(mask, -light.toward[1] * reach, -light.toward[0] * reach)
    moved = Image.fromarray(moved.astype(np.uint8) * 255)
    soft = np.asarray(moved.filter(ImageFilter.BoxBlur(generator.uniform(0.01, 0.05) * side)), np.float32)
    return 1 - soft * np.float32(generator.uniform(0, 0.45) / 255)


def _photograph(scene, generator, size):
    """What a small camera makes of the scene: focus, tone, coarse colour and noise; uint8 `(size, size, 3)`."""
    image = Image.fromarray((scene * 255).clip(0, 255).astype(np.uint8)).reduce(_OVERSAMPLING)
    image = image.filter(ImageFilter.GaussianBlur(generator.uniform(0, 0.55) * size / 64))
    brightness, *hues = image.convert("YCbCr").split()
    half = (max(size // 2, 1),) * 2  # a JPEG file keeps colour at half the resolution
    hues = [hue.resize(half, Image.Resampling.BOX).resize((size, size), Image.Resampling.BILINEAR) for hue in hues]
    pixels = np.asarray(Image.merge("YCbCr", (brightness, *hues)).convert("RGB"), np.float32)
    contrast = generator.uniform(0.88, 1.1)
    pixels = (pixels - 128) * contrast + 128 + generator.uniform(-8, 8)
    noise = generator.normal(size=(size, size, 1)) + 0.5 * generator.normal(size=(size, size, 3))
    return (pixels + noise * generator.uniform(0.5, 2.5)).clip(0, 255).round().astype(np.uint8)
