"""How many images a second a ResNet-50 trains on, here and in other libraries, measured side by side.

Every contestant is a process of its own (`benchmarks.contestant`), built and warmed up before the first round; in
each round one after the other trains the same number of steps while the rest wait, so that a slow minute of the machine
falls on all of them. Compilation is no part of any round. On the device "cpu" graphics cards are hidden: that compares
processors' kernels. On "gpu" all compute in bfloat16, and PyTorch's network is compiled.

Measure on a machine that does nothing else: PyTorch's OpenMP threads wait for each other by spinning, so another busy program
slows it tens of times, not by its share. `idle_cpu_seconds` shows that waiting contestants are no such program.
"""

import contextlib
import dataclasses
import importlib.util
import json
import os
import statistics
import sys
from dataclasses import dataclass

from benchmarks.child import Child
from benchmarks.device import DEVICES, ON_GPU, choose_backend, graphics_card
from benchmarks.errors import BenchError
from keras_resnet import environment
from keras_resnet.environment import PRECISIONS, cores, processor, versions
from keras_resnet.errors import one_of

OURS, OURS_FAST = "keras_resnet", "keras_resnet_fast"

CONTESTANTS = {
    OURS: "the step that `keras-resnet train` runs, recipe signs",
    "keras": "stock keras.applications.ResNet50 with fit, the oneDNN variable not set",
    "keras_onednn": "the same with TF_ENABLE_ONEDNN_OPTS=1",
    "keras_onednn_off": "the same with TF_ENABLE_ONEDNN_OPTS=0: stock on processors where TensorFlow leaves oneDNN off",
    "torchvision": "torchvision's resnet50 in PyTorch, channels last; eager, on a graphics card compiled and under autocast",
    OURS_FAST: "keras_resnet with --fast, which gives up repeatable digits; measured where it is asked for by --only",
}
_WITHOUT_ONEDNN = (OURS, "keras", "torchvision")

_LEAST = {"size": 32, "classes": 2, "batch_size": 2, "rounds": 1, "steps": 2, "threads": 1}


@dataclass(frozen=True)
class Settings:
    """What is measured.

    Attributes:
        model: a name of the catalogue, for `keras_resnet`; the others are always ResNet-50.
        size: height and width of the images, in pixels.
        classes: number of classes.
        batch_size: images a step.
        rounds: how often each contestant is measured.
        steps: training steps in a round; its images are `steps * batch_size`, one epoch.
        threads: of every contestant, by default one for each core.
        device: ``"cpu"`` or ``"gpu"``.
        precision: of the layers' computations, one of `train.recipe.PRECISIONS`.

    Raises:
        BenchError: a number is too small, or a word is not known.
    """

    model: str = "resnet50"
    size: int = 64
    classes: int = 6
    batch_size: int = 32
    rounds: int = 5
    steps: int = 20
    threads: int = dataclasses.field(default_factory=cores)
    device: str = "cpu"
    precision: str = "float32"

    def __post_init__(self):
        for name, least in _LEAST.items():
            if getattr(self, name) < least:
                raise BenchError(f"{name}: expected at least {least}, received {getattr(self, name)}")
        for name, known in {"device": DEVICES, "precision": PRECISIONS}.items():
            if getattr(self, name) not in known:
                raise BenchError(one_of(name, getattr(self, name), known))


def settings_for(device, given):
    """The `Settings` of a device: what is usual on it, and what was given in its place.

    Args:
        device: ``"cpu"`` or ``"gpu"``.
        given: dict of fields.
    """
    usual = ON_GPU if device == "gpu" else {}
    return Settings(**{**usual, **given, "device": device})


def measure_training(settings=None, *, only=None, say=print):
    """Measures every contestant and compares them.

    Args:
        settings: a `Settings`.
        only: names of contestants; None for all that make sense on this machine.
        say: called with lines of progress.

    Returns:
        A dict of plain values: what `summarize` returns; `peak_mb` (resident memory of each process at its peak, MB of a
        million bytes); `parameters`, `networks`, `onednn` (whether TensorFlow had it on) and `idle_cpu_seconds` (used while
        others were measured) by contestant; `limit`; `versions`, `processor`, `cores`, `settings`; `rounds`, the raw seconds.

    Raises:
        BenchError: an unknown contestant, or one that failed.
    """
    settings = settings or Settings()
    backend = choose_backend()
    names = choose(only, say, settings.device, backend)
    if settings.model != "resnet50" and names != [OURS]:
        say(f"{OURS} is {settings.model} and the others are ResNet-50: the ratios compare different networks")
    rounds = {name: [] for name in names}
    with contextlib.ExitStack() as stack:
        children = {}
        for name in names:
            say(f"{name}: building and warming up ({CONTESTANTS[name]})")
            child = Child(name, command(name, settings), _environment(name, settings.threads, settings.device, backend))
            children[name] = stack.enter_context(contextlib.closing(child))
            child.receive()
        for number in range(1, settings.rounds + 1):
            for name, child in children.items():
                rounds[name].append(child.ask("go"))
            images = settings.steps * settings.batch_size
            speeds = ", ".join(f"{name} {images / rounds[name][-1]['seconds']:.1f}" for name in names)
            say(f"round {number} of {settings.rounds}, images per second: {speeds}")
        facts = {name: child.ask("quit") for name, child in children.items()}
    summary = summarize(rounds, batch_size=settings.batch_size, steps=settings.steps)
    speeds = summary["images_per_second"]
    return {
        **summary,
        **({"limit": limit(facts[OURS], speeds[OURS])} if "product_peak" in facts.get(OURS, {}) else {}),
        **_gather(facts),
        "processor": processor() if settings.device == "cpu" else graphics_card(),
        "cores": cores(),
        "settings": dataclasses.asdict(settings),
        "rounds": rounds,
    }


