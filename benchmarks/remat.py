"""What `train --remat` gains in memory and costs in time: the training step of a network with and without, side by side.

Each is a process of its own, whose peak of resident memory is compared; all steps are on the same noise, so that the losses
can be compared too.
"""

import contextlib
import dataclasses
import json
import statistics
import sys
import time
from dataclasses import dataclass

from benchmarks.child import Child
from benchmarks.contestant import peak_mb, take_standard_output
from benchmarks.errors import BenchError
from keras_resnet.environment import processor

CONTESTANTS = {"all kept": False, "remat": True}
LEARNING_RATE = 1e-5  # low: rounding, which Adam makes much of, stays out of the losses


@dataclass(frozen=True)
class Settings:
    """What is measured: `steps` training steps, the first of which compiles, of a network of the catalogue."""

    model: str = "resnet50"
    size: int = 128
    batch_size: int = 64
    steps: int = 4

    def __post_init__(self):
        for name, least in {"size": 32, "batch_size": 2, "steps": 2}.items():
            if getattr(self, name) < least:
                raise BenchError(f"{name}: expected at least {least}, received {getattr(self, name)}")


def measure_remat(settings=None, *, say=print):
    """Trains a few steps with and without, one after the other.

    Args:
        settings: a `Settings`.
        say: called with lines of progress.

    Returns:
        A dict of plain values: by contestant, `peak_mb` (resident memory of its process at its peak, MB of a million bytes),
        `start_mb` (at its peak before the first step: framework, code and network), `seconds` (the median step without the
        first) and `losses`, of each step; `memory` and `time`, remat over the other, the start taken off the memory;
        `difference`, the largest between two losses; `backend`, `processor` and `settings`.

    Raises:
        BenchError: a contestant failed.
    """
    settings = settings or Settings()
    facts = {}
    for name in CONTESTANTS:
        say(f"{name}: {settings.steps} steps of {settings.batch_size} images of {settings.size} x {settings.size}")
        words = [sys.executable, "-m", "benchmarks.remat", name, json.dumps(dataclasses.asdict(settings))]
        with contextlib.closing(Child(name, words)) as child:
            facts[name] = child.receive()
    return {**compare(facts), "processor": processor(), "settings": dataclasses.asdict(settings)}


def compare(facts):
    """What `measure_remat` returns, from what each contestant said."""
    kept, remat = (facts[name] for name in CONTESTANTS)
    keys = ("peak_mb", "start_mb", "seconds", "losses")
    return {
        **{key: {name: answer[key] for name, answer in facts.items()} for key in keys},
        "memory": (remat["peak_mb"] - remat["start_mb"]) / (kept["peak_mb"] - kept["start_mb"]),
        "time": remat["seconds"] / kept["seconds"],
        "difference": max(abs(one - other) for one, other in zip(kept["losses"], remat["losses"], strict=True)),
        "backend": kept["backend"],
    }


def table(measured):
    """The result of `measure_remat` as lines of text."""
    settings = measured["settings"]
    lines = [
        f"{settings['model']}, {settings['batch_size']} images of {settings['size']} x {settings['size']}, "
        f"{measured['backend']}, {measured['processor']}",
        "",
        f"{'':<10}{'peak MB':>9}{'of the steps':>14}{'s a step':>10}",
    ]
    for name, peak in measured["peak_mb"].items():
        steps = peak - measured["start_mb"][name]
        lines.append(f"{name:<10}{peak:>9.0f}{steps:>14.0f}{measured['seconds'][name]:>10.2f}")
    return "\n".join(
        [
            *lines,
            "",
            f"With remat the steps take {measured['memory']:.2f} times the memory and {measured['time']:.2f} times as long; "
            f"the losses differ by at most {measured['difference']:.1g}.",
        ]
    )


def main():
    """A contestant: trains its steps and says in one line of JSON what they took."""
    name, settings = sys.argv[1], json.loads(sys.argv[2])
    replies = take_standard_output()
    import keras
    import numpy as np

    from keras_resnet.train import RECIPES, training_model

    keras.utils.set_random_seed(0)
    size, batch = settings["size"], settings["batch_size"]
    recipe = dataclasses.replace(
        RECIPES["signs"], batch_size=batch, learning_rate=LEARNING_RATE, warmup_epochs=0, final_rate=1.0
    )  # fmt: skip
    network = training_model(settings["model"], (size, size, 3), 6, recipe, images=batch, remat=CONTESTANTS[name])
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (batch, size, size, 3), dtype=np.uint8)
    targets = np.eye(6, dtype="float32")[generator.integers(0, 6, batch)]
    start, losses, seconds = peak_mb(), [], []
    for _ in range(settings["steps"]):
        begun = time.perf_counter()
        losses.append(float(network.train_on_batch(images, targets)[0]))
        seconds.append(time.perf_counter() - begun)
    answer = {"start_mb": start, "peak_mb": peak_mb(), "seconds": statistics.median(seconds[1:]), "losses": losses}
    print(json.dumps({**answer, "backend": keras.backend.backend()}), file=replies, flush=True)


if __name__ == "__main__":
    main()
