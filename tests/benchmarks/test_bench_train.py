"""The training benchmark: its arithmetic, its protocol, and what it compares with."""

import dataclasses
import io
import json
import os
import signal
import sys
import time

import numpy as np
import pytest

from benchmarks import contestant, train
from benchmarks.errors import BenchError
from benchmarks.train import Settings, measure_training, summarize
from keras_resnet import environment

# A contestant without a framework: a round has two steps, of 0.5 and 0.25 s by its own account, so 0.375 in the median.
FAKE = """
import sys
from benchmarks import contestant
facts = {"network": sys.argv[1], "parameters": 7, "onednn": None, "versions": {"fake": "1.0"}, "peak_mb": 12.5,
         "multiply_adds": 3e6, "product_peak": 6e9}
contestant.serve(sys.stdin, sys.stdout, lambda: [0.5, 0.25], lambda: facts)
"""


def child(program, name="fake"):
    return train.Child(name, [sys.executable, "-c", program, name])


def failure(program, word="go"):
    """The message of the error of a child that should fail."""
    process = child(program)
    try:
        with pytest.raises(BenchError) as caught:
            process.receive()
            process.ask(word)
    finally:
        process.close()
    return str(caught.value)


def test_ratios_are_taken_within_each_round():
    # Round 2 was slow for everybody: the ratio of the medians would be 4, the ratios within the rounds are 2, 4 and 5.
    rounds = {
        "keras_resnet": [{"seconds": 5.0, "step": 0.5}, {"seconds": 10.0, "step": 2.0}, {"seconds": 4.0, "step": 0.4}],
        "keras": [{"seconds": 10.0, "step": 1.0}, {"seconds": 40.0, "step": 4.0}, {"seconds": 20.0, "step": 2.0}],
    }
    found = summarize(rounds, batch_size=8, steps=10)
    assert found["images_per_second"] == {"keras_resnet": 16.0, "keras": 4.0}
    assert found["spread"] == {"keras_resnet": [8.0, 20.0], "keras": [2.0, 8.0]}
    assert found["ratio"] == {"keras_resnet": 1.0, "keras": 4.0}
    assert found["images_per_second_step"] == {"keras_resnet": 16.0, "keras": 4.0}
    assert found["ratio_step"] == {"keras_resnet": 1.0, "keras": 2.0}


def test_without_ours_there_is_no_ratio():
    found = summarize({"keras": [{"seconds": 1.0, "step": 0.5}]}, batch_size=2, steps=2)
    assert found["ratio"] == {} and found["images_per_second"] == {"keras": 4.0}


def test_the_child_answers_each_line_in_json():
    calls, replies = [], io.StringIO()

    def train_round():
        calls.append(time.sleep(0.05))
        return np.array([0.3, 0.1, 0.2])

    contestant.serve(["go\n", "go\n", "quit\n", "go\n"], replies, train_round, lambda: {"fact": 1})
    ready, first, second, last = map(json.loads, replies.getvalue().splitlines())
    assert ready == {"ready": True} and len(calls) == 2
    assert first["step"] == second["step"] == 0.2 and 0.05 <= first["seconds"] < 5
    assert last["fact"] == 1 and last["idle_cpu_seconds"] >= 0


def test_contestants_take_turns(monkeypatch):
    asked = []
    monkeypatch.setattr(train, "command", lambda name, settings: [sys.executable, "-c", FAKE, name])
    ask = train.Child.ask
    monkeypatch.setattr(train.Child, "ask", lambda self, word: asked.append((self.name, word)) or ask(self, word))
    lines = []
    settings = Settings(rounds=2, steps=2, batch_size=3, threads=1)
    found = measure_training(settings, only=["keras", "keras_resnet"], say=lines.append)
    both = ["keras_resnet", "keras"]
    assert asked == [(name, word) for word in ("go", "go", "quit") for name in both]
    assert found["images_per_second_step"] == {"keras_resnet": 8.0, "keras": 8.0} and found["ratio_step"]["keras"] == 1.0
    assert found["images_per_second"]["keras"] > 8  # of the whole call, which in this child trains nothing
    assert found["peak_mb"] == {"keras_resnet": 12.5, "keras": 12.5} and found["versions"]["fake"] == "1.0"
    assert found["networks"] == {name: name for name in both} and len(found["rounds"]["keras"]) == 2
    speed = found["images_per_second"]["keras_resnet"]
    assert found["limit"]["images_per_second"] == 2000 and found["limit"]["share"] == pytest.approx(speed / 2000)
    assert found["settings"]["rounds"] == 2 and found["settings"]["model"] == "resnet50"
    assert lines[-1].startswith("round 2 of 2, images per second: keras_resnet ") and len(lines) == 4


