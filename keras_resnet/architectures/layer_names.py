"""Where a layer stands in a residual network, and what each library calls it there.

A `Place` is one position, the same in every library. A grammar is a table from positions to names: `layer_name` reads it from
left to right, `place_of` from right to left. The last batch normalisation of the fourth block of stage 4 is
`Place(4, 3, "3", "norm")`: `bn4d_branch2c` to Chollet, `conv4_block4_3_bn` to Keras, `layer3.3.bn3` to torchvision.
"""

import functools
import re
from typing import NamedTuple

INPUT, STEM, HEAD = 0, 1, -1  # stages of what is not in a block; the residual stages are 2, 3 ..


class Place(NamedTuple):
    """A position in a residual network.

    Attributes:
        stage: `INPUT`, `STEM`, 2 to 5 as in He et al. 2015, table 1, or `HEAD`.
        block: 0 for the first block of its stage.
        branch: ``"1"``, ``"2"``, ``"3"``: the convolutions of the main path (or stem) in their order; ``"0"``: the shortcut;
            ``"pre"``: before the first convolution; ``"post"``: after the last block; ``"out"``: where the paths have met;
            ``"pool"``; ``"gate1"``, ``"gate2"``: the two layers of squeeze-and-excitation.
        role: ``"conv"``, ``"norm"``, ``"act"``, ``"pad"``, ``"pool"``, ``"add"``, ``"dense"`` ...
    """

    stage: int
    block: int
    branch: str
    role: str


def _rows(zone, branches, templates):
    """Rows of a grammar: each template once for each branch; branches map to what `{branch}` stands for."""
    texts = branches if isinstance(branches, dict) else {branch: branch for branch in branches}
    return {
        (zone, branch, role): template.replace("{branch}", text)
        for branch, text in texts.items()
        for role, template in templates.items()
    }


_CAFFE_BRANCHES = {"0": "1", "1": "2a", "2": "2b", "3": "2c"}
_CHOLLET = {
    ("stem", "1", "conv"): "conv1",
    ("stem", "1", "norm"): "bn_conv1",
    **_rows("block", _CAFFE_BRANCHES, {"conv": "res{stage}{label}_branch{branch}", "norm": "bn{stage}{label}_branch{branch}"}),
    ("head", "pool", "pool"): "avg_pool",
    ("head", "1", "dense"): "fc1000",  # so named for any number of classes
    # What Chollet's network lacks, named in his style so that his layout can hold every network.
    ("input", "1", "norm"): "bn_data",
    **_rows("stem", {"2": "1b", "3": "1c"}, {"conv": "conv{branch}", "norm": "bn_conv{branch}"}),
    ("block", "pre", "norm"): "bn{stage}{label}_preact",
    **_rows("block", ["gate1", "gate2"], {"conv": "res{stage}{label}_{branch}"}),
    ("head", "post", "norm"): "bn_post",
}
_BROAD = {
    **_CHOLLET,
    ("stem", "1", "act"): "conv1_relu",
    ("stem", "pool", "pool"): "pool1",
    **_rows(
        "block",
        {"1": "2a", "2": "2b", "3": "2c"},
        {"pad": "padding{stage}{label}_branch{branch}", "act": "res{stage}{label}_branch{branch}_relu"},
    ),
    ("block", "out", "add"): "res{stage}{label}",
    ("block", "out", "act"): "res{stage}{label}_relu",
    ("head", "pool", "pool"): "pool5",
}


