"""What the layers of a whole network say about its mistakes."""

from dataclasses import replace
from itertools import groupby

from keras import layers

from keras_resnet.architectures.catalog import resolve
from keras_resnet.grade import structure
from keras_resnet.grade.graph import producer
from keras_resnet.grade.sentences import mistake
from keras_resnet.grade.settings import constant_start, layer_mistakes
from keras_resnet.models import ModelSpec

_POOLS = {"max_pool": "MaxPooling2D", "average_pool": "AveragePooling2D"}
_MAXIMA = {"max_pool": "a MaxPooling2D", "global_max": "a GlobalMaxPooling2D"}
_STEM = "the stem's convolution"
_THREES = ((3, 3), (3, 3))
_TEXT_OF_2017 = (256, 256, 2048)
AVERAGE = (
    "Instead of AveragePooling2D((2, 2)) another layer averages the whole last map; for images of 64 x 64 that is the same."
)


def expected_blocks():
    """Stage, index, filters and stride of each block of ResNet-50, in order."""
    spec: ModelSpec = resolve("resnet50", "coursera")
    for stage, (depth, width) in enumerate(zip(spec.depths, spec.widths, strict=True), start=2):
        for index in range(depth):
            yield stage, index, (width, width, 4 * width), 2 if stage > 2 and index == 0 else 1


def mistakes(network, classes):
    """A list of `Mistake`, from the stem to the classifier.

    Args:
        network: a `network_reading.Network`, read to its beginning.
        classes: how many it was asked for.
    """
    if not network.blocks:
        return [mistake("not_a_resnet", what="nothing is added in it, so that it has no residual block")]
    found = [*_stem(network.stem), *_blocks(network.blocks), *_head(network.head, classes)]
    weighted = [part.layer for part in network.parts if part.kind in ("conv", "norm", "dense")]
    if not any(layer.trainable for layer in weighted):
        found = [mistake("frozen_network"), *(each for each in found if each.row != "frozen")]
    return found + constant_start([part.layer for part in network.parts if part.kind == "conv"])


def _departure(what, here, there):
    return [] if here == there else [mistake("departure", what=what, here=here, there=there)]


def _stem(parts):
    before, sections = structure.sections_of(parts)
    if not sections:
        return _departure("stem", "no convolution", "a 7x7 convolution of 64 filters with stride 2, and a pool")
    if len(sections) > 1:
        return _departure("convolutions of the stem", len(sections), 1)
    conv, rest = sections[0]
    found = [mistake("foreign", what=part.label, where="the images") for part in before]
    found += _stem_convolution(conv)
    pools = [part for part in rest if part.kind in _POOLS]
    behind = [part for part in rest if part.kind not in _POOLS]
    found += structure.norm_mistakes(behind, _STEM, "norm_missing") + structure.activation_mistakes(behind, _STEM)
    return found + _stem_pool(pools, rest)


def _stem_convolution(conv):
    layer, found = conv.layer, layer_mistakes(conv, _STEM)
    if not isinstance(layer, layers.Conv2D):
        return [*found, mistake("convolution_kind", where=_STEM, received=conv.label)]
    found += _departure(f"filters of {_STEM}", layer.filters, 64)
    found += _departure(f"kernel of {_STEM}", "{}x{}".format(*layer.kernel_size), "7x7")
    found += _departure(f"stride of {_STEM}", structure.once(layer.strides), 2)
    there = _zeros(replace(conv, zeros=_THREES), "valid")
    return found + _departure(f"padding of {_STEM}", _zeros(conv), there)


def _zeros(part, padding=None):
    """What stands around a map before a convolution or a pool, in words."""
    words = ["TensorFlow's SAME"] if (padding or part.layer.padding) == "same" else []
    if part.zeros:
        rows, columns = part.zeros
        even = len({*rows, *columns}) == 1
        words.insert(0, f"zeros of {rows[0]} on each side" if even else f"zeros of {part.zeros}")
    return " and ".join(words) or "none"


