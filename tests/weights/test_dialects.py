"""Every dialect on a tiny file written here: the bytes by h5py, safetensors or PyTorch, the names and axes by hand.

The reader's own tables are not used to write: `NAMES` spells the names out for the tiny network of one block a stage.
"""

import json
import zipfile

import h5py
import keras
import numpy as np
import pytest
from numpy_resnet import randomize

import keras_resnet as kr
from keras_resnet.errors import WeightsError

KERAS_WORDS = ("kernel:0", "bias:0", "gamma:0", "beta:0", "moving_mean:0", "moving_variance:0")


def tiny(lineage="chollet", seed=None, **options):
    model = kr.models.create_model("resnet-tiny", lineage=lineage, **{"input_shape": (32, 32, 3), "classes": 5, **options})
    if seed is not None:
        randomize(model, seed)
    return model


def weighted(model):
    """Layer name -> arrays, in the order of the network."""
    return {layer.name: layer.get_weights() for layer in model.layers if layer.get_weights()}


def chollet_names(lineage):
    """The tiny model's layer names -> Chollet's, written out."""
    pairs = {}
    for stage in (2, 3, 4, 5):
        for number, branch in zip("0123", ("1", "2a", "2b", "2c"), strict=True):
            conv, norm = f"res{stage}a_branch{branch}", f"bn{stage}a_branch{branch}"
            pairs |= {
                "keras": {f"conv{stage}_block1_{number}_conv": conv, f"conv{stage}_block1_{number}_bn": norm},
                "keras_hub": {f"stack{stage - 2}_block0_{number}_conv": conv, f"stack{stage - 2}_block0_{number}_bn": norm},
                "torchvision": {
                    f"layer{stage - 1}.0." + ("downsample.0" if number == "0" else f"conv{number}"): conv,
                    f"layer{stage - 1}.0." + ("downsample.1" if number == "0" else f"bn{number}"): norm,
                },
            }[lineage]
    ends = {
        "keras": ("conv1_conv", "conv1_bn", "predictions"),
        "keras_hub": ("conv1_conv", "conv1_bn", "predictions"),
        "torchvision": ("conv1", "bn1", "fc"),
    }[lineage]
    return pairs | dict(zip(ends, ("conv1", "bn_conv1", "fc1000"), strict=True))


def words(arrays, names):
    """Arrays of one layer with their words; one array is a kernel without a bias, three are a normalisation without gamma."""
    chosen = {1: names[:1], 2: names[:2], 3: names[3:], 4: names[2:]}[len(arrays)]
    return list(zip(chosen, arrays, strict=True))


def write_keras2(path, layers, *, backend="tensorflow", names=None, root=None):
    with h5py.File(path, "w") as file:
        group = file.create_group(root) if root else file
        group.attrs["layer_names"] = np.array([name.encode() for name in names or layers])
        file.attrs["keras_version"] = b"2.2.4"
        file.attrs["backend"] = backend.encode()
        for name in names or layers:
            layer, arrays = group.create_group(name), words(layers[name], KERAS_WORDS) if name in layers else []
            layer.attrs["weight_names"] = np.array([f"{name}/{word}".encode() for word, _ in arrays], dtype="S")
            for word, array in arrays:
                layer[f"{name}/{word}"] = array
    return path


def write_keras1(path, layers):
    """Keras 1.2.2: the datasets directly in the layer's group, nothing but layer_names at the root."""
    spelled = ("W", "b", "gamma", "beta", "running_mean", "running_std")
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = np.array([name.encode() for name in layers])
        for name, arrays in layers.items():
            layer = file.create_group(name)
            layer.attrs["weight_names"] = np.array([f"{name}_{word}".encode() for word, _ in words(arrays, spelled)])
            for word, array in words(arrays, spelled):
                layer[f"{name}_{word}"] = array
    return path


