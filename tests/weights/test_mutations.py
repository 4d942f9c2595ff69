"""Small weight files changed at random: our error and a model as it was, or exactly what a plain reader finds in the file.

The files are changed and read in child processes, for a damaged file may well end the process that reads it. A child that is
silent for ten seconds, ends, grows or raises anything but our error fails the test, and the seed is in the message:
``python mutate.py FOLDER SEED SEED+1 1`` repeats it.
"""

import json
import os
import queue
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from conftest import ROOT

HERE = Path(__file__).resolve().parent
CHILDREN, SILENCE = 2, 10  # processes; seconds for a case
START_UP = 120  # seconds: imports


class Child:
    """A process that tries every ``CHILDREN``th seed; what it prints comes through a queue, None at its end."""

    def __init__(self, folder, first, last):
        self.folder, self.last, self.failures, self.counts = folder, last, [], {}
        self._start(first)

    def _start(self, first):
        self.seed, self.lines = None, queue.Queue()
        path = os.pathsep.join((str(ROOT), str(HERE), *sys.path))
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "mutate.py"), *map(str, (self.folder, first, self.last, CHILDREN))],
            env={**os.environ, "PYTHONPATH": path, "TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.errors = []
        for stream, take in ((self.process.stdout, self.lines.put), (self.process.stderr, self.errors.append)):
            threading.Thread(target=self._pass_on, args=(stream, take), daemon=True).start()

    def _pass_on(self, stream, take):
        for line in stream:
            take(line)
        take(None)

    def finish(self):
        """Follows the process to its end, and starts another behind a seed that ended it."""
        while True:
            try:
                line = self.lines.get(timeout=START_UP if self.seed is None else SILENCE)
            except queue.Empty:
                line = f"silent for {SILENCE} s"
                self.process.kill()
                self._ended(line)
                continue
            if line is None:
                if self.process.wait() == 0:
                    return
                self._ended(f"ended with status {self.process.returncode}")
            elif line.startswith("done "):
                for name, count in json.loads(line.removeprefix("done ")).items():
                    self.counts[name] = self.counts.get(name, 0) + count
            elif line.startswith("FAIL "):
                self.failures.append(line.strip())
            else:
                self.seed = int(line)

    def _ended(self, how):
        self.process.wait()
        said = " | ".join(line.strip() for line in self.errors[-6:] if line and line.strip())
        self.failures.append(f"FAIL {self.seed}: {how}: {said}")
        if self.seed is None or len(self.failures) > 20:
            pytest.fail("\n".join(self.failures))
        self._start(self.seed + CHILDREN)


def mutate(folder, cases):
    """Tries seeds 0 .. cases; returns how often each kind of file was refused and loaded."""
    children = [Child(folder, first, cases) for first in range(CHILDREN)]
    threads = [threading.Thread(target=child.finish) for child in children]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    failures = [failure for child in children for failure in child.failures]
    assert not failures, "\n".join(failures)
    counts = {}
    for child in children:
        for name, count in child.counts.items():
            counts[name] = counts.get(name, 0) + count
    return counts


@pytest.mark.parametrize("cases", [2000, pytest.param(10_000, marks=pytest.mark.full)])
def test_changed_files_are_refused_or_read_exactly(cases, tmp_path):
    counts = mutate(tmp_path, cases)
    assert sum(counts.values()) == cases
    loaded = {name.rpartition(":")[0] for name in counts if name.endswith("loaded")}
    refused = {name.rpartition(":")[0] for name in counts if name.endswith("refused")}
    assert loaded == refused and len(loaded) >= 8  # every container, both networks
