"""Which process of how many this one is: from the command line, the environment, SLURM or Kubernetes. Loads no framework."""

import importlib.util
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from keras_resnet.errors import RunError

# Names of the environment; a flag of the command line goes before.
PROCESSES, INDEX, COORDINATOR = "KERAS_RESNET_PROCESSES", "KERAS_RESNET_PROCESS_INDEX", "KERAS_RESNET_COORDINATOR"
LAUNCHED = "KERAS_RESNET_LAUNCHED"  # set by `launch`, whose end closes standard input

_SLURM_PORT = 12000  # and the last three digits of the job's number on top: jobs that share a machine do not meet


@dataclass(frozen=True)
class Group:
    """A process's place among those of one run.

    Attributes:
        processes: how many there are.
        index: this one, from 0; process 0 writes the run folder.
        coordinator: `HOST:PORT` of process 0, where the others find it; None for processes that are still to be started on
            this machine.
        launched: whether `launch` has started this process, so that all of them are on this machine.
    """

    processes: int
    index: int = 0
    coordinator: str | None = None
    launched: bool = False


def find_group(
    processes: int | None = None,
    index: int | None = None,
    coordinator: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> "Group | None":
    """Says which process of a run this one is. Looks, and starts nothing.

    What is not given is looked for in the environment: `KERAS_RESNET_PROCESSES`, `KERAS_RESNET_PROCESS_INDEX` and
    `KERAS_RESNET_COORDINATOR`; then, where there is a number of processes, in what SLURM's `srun` sets (`SLURM_PROCID`,
    `SLURM_STEP_NODELIST`, `SLURM_JOB_ID`; for steps of just so many tasks) and Kubernetes gives the pods of an indexed job
    (`JOB_COMPLETION_INDEX`).

    Args:
        processes: int, or None.
        index: int, or None.
        coordinator: `HOST:PORT`, or None.
        environment: dict; None for the process's own.

    Returns:
        A `Group`, or None for a run of one process that nobody has asked to be more. Without a place to be found among
        several, its ``coordinator`` is None: they are to be started here.

    Raises:
        RunError: a value that cannot be, or one that is missing.
    """
    environment = os.environ if environment is None else environment
    processes = _number("processes", processes, PROCESSES, environment, least=1)
    index = _number("process index", index, INDEX, environment, least=0)
    coordinator = coordinator or environment.get(COORDINATOR)
    if processes is None:
        if index is not None or coordinator is not None:
            raise RunError(f"processes: expected their number by --processes or {PROCESSES}, received none")
        return None
    if processes == 1:
        return Group(1)
    if index is None:
        index, found = _place(processes, environment)
        coordinator = coordinator or found
    if index is None and coordinator is None:
        return Group(processes)
    return _checked(processes, index, coordinator, LAUNCHED in environment)


def require_jax():
    """Raises RunError where Keras's backend is another than JAX, or JAX is not installed. Loads neither."""
    folder = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    file = folder / "keras.json"
    chosen = json.loads(file.read_text(encoding="utf-8")).get("backend") if file.exists() else None
    backend = os.environ.get("KERAS_BACKEND") or chosen or "tensorflow"
    if backend != "jax":
        raise RunError(
            f"processes: expected the backend jax, on which several processes train together, received {backend}; "
            "set KERAS_BACKEND=jax in the environment"
        )
    if importlib.util.find_spec("jax") is None:
        raise RunError("processes: they train together on JAX, which is not installed; `pip install jax` installs it")


def _number(name, given, variable, environment, least):
    """A whole number from the command line or the environment; None where neither has it."""
    text = environment.get(variable) if given is None else given
    if text is None:
        return None
    if not str(text).isdecimal() or int(text) < least:
        raise RunError(f"{name}: expected a whole number of at least {least}, received {text!r}")
    return int(text)


def _place(processes, environment):
    """Index and coordinator from SLURM or Kubernetes; None for what they do not say."""
    tasks = environment.get("SLURM_STEP_NUM_TASKS", "1")
    if tasks != "1":
        if tasks != str(processes):
            raise RunError(f"processes: expected {tasks}, the tasks of this SLURM step, received {processes}")
        port = _SLURM_PORT + int(environment["SLURM_JOB_ID"]) % 1000
        return int(environment["SLURM_PROCID"]), f"{first_host(environment['SLURM_STEP_NODELIST'])}:{port}"
    if "JOB_COMPLETION_INDEX" in environment:
        return int(environment["JOB_COMPLETION_INDEX"]), None
    return None, None


def first_host(nodes):
    """The first machine of a list as SLURM writes it: `node[03-07,9],other` begins with `node03`."""
    head, bracket, rest = re.match(r"([^,\[]*)(\[?)(.*)", nodes).groups()
    if not bracket:
        return head
    numbers, _, tail = rest.partition("]")
    return head + re.split(r"[-,]", numbers)[0] + tail.partition(",")[0]


def _checked(processes, index, coordinator, launched):
    if index is None:
        raise RunError(f"process index: expected 0 to {processes - 1} by --process-index or {INDEX}, received none")
    if index >= processes:
        raise RunError(f"process index: expected 0 to {processes - 1}, for {processes} processes, received {index}")
    if coordinator is None:
        raise RunError(f"coordinator: expected HOST:PORT of process 0 by --coordinator or {COORDINATOR}, received none")
    if not re.fullmatch(r".+:\d{1,5}", coordinator):
        raise RunError(f"coordinator: expected HOST:PORT, received {coordinator!r}")
    return Group(processes, index, coordinator, launched)
