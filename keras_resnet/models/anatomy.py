"""Takes a built network apart: stem, residual blocks, head.

It is read off the graph, so that renamed layers do not matter. Names only settle where a stage begins, which the graph of a
very small network leaves open.
"""

import os
import re
from dataclasses import dataclass, field

from keras import layers

from keras_resnet.architectures import layer_names
from keras_resnet.errors import ModelError
from keras_resnet.models import graph

NORMS = (layers.BatchNormalization, layers.GroupNormalization)
ACTIVATIONS = (layers.Activation, layers.ReLU)
_FOREIGN = (layers.DepthwiseConv2D, layers.SeparableConv2D, layers.Concatenate, layers.LayerNormalization)


@dataclass(frozen=True, eq=False)
class Block:
    """A residual block (of a plain network: two or three convolutions).

    Attributes:
        stage: 2, 3 ..; index: 0, 1 .. in its stage.
        steps: all its `Step`s, in order.
        convs: steps of the branch's convolutions, without those of squeeze-and-excitation.
        gate: the two of squeeze-and-excitation, or none.
        projection: steps of the shortcut's convolutions.
        shortcut: all steps of the shortcut; empty for the identity.
        join: the addition; None in a plain network.
        shortcut_first: whether the shortcut is the addition's first input.
        output: the Keras tensor that the block hands on.
    """

    steps: tuple
    convs: tuple
    output: object
    stage: int = 2
    index: int = 0
    gate: tuple = ()
    projection: tuple = ()
    shortcut: tuple = ()
    join: object = None
    shortcut_first: bool = False

    @property
    def channels(self):
        """Of the output."""
        return self.convs[-1].layer.filters

    @property
    def stride(self):
        """What the branch divides the size by."""
        return max(step.layer.strides[0] for step in self.convs)


@dataclass(frozen=True, eq=False)
class Anatomy:
    """A network taken apart.

    Attributes:
        network: the flat `keras.Model`: the model itself, or the one that it nests.
        order: ``"post"``, ``"pre"`` or ``"branch_end"``, as in `ModelSpec`.
        strided_block: ``"first"`` or ``"last"``, as in `ModelSpec`.
        stem, head: steps; the head begins behind the last block.
        blocks: tuple of `Block`.
        steps: all, in order.
    """

    network: object
    order: str
    strided_block: str
    stem: tuple
    blocks: tuple
    head: tuple
    steps: tuple = field(repr=False)

    @property
    def stages(self):
        """Stage -> its blocks."""
        found = {}
        for block in self.blocks:
            found.setdefault(block.stage, []).append(block)
        return found

    @property
    def own(self):
        """The steps that the last block depends on or that depend on it: all but those of a branch beside the network."""
        last = self.blocks[-1].steps[-1]
        return tuple(step for step in self.steps if last.behind >> step.index & 1 or step.behind >> last.index & 1)


def take_apart(model, prefix=None):
    """The parts of a residual or plain network.

    Args:
        model: a functional or sequential `keras.Model` that is one such network or holds one, as a model among its layers or
            beside other layers.
        prefix: where it holds several: which, as `graph.part` says.

    Returns:
        An `Anatomy`.

    Raises:
        ModelError: not a network of blocks as He et al. built them, or several; the message says what was found.
    """
    whole = graph.functional(model) if prefix is None else graph.part(model, prefix)
    flats = [(network, graph.steps(network)) for network in _with_nested(whole)]
    found = [(network, steps, raw) for network, steps in flats for raw in _residual(steps)]
    found = found or [(network, steps, raw) for network, steps in flats if (raw := _plain(steps))]
    found = [each for each in found if not any(isinstance(s.layer, _FOREIGN) for _, block in each[2] for s in block.steps)]
    if len(found) > 1:
        raise ModelError(_several(whole, found))
    if not found:
        raise ModelError(_none(whole, flats))
    return _assign(*found[0])


def _with_nested(model):
    """A model and the models within it, each once."""
    found = [model]
    for inner in graph.nested(model):
        found += [each for each in _with_nested(inner) if each not in found]
    return found


def _none(model, flats):
    steps = [step for _, steps in flats for step in steps]
    foreign = next((step.layer for step in steps if isinstance(step.layer, _FOREIGN)), None)
    found = f"without such a block; {foreign.name!r} is a {type(foreign).__name__}" if foreign else "without such a block"
    return (
        f"model {model.name!r}: expected a ResNet, made of blocks of two 3x3 convolutions or of 1x1, 3x3 and 1x1; "
        f"received {len(steps)} layers {found}"
    )


