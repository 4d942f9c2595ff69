"""The loading benchmark: its arithmetic, that every contestant loads, what the command prints, and the bounds it is to keep."""

import json

import numpy as np
import pytest

from benchmarks import load
from benchmarks.__main__ import loading_table, main
from benchmarks.errors import BenchError


def test_medians_and_ratios_within_each_round():
    # Round 2 was slow for everybody: the ratio of the medians would be 1, the ratios within the rounds are 1, 0.5 and 0.25.
    found = load.summarize({"keras_resnet": [1.0, 20.0, 2.0], "h5py": [0.5, 10.0, 4.0], "keras": [1.0, 40.0, 8.0]})
    assert found["seconds"] == {"keras_resnet": 2.0, "h5py": 4.0, "keras": 8.0}
    assert found["spread"] == {"keras_resnet": [1.0, 20.0], "h5py": [0.5, 10.0], "keras": [1.0, 40.0]}
    assert found["ratio"] == {"h5py": 2.0, "keras": 0.5}


def test_another_contestant_is_first_in_each_round(monkeypatch):
    called = []
    contestants = {name: lambda name=name: called.append(name) for name in "abc"}
    times = load._take_turns(contestants, 4)
    assert "".join(called) == "abcbcacababc"
    assert {name: len(values) for name, values in times.items()} == {"a": 4, "b": 4, "c": 4}
    assert all(value >= 0 for values in times.values() for value in values)


def test_the_plain_read_is_of_every_dataset(tmp_path):
    import h5py

    with h5py.File(tmp_path / "w.h5", "w") as file:
        file["a/b"], file["c"] = np.arange(3), np.float32(2)
    found = load._read(tmp_path / "w.h5")
    assert set(found) == {"a/b", "c"} and found["a/b"].tolist() == [0, 1, 2] and found["c"] == 2


def test_a_contestant_that_loads_something_else_is_found_out(monkeypatch):
    monkeypatch.setattr("keras_resnet.weights.load", lambda model, path: None)
    with pytest.raises(BenchError, match="keras_resnet did not load .*kernel as it stands in the file"):
        load.measure_loading(1, model="resnet-tiny", say=lambda line: None)


def test_json_of_the_measure(measure):
    done = measure("load", "--json", "--rounds", 2, "--model", "resnet-tiny", check=0)
    value = json.loads(done.stdout)
    names = {"keras_resnet", "h5py", "keras"}
    assert set(value["seconds"]) == set(value["spread"]) == set(value["rounds"]) == names
    assert all(low <= value["seconds"][name] <= high for name, (low, high) in value["spread"].items())
    assert set(value["ratio"]) == {"h5py", "keras"} and all(len(times) == 2 for times in value["rounds"].values())
    assert value["page_cache"] == "warm" and value["versions"]["h5py"] and value["processor"] and value["file_mb"] > 0.1
    assert value["settings"] == {"rounds": 2, "model": "resnet-tiny", "backend": "tensorflow"}
    assert "building resnet-tiny" in done.stderr


def test_too_few_rounds_are_one_line_and_status_1(capsys):
    assert main(["load", "--rounds", "0"]) == 1
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "benchmarks: rounds: expected at least 1, received 0\n")


def test_the_table():
    measured = {
        "seconds": {"keras_resnet": 0.0612, "h5py": 0.04, "keras": 0.14},
        "spread": {"keras_resnet": [0.06, 0.07], "h5py": [0.039, 0.05], "keras": [0.13, 0.15]},
        "ratio": {"h5py": 1.53, "keras": 0.437},
        "file_mb": 102.95,
        "weights": 320,
        "page_cache": "warm",
        "versions": {"keras": "3.15.1"},
        "processor": "Abacus 9",
        "settings": {"rounds": 15, "model": "resnet50", "backend": "tensorflow"},
    }
    lines = loading_table(measured).splitlines()
    assert lines[0] == "Loading 320 weights of resnet50, 103.0 MB, page cache warm: medians of 15 rounds, Abacus 9"
    assert lines[3].split() == ["keras_resnet", "0.0612", "0.0600", "0.0700", "-"]
    assert lines[5].split() == ["keras", "0.1400", "0.1300", "0.1500", "0.44"]
    assert len({len(line) for line in lines[2:6]}) == 1 and lines[-1] == "keras 3.15.1"


@pytest.mark.full
def test_loading_takes_at_most_twice_a_plain_read_and_six_tenths_of_keras(measure):
    value = json.loads(measure("load", "--json", check=0).stdout)
    assert 95 < value["file_mb"] < 110
    assert value["ratio"]["h5py"] <= 2 and value["ratio"]["keras"] <= 0.6