def _keras(block, preact):
    """The grammar of keras.applications; keras-hub's differs in the prefix of a block and one word."""
    numbered = {"conv": block + "_{branch}_conv", "norm": block + "_{branch}_bn"}
    return {
        **_rows("stem", "123", {"pad": "conv{branch}_pad", "conv": "conv{branch}_conv"}),
        **_rows("stem", "123", {"norm": "conv{branch}_bn", "act": "conv{branch}_relu"}),
        **_rows("stem", ["pool"], {"pad": "pool1_pad", "pool": "pool1_pool"}),
        **_rows("block", ["pre"], {"norm": f"{block}_{preact}_bn", "act": f"{block}_{preact}_relu"}),
        **_rows("block", "0123", numbered),
        **_rows("block", "123", {"pad": block + "_{branch}_pad", "act": block + "_{branch}_relu"}),
        ("block", "out", "add"): f"{block}_add",
        ("block", "out", "act"): f"{block}_out",
        ("head", "post", "norm"): "post_bn",
        ("head", "post", "act"): "post_relu",
        ("head", "pool", "pool"): "avg_pool",
        ("head", "1", "dense"): "predictions",
    }


def _ends_in_add(grammar, block):
    """A pre-activation block has nothing after its addition, and the addition takes the block's name."""
    return {**grammar, ("block", "out", "add"): f"{block}_out", ("block", "out", "act"): None}


_KERAS_BLOCK, _HUB_BLOCK = "conv{stage}_block{number}", "stack{stack}_block{index}"
_KERAS, _HUB = _keras(_KERAS_BLOCK, "preact"), _keras(_HUB_BLOCK, "pre_activation")

_UNIT = "layer{layer}.{index}"
_TORCHVISION = {
    **_rows("stem", "1", {"conv": "conv1", "norm": "bn1", "act": "act1"}),
    ("stem", "pool", "pool"): "maxpool",
    **_rows("block", "123", {"conv": _UNIT + ".conv{branch}", "norm": _UNIT + ".bn{branch}", "act": _UNIT + ".act{branch}"}),
    **_rows("block", "0", {"conv": _UNIT + ".downsample.0", "norm": _UNIT + ".downsample.1"}),
    **_rows("block", {"gate1": "fc1", "gate2": "fc2"}, {"conv": _UNIT + ".se.{branch}"}),
    ("block", "out", "add"): _UNIT + ".add",
    ("block", "out", "act"): _UNIT + ".act",
    ("head", "pool", "pool"): "avgpool",
    ("head", "1", "dense"): "fc",
}
_TIMM_DEEP = {  # the three convolutions of the stem are items 0, 3 and 6 of one Sequential
    **_TORCHVISION,
    **_rows("stem", {"1": "0", "2": "3", "3": "6"}, {"conv": "conv1.{branch}"}),
    **_rows("stem", {"1": "1", "2": "4"}, {"norm": "conv1.{branch}"}),
    **_rows("stem", {"1": "2", "2": "5"}, {"act": "conv1.{branch}"}),
    **_rows("stem", "3", {"norm": "bn1", "act": "act1"}),
}
_TIMM_AVERAGE = {  # item 0 of the shortcut is the average pool
    **_TIMM_DEEP,
    **_rows("block", "0", {"conv": _UNIT + ".downsample.1", "norm": _UNIT + ".downsample.2"}),
}
_QUBVEL = {
    ("input", "1", "norm"): "bn_data",
    **_rows("stem", "1", {"conv": "conv0", "norm": "bn0", "act": "relu0"}),
    ("stem", "pool", "pool"): "pooling0",
    **_rows("block", "123", {"conv": "stage{layer}_unit{number}_conv{branch}"}),
    **_rows(  # a norm is counted with the convolution that follows it
        "block",
        {"pre": "1", "1": "2", "2": "3"},
        {"norm": "stage{layer}_unit{number}_bn{branch}", "act": "stage{layer}_unit{number}_relu{branch}"},
    ),
    ("block", "0", "conv"): "stage{layer}_unit{number}_sc",
    **_rows("head", ["post"], {"norm": "bn1", "act": "relu1"}),
    ("head", "pool", "pool"): "pool1",
    **_rows("head", "1", {"dense": "fc1", "act": "softmax"}),
}

