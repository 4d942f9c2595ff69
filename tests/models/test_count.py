import numpy as np
import pytest

from keras_resnet.errors import ModelError
from keras_resnet.models import CATALOG, create_model, resolve
from keras_resnet.models.count import count, table

PUBLISHED = [(name, lineage, facts) for name, row in CATALOG.items() for lineage, facts in row.published.items()]


@pytest.mark.parametrize(("name", "lineage", "facts"), PUBLISHED, ids=lambda value: value if isinstance(value, str) else "")
def test_counts_are_the_published_ones(name, lineage, facts):
    counted = count(resolve(name, lineage))
    assert facts.parameters in (None, counted.parameters)
    assert facts.trainable in (None, counted.trainable)
    assert facts.gmacs is None or counted.multiply_adds / 1e9 == pytest.approx(facts.gmacs, rel=0.01)


# He et al. 2015, table 6, parameters in millions; table 1 and section 4.1, multiply-adds in units of 10 ** 9.
@pytest.mark.parametrize(
    ("name", "millions"),
    [("resnet20", "0.27"), ("resnet32", "0.46"), ("resnet44", "0.66"), ("resnet56", "0.85"), ("resnet110", "1.7")],
)
def test_the_small_networks_have_the_papers_size(name, millions):
    parameters = count(resolve(name)).trainable / 1e6
    assert f"{parameters:.{len(millions) - 2}f}" == millions
    assert count(resolve(name.replace("resnet", "plain"))).trainable / 1e6 == parameters  # "exactly": section 3.3
    assert count(resolve(name + "v2")).trainable / 1e6 == parameters


@pytest.mark.parametrize(("name", "billions"), [("plain18", 1.8), ("plain34", 3.6)])
def test_the_plain_networks_cost_what_the_paper_says(name, billions):
    assert round(count(resolve(name)).multiply_adds / 1e9, 1) == billions


TORCH = ("resnet-tiny", "torchvision")


@pytest.mark.parametrize(
    ("name", "lineage", "choices"),
    [
        ("resnet-tiny", "qubvel", {}),
        ("resnet-tiny", "broad", {}),
        ("resnet-tiny", "caffe", {}),
        ("resnet20v2", "he", {}),
        (*TORCH, {"stem": "deep", "shortcut": "D"}),
        (*TORCH, {"shortcut": "C", "depths": (2, 2, 1, 1)}),
        (*TORCH, {"shortcut": "A"}),
        (*TORCH, {"shortcut": "none", "block": "basic"}),
        (*TORCH, {"order": "pre", "shortcut": "D"}),
        (*TORCH, {"norm": "group"}),
        (*TORCH, {"norm": "none"}),
        (*TORCH, {"se_ratio": 1 / 16, "residual_scale": "learned", "drop_path": 0.1}),
        (*TORCH, {"groups": 4, "base_width": 32}),
        ("resnet-tiny", "keras", {"order": "pre", "output_stride": 8}),
    ],
)
def test_counts_are_those_of_the_network(name, lineage, choices):
    model = create_model(name, lineage=lineage, input_shape=(40, 40, 4), classes=5, **choices)
    counted = count(resolve(name, lineage, **choices), size=40, channels=4, classes=5)
    assert counted.parameters == model.count_params()
    assert counted.trainable == sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    assert counted.multiply_adds == multiply_adds(model)
    bare = create_model(name, lineage=lineage, include_top=False, **choices)
    assert count(resolve(name, lineage, **choices), include_top=False).parameters == bare.count_params()


def multiply_adds(model):
    """From the built layers: positions of the output times the kernel's size."""
    total = 0
    for layer in model.layers:
        kernel = getattr(layer, "kernel", None)
        if kernel is not None and kernel.shape != (1, 1):  # the learned scalar is not a layer of a network
            positions = int(np.prod(layer.output.shape[1:3])) if len(kernel.shape) == 4 else 1
            total += positions * int(np.prod(kernel.shape))
    return total


def test_the_table_has_a_row_for_each_name_and_lineage():
    rows = table("resnet50")
    assert [row["lineage"] for row in rows] == list(CATALOG["resnet50"].lineages)
    assert rows[0] == {
        "name": "resnet50",
        "lineage": "chollet",
        "parameters": 25_636_712,
        "trainable": 25_583_592,
        "gmacs": 3.8343,  # less than with padding: the stem's pool leaves 55 pixels a side, not 56
        "source": "He et al. 2015, arXiv:1512.03385; fchollet/deep-learning-models v0.2, resnet50.py; "
        "block numbers of KaimingHe/deep-residual-networks",
    }
    assert len(table()) == sum(len(row.lineages) for row in CATALOG.values())
    assert count(resolve("resnet-tiny")).parameters < 100_000
    with pytest.raises(ModelError, match="No model matches 'vgg.'; the names are resnet18, resnet34"):
        table("vgg*")


def test_resnet26_has_timms_sixteen_million_parameters():
    """Rounded there to 16.0 (results/benchmark-infer-amp-nchw-pt110-cu113-rtx3090.csv)."""
    assert round(count(resolve("resnet26")).trainable / 1e6, 1) == 16.0
