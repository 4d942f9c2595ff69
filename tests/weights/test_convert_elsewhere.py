"""Files written here, read by Keras, tf_keras and PyTorch themselves, with equal outputs; and theirs, converted here."""

import keras
import numpy as np
import pytest
from numpy_resnet import randomize
from test_dialects import chollet_names, tiny

import keras_resnet as kr

IMAGES = np.random.default_rng(0).uniform(-1, 1, size=(2, 64, 64, 3)).astype("float32")


def outputs(model, images=IMAGES):
    return keras.ops.convert_to_numpy(model(images, training=False))


def close(ours, theirs):
    assert np.abs(ours - theirs).max() <= 1e-5 * np.abs(theirs).max()
    assert np.abs(theirs[0] - theirs[1]).max() > 1e-3 * np.abs(theirs).max()  # the images tell


@pytest.mark.parametrize("end", [".h5", ".weights.h5"])
@pytest.mark.parametrize("lineage", ["keras", "keras_hub", "torchvision"])
def test_keras_loads_chollets_dialect_by_position(lineage, end, tmp_path):
    """Keras goes by the order of the layers, which is another in two of the sources."""
    source, target = tiny(lineage, seed=1), tiny("chollet", seed=2)
    kr.weights.save(source, tmp_path / "w.h5")
    kr.weights.convert(tmp_path / "w.h5", tmp_path / f"v{end}", "chollet", lineage="ignore")
    target.load_weights(tmp_path / f"v{end}")
    for theirs, ours in chollet_names(lineage).items():
        arrays = source.get_layer(theirs.replace(".", "_")).get_weights()
        loaded = target.get_layer(ours).get_weights()
        for array, weight in zip(arrays, loaded, strict=False):
            np.testing.assert_array_equal(array, weight)
        assert all(not np.any(weight) for weight in loaded[len(arrays) :])  # biases that the source lacks


