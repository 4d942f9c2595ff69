"""What makes a network: every choice that changes a number, a shape or a name is a field."""

from dataclasses import dataclass, fields

from keras_resnet.architectures import layer_names
from keras_resnet.errors import ModelError, one_of

# Field -> what it may be.
CHOICES = {
    "block": ("basic", "bottleneck"),
    "order": ("post", "pre", "branch_end"),
    "stem": ("imagenet", "deep", "small"),
    "shortcut": ("A", "B", "C", "D", "none"),
    "norm": ("batch", "group", "none"),
    "output_stride": (8, 16, 32),
    "stem_padding": ("explicit", "same"),
    "pool": ("valid", "zero", "same", "ceil", "infinity"),
    "pads": ("strided", "always"),
    "strided_conv": (1, 2),
    "strided_block": ("first", "last"),
    "head": ("global", "flatten"),
}
# Field -> its type, its least and largest value, and both in words.
_RANGES = {
    **dict.fromkeys(("stem_width", "groups", "base_width"), (int, 1, 2**16, "an int of at least 1")),
    "drop_path": (int | float, 0, 0.999, "a number of at least 0 and below 1"),
    "epsilon": (float, 1e-12, 1, "a float above 0"),
    "momentum": (int | float, 0, 1, "a number from 0 to 1"),
}


