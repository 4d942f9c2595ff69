"""The exports that a run folder keeps for its engines, under the hash of the run's weights. Needs no framework."""

import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path

from keras_resnet.backend import VARIABLE
from keras_resnet.deploy import metadata
from keras_resnet.deploy.engines import ENGINES, FLOAT, HALF, KERAS, engine_of
from keras_resnet.deploy.formats import FORMATS, is_installed, require
from keras_resnet.errors import DeployError, one_of
from keras_resnet.workdir import Workdir

FOLDER = "exports"
AUTO = "auto"
ORDER = ("openvino", "onnxruntime", "litert")  # of engines, the fastest first, as `python -m benchmarks predict` found them
_DIGITS = 16  # of the hash, in the name of a folder


def path_of(run, sha256: str, format: str, precision: str, features: bool = False) -> Path:
    """Where a run folder keeps an export.

    Args:
        run: the run folder.
        sha256: of its `model.keras`.
        format, precision, features: of the export.
    """
    name = f"{format}-{precision}{'-features' if features else ''}"
    return Path(run) / FOLDER / sha256[:_DIGITS] / name / f"model{FORMATS[format].ending}"


def choose(engine: str, precision: str) -> str:
    """The engine that a name stands for: of ``"auto"`` the fastest one that is installed, else Keras.

    Raises:
        DeployError: it is unknown, not installed, or does not compute in the precision.
    """
    if engine == AUTO:
        ready = (name for name in ORDER if is_installed(ENGINES[name].module) and precision in ENGINES[name].precisions)
        engine = next(ready, KERAS)
    if engine == KERAS:
        if precision != FLOAT:
            raise DeployError(
                f"precision: expected 'float32' with Keras, received {precision!r}; other engines: {', '.join(ORDER)}"
            )
        return engine
    if engine not in ORDER:
        raise DeployError(one_of("engine", engine, (AUTO, KERAS, *ORDER)))
    row = engine_of(engine, precision)
    require(f"engine={engine!r}", (row.module,), row.extra)
    return engine


def place(run, engine: str, precision: str) -> tuple[Path, str]:
    """Where a run keeps, or is to keep, the export for an engine; and the SHA-256 of its weights.

    Raises:
        RunError: there is no run.
    """
    workdir = Workdir(run)
    workdir.read()
    file = workdir / "model.keras"
    if not file.is_file():
        workdir.load_model()  # says what is wrong
    sha256 = _digest(file, file.stat().st_mtime_ns, file.stat().st_size)
    return path_of(run, sha256, ENGINES[engine].format, precision), sha256


@functools.cache
def _digest(file, changed, size):
    """The SHA-256 of a file as it stands: one command asks twice, and of a large file each time takes a tenth of a second."""
    return metadata.digest(file)


def is_ready(run, engine: str, precision: str) -> bool:
    """Whether an engine can start without a framework."""
    return engine != KERAS and metadata.beside(place(run, engine, precision)[0]).exists()


def export_of(run, engine: str, precision: str) -> Path:
    """The export of a run that an engine takes: made where there is none of these weights, and looked at.

    Raises:
        DeployError: it cannot be made; or it is damaged, was changed, or is of another run.
    """
    path, sha256 = place(run, engine, precision)
    if not metadata.beside(path).exists():
        _make(run, ENGINES[engine].format, precision)
        _forget_others(run, sha256)
    described = metadata.read(path)
    wanted = {"precision": precision, "classes": Workdir(run).read("class_names")["class_names"]}
    if described["source"]["sha256"] != sha256 or any(described[name] != value for name, value in wanted.items()):
        raise DeployError(f"{path} is not an export of {run}: delete {path.parent}, and it is made anew")
    return path


def _make(run, format, precision):
    """Here where Keras runs on TensorFlow, or would; else in a process beside."""
    if _backend() == "tensorflow":
        from keras_resnet.deploy.exporter import Order, write

        write(Order(format, precision), run)
        return
    if precision == HALF:
        raise DeployError(f"precision: the check in bfloat16 needs {VARIABLE}=tensorflow")
    command = [sys.executable, "-m", "keras_resnet", "export", str(run), "--format", format]
    command += [] if precision == FLOAT else ["--int8"]
    done = subprocess.run(command, env={**os.environ, VARIABLE: "tensorflow"}, capture_output=True, text=True)
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.strip()] or [f"exit status {done.returncode}"]
        raise DeployError(said[-1].removeprefix("keras-resnet: "))


def _backend():
    if "keras" in sys.modules:
        return sys.modules["keras"].backend.backend()
    return os.environ.get(VARIABLE, "tensorflow")


def _forget_others(run, sha256):
    """Deletes the exports of weights that a run no longer has."""
    for folder in (Path(run) / FOLDER).glob("*"):
        if folder.is_dir() and folder.name != sha256[:_DIGITS]:
            shutil.rmtree(folder)