def _stem_pool(pools, rest):
    if len(pools) != 1:
        return _departure("pools of the stem", len(pools), 1)
    pool, kinds = pools[0], [part.kind for part in rest]
    found = _departure("pool of the stem", _POOLS[pool.kind], _POOLS["max_pool"])
    found += _departure("size of the stem's pool", "{}x{}".format(*pool.layer.pool_size), "3x3")
    found += _departure("stride of the stem's pool", structure.once(pool.layer.strides), 2)
    found += _departure("padding of the stem's pool", _zeros(pool), "none")
    late = "norm" in kinds and kinds.index("norm") > rest.index(pool)
    return found + (_departure("batch normalisation of the stem", "after the pool", "before it") if late else [])


def _blocks(blocks):
    expected = list(expected_blocks())
    depths = [len(list(group)) for _, group in groupby(blocks, key=_channels)]
    there = [len(list(group)) for _, group in groupby(expected, key=lambda row: row[0])]
    order = [channels for channels, _ in groupby(blocks, key=_channels)]
    known = order == sorted({4 * filters[0] for _, _, filters, _ in expected})
    if len(blocks) != len(expected) or (known and depths != there):
        return _departure("blocks in each stage", *(", ".join(map(str, counts)) for counts in (depths, there)))
    found = {}
    for block, row in zip(blocks, expected, strict=True):
        for each in _block(block, *row):
            found.setdefault(each, []).append(row[:2])
    return [each if each.row in _PLACED else replace(each, case=_case(places)) for each, places in found.items()]


_PLACED = ("between", "filters_of_text")  # rows that say themselves where


def _channels(block):
    return block.join.outputs[0].shape[-1]


def _case(places):
    """Where blocks stand, in words, from their stages and indices."""
    rows = [row[:2] for row in expected_blocks()]
    for kind, members in (
        ("block", rows),
        ("convolutional block", [row for row in rows if not row[1]]),
        ("identity block", [row for row in rows if row[1]]),
    ):
        if len(members) > 1 and set(places) >= set(members):
            return f"In every {kind}"
    words = [f"block {index + 1} of stage {stage}" for stage, index in places]
    return f"In {', '.join(words)}" if len(words) < 4 else f"In {len(words)} blocks, first in {words[0]}"


def _block(block, stage, index, filters, stride):
    """The mistakes of one block of the network."""
    kind = "identity" if index else "conv"
    own = "conv" if any(part.kind == "conv" for part in block.shortcut) else "identity"
    block, found = _without_what_is_between(block, stage, index)
    convs = [part.layer for part in block.main if part.kind == "conv"]
    if len(convs) != 3 or not all(isinstance(layer, layers.Conv2D) for layer in convs):
        return found + structure.mistakes(block, _task(block, kind, filters, stride))
    received = tuple(layer.filters for layer in convs)
    found += _departure("kind of block", _KINDS[own], _KINDS[kind])
    found += _departure("filters", str(list(received)), str(list(filters)))
    if stage == 5 and received == _TEXT_OF_2017:
        found.append(mistake("filters_of_text"))
    both = {tuple(layer.strides) for layer in (convs[0], *(part.layer for part in block.shortcut if part.kind == "conv"))}
    if own == "conv" and len(both) == 1 and both != {(stride, stride)}:  # it was told so; else one of the two has it wrong
        found += _departure("stride", structure.once(*both), stride)
        stride = next(iter(both))[0]
    side = convs[1].kernel_size[0]
    found += _departure("side of the middle kernel, f", side, 3)
    return found + structure.mistakes(block, _task(block, own, received, stride, side))


def _without_what_is_between(block, stage, index):
    """A block without layers that stand before it and that it is complete without; and the `Mistake` of those."""
    convs = [part.kind for part in block.main[len(block.shared) :]].count("conv")
    if not block.shared or convs < 3:
        return block, []
    what = ", ".join(part.label for part in block.shared)
    found = [mistake("between", where=f"block {index + 1} of stage {stage}", what=what)]
    return replace(block, main=block.main[len(block.shared) :], shared=()), found