def test_multiply_adds_of_a_step_are_three_forward_passes_without_the_images_gradient():
    from keras_resnet.models import create_model, resolve
    from keras_resnet.models.count import count

    network = create_model("resnet18", input_shape=(64, 64, 3), classes=6)
    stem = 32 * 32 * 7 * 7 * 3 * 64  # the first convolution's outputs, and the pixels behind each
    forward = count(resolve("resnet18"), size=64, classes=6).multiply_adds
    assert contestant.multiply_adds(network) == 3 * forward - stem


def test_the_peak_is_of_the_order_of_a_product_by_numpy():
    matrix = np.random.default_rng(0).normal(size=(512, 512)).astype("float32")
    np.dot(matrix, matrix)
    start = time.perf_counter()
    np.dot(matrix, matrix)
    seconds = time.perf_counter() - start
    assert 0.02 < contestant.product_peak(repeats=3, side=512) * seconds / 512**3 < 50


def test_a_child_that_fails_says_why_in_one_line():
    program = (
        "import sys; print('noise', file=sys.stderr); from keras_resnet.errors import ModelError; raise ModelError('no luck')"
    )
    assert failure(program) == "The contestant fake failed (exit status 1): ModelError: no luck"
    assert failure("raise SystemExit(3)") == ("The contestant fake failed (exit status 3): it said nothing on standard error")
    killed = "import os; print('{}', flush=True); input(); os.kill(os.getpid(), 9)"
    assert failure(killed).startswith(f"The contestant fake failed (ended by signal {int(signal.SIGKILL)}): ")
    assert failure("print('{}', flush=True)").startswith("The contestant fake failed (exit status 0): ")
    assert failure("print('Epoch 1/1')") == "The contestant fake answered 'Epoch 1/1'; expected one line of JSON"


def test_what_libraries_print_stays_out_of_the_answers():
    program = (
        "import os; from benchmarks import contestant; replies = contestant.take_standard_output(); "
        "print('noise', flush=True); os.write(1, b'more noise'); contestant.serve(['quit'], replies, None, dict)"
    )
    process = child(program)
    try:
        assert process.receive() == {"ready": True} and set(process.receive()) == {"idle_cpu_seconds"}
    finally:
        process.close()


def test_stock_keras_runs_without_what_this_package_set(monkeypatch):
    for name, expected in {"keras": None, "keras_onednn": "1", "keras_onednn_off": "0"}.items():
        monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "1")
        monkeypatch.setenv("KERAS_BACKEND", "jax")
        contestant.stock_environment(contestant.STOCK[name])
        assert os.environ.get("TF_ENABLE_ONEDNN_OPTS") == expected
        assert train._environment(name, 1)["KERAS_BACKEND"] == "tensorflow"


def test_peak_memory_is_of_the_process_alone():
    """What the process that started it held is no part of it, as it would be in Linux's `ru_maxrss`."""
    ballast = bytearray(300_000_000)
    program = (
        "from benchmarks import contestant; print(contestant.peak_mb(), flush=True); "
        "ballast = b'x' * 50_000_000; print(contestant.peak_mb(), flush=True)"
    )
    process = child(program)
    try:
        before, after = process.receive(), process.receive()
    finally:
        process.close()
    assert 5 < before < len(ballast) / 1e6 - 200 and 45 < after - before < 55


