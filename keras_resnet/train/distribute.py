"""One run in several processes, each with an equal part of every batch: `keras.distribution.DataParallel` on JAX.

Every process holds the whole network and makes its part of the very batch that one process would make. The step is compiled
for the batch as a whole: loss, gradients and the statistics of batch normalisation are those of the whole batch, and the
weights are the same everywhere. Process 0 alone writes; the others read its checkpoints, so the run folder is to be one that
all see. What processes tell each other outside the step goes through the table of JAX's coordinator, in process 0.
"""

import atexit
import contextlib
import json
import os
import re
import sys

import keras

from keras_resnet.data.pipeline import feed
from keras_resnet.errors import KerasResNetError, RunError
from keras_resnet.train.divergence import first_bad
from keras_resnet.train.group import Group
from keras_resnet.train.launch import follow_launcher, free_port

HEARTBEAT = 45  # seconds without a sign of life after which a process counts as lost
_CONNECT = 300  # seconds in which all processes are to have started
_FOREVER = 7 * 24 * 3600 * 1000  # ms: a process that is lost shows by its heartbeat, one that works takes its time
_PARTING = 5000  # ms that processes wait for each other before they end with errors

# Parts of the messages of JAX, XLA, Gloo and NCCL that tell of a process which does not answer.
_LOST = re.compile(r"gloo|nccl|coordination|heartbeat|connection|unavailable|deadline|barrier", re.IGNORECASE)


def join(group: Group) -> None:
    """Makes this process one of a group. To be called before anything else is computed.

    Args:
        group: a `train.group.Group` whose coordinator is known, or one of a single process, whose devices share its batches.

    Raises:
        RunError: the others cannot be reached.
    """
    import jax

    if group.launched:
        follow_launcher()
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    try:
        jax.distributed.initialize(
            group.coordinator or f"127.0.0.1:{free_port()}",
            group.processes,
            group.index,
            local_device_ids=[group.index] if group.launched else None,  # of graphics cards: one each
            cluster_detection_method="deactivate",
            initialization_timeout=_CONNECT,
            heartbeat_timeout_seconds=HEARTBEAT,
            shutdown_timeout_seconds=HEARTBEAT,
        )
    except RuntimeError as problem:
        raise RunError(f"Process {group.index} cannot reach process 0 at {group.coordinator}: {_short(problem)}") from None


def muster():
    """The `Crew` of this process: of several where it has joined a group, else of itself alone."""
    if keras.backend.backend() == "jax":
        import jax

        if jax.distributed.is_initialized():
            return Crew(jax.process_index(), jax.process_count(), jax.local_device_count())
    return Crew()


def check_parts(batch_size, size, devices=1):
    """Raises RunError where a batch cannot be split into equal parts for all devices of all processes."""
    parts = size * devices
    if batch_size % parts:
        each = f"{size} x {devices} devices" if devices > 1 else f"{size} processes"
        raise RunError(f"batch_size: expected a multiple of {parts}, for equal parts on {each}, received {batch_size}")


