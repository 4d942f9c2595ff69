"""One hand showing a number: a pose drawn at random, its bones, and the relief that the bones make.

Coordinates are those of the hand: the origin is the middle of the wrist, `y` points to the fingers, the thumb lies at
negative `x`, and the palm is 1 unit wide. All proportions are chosen by eye, after photographs of hands held up to a
camera.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

THUMB, INDEX, MIDDLE, RING, LITTLE = range(5)

# digit -> the ways to show it, as (share, fingers held out); everything else is folded.
SIGNS = {
    0: ((1.0, ()),),
    1: ((1.0, (INDEX,)),),
    2: ((1.0, (INDEX, MIDDLE)),),
    3: ((0.7, (INDEX, MIDDLE, RING)), (0.3, (THUMB, INDEX, MIDDLE))),
    4: ((1.0, (INDEX, MIDDLE, RING, LITTLE)),),
    5: ((1.0, (THUMB, INDEX, MIDDLE, RING, LITTLE)),),
}

# finger -> x and y of its base, length, radius, and degrees that it leans away from the middle of the hand.
FINGERS = {
    INDEX: (-0.345, 1.02, 0.84, 0.118, -15.0),
    MIDDLE: (-0.115, 1.09, 0.94, 0.122, -4.0),
    RING: (0.120, 1.06, 0.87, 0.116, 7.0),
    LITTLE: (0.335, 0.94, 0.68, 0.101, 19.0),
}

_FOREARM = 2.2  # long enough to leave the frame
_PHALANXES = (0.47, 0.29, 0.24)  # shares of a finger's length, base to tip
_TAPER = (1.0, 1.0, 0.93, 0.76)  # shares of a finger's radius at the base, the two joints and the tip


@dataclass(frozen=True)
class Pose:
    """How one hand is held. Angles in degrees, lengths in palm widths.

    Attributes:
        digit: the number shown, 0 to 5.
        out: the fingers held out, a tuple of `THUMB` to `LITTLE`.
        palm: whether the palm, rather than the back, faces the viewer.
        mirrored: whether the thumb is to the right in the picture.
        lean: five added angles at the base of the fingers, thumb first.
        bend: five angles by which each joint turns on sideways.
        length: five factors of the fingers' lengths.
        thickness: a factor of all the fingers' radii.
        spread: a factor of the angles between the fingers.
        wrist: the angle between the forearm and the hand.
    """

    digit: int
    out: tuple
    palm: bool
    mirrored: bool
    lean: tuple
    bend: tuple
    length: tuple
    thickness: float
    spread: float
    wrist: float

    @property
    def folded(self):
        """The folded fingers, a tuple; the thumb is never among them."""
        return tuple(finger for finger in FINGERS if finger not in self.out)


class Bone(NamedTuple):
    """A round bar from `start` to `end`, each `(x, y, height)`, with its two radii."""

    start: tuple
    end: tuple
    first: float
    last: float


class Limb(NamedTuple):
    """Bones end to end, and how far they melt into the limbs before them: the width of the web of skin."""

    bones: list
    melt: float


def sample_pose(digit, generator):
    """A pose that shows ``digit`` (0 to 5), drawn from ``generator``, a `numpy.random.Generator`."""
    ways = SIGNS[digit]
    out = ways[generator.choice(len(ways), p=[share for share, _ in ways])][1]
    normal = generator.normal(size=(3, 5)).clip(-2, 2)
    return Pose(
        digit=digit,
        out=out,
        palm=bool(generator.random() < 0.65),
        mirrored=bool(generator.random() < 0.5),
        lean=tuple(1.1 * normal[0]),
        bend=tuple(1.0 * normal[1]),
        length=tuple(1 + 0.03 * normal[2]),
        thickness=generator.uniform(0.98, 1.14),
        spread=generator.uniform(1.1, 1.4),
        wrist=generator.uniform(-14, 14),
    )


def _along(start, degrees, length):
    """The point ``length`` away from ``start``, ``degrees`` clockwise of upwards."""
    angle = np.deg2rad(degrees)
    return start[0] + length * np.sin(angle), start[1] + length * np.cos(angle)


def finger_line(pose, finger):
    """Base, two joints and tip of a finger held out, four `(x, y)`."""
    x, y, length, _, lean = FINGERS[finger]
    angle = lean * pose.spread + pose.lean[finger]
    points = [(x, y)]
    for share in _PHALANXES:
        points.append(_along(points[-1], angle, share * length * pose.length[finger]))
        angle += pose.bend[finger]
    return points


def thumb_line(pose):
    """Root, two joints and tip of the thumb, four `(x, y)`."""
    if THUMB in pose.out:
        angle = -47.0 + 3 * pose.lean[THUMB]
        middle = (-0.44, 0.47)
        joint = _along(middle, angle, 0.39 * pose.length[THUMB])
        return [(-0.20, 0.16), middle, joint, _along(joint, angle + 8 + 3 * pose.bend[THUMB], 0.29)]
    if not pose.palm:
        return [(-0.20, 0.16), (-0.39, 0.42), (-0.43, 0.62), (-0.36, 0.76)]
    # The thumb holds down the nearest folded finger, or lies across the palm.
    tip = {0: (0.02, 0.74), 1: (0.03, 0.72), 2: (0.15, 0.74), 3: (0.25, 0.72), 4: (0.10, 0.74)}[pose.digit]
    tip = tip[0] + 0.02 * pose.lean[THUMB], tip[1] + 0.02 * pose.bend[THUMB]
    middle = (-0.42, 0.44)
    joint = (0.5 * (tip[0] + middle[0]), 0.5 * (tip[1] + middle[1]) + 0.07)
    return [(-0.20, 0.16), middle, joint, tip]


def _chain(points, radii, heights):
    ends = [(*point, height) for point, height in zip(points, heights, strict=True)]
    return [Bone(*pair, *radius) for pair, radius in zip(pairwise(ends), pairwise(radii), strict=True)]


def _palm(pose):
    """Forearm and palm: broad limbs that melt into one another."""
    elbow = _along((0, -0.05), 180 + pose.wrist, _FOREARM)
    limbs = [Limb(_chain([(0, 0.20), (0, -0.05), elbow], (0.34, 0.29, 0.42), (0, -0.03, -0.03)), 0.0)]
    for x, y, _, _, _ in FINGERS.values():
        limbs.append(Limb([Bone((0.5 * x, 0.22, 0.0), (0.87 * x, y - 0.20, 0.0), 0.22, 0.19)], 0.12))
    pad = 0.05 if pose.palm else 0.0
    limbs.append(Limb([Bone((-0.16, 0.20, pad), (*thumb_line(pose)[1], pad), 0.22, 0.155)], 0.20))
    limbs.append(Limb([Bone((0.20, 0.18, pad), (0.31, 0.50, pad), 0.19, 0.15)], 0.16))
    return limbs


def _folded(pose, finger):
    """A folded finger: seen from the palm it comes down from the knuckle, seen from the back it bends away."""
    x, y, _, radius, _ = FINGERS[finger]
    radius *= pose.thickness
    if not pose.palm:
        ends = [(0.88 * x, y - 0.25), (0.92 * x, y - 0.05), (0.92 * x, y + 0.07)]
        return Limb(_chain(ends, (0.9 * radius, 1.15 * radius, 1.1 * radius), (0.0, 0.06, -0.02)), 0.07)
    x, top = 0.90 * x + 0.004 * pose.lean[finger], y + 0.01 * pose.bend[finger]
    ends = [(x, top), (0.92 * x, top - 0.22), (0.84 * x, top - 0.36)]
    return Limb(_chain(ends, [radius * share for share in (1.14, 1.1, 0.85)], (0.10, 0.20, 0.08)), 0.0)


def skeleton(pose):
    """The limbs of a hand in layers, back to front, a list of lists of `Limb`.

    Limbs of one layer melt into one another as under one skin; a layer in front lies on the others with a crease.
    """
    body, front = _palm(pose), []
    for finger in FINGERS:
        if finger in pose.out:
            radii = [FINGERS[finger][3] * pose.thickness * share for share in _TAPER]
            body.append(Limb(_chain(finger_line(pose, finger), radii, (0.03, 0.05, 0.04, 0.02)), 0.07))
        elif pose.palm:
            front.append([_folded(pose, finger)])
        else:
            body.append(_folded(pose, finger))
    radii = [radius * pose.thickness for radius in (0.15, 0.135, 0.105)]
    line = thumb_line(pose)[1:]
    if THUMB in pose.out:
        body.append(Limb(_chain(line, radii, (0.04, 0.06, 0.05)), 0.14))
    elif not pose.palm:
        body.append(Limb(_chain(line, radii, (-0.02, -0.05, -0.08)), 0.14))
    else:
        lift = 0.24 if pose.folded else 0.18
        front.append([Limb(_chain(line, [1.1 * radius for radius in radii], (0.08, lift, lift)), 0.0)])
    return [body, *front]


def _limb(bones, x, y):
    """Signed distance to the outline of a limb, and the radius and the height of its axis at the nearest point."""
    nearest = None
    for (x0, y0, z0), (x1, y1, z1), first, last in bones:
        along_x, along_y = x1 - x0, y1 - y0
        t = ((x - x0) * along_x + (y - y0) * along_y) / (along_x**2 + along_y**2)
        t = t.clip(0, 1)
        radius, away_x, away_y = first + (last - first) * t, x - x0 - along_x * t, y - y0 - along_y * t
        found = np.sqrt(away_x * away_x + away_y * away_y) - radius, radius, z0 + (z1 - z0) * t
        if nearest is None:
            nearest = found
        else:
            closer = found[0] < nearest[0]
            nearest = tuple(np.where(closer, new, old) for new, old in zip(found, nearest, strict=True))
    return nearest


def _near(limbs, x, y):
    """Indices of the points `(n,)` that limbs may reach, by the upright box around them."""
    reach = [(bone, max(bone.first, bone.last) + limb.melt) for limb in limbs for bone in limb.bones]
    low = [min(min(bone.start[i], bone.end[i]) - width for bone, width in reach) for i in (0, 1)]
    high = [max(max(bone.start[i], bone.end[i]) + width for bone, width in reach) for i in (0, 1)]
    return np.flatnonzero((x > low[0]) & (x < high[0]) & (y > low[1]) & (y < high[1]))


def _layer(limbs, x, y):
    """The height of one layer, above 0 inside its outline and 0 elsewhere, at points `(n,)`.

    Limbs are joined with the polynomial smooth minimum of signed distances (I. Quilez, "Smooth minimum", 2013), which
    carries the radius and the height along, so that a web of skin grows between neighbours.
    """
    distance, radius, level = _limb(limbs[0].bones, x, y)
    for limb in limbs[1:]:
        near = _near([limb], x, y)
        other = _limb(limb.bones, x[near], y[near])
        share = (0.5 + 0.5 / limb.melt * (distance[near] - other[0])).clip(0, 1)
        distance[near] += share * (other[0] - distance[near]) - limb.melt * share * (1 - share)
        radius[near] += share * (other[1] - radius[near])
        level[near] += share * (other[2] - level[near])
    rounded = np.minimum(radius, 0.16)
    rim = (rounded + distance).clip(0, None)
    return np.sqrt((rounded * rounded - rim * rim).clip(0, None)) * (1 + level / rounded)


def relief(pose, x, y):
    """The relief of a hand over the points `(x, y)` of its own coordinates.

    Returns:
        `(height, covered)`: the height towards the viewer in palm widths, above 0 on the hand and 0 beside it, and a
        boolean array, true where a folded finger or thumb lies on the palm.
    """
    points_x, points_y = x.ravel(), y.ravel()
    height, covered = np.zeros(x.size, np.float32), np.zeros(x.size, bool)
    for number, limbs in enumerate(skeleton(pose)):
        near = _near(limbs, points_x, points_y)
        other = _layer(limbs, points_x[near], points_y[near])
        if number:
            covered[near] |= other > height[near]
        height[near] = np.maximum(height[near], other)
    return height.reshape(x.shape), covered.reshape(x.shape)


def extent(pose):
    """Circles that bound the hand without its forearm: float64 `(n, 3)`, each `x, y, radius`."""
    bones = [bone for layer in skeleton(pose) for limb in layer for bone in limb.bones]
    ends = [(*bone.end[:2], bone.last) for bone in bones if bone.end[1] > 0.3]
    return np.array([(0.0, 0.0, 0.30), *ends])


def creases(pose):
    """Lines in the skin: lists of `(x, y)`, across the joints of fingers held out and over an open palm."""
    lines = []
    for finger in FINGERS:
        if finger in pose.out:
            base, first, second, _ = finger_line(pose, finger)
            across = 0.75 * FINGERS[finger][3]
            joints = (base, first, second) if pose.palm else (first, (first[0], first[1] - 0.05), second)
            lines += [[(x - across, y), (x, y + 0.02), (x + across, y)] for x, y in joints]
    if pose.palm:
        lines.append([(-0.42, 0.78), (-0.20, 0.72), (-0.06, 0.50), (-0.05, 0.18)])  # around the ball of the thumb
        lines.append([(-0.40, 0.80), (-0.10, 0.68), (0.25, 0.48)])  # across the middle
        lines.append([(-0.12, 0.90), (0.10, 0.76), (0.44, 0.74)])  # under the fingers
    return lines


def nails(pose):
    """The nails that can be seen: outlines of `(x, y)`, on the back of what is held out and on a thumb laid over."""
    seen = [finger for finger in pose.out if not pose.palm] + [THUMB] * (pose.palm and THUMB not in pose.out)
    outlines = []
    for finger in seen:
        line, radius = (thumb_line(pose), 0.105) if finger == THUMB else (finger_line(pose, finger), FINGERS[finger][3])
        (x0, y0), (x1, y1) = line[-2:]
        length = np.hypot(x1 - x0, y1 - y0)
        along = np.array([(x1 - x0) / length, (y1 - y0) / length])
        side = np.array([along[1], -along[0]])
        turn = np.linspace(0, 2 * np.pi, 13)[:, None]
        outlines.append(line[-1] + 0.80 * radius * np.cos(turn) * along + 0.52 * radius * np.sin(turn) * side)
    return outlines


def sleeve(pose, x, y, cuff):
    """The relief of a sleeve over the points `(x, y)`, from the height ``cuff`` on the forearm downwards."""
    elbow = _along((0, -0.05), 180 + pose.wrist, _FOREARM)
    distance, _, _ = _limb([Bone((0, -0.05, 0), (*elbow, 0), 0.36, 0.50)], x, y)
    rim = (0.36 + distance).clip(0, None)
    return np.sqrt((0.36**2 - rim * rim).clip(0, None)) * 0.75 * (y < cuff + 0.1 * x * x)
