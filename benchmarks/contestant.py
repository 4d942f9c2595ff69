"""One contestant of the training benchmark, in a process of its own: ``python -m benchmarks.contestant NAME SETTINGS``.

It builds its network, trains for some rounds that nobody counts, and then obeys lines on standard input: ``go`` trains one
round, ``quit`` ends it. It answers each in one line of JSON on standard output, and says ``{"ready": true}`` first. Whatever
the libraries print goes to standard error. `benchmarks.train` is the other side.
"""

import dataclasses
import functools
import itertools
import json
import math
import os
import statistics
import sys
import time

from benchmarks.errors import BenchError
from keras_resnet import environment

WARM_UP_ROUNDS = 2

# Stock Keras: contestant -> what TF_ENABLE_ONEDNN_OPTS is set to; None: it is not set.
STOCK = {"keras": None, "keras_onednn": "1", "keras_onednn_off": "0"}


def main(argv=None):
    """Runs the contestant named in the arguments until it is told to quit."""
    name, settings = sys.argv[1:] if argv is None else argv
    settings = json.loads(settings)
    replies = take_standard_output()
    if name in STOCK:
        stock_environment(STOCK[name])
    build = _stock if name in STOCK else _OTHERS[name]
    train_round, facts = build(settings, *_images(settings))
    for _ in range(WARM_UP_ROUNDS):
        train_round()
    serve(
        sys.stdin, replies, train_round,
        lambda: {
            **facts, "onednn": environment.onednn(), "versions": environment.versions(), "peak_mb": peak_mb(),
            **({"product_peak": product_peak()} if "multiply_adds" in facts and _on_tensorflows_cpu(settings) else {}),
        },
    )  # fmt: skip


def serve(commands, replies, train_round, facts):
    """The child's side of the protocol.

    Args:
        commands: lines of text: ``go`` or ``quit``. Their end is taken as ``quit`` without an answer.
        replies: text stream for the answers.
        train_round: trains one round and returns the seconds of its steps, a sequence.
        facts: called at ``quit``; returns a dict, the answer.

    The answer to ``go`` is ``seconds`` (of the whole round) and ``step`` (the median of its steps, in seconds). The one to
    ``quit`` has also ``idle_cpu_seconds``: processor time used between the rounds, while others are measured.
    """

    def reply(value):
        print(json.dumps(value), file=replies, flush=True)

    reply({"ready": True})
    idle, paused = 0.0, time.process_time()
    for command in commands:
        idle += time.process_time() - paused
        if command.strip() == "quit":
            reply({**facts(), "idle_cpu_seconds": idle})
            return
        start = time.perf_counter()
        steps = train_round()
        reply({"seconds": time.perf_counter() - start, "step": float(statistics.median(steps))})
        paused = time.process_time()


def peak_mb():
    """The most memory this process ever held, in MB of a million bytes.

    Linux's `ru_maxrss` begins with what the parent held when it started this process, so the mark of the process's own
    memory comes first.
    """
    try:
        with open("/proc/self/status") as stream:
            mark = next((line for line in stream if line.startswith("VmHWM:")), None)
    except OSError:
        mark = None
    if mark:
        return int(mark.split()[1]) * 1024 / 1e6
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024) / 1e6  # bytes on macOS, else KiB: getrusage(2)


def take_standard_output():
    """A stream to standard output for the answers alone: all else that is written there goes to standard error."""
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return replies


def stock_environment(onednn):
    """Undoes what importing this package did, before TensorFlow reads it."""
    os.environ.pop(environment.ONEDNN, None)
    if onednn is not None:
        os.environ[environment.ONEDNN] = onednn


def _on_tensorflows_cpu(settings):
    return settings["device"] == "cpu" and "tensorflow" in sys.modules


def check_device(settings):
    """Raises BenchError where Keras's backend computes on another device than the one that is measured."""
    from keras_resnet.environment import numerics

    facts = numerics(tf32=None)
    if settings["device"] == "gpu" and facts["devices"] == ["CPU"]:
        raise BenchError(f"The backend {facts['backend']} sees no graphics card; is its build for processors alone?")


def _images(settings):
    """Noise: uint8 `(steps * batch, size, size, 3)`, 0 to 255, and int64 labels; the same for every contestant."""
    import numpy as np

    generator = np.random.default_rng(0)
    count = settings["steps"] * settings["batch_size"]
    images = generator.integers(0, 256, (count, settings["size"], settings["size"], 3), dtype=np.uint8)
    return images, generator.integers(0, settings["classes"], count)


