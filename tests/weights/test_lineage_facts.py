"""What a network computes is written down twice: in `models.lineages`, to build it, and in `weights.dialects`, to tell a file.

The four facts map so: epsilon is epsilon; `strided_conv` 1 and 2 are "1x1" and "3x3", and with `strided_block` "last" the
latter is "last 3x3"; `pool` is pool, but TensorFlow's "same" is "ceil" (one pixel on the right and below where the side is
even); `stem_padding` is stem. The stride has no meaning for basic blocks, pool and stem have none for the stem of the small
images.
"""

import pytest

from keras_resnet.models.catalog import CATALOG, resolve
from keras_resnet.models.lineages import LINEAGES
from keras_resnet.weights.dialects import LINEAGE_FACTS, PREACT_FACTS, Facts

SPECS = [resolve(name, lineage) for name, row in CATALOG.items() for lineage in row.lineages]


def facts_of(spec):
    small = spec.stem == "small"
    stride = {1: "1x1", 2: "3x3"}[spec.strided_conv]
    return Facts(
        epsilon=spec.epsilon,
        stride=None if spec.block == "basic" else f"last {stride}" if spec.strided_block == "last" else stride,
        pool=None if small else {"same": "ceil"}.get(spec.pool, spec.pool),
        stem=None if small or spec.stem == "deep" else spec.stem_padding,
    )


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: f"{spec.name}-{spec.lineage}")
def test_the_facts_of_a_lineage_are_those_its_networks_are_built_by(spec):
    table = PREACT_FACTS if spec.order == "pre" else LINEAGE_FACTS
    for name, value in vars(facts_of(spec)).items():
        if value is not None:
            assert getattr(table[spec.lineage], name) == value, name


def test_every_lineage_has_facts_and_no_other_has():
    assert set(LINEAGE_FACTS) == set(PREACT_FACTS) == set(LINEAGES)


def test_every_fact_is_stated_by_some_network():
    stated = {(spec.lineage, name) for spec in SPECS for name, value in vars(facts_of(spec)).items() if value is not None}
    unstated = {(lineage, name) for lineage in LINEAGES for name in vars(Facts())} - stated
    assert unstated == {("he", "stride")}  # its networks have basic blocks alone
