"""What a set that stays on the disk costs: memory and speed of `train` beside the same set in memory, and an almost empty one.

Each run is a process of its own that trains as `keras-resnet train` does, for some steps of the first epoch, and writes its run
folder. The set is noise in the SIGNS layout, written to a temporary folder and so in the page cache: a slow disk is not
measured. The runs take turns.
"""

import contextlib
import dataclasses
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.child import Child
from benchmarks.contestant import peak_mb, take_standard_output
from benchmarks.errors import BenchError
from keras_resnet.environment import cores, processor

RUNS = {
    "empty": "one batch of images, in memory: what a run takes without a set",
    "disk": "the set read as it is needed, as `train` does with more than 100 MB of pixels",
    "memory": "the set in memory (--no-stream)",
}
_UNTIMED = 5  # steps: the first compiles
_TEST = 64  # test images


@dataclasses.dataclass(frozen=True)
class Settings:
    """What is measured: ``gigabytes`` of training images (10 ** 9 bytes) of ``size`` x ``size`` pixels, ``steps`` of ``model``
    with batches of ``batch_size``, in ``rounds`` turns.

    Raises:
        BenchError: a number is too small.
    """

    gigabytes: float = 2.0
    size: int = 64
    model: str = "resnet50"
    batch_size: int = 32
    steps: int = 200
    rounds: int = 2

    def __post_init__(self):
        if self.steps <= _UNTIMED + 1:
            raise BenchError(f"steps: expected at least {_UNTIMED + 2}, received {self.steps}")
        if self.rounds < 1 or self.images < self.steps * self.batch_size:
            raise BenchError(
                f"expected at least one round, and images for {self.steps} steps of {self.batch_size}; received {self.rounds} "
                f"rounds and {self.images:,} images"
            )

    @property
    def images(self):
        """Training images of the large set."""
        return int(self.gigabytes * 1e9) // (3 * self.size**2)


def measure_streaming(settings=None, *, say=print):
    """Measures the three runs.

    Args:
        settings: a `Settings`.
        say: called with lines of progress.

    Returns:
        A dict of plain values. By name of the run: `peak_mb`, the most memory that its process held, MB of a million bytes,
        the highest of the rounds; `images_per_second`, the median of the rounds; `waiting`, the share of the time without a
        batch to work on. `extra_mb`, of the set on the disk over the almost empty one; `speed_ratio`, disk over memory, median
        of the ratios within the rounds; `set`, `processor`, `cores`, `settings` and `rounds`.

    Raises:
        BenchError: a run failed.
    """
    settings = settings or Settings()
    rounds = {name: [] for name in RUNS}
    with tempfile.TemporaryDirectory() as folder:
        say(f"writing {settings.images:,} images, {settings.gigabytes:g} GB")
        _write(Path(folder) / "large", settings.images, settings)
        _write(Path(folder) / "small", settings.batch_size, settings)
        for number in range(1, settings.rounds + 1):
            for name in RUNS:
                facts = _run(name, Path(folder), settings)
                rounds[name].append(facts)
                speed = f", {facts['images_per_second']:.1f} images/s" if facts["images_per_second"] else ""
                say(f"round {number} of {settings.rounds}, {name}: {facts['peak_mb']:.0f} MB{speed}")
    return {
        **summarize(rounds),
        "set": {"images": settings.images, "gigabytes": settings.gigabytes},
        "processor": processor(),
        "cores": cores(),
        "settings": dataclasses.asdict(settings),
        "rounds": rounds,
    }


def summarize(rounds):
    """Peaks, speeds and the two figures that count, from what each run said.

    Args:
        rounds: `{name: [{"peak_mb": .., "images_per_second": .., "waiting": ..}, ...]}`, as many for each name.
    """
    timed = [name for name in rounds if name != "empty"]
    peaks = {name: max(facts["peak_mb"] for facts in said) for name, said in rounds.items()}
    pairs = zip(rounds["disk"], rounds["memory"], strict=True)
    return {
        "peak_mb": peaks,
        "images_per_second": {name: statistics.median(said["images_per_second"] for said in rounds[name]) for name in timed},
        "waiting": {name: statistics.median(said["waiting"] for said in rounds[name]) for name in timed},
        "extra_mb": peaks["disk"] - peaks["empty"],
        "speed_ratio": statistics.median(disk["images_per_second"] / memory["images_per_second"] for disk, memory in pairs),
    }


