"""Predicting with each engine: the same answers, no framework, exports that are kept and made anew."""

import json
import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest
from conftest import ROOT
from exports import needs, needs_engine
from PIL import Image

from keras_resnet import deploy
from keras_resnet.cli import main
from keras_resnet.data import load_signs
from keras_resnet.deploy import cache, engines, formats, metadata
from keras_resnet.deploy.predictor import Predictor
from keras_resnet.errors import DeployError
from keras_resnet.workdir import Workdir

FORMAT_OF = {name: row.format for name, row in engines.ENGINES.items() if name in cache.ORDER}


@pytest.fixture(scope="module")
def run(tiny_run, tmp_path_factory):
    """A copy of the tiny run, whose exports are kept from test to test."""
    path = tmp_path_factory.mktemp("engines") / "run"
    shutil.copytree(tiny_run[1], path)
    return path


@pytest.fixture
def photograph(tmp_path):
    pixels = np.random.default_rng(1).integers(0, 90, (70, 111, 3)).astype("uint8")
    pixels[:, 40:70] += 120
    path = tmp_path / "photo.png"
    image = Image.fromarray(pixels)
    exif = image.getexif()
    exif[0x0112] = 6  # lies on its side
    image.save(path, exif=exif)
    return path


@pytest.mark.parametrize("engine", cache.ORDER)
def test_every_engine_answers_as_keras_does_on_a_photograph_and_on_a_set(engine, run, photograph, tiny_set):
    needs(FORMAT_OF[engine])
    predictor, reference = Predictor(run, engine=engine), Predictor(run, engine="keras")
    assert (predictor.engine, predictor.precision, reference.engine) == (engine, "float32", "keras")
    np.testing.assert_allclose(predictor(photograph), reference(photograph), atol=1e-5)
    images = load_signs(tiny_set).test.images.copy()
    images.flags.writeable = False  # as Pillow's are
    for given in (images, images[:1], images[::2, :, ::-1]):
        np.testing.assert_allclose(predictor(given), reference(given), atol=1e-5)


