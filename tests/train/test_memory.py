"""A step that would not fit into memory is refused before it is taken, and what fits is said."""

import re

import pytest

import keras_resnet.data.memory
from keras_resnet import train
from keras_resnet.errors import DataError, RunError
from keras_resnet.train import memory
from keras_resnet.train.network import Start, training_model

RECIPE = train.Recipe(name="r", summary="", epochs=1, batch_size=32)


def network(size=64):
    return training_model("resnet-tiny", (size, size, 3), 3, RECIPE, images=100, start=Start(), remat=False)


def message_of(free, monkeypatch, batch_size=32):
    monkeypatch.setattr(memory, "free_memory", lambda: free)
    with pytest.raises(RunError) as caught:
        memory.check_memory(network(), RECIPE, batch_size)
    return str(caught.value)


def test_what_is_said_to_fit_fits_and_hardly_more_would(monkeypatch):
    here = network()
    free = memory.memory(here, RECIPE, 32) // 2
    message = message_of(free, monkeypatch)
    batch_size, size = map(int, re.search(r"--batch-size (\d+) or --size (\d+) or less fits$", message).groups())
    assert memory.memory(here, RECIPE, batch_size) <= free < memory.memory(here, RECIPE, batch_size + 1)
    assert memory.memory(network(size), RECIPE, 32) <= 1.05 * free and size > 40
    assert message.startswith("A step on 32 images of 64 x 64 pixels would take about ")


def test_where_no_batch_and_no_size_would_fit_neither_is_named(monkeypatch):
    message = message_of(1000, monkeypatch)
    assert message.endswith("expected a smaller network or another machine")
    fixed = memory.memory(network(), RECIPE, 0)
    message = message_of(fixed + (memory.memory(network(), RECIPE, 1) - fixed) // 3, monkeypatch, batch_size=1)
    assert "--batch-size" not in message and "--size 36 or less fits" in message


def test_memory_that_suffices_or_is_not_known_or_is_a_gpus_refuses_nothing(monkeypatch):
    for free in (10**12, None):
        monkeypatch.setattr(memory, "free_memory", lambda free=free: free)
        memory.check_memory(network(), RECIPE, 32)
    monkeypatch.setattr(memory, "free_memory", lambda: 1000)
    monkeypatch.setattr(memory, "_on_processors", lambda: False)
    memory.check_memory(network(), RECIPE, 32)


@pytest.mark.parametrize(
    ("size", "error", "message"),
    [
        (800, RunError, "A step on 64 images of 800 x 800 pixels would take about .* or less fits$"),
        (8000, DataError, "a step and the next: 64 images of 8,000 x 8,000 pixels would take .* of memory, and .* are free"),
    ],
)
def test_a_run_is_refused_before_it_writes(tiny_set, tmp_path, monkeypatch, size, error, message):
    """By what its network takes; or, before images are opened, by what a batch of them takes."""
    for module in (memory, keras_resnet.data.memory):
        monkeypatch.setattr(module, "free_memory", lambda: 10**9)
    with pytest.raises(error, match=message):
        train.run(data=tiny_set, out=tmp_path / "run", model="resnet-tiny", size=size, batch_size=64, stream=True)
    assert not (tmp_path / "run").exists()
