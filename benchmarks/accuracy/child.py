"""One run of the accuracy benchmark, in a process of its own: ``python -m benchmarks.accuracy.child JOB``.

It says a line of JSON on standard output after every epoch and one with ``facts`` at the end; what the libraries print goes
to standard error. `benchmarks.accuracy.protocol` is the other side.
"""

import json
import sys
import time
from pathlib import Path

from benchmarks import contestant
from benchmarks.accuracy.contestants import GROUPS, contestant_recipe
from benchmarks.accuracy.protocol import Job
from benchmarks.accuracy.results import minutes_to, write_curve
from keras_resnet import environment

STOCK_BATCH = 32  # the default of Keras's `fit`


def main(argv=None):
    """Makes the run that the argument describes."""
    (job,) = sys.argv[1:] if argv is None else argv
    job = Job(**json.loads(job))
    replies = contestant.take_standard_output()
    recipe = contestant_recipe(job.group, job.contestant)
    if recipe is None:
        contestant.stock_environment(None)  # importing this package turned oneDNN on

    def reply(value):
        print(json.dumps(value), file=replies, flush=True)

    facts = stock(job, reply) if recipe is None else ours(job, recipe, reply)
    reply({"facts": {**facts, "onednn": environment.onednn(), "versions": _versions()}})


def ours(job, recipe, reply):
    """Trains with `train.run`. Returns the facts of the run, a dict."""
    from keras_resnet import train
    from keras_resnet.train.images import read
    from keras_resnet.train.options import Options

    chosen = {name: getattr(GROUPS[job.group], name) for name in ("per_class", "validation_fraction")}
    options = {"seed": job.seed, "size": job.resize, "weights": job.weights, **chosen}
    images = read(job.data, Options(**options))
    curve = _curve(job, images.signs.test.images, images.signs.test.labels, reply)
    outcome = train.run(
        data=job.data, out=job.run, model=job.model, recipe=recipe, epochs=job.epochs,
        callbacks=(watch(curve),), say=lambda line: print(line, file=sys.stderr), verbose=0, **options,
    )  # fmt: skip
    right = round(outcome.accuracy * outcome.images)
    curve.add("end", right)  # statistics re-estimated, weights averaged
    facts = _facts(curve.rows, outcome.images_per_second, len(images.train))
    return {**facts, **_validated(job.run, images)}


def stock(job, reply):
    """Trains stock Keras as its documentation does. Returns the facts of the run, a dict."""
    import keras

    from keras_resnet.train.callbacks import Speed
    from keras_resnet.train.images import read
    from keras_resnet.train.options import Options

    images = read(job.data, Options(size=job.resize, validation_fraction=0))
    signs = images.signs
    keras.utils.set_random_seed(job.seed)
    network = stock_network(signs.image_shape, len(signs.class_names))
    network.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    curve = _curve(job, signs.test.images.astype("float32") / 255, signs.test.labels, reply)
    speed = Speed(STOCK_BATCH)
    network.fit(
        images.train.images.astype("float32") / 255, images.train.labels,
        batch_size=STOCK_BATCH, epochs=job.epochs, verbose=0, callbacks=[speed, watch(curve)],
    )  # fmt: skip
    return _facts(curve.rows, speed.images_per_second(), len(images.train))


def stock_network(image_shape, classes):
    """What stock Keras trains: images float `(N, H, W, 3)`, 0 to 1, to probabilities `(N, classes)`."""
    import keras

    return keras.applications.ResNet50(weights=None, input_shape=image_shape, classes=classes)


class Curve:
    """Right test images over minutes of training, written to a file line by line.

    The clock runs from the start of `fit`; it stands still while the test images are looked at.

    Args:
        path: the CSV file.
        images, labels: the test images as the network takes them, `(N, H, W, 3)`, and int `(N,)`.
        reply: called with each row, a dict.
    """

    def __init__(self, path, images, labels, reply):
        self.path, self.images, self.labels, self.reply = path, images, labels, reply
        self.rows, self._start, self._off = [], None, 0.0

    def start(self):
        """Starts the clock."""
        self._start = time.perf_counter()

    def add(self, epoch, right):
        """Adds a row; ``epoch`` is a number, or ``"end"`` for the finished network."""
        self._add(epoch, right, time.perf_counter())

    def look(self, epoch, model):
        """Adds a row for a model as it is now, off the clock."""
        begun = time.perf_counter()
        right = int((model.predict(self.images, batch_size=64, verbose=0).argmax(axis=1) == self.labels).sum())
        self._add(epoch, right, begun)
        self._off += time.perf_counter() - begun

    def _add(self, epoch, right, now):
        minutes = (now - self._start - self._off) / 60
        self.rows.append({"epoch": epoch, "minutes": minutes, "right": right, "images": len(self.labels)})
        write_curve(self.path, self.rows)
        self.reply(self.rows[-1])


def _curve(job, images, labels, reply):
    return Curve(Path(job.out) / "curves" / f"{job.name}.csv", images, labels, reply)


def watch(curve):
    """The Keras callback that starts a curve's clock and looks at the test images after each epoch."""
    import keras

    class Watch(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            curve.start()

        def on_epoch_end(self, epoch, logs=None):
            curve.look(epoch + 1, self.model)

    return Watch()


def _facts(rows, images_per_second, trained_on):
    """What the results say of a run, from its curve; the last row counts."""
    last = {name: rows[-1][name] for name in ("right", "images", "minutes")}
    reached = {f"minutes_to_{percent}": minutes_to(rows, percent / 100) for percent in (98, 99)}
    return {**last, **reached, "images_per_second": images_per_second, "trained_on": trained_on}


def _validated(run, images):
    """Accuracy and loss of the finished network on the validation images, by which choices are made."""
    if images.validation is None:
        return {}
    from keras_resnet.evaluate import evaluation
    from keras_resnet.evaluate.metrics import score
    from keras_resnet.workdir import Workdir

    validation = images.validation
    probabilities = evaluation.predict(Workdir(run).load_model(), validation.images)
    scores = score(probabilities, validation.labels, images.signs.class_names)
    return {"validation_accuracy": scores.accuracy, "validation_loss": scores.loss}


def _versions():
    """``"keras_resnet 0.2, python 3.11.4, keras 3.15 .."``."""
    return ", ".join(f"{name} {version}" for name, version in environment.versions().items())


if __name__ == "__main__":
    main()
