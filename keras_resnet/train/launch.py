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

OURS = "keras-resnet: "  # how a line of error begins
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
    errors = [None, *(tempfile.TemporaryFile() for _ in range(processes - 1))]
    children = []
    try:
        address = f"127.0.0.1:{free_port()}"
        for index, share in enumerate(_shares(processes)):
            places = {PROCESSES: processes, INDEX: index, COORDINATOR: address, LAUNCHED: 1}
            environment = {**os.environ, **{name: str(value) for name, value in places.items()}}
            children.append(_start(command, environment, share, errors[index]))
        return _judge(children, _wait(children), errors)
    except KeyboardInterrupt:  # from the terminal, which has interrupted the others too: they end by themselves
        _wait(children, time.monotonic() + PATIENCE)
        raise
    finally:
        for child in children:
            child.kill()
            child.wait()
            child.stdin.close()


def follow_launcher():
    """In a process that `launch` has started: lets it end when the launcher does, however that ends."""

    def watch():
        os.read(0, 1)  # nobody writes to standard input; it returns when the other end is closed
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _start(command, environment, share, errors):
    """A child on its share of the cores: it inherits those of this process, which are put back."""
    before = os.sched_getaffinity(0) if share else None
    if share:
        os.sched_setaffinity(0, share)
    try:
        return subprocess.Popen(
            [sys.executable, "-m", "keras_resnet", *command],
            env=environment,
            stdin=subprocess.PIPE,  # closed when this process ends, see `follow_launcher`
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


def _wait(children, deadline=None):
    """Until all have ended, or one has failed and the others had their time. Returns the index of the first that failed."""
    first = None
    while None in [child.poll() for child in children]:  # all are asked, also behind one that still works
        failed = [index for index, child in enumerate(children) if child.returncode]
        if failed and first is None:
            first, deadline = _cause(children), deadline or time.monotonic() + PATIENCE
        if deadline and time.monotonic() > deadline:
            break
        time.sleep(0.05)
    return _cause(children) if first is None else first


def _judge(children, first, errors):
    """The exit status of the whole, or the error that ended it: of the process that failed first."""
    if first is None:
        return 0
    status, name = children[first].returncode, f"Process {first} of {len(children)}"
    if status < 0 and status != -signal.SIGINT:
        raise RunError(
            f"{name} was ended by signal {-status} ({signal.Signals(-status).name}), and the others were stopped; "
            "go on with --resume"
        )
    if children[0].returncode and children[0].returncode > 0:  # it has said why, the error of another included
        return children[0].returncode
    said = _last_line(errors[first])
    raise RunError(f"{name} failed: {said}")


def _last_line(errors):
    """What a process said last on standard error, its own line of error before all."""
    if errors is None:
        return "it was interrupted"
    errors.seek(0)
    said = [line for line in errors.read().decode(errors="replace").splitlines() if line.strip()]
    ours = [line.removeprefix(OURS) for line in said if line.startswith(OURS)]
    return ["it said nothing", *said, *ours][-1]


def _cause(children):
    """The index of the process whose end explains those of the others, of all that have failed by now; None where none has.

    A signal from outside comes first, then an error, and last the abort by which JAX ends a process that has lost another.
    """
    failed = [index for index, child in enumerate(children) if child.returncode]
    return min(failed, key=lambda index: _rank(children[index].returncode), default=None)


def _rank(status):
    return 2 if status == -signal.SIGABRT else 1 if status > 0 else 0
