"""What a run would do, without doing it: counts, and time and memory from a few steps on noise."""

import time
from dataclasses import asdict, dataclass
from os import PathLike

import numpy as np

from keras_resnet.train.arguments import configure
from keras_resnet.train.memory import count_numbers, memory
from keras_resnet.train.record import check_claim, new_record
from keras_resnet.train.setup import set_up
from keras_resnet.workdir import Workdir

UNTIMED_STEPS, TIMED_STEPS = 2, 5  # the first compiles, the second still fills caches
FORWARD = 1 / 3  # of a training step's multiply-adds: the backward pass takes twice those of the forward pass


@dataclass(frozen=True)
class Plan:
    """What `run` would do with the same arguments.

    Attributes:
        command: the command line that would do it.
        images: dict of ``train``, ``validation`` and ``test``, and their number.
        shape: `(H, W, 3)` of the images that the network takes.
        classes: number of classes.
        batch_size: images a step.
        epochs, steps_per_epoch, steps, updates: of the whole run; fewer updates than steps where gradients are accumulated.
        parameters, trainable: of the network.
        seconds_per_step: the median of ``timed_steps`` steps of the compiled network on noise of the right size, this
            machine as busy as it is now.
        minutes: all steps at that speed, and a third of it for each image of validation, of the statistics and of the test.
        memory_mb: megabytes (10 ** 6 bytes) of weights, gradients, the optimiser's slots and the outputs of all layers of a
            batch; what the framework itself takes, and its scratch space, come on top.
    """

    command: str
    images: dict
    shape: tuple
    classes: int
    batch_size: int
    epochs: int
    steps_per_epoch: int
    steps: int
    updates: int
    parameters: int
    trainable: int
    seconds_per_step: float
    timed_steps: int
    minutes: float
    memory_mb: float

    def to_json(self) -> dict:
        """A dict of plain values."""
        return {**asdict(self), "shape": list(self.shape)}

    def __str__(self):
        counts = self.images
        size = " x ".join(map(str, self.shape[:2]))
        updates = "" if self.updates == self.steps else f", {self.updates:,} updates"
        lines = (
            ("images", f"{counts['train']:,} to train on, {counts['validation']:,} to validate, {counts['test']:,} to test"),
            ("input", f"{size} pixels, {self.classes} classes"),
            ("network", f"{self.parameters:,} parameters, {self.trainable:,} of them trainable"),
            ("steps", f"{self.steps_per_epoch:,} an epoch of {self.batch_size} images, {self.epochs} epochs, "
                      f"{self.steps:,} in all{updates}"),
            ("time", f"about {self.minutes:.1f} minutes: {self.seconds_per_step:.3g} s a step, the median of "
                     f"{self.timed_steps} steps just measured"),
            ("memory", f"about {self.memory_mb:,.0f} MB for weights, gradients, optimiser and feature maps; what the framework "
                       "itself takes comes on top"),
            ("command", self.command),
        )  # fmt: skip
        return "\n".join(f"{name + ':':<9}{text}" for name, text in lines)


def plan(*, data, out: str | PathLike, **options) -> Plan:
    """Says what `run` would do with the same arguments. Writes nothing.

    Args:
        data, out, options: as in `run`.

    Returns:
        A `Plan`; print it.

    Raises:
        DataError, ModelError, WeightsError, RunError: as `run`.
    """
    return plan_of(configure(data=data, out=out, **options))


def plan_of(config, images=None):
    """The same by a `Config`; on `Images`, where they have been read by it already."""
    setup = set_up(config, images)
    record = new_record(setup)
    check_claim(Workdir(config.out), record, config.resume, config.options.say)
    network, recipe, images = setup.network, config.recipe, setup.images
    validation, test = len(images.validation or ()), len(images.signs.test)
    batch = min(recipe.batch_size, len(images.train))
    seconds = time_steps(network, batch)
    steps = setup.steps * recipe.epochs
    looked_at = recipe.epochs * validation + len(images.train) + test
    return Plan(
        command=record["command"],
        images={"train": len(images.train), "validation": validation, "test": test},
        shape=images.signs.image_shape,
        classes=network.output_shape[-1],
        batch_size=batch,
        epochs=recipe.epochs,
        steps_per_epoch=setup.steps,
        steps=steps,
        updates=steps // recipe.accumulate,
        parameters=network.count_params(),
        trainable=count_numbers(network.trainable_variables),
        seconds_per_step=seconds,
        timed_steps=TIMED_STEPS,
        minutes=(steps + FORWARD * looked_at / batch) * seconds / 60,
        memory_mb=memory(network, recipe, batch, config.options.remat) / 1e6,
    )


def time_steps(network, batch_size):
    """Seconds of a training step on noise: the median of `TIMED_STEPS`. It trains the network it is given."""
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (batch_size, *network.input_shape[1:]), dtype="uint8")
    classes = network.output_shape[-1]
    targets = np.eye(classes, dtype="float32")[generator.integers(0, classes, batch_size)]
    seconds = []
    for _ in range(UNTIMED_STEPS + TIMED_STEPS):
        start = time.perf_counter()
        network.train_on_batch(images, targets)
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds[UNTIMED_STEPS:]))