def test_all_contestants_get_the_same_threads_and_no_graphics_card(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    environment = train._environment("keras", 3)
    names = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
    assert [environment[name] for name in names] == ["3"] * 3 and environment["CUDA_VISIBLE_DEVICES"] == "-1"


def test_the_step_is_repeatable_unless_it_is_the_fast_one(monkeypatch):
    """As in `train`: the switch of TensorFlow is on while the one trains, and off while the other does."""
    import keras
    from tensorflow.python.framework import config

    seen, fit = [], keras.Model.fit

    def watched(self, *arguments, **options):
        seen.append(config.is_op_determinism_enabled())
        return fit(self, *arguments, **options)

    monkeypatch.setattr(keras.Model, "fit", watched)
    settings = dataclasses.asdict(train.Settings(model="resnet-tiny", size=32, steps=2, batch_size=2))
    for name in ("keras_resnet", "keras_resnet_fast"):
        contestant._OTHERS[name](settings, *contestant._images(settings))[0]()
    assert seen == [True, False] and not config.is_op_determinism_enabled()


@pytest.mark.parametrize(("by_default", "chosen"), [(True, True), (False, False)])
def test_onednn_off_is_measured_where_stock_has_it_on(monkeypatch, by_default, chosen):
    monkeypatch.setattr(environment, "onednn_by_default", lambda: by_default)
    names = train.choose(None, lambda line: None)
    assert ("keras_onednn_off" in names) == chosen and names[:3] == ["keras_resnet", "keras", "keras_onednn"]
    assert train.choose(["keras_onednn_off"], print) == ["keras_onednn_off"]
    assert "keras_resnet_fast" not in names and train.choose(["keras_resnet_fast"], print) == ["keras_resnet_fast"]


@pytest.mark.parametrize(("flag", "expected"), [("avx512_vnni", True), ("avx_vnni", True), ("avx2", False)])
def test_processors_on_which_tensorflow_turns_onednn_on(monkeypatch, flag, expected):
    monkeypatch.setattr(environment, "processor_flags", lambda: {"sse2", flag})
    assert environment.onednn_by_default() is expected


def test_without_pytorch_its_contestant_is_left_out(monkeypatch):
    lines = []
    monkeypatch.setattr(train.importlib.util, "find_spec", lambda name: None)
    assert train.choose(["keras", "torchvision"], lines.append) == ["keras"]
    assert lines == ["torchvision is left out: PyTorch is not installed"]
    with pytest.raises(BenchError, match="^No contestant is left to measure; known are keras_resnet, keras, "):
        train.choose(["torchvision"], lines.append)


def test_an_unknown_contestant_is_named():
    with pytest.raises(BenchError, match="^Unknown contestant: received 'tf'; expected one of 'keras_resnet', 'keras', "):
        measure_training(only=["keras", "tf"])


@pytest.mark.parametrize(
    ("name", "least"), [("rounds", 1), ("steps", 2), ("batch_size", 2), ("size", 32), ("threads", 1), ("classes", 2)]
)
def test_numbers_that_are_too_small(name, least):
    assert getattr(Settings(**{name: least}), name) == least
    with pytest.raises(BenchError, match=f"^{name}: expected at least {least}, received {least - 1}$"):
        Settings(**{name: least - 1})


def test_the_pytorch_network_is_torchvisions():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    from benchmarks.torch_resnet50 import ResNet50

    with torch.device("meta"):  # no memory, no arithmetic
        network = ResNet50()
    names = network.state_dict()
    # 53 convolutions, as many batch normalisations with five entries each, and the classifier's two; torchvision's names.
    blocks = [f"layer{stage}.{block}" for stage, depth in enumerate((3, 4, 6, 3), 1) for block in range(depth)]
    units = [("conv1", "bn1"), *[(f"{b}.conv{i}", f"{b}.bn{i}") for b in blocks for i in (1, 2, 3)]]
    units += [(f"layer{stage}.0.downsample.0", f"layer{stage}.0.downsample.1") for stage in (1, 2, 3, 4)]
    entries = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    expected = {f"{conv}.weight" for conv, _ in units} | {f"{bn}.{entry}" for _, bn in units for entry in entries}
    assert set(names) == expected | {"fc.weight", "fc.bias"} and len(names) == 320
    assert sum(parameter.numel() for parameter in network.parameters()) == 25_557_032  # torchvision's table of weights
    assert names["layer2.0.conv2.weight"].shape == (128, 128, 3, 3) and network.layer2[0].conv2.stride == (2, 2)
    assert network.layer2[0].conv1.stride == (1, 1) and network.layer1[0].downsample[0].stride == (1, 1)


def test_the_pytorch_network_halves_five_times():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    from benchmarks.torch_resnet50 import ResNet50

    network, shapes = ResNet50(6), []
    network.layer4.register_forward_hook(lambda module, inputs, output: shapes.append(tuple(output.shape)))
    with torch.no_grad():
        logits = network.eval()(torch.rand(1, 3, 64, 64))
    assert shapes == [(1, 2048, 2, 2)] and logits.shape == (1, 6)
    assert sum(parameter.numel() for parameter in network.parameters()) == 25_557_032 - 994 * 2049
