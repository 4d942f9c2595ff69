"""Weight files that the original libraries wrote, with their own outputs: recognised, rebuilt, recomputed."""

import gc
import hashlib
import json
import lzma
import shutil
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from conftest import ROOT

import keras_resnet as kr
from keras_resnet.errors import WeightsError

ORACLES = ROOT.parent / "shared" / "oracles"
ROWS = {row["name"]: row for row in json.loads((ORACLES / "MANIFEST.json").read_text())} if ORACLES.is_dir() else {}
pytestmark = pytest.mark.skipif(not ROWS, reason="the original libraries' files are not beside the repository (shared/oracles)")

HEAD = "kerashub0320_resnet50_v1_preset_task.weights.h5"  # has no network of its own
BACKBONE = "kerashub0320_resnet50_v1_preset_model.weights.h5"
QUICK = (  # one of each library, layout and dialect; the rest in `make test-full`
    "coursera_gen1_keras208_theano.ResNet50.h5",
    "coursera_gen3_conv2d7_tfkeras2210.resnet50.h5",
    "imageclassifiers100_resnet18_tfkeras2210.weights_only.h5",
    "keras122_theano_th_top.weights_only.h5",
    "keras208_theano_cl_notop.full.h5",
    "keras224_theano_cl_top.weights_only.h5",
    "keras3151_resnet50v2.full.keras",
    "kerashub0320_resnet50_v1_classifier.weights.h5",
    "kerasresnet020_resnet18_tfkeras2210.full.h5",
    "timm1031_resnet50d.safetensors",
    "torchvision0280_resnet18.checkpoint_module.pth.tar",
)
FILES = [pytest.param(name, marks=() if name in QUICK else pytest.mark.full) for name in ROWS if name != HEAD]


@pytest.fixture
def unpacked(tmp_path):
    """Unpacks a file of the set; it goes, and the networks with it, when the test ends."""

    def unpack(name):
        with lzma.open(ORACLES / ROWS[name]["file"]) as packed, open(tmp_path / name, "wb") as file:
            shutil.copyfileobj(packed, file)
        return tmp_path / name

    yield unpack
    shutil.rmtree(tmp_path)
    keras.backend.clear_session()
    gc.collect()


def expected_lineage(name):
    """By the name of the file, which the reader never goes by."""
    lineages = {
        "coursera": "coursera",
        "imageclassifiers": "qubvel",
        "keras122": "chollet",
        "keras208": "chollet",
        "keras224": "keras_v2",
        "keras3151": "keras",
        "tfkeras": "keras",
        "kerashub": "keras_hub",
        "kerasresnet": "broad",
        "timm": "torchvision",
        "torchvision": "torchvision",
    }
    return next(lineage for start, lineage in lineages.items() if name.startswith(start))


def expected_dialect(name):
    """Whose names the layers have: Keras 1 and 2 kept Chollet's, and timm torchvision's."""
    return {"keras_v2": "chollet", "keras": "keras_applications"}.get(lineage := expected_lineage(name), lineage)


def expected_container(name):
    ends = {".weights.h5": "weights.h5", ".keras": "keras", ".safetensors": "safetensors", ".pth": "pth", ".tar": "pth"}
    return next((container for end, container in ends.items() if name.endswith(end)), "h5")


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_recognised_and_its_network_recomputes_the_recorded_output(name, unpacked, tmp_path):
    row, path = ROWS[name], unpacked(name)
    bare = path.rename(tmp_path / "weights")  # the name must not matter
    info = kr.weights.inspect(bare)
    model = next((model for model in ("resnet18", "resnet50v2", "resnet50d") if model in name), "resnet50")
    assert (info.container, info.lineage, info.model) == (expected_container(name), expected_lineage(name), model)
    assert info.dialect == expected_dialect(name)
    has_top = row["include_top"] and name != BACKBONE
    assert (info.include_top, info.classes) == (has_top, (6 if "coursera" in name else 1000) if has_top else None)
    assert info.sha256 == row["sha256"] == hashlib.sha256(bare.read_bytes()).hexdigest()

    arrays = np.load(ORACLES / row["expected"])
    images = arrays["x"] if "x" in arrays else arrays["x_nhwc"]
    images = images.transpose(0, 2, 3, 1) if row["image_data_format"].startswith("th") else images
    output = keras.ops.convert_to_numpy(kr.weights.model_from(bare)(images, training=False))
    if has_top:
        recorded = arrays["probs"]
    elif "output" in arrays:
        recorded = arrays["output"]
    else:
        recorded, output = arrays["mean_stage5"], output.mean(axis=(1, 2))
    assert output.shape == recorded.shape
    assert np.abs(output - recorded).max() <= 1e-4 * np.abs(recorded).max()


