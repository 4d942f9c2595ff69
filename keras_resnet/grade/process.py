"""Checking a learner's file: its code runs in a process of its own, with limits of time, memory and reach."""

import collections
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from keras_resnet.errors import GradeError
from keras_resnet.grade import cells, isolation, memory
from keras_resnet.grade.grading import Grade, graded
from keras_resnet.grade.sentences import mistake
from keras_resnet.grade.targets import EXPECTED

_START = 600  # seconds that the framework may take to load on a slow disk
_WRITTEN = 256 * 2**20  # bytes that a submission may leave in its folder
_POLL = 0.1  # seconds
_REPORT = "report.jsonl"


@dataclass(frozen=True)
class FileGrade:
    """What became of a file.

    Attributes:
        path: str.
        grades: tuple of `Grade`, one for each block or network that the file defines.
        notes: tuple of str: lines of the file that could not be run and were left out.
    """

    path: str
    grades: tuple
    notes: tuple = ()

    @property
    def passed(self):
        """Whether everything in the file is right."""
        return all(grade.passed for grade in self.grades)

    def __str__(self):
        return "\n".join(map(str, self.grades))


@dataclass(frozen=True)
class Limits:
    """What a submission may use.

    Attributes:
        seconds: time for its code, once the framework has started.
        megabytes: memory for its code, on Windows without effect.
        threads: processors; None for all of them.
    """

    seconds: float = 120
    megabytes: int = 4096
    threads: int | None = None


def grade_file(path: str | PathLike, *, seconds: float = 120, megabytes: int = 4096) -> FileGrade:
    """Checks the blocks and the network that a notebook or a module defines.

    Of the file, only definitions are run, and only those that the checked functions need: it does not train. They run in a
    process of their own that may write nothing, start no program and use no network.

    Args:
        path: a notebook (`.ipynb`) or a module (`.py`) with any of `identity_block`, `convolutional_block` (or `conv_block`)
            and `ResNet50`. Where one of these names is missing, a function that looks like it is taken, and a note says so.
        seconds: how long the learner's code may take, once the framework has started.
        megabytes: how much memory the learner's code may use. Linux keeps this itself; on macOS the grader looks at the
            process ten times a second and stops it; on Windows nothing does, and a note says so.

    Returns:
        A `FileGrade`.

    Raises:
        GradeError: no such file, no such function in it, or its definitions alone take too long.
        ModuleNotFoundError: Keras's backend is not installed: one line says what to do.
    """
    cells.read(path)  # a wrong name is told at once
    with tempfile.TemporaryDirectory() as folder:
        return grade_confined(path, Path(path).resolve(), folder, Limits(seconds, megabytes))


@dataclass(frozen=True)
class Neighbors:
    """Where other submissions lie, for a process that is to reach none of them.

    Attributes:
        submissions: the folder of those that were handed in.
        processes: the folder in which each of their processes has its own.
        namespaces: whether to use `isolation`.
    """

    submissions: Path
    processes: Path
    namespaces: bool


def grade_confined(name, path, own, limits, neighbors=None, stop=None):
    """`grade_file` with its surroundings.

    Args:
        name: of the file in messages.
        path: of the file; among neighbours, it lies in ``own``.
        own: the process's folder, the one place where it may write.
        limits: `Limits`.
        neighbours: `Neighbours`; None for a file by itself.
        stop: a `threading.Event` that ends the process early.

    Raises:
        GradeError: as `grade_file`.
        KeyboardInterrupt: it was ended early.
    """
    notes, found, grades, broken = (), None, [], None
    while found is None or len(grades) < len(found):
        if broken and found[len(grades)][1] == "network":
            grades.append(_unchecked(*found[len(grades)], broken))
            continue
        leave = [grade.name for grade in grades] + [name for name, subject in found or () if broken and subject == "network"]
        lines, ended, said = _child(path, Path(own), limits, neighbors, stop, leave)
        if found is None:
            _refuse_without_backend(lines)
            notes = tuple(line["note"] for line in lines if "note" in line) + ((memory.UNBOUND,) if memory.UNBOUND else ())
            found = next((line["found"] for line in lines if "found" in line), None)
        grades += [_grade(line["grade"]) for line in lines if "grade" in line]
        if found is None:
            loaded = (Path(own) / _REPORT).exists()
            raise GradeError(_before_any_check(name, ended, limits, said) if loaded else _before_keras(name, ended, said))
        if len(grades) < len(found) and found[len(grades)][0] not in leave:
            grades.append(_unfinished(found[len(grades)], ended, limits))  # what comes after it is checked in another process
            broken = grades[-1].name
    if not grades:
        left_out = f"; left out: {notes[0]}" if notes else ""
        raise GradeError(f"{name} defines none of {EXPECTED}{left_out}")
    return FileGrade(str(name), tuple(grades), notes)


def _refuse_without_backend(lines):
    for line in lines:
        if "missing" in line:
            raise ModuleNotFoundError(line["missing"], name=line["name"])


