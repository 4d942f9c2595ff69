"""The networks: a row each, with the figures their authors published."""

import fnmatch
from dataclasses import dataclass, field

from keras_resnet.architectures.lineages import followed
from keras_resnet.architectures.spec import FIELDS, ModelSpec
from keras_resnet.errors import ModelError, nearest_of, one_of

# Of `create_model`, beside the fields of a `ModelSpec`: what a misspelt argument may have been meant to be.
_ARGUMENTS = (
    "input_shape", "input_tensor", "include_top", "pooling", "classifier_activation", "weights", "dtype", "name", "lineage",
)  # fmt: skip


@dataclass(frozen=True)
class Published:
    """What somebody else says of a network, at its published input size and number of classes.

    Attributes:
        source: who.
        parameters: all, the running statistics of batch normalisation included; None where not published.
        trainable: all but those; PyTorch's libraries count so.
        gmacs: multiply-adds in units of 10 ** 9.
    """

    source: str
    parameters: int | None = None
    trainable: int | None = None
    gmacs: float | None = None


@dataclass(frozen=True)
class Row:
    """A network of the catalogue.

    Attributes:
        source: the paper.
        lineages: the lineages that have it, the default first.
        topology: fields of `ModelSpec`, by name.
        published: lineage -> `Published`.
    """

    source: str
    lineages: tuple
    topology: dict
    published: dict = field(default_factory=dict)


_HE = "He et al. 2015, arXiv:1512.03385"
_HE_2016 = "He et al. 2016, arXiv:1603.05027"
_BAG = "He et al. 2019, arXiv:1812.01187"
_TV = "torchvision 0.28"
_TIMM = "timm 1.0.31; multiply-adds: its results/benchmark-infer-amp-nchw-pt110-cu113-rtx3090.csv"
_KERAS = "keras.applications 3.15"

_DEPTHS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3), 200: (3, 24, 36, 3)}
_BASIC = {"block": "basic"}
_DEEP = {"stem": "deep"}
_DEEP_AVERAGE = {"stem": "deep", "shortcut": "D"}
_DEEPER = ("torchvision", "keras_hub", "broad", "qubvel")
_OWN = ("chollet", "keras", "caffe", *_DEEPER)


def _torch(trainable, gmacs, source=_TV):
    return Published(source, trainable=trainable, gmacs=gmacs)


def _small(n, **topology):
    """6n + 2 layers for images of 32 x 32: section 4.2."""
    row = dict(depths=(n, n, n), widths=(16, 32, 64), block="basic", stem="small", stem_width=16, shortcut="A")
    return {**row, "input_size": 32, "classes": 10, **topology}


