"""Several processes of one run on this machine: started, watched, and ended together."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from keras_resnet.errors import RunError
from keras_resnet.train.group import COORDINATOR, INDEX, LAUNCHED, PROCESSES

PATIENCE = 20  # seconds that the others have to end by themselves when one has failed


def launch(command, processes):
    """Runs a command in several processes that find each other, and waits for them.

    Process 0 has this process's standard output and error; of the others an error is told where no other explains the end.
    Each process is given its share of this machine's cores, where there are as many. When this process ends, they end.

    Args:
        command: the words after `python -m keras_resnet`.
        processes: how many.

    Returns:
        The exit status of process 0, where it is what counts: 0, or 1 after a line of its own.

    Raises:
        RunError: a process was ended by a signal, or failed by itself.
    """
    reading, writing = os.pipe()
    errors = [None, *(tempfile.TemporaryFile() for _ in range(processes - 1))]
    children = []
    try:
        address = f"127.0.0.1:{free_port()}"
        for index, share in enumerate(_shares(processes)):
            places = {PROCESSES: processes, INDEX: index, COORDINATOR: address, LAUNCHED: reading}
            environment = {**os.environ, **{name: str(value) for name, value in places.items()}}
            children.append(_start(command, environment, share, reading, errors[index]))
        first = _wait(children)
        return _judge(children, first, errors)
    finally:
        for child in children:
            child.kill()
            child.wait()
        os.close(reading)
        os.close(writing)


def follow_launcher():
    """In a process that `launch` has started: lets it end when the launcher does, however that ends."""
    pipe = int(os.environ[LAUNCHED])

    def watch():
        os.read(pipe, 1)  # nobody writes; it returns when the other end is closed
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _start(command, environment, share, pipe, errors):
    """A child on its share of the cores: it inherits those of this process, which are put back."""
    before = os.sched_getaffinity(0) if share else None
    if share:
        os.sched_setaffinity(0, share)
    try:
        return subprocess.Popen(
            [sys.executable, "-m", "keras_resnet", *command],
            env=environment,
            pass_fds=(pipe,),
            stdin=subprocess.DEVNULL,
            stdout=None if errors is None else subprocess.DEVNULL,
            stderr=errors,
        )
    finally:
        if share:
            os.sched_setaffinity(0, before)


def _shares(processes):
    """The cores of each process, as sets; None each where there are too few, or the system cannot say."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if len(cores) < processes:
        return [None] * processes
    return [
        set(cores[number * len(cores) // processes : (number + 1) * len(cores) // processes]) for number in range(processes)
    ]


def free_port():
    """A port of this machine that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def _wait(children):
    """Until all have ended, or one has failed and the others had their time. Returns the index of the first that failed."""
    first, deadline = None, None
    while None in [child.poll() for child in children]:  # all are asked, also behind one that still works
        failed = [index for index, child in enumerate(children) if child.returncode]
        if failed and first is None:
            first, deadline = failed[0], time.monotonic() + PATIENCE
        if deadline and time.monotonic() > deadline:
            break
        time.sleep(0.05)
    return first if first is not None else next((index for index, child in enumerate(children) if child.returncode), None)


def _judge(children, first, errors):
    """The exit status of the whole, or the error that ended it."""
    for index, child in enumerate(children):  # a signal explains more than what the others then met
        if child.returncode is not None and child.returncode < 0 and child.returncode != -signal.SIGINT:
            raise RunError(
                f"Process {index} of {len(children)} was ended by signal {-child.returncode} "
                f"({signal.Signals(-child.returncode).name}), and the others were stopped; go on with --resume"
            )
    if first is None or children[0].returncode:
        return children[0].returncode or 0
    errors[first].seek(0)
    said = [line for line in errors[first].read().decode(errors="replace").splitlines() if line.strip()]
    said = next((line for line in reversed(said) if line.startswith("keras-resnet: ")), said[-1] if said else "it said nothing")
    raise RunError(f"Process {first} of {len(children)} failed: {said.removeprefix('keras-resnet: ')}")