def _child(path, own, limits, neighbors, stop, done):
    """Runs the child for what is not ``done``; the lines of its report, how it ended, and what it said last."""
    apart = neighbors is not None and neighbors.namespaces
    there = neighbors.processes if apart else own  # where the process finds its own folder
    value = {"path": str(there / path.relative_to(own) if apart else path), "report": str(there / _REPORT), "done": done}
    value |= {"megabytes": limits.megabytes, "seconds": limits.seconds, "writable": str(there)}
    value["hidden"] = [str(neighbors.submissions), str(neighbors.processes)] if neighbors else []
    (own / _REPORT).unlink(missing_ok=True)
    (own / "task.json").write_text(json.dumps(value), encoding="utf-8")
    command = [sys.executable, "-m", "keras_resnet.grade.child", str(there / "task.json")]
    command = isolation.wrapped(command, own, there, neighbors.submissions) if apart else command
    ended, said = _run(command, _environment(there, limits), own, limits, stop)
    return _lines(own / _REPORT), ended, said


def _lines(report):
    """The lines of a report; one that was not written to its end is left out."""
    found = []
    for line in report.read_text(encoding="utf-8", errors="replace").splitlines() if report.exists() else []:
        try:
            found.append(json.loads(line))
        except ValueError:
            break
    return found


def _run(command, environment, own, limits, stop):
    """Runs the child.

    Its clock starts when the report is there: the framework has loaded by then.

    Returns:
        Its exit status (negative for a signal), or a word for why it was stopped: ``"time"``, ``"files"`` or ``"memory"``; and
        the last lines that it wrote on standard error.
    """
    options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "start_new_session": True}
    child = subprocess.Popen(command, env=environment, **options)
    said = collections.deque(maxlen=20)
    reader = threading.Thread(target=_drain, args=(child.stderr, said), daemon=True)
    reader.start()
    try:
        return _wait(child, own, limits, stop), said
    finally:
        _end(child)
        reader.join(1)


def _drain(stream, said):
    """Reads what a child writes, however much that is, and keeps the end of it."""
    with stream:
        while line := stream.readline(4096):
            said.append(line.decode(errors="replace").strip())


def _wait(child, own, limits, stop):
    report, most = own / _REPORT, None
    deadline, started = time.monotonic() + _START, False
    while child.poll() is None:
        if not started and report.exists():
            deadline, started = time.monotonic() + limits.seconds, True
            most = memory.resident(child.pid) + limits.megabytes * 2**20 if memory.WATCHED else None
        if stop is not None and stop.is_set():
            raise KeyboardInterrupt
        if time.monotonic() > deadline:
            return "time"
        if _bytes_in(own) > _WRITTEN:
            return "files"
        if most is not None and memory.resident(child.pid) > most:
            return "memory"
        time.sleep(_POLL)
    return child.returncode


def _bytes_in(folder):
    found = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                found += os.lstat(os.path.join(parent, name)).st_size
            except FileNotFoundError:  # it was removed in between
                continue
    return found


def _environment(temporary, limits):
    package = str(Path(__file__).resolve().parents[2])
    paths = [package, *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "TF_CPP_MIN_LOG_LEVEL": "3", "TMPDIR": str(temporary)}
    if limits.threads:
        names = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
        environment |= dict.fromkeys(names, str(limits.threads))
    return environment


def _end(child):
    """Ends the child and whatever it has started."""
    if hasattr(os, "killpg"):
        try:
            os.killpg(child.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):  # nothing of it is left; macOS says the latter of what has just ended
            pass
    elif child.poll() is None:
        child.kill()
    child.wait()


def _grade(value):
    known = {key: tuple(each) if isinstance(each, list) else each for key, each in value.items()}
    return Grade(**known)


def _unfinished(target, ended, limits):
    name, subject = target
    if ended == "time" or ended == -getattr(signal, "SIGXCPU", 0):
        found = mistake("stopped", name=name, seconds=limits.seconds)
    elif ended == "files":
        found = mistake("files", name=name, megabytes=_WRITTEN // 2**20)
    elif ended == "memory":
        found = mistake("memory", name=name, megabytes=limits.megabytes)
    else:
        found = mistake("died", name=name, how=_how(ended), megabytes=limits.megabytes)
    return graded(name, [found], subject=subject)


def _unchecked(name, subject, broken):
    """The grade of a network that is not checked, for a block of the file ended the process."""
    return graded(name, [mistake("not_checked", name=name, block=broken, why="did not come to its end")], subject=subject)


def _how(ended):
    return signal.Signals(-ended).name if ended < 0 else f"exit status {ended}"


def _before_any_check(name, ended, limits, said):
    """Why nothing of a file was checked, for the first line of its report stands there and no more."""
    stopped = {
        "time": f"had not come to an end after {limits.seconds:g} s",
        "files": f"wrote more than {_WRITTEN // 2**20} MB of files",
        "memory": f"used more than {limits.megabytes} MB of memory",
    }
    if ended in stopped:
        return f"{name}: its definitions {stopped[ended]} and were stopped"
    return f"{name}: its definitions brought the process to an end ({_how(ended)}){_last(said)}"


def _before_keras(name, ended, said):
    """Why nothing of a file was run."""
    why = f"was not there after {_START} s" if ended == "time" else f"could not be loaded ({_how(ended)})"
    return f"{name} was not run, for Keras {why}{_last(said)}"


def _last(said):
    last = next((line for line in reversed(said) if line), "")
    return f": {last}" if last else ""
