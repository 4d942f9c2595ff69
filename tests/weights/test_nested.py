"""Networks within models: what they compute is compared as that of a network by itself."""

import keras
import pytest
from test_dialects import equal, tiny

import keras_resnet as kr
from keras_resnet.errors import WeightsError


def nest(model):
    images = keras.Input((32, 32, 3))
    return keras.Model(images, model(images))


def in_a_sequence(model):
    return keras.Sequential([keras.Input((32, 32, 3)), nest(model)])


def transfer(base, sequential):
    """A network without its top under a new classifier, as in a notebook on transfer learning."""
    images, dense = keras.Input((32, 32, 3)), keras.layers.Dense(4, activation="softmax", name="signs")
    if sequential:
        return keras.Sequential([images, base, keras.layers.GlobalAveragePooling2D(), dense])
    pooled = keras.layers.GlobalAveragePooling2D()(base(images))
    return keras.Model(images, dense(keras.layers.BatchNormalization(epsilon=0.5, name="own")(pooled)))


@pytest.mark.parametrize("around", [nest, in_a_sequence, lambda model: nest(nest(model))])
def test_a_file_of_another_lineage_is_refused(around, tmp_path):
    kr.weights.save(tiny("keras_v2", seed=1), tmp_path / "w.h5")
    model, before = around(tiny(seed=2)), tiny(seed=2)
    with pytest.raises(WeightsError, match=r"the file is keras_v2 .*, the model chollet .*; they differ in pool"):
        kr.weights.load(model, tmp_path / "w.h5")
    assert equal(model, before)
    kr.weights.load(around(tiny("keras_v2", seed=2)), tmp_path / "w.h5")


def test_saving_goes_by_what_the_network_within_computes(tmp_path):
    model = nest(tiny("keras_v2", seed=1))
    with pytest.raises(WeightsError, match="torchvision"):
        kr.weights.save(model, tmp_path / "w.safetensors", dialect="torchvision")
    for name in ("w.h5", "w.weights.h5"):
        assert kr.weights.save(model, tmp_path / name).lineage == "keras_v2"
        assert kr.weights.inspect(tmp_path / name).lineage == "keras_v2"


@pytest.mark.parametrize("lineage", ["chollet", "keras_v2", "keras", "keras_hub", "broad", "caffe", "qubvel", "torchvision"])
@pytest.mark.parametrize("name", ["w.keras", "w.h5"])
def test_a_whole_model_is_told_by_the_graph_within(lineage, name, tmp_path):
    flat = tiny(lineage, seed=1)
    nest(flat).save(tmp_path / name)
    info = kr.weights.inspect(tmp_path / name)
    assert (info.lineage, info.model, info.classes) == (lineage, "resnet-tiny", 5)
    other = tiny(lineage, seed=2)
    kr.weights.load(other, tmp_path / name)
    assert equal(other, flat) and equal(kr.weights.model_from(tmp_path / name), flat)
    with pytest.raises(WeightsError, match=rf"the file is {lineage} "):
        kr.weights.load(tiny("qubvel", epsilon=0.5) if lineage == "qubvel" else tiny("broad", epsilon=0.5), tmp_path / name)


def test_an_epsilon_of_the_graph_within_counts(tmp_path):
    nest(tiny(seed=1, epsilon=0.25)).save(tmp_path / "w.keras")
    with pytest.raises(WeightsError, match="they differ in epsilon"):
        kr.weights.load(tiny(seed=2), tmp_path / "w.keras")


@pytest.mark.parametrize("sequential", [True, False])
@pytest.mark.parametrize("lineage", ["chollet", "keras_v2"])
def test_a_new_classifier_on_a_network_is_recognised(lineage, sequential, tmp_path):
    """The new classifier's own normalisation, of another epsilon, is no part of the network."""
    base = tiny(lineage, seed=1, include_top=False, classes=None)
    model = transfer(base, sequential)
    model.save(tmp_path / "w.keras")
    info = kr.weights.inspect(tmp_path / "w.keras")
    assert info.lineage == lineage and info.model == "resnet-tiny" and info.classes == 4
    if sequential:
        info, report = kr.weights.verify(tmp_path / "w.keras")
        assert (info.model, len(report.matched)) == ("resnet-tiny", len(model.weights))
    again = transfer(tiny(lineage, seed=2, include_top=False, classes=None), sequential)
    assert kr.weights.load(again, tmp_path / "w.keras").complete and equal(again, model)
    foreign = transfer(tiny("keras_hub", include_top=False, classes=None), sequential)
    with pytest.raises(WeightsError, match=f"the file is {lineage} "):
        kr.weights.load(foreign, tmp_path / "w.keras")


def test_two_networks_in_one_model_are_called_that(tmp_path):
    images, nets = keras.Input((32, 32, 3)), [tiny(seed=1), tiny(seed=2)]
    nets[1].name = "other"
    model = keras.Model(images, [net(images) for net in nets])
    for name in ("w.h5", "w.weights.h5"):
        kr.weights.save(model, tmp_path / name)
        for use in (kr.weights.inspect, lambda path: kr.weights.load(tiny(), path)):
            with pytest.raises(
                WeightsError, match=r"two layers are named (bn_)?conv1 \(two networks in one model\?\); expected one"
            ):
                use(tmp_path / name)