CATALOG = {
    "resnet18": Row(_HE, _DEEPER, {"depths": _DEPTHS[18], **_BASIC}, {"torchvision": _torch(11_689_512, 1.814)}),
    "resnet34": Row(_HE, _DEEPER, {"depths": _DEPTHS[34], **_BASIC}, {"torchvision": _torch(21_797_672, 3.664)}),
    "resnet26": Row(_HE, ("torchvision",), {"depths": (2, 2, 2, 2)}, {"torchvision": _torch(None, 2.36, _TIMM)}),
    "resnet50": Row(
        _HE,
        ("chollet", "keras_v2", *_OWN[1:], "coursera"),
        {"depths": _DEPTHS[50]},
        {
            "chollet": Published("fchollet/deep-learning-models v0.2", parameters=25_636_712),
            "keras": Published(_KERAS, parameters=25_636_712),
            "torchvision": _torch(25_557_032, 4.089),
            "coursera": Published("the course notebook's summary", parameters=23_600_006, trainable=23_546_886),
        },
    ),
    "resnet101": Row(
        _HE,
        _OWN,
        {"depths": _DEPTHS[101]},
        {"keras": Published(_KERAS, parameters=44_707_176), "torchvision": _torch(44_549_160, 7.801)},
    ),
    "resnet152": Row(
        _HE,
        _OWN,
        {"depths": _DEPTHS[152]},
        {"keras": Published(_KERAS, parameters=60_419_944), "torchvision": _torch(60_192_808, 11.514)},
    ),
    "resnet200": Row(
        _HE_2016, ("torchvision", "broad"), {"depths": _DEPTHS[200]}, {"torchvision": _torch(64_673_832, 15.07, _TIMM)}
    ),
    **{
        f"resnet{depth}v2": Row(
            _HE_2016,
            ("keras", "keras_hub"),
            {"depths": _DEPTHS[depth], "order": "pre"},
            {"keras": Published(_KERAS, parameters=parameters)},
        )
        for depth, parameters in ((50, 25_613_800), (101, 44_675_560), (152, 60_380_648))
    },
    "resnet50c": Row(
        _BAG, ("torchvision",), {"depths": _DEPTHS[50], **_DEEP}, {"torchvision": _torch(25_576_264, 4.35, _TIMM)}
    ),
    **{
        f"resnet{depth}d": Row(
            _BAG,
            ("torchvision", "keras_hub"),
            {"depths": _DEPTHS[depth], **_DEEP_AVERAGE, **(_BASIC if depth < 50 else {})},
            {"torchvision": _torch(trainable, gmacs, _TIMM), "keras_hub": Published("keras-hub 0.32", parameters=parameters)},
        )
        for depth, trainable, gmacs, parameters in (
            (18, 11_708_744, 2.06, 11_722_824),
            (34, 21_816_904, 3.91, 21_838_408),
            (50, 25_576_264, 4.35, 25_629_512),
            (101, 44_568_392, 8.08, 44_673_864),
            (152, 60_212_040, 11.80, 60_363_592),
        )
    },
    "wide_resnet50_2": Row(
        "Zagoruyko and Komodakis 2016, arXiv:1605.07146",
        ("torchvision",),
        {"depths": _DEPTHS[50], "base_width": 128},
        {"torchvision": _torch(68_883_240, 11.398)},
    ),
    "wide_resnet101_2": Row(
        "Zagoruyko and Komodakis 2016, arXiv:1605.07146",
        ("torchvision",),
        {"depths": _DEPTHS[101], "base_width": 128},
        {"torchvision": _torch(126_886_696, 22.753)},
    ),
    "resnext50_32x4d": Row(
        "Xie et al. 2017, arXiv:1611.05431",
        ("torchvision",),
        {"depths": _DEPTHS[50], "groups": 32, "base_width": 4},
        {"torchvision": _torch(25_028_904, 4.230)},
    ),
    "resnext101_32x8d": Row(
        "Xie et al. 2017, arXiv:1611.05431",
        ("torchvision",),
        {"depths": _DEPTHS[101], "groups": 32, "base_width": 8},
        {"torchvision": _torch(88_791_336, 16.414)},
    ),
    "se_resnet50": Row(
        "Hu et al. 2018, arXiv:1709.01507",
        ("torchvision",),
        {"depths": _DEPTHS[50], "se_ratio": 1 / 16},
        {"torchvision": _torch(28_088_024, 4.11, _TIMM)},
    ),
    **{f"resnet{6 * n + 2}": Row(_HE, ("he",), _small(n)) for n in (3, 5, 7, 9, 18)},
    **{f"resnet{6 * n + 2}v2": Row(_HE_2016, ("he",), _small(n, order="pre")) for n in (3, 5, 7, 9, 18)},
    **{f"plain{6 * n + 2}": Row(_HE, ("he",), _small(n, shortcut="none")) for n in (3, 5, 7, 9, 18)},
    **{f"plain{depth}": Row(_HE, ("he",), {"depths": _DEPTHS[depth], "shortcut": "none", **_BASIC}) for depth in (18, 34)},
    # Not from any paper: small enough to go through every entry point in seconds.
    "resnet-tiny": Row(
        "none: for the tests",
        ("chollet", "keras_v2", *_OWN[1:]),
        dict(depths=(1, 1, 1, 1), widths=(8, 8, 16, 16), stem_width=16, input_size=32, classes=10),
    ),
}


def list_models(pattern: str = "*") -> list[str]:
    """The names of the catalogue that match a shell pattern, e.g. ``"resnet*d"``: a list of str, in the catalogue's order."""
    return [name for name in CATALOG if fnmatch.fnmatchcase(name, pattern)]


def resolve(name: str, lineage: str | None = None, **choices) -> ModelSpec:
    """The `ModelSpec` of a network.

    Args:
        name: of the catalogue.
        lineage: one that the network has; None for its default.
        choices: fields of `ModelSpec` that differ from the row and the lineage.

    Raises:
        ModelError: an unknown name, lineage or field, or a value that its field cannot take; the message lists the choices.
    """
    if name not in CATALOG:
        raise ModelError(nearest_of("model", name, CATALOG))
    row = CATALOG[name]
    if lineage is not None and lineage not in row.lineages:
        raise ModelError(one_of(f"lineage of {name}", lineage, row.lineages))
    unknown = [field for field in choices if field not in FIELDS]
    if unknown:
        raise ModelError(nearest_of(f"argument of {name}", unknown[0], sorted({*FIELDS, *_ARGUMENTS})))
    lineage = lineage or row.lineages[0]
    return ModelSpec(name=name, lineage=lineage, **followed(name, lineage, row.topology, choices))
