"""The order in which Keras lists the layers of a residual network, from their places alone.

Keras sorts layers by their depth, the distance from the output, and those of one depth by the inputs of the addition that
follows (keras 3.15, src/ops/function.py, `map_graph`). Its readers of weight files go by that order.
"""

from keras_resnet.architectures.layer_names import HEAD, INPUT, STEM, Place

_GATED = 5  # behind a gated branch stand a mean, two convolutions and a product


def arranged(keys, *, shortcut_first=False):
    """The layers with weights, in the network's order.

    Args:
        keys: `Place`s, and str for layers without one: those stay behind the layer that they stand behind here.
        shortcut_first: whether the shortcut is the first input of an addition.

    Returns:
        A list.
    """
    keys = list(keys)
    known = frozenset(key for key in keys if isinstance(key, Place))
    position, positions = (0,), {}
    for number, key in enumerate(keys):
        if isinstance(key, Place):
            position = _position(key, known, shortcut_first)
            positions[key] = (position, 0)
        else:
            positions[key] = (position, 1 + number)
    return sorted(keys, key=positions.__getitem__)


def _position(key, known, shortcut_first):
    if key.stage in (INPUT, STEM, HEAD):
        zone = {INPUT: 0, STEM: 1, HEAD: 10**6}[key.stage]
        return zone, 0, 0 if key.role == "norm" and zone > 1 else int(key.branch), key.role == "norm"
    on_shortcut = key.branch == "0"
    return key.stage, key.block, -_distance(key, known), on_shortcut != shortcut_first


def _distance(key, known):
    """The distance from the end of the block; exact where the shortcut has layers too, and a mere order before that."""
    if key.branch == "0":
        return 1 + (key.role == "conv" and key._replace(role="norm") in known)
    if key.branch.startswith("gate"):
        return {"gate1": 3, "gate2": 2}[key.branch]
    last = max((here.branch for here in known if _beside(here, key) and here.branch in "123"), default="1")
    end = _GATED if any(_beside(here, key) and here.branch.startswith("gate") for here in known) else 1
    behind = key.role == "conv" and key._replace(role="norm") in known
    number = 0 if key.branch == "pre" else int(key.branch)
    return end + behind + 10 * (int(last) - number)


def _beside(here, key):
    return here.stage == key.stage and here.block == key.block
