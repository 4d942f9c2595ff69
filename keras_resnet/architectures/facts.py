"""What a network computes by beside its weights, and what of it is a lineage's own: read off the specifications."""

import functools
from dataclasses import dataclass

from keras_resnet.architectures.catalog import CATALOG, resolve
from keras_resnet.architectures.lineages import LINEAGES, followed
from keras_resnet.architectures.spec import ModelSpec

# Word for where a bottleneck halves the map -> the fields of a `ModelSpec` that say it.
STRIDES = {
    "1x1": {"strided_conv": 1, "strided_block": "first"},
    "3x3": {"strided_conv": 2, "strided_block": "first"},
    "last 3x3": {"strided_conv": 2, "strided_block": "last"},
}


@dataclass(frozen=True)
class Facts:
    """What cannot be seen in the shapes of weights and yet changes what they compute; None where it is not known.

    Attributes:
        epsilon: of batch normalisation.
        stride: the convolution of a bottleneck that halves the map: ``"1x1"``, ``"3x3"``, or ``"last 3x3"`` in the last block
            of the stage before.
        pool: what surrounds the stem's pool: ``"valid"`` nothing, ``"zero"`` one pixel, ``"ceil"`` one on the right and below,
            ``"infinity"`` one pixel of minus infinity.
        stem: padding of the stem's convolution: ``"explicit"``, equal on both sides, or TensorFlow's ``"same"``.
    """

    epsilon: float | None = None
    stride: str | None = None
    pool: str | None = None
    stem: str | None = None

    def __str__(self):
        said = {"epsilon": self.epsilon, "stride in the": self.stride, "pool": self.pool, "stem padding": self.stem}
        return ", ".join(f"{name} {value}" for name, value in said.items() if value is not None)

    def differences(self, other):
        """The fields in which both are known and differ."""
        return [name for name in vars(self) if None not in (ours := getattr(self, name), theirs := getattr(other, name))
                and not _alike(ours, theirs)]  # fmt: skip


def _alike(ours, theirs):
    if isinstance(ours, float):
        return abs(ours - theirs) <= 1e-4 * ours  # stored as float32 by some; 1e-5 and 1.001e-5 are ten times that apart
    return ours == theirs


def facts_of(spec: ModelSpec) -> Facts:
    """The facts of a network with bottlenecks and a stem for photographs; others show less of them."""
    fields = {"strided_conv": spec.strided_conv, "strided_block": spec.strided_block}
    stride = next((word for word, choices in STRIDES.items() if choices == fields), None)
    pool = {"same": "ceil"}.get(spec.pool, spec.pool)  # TensorFlow's rounds up where the size is even, as Caffe does
    return Facts(spec.epsilon, stride, pool, spec.stem_padding)


@functools.cache
def facts_by_lineage(order: str) -> dict[str, Facts]:
    """Lineage -> the facts of its networks of an order of operations, ``"post"`` or ``"pre"``."""
    return {lineage: facts_of(_typical(lineage, order)) for lineage in LINEAGES}


def biased_branches(lineage: str, order: str) -> tuple | None:
    """The branches with biases in a lineage's networks, as `ModelSpec.bias`; None where it has no network of that order."""
    specs = (resolve(name, lineage) for name, row in CATALOG.items() if lineage in row.lineages)
    return _typical(lineage, order).bias if any(spec.order == order for spec in specs) else None


def shortcut_first(lineage: str) -> bool:
    """Whether the shortcut is the first input of a lineage's additions."""
    return LINEAGES[lineage].conventions.get("shortcut_first", False)


def _typical(lineage, order):
    """A network with bottlenecks by a lineage's conventions; where they depend on the name, those of its ResNet-50."""
    fields = {"order": order, "block": "bottleneck", "depths": (1,), "widths": (64,)}
    return ModelSpec(name="resnet50", lineage=lineage, **followed("resnet50", lineage, fields, {}))