def _several(model, found):
    """What is said of several networks, and how to name one of them."""
    text = f"model {model.name!r}: expected one network, received one that"
    if all(network is not model for network, _, _ in found):
        names = dict.fromkeys(repr(network.name) for network, _, _ in found)
        return f"{text} nests {', '.join(names)}: pass one of them" if len(names) > 1 else _several(found[0][0], found)
    own = [raw for network, _, raw in found if network is model]
    inner = [repr(network.name) for network, _, _ in found if network is not model]
    prefixes = [repr(prefix) for raw in own if (prefix := _prefix(raw))] + inner
    begin = [repr(raw[0][1].convs[0].layer.name) for raw in own] + inner
    advice = f"prefix={' or '.join(prefixes)}" if len(set(prefixes)) == len(found) else "keras.Model(its input, its output)"
    return f"{text} holds several, which begin at {' and '.join(begin)}: pass {advice}"


def _prefix(raw):
    """What the names of a chain's layers with weights begin with, up to an underscore; empty for nothing."""
    weighted = [step.layer for _, block in raw for step in block.steps if getattr(step.layer, "weights", ())]
    common = os.path.commonprefix([layer.name for layer in weighted])
    return re.sub("[_-]?[^_-]*$", "", common)


def _residual(steps):
    """Chains of blocks that end in an addition, each beginning no earlier than the one before it ended."""
    chains = []
    pooled = sum(1 << step.index for step in steps if isinstance(step.layer, layers.GlobalAveragePooling2D))
    for step in steps:
        found = _block(steps, step, pooled)
        if found is None:
            continue
        before = steps[found[0]].behind
        chain = next((chain for chain in chains if before >> chain[-1][1].join.index & 1), None)
        if chain is not None:
            chain.append(found)
        elif not any(each in block.steps for each in found[1].steps for chain in chains for _, block in chain):
            chains.append([found])
    return chains


def _block(steps, step, pooled):
    """The block that a step joins and the number of the step where it forks; None where it joins none."""
    if type(step.layer).__name__ != "Add" or len(step.inputs) != 2 or len(step.output.shape) != 4:
        return None
    first, second = (steps[number].behind for number in step.inputs)
    fork = (first & second).bit_length() - 1
    if fork < 0:
        return None
    sides = [graph.members(steps, side & ~steps[fork].behind) for side in (first, second)]
    convolutions = [_convolutions(side, pooled & ~steps[fork].behind) for side in sides]
    branch = 0 if len(convolutions[0][0]) >= len(convolutions[1][0]) else 1
    (convs, gate), (projection, _) = convolutions[branch], convolutions[1 - branch]
    if not _is_block(convs):
        return None
    return fork, Block(
        steps=graph.members(steps, step.behind & ~steps[fork].behind),
        convs=convs,
        output=step.output,
        gate=gate,
        projection=projection,
        shortcut=sides[1 - branch],
        join=step,
        shortcut_first=branch == 1,
    )


def _convolutions(steps, pooled):
    """Convolutions of the path, and those that look at pooled channels: squeeze-and-excitation."""
    convs = [step for step in steps if isinstance(step.layer, layers.Conv2D)]
    gate = tuple(step for step in convs if step.behind & pooled)
    return tuple(step for step in convs if step not in gate), gate


def _is_block(convs):
    kernels = [step.layer.kernel_size for step in convs]
    return kernels in ([(3, 3)] * 2, [(1, 1), (3, 3), (1, 1)])


def _plain(steps):
    """Two or three convolutions each, of a chain without any addition."""
    if any(len(step.inputs) > 1 for step in steps):
        return []
    pools = [step.index for step in steps if isinstance(step.layer, layers.MaxPooling2D)]
    convs = [step for step in steps if isinstance(step.layer, layers.Conv2D)]
    if not convs or len(pools) > 1:
        return []
    begin = pools[0] if pools else convs[0].index
    convs = [step for step in convs if step.index > begin]
    size = 3 if any(step.layer.kernel_size == (1, 1) for step in convs) else 2
    groups = [tuple(convs[start : start + size]) for start in range(0, len(convs), size)]
    if not groups or not all(_is_block(group) for group in groups):
        return []
    fork = next((n - 1 for n in range(begin + 1, len(steps)) if not isinstance(steps[n].layer, (*NORMS, *ACTIVATIONS))), begin)
    blocks = []
    for group in groups:
        last = group[-1].index
        while last + 1 < len(steps) and isinstance(steps[last + 1].layer, NORMS):
            last += 1
        own = tuple(steps[fork + 1 : last + 1])
        blocks.append((fork, Block(steps=own, convs=group, output=steps[last].output)))
        fork = last + 1 if last + 1 < len(steps) and isinstance(steps[last + 1].layer, ACTIVATIONS) else last
    return blocks


