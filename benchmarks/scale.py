"""What a second process gains: training steps of one process on one core against two on one core each, on JAX.

Four contestants take turns, built and warmed up before the first round: one process; two with the same batch (strong scaling:
each has half of it); two with twice the batch (weak scaling: each has as much as the one); and one with half of the batch,
which is what each of two computes. What two take longer than that is communication, waiting for each other included, and
the memory that two cores share.
"""

import contextlib
import dataclasses
import json
import math
import os
import statistics
import sys
import time
from dataclasses import dataclass

from benchmarks import contestant
from benchmarks.child import Child
from benchmarks.errors import BenchError
from keras_resnet import environment
from keras_resnet.environment import processor
from keras_resnet.train.group import Group
from keras_resnet.train.launch import free_port

# Contestant -> processes, and its batch over that of the one.
CONTESTANTS = {"one": (1, 1), "strong": (2, 1), "weak": (2, 2), "half": (1, 0.5)}
NETWORKS = {"1 Gbit/s": 1e9, "10 Gbit/s": 1e10, "100 Gbit/s": 1e11}  # bits a second
MACHINES = (2, 4, 8, 16, 64)
FLOAT32 = 4  # bytes of a gradient


@dataclass(frozen=True)
class Settings:
    """What is measured.

    Attributes:
        model: a name of the catalogue.
        size: height and width of the images, in pixels.
        batch_size: images a step of one process; even.
        rounds: how often each contestant is measured, in turn.
        steps: training steps in a round.
    """

    model: str = "resnet50"
    size: int = 64
    batch_size: int = 32
    rounds: int = 3
    steps: int = 5

    def __post_init__(self):
        for name, least in {"size": 32, "batch_size": 4, "rounds": 1, "steps": 2}.items():
            if getattr(self, name) < least:
                raise BenchError(f"{name}: expected at least {least}, received {getattr(self, name)}")
        if self.batch_size % 2:
            raise BenchError(f"batch_size: expected an even number, received {self.batch_size}")


def measure_scaling(settings=None, *, say=print):
    """Measures the contestants and says what follows for more machines.

    Args:
        settings: a `Settings`.
        say: called with lines of progress.

    Returns:
        A dict of plain values: what `summarize` returns; `paper`, what `on_paper` returns for the step of one process;
        `sums`, about how many sums over all processes a step has (one a trained variable, four a batch normalisation), and
        `seconds_a_sum`, what each takes here: their latency, which the paper leaves out, counts where they are small;
        `load`, the system's load averages of a minute at the beginning and at the end, this measurement's own work included
        in the second; `processor`, `cores` (of this machine, for this process), `settings` and `rounds`, the raw seconds.

    Raises:
        BenchError: fewer than two cores, or a contestant that failed.
    """
    settings = settings or Settings()
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if len(cores) < 2:
        raise BenchError(f"cores: expected at least 2 that a process can be bound to, received {len(cores)}")
    load, rounds = [os.getloadavg()[0]], {name: [] for name in CONTESTANTS}
    with contextlib.ExitStack() as stack:
        teams = {}
        for name, (processes, _) in CONTESTANTS.items():
            say(f"{name}: building and warming up ({processes} x 1 core, {_batch(name, settings)} images a step)")
            teams[name] = _start(name, settings, cores, stack)
        for number in range(1, settings.rounds + 1):
            for name, team in teams.items():
                rounds[name].append(max(answer["seconds"] for answer in _ask(team, "go")) / settings.steps)
            speeds = ", ".join(f"{name} {_batch(name, settings) / rounds[name][-1]:.1f}" for name in CONTESTANTS)
            say(f"round {number} of {settings.rounds}, images per second: {speeds}")
        facts = _ask(teams["one"], "quit")[0]
    summary = summarize(rounds, settings.batch_size)
    return {
        **summary,
        "paper": on_paper(facts["parameters"], facts["statistics"], summary["seconds"]["one"], settings.batch_size),
        "sums": facts["sums"],
        "seconds_a_sum": (summary["seconds"]["strong"] - summary["seconds"]["half"]) / facts["sums"],
        "load": [*load, os.getloadavg()[0]],
        "processor": processor(),
        "cores": len(cores),
        "settings": dataclasses.asdict(settings),
        "versions": facts["versions"],
        "rounds": rounds,
    }


def _batch(name, settings):
    return int(CONTESTANTS[name][1] * settings.batch_size)


