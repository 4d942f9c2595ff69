"""Places from the order and the shapes of the layers alone, for files and models whose layers are named by class and count.

Keras orders layers by their depth, and those of one depth by the inputs of the addition that follows: the last convolution of a
branch stands beside the shortcut's, before it or behind it. Where the two have equal shapes (ResNet-50's stage 2), the other
stages tell which order the file has; where none tells, there are two readings, and nothing is assumed: `dialect` asks the saved
graph, `ambiguity` the model that the file is to be loaded into.
"""

import itertools
from dataclasses import dataclass

from keras_resnet.architectures.layer_names import HEAD, INPUT, STEM, Place


def readings_in_order(convolutions, norms):
    """What places convolutions and normalisations may have.

    Args:
        convolutions: shapes `(kh, kw, in, out)` of the kernels, in the order of the network.
        norms: `(channels, whether there is a gamma)` of the batch normalisations, in the order of the network.

    Returns:
        A list of `(places of the convolutions, places of the normalisations, whether the shortcut stands before the last
        convolution)`: none where the shapes are no residual network's, two where they are ambiguous.
    """
    readings = []
    for shortcut_first in (False, True):
        found = _convolutions(convolutions, shortcut_first)
        followed = found and _norms(found, convolutions, norms)
        if followed:
            readings.append((found, followed, shortcut_first))
    return readings[:1] if len(readings) == 2 and readings[0][:2] == readings[1][:2] else readings


@dataclass(frozen=True)
class _Kind:
    """What all blocks of a network have in common.

    Attributes:
        kernels: sides of the main path's convolutions.
        gates: branches of squeeze-and-excitation, which end the block.
        projects: whether a convolution stands on the shortcut where the channels change; else nothing with weights does.
    """

    kernels: tuple
    gates: tuple
    projects: bool


_GATES = ("gate1", "gate2")
_KINDS = tuple(itertools.starmap(_Kind, itertools.product(((1, 3, 1), (3, 3)), ((), _GATES), (True, False))))


def _convolutions(shapes, shortcut_first):
    for stem, kind in itertools.product((3, 1), _KINDS):
        if len(shapes) <= stem or stem == 3 and not _is_deep_stem(shapes[:3]):
            continue
        places = [Place(STEM, 0, str(number + 1), "conv") for number in range(stem)]
        blocks = _blocks(shapes, stem, shapes[stem - 1][3], kind, shortcut_first)
        if blocks is not None:
            return places + _number(blocks)
    return None


def _is_deep_stem(shapes):
    """Whether three convolutions are the stem of He et al. 2019, arXiv:1812.01187: 3x3, the last of twice the channels."""
    first, second, third = (shape[3] for shape in shapes)
    return _chained(shapes, (3, 3, 3), shapes[0][2]) and first == second and 2 * first == third


def _blocks(shapes, start, channels, kind, shortcut_first):
    """Blocks as lists of branches with whether a new stage begins, or None; tried in turn, the first that reaches the end."""
    trail, options = [], [_options(shapes, start, channels, kind, shortcut_first)]
    while options:
        option = next(options[-1], None)
        if option is None:
            options.pop()
            if trail:
                trail.pop()
            continue
        trail.append(option)
        _, _, end, out = option
        if end == len(shapes):
            return [(branches, begins) for branches, begins, _, _ in trail]
        options.append(_options(shapes, end, out, kind, shortcut_first))
    return None


def _options(shapes, start, channels, kind, shortcut_first):
    """What block may begin at a convolution: `(branches, whether it begins a stage, where it ends, its channels)`."""
    main = [str(number + 1) for number in range(len(kind.kernels))]
    for projected in (True, False) if kind.projects else (False,):
        branches = [*main, *kind.gates]
        if projected:
            branches.insert(len(branches) - shortcut_first, "0")
        end = start + len(branches)
        if end > len(shapes):
            continue
        here = dict(zip(branches, shapes[start:end], strict=True))
        out = here[main[-1]][3]
        if not _chained([here[branch] for branch in main], kind.kernels, channels):
            continue
        if kind.gates and not _chained([here[branch] for branch in kind.gates], (1, 1), out, out):
            continue
        if projected and tuple(here["0"]) != (1, 1, channels, out):
            continue
        if kind.projects and not projected and out != channels:
            continue
        yield branches, projected or out != channels, end, out


def _chained(shapes, kernels, channels, last=None):
    """Whether kernels of such sides lead from one number of channels to the next, and to the last where it is known."""
    for (height, width, inputs, outputs), side in zip(shapes, kernels, strict=True):
        grouped = side == 3 and inputs and channels % inputs == 0
        if (height, width) != (side, side) or inputs != channels and not grouped:
            return False
        channels = outputs
    return last in (None, channels)


def _number(blocks):
    stage, index, places = 2, -1, []
    for branches, begins in blocks:
        stage, index = (stage + 1, 0) if begins and index >= 0 else (stage, index + 1)
        places += [Place(stage, index, branch, "conv") for branch in branches]
    return places


def _norms(places, shapes, norms):
    """The normalisations' places: behind every convolution, or before those of the branches and behind the last block.

    The gates have none.
    """
    convolutions = [(place, shape) for place, shape in zip(places, shapes, strict=True) if place.branch not in _GATES]
    widths = [shape[3] for _, shape in convolutions]
    if norms == [(width, True) for width in widths]:
        return [place._replace(role="norm") for place, _ in convolutions]
    main = [(place, shape) for place, shape in convolutions if place.stage != STEM and place.branch != "0"]
    found = [place._replace(branch=_before(place.branch), role="norm") for place, _ in main]
    expected = [shape[2] for _, shape in main]
    found.append(Place(HEAD, 0, "post", "norm"))
    expected.append(main[-1][1][3] if main else 0)
    if len(norms) == len(found) + 2:
        found = [Place(INPUT, 0, "1", "norm"), Place(STEM, 0, "1", "norm"), *found]
        expected = [shapes[0][2], widths[0], *expected]
    return found if [width for width, _ in norms] == expected else None


def _before(branch):
    return "pre" if branch == "1" else str(int(branch) - 1)