def _assign(network, steps, raw):
    """Gives every step to the stem, a block or the head, and every block a stage."""
    order = _order(steps, raw)
    tails = [_tail(steps, block, order) for _, block in raw]
    stem_bits = steps[raw[0][0]].behind
    if order == "pre":  # what follows the stem's last convolution or pool belongs to the first block
        kinds = (layers.Conv2D, layers.MaxPooling2D)
        last = max(step.index for step in steps if stem_bits >> step.index & 1 and isinstance(step.layer, kinds))
        stem_bits &= steps[last].behind
    taken, blocks = stem_bits, []
    for (fork, block), tail in zip(raw, tails, strict=True):
        bits = steps[fork].behind & ~taken  # the normalisation and activation that a projection of this block shares
        for step in (*block.steps, *tail):
            bits |= 1 << step.index
        taken |= bits
        output = tail[-1].output if tail else block.output
        blocks.append(_with(block, steps=graph.members(steps, bits), output=output))
    strided = _strided_block(blocks)
    head = tuple(step for step in steps if not taken >> step.index & 1)
    return Anatomy(network, order, strided, graph.members(steps, stem_bits), _staged(blocks, strided), head, steps)


def _order(steps, raw):
    """The order of operations, by what ends a branch."""
    block = raw[0][1]
    if block.join is None:
        return "post"
    number = block.join.inputs[1 if block.shortcut_first else 0]
    kinds = (layers.Conv2D, *NORMS, *ACTIVATIONS)
    while not isinstance(steps[number].layer, kinds):
        number = steps[number].inputs[0]
    ending = steps[number].layer
    if isinstance(ending, ACTIVATIONS):
        return "branch_end"
    if isinstance(ending, NORMS):
        return "post"
    normalized = any(isinstance(step.layer, NORMS) for _, each in raw for step in each.steps)
    bare = any(not isinstance(steps[fork].layer, ACTIVATIONS) for fork, _ in raw[1:])
    return "pre" if normalized or bare else "post"


def _tail(steps, block, order):
    """What follows a block's addition and belongs to it: a factor, and He's last ReLU."""
    kinds = (layers.Rescaling, *ACTIVATIONS) if order == "post" else (layers.Rescaling,)
    found, last = [], block.steps[-1]
    while True:
        following = [step for step in steps[last.index + 1 :] if step.inputs == (last.index,) and isinstance(step.layer, kinds)]
        if not following:
            return tuple(found)
        last = following[0]
        found.append(last)


def _strided_block(blocks):
    """Whether a stage ends with its stride (Keras's V2 networks) or begins with it."""
    if blocks[0].stride > 1:
        return "last"
    for before, block, after in zip(blocks, blocks[1:], blocks[2:], strict=False):
        if block.stride > 1 and block.channels == before.channels and after.channels != block.channels and after.stride == 1:
            return "last"
    return "first"


def _staged(blocks, strided_block):
    known = _named(blocks)
    if known:
        return tuple(_with(block, stage=place.stage, index=place.block) for block, place in zip(blocks, known, strict=True))
    everywhere = all(block.projection for block in blocks)  # option C
    stage, index, found = 2, 0, []
    for number, block in enumerate(blocks):
        before = blocks[number - 1] if number else None
        strided = before and (before if strided_block == "last" else block).stride > 1
        if before and (strided or block.channels != before.channels or block.projection and not everywhere):
            stage, index = stage + 1, 0
        found.append(_with(block, stage=stage, index=index))
        index += 1
    return tuple(found)


def _named(blocks):
    """The places that the names of the first convolutions tell, or None."""
    own = [block.convs[0].layer.name for block in blocks]
    for grammar in layer_names.GRAMMARS:
        first = layer_names.keras_name(layer_names.layer_name(grammar, layer_names.Place(2, 0, "1", "conv")))
        if own[0] == first or own[0].endswith(f"_{first}"):
            prefix = own[0][: -len(first)]
            places = [layer_names.place_of(grammar, name.removeprefix(prefix)) for name in own]
            if all(place and (place.branch, place.role) == ("1", "conv") for place in places) and places == sorted(places):
                return places
    return None


def _with(block, **changes):
    return Block(**{**vars(block), **changes})