# Name of a grammar -> (zone, branch, role) -> template. In a template: {stage} 2 .., {layer} 1 .., {stack} 0 ..; {index} 0 ..
# and {number} 1 .. count the blocks of a stage, {label} is a, b, c .. or a, b1, b2 ..; {classes}.
GRAMMARS = {
    "chollet": _CHOLLET,
    "coursera": {**_CHOLLET, ("head", "1", "dense"): "fc{classes}"},
    "broad": _BROAD,
    "keras": _KERAS,
    "keras_preact": _ends_in_add(_KERAS, _KERAS_BLOCK),
    "keras_hub": _HUB,
    "keras_hub_preact": _ends_in_add(_HUB, _HUB_BLOCK),
    "torchvision": _TORCHVISION,
    "timm_deep": _TIMM_DEEP,
    "timm_average": _TIMM_AVERAGE,
    "qubvel": _QUBVEL,
}

_ZONES = {INPUT: "input", STEM: "stem", HEAD: "head"}
_PATTERNS = {
    "{stage}": r"(?P<stage>\d+)",
    "{layer}": r"(?P<layer>\d+)",
    "{stack}": r"(?P<stack>\d+)",
    "{index}": r"(?P<index>\d+)",
    "{number}": r"(?P<number>\d+)",
    "{label}": r"(?P<label>b\d+|[a-z])",
    "{classes}": r"\d+",
}


def layer_name(grammar, place, *, numbered=(), classes=None):
    """What a library calls the layer at a place.

    Args:
        grammar: a name of `GRAMMARS`.
        place: a `Place`.
        numbered: the stages whose blocks are called a, b1, b2 .. instead of a, b, c .., where the grammar has labels at all.
        classes: number of classes, for the grammar that writes it into the name of the classifier.

    Returns:
        A str, or None where the library leaves the layer unnamed or has no such layer.
    """
    template = GRAMMARS[grammar].get((_ZONES.get(place.stage, "block"), place.branch, place.role))
    if template is None:
        return None
    stage, index = place.stage, place.block
    return template.format(
        stage=stage,
        layer=stage - 1,
        stack=stage - 2,
        index=index,
        number=index + 1,
        label=_label(index, stage in numbered),
        classes=classes,
    )


def keras_name(name):
    """A library's name as Keras can take it: the dots of PyTorch's names become underscores.

    On the PyTorch backend Keras's layers are PyTorch's modules, and those take no dots.
    """
    return name and name.replace(".", "_")


def place_of(grammar, name):
    """The place of a layer's name in a grammar, with dots or as `keras_name` has it; None for a name that is not in it.

    >>> place_of("chollet", "res4b22_branch2a")
    Place(stage=4, block=22, branch='1', role='conv')
    """
    for (zone, branch, role), pattern in _compiled(grammar):
        match = pattern.fullmatch(name)
        if match:
            found = match.groupdict()
            return Place(_stage(zone, found), _block(found), branch, role)
    return None


def _label(index, numbered):
    if index and (numbered or index > 25):  # the alphabet ends at 25
        return f"b{index}"
    return chr(ord("a") + index)


def _stage(zone, found):
    if zone != "block":
        return {text: stage for stage, text in _ZONES.items()}[zone]
    return next(int(found[key]) + offset for key, offset in (("stage", 0), ("layer", 1), ("stack", 2)) if key in found)


def _block(found):
    if "label" in found:
        label = found["label"]
        return int(label[1:]) if len(label) > 1 else ord(label) - ord("a")
    return next((int(found[key]) - offset for key, offset in (("index", 0), ("number", 1)) if key in found), 0)


@functools.cache
def _compiled(grammar):
    return tuple((key, _pattern(template)) for key, template in GRAMMARS[grammar].items() if template)


def _pattern(template):
    parts = re.split(r"(\{\w+\})", template)
    return re.compile("".join(_PATTERNS.get(part) or re.escape(part).replace(r"\.", "[._]") for part in parts))