_KINDS = {"conv": "convolutional", "identity": "identity"}


def _task(block, kind, filters, stride, kernel=3):
    channels = block.join.input_tensors[0].shape[-1]
    return structure.Task(kind, "ResNet50", channels=channels, kernel=kernel, filters=filters, stride=stride)


def _head(parts, classes):
    dense = [part for part in parts if part.kind == "dense"]
    cut = parts.index(dense[0]) if dense else len(parts)
    found = _before_the_classifier(parts[:cut], classes)
    if len(dense) != 1:
        row = mistake("classifiers", received=len(dense))
        return [*found, row if dense else mistake("head_missing", what="the Dense layer", classes=classes)]
    last = [part for part in parts[cut + 1 :] if part.kind != "flatten"]
    kinds = [part.kind for part in last]
    if len(kinds) > 1 and set(kinds) == {"softmax"}:
        found.append(mistake("softmax_twice", received=len(kinds)))
    elif kinds != ["softmax"]:
        found.append(mistake("softmax", received=structure.function_of(last[0]) if last else "linear"))
    return found + layer_mistakes(dense[0], "the Dense layer")


def _before_the_classifier(parts, classes):
    kinds = [part.kind for part in parts]
    found = [mistake("max_for_average", received=_MAXIMA[kind]) for kind in kinds if kind in _MAXIMA]
    known = ("average_pool", "global_average", "flatten", *_MAXIMA)
    found += [mistake("foreign_at_end", what=part.label) for part in parts if part.kind not in known]
    pools = [part for part in parts if part.kind in ("average_pool", "global_average")]
    if not pools and not any(kind in _MAXIMA for kind in kinds):
        found.append(mistake("head_missing", what="the average pooling", classes=classes))
    if pools and pools[0].kind == "average_pool" and "flatten" not in kinds:
        found.append(mistake("head_missing", what="Flatten", classes=classes))
    return found + [each for part in pools[:1] for each in _average(part)]


def _average(part):
    """Whether a pool at the end averages the whole map."""
    if part.kind == "global_average":
        return []
    size, map_size = tuple(part.layer.pool_size), tuple(producer(part.tensor).input_tensors[0].shape[1:3])
    whole = part.tensor.shape[1:3] == (1, 1) and all(a >= b for a, b in zip(size, map_size, strict=True)) and not part.zeros
    return [] if whole else _departure("size of the average pooling", "{}x{}".format(*size), "2x2")


def advice(network):
    """What to say of a right network that does something in another way."""
    pools = [part for part in network.head if part.kind in ("average_pool", "global_average")]
    plain = pools[0].kind == "average_pool" and tuple(pools[0].layer.pool_size) == (2, 2)
    return [] if plain else [AVERAGE]


def progress(network):
    """What there is of a network that is not written to its end: two texts, what is done and what is missing."""
    expected = list(expected_blocks())
    done = ["the stem"] if any(part.kind in _POOLS for part in network.stem) else []
    missing = [] if done else ["the stem with its pool"]
    for stage, rows in groupby(expected, key=lambda row: row[0]):
        total = len(list(rows))
        before = sum(1 for row in expected if row[0] < stage)
        have = max(0, min(total, len(network.blocks) - before))
        done += [f"stage {stage}" if have == total else f"{have} of {total} blocks of stage {stage}"] if have else []
        missing += [f"stage {stage}" if not have else f"{total - have} blocks of stage {stage}"] if have < total else []
    for kinds, name in ((("average_pool", "global_average"), "the average pooling"), (("dense",), "the Dense layer")):
        there = any(part.kind in kinds for part in network.head)
        (done if there else missing).append(name)
    return ", ".join(done) or "nothing", ", ".join([*missing, "return Model(inputs=X_input, outputs=X)"])
