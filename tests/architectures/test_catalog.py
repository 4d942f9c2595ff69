import re

import pytest

from keras_resnet.errors import ModelError
from keras_resnet.models import CATALOG, LINEAGES, list_models, resolve


def test_patterns_select_names():
    assert list_models("resnet*v2")[:4] == ["resnet50v2", "resnet101v2", "resnet152v2", "resnet20v2"]
    assert list_models("plain*") == ["plain20", "plain32", "plain44", "plain56", "plain110", "plain18", "plain34"]
    assert list_models("resnet51") == []
    assert list_models() == list(CATALOG)


@pytest.mark.parametrize(
    ("names", "lineage"),
    [
        (("resnet50", "resnet101", "resnet152"), "chollet"),
        (("resnet50v2", "resnet101v2", "resnet152v2"), "keras"),
        (("resnet20", "resnet110", "resnet56v2", "plain20", "plain18", "plain34"), "he"),
        (("resnet18", "resnet200", "resnet50d", "wide_resnet50_2", "resnext101_32x8d", "se_resnet50"), "torchvision"),
    ],
)
def test_default_lineages(names, lineage):
    assert {resolve(name).lineage for name in names} == {lineage}


def test_every_lineage_has_a_network_and_every_network_its_lineages():
    assert {lineage for row in CATALOG.values() for lineage in row.lineages} == set(LINEAGES)
    assert "resnet50" in [name for name, row in CATALOG.items() if len(set(row.lineages)) == len(row.lineages)]


# What a lineage is known by: epsilon, biases, the stride's convolution, the pool, in that library's ResNet-50.
@pytest.mark.parametrize(
    ("lineage", "epsilon", "biased", "strided", "pool"),
    [
        ("chollet", 1e-3, 5, 1, "valid"),
        ("keras_v2", 1e-3, 5, 1, "zero"),
        ("keras", 1.001e-5, 5, 1, "zero"),
        ("caffe", 1e-5, 1, 1, "ceil"),
        ("torchvision", 1e-5, 0, 2, "zero"),
        ("keras_hub", 1e-5, 0, 2, "zero"),
        ("broad", 1e-5, 0, 1, "same"),
        ("qubvel", 2e-5, 0, 2, "zero"),
        ("coursera", 1e-3, 5, 1, "valid"),
    ],
)
def test_conventions(lineage, epsilon, biased, strided, pool):
    spec = resolve("resnet50", lineage)
    assert (spec.epsilon, len(spec.bias), spec.strided_conv, spec.pool) == (epsilon, biased, strided, pool)


def test_conventions_for_some_networks_alone():
    assert resolve("resnet101").numbered == (3, 4) and resolve("resnet50").numbered == ()
    assert resolve("resnet18", "broad").numbered == (2, 3, 4, 5)
    assert resolve("resnet101", "caffe").bias == ()  # its conv1 has bias_term: false
    v2 = resolve("resnet50v2")
    assert (v2.strided_block, v2.bias, v2.preprocessing) == ("last", ("stem", "0", "3"), "tf")
    assert resolve("resnet18d", "keras_hub").project_first and not resolve("resnet18d").project_first
    assert resolve("resnet50", "keras", order="pre").strided_block == "last"  # a choice brings its conventions with it
    assert resolve("resnet50", "qubvel").order == "pre"
    assert resolve("resnet50", "keras", order="pre", strided_block="first").strided_block == "first"


@pytest.mark.parametrize(
    ("name", "lineage", "choices", "message"),
    [
        ("resnet51", None, {}, "Unknown model: received 'resnet51'; expected one of 'resnet50', "),
        ("plain19", None, {}, "received 'plain19'; expected one of 'plain18', "),
        (
            "resnet18",
            "chollet",
            {},
            "Unknown lineage of resnet18: received 'chollet'; expected one of 'torchvision', 'keras_hub'",
        ),
        ("resnet18", None, {"blocks": 3}, "Unknown argument of resnet18: received 'blocks'; expected one of 'block', "),
        ("resnet18", None, {"norm": "layer"}, "Unknown norm: received 'layer'; expected one of 'batch', 'group', 'none'"),
        ("resnet18", None, {"output_stride": 4}, "Unknown output_stride: received 4; expected one of 8, 16, 32"),
        ("resnet18", None, {"depths": (2, 0, 2, 2)}, r"depths: expected an int of at least 1 for each stage, received \(2, 0"),
        ("resnet18", None, {"depths": 3}, "depths: expected an int of at least 1 for each stage, received 3"),
        ("resnet18", None, {"depths": (2, 2)}, r"expected as many of each, received \(2, 2\) and \(64, 128, 256, 512\)"),
        ("resnet18", None, {"residual_scale": 0}, "a number above 0 and at most 1, or 'learned', received 0"),
        ("resnet18", None, {"drop_path": 1.0}, "drop_path: expected a number of at least 0 and below 1, received 1.0"),
        ("resnet18", None, {"groups": 32}, "a basic block takes 1 and 64 alone, received 32 and 64; block='bottleneck'"),
        ("resnet50", None, {"groups": 0}, "groups: expected an int of at least 1, received 0"),
        ("resnet-tiny", None, {"base_width": 4}, "base_width: expected at least 8 here, received 4"),
        ("resnet50", None, {"epsilon": 0}, "epsilon: expected a float above 0, received 0"),
        ("resnet50", None, {"se_ratio": 16}, "se_ratio: expected None or a number above 0 and at most 1, received 16"),
        ("resnet50v2", None, {"zero_init_gamma": True}, "received order='pre', norm='batch'; residual_scale='learned' starts"),
    ],
)
def test_what_cannot_be_is_named(name, lineage, choices, message):
    with pytest.raises(ModelError, match=message) as error:
        resolve(name, lineage, **choices)
    assert not re.search("\n", str(error.value))