@dataclass(frozen=True)
class ModelSpec:
    """A residual network. The first half is its topology, from the catalogue; the second its conventions, from the lineage.

    Attributes:
        name: its name in the catalogue.
        lineage: whose conventions it follows.
        depths: blocks in each stage, the first stage being stage 2.
        widths: filters of each stage's 3x3 convolutions before ``groups`` and ``base_width``; a bottleneck stage's output has
            four times as many channels.
        block: ``"basic"`` (two 3x3) or ``"bottleneck"`` (1x1, 3x3, 1x1).
        order: ``"post"`` (He et al. 2015), ``"pre"`` (He et al. 2016), ``"branch_end"`` (the ReLU ends the branch, before the
            addition).
        stem: ``"imagenet"`` (7x7 of stride 2, pool), ``"deep"`` (three 3x3, pool), ``"small"`` (one 3x3, full size).
        stem_width: filters of the stem's last convolution.
        shortcut: where the shape changes: ``"A"`` zero-padding, ``"B"`` projection, ``"D"`` average pool and projection;
            ``"C"`` projection in every block; ``"none"``: a plain network.
        groups: groups of a bottleneck's 3x3 convolution (ResNeXt's cardinality).
        base_width: filters of a bottleneck's 3x3 convolution per group, where the stage's width is 64.
        se_ratio: squeeze-and-excitation's filters as a share of the channels; None without.
        residual_scale: the factor on the sum of branch and shortcut (1, or 2 ** -0.5, which keeps a variance), or
            ``"learned"``: a trainable scalar on the branch, zero at the start.
        norm: ``"batch"``, ``"group"`` (32 groups, or as many as divide the channels; Wu and He 2018), ``"none"``: then every
            convolution has a bias.
        zero_init_gamma: whether the last gamma of every branch starts at zero (Goyal et al. 2017, arXiv:1706.02677).
        drop_path: the probability that the last block's branch is left out in training; it rises linearly from the first block.
        output_stride: 32, or 16 or 8, where dilation takes the place of the last strides.
        input_size: side of the published input; classes: number of published classes.
        stem_padding: of the stem's strided convolution: ``"explicit"`` zeros, equal on both sides, or TensorFlow's ``"same"``.
        pool: padding of the stem's 3x3 pool: ``"valid"`` none, ``"zero"`` and ``"infinity"`` one pixel of zeros or minus
            infinity on each side, ``"same"`` TensorFlow's, ``"ceil"`` one pixel on the right and at the bottom (Caffe's).
        pads: whether zeros are a layer of their own before ``"strided"`` 3x3 convolutions alone or ``"always"``.
        strided_conv: which convolution of a bottleneck has the stride: 1 (the first 1x1) or 2 (the 3x3, "v1.5").
        strided_block: the ``"first"`` block of a stage halves the map, or the ``"last"`` of the stage before (Keras's V2).
        project_first: whether the first block of a stage has a projection even where no shape changes.
        input_norm: whether the input passes through a batch normalisation without gamma.
        stem_norm: whether a pre-activation network normalises and activates in the stem as well.
        epsilon, momentum: of every normalisation.
        bias: the branches (`layer_names.Place`) whose convolutions have a bias; ``"stem"`` for the stem's.
        initializer: of convolutions; a Keras identifier or ``"kaiming_normal"``, PyTorch's with fan_out.
        shortcut_first: whether the shortcut is the first input of an addition. It decides the order of the layers.
        grammar: of the layer names, a row of `layer_names.GRAMMARS`.
        numbered: the stages whose blocks are called a, b1, b2 .. where the grammar says a, b, c ..
        head: ``"global"`` average pool, or a pool over the whole map and ``"flatten"``.
        softmax_layer: whether the classifier's activation is a layer of its own.
        preprocessing: what the pixels have gone through: ``"caffe"``, ``"torch"``, ``"tf"``, ``"unit"`` or ``"none"``.
    """

    name: str
    depths: tuple
    widths: tuple = (64, 128, 256, 512)
    block: str = "bottleneck"
    order: str = "post"
    stem: str = "imagenet"
    stem_width: int = 64
    shortcut: str = "B"
    groups: int = 1
    base_width: int = 64
    se_ratio: float | None = None
    residual_scale: float | str = 1.0
    norm: str = "batch"
    zero_init_gamma: bool = False
    drop_path: float = 0.0
    output_stride: int = 32
    input_size: int = 224
    classes: int = 1000

    lineage: str = "chollet"
    stem_padding: str = "explicit"
    pool: str = "zero"
    pads: str = "strided"
    strided_conv: int = 1
    strided_block: str = "first"
    project_first: bool = True
    input_norm: bool = False
    stem_norm: bool = False
    epsilon: float = 1e-5
    momentum: float = 0.99
    bias: tuple = ()
    initializer: str = "glorot_uniform"
    shortcut_first: bool = False
    grammar: str = "chollet"
    numbered: tuple = ()
    head: str = "global"
    softmax_layer: bool = False
    preprocessing: str = "caffe"

    def __post_init__(self):
        for field, accepted in CHOICES.items():
            if getattr(self, field) not in accepted:
                raise ModelError(one_of(field, getattr(self, field), accepted))
        for field, (kind, low, high, text) in _RANGES.items():
            value = getattr(self, field)
            if not (isinstance(value, kind) and low <= value <= high):
                raise ModelError(f"{field}: expected {text}, received {value!r}")
        for field in ("depths", "widths"):
            value = getattr(self, field)
            if not (isinstance(value, tuple | list) and value and all(isinstance(n, int) and n > 0 for n in value)):
                raise ModelError(f"{field}: expected an int of at least 1 for each stage, received {value!r}")
        self._refuse_pairs()

    def _refuse_pairs(self):
        if len(self.depths) != len(self.widths):
            raise ModelError(f"depths and widths: expected as many of each, received {self.depths} and {self.widths}")
        if self.residual_scale != "learned" and not _share(self.residual_scale):
            raise ModelError(
                f"residual_scale: expected a number above 0 and at most 1, or 'learned', received {self.residual_scale!r}"
            )
        if self.se_ratio is not None and not _share(self.se_ratio):
            raise ModelError(f"se_ratio: expected None or a number above 0 and at most 1, received {self.se_ratio!r}")
        if self.zero_init_gamma and (self.order == "pre" or self.norm == "none"):
            raise ModelError(
                f"zero_init_gamma: expected a branch that ends in a normalisation, received order={self.order!r}, "
                f"norm={self.norm!r}; residual_scale='learned' starts such a branch at zero"
            )
        if self.block == "basic" and (self.groups, self.base_width) != (1, 64):
            raise ModelError(
                f"groups and base_width: a basic block takes 1 and 64 alone, received {self.groups} and {self.base_width}; "
                "block='bottleneck' takes others"
            )
        if min(self.widths) * self.base_width < 64:
            raise ModelError(f"base_width: expected at least {-(-64 // min(self.widths))} here, received {self.base_width}")

    @property
    def expansion(self) -> int:
        """Channels of a stage's output per unit of its width."""
        return 4 if self.block == "bottleneck" else 1

    @property
    def stem_activated(self) -> bool:
        """Whether the stem ends in a normalisation and a ReLU; in most pre-activation networks the first block has them."""
        return self.order != "pre" or self.stem_norm

    def has_bias(self, stage: int, branch: str) -> bool:
        """Whether the convolution at a stage and branch (`layer_names.Place`) has a bias."""
        return self.norm == "none" or ("stem" if stage == layer_names.STEM else branch) in self.bias


FIELDS = tuple(field.name for field in fields(ModelSpec) if field.name not in ("name", "lineage"))


def _share(value):
    return isinstance(value, int | float) and 0 < value <= 1
