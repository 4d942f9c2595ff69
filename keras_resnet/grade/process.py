"""Checking a learner's file: its code runs in a process of its own, with limits of time and memory."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from keras_resnet.errors import GradeError
from keras_resnet.grade import cells
from keras_resnet.grade.child import TARGETS
from keras_resnet.grade.grading import Grade, graded
from keras_resnet.grade.sentences import mistake

_START = 600  # seconds that the framework may take to load on a slow disk


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


def grade_file(path, *, seconds=120, megabytes=4096):
    """Checks the blocks and the network that a notebook or a module defines.

    Of the file, only definitions are run: imports, functions, classes, and the values that these need; it does not train.

    Args:
        path: a notebook (`.ipynb`) or a module (`.py`) with any of `identity_block`, `convolutional_block` (or `conv_block`)
            and `ResNet50`.
        seconds: how long the learner's code may take, once the framework has started.
        megabytes: how much memory the learner's code may use.

    Returns:
        A `FileGrade`.

    Raises:
        GradeError: no such file, no such function in it, or its definitions alone take too long.
    """
    cells.read(path)  # a wrong name is told at once
    with tempfile.TemporaryDirectory() as folder:
        report, errors = Path(folder) / "report", Path(folder) / "errors"
        command = [sys.executable, "-m", "keras_resnet.grade.child", str(path), str(report), str(megabytes), str(seconds)]
        ended = _run(command, report, errors, seconds)
        lines = [json.loads(line) for line in report.read_text(encoding="utf-8").splitlines()] if report.exists() else []
        notes = tuple(line["note"] for line in lines if "note" in line)
        grades = [_grade(line["grade"]) for line in lines if "grade" in line]
        started = [line["start"] for line in lines if "start" in line]
        if ended != 0 and len(started) > len(grades):
            grades.append(_unfinished(started[-1], ended, seconds, megabytes))
        elif ended != 0:
            raise GradeError(_before_any_check(path, ended, seconds, errors))
    if not grades:
        names = ", ".join(name for names, _ in TARGETS.values() for name in names)
        left_out = f"; left out: {notes[0]}" if notes else ""
        raise GradeError(f"{path} defines none of {names}{left_out}")
    return FileGrade(str(path), tuple(grades), notes)


def _run(command, report, errors, seconds):
    """Runs the child; its exit status (negative for a signal), or None where it was stopped for its time.

    Its clock starts when the report is there: the framework has loaded by then.
    """
    package = str(Path(__file__).resolve().parents[2])
    paths = [package, *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "TF_CPP_MIN_LOG_LEVEL": "3"}
    with open(errors, "wb") as file:
        options = {"stdin": subprocess.DEVNULL, "stdout": file, "stderr": file, "start_new_session": True}
        child = subprocess.Popen(command, env=environment, **options)
        try:
            deadline = time.monotonic() + _START
            while not report.exists() and child.poll() is None and time.monotonic() < deadline:
                time.sleep(0.05)
            return child.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        finally:
            _end(child)


def _end(child):
    """Ends the child and whatever it has started."""
    if child.poll() is None:
        if hasattr(os, "killpg"):
            os.killpg(child.pid, signal.SIGKILL)
        else:
            child.kill()
    child.wait()


def _grade(value):
    return Grade(value["name"], value["passed"], tuple(value["sentences"]), tuple(value["mistakes"]))


def _unfinished(name, ended, seconds, megabytes):
    if ended is None or ended == -getattr(signal, "SIGXCPU", 0):
        return graded(name, [mistake("stopped", name=name, seconds=seconds)])
    return graded(name, [mistake("died", name=name, how=_how(ended), megabytes=megabytes)])


def _how(ended):
    return signal.Signals(-ended).name if ended < 0 else f"exit status {ended}"


def _before_any_check(path, ended, seconds, errors):
    if ended is None:
        return f"{path}: its definitions had not come to an end after {seconds:g} s and were stopped"
    said = [line for line in errors.read_text(errors="replace").splitlines() if line.strip()]
    return f"{path}: its definitions brought the process to an end ({_how(ended)})" + (f": {said[-1].strip()}" if said else "")
