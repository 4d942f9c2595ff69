"""The benchmark of sets on the disk: its arithmetic, and the command on a set of a few megabytes."""

import json

import pytest

from benchmarks import stream
from benchmarks.errors import BenchError


def test_peaks_and_ratios_within_each_round():
    def said(peak, speed):
        return {"peak_mb": peak, "images_per_second": speed, "waiting": 0.25}

    rounds = {"empty": [said(100, None), said(90, None)]}
    rounds |= {"disk": [said(150, 9), said(140, 36)], "memory": [said(500, 10), said(400, 40)]}
    found = stream.summarize(rounds)
    assert found["peak_mb"] == {"empty": 100, "disk": 150, "memory": 500} and found["extra_mb"] == 50
    assert found["images_per_second"] == {"disk": 22.5, "memory": 25} and found["speed_ratio"] == pytest.approx(0.9)
    assert found["waiting"] == {"disk": 0.25, "memory": 0.25}


def test_too_little_is_refused():
    with pytest.raises(BenchError, match="^steps: expected at least 7, received 6$"):
        stream.Settings(steps=6)
    with pytest.raises(BenchError, match="images for 200 steps of 32; received 2 rounds and 81 images$"):
        stream.Settings(gigabytes=0.001)


def test_the_command_trains_on_the_disk_and_in_memory(measure):
    """6 MB: the file is 500 times a batch, and every run says what it took."""
    few = ("--gigabytes", 0.006, "--size", 32, "--model", "resnet-tiny", "--batch-size", 4, "--steps", 60, "--rounds", 1)
    done = measure("stream", *few, "--json", check=0)
    value = json.loads(done.stdout)
    assert value["set"] == {"images": 1953, "gigabytes": 0.006}
    assert set(value["peak_mb"]) == {"empty", "disk", "memory"} and min(value["peak_mb"].values()) > 100
    assert 0.1 < value["speed_ratio"] == value["images_per_second"]["disk"] / value["images_per_second"]["memory"]
    assert all(0 <= share <= 1 for share in value["waiting"].values())
    lines = stream.table(value).splitlines()
    assert len(lines) == 8 and f"{value['speed_ratio']:.2f} times the speed" in lines[-1]
    assert "writing 1,953 images" in done.stderr
