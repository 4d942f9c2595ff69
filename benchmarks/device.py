"""Which device a benchmark runs on, and what is measured there. Loads no framework."""

import importlib.util
import os
from pathlib import Path

from benchmarks.errors import BenchError
from keras_resnet.errors import one_of

DEVICES = ("cpu", "gpu")

# What is usual on a graphics card: ImageNet's size and classes, and layers that compute in bfloat16.
ON_GPU = {"size": 224, "classes": 1000, "batch_size": 128, "steps": 30, "precision": "bfloat16"}

_CARDS = Path("/proc/driver/nvidia/gpus")  # a folder for each card, where NVIDIA's driver is loaded


def graphics_card(environment=None, cards=_CARDS):
    """The model of the first NVIDIA card that programs may use; None where there is none.

    Args:
        environment: dict; None for the process's own. An empty or negative `CUDA_VISIBLE_DEVICES` hides all cards.
        cards: where the driver lists them.
    """
    visible = (os.environ if environment is None else environment).get("CUDA_VISIBLE_DEVICES")
    if visible is not None and (not visible.strip() or visible.strip().startswith("-")):
        return None
    for file in sorted(cards.glob("*/information")):
        lines = (line.partition(":") for line in file.read_text(errors="replace").splitlines())
        return next((text.strip() for name, _, text in lines if name.strip() == "Model"), "NVIDIA")
    return None


def choose_device(asked, card):
    """The device to measure on: the one asked for, by default the graphics card where there is one.

    Raises:
        BenchError: another name, or a card that is not there.
    """
    if asked is not None and asked not in DEVICES:
        raise BenchError(one_of("device", asked, DEVICES))
    if asked == "gpu" and card is None:
        raise BenchError("device: expected cpu, for no NVIDIA card is to be seen here, received gpu")
    return asked or ("cpu" if card is None else "gpu")


def choose_backend(installed=None):
    """Keras's backend for the contestants of Keras: TensorFlow, and JAX where that is not installed."""
    installed = installed or (lambda name: importlib.util.find_spec(name) is not None)
    if installed("tensorflow"):
        return "tensorflow"
    if installed("jax"):
        return "jax"
    raise BenchError("Neither TensorFlow nor JAX is installed, and the contestants of Keras need one of them")
