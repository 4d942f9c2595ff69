"""Which device the training benchmark measures on, with what settings and contestants; a graphics card is made up."""

import pytest

from benchmarks import train
from benchmarks.__main__ import main
from benchmarks.device import choose_backend, choose_device, graphics_card
from benchmarks.errors import BenchError


@pytest.fixture
def cards(tmp_path):
    """The driver's folder of a machine with one card, as it is under /proc."""
    folder = tmp_path / "gpus" / "0000:01:00.0"
    folder.mkdir(parents=True)
    (folder / "information").write_text("Model: \t\t NVIDIA A100-SXM4-40GB\nIRQ:   \t\t 123\n")
    return tmp_path / "gpus"


def test_a_card_is_found_where_the_driver_lists_it_and_nothing_hides_it(cards, tmp_path):
    assert graphics_card({}, cards) == graphics_card({"CUDA_VISIBLE_DEVICES": "0"}, cards) == "NVIDIA A100-SXM4-40GB"
    for hidden in ("", "-1", " "):
        assert graphics_card({"CUDA_VISIBLE_DEVICES": hidden}, cards) is None
    assert graphics_card({}, tmp_path / "nowhere") is None


def test_the_device_is_the_card_where_there_is_one():
    assert choose_device(None, "A100") == "gpu" and choose_device(None, None) == "cpu" and choose_device("cpu", "A100") == "cpu"
    with pytest.raises(BenchError, match="^device: expected cpu, for no NVIDIA card is to be seen here, received gpu$"):
        choose_device("gpu", None)
    with pytest.raises(BenchError, match="^Unknown device: received 'tpu'; expected one of 'cpu', 'gpu'"):
        choose_device("tpu", None)


def test_settings_of_a_card_are_imagenets_in_mixed_precision():
    settings = train.settings_for("gpu", {"rounds": 2})
    assert (settings.size, settings.classes, settings.precision, settings.rounds) == (224, 1000, "bfloat16", 2)
    assert train.settings_for("gpu", {"size": 64, "precision": "float16"}).size == 64
    assert train.settings_for("cpu", {}) == train.Settings() and train.Settings().precision == "float32"
    with pytest.raises(BenchError, match="^Unknown precision: received 'int8'"):
        train.settings_for("cpu", {"precision": "int8"})


def test_contestants_and_environment_on_a_card(monkeypatch):
    monkeypatch.setattr(train.importlib.util, "find_spec", lambda name: True)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    three = ["keras_resnet", "keras", "torchvision"]
    assert train.choose(None, print, "gpu") == three and train.choose(None, print, "cpu", "jax") == three
    assert train.choose(["keras_onednn"], print, "gpu") == ["keras_onednn"]
    for name in ("keras_resnet", "keras"):
        assert "CUDA_VISIBLE_DEVICES" not in train._environment(name, 1, "gpu", "jax")
        assert train._environment(name, 1, "gpu", "jax")["KERAS_BACKEND"] == "jax"
        assert train._environment(name, 1, "cpu", "jax")["CUDA_VISIBLE_DEVICES"] == "-1"


def test_jax_where_tensorflow_is_not_installed():
    assert choose_backend(lambda name: True) == "tensorflow"
    assert choose_backend(lambda name: name == "jax") == "jax"
    with pytest.raises(BenchError, match="^Neither TensorFlow nor JAX is installed"):
        choose_backend(lambda name: False)


def test_a_card_that_is_not_there_is_one_line(capsys, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert main(["train", "--device", "gpu"]) == 1
    assert capsys.readouterr().err == "benchmarks: device: expected cpu, for no NVIDIA card is to be seen here, received gpu\n"


def test_a_backend_without_the_card_is_told(monkeypatch):
    """The child of a Keras contestant that was to compute on a card, on a machine without one."""
    from benchmarks import contestant

    contestant.check_device({"device": "cpu"})
    with pytest.raises(BenchError, match="^The backend tensorflow sees no graphics card; is its build for processors alone"):
        contestant.check_device({"device": "gpu"})
