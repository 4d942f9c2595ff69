"""Places from order and shapes alone: Keras 3's own layout without the layers' names, for networks with gates."""

import h5py
import numpy as np
import pytest
from numpy_resnet import randomize

import keras_resnet as kr
from keras_resnet.weights.numbered_layers import readings_in_order


def bare(model, path):
    """The weights as Keras 3 saves them, without the names that later versions add."""
    model.save_weights(path)
    with h5py.File(path, "r+") as file:
        for group in file["layers"].values():
            group["vars"].attrs.pop("name", None)
    return path


def net(seed, **options):
    options = {"input_shape": (32, 32, 3), "classes": 5, "se_ratio": 0.25, **options}
    model = kr.create_model("resnet-tiny", lineage="torchvision", **options)
    randomize(model, seed)
    return model


@pytest.mark.parametrize("options", [{}, {"shortcut_first": True}, {"block": "basic"}, {"stem": "deep"}, {"depths": (2, 1, 2)}])
def test_gates_are_found_by_their_place(options, tmp_path):
    if "depths" in options:
        options = {**options, "widths": (8, 16, 24)}
    model, other = net(1, **options), net(2, **options)
    report = kr.weights.load(other, bare(model, tmp_path / "w.weights.h5"))
    assert len(report.matched) == len(model.weights)
    for ours, theirs in zip(other.weights, model.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs, err_msg=ours.path)


def test_a_bare_file_of_se_resnet50_is_recognised(tmp_path):
    model = kr.create_model("se_resnet50", input_shape=(32, 32, 3), classes=4)
    info = kr.weights.inspect(bare(model, tmp_path / "w.weights.h5"))
    assert (info.model, info.lineage, info.classes) == ("se_resnet50", "torchvision", 4)
    assert any("named by class and count" in line for line in info.evidence)


def test_gates_of_another_width_than_the_blocks_are_none():
    stem, block = [(7, 7, 3, 8)], [(1, 1, 8, 4), (3, 3, 4, 4), (1, 1, 4, 16)]
    gates, shortcut = [(1, 1, 16, 2), (1, 1, 2, 16)], [(1, 1, 8, 16)]
    shapes = stem + block + gates + shortcut
    norms = [(shape[3], True) for shape in stem + block + shortcut]
    (found,) = readings_in_order(shapes, norms)
    assert [(place.stage, place.branch) for place in found[0]] == [
        (1, "1"), (2, "1"), (2, "2"), (2, "3"), (2, "gate1"), (2, "gate2"), (2, "0")
    ]  # fmt: skip
    assert [place.branch for place in found[1]] == ["1", "1", "2", "3", "0"] and found[2] is False
    assert readings_in_order(stem + block + [(1, 1, 16, 2), (1, 1, 2, 8)] + shortcut, norms) == []