@pytest.mark.parametrize("engine", cache.ORDER)
def test_predict_imports_no_framework(engine, run, photograph):
    needs(FORMAT_OF[engine])
    Predictor(run, engine=engine)  # makes the export, where another test has not
    program = (
        "import sys, keras_resnet.cli.main as m\n"
        f"status = m.main(['predict', {str(run)!r}, {str(photograph)!r}, '--engine', {engine!r}, '--json'])\n"
        "names = ('tensorflow', 'keras', 'torch', 'jax', 'openvino_telemetry')\n"
        "print('loaded:', status, *[name for name in names if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True)
    answer, _, rest = done.stdout.partition("loaded:")
    assert rest.split() == ["0"]
    expected = Predictor(run, engine="keras")(photograph)[0]
    found = json.loads(answer)["predictions"][0]["probabilities"]
    assert list(found) == ["left", "middle", "right"]
    np.testing.assert_allclose(list(found.values()), expected, atol=1e-5)


def test_the_command_prints_what_was_found_as_json(run, tmp_path, capsys):
    needs("openvino", int8=True)
    path = tmp_path / "model.xml"
    assert main.main(["export", str(run), "--format", "openvino", "--int8", "--out", str(path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["path"], found["format"], found["precision"]) == (str(path), "openvino", "int8")
    assert found["bytes"] == path.stat().st_size + path.with_suffix(".bin").stat().st_size
    assert set(found["parity"]) == {"images", "largest_logit_difference", "largest_logit", "agreement"}
    assert 0 <= found["accuracy"]["after"] <= 1 and found["accuracy"]["interval"][0] < 0 < found["accuracy"]["interval"][1]


def test_int8_is_kept_beside_float32(run, tiny_set):
    needs("openvino", int8=True)
    images = load_signs(tiny_set).test.images
    low, high = (Predictor(run, engine="openvino", precision=precision) for precision in ("int8", "float32"))
    difference = np.abs(low(images) - high(images)).max()
    assert 1e-4 < difference and (low(images).argmax(1) == high(images).argmax(1)).mean() > 0.9


def test_bfloat16_is_what_was_asked_for_and_never_the_default(run, tiny_set):
    needs("openvino")
    if not engines.has_bfloat16():
        with pytest.raises(DeployError, match="this processor has no bfloat16"):
            Predictor(run, engine="openvino", precision="bfloat16")
        return
    images = load_signs(tiny_set).test.images
    reference = Predictor(run, engine="keras")(images)
    float32, half = (Predictor(run, engine="openvino", precision=name)(images) for name in ("float32", "bfloat16"))
    assert np.abs(float32 - reference).max() < 1e-5 < np.abs(half - reference).max() < 0.1
    record = metadata.read(cache.place(run, "openvino", "bfloat16")[0])
    assert record["check"]["accuracy"]["images"] == 9


def copy_of(run, tmp_path):
    shutil.copytree(run, tmp_path / "run")
    return tmp_path / "run"


def test_exports_are_made_once_and_anew_when_the_weights_change(run, tmp_path, a_format, tiny_set):
    engine = formats.FORMATS[a_format].engine
    if engine == "tensorflow":
        pytest.skip("no engine that is no framework is installed")
    run = copy_of(run, tmp_path)
    first = cache.export_of(run, engine, "float32")
    written = first.stat().st_mtime_ns
    assert cache.export_of(run, engine, "float32") == first and first.stat().st_mtime_ns == written
    model = Workdir(run).load_model()
    model.layers[-1].bias.assign([0.0, 0.0, 40.0])
    model.save(run / "model.keras")
    assert not cache.is_ready(run, engine, "float32")
    images = load_signs(tiny_set).test.images
    predictor = Predictor(run, engine=engine)
    assert (predictor(images).argmax(axis=1) == 2).all()
    np.testing.assert_allclose(predictor(images), model.predict(images, verbose=0), atol=1e-5)
    assert not first.exists() and len(list((run / "exports").iterdir())) == 1


def test_training_ends_with_the_export_that_predict_reads(tiny_set, tmp_path, capsys, a_format):
    engine = formats.FORMATS[a_format].engine
    if engine == "tensorflow":
        pytest.skip("no engine that is no framework is installed")
    run, words = tmp_path / "run", ["--model", "resnet-tiny", "--recipe", "signs-quick", "--epochs", "1"]
    assert main.main(["train", "--data", str(tiny_set), "--out", str(run), *words]) == 0
    path = cache.place(run, engine, "float32")[0]
    assert f"Exported for {engine}: {path}" in capsys.readouterr().err and metadata.read(path)["precision"] == "float32"
    images = load_signs(tiny_set).test.images
    expected = Workdir(run).load_model().predict(images, verbose=0)
    np.testing.assert_allclose(Predictor(run)(images), expected, atol=1e-5)


def test_an_export_of_another_run_or_a_changed_one_is_one_line(run, tmp_path, capsys, photograph, a_format):
    engine = formats.FORMATS[a_format].engine
    if engine == "tensorflow":
        pytest.skip("no engine that is no framework is installed")
    run = copy_of(run, tmp_path)
    path = cache.export_of(run, engine, "float32")
    described = {**metadata.read(path), "source": {"name": "other", "sha256": "0" * 64}}
    metadata.write(path, described, {})
    with pytest.raises(DeployError, match="is not an export of .*delete .*, and it is made anew"):
        Predictor(run, engine=engine)
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 255
    path.write_bytes(content)
    for choice in (engine, "auto"):
        assert main.main(["predict", str(run), str(photograph), "--engine", choice]) == 1
        said = capsys.readouterr().err
        assert said.count("\n") == 1 and "was changed, or is another network's: export the network again" in said


def test_an_engine_that_is_not_installed_says_which_extra(run, monkeypatch, capsys, photograph):
    monkeypatch.setattr(formats, "is_installed", lambda *modules: False)
    monkeypatch.setattr(cache, "is_installed", lambda *modules: False)
    for engine, extra in (("openvino", "openvino"), ("onnxruntime", "onnx"), ("litert", "litert")):
        assert main.main(["predict", str(run), str(photograph), "--engine", engine]) == 1
        assert f"pip install 'keras-resnet50[{extra}]'" in capsys.readouterr().err
    assert main.main(["export", str(run), "--format", "onnx"]) == 1
    assert "needs onnx and tf2onnx and onnxruntime, not installed here" in capsys.readouterr().err
    assert Predictor(run).engine == "keras"


def test_what_an_engine_cannot_do_is_one_line(run):
    needs_engine("onnxruntime")
    with pytest.raises(DeployError, match="onnxruntime computes in float32 or int8, received 'bfloat16'"):
        Predictor(run, engine="onnxruntime", precision="bfloat16")
    with pytest.raises(DeployError, match="expected 'float32' with Keras"):
        Predictor(run, engine="keras", precision="int8")
    with pytest.raises(DeployError, match="Unknown engine: received 'tensorrt'"):
        Predictor(run, engine="tensorrt")
    with pytest.raises(DeployError, match="Unknown precision"):
        Predictor(run, engine="onnxruntime", precision="float64")


@pytest.mark.skipif(keras.backend.backend() == "tensorflow", reason="what other backends cannot do")
def test_other_backends_say_what_to_do(run, tmp_path):
    with pytest.raises(DeployError, match="KERAS_BACKEND=tensorflow"):
        deploy.export(run, tmp_path / "model.xml", format="openvino")


def test_latency_names_every_engine_and_orders_its_percentiles(run, tmp_path, a_format):
    found = deploy.latency(run, calls=20)
    assert {row.engine for row in found.rows} >= {"keras"} and found.image_shape == (32, 32, 3)
    for row in found.rows:
        assert 0 < row.p50 <= row.p95 <= row.p99 and row.images_per_second > 0 and row.calls == 20
        assert f"{row.p50:.2f}" in str(found)
    assert [row.p50 for row in found.rows] == sorted(row.p50 for row in found.rows)
    assert Image.open(found.picture(tmp_path / "latency.png")).width > 500
    with pytest.raises(DeployError, match="calls: expected 20 or more"):
        deploy.latency(run, calls=3)