def torch_state(layers):
    state, dotted = {}, {name.replace(".", "_"): name for name in chollet_names("torchvision")}  # Keras's names have no dots
    for name, arrays in ((dotted.get(name, name), arrays) for name, arrays in layers.items()):
        if len(arrays) == 4:
            spelled = ("weight", "bias", "running_mean", "running_var")
            state |= {f"{name}.{word}": array for word, array in zip(spelled, arrays, strict=True)}
            state[f"{name}.num_batches_tracked"] = np.array(12345)
        else:
            kernel = arrays[0].transpose(3, 2, 0, 1) if arrays[0].ndim == 4 else arrays[0].T
            state[f"{name}.weight"] = np.ascontiguousarray(kernel)
            state |= {f"{name}.bias": array for array in arrays[1:]}
    return state


def equal(model, other):
    ours, theirs = model.get_weights(), other.get_weights()
    return len(ours) == len(theirs) and all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))


def rotated(layers):
    return {name: [array[::-1, ::-1] if array.ndim == 4 else array for array in arrays] for name, arrays in layers.items()}


def check(path, network, **found):
    """The file is recognised, loads into a fresh network, and `model_from` builds that network."""
    info = kr.weights.inspect(path)
    assert {name: getattr(info, name) for name in found} == found
    other = tiny(found["lineage"], seed=9)
    report = kr.weights.load(other, path)
    assert report.complete and equal(network, other)
    assert equal(network, kr.weights.model_from(path, input_shape=(32, 32, 3)))
    return report


@pytest.mark.parametrize("lineage", ["chollet", "keras_v2", "keras", "keras_hub", "broad", "qubvel", "caffe"])
def test_keras_2_files_of_every_dialect(lineage, tmp_path):
    model = tiny(lineage, seed=1)
    names = [layer.name for layer in model.layers]
    path = write_keras2(tmp_path / "w.h5", weighted(model), names=names)
    dialect = {"keras_v2": "chollet", "caffe": "chollet", "keras": "keras_applications"}.get(lineage, lineage)
    check(path, model, container="h5", dialect=dialect, lineage=lineage, model="resnet-tiny", classes=5, include_top=True)


def test_theanos_kernels_are_turned_where_the_file_names_its_backend(tmp_path):
    model = tiny(seed=1)
    path = write_keras2(tmp_path / "w.h5", rotated(weighted(model)), backend="theano", root="model_weights")
    report = check(path, model, lineage="chollet", dialect="chollet")
    assert report.converted == ("5 kernels turned by 180 degrees, as Theano convolves",)
    other = tiny()
    kr.weights.load(other, path, kernels="tensorflow")
    straight = rotated(weighted(model))["conv1"][0]
    np.testing.assert_array_equal(other.get_layer("conv1").get_weights()[0], straight)


def test_keras_1_files_with_channels_first_are_theanos(tmp_path):
    model = tiny(seed=1)
    layers = {
        name: [array.transpose(3, 2, 0, 1) if array.ndim == 4 else array for array in arrays]
        for name, arrays in rotated(weighted(model)).items()
    }
    path = write_keras1(tmp_path / "w.h5", layers)
    check(path, model, container="h5", dialect="chollet", lineage="chollet")
    assert any("Theano's is assumed" in line for line in kr.weights.inspect(path).evidence)


def test_keras_1_files_with_channels_last_are_tensorflows_unless_said_otherwise(tmp_path):
    model = tiny(seed=1)
    path = write_keras1(tmp_path / "w.h5", weighted(model))
    check(path, model, dialect="chollet", lineage="chollet")
    assert any("TensorFlow's is assumed" in line for line in kr.weights.inspect(path).evidence)
    turned = kr.weights.model_from(path, kernels="theano", input_shape=(32, 32, 3))
    np.testing.assert_array_equal(
        turned.get_layer("conv1").get_weights()[0], model.get_layer("conv1").get_weights()[0][::-1, ::-1]
    )


@pytest.mark.parametrize("head", ["probs", "predictions"])
def test_both_names_of_keras_applications_classifier(head, tmp_path):
    model = tiny("keras", seed=1)
    layers = {head if name == "predictions" else name: arrays for name, arrays in weighted(model).items()}
    check(write_keras2(tmp_path / "w.h5", layers), model, dialect="keras_applications", lineage="keras")


