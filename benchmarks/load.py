"""How long a weight file takes to get into a network: here with every check and the report, in Keras, and a plain read of it.

The file is that of a ResNet-50 with Chollet's names, 100 MB in the layout of Keras 1 and 2, written to a temporary folder. The
contestants take turns in this process, a different one first in each round. A round that nobody counts comes before, so that
the file is in the system's page cache: what is measured is work, not the disk.
"""

import statistics
import tempfile
import time
from pathlib import Path

from benchmarks.errors import BenchError
from keras_resnet.environment import cores, processor, versions

OURS = "keras_resnet"
CONTESTANTS = {
    OURS: "keras_resnet.weights.load, with all its checks and its report",
    "h5py": "a plain read of every dataset of the file, nothing done with them",
    "keras": "Model.load_weights of the same file into a network of the same order of layers",
}


def measure_loading(rounds=15, *, model="resnet50", say=print):
    """Measures loading a file into a network that is built already.

    Args:
        rounds: how often each contestant is measured.
        model: a name of the catalogue; its file is of Chollet's lineage.
        say: called with lines of progress.

    Returns:
        A dict of plain values: `seconds`, keyed by contestant, the median of the rounds; `spread`, the `[shortest, longest]`;
        `ratio`, `keras_resnet` over the others, the median of the ratios within each round; `file_mb` (of a million bytes) and
        `weights`, their number; `page_cache`; `versions`, `processor`, `cores`, `rounds` and `settings`.

    Raises:
        BenchError: too few rounds, or contestants that did not load the same numbers.
    """
    if rounds < 1:
        raise BenchError(f"rounds: expected at least 1, received {rounds}")
    import keras

    from keras_resnet.models import create_model
    from keras_resnet.weights import save

    say(f"building {model} twice and its file")
    networks = {name: create_model(model, lineage="chollet", weights=None) for name in (OURS, "keras")}
    numbers = _numbers(networks[OURS])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "weights.h5"
        networks[OURS].set_weights(numbers)
        save(networks[OURS], path)
        networks[OURS].set_weights([0 * values for values in numbers])
        times = _take_turns(_contestants(networks, path), rounds + 1)
        size = path.stat().st_size / 1e6
    _check_equal(networks, numbers)
    backend = keras.backend.backend()
    return {
        **summarize({name: values[1:] for name, values in times.items()}),
        "file_mb": size,
        "weights": len(networks[OURS].weights),
        "page_cache": "warm",
        "versions": versions(),
        "processor": processor(),
        "cores": cores(),
        "settings": {"rounds": rounds, "model": model, "backend": backend},
    }


def summarize(rounds):
    """Medians, spreads and ratios from the seconds of every round.

    Args:
        rounds: `{name: [seconds, ...]}`, as many for each name.

    Returns:
        A dict, each value keyed by name: `seconds`, `spread`, `ratio` (`keras_resnet` over the other) and `rounds` as given.
    """
    return {
        "seconds": {name: statistics.median(values) for name, values in rounds.items()},
        "spread": {name: [min(values), max(values)] for name, values in rounds.items()},
        "ratio": {
            name: statistics.median(ours / theirs for ours, theirs in zip(rounds[OURS], values, strict=True))
            for name, values in rounds.items()
            if name != OURS
        },
        "rounds": rounds,
    }


def _numbers(network):
    """Seeded numbers for every weight of a network, in its order; none of them what a new network has."""
    import numpy as np

    generator = np.random.default_rng(0)
    normal = [(weight.path, generator.standard_normal(weight.shape, "float32")) for weight in network.weights]
    return [values**2 + 0.5 if path.endswith("variance") else values / 10 for path, values in normal]


def _contestants(networks, path):
    from keras_resnet.weights import load

    return {
        OURS: lambda: load(networks[OURS], path),
        "h5py": lambda: _read(path),
        "keras": lambda: networks["keras"].load_weights(path),
    }


def _read(path):
    """Every dataset of an HDF5 file, by name."""
    import h5py

    found = {}
    with h5py.File(path, "r") as file:
        file.visititems(lambda name, item: found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    return found


def _check_equal(networks, numbers):
    import numpy as np

    for name, network in networks.items():
        for weight, expected in zip(network.weights, numbers, strict=True):
            if not np.array_equal(weight, expected):
                raise BenchError(f"{name} did not load {weight.path} as it stands in the file")


def _take_turns(contestants, rounds):
    """Seconds by name and round; another one is first in each round."""
    names, times = list(contestants), {name: [] for name in contestants}
    for number in range(rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            times[name].append(_seconds(contestants[name]))
    return times


def _seconds(call):
    start = time.perf_counter()
    call()
    return time.perf_counter() - start