def _keras_resnet(settings, images, labels, fast=False):
    """The training step of `keras_resnet.train.run`: the same network, batches and call, without log and checkpoint."""
    import keras

    from keras_resnet.data import Split
    from keras_resnet.data.pipeline import Batches, EpochNumber, feed
    from keras_resnet.environment import deterministic
    from keras_resnet.train import RECIPES, training_model
    from keras_resnet.train.callbacks import Speed

    check_device(settings)
    keras.utils.set_random_seed(0)
    classes = settings["classes"]
    recipe = dataclasses.replace(RECIPES["signs"], batch_size=settings["batch_size"], precision=settings["precision"])
    network = training_model(settings["model"], images.shape[1:], classes, recipe, images=len(images))
    split = Split(images, labels)
    batches = Batches(split, classes, batch_size=recipe.batch_size, augmentation=recipe.augmentation, seed=0)
    fed, epochs = feed(batches), itertools.count()

    def train_round():
        epoch, speed = next(epochs), Speed(recipe.batch_size)
        settings = {"verbose": 2, "shuffle": False, "callbacks": [EpochNumber(batches), speed]}
        with environment.keep_memory(), deterministic(not fast):
            network.fit(fed, epochs=epoch + 1, initial_epoch=epoch, **settings)
        return speed.steps

    facts = {"network": f"keras_resnet {settings['model']}", "parameters": network.count_params()}
    return train_round, {**facts, "multiply_adds": multiply_adds(network)}


def multiply_adds(network):
    """Multiply-adds of a training step for one image, all written out, though `keras_resnet.fast` needs fewer: a convolution or
    dense layer's own, its kernel's gradient, and its input's, which the first lacks."""
    kernels = [layer for layer in network.layers if hasattr(layer, "kernel")]
    forward = [math.prod(layer.output.shape[1:-1]) * math.prod(layer.kernel.shape) for layer in kernels]
    return 3 * sum(forward) - forward[0]


def product_peak(repeats=20, side=2048):
    """The best of some float32 matrix products by TensorFlow, in multiply-adds a second."""
    import tensorflow as tf

    matrix = tf.random.normal((side, side))
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        tf.matmul(matrix, matrix).numpy()
        best = min(best, time.perf_counter() - start)
    return side**3 / best


def _stock(settings, images, labels):
    """`keras.applications.ResNet50` as its documentation trains it, on the arrays as they are."""
    import keras

    from keras_resnet.train.callbacks import Speed

    check_device(settings)
    if settings["precision"] != "float32":
        keras.mixed_precision.set_global_policy(f"mixed_{settings['precision']}")
    keras.utils.set_random_seed(0)
    network = keras.applications.ResNet50(weights=None, input_shape=images.shape[1:], classes=settings["classes"])
    network.compile(optimizer="adam", loss="sparse_categorical_crossentropy")

    def train_round():
        speed = Speed(settings["batch_size"])
        network.fit(images, labels, batch_size=settings["batch_size"], verbose=2, callbacks=[speed])
        return speed.steps

    return train_round, {"network": "keras.applications.ResNet50", "parameters": network.count_params()}


def _torchvision(settings, images, labels):
    """torchvision's `resnet50`, channels last; the first step of a round is left out, as `Speed` does.

    On a graphics card it is compiled, and as in other precisions than float32 under autocast.
    """
    import numpy as np
    import torch

    device = "cuda" if settings["device"] == "gpu" else "cpu"
    if device == "cuda" and not torch.cuda.is_available():
        raise BenchError("PyTorch sees no graphics card; is its build for processors alone?")
    torch.manual_seed(0)
    network, source = _torch_network(settings["classes"])
    network = network.to(device, memory_format=torch.channels_last).train()
    computed = torch.compile(network) if device == "cuda" else network
    lower = settings["precision"] != "float32"
    autocast = functools.partial(torch.autocast, device, getattr(torch, settings["precision"]), enabled=lower)
    optimizer = torch.optim.Adam(network.parameters())
    cross_entropy = torch.nn.CrossEntropyLoss()
    order = np.random.default_rng(0)

    def step(chosen):
        # Images in memory are channels last already; permuting gives PyTorch's order of axes without a copy.
        pixels = torch.from_numpy(images[chosen]).to(device).permute(0, 3, 1, 2).float().div_(255)
        with autocast():
            loss = cross_entropy(computed(pixels), torch.from_numpy(labels[chosen]).to(device))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    def train_round():
        ends = []
        for chosen in order.permutation(len(images)).reshape(settings["steps"], settings["batch_size"]):
            step(chosen)
            ends.append(time.perf_counter())
        return np.diff(ends)

    return train_round, {"network": source, "parameters": sum(p.numel() for p in network.parameters())}


def _torch_network(classes):
    try:
        from torchvision.models import resnet50
    except ImportError:
        from benchmarks.torch_resnet50 import ResNet50

        return ResNet50(classes), "ResNet-50 from torch.nn primitives"
    return resnet50(weights=None, num_classes=classes), "torchvision.models.resnet50"


_OTHERS = {
    "keras_resnet": _keras_resnet,
    "keras_resnet_fast": functools.partial(_keras_resnet, fast=True),
    "torchvision": _torchvision,
}


if __name__ == "__main__":
    main()