@pytest.mark.parametrize("lineage", ["chollet", "qubvel", "keras_hub"])
def test_keras_loads_its_own_layout_under_the_networks_own_names(lineage, tmp_path):
    source, target = tiny(lineage, seed=1), tiny(lineage, seed=2)
    kr.weights.save(source, tmp_path / "w.h5")
    kr.weights.convert(tmp_path / "w.h5", tmp_path / "v.weights.h5", "keras3")
    target.load_weights(tmp_path / "v.weights.h5")
    for one, other in zip(source.get_weights(), target.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_keras_applications_takes_the_files_as_its_own(tmp_path):
    """The network in full size; its file goes through Chollet's dialect, whose layers stand in another order, and back."""
    ours = kr.models.create_model("resnet50", lineage="keras", input_shape=(64, 64, 3), classifier_activation=None)
    randomize(ours, 1)
    bare = keras.Model(ours.input, ours.get_layer("conv5_block3_out").output)
    for model, name in ((ours, "top.weights.h5"), (bare, "notop.h5")):
        kr.weights.save(model, tmp_path / "start.h5")
        kr.weights.convert(tmp_path / "start.h5", tmp_path / "between.h5", "chollet", lineage="ignore")
        kr.weights.convert(tmp_path / "between.h5", tmp_path / name, "keras_applications")
    options = {"input_shape": (64, 64, 3), "classifier_activation": None}
    close(outputs(ours), outputs(keras.applications.ResNet50(weights=tmp_path / "top.weights.h5", **options)))
    theirs = keras.applications.ResNet50(weights=tmp_path / "notop.h5", include_top=False, input_shape=(64, 64, 3))
    close(outputs(bare), outputs(theirs))

    theirs.save_weights(tmp_path / "theirs.weights.h5")  # and what Keras wrote is converted here
    kr.weights.convert(tmp_path / "theirs.weights.h5", tmp_path / "ours.h5", "keras_applications")
    assert kr.weights.diff(tmp_path / "ours.h5", tmp_path / "notop.h5").same
    keras.backend.clear_session()


def test_tf_keras_loads_the_layout_of_keras_2(tmp_path):
    resnet = pytest.importorskip("tf_keras.src.applications.resnet", reason="tf_keras is not installed")
    from tf_keras import backend

    def stacks(x):
        for stage, (filters, stride) in enumerate(((8, 1), (8, 2), (16, 2), (16, 2)), start=2):
            x = resnet.stack1(x, filters, 1, stride1=stride, name=f"conv{stage}")
        return x

    def theirs():
        options = {"weights": None, "input_shape": (64, 64, 3), "classes": 5, "classifier_activation": None}
        return resnet.ResNet(stacks, False, True, "tiny", **options)

    ours = tiny("keras", seed=1, stem_width=64, input_shape=(64, 64, 3), classifier_activation=None)
    kr.weights.save(ours, tmp_path / "start.h5")
    kr.weights.convert(tmp_path / "start.h5", tmp_path / "between.h5", "chollet", lineage="ignore")
    kr.weights.convert(tmp_path / "between.h5", tmp_path / "w.h5", "keras_applications")
    model = theirs()
    model.load_weights(str(tmp_path / "w.h5"))
    close(outputs(ours), model(IMAGES, training=False).numpy())

    model.save_weights(str(tmp_path / "theirs.h5"))
    assert kr.weights.diff(tmp_path / "theirs.h5", tmp_path / "w.h5").same
    again = tiny("keras", seed=2, stem_width=64, input_shape=(64, 64, 3), classifier_activation=None)
    kr.weights.load(again, tmp_path / "theirs.h5")
    close(outputs(again), outputs(ours))
    backend.clear_session()


@pytest.mark.parametrize("deep", [False, True])
def test_a_pytorch_module_with_torchvisions_names_takes_the_file(deep, tmp_path):
    torch, load_file = pytest.importorskip("torch"), pytest.importorskip("safetensors.torch").load_file
    import torch_networks

    options = {"deep": True, "shortcut": "D"} if deep else {}
    network = torch_networks.Network((1, 1, 1, 1), 5, **options).eval()
    choices = {"input_shape": (64, 64, 3), "classes": 5, "classifier_activation": None, "depths": (1, 1, 1, 1)}
    ours = kr.models.create_model("resnet50d" if deep else "resnet50", lineage="torchvision", **choices)
    randomize(ours, 1)
    kr.weights.save(ours, tmp_path / "start.h5")
    kr.weights.convert(tmp_path / "start.h5", tmp_path / "between.h5", "chollet", lineage="ignore")
    kr.weights.convert(tmp_path / "between.h5", tmp_path / "w.safetensors", "torchvision")
    assert not network.load_state_dict(load_file(tmp_path / "w.safetensors"), strict=True).missing_keys
    close(outputs(ours), torch_networks.run(network, IMAGES))

    torch.save(network.state_dict(), tmp_path / "theirs.pth")
    assert kr.weights.diff(tmp_path / "theirs.pth", tmp_path / "start.h5").same


def test_a_pytorch_network_becomes_keras_applications_network_where_they_agree(tmp_path):
    """With the stride in the 1x1 and Keras's epsilon, torchvision's names are no obstacle."""
    load_file = pytest.importorskip("safetensors.torch").load_file
    pytest.importorskip("torch")
    import torch_networks

    network = torch_networks.randomize(torch_networks.Network((1, 1, 1, 1), 5, stride_in_1x1=True, epsilon=1.001e-5), seed=3)
    from safetensors.torch import save_file

    save_file(network.state_dict(), tmp_path / "w.safetensors")
    kr.weights.convert(tmp_path / "w.safetensors", tmp_path / "w.h5", "keras_applications", lineage="ignore")
    choices = {"input_shape": (64, 64, 3), "classes": 5, "classifier_activation": None, "depths": (1, 1, 1, 1)}
    ours = kr.models.create_model("resnet50", lineage="keras", **choices)
    ours.load_weights(tmp_path / "w.h5")
    close(outputs(ours), torch_networks.run(network, IMAGES))
    kr.weights.convert(tmp_path / "w.h5", tmp_path / "back.safetensors", "torchvision")
    for name, tensor in load_file(tmp_path / "back.safetensors").items():
        np.testing.assert_array_equal(tensor.numpy(), network.state_dict()[name].numpy())