def summarize(rounds, batch_size):
    """Speeds and efficiencies from the seconds of a step in every round.

    Args:
        rounds: `{contestant: [seconds, ...]}`, as many for each.
        batch_size: images a step of one process.

    Returns:
        A dict: `seconds` of a step and `images_per_second` by contestant, medians; of the ratios within each round the
        medians `strong` and `weak`, the efficiency of two processes (1 is twice the speed of one), and `communication`, the
        share of the step of two with the same batch that one with half of it does not need.
    """
    batches = {name: factor * batch_size for name, (_, factor) in CONTESTANTS.items()}
    times = list(zip(*(rounds[name] for name in CONTESTANTS), strict=True))
    return {
        "seconds": {name: statistics.median(values) for name, values in rounds.items()},
        "images_per_second": {name: batches[name] / statistics.median(values) for name, values in rounds.items()},
        "strong": statistics.median(one / (2 * strong) for one, strong, _, _ in times),
        "weak": statistics.median(one / weak for one, _, weak, _ in times),
        "communication": statistics.median(1 - half / strong for _, strong, _, half in times),
    }


def all_reduce_bytes(size, machines):
    """What each of N machines sends for the sum of an array over all: a ring's 2 (N - 1) / N times its bytes.

    Patarasuk and Yuan 2009, J. Parallel Distrib. Comput. 69(2), 117-124; no other way takes less.
    """
    return 2 * (machines - 1) / machines * size


def on_paper(parameters, statistics_, seconds, batch_size):
    """What data parallelism takes and gives on N machines, each as fast as the process that was measured.

    A step sends the gradients, and the sums of batch normalisation over the whole batch, once forward and once back. Nothing
    is taken to overlap with computing, and a message to take no time of its own: the first is worse than what happens, the
    second better.

    Args:
        parameters: number of trainable parameters.
        statistics_: number of channels of all batch normalisations.
        seconds: of a step of one machine.
        batch_size: its images.

    Returns:
        A dict: `gradient_mb` and `statistics_mb`, what is summed in a step (MB of a million bytes); `machines`, by their
        number `sent_mb` and, by network, `seconds` of sending, `speedup` on the same batch and `efficiency` on a batch as many
        times as large; `pays_from`, by network: the images of a batch from which two or more machines are faster than one.
    """
    gradients, sums = FLOAT32 * parameters, FLOAT32 * 4 * statistics_  # sum and square sum, forward and back
    rows = {}
    for machines in MACHINES:
        sent = all_reduce_bytes(gradients + sums, machines)
        sending = {name: 8 * sent / rate for name, rate in NETWORKS.items()}
        rows[machines] = {
            "sent_mb": sent / 1e6,
            "seconds": sending,
            "speedup": {name: seconds / (seconds / machines + each) for name, each in sending.items()},
            "efficiency": {name: seconds / (seconds + each) for name, each in sending.items()},
        }
    # seconds / N + 2 (N - 1) / N * c < seconds, c the time of all bytes, where seconds > 2 c: whatever N is.
    pays = {name: math.ceil(2 * 8 * (gradients + sums) / rate / seconds * batch_size) for name, rate in NETWORKS.items()}
    return {"gradient_mb": gradients / 1e6, "statistics_mb": sums / 1e6, "machines": rows, "pays_from": pays}