class Crew:
    """What the processes of a run do together. In a crew of one all of it is free.

    Attributes:
        index, size: this process, from 0, and how many there are.
        devices: how many this process computes on.
        first: whether this process is the one that writes.
        parted: whether batches are computed in parts, on more than one device.
    """

    def __init__(self, index=0, size=1, devices=1):
        self.index, self.size, self.devices = index, size, devices
        self.first, self.parted = index == 0, size * devices > 1
        self._distribution = keras.distribution.DataParallel(auto_shard_dataset=False) if self.parted else None
        self._told = set()

    def scope(self):
        """A context in which variables are held by all processes and batches are parts of a whole."""
        return self._distribution.scope() if self._distribution else contextlib.nullcontext()

    @contextlib.contextmanager
    def apart(self):
        """Within `scope`, a context in which this process computes by itself."""
        before = keras.distribution.distribution()
        keras.distribution.set_distribution(None)
        try:
            yield
        finally:
            keras.distribution.set_distribution(before)

    def tell(self, topic, value):
        """Leaves a plain value for the others under a topic, once."""
        if self.size > 1 and topic not in self._told:
            self._told.add(topic)
            _client().key_value_set(f"{topic}/{self.index}", json.dumps(value))

    def hear(self, topic, index=0):
        """Waits for what a process tells under a topic.

        Raises:
            RunError: it has ended with an error; or it is lost.
        """
        value = json.loads(_client().blocking_key_value_get(f"{topic}/{index}", _FOREVER))
        if isinstance(value, dict) and "failed" in value:
            raise RunError(f"Process {index} of {self.size} failed: {value['failed']}")
        return value

    def share(self, topic, value):
        """What every process tells under a topic, this one included, in their order: a list."""
        self.tell(topic, value)
        return [value] if self.size == 1 else [self.hear(topic, index) for index in range(self.size)]

    @contextlib.contextmanager
    def together(self, *topics):
        """A context that ends in every process when it fails in one.

        Args:
            topics: under which the others may wait for this process; they then hear of its error.

        Raises:
            RunError: in place of what JAX and its collectives say of a lost process.
        """
        try:
            yield
        except BaseException as problem:
            if self.size == 1:
                raise
            self._part(problem, topics)
            if _tells_of_a_loss(problem):
                raise RunError(
                    f"Another process of this run has ended or cannot be reached, and so process {self.index} of {self.size} "
                    f"ends ({_short(problem)}); start all of them again with --resume"
                ) from problem
            raise

    def _part(self, problem, topics):
        """Tells the others of an error, gives them time to hear of it, and sees to it that nothing holds this process up."""
        atexit.register(_leave, 130 if isinstance(problem, KeyboardInterrupt) else 1)
        with contextlib.suppress(Exception):  # what cannot be told to a lost process is not worth an error of its own
            for topic in topics:
                self.tell(topic, {"failed": " ".join(str(problem).split()) or type(problem).__name__})
            _client().wait_at_barrier("parting", _PARTING)


def _client():
    from jax._src.distributed import global_state

    return global_state.client


def _tells_of_a_loss(problem):
    ours = isinstance(problem, KerasResNetError | OSError) or not isinstance(problem, Exception)
    return not ours and _LOST.search(str(problem)) is not None


def _leave(status):
    """Ends at once: JAX would wait for processes that are gone."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _short(problem):
    """The first sentence or so of a long message."""
    text = " ".join(str(problem).split())
    return text if len(text) <= 160 else f"{text[:157]}..."


class Mirror:
    """The network of a run as one process holds it by itself: for what is not done in parts.

    Args:
        crew: a `Crew`.
        network: the compiled `keras.Model` that is trained.
        make: makes another like it, by itself.
    """

    def __init__(self, crew, network, make):
        self._crew, self._network = crew, network
        self._own = network
        if crew.parted:
            with crew.apart():
                self._own = make()

    def first_bad(self, model, images):
        """As `divergence.first_bad`, of the trained network."""
        with self._crew.apart():
            return first_bad(self(), images)

    def __call__(self):
        """That network, with the numbers that the trained one has now."""
        if self._own is not self._network:
            for own, variable in zip(self._own.variables, self._network.variables, strict=True):
                own.assign(keras.ops.convert_to_numpy(variable))
        return self._own


class Validation(keras.callbacks.Callback):
    """Adds `val_loss` and `val_accuracy` to the logs of each epoch: every process looks at its part of the images.

    Args:
        crew: a `Crew`.
        mirror: a `Mirror`.
        batches: the images of this process's part, as `Batches`; None for none.
        count: how many images they are.
    """

    def __init__(self, crew, mirror, batches, count):
        super().__init__()
        self.crew, self.mirror, self.batches, self.count = crew, mirror, batches, count

    def on_epoch_end(self, epoch, logs=None):
        means = {}
        if self.count:
            with self.crew.apart():
                means = self.mirror().evaluate(feed(self.batches), verbose=0, return_dict=True)
        parts = self.crew.share(f"validation/{epoch}", [self.count, {name: float(mean) for name, mean in means.items()}])
        total = sum(count for count, _ in parts)
        for name in next(means for count, means in parts if count):
            logs[f"val_{name}"] = sum(count * means[name] for count, means in parts if count) / total


class Together(keras.callbacks.Callback):
    """Begins no epoch before every process has ended the one before, so that a checkpoint's writing holds up no collective."""

    def __init__(self, crew):
        super().__init__()
        self.crew = crew

    def on_epoch_end(self, epoch, logs=None):
        self.crew.share(f"epoch/{epoch}", None)