@pytest.mark.parametrize("prefix", ["", "module.", "backbone."])
@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_safetensors(prefix, dtype, tmp_path):
    torch = pytest.importorskip("torch")
    save_file = pytest.importorskip("safetensors.torch").save_file
    model = tiny("torchvision", seed=1)
    state = {prefix + name: torch.tensor(array) for name, array in torch_state(weighted(model)).items()}
    if dtype != "float32":
        half = getattr(torch, dtype)
        state = {name: tensor.to(half) if tensor.is_floating_point() else tensor for name, tensor in state.items()}
        for weight in model.weights:
            weight.assign(torch.tensor(np.array(weight)).to(half).float().numpy())
    save_file(state, tmp_path / "w")
    check(tmp_path / "w", model, container="safetensors", dialect="torchvision", lineage="torchvision", model="resnet-tiny")


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("wrapped", [True, False])
def test_files_of_torch_save(zipped, wrapped, tmp_path):
    torch = pytest.importorskip("torch")
    model = tiny("torchvision", seed=1)
    state = {name: torch.tensor(array) for name, array in torch_state(weighted(model)).items()}
    if wrapped:
        state = {
            "epoch": 3,
            "best": torch.tensor(0.5),
            "state_dict": {f"module.{name}": tensor for name, tensor in state.items()},
        }
    torch.save(state, tmp_path / "w", _use_new_zipfile_serialization=zipped)
    check(tmp_path / "w", model, container="pth", dialect="torchvision", lineage="torchvision")


@pytest.mark.parametrize("lineage", ["keras", "keras_hub", "torchvision"])
def test_one_librarys_names_in_anothers_network(lineage, tmp_path):
    """The same tensors under two sets of names, the pairs written out above."""
    pairs, source = chollet_names(lineage), tiny("chollet", seed=1)
    layers = {theirs: source.get_layer(ours).get_weights() for theirs, ours in pairs.items()}
    target = tiny(lineage, seed=2)
    if not any(layer.use_bias for layer in target.layers if isinstance(layer, keras.layers.Conv2D)):
        layers = {name: arrays[:1] if arrays[0].ndim == 4 else arrays for name, arrays in layers.items()}
    for name, arrays in layers.items():
        target.get_layer(name.replace(".", "_")).set_weights(arrays)
    kr.weights.save(target, tmp_path / "w.h5")
    other = tiny("chollet", seed=3)
    with pytest.raises(WeightsError, match=rf"the file is {lineage} \(epsilon .*the model chollet \(epsilon 0.001, "):
        kr.weights.load(other, tmp_path / "w.h5")
    report = kr.weights.load(other, tmp_path / "w.h5", lineage="ignore")
    for theirs, ours in pairs.items():
        for array, weight in zip(layers[theirs], other.get_layer(ours).get_weights(), strict=False):
            np.testing.assert_array_equal(array, weight)
    if lineage != "keras":
        assert "17 convolution biases set to zero, which the file lacks" in report.converted
        assert not other.get_layer("res3a_branch1").get_weights()[1].any()


def test_a_bias_that_the_model_has_not_got_goes_into_the_running_mean(tmp_path):
    source = tiny("chollet", seed=1)
    kr.weights.save(source, tmp_path / "w.h5")
    target = tiny("chollet", seed=2, bias=())
    report = kr.weights.load(target, tmp_path / "w.h5")
    assert report.converted == ("17 convolution biases, which the model lacks, taken into the running means",)
    images = np.random.default_rng(0).normal(size=(2, 32, 32, 3)).astype("float32")
    ours, theirs = np.array(target(images, training=False)), np.array(source(images, training=False))
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)


