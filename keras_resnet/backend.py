"""Which backend Keras is to use: the one that was chosen, else one that is installed."""

import importlib.util
import json
import os
import sys
from pathlib import Path

VARIABLE = "KERAS_BACKEND"
BACKENDS = ("tensorflow", "jax", "torch")  # in the order in which they are looked for


def choose_backend() -> None:
    """Has Keras use an installed backend where nobody chose and the one that it would take is not installed.

    Keras takes the one of its `keras.json`, which it writes itself when it is first imported, else TensorFlow. The choice goes
    to the environment's variable `KERAS_BACKEND`. Imports nothing.
    """
    if VARIABLE in os.environ or "keras" in sys.modules or _installed(_configured()):
        return
    for name in BACKENDS:
        if _installed(name):
            os.environ[VARIABLE] = name
            return


def missing(error: ImportError) -> str | None:
    """What to do about an error of import, in one line, where it is of a backend that is not installed; else None."""
    name = (error.name or "").partition(".")[0]
    if name not in BACKENDS or _installed(name):
        return None
    others = [other for other in BACKENDS if _installed(other)]
    if not others:
        return "Keras has no backend here. Install one: pip install tensorflow (or jax, or torch)."
    how = f"{VARIABLE}={os.environ[VARIABLE]}" if VARIABLE in os.environ else f"{_file()}"
    return f"Keras is told by {how} to use {name}, which is not installed. Install it, or set {VARIABLE}={others[0]}."


def _configured() -> str:
    try:
        settings = json.loads(_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):  # Keras too takes its defaults then
        return "tensorflow"
    return settings.get("backend", "tensorflow") if isinstance(settings, dict) else "tensorflow"


def _file() -> Path:
    """Keras's configuration (keras/src/backend/config.py)."""
    home = os.environ.get("KERAS_HOME") or Path(os.path.expanduser("~")) / ".keras"
    return Path(home) / "keras.json"


def _installed(name: str) -> bool:
    return name in sys.modules or importlib.util.find_spec(name) is not None
