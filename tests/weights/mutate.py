"""The child of `test_mutations.py`: ``python mutate.py FOLDER FIRST LAST STEP`` tries the seeds and reports each in a line.

A line is a seed when it begins, ``FAIL seed: text`` for what must not happen, and ``done {"refused": .., "loaded": ..}`` at
the end.
"""

import collections
import json
import random
import resource
import sys
import traceback
from pathlib import Path

import mutant_files
import numpy as np
from mutant_changes import changed, in_archive, in_hdf5, in_header, in_state

from keras_resnet.errors import WeightsError
from keras_resnet.weights import inspect, load

GROWTH = 200  # MB beyond what the process has held before, for files of a few kB: a blow-up


class Variable:
    """What loading needs of a Keras variable."""

    def __init__(self, path, value):
        self.path, self.value = path, value.copy()
        self.shape = value.shape

    def assign(self, value):
        value = np.array(value)
        if value.shape != self.shape or value.dtype != np.float32:
            raise ValueError(f"{self.path}: {value.dtype} {value.shape} assigned to {self.shape}")
        self.value = value


class Layer:
    def __init__(self, name, weights):
        self.name = name
        self.weights = [Variable(f"{name}/{role}", np.full_like(value, 9)) for role, value in weights.items()]


class Model:
    name = "net"

    def __init__(self, layers):
        self.layers = [Layer(name, weights) for name, weights in layers.items()]


def bases():
    """Rows of a name, the layers, the bytes, the plain reader and the changes that fit the container."""
    try:
        import safetensors  # noqa: F401
        import torch  # noqa: F401
    except ImportError:
        torches = ()
    else:
        torches = (
            ("safetensors", mutant_files.safetensors, mutant_files.read_safetensors, in_header),
            ("pth", mutant_files.pickled, mutant_files.read_pickled, in_state),
            ("old.pth", lambda layers: mutant_files.pickled(layers, zipped=False), mutant_files.read_pickled, in_state),
        )
    rows = (
        ("h5", mutant_files.legacy, mutant_files.read_hdf5, in_hdf5),
        ("new.h5", lambda layers: mutant_files.legacy(layers, "latest"), mutant_files.read_hdf5, in_hdf5),
        ("weights.h5", mutant_files.native, mutant_files.read_hdf5, in_hdf5),
        ("keras", mutant_files.archive, mutant_files.read_archive, in_archive),
        *torches,
    )
    nets = {"stub": mutant_files.stub(), "tiny": mutant_files.tiny()}
    return [
        (f"{name} {container}", layers, write(layers), read, change)
        for container, write, read, change in rows
        for name, layers in nets.items()
    ]


def attempt(path, layers, read, known):
    """Loads a file and compares: ``"refused"`` or ``"loaded"``, or an AssertionError for what must not be."""
    model = Model(layers)
    try:
        inspect(path)
    except WeightsError:
        pass
    try:
        load(model, path, lineage="ignore")
    except WeightsError as problem:
        assert "\n" not in str(problem), f"more than one line: {problem}"
        for layer in model.layers:
            for variable in layer.weights:
                assert (variable.value == 9).all(), f"refused ({problem}), but {variable.path} has changed"
        return "refused"
    expected = read(path, layers)
    for layer in model.layers:
        for variable in layer.weights:
            role = variable.path.rpartition("/")[2]
            assert expected.allows(layer.name, role, variable.value, known), f"{variable.path} is not what a plain reader finds"
    return "loaded"


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(folder, first, last, step):
    rows, counts = bases(), collections.Counter()
    path = Path(folder) / f"file-{first}"
    for _, layers, content, read, _ in rows:  # as they are they load, and what is imported late is imported
        path.write_bytes(content)
        assert attempt(path, layers, read, {(name, role) for name in layers for role in layers[name]}) == "loaded"
    held = peak()
    for seed in range(int(first), int(last), int(step)):
        print(seed, flush=True)
        chance = random.Random(seed)
        name, layers, content, read, change = chance.choice(rows)
        path.write_bytes(changed(content, change, chance))
        try:
            outcome = attempt(path, layers, read, {(name, role) for name in layers for role in layers[name]})
            assert peak() < held + GROWTH, f"the process grew from {held:.0f} to {peak():.0f} MB"
            counts[f"{name}: {outcome}"] += 1
        except BaseException:
            lines = " | ".join(line.strip() for line in traceback.format_exc().splitlines()[-6:])
            print(f"FAIL {seed} ({name}): {lines}", flush=True)
            held = max(held, peak())
    print("done", json.dumps(counts), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