def course_network(shortcut_first, number=7, seed=1):
    """The tiny network under Keras's automatic names, and either order of the addition."""
    keras.backend.clear_session()
    for _ in range(number):  # as in a notebook whose session has gone on for a while
        keras.layers.Conv2D(1, 1), keras.layers.BatchNormalization()
    images, named = keras.Input((32, 32, 3)), tiny(seed=seed)

    def conv(x, name, strides=1, padding="valid"):
        kernel = named.get_layer(name).get_weights()[0].shape
        layer = keras.layers.Conv2D(kernel[3], kernel[0], strides=strides, padding=padding)
        x = layer(x)
        pairs.append((layer, name))
        return x

    def norm(x, name):
        layer = keras.layers.BatchNormalization(epsilon=1e-3)
        pairs.append((layer, name))
        return layer(x)

    pairs = []
    x = norm(conv(keras.layers.ZeroPadding2D(3)(images), "conv1", 2), "bn_conv1")
    x = keras.layers.MaxPooling2D(3, 2)(keras.layers.ReLU()(x))
    for stage in (2, 3, 4, 5):
        strides = 1 if stage == 2 else 2
        y = keras.layers.ReLU()(norm(conv(x, f"res{stage}a_branch2a", strides), f"bn{stage}a_branch2a"))
        y = keras.layers.ReLU()(norm(conv(y, f"res{stage}a_branch2b", padding="same"), f"bn{stage}a_branch2b"))
        y = norm(conv(y, f"res{stage}a_branch2c"), f"bn{stage}a_branch2c")
        shortcut = norm(conv(x, f"res{stage}a_branch1", strides), f"bn{stage}a_branch1")
        x = keras.layers.ReLU()(keras.layers.Add()([shortcut, y] if shortcut_first else [y, shortcut]))
    head = keras.layers.Dense(5, activation="softmax")
    model = keras.Model(images, head(keras.layers.GlobalAveragePooling2D()(x)))
    for layer, name in [*pairs, (head, "fc1000")]:
        layer.set_weights(named.get_layer(name).get_weights())
    return model, named


@pytest.mark.parametrize("shortcut_first", [False, True])
@pytest.mark.parametrize("kind", ["h5", "weights.h5", "keras"])
def test_automatic_names_go_by_role(shortcut_first, kind, tmp_path):
    model, named = course_network(shortcut_first)
    path = tmp_path / f"w.{kind}"
    if kind == "h5":
        names = [layer.name for layer in model.layers]
        write_keras2(path, weighted(model), names=names)
    elif kind == "keras":
        model.save(path)
    else:
        model.save_weights(path)
        with h5py.File(path, "r+") as file:  # as files of earlier Keras 3 are
            for group in file["layers"].values():
                group["vars"].attrs.pop("name", None)
    target = tiny(seed=4)
    assert kr.weights.load(target, path, lineage="ignore").complete
    assert equal(target, named)
    again, _ = course_network(not shortcut_first, number=2, seed=5)
    kr.weights.load(again, path, lineage="ignore")
    images = np.random.default_rng(0).normal(size=(2, 32, 32, 3)).astype("float32")
    np.testing.assert_allclose(np.array(again(images)), np.array(named(images)), rtol=1e-5, atol=1e-6)


def test_equal_shapes_on_both_paths_do_not_change_places(tmp_path):
    """Stage 2 of ResNet-50: the shortcut's kernel and the last one have equal shapes."""
    options = dict(input_shape=(32, 32, 3), classes=2, depths=(1, 1), widths=(16, 32), stem_width=16)
    first = kr.models.create_model("resnet-tiny", shortcut_first=True, **options)
    randomize(first, 1)
    assert first.get_layer("res2a_branch1").kernel.shape == first.get_layer("res2a_branch2c").kernel.shape == (1, 1, 16, 64)
    kr.weights.save(first, tmp_path / "w.h5")
    second = kr.models.create_model("resnet-tiny", **options)
    kr.weights.load(second, tmp_path / "w.h5")
    for layer in first.layers:
        if layer.get_weights():
            for ours, theirs in zip(layer.get_weights(), second.get_layer(layer.name).get_weights(), strict=True):
                np.testing.assert_array_equal(ours, theirs)


