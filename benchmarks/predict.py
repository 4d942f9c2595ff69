"""Images a second of a trained network put to use: here with each engine, in Keras, in PyTorch, and in the bare engines.

All rows take turns in this process, a different one first in each round; one that nobody counts comes before. The weights are
random, which speed does not hang on. Rows that begin with `Predictor` are this package, from pixels to probabilities; `bare` is
the engine alone on the same file; `files` is from JPEG files of 640 x 480 to probabilities. What is not installed is left out,
and said.
"""

import contextlib
import importlib.metadata
import importlib.util
import statistics
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from benchmarks.errors import BenchError
from keras_resnet.environment import cores, processor, versions

OURS, FILES = "Predictor", "files"
_CLASSES = 10


@dataclass(frozen=True)
class Settings:
    """What is measured: a network of the catalogue; sizes and batches as ``224:1,16``, several with a space between; so many
    rounds of so many seconds a row. A folder keeps the exports, which take minutes to make; without one they are made anew."""

    model: str = "resnet50"
    sizes: str = "224:1,16 64:1,64"
    rounds: int = 5
    seconds: float = 0.5
    folder: str = ""

    def batches(self):
        """Dict of size in pixels to the batches measured there."""
        try:
            parts = [part.split(":") for part in self.sizes.split()]
            return {int(size): tuple(int(batch) for batch in batches.split(",")) for size, batches in parts}
        except ValueError:
            raise BenchError(f"sizes: expected e.g. '224:1,16 64:1', received {self.sizes!r}") from None


def measure_predicting(settings, say=print):
    """Measures every row at every size and batch.

    Args:
        settings: a `Settings`.
        say: called with lines of progress.

    Returns:
        A dict of plain values: `images_per_second`, by setting (``"224 batch 1"`` ..) and row, the median of the rounds;
        `spread`, the `[lowest, highest]`; `ratio`, ours at its best over the row, the median of the ratios within each round;
        `left_out`, row to reason; `processor`, `cores`, `versions`, `settings`.

    Raises:
        BenchError: too few rounds, or sizes of another form.
    """
    if settings.rounds < 1:
        raise BenchError(f"rounds: expected at least 1, received {settings.rounds}")
    measured = {"images_per_second": {}, "spread": {}, "ratio": {}, "left_out": {}}
    for size, batches in settings.batches().items():
        with _folder(settings) as folder:
            say(f"{settings.model} at {size} x {size}: building and exporting")
            rows = _rows(folder, settings.model, size, measured["left_out"])
            for batch in batches:
                say(f"{size} batch {batch}: {len(rows)} rows, {settings.rounds} rounds")
                images = np.random.default_rng(0).integers(0, 256, (batch, size, size, 3)).astype("uint8")
                speeds = _take_turns(rows, images, settings)
                for name, value in summarize(speeds).items():
                    measured[name][f"{size} batch {batch}"] = value
    facts = {"processor": processor(), "cores": cores(), "versions": versions() | _engines(), "settings": asdict(settings)}
    return {**measured, **facts}


