"""The predicting benchmark: its arithmetic, that every row that can answer is measured, and what the command prints."""

import pytest

from benchmarks import predict
from benchmarks.__main__ import main
from benchmarks.errors import BenchError
from keras_resnet.deploy.formats import is_installed


def test_medians_and_ratios_within_each_round():
    # Round 2 was slow for everybody: the ratios within the rounds are 2, 2 and 4.
    speeds = {
        "Predictor a": [10.0, 1.0, 8.0],
        "Predictor b": [20.0, 2.0, 16.0],
        "Predictor b, files": [99.0, 99.0, 99.0],
        "Keras predict": [10.0, 1.0, 4.0],
    }
    found = predict.summarize(speeds)
    assert found["images_per_second"]["Predictor b"] == 16 and found["spread"]["Predictor a"] == [1.0, 10.0]
    assert found["ratio"] == {"Keras predict": 2.0}


def test_another_row_is_first_in_each_round(monkeypatch):
    called = []
    monkeypatch.setattr(predict, "_speed", lambda row, images, seconds: called.append(row(images)) or 1.0)
    rows = {name: lambda images, name=name: name for name in "abc"}
    speeds = predict._take_turns(rows, None, predict.Settings(rounds=3))
    assert "".join(called) == "abcbcacab" and speeds == {name: [1.0] * 3 for name in "abc"}


def test_sizes_are_read_or_refused():
    assert predict.Settings().batches() == {224: (1, 16), 64: (1, 64)}
    with pytest.raises(BenchError, match="sizes: expected e.g. '224:1,16 64:1', received '224'"):
        predict.Settings(sizes="224").batches()


def test_every_row_is_measured_or_left_out_with_a_reason(monkeypatch):
    from keras_resnet.deploy import cache

    choices = predict._choices()
    assert {name for name, _ in choices} == set(cache.ORDER) and ("openvino", "bfloat16") in choices
    monkeypatch.setattr(predict, "_choices", lambda: [("openvino", "float32"), ("onnxruntime", "bfloat16")])
    settings = predict.Settings(model="resnet-tiny", sizes="32:1,2", rounds=1, seconds=0.01)
    found = predict.measure_predicting(settings, say=lambda line: None)
    for setting in ("32 batch 1", "32 batch 2"):
        speeds = found["images_per_second"][setting]
        assert {"Predictor keras float32", "Keras predict", "Keras compiled call"} <= set(speeds)
        assert min(speeds.values()) > 0 and set(found["ratio"][setting]) == {n for n in speeds if not n.startswith("Predictor")}
        installed = is_installed("openvino")
        for name in ("Predictor openvino float32", "bare openvino float32"):
            assert (name in speeds) == installed
        assert ("Predictor openvino float32" in found["left_out"]) != installed
    assert "received 'bfloat16'" in found["left_out"]["Predictor onnxruntime bfloat16"]
    assert found["left_out"]["PyTorch"] and "Keras predict" in predict.table(found)


def test_too_few_rounds_are_one_line_and_status_1(capsys):
    assert main(["predict", "--rounds", "0"]) == 1
    assert capsys.readouterr().err == "benchmarks: rounds: expected at least 1, received 0\n"