def test_a_prefixed_and_a_nested_network_load(tmp_path):
    source = tiny(seed=1)
    kr.weights.save(source, tmp_path / "w.h5")
    prefixed = tiny(seed=2, name="left")
    kr.weights.load(prefixed, tmp_path / "w.h5")
    assert equal(source, prefixed)
    images = keras.Input((32, 32, 3))
    nested = keras.Model(images, tiny(seed=3)(images))
    kr.weights.load(nested, tmp_path / "w.h5")
    assert equal(source, nested)
    for kind in ("h5", "weights.h5"):
        path = tmp_path / f"nested.{kind}"
        nested.save(path) if kind == "h5" else nested.save_weights(path)
        other = tiny(seed=4)
        kr.weights.load(other, path)
        assert equal(source, other)


def test_optimiser_slots_are_no_weights(tmp_path):
    model = tiny(seed=1)
    model.compile("adam", "categorical_crossentropy")
    model.optimizer.build(model.trainable_variables)
    for slot in model.optimizer.variables:
        slot.assign(keras.ops.ones_like(slot) * 3)
    for name in ("w.h5", "w.keras"):
        model.save(tmp_path / name)
        other = tiny(seed=2)
        report = kr.weights.load(other, tmp_path / name)
        assert equal(model, other) and len(report.matched) == len(model.weights)


def test_the_head_can_stay(tmp_path):
    kr.weights.save(tiny(seed=1), tmp_path / "w.h5")
    other = tiny(seed=2, classes=7)
    head = other.get_layer("fc1000").get_weights()
    with pytest.raises(WeightsError, match=r"fc1000/kernel \(64, 5\) in the file, \(64, 7\) in the model.*head='skip'"):
        kr.weights.load(other, tmp_path / "w.h5")
    report = kr.weights.load(other, tmp_path / "w.h5", head="skip")
    assert report.skipped == ("fc1000/kernel", "fc1000/bias") and "kept: fc1000/kernel, fc1000/bias" in str(report)
    assert all(np.array_equal(ours, theirs) for ours, theirs in zip(head, other.get_layer("fc1000").get_weights(), strict=True))
    np.testing.assert_array_equal(other.get_layer("conv1").kernel, tiny(seed=1).get_layer("conv1").kernel)


@pytest.mark.parametrize(
    ("value", "said"), [(np.nan, "conv1/kernel holds NaN"), (np.inf, "conv1/kernel holds infinity")], ids=["nan", "infinity"]
)
def test_numbers_that_are_none_are_refused_with_the_layers_name(value, said, tmp_path):
    model = tiny(seed=1)
    kernel, bias = model.get_layer("conv1").get_weights()
    kernel[3, 3, 1, 5] = value
    model.get_layer("conv1").set_weights([kernel, bias])
    kr.weights.save(model, tmp_path / "w.h5")
    other, before = tiny(seed=2), tiny(seed=2)
    with pytest.raises(WeightsError, match=said):
        kr.weights.load(other, tmp_path / "w.h5")
    assert equal(other, before)
    with pytest.warns(UserWarning, match=said):
        kr.weights.load(other, tmp_path / "w.h5", nonfinite="warn")
    assert not np.isfinite(other.get_layer("conv1").get_weights()[0][3, 3, 1, 5])


@pytest.mark.parametrize(("name", "value"), [("head", "no"), ("lineage", "any"), ("kernels", "jax"), ("nonfinite", "")])
def test_wrong_arguments_name_the_choices(name, value, tmp_path):
    kr.weights.save(tiny(seed=1), tmp_path / "w.h5")
    with pytest.raises(WeightsError, match=f"Unknown {name}: received {value!r}; expected one of"):
        kr.weights.load(tiny(), tmp_path / "w.h5", **{name: value})


def test_a_zip_that_is_no_keras_file(tmp_path):
    with zipfile.ZipFile(tmp_path / "w.keras", "w") as archive:
        archive.writestr("config.json", json.dumps({}))
    with pytest.raises(WeightsError, match="is a zip archive without model.weights.h5"):
        kr.weights.inspect(tmp_path / "w.keras")