def _engines():
    """The versions of the engines that are installed, by name."""
    found = {}
    for name in ("openvino", "onnxruntime", "ai-edge-litert"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def summarize(speeds):
    """Medians, spreads and ratios from the images per second of every round.

    Args:
        speeds: `{row: [images per second, ...]}`, as many for each row.

    Returns:
        A dict of `images_per_second`, `spread` and `ratio`, each keyed by row; rows from files have no ratio.
    """
    medians = {name: statistics.median(values) for name, values in speeds.items()}
    ours = [name for name in speeds if name.startswith(OURS) and not name.endswith(FILES)]
    best = max(ours, key=medians.get)
    theirs = [name for name in speeds if not name.startswith(OURS)]
    return {
        "images_per_second": medians,
        "spread": {name: [min(values), max(values)] for name, values in speeds.items()},
        "ratio": {name: statistics.median(a / b for a, b in zip(speeds[best], speeds[name], strict=True)) for name in theirs},
    }


def table(measured):
    """What `measure_predicting` returns as lines of text."""
    lines = [f"{measured['settings']['model']}, images/s: medians of {measured['settings']['rounds']} rounds"]
    lines.append(f"{measured['processor']}, {measured['cores']} cores")
    for setting, speeds in measured["images_per_second"].items():
        lines += ["", f"{setting:<32}{'images/s':>9}{'lowest':>9}{'highest':>9}{'ours/theirs':>13}"]
        for name, speed in sorted(speeds.items(), key=lambda row: -row[1]):
            low, high = measured["spread"][setting][name]
            ratio = measured["ratio"][setting].get(name)
            lines.append(f"{name:<32}{speed:>9.1f}{low:>9.1f}{high:>9.1f}{'-' if ratio is None else f'{ratio:.2f}':>13}")
    lines += ["", *(f"left out: {name}: {reason}" for name, reason in measured["left_out"].items())]
    return "\n".join([*lines, ", ".join(f"{name} {version}" for name, version in measured["versions"].items())])


def _take_turns(rows, images, settings):
    """Images per second by row and round; another row is first in each round."""
    names, speeds = list(rows), {name: [] for name in rows}
    for row in rows.values():
        row(images)
    for number in range(settings.rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            speeds[name].append(_speed(rows[name], images, settings.seconds))
    return speeds


def _speed(row, images, seconds):
    """Images per second of as many calls as that time has room for; of at least two."""
    row(images)  # what ran before has taken the processor's caches
    start, calls = time.perf_counter(), 0
    while calls < 2 or time.perf_counter() - start < seconds:
        row(images)
        calls += 1
    return calls * len(images) / (time.perf_counter() - start)


@contextlib.contextmanager
def _folder(settings):
    if settings.folder:
        yield Path(settings.folder)
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def _rows(folder, model, size, left_out):
    """Name of a row -> a function of images uint8 `(N, size, size, 3)`."""
    rows = {}
    for make in (_ours, _keras, _torch):
        rows |= make(folder, model, size, left_out)
    return rows


def _ours(folder, model, size, left_out):
    from keras_resnet.deploy import Predictor, cache, engines
    from keras_resnet.deploy.exporter import Order, write
    from keras_resnet.errors import DeployError

    run, rows = _run_folder(folder / f"{model}-{size}", model, size), {}
    images = np.random.default_rng(1).integers(0, 256, (40, size, size, 3)).astype("uint8")
    for engine, precision in _choices():
        name = f"{engine} {precision}"
        try:
            cache.choose(engine, precision)
            if not cache.is_ready(run, engine, precision):
                # Random weights tell nothing apart: what accuracy int8 costs is measured on trained ones.
                write(Order(engines.ENGINES[engine].format, precision, max_drop=100), run, images=images)
            rows[f"{OURS} {name}"] = Predictor(run, engine=engine, precision=precision)
            if engine in _BARE:
                rows[f"bare {name}"] = _BARE[engine](str(cache.place(run, engine, precision)[0]), precision)
        except DeployError as problem:
            left_out[f"{OURS} {name}"] = str(problem)
    rows[f"{OURS} keras float32"] = Predictor(run, engine="keras")
    ready = [name for name in rows if name.startswith(OURS)]
    files = _files(folder, 64)
    for name in (ready[0], *(each for each in ready if each.endswith("openvino int8"))):
        rows[f"{name}, {FILES}"] = lambda images, predictor=rows[name]: predictor(files[: len(images)])
    return rows


def _choices():
    """Every engine that is no framework, in each of its precisions."""
    from keras_resnet.deploy import cache, engines

    return [(name, precision) for name in cache.ORDER for precision in engines.ENGINES[name].precisions]


def _run_folder(path, model, size):
    """A run folder as training leaves it, of random weights."""
    from keras_resnet.train.network import training_model
    from keras_resnet.train.recipes import RECIPES
    from keras_resnet.workdir import Workdir

    if path.exists():
        return path
    network = training_model(model, (size, size, 3), _CLASSES, RECIPES["signs"], images=100)
    path.mkdir(parents=True)
    network.save(path / "model.keras")
    data = {"path": None, "shape": [size, size, 3], "photos": {"brightness": [127.0, 50.0], "contrast": [60.0, 30.0]}}
    record = {"status": "complete", "model": model, "class_names": [str(each) for each in range(_CLASSES)], "data": data}
    Workdir(path).write(record)
    return path


def _files(folder, count):
    from PIL import Image

    random = np.random.default_rng(2)
    for number in range(count):
        small = Image.fromarray(random.integers(0, 256, (12, 16, 3)).astype("uint8"))
        small.resize((640, 480), Image.Resampling.BICUBIC).save(folder / f"{number}.jpg", quality=90)
    return [folder / f"{number}.jpg" for number in range(count)]


def _bare_openvino(path, precision):
    import openvino

    hint = "bf16" if precision == "bfloat16" else "f32"
    compiled = openvino.Core().compile_model(path, "CPU", {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": hint})
    return lambda images: compiled(images)[0]


def _bare_onnxruntime(path, precision):
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return lambda images: session.run(None, {"images": images})


_BARE = {"openvino": _bare_openvino, "onnxruntime": _bare_onnxruntime}


def _keras(folder, model, size, left_out):
    import tensorflow as tf

    from keras_resnet.workdir import Workdir

    network = Workdir(folder / f"{model}-{size}").load_model()
    compiled = tf.function(lambda images: network(images, training=False))
    return {
        "Keras predict": lambda images: network.predict(images, verbose=0),
        "Keras compiled call": lambda images: compiled(tf.constant(images)),
    }


def _torch(folder, model, size, left_out):
    """torchvision's network (its structure, from torch.nn) with the scaling of pixels in front, as a user would write it."""
    if importlib.util.find_spec("torch") is None or model != "resnet50":
        left_out["PyTorch"] = "not installed" if model == "resnet50" else "compared for resnet50 alone"
        return {}
    import torch

    from benchmarks.torch_resnet50 import ResNet50

    torch.set_num_threads(cores())
    network = ResNet50(_CLASSES).eval().to(memory_format=torch.channels_last)
    rows = {"PyTorch eager float32": _torch_row(network, torch.float32)}
    for precision in (torch.float32, torch.bfloat16):
        name = f"PyTorch compiled {str(precision).removeprefix('torch.')}"
        try:
            import torch._inductor.config as inductor

            inductor.freezing = True  # folds batch normalisation and packs weights: PyTorch at its best
            rows[name] = _torch_row(torch.compile(network, dynamic=False), precision)
            rows[name](np.zeros((1, size, size, 3), "uint8"))
        except Exception as problem:  # a compiler that is missing comes as one of many exceptions
            rows.pop(name, None)
            left_out[name] = " ".join(str(problem).split())[:120]
    return rows


def _torch_row(network, precision):
    import torch

    def row(images):
        lower = torch.autocast("cpu", precision) if precision != torch.float32 else contextlib.nullcontext()
        with torch.inference_mode(), lower:
            pixels = torch.from_numpy(images).permute(0, 3, 1, 2)  # which is channels_last already
            return network(pixels.float() / 255).float().softmax(dim=1).numpy()

    return row
