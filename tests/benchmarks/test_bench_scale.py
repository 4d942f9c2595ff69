"""The benchmarks of scaling and of rematerialisation: their arithmetic, their tables, and what they run."""

import importlib.util
import json

import pytest

from benchmarks import remat, scale
from benchmarks.errors import BenchError


def test_efficiencies_are_taken_within_each_round():
    # Round 2 was slow for all. Two processes halve 4 s to 2.5 s, take 5 s for twice the batch, and half a batch takes 2 s.
    rounds = {"one": [4, 8, 4], "strong": [2.5, 5, 2.5], "weak": [5, 10, 5], "half": [2, 4, 2]}
    found = scale.summarize(rounds, batch_size=8)
    assert found["strong"] == pytest.approx(0.8) and found["weak"] == pytest.approx(0.8)
    assert found["communication"] == pytest.approx(0.2) and found["seconds"]["one"] == 4
    assert found["images_per_second"] == {"one": 2, "strong": 3.2, "weak": 3.2, "half": 2}


def test_a_ring_by_hand():
    """Three machines: a third of the array goes round twice, but for the last of each three stations."""
    assert scale.all_reduce_bytes(300, 3) == 4 * 100
    assert scale.all_reduce_bytes(94e6, 2) == 94e6 and scale.all_reduce_bytes(1, 10**9) == pytest.approx(2)


def test_on_paper_resnet50_sends_94_megabytes():
    """23.6 million parameters, 26,560 channels of batch normalisation; a step of 2 s for 32 images."""
    found = scale.on_paper(23_600_000, 26_560, seconds=2.0, batch_size=32)
    assert found["gradient_mb"] == pytest.approx(94.4) and found["statistics_mb"] == pytest.approx(0.425, abs=1e-3)
    two = found["machines"][2]
    assert two["sent_mb"] == pytest.approx(94.8, abs=0.1)
    assert two["seconds"]["1 Gbit/s"] == pytest.approx(0.7586, abs=1e-3)  # 94.825 MB of 8 bits at 1000 Mbit/s
    assert two["speedup"]["1 Gbit/s"] == pytest.approx(2 / (1 + 0.7586), abs=1e-3)
    assert two["efficiency"]["10 Gbit/s"] == pytest.approx(2 / 2.07586, abs=1e-4)
    for name, images in found["pays_from"].items():
        rate, second = scale.NETWORKS[name], 2.0 / 32  # of an image
        for machines in scale.MACHINES:
            sending = 8 * scale.all_reduce_bytes(94.4e6 + 424_960, machines) / rate
            assert images * second / machines + sending <= images * second * 1.0001  # not slower than one machine
        fewer = images - 1
        assert fewer * second / 64 + 8 * scale.all_reduce_bytes(94.4e6 + 424_960, 64) / rate >= fewer * second


def test_tables():
    rounds = {"one": [4.0], "strong": [2.5], "weak": [5.0], "half": [2.0]}
    settings = {"model": "resnet50", "size": 64, "batch_size": 8, "rounds": 1, "steps": 5}
    paper = scale.on_paper(23_600_000, 26_560, 4.0, 8)
    measured = {**scale.summarize(rounds, 8), "paper": paper, "load": [0.5, 2.0], "settings": settings}
    measured |= {"sums": 100, "seconds_a_sum": 0.005}
    lines = scale.table({**measured, "processor": "Abacus 9", "cores": 2}).splitlines()
    assert lines[1] == "load of the machine (cores 2): 0.5 before, 2.0 after"
    assert lines[5].split() == ["2,", "same", "batch", "(strong)", "8", "2.500", "3.2", "80%"]
    assert any("20% of the step of two processes with the same batch: 5.0 ms" in line for line in lines)
    assert any(line.split()[:2] == ["64", "186.7"] for line in lines) and max(map(len, lines)) <= 128
    facts = {
        "all kept": {"peak_mb": 1500, "start_mb": 500, "seconds": 2.0, "losses": [1.0, 0.5], "backend": "jax"},
        "remat": {"peak_mb": 900, "start_mb": 500, "seconds": 3.0, "losses": [1.0, 0.500001], "backend": "jax"},
    }
    found = remat.compare(facts)
    assert found["memory"] == 0.4 and found["time"] == 1.5 and found["difference"] == pytest.approx(1e-6)
    text = remat.table({**found, "settings": settings, "processor": "Abacus 9"})
    assert "With remat the steps take 0.40 times the memory and 1.50 times as long; the losses differ by at most 1e-06." in text


@pytest.mark.parametrize(
    ("module", "given", "message"),
    [
        (scale, {"batch_size": 7}, "batch_size: expected an even number, received 7"),
        (scale, {"steps": 1}, "steps: expected at least 2, received 1"),
        (remat, {"size": 16}, "size: expected at least 32, received 16"),
    ],
)
def test_numbers_that_cannot_be(module, given, message):
    with pytest.raises(BenchError, match=f"^{message}$"):
        module.Settings(**given)


def test_one_core_is_not_enough(monkeypatch):
    monkeypatch.setattr(scale.os, "sched_getaffinity", lambda process: {0}, raising=False)
    with pytest.raises(BenchError, match="^cores: expected at least 2 that a process can be bound to, received 1$"):
        scale.measure_scaling()


@pytest.mark.full
@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="JAX is not installed")
def test_scaling_of_a_tiny_network(measure):
    words = ("--model", "resnet-tiny", "--size", 32, "--batch-size", 8, "--rounds", 1, "--steps", 2)
    value = json.loads(measure("scale", "--json", *words, check=0).stdout)
    seconds = value["seconds"]
    assert set(seconds) == {"one", "strong", "weak", "half"} and all(0 < each < 60 for each in seconds.values())
    assert value["strong"] == pytest.approx(seconds["one"] / (2 * seconds["strong"]))
    assert value["paper"]["gradient_mb"] * 1e6 / 4 < 22_947  # resnet-tiny's parameters, of which some are statistics
