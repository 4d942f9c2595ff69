"""The original libraries' files through the writer: the same dialect bit for bit, the others through Chollet's layout."""

import io
import lzma
import shutil
import zipfile

import h5py
import keras
import numpy as np
import pytest
from test_oracles import BACKBONE, HEAD, ORACLES, ROWS, expected_lineage

import keras_resnet as kr

pytestmark = pytest.mark.skipif(not ROWS, reason="the original libraries' files are not beside the repository (shared/oracles)")

FILES = [name for name in ROWS if name != HEAD]
# The files that have a dialect that is written, by the start of their names.
WRITTEN = {
    **dict.fromkeys(("keras3151", "tfkeras"), "keras_applications"),
    **dict.fromkeys(("timm", "torchvision"), "torchvision"),
    **dict.fromkeys(("keras122", "keras208", "keras224"), "chollet"),
}
QUICK = ("torchvision0280_resnet18.safetensors", "imageclassifiers100_resnet18_tfkeras2210.weights_only.h5")


def marked(names):
    return [pytest.param(name, marks=() if name in QUICK else pytest.mark.full) for name in names]


@pytest.fixture
def unpacked(tmp_path):
    def unpack(name):
        with lzma.open(ORACLES / ROWS[name]["file"]) as packed, open(tmp_path / name, "wb") as file:
            shutil.copyfileobj(packed, file)
        return tmp_path / name

    yield unpack
    shutil.rmtree(tmp_path)
    keras.backend.clear_session()


def dialect_of(name):
    return next((dialect for start, dialect in WRITTEN.items() if name.startswith(start)), None)


def end_of(dialect, name):
    if dialect == "torchvision":
        return ".safetensors"
    return ".weights.h5" if name.endswith((".keras", ".weights.h5")) else ".h5"


def tensors_of(path):
    """Every weight of a file by layer and weight name, read by h5py, safetensors or PyTorch alone."""
    if str(path).endswith(".safetensors"):
        return {name: tensor.float().numpy() if tensor.is_floating_point() else tensor.numpy()
                for name, tensor in pytest.importorskip("safetensors.torch").load_file(path).items()}  # fmt: skip
    if ".pth" in str(path):
        state = pytest.importorskip("torch").load(path, weights_only=True)
        state = state.get("state_dict", state)
        return {name.removeprefix("module."): tensor.numpy() for name, tensor in state.items()}
    if str(path).endswith(".keras"):
        with zipfile.ZipFile(path) as archive:
            path = io.BytesIO(archive.read("model.weights.h5"))
    found = {}
    with h5py.File(path) as file:
        if "layers" in file:
            layers = file["layers"]
            layers.visititems(lambda name, item: found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
            return found
        root = file["model_weights"] if "model_weights" in file else file
        for layer in root.attrs["layer_names"]:
            group = root[layer]
            for weight in group.attrs["weight_names"]:
                found[_words(layer, weight)] = group[weight][()]
    return found


def _words(layer, weight):
    layer, weight = (text.decode() if isinstance(text, bytes) else text for text in (layer, weight))
    word = weight.rsplit("/", 1)[-1].partition(":")[0].removeprefix(f"{layer}_")
    spelled = {"W": "kernel", "b": "bias", "running_std": "moving_variance", "running_mean": "moving_mean"}
    return {"probs": "predictions"}.get(layer, layer), spelled.get(word, word)


SAME = [name for name in FILES if dialect_of(name)]


@pytest.mark.parametrize("name", marked(SAME))
def test_the_same_dialect_gives_equal_tensors_bit_for_bit(name, unpacked, tmp_path):
    path, dialect = unpacked(name), dialect_of(name)
    written = tmp_path / f"written{end_of(dialect, name)}"
    kr.weights.convert(path, written, dialect)
    before, after = tensors_of(path), tensors_of(written)
    assert before.keys() == after.keys()
    rotated = "theano" in name  # kernels are TensorFlow's in what is written
    for key, array in before.items():
        if array.ndim == 4 and rotated:
            array = array.transpose(2, 3, 1, 0) if "_th_" in name else array
            array = array[::-1, ::-1]
        assert array.dtype == after[key].dtype
        np.testing.assert_array_equal(array, after[key], err_msg=str(key))
    assert kr.weights.inspect(written).lineage == expected_lineage(name)


@pytest.mark.parametrize("name", marked(FILES))
def test_through_chollets_layout_the_tensors_are_equal_and_compute_the_recorded_output(name, unpacked, tmp_path):
    row, path = ROWS[name], unpacked(name)
    for end in (".h5", ".weights.h5"):
        written = tmp_path / f"written{end}"
        report = kr.weights.convert(path, written, "chollet", lineage="ignore")
        assert report.lineage == expected_lineage(name)
        difference = kr.weights.diff(path, written)
        assert difference.same, str(difference)
        assert kr.weights.inspect(written).model == kr.weights.inspect(path).model

    arrays = np.load(ORACLES / row["expected"])
    images = arrays["x"] if "x" in arrays else arrays["x_nhwc"]
    images = images.transpose(0, 2, 3, 1) if row["image_data_format"].startswith("th") else images
    output = keras.ops.convert_to_numpy(kr.weights.model_from(tmp_path / "written.h5")(images, training=False))
    if row["include_top"] and name != BACKBONE:
        recorded = arrays["probs"]
    elif "output" in arrays:
        recorded = arrays["output"]
    else:
        recorded, output = arrays["mean_stage5"], output.mean(axis=(1, 2))
    assert output.shape == recorded.shape
    assert np.abs(output - recorded).max() <= 1e-4 * np.abs(recorded).max()