def table(measured):
    """The result of `measure_streaming` as lines of text."""
    settings = measured["settings"]
    lines = [
        f"{settings['model']}, {measured['set']['images']:,} images of {settings['size']} x {settings['size']}, "
        f"{settings['gigabytes']:g} GB, {settings['rounds']} rounds of {settings['steps']} steps, {measured['processor']}",
        "",
        f"{'':<8}{'peak MB':>9}{'images/s':>10}{'waiting':>9}",
    ]
    for name, peak in measured["peak_mb"].items():
        speed = f"{measured['images_per_second'][name]:>10.1f}{measured['waiting'][name]:>9.1%}" if name != "empty" else ""
        lines.append(f"{name:<8}{peak:>9.0f}{speed}")
    return "\n".join(
        [
            *lines,
            "",
            f"On the disk the set takes {measured['extra_mb']:.0f} MB more than an almost empty one, and trains at "
            f"{measured['speed_ratio']:.2f} times the speed of the one in memory.",
        ]
    )


def _write(path, count, settings):
    """Writes a set of noise; of the training images a block at a time, so that this process stays small."""
    import h5py
    import numpy as np

    from keras_resnet.data import Split, write_signs

    random, shape = np.random.default_rng(0), (settings.size, settings.size, 3)
    few = Split(random.integers(0, 256, (_TEST, *shape), np.uint8), np.arange(_TEST) % 6)
    write_signs(path, few, few, "012345")
    with h5py.File(path / "train_signs.h5", "w") as file:
        images = file.create_dataset("train_set_x", (count, *shape), np.uint8)
        for start in range(0, count, 1024):
            stop = min(start + 1024, count)
            images[start:stop] = random.integers(0, 256, (stop - start, *shape), np.uint8)
        file["train_set_y"], file["list_classes"] = np.arange(count) % 6, np.arange(6)


def _run(name, folder, settings):
    """One run in a process of its own. Returns what it says, a dict."""
    job = {
        "data": str(folder / ("small" if name == "empty" else "large")), "stream": name == "disk",
        "steps": 1 if name == "empty" else settings.steps, "model": settings.model, "batch_size": settings.batch_size,
    }  # fmt: skip
    environment = {"TF_CPP_MIN_LOG_LEVEL": "3", **os.environ, "CUDA_VISIBLE_DEVICES": "-1"}
    words = [sys.executable, "-m", "benchmarks.stream", json.dumps(job)]
    with contextlib.closing(Child(name, words, environment)) as child:
        return child.receive()


def main(argv=None):
    """The child: trains as the argument says, and answers with one line of JSON."""
    (job,) = sys.argv[1:] if argv is None else argv
    job = json.loads(job)
    replies = take_standard_output()
    from keras_resnet import train

    clock, steps = _clock(job["steps"]), job.pop("steps")
    with tempfile.TemporaryDirectory() as folder:
        train.run(
            **job, out=Path(folder) / "run", epochs=1, validation_fraction=0, recalibrate=False, callbacks=(clock,),
            say=lambda line: print(line, file=sys.stderr), verbose=0,
        )  # fmt: skip
    seconds = clock.ends[-1] - clock.ends[_UNTIMED] if steps > _UNTIMED else None
    speed = seconds and (steps - 1 - _UNTIMED) * job["batch_size"] / seconds
    print(json.dumps({"peak_mb": peak_mb(), "images_per_second": speed, "waiting": clock.waiting}), file=replies, flush=True)


def _clock(steps):
    """The Keras callback that notes when each step ends, and ends training after ``steps``."""
    import keras

    class Clock(keras.callbacks.Callback):
        ends, waiting = [], None

        def on_train_batch_end(self, batch, logs=None):
            self.ends.append(time.perf_counter())
            if len(self.ends) == steps:
                self.model.stop_training = True

        def on_epoch_end(self, epoch, logs=None):
            self.waiting = logs["waiting"]

    return Clock()


if __name__ == "__main__":
    main()