def test_a_head_without_its_backbone_is_refused_by_that_name(unpacked):
    path = unpacked(HEAD)
    with pytest.raises(WeightsError, match="holds a classifier head without its backbone: 1 layers with weights, predictions"):
        kr.weights.model_from(path)
    with pytest.raises(WeightsError, match="holds a classifier head without its backbone"):
        kr.weights.load(kr.models.create_model("resnet-tiny", lineage="keras_hub"), path)
    assert "a classifier head without its backbone" in kr.weights.inspect(path).evidence


def test_kernels_asked_for_override_what_the_file_says(unpacked):
    path = unpacked("coursera_gen1_keras208_theano.ResNet50.h5")
    turned = kr.weights.model_from(path).get_layer("conv1").get_weights()[0]
    straight = kr.weights.model_from(path, kernels="tensorflow").get_layer("conv1").get_weights()[0]
    np.testing.assert_array_equal(turned, straight[::-1, ::-1])
    assert not np.array_equal(turned, straight)


BAD = ORACLES / "bad"
GOOD = ("00_good_stub.h5", "00_good_stub.weights.h5", "00_good_stub.keras", "big_endian_float64.h5", "no_backend_attrs.h5")
SAID = {  # what the one line must say
    "truncated_40pct.h5": "expected 56,024 bytes, received 22,409",
    "html_page.h5": "HTML page",
    "git_lfs_pointer.h5": "Git-LFS pointer",
    "zip_named.h5": "zip archive",
    "empty.h5": "an empty file",
    "no_weights.h5": "holds no weights",
    "layers_without_weights.h5": "holds no weights",
    "softlink_loop.h5": "link",
    "external_link_resolves.h5": "link",
    "absurd_shape_2pow40.h5": "declares the shape",
    "gzip_bomb.h5": "declares the shape",
    "right_names_wrong_shapes.h5": r"conv1/kernel \(64, 3, 7, 7\) in the file, \(7, 7, 3, 64\) in the model",
    "nan_in_kernel.h5": "conv1/kernel holds NaN",
    "negative_variance.h5": "bn_conv1/moving_variance holds a negative variance, -0.25",
    "duplicated_layer_name.h5": "names conv1 twice",
    "missing_group.h5": "names the layer res2a_branch2a but has no group",
    "k3_missing_var.weights.h5": "only in the model: conv1/bias",
    "path_traversal.keras": "leaves its folder",
    "lambda_payload.keras": "Lambda",
    "zip_bomb.keras": "bomb",
    "lying_header_length_huge.safetensors": "declares a header of 4,611,686,018,427,387,904 bytes",
    "duplicate_keys.safetensors": "names a tensor twice",
    "malicious_plain_pickle.pth": "could run code",
    "malicious_torch_zip.pth": "could run code",
}


BAD_FILES = sorted(path.name for path in BAD.glob("*.*") if path.suffix != ".json" and path.name not in GOOD)


def stub():
    images = keras.Input((32, 32, 3))
    x = keras.layers.Conv2D(64, 7, strides=2, name="conv1")(images)
    x = keras.layers.BatchNormalization(name="bn_conv1")(x)
    return keras.Model(images, keras.layers.Dense(6, name="fc6")(keras.layers.GlobalAveragePooling2D()(x)))


@pytest.mark.parametrize("name", GOOD)
def test_unusual_files_load(name):
    model = stub()
    assert kr.weights.load(model, BAD / name).complete
    with h5py.File(BAD / "00_good_stub.h5") as good:
        kernel = good["conv1/conv1/kernel:0"][()]
    np.testing.assert_array_equal(model.get_layer("conv1").get_weights()[0], kernel.astype("float32"))


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_is_one_clear_line_and_changes_nothing(name):
    model = stub()
    before = model.get_weights()
    with pytest.raises(WeightsError, match=SAID.get(name)) as caught:
        kr.weights.load(model, BAD / name)
    assert "\n" not in str(caught.value) and name in str(caught.value)
    assert all(np.array_equal(ours, theirs) for ours, theirs in zip(before, model.get_weights(), strict=True))
    assert not list(Path("/tmp").glob("keras-resnet-marker*"))