def choose(only, say, device="cpu", backend="tensorflow"):
    """The contestants to measure, in the order of the table.

    Left to itself it leaves out `keras_resnet_fast`; `keras_onednn_off` where `keras` is just that; both of oneDNN on a
    graphics card and without TensorFlow; and PyTorch's where it is missing.
    """
    wanted = set(only if only is not None else CONTESTANTS if (device, backend) == ("cpu", "tensorflow") else _WITHOUT_ONEDNN)
    for name in sorted(wanted - set(CONTESTANTS)):
        raise BenchError(one_of("contestant", name, CONTESTANTS))
    if only is None:
        wanted.discard(OURS_FAST)
    if only is None and not environment.onednn_by_default():
        wanted.discard("keras_onednn_off")
    if "torchvision" in wanted and importlib.util.find_spec("torch") is None:
        say("torchvision is left out: PyTorch is not installed")
        wanted.discard("torchvision")
    if not wanted:
        raise BenchError(f"No contestant is left to measure; known are {', '.join(CONTESTANTS)}")
    return [name for name in CONTESTANTS if name in wanted]


def summarize(rounds, *, batch_size, steps):
    """Speeds and ratios from the seconds of every round.

    Args:
        rounds: `{name: [{"seconds": whole call, "step": median step}, ...]}`, as many for each name, measured in turn.
        batch_size: images a step.
        steps: steps a round.

    Returns:
        A dict, each value keyed by name: `images_per_second`, the median over the rounds, each the whole call as a user
        waits for it; `spread`, the `[lowest, highest]` of them; `ratio`, `keras_resnet` over the other, the median over
        the rounds of the ratio within each round (empty where `keras_resnet` was not measured). The same at each round's
        median step, without the start and the end of an epoch: `images_per_second_step`, `ratio_step`.
    """
    whole = {name: [steps * batch_size / each["seconds"] for each in times] for name, times in rounds.items()}
    step = {name: [batch_size / each["step"] for each in times] for name, times in rounds.items()}
    return {
        "images_per_second": {name: statistics.median(values) for name, values in whole.items()},
        "ratio": _ratios(whole),
        "spread": {name: [min(values), max(values)] for name, values in whole.items()},
        "images_per_second_step": {name: statistics.median(values) for name, values in step.items()},
        "ratio_step": _ratios(step),
    }


def limit(facts, images_per_second):
    """How near training comes to what the processor can multiply.

    Args:
        facts: what the contestant said at its end: `multiply_adds` of a training step for one image, and `product_peak`, the
            best of its float32 matrix products in multiply-adds a second.
        images_per_second: of the contestant.

    Returns:
        A dict of those two, of `images_per_second` at that peak, and `share`, what of it is reached, 0 to 1.
    """
    most = facts["product_peak"] / facts["multiply_adds"]
    return {
        "multiply_adds": facts["multiply_adds"],
        "product_peak": facts["product_peak"],
        "images_per_second": most,
        "share": images_per_second / most,
    }


def _ratios(speeds):
    if OURS not in speeds:
        return {}
    return {
        name: statistics.median(ours / theirs for ours, theirs in zip(speeds[OURS], values, strict=True))
        for name, values in speeds.items()
    }


def command(name, settings):
    """The command line that starts a contestant."""
    return [sys.executable, "-m", "benchmarks.contestant", name, json.dumps(dataclasses.asdict(settings))]


def _environment(name, threads, device="cpu", backend="tensorflow"):
    """This process's environment with the number of threads of every library, on a processor without graphics cards. A
    backend that is set in it stays for this package's own contestants alone."""
    names = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3"}  # the last line that a failed child printed is then its error
    stock = {} if name in (OURS, OURS_FAST) else {"KERAS_BACKEND": backend}
    hidden = {"CUDA_VISIBLE_DEVICES": "-1"} if device == "cpu" else {}
    chosen = {"KERAS_BACKEND": backend} if backend != "tensorflow" else {}  # keras.json may say what it likes of TensorFlow's
    return {**quiet, **chosen, **os.environ, **dict.fromkeys(names, str(threads)), **stock, **hidden}


def _gather(facts):
    """From `{name: answer to quit}` to one dict for each fact, keyed by name; versions merged."""
    merged = versions()
    for answer in facts.values():
        merged |= answer["versions"]
    keys = {"peak_mb": "peak_mb", "parameters": "parameters", "networks": "network", "onednn": "onednn"}
    keys |= {"idle_cpu_seconds": "idle_cpu_seconds"}
    tables = {key: {name: answer[fact] for name, answer in facts.items()} for key, fact in keys.items()}
    return {**tables, "versions": merged}