def table(measured):
    """The result of `measure_scaling` as lines of text."""
    settings, paper = measured["settings"], measured["paper"]
    batch, seconds = settings["batch_size"], measured["seconds"]
    lines = [
        f"{settings['model']}, {settings['size']} x {settings['size']}, JAX on one core a process: medians of "
        f"{settings['rounds']} rounds of {settings['steps']} steps, {measured['processor']}",
        f"load of the machine (cores {measured['cores']}): {measured['load'][0]:.1f} before, {measured['load'][1]:.1f} after",
        "",
        f"{'processes':<28}{'images a step':>14}{'s a step':>10}{'images/s':>10}{'efficiency':>12}",
    ]
    titles = {
        "one": "1",
        "strong": "2, same batch (strong)",
        "weak": "2, twice the batch (weak)",
        "half": "1, half of the batch",
    }
    for name, title in titles.items():
        efficiency = f"{measured[name]:.0%}" if name in measured else "-"
        images = int(CONTESTANTS[name][1] * batch)
        speed = measured["images_per_second"][name]
        lines.append(f"{title:<28}{images:>14}{seconds[name]:>10.3f}{speed:>10.1f}{efficiency:>12}")
    lines += [
        f"communication and waiting: {measured['communication']:.0%} of the step of two processes with the same batch: "
        f"{1000 * measured['seconds_a_sum']:.1f} ms",
        f"for each of its about {measured['sums']} sums. What follows counts bytes alone, and not this latency:",
        "",
        f"On paper: N machines as fast as the one process ({seconds['one']:.3f} s for {batch} images), a ring that sums "
        f"{paper['gradient_mb']:.1f} MB of",
        f"gradients and {paper['statistics_mb']:.2f} MB of statistics: each sends 2 (N - 1) / N times that in a step.",
        "",
        f"{'N':>4}{'MB sent':>9}" + "".join(f"{name:>34}" for name in NETWORKS),
        f"{'':>13}" + f"{'sending':>12}{'same batch':>12}{'N x':>10}" * len(NETWORKS),
    ]
    for machines, row in paper["machines"].items():
        cells = "".join(
            f"{row['seconds'][name]:>10.3f} s{row['speedup'][name]:>11.2f}x{row['efficiency'][name]:>10.0%}"
            for name in NETWORKS
        )
        lines.append(f"{machines:>4}{row['sent_mb']:>9.1f}{cells}")
    pays = ", ".join(f"{images} at {name}" for name, images in paper["pays_from"].items())
    return "\n".join([*lines, "", f"Two or more are faster than one from a batch of so many images on: {pays}."])


def _start(name, settings, cores, stack):
    """The processes of a contestant, which have warmed up."""
    processes, _ = CONTESTANTS[name]
    address, team = f"127.0.0.1:{free_port()}", []
    for index in range(processes):
        place = {"processes": processes, "index": index, "coordinator": address, "core": cores[index]}
        words = json.dumps({**dataclasses.asdict(settings), **place, "batch_size": _batch(name, settings)})
        environment = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "TF_CPP_MIN_LOG_LEVEL": "3"}
        child = Child(f"{name}, process {index}", [sys.executable, "-m", "benchmarks.scale", words], environment)
        team.append(stack.enter_context(contextlib.closing(child)))
    for child in team:
        child.receive()
    return team


def _ask(team, word):
    for child in team:
        child.send(word)
    return [child.receive() for child in team]


def main():
    """One process of a contestant; obeys the lines of `contestant.serve`."""
    settings = json.loads(sys.argv[1])
    os.sched_setaffinity(0, {settings["core"]})
    replies = contestant.take_standard_output()
    import keras

    from keras_resnet.train import RECIPES, distribute, training_model

    distribute.join(Group(settings["processes"], settings["index"], settings["coordinator"]))
    crew, size = distribute.muster(), settings["size"]
    recipe = dataclasses.replace(RECIPES["signs"], batch_size=settings["batch_size"])
    keras.utils.set_random_seed(0)
    with crew.scope():
        network = training_model(settings["model"], (size, size, 3), 6, recipe, images=recipe.batch_size)
        batches = _batches(settings, crew)

        def train_round():
            begun = time.perf_counter()
            network.fit(batches, verbose=0, shuffle=False)
            keras.ops.convert_to_numpy(network.optimizer.iterations)  # waits until it is computed
            return [(time.perf_counter() - begun) / settings["steps"]]

        for _ in range(contestant.WARM_UP_ROUNDS):
            train_round()
        contestant.serve(sys.stdin, replies, train_round, lambda: _facts(network))


def _batches(settings, crew):
    """A round's batches of noise, of which each process makes its part."""
    import numpy as np

    from keras_resnet.data import Split
    from keras_resnet.data.pipeline import Batches, feed

    generator, count = np.random.default_rng(0), settings["steps"] * settings["batch_size"]
    images = generator.integers(0, 256, (count, settings["size"], settings["size"], 3), dtype=np.uint8)
    split = Split(images, generator.integers(0, 6, count))
    return feed(Batches(split, 6, batch_size=settings["batch_size"], part=(crew.index, crew.size)))


def _facts(network):
    from keras_resnet.models.batch_norm import batch_norm_layers

    return {
        "parameters": sum(math.prod(variable.shape) for variable in network.trainable_variables),
        "statistics": sum(layer.moving_mean.shape[0] for layer in batch_norm_layers(network)),
        "sums": len(network.trainable_variables) + 4 * len(batch_norm_layers(network)),
        "versions": environment.versions(),
    }


if __name__ == "__main__":
    main()
