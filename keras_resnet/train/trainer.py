"""A training run from end to end: data, network, fit, and a folder with all that came of it."""

import dataclasses
import time
from dataclasses import dataclass

import keras

from keras_resnet import cpu
from keras_resnet.data import Split, load_signs, split_indices
from keras_resnet.data.pipeline import Batches
from keras_resnet.errors import RunError, one_of
from keras_resnet.evaluate import evaluation
from keras_resnet.evaluate.log import read_log
from keras_resnet.files import whole
from keras_resnet.models import create_model, recalibrate_batch_norm, resolve, set_batch_norm_momentum
from keras_resnet.train import callbacks
from keras_resnet.train.optimizer import compile_for
from keras_resnet.train.recipes import RECIPES
from keras_resnet.train.record import claim, new_record
from keras_resnet.weights import save as save_weights
from keras_resnet.workdir import Workdir


@dataclass(frozen=True)
class Outcome:
    """What a finished run came to.

    Attributes:
        run: the run folder.
        accuracy: on the test images, 0 to 1.
        accuracy_interval: its 95 % interval.
        loss: mean cross-entropy on the test images, in nats.
        images: number of test images.
        epochs: passes over the training images.
        seconds: of training, validation included; with `--resume`, of the last start alone.
        images_per_second: training images, at the median step; None where no step was left to do.
    """

    run: str
    accuracy: float
    accuracy_interval: tuple
    loss: float
    images: int
    epochs: int
    seconds: float
    images_per_second: float | None


def run(*, data, out, model="resnet50", recipe="signs", epochs=None, seed=0, validation_fraction=0.1, resume=False,
        say=print, verbose="auto"):  # fmt: skip
    """Trains a network of the catalogue on a SIGNS set and writes a run folder.

    The test images are looked at once, at the end. Validation images are cut from the training images, by group where
    the set knows groups, and choose nothing: the last epoch counts.

    Args:
        data: the path of a SIGNS set.
        out: the run folder; must not hold a run, unless ``resume``.
        model: a name of the catalogue.
        recipe: a name of the recipes, or a `Recipe`.
        epochs: passes over the training images; None for the recipe's.
        seed: of the weights, the order, the augmentation and the validation split.
        validation_fraction: share of the training images, from 0 to under 1.
        resume: go on after the last epoch that was saved.
        say: called with lines of progress.
        verbose: of `fit`: 0 silent, 1 a bar, 2 a line an epoch.

    Returns:
        An `Outcome`.

    Raises:
        DataError, ModelError, RunError: see the message; an earlier run in ``out`` is as it was.
        KeyboardInterrupt: after the network as it stands was saved: the run folder is one that other commands take.
    """
    recipe = _recipe(recipe, epochs)
    signs = load_signs(data)
    train, validation = _cut(signs.train, validation_fraction, seed)
    if lost := cpu.lost_speed():
        say(lost)
    keras.utils.set_random_seed(seed)
    network = training_model(model, signs.image_shape, len(signs.class_names), recipe, images=len(train))
    workdir = Workdir(out)
    record = new_record(signs, model=model, recipe=recipe, seed=seed, validation_fraction=validation_fraction, out=out)
    if claim(workdir, record, resume) == "complete":
        say(f"{workdir.path} is complete: nothing is left to do")
        return _outcome(workdir)
    done = callbacks.restore(network, workdir / "checkpoint")
    say(
        f"{model}: {network.count_params():,} parameters; {len(train):,} images to train on, {len(validation or ()):,} to "
        f"validate, {len(signs.test):,} to test" + (f"; going on after epoch {done}" if done else "")
    )
    try:
        timing = _fit(network, train, validation, recipe, seed, workdir, done, verbose)
    except KeyboardInterrupt:
        _save(network, workdir)
        say(f"\nInterrupted: {workdir.path} holds the network as it stands. Go on with\n  {record['command']} --resume")
        raise
    say("Re-estimating the statistics of batch normalisation on the training images")
    recalibrate_batch_norm(network, train.images)
    _save(network, workdir)
    return _finish(workdir, signs, {"epochs": recipe.epochs, **timing}, say)


def training_model(model, image_shape, classes, recipe, *, images):
    """The network with the scaling of pixels in front, compiled: what `run` trains.

    Args:
        model: a name of the catalogue.
        image_shape: `(height, width, 3)`.
        classes: number of classes.
        recipe: a `Recipe`.
        images: number of training images, for the schedule.

    Returns:
        A compiled flat `keras.Model`: images uint8 or float `(N, H, W, 3)`, 0 to 255, to probabilities `(N, classes)`.
    """
    pixels = keras.Input(image_shape, name="image")
    scaled = keras.layers.Rescaling(1 / 255, name="scaling")(pixels)
    spec = resolve(model)
    zero = recipe.zero_init_gamma and spec.order != "pre" and spec.shortcut != "none"
    network = create_model(model, input_tensor=scaled, classes=classes, zero_init_gamma=zero)
    set_batch_norm_momentum(network, recipe.batch_norm_momentum)
    compile_for(network, recipe, steps=max(1, images // recipe.batch_size), epochs=recipe.epochs)
    return network


def _recipe(recipe, epochs):
    if isinstance(recipe, str):
        if recipe not in RECIPES:
            raise RunError(one_of("recipe", recipe, RECIPES))
        recipe = RECIPES[recipe]
    if epochs is not None and epochs < 1:
        raise RunError(f"epochs: expected at least 1, received {epochs}")
    return recipe if epochs is None else dataclasses.replace(recipe, epochs=epochs)


def _cut(split, fraction, seed):
    """The training and the validation images (None without) of the training split."""
    kept, held = split_indices(split.labels, fraction, groups=split.groups, seed=seed)
    parts = [
        Split(split.images[chosen], split.labels[chosen], None if split.groups is None else split.groups[chosen])
        for chosen in (kept, held)
    ]
    return parts[0], parts[1] if len(held) else None


def _fit(network, train, validation, recipe, seed, workdir, done, verbose):
    """Trains from epoch ``done`` on. Returns a dict of ``seconds`` and ``images_per_second``."""
    classes = network.output_shape[-1]
    batches = Batches(train, classes, batch_size=recipe.batch_size, augmentation=recipe.augmentation, seed=seed, epoch=done)
    speed = callbacks.Speed(batches.batch_size)
    start = time.perf_counter()
    network.fit(
        batches,
        validation_data=validation and Batches(validation, classes, batch_size=64),
        epochs=recipe.epochs,
        initial_epoch=done,
        verbose=verbose,
        shuffle=False,  # the batches shuffle themselves
        callbacks=[speed, callbacks.Log(workdir / "log.csv", done), callbacks.Checkpoint(workdir / "checkpoint")],
    )
    return {"seconds": time.perf_counter() - start, "images_per_second": speed.images_per_second()}


def _save(network, workdir):
    """`model.keras` (uncompiled, so without the optimiser's state) and `weights.h5`."""
    with whole(workdir / "model.keras") as temporary:
        keras.Model(network.inputs, network.outputs, name=network.name).save(temporary)
    save_weights(network, workdir / "weights.h5")


def _finish(workdir, signs, timing, say):
    """Looks at the test images, writes figures, page and record. Returns the `Outcome`."""
    record = workdir.read()
    say(f"Evaluating on {len(signs.test):,} test images")
    scores = evaluation.report(workdir.path, signs)
    record |= {"status": "complete", "result": {**timing, "test": scores.to_json()}}
    log = read_log(workdir / "log.csv")
    evaluation.write(workdir, record, signs, scores, log)
    workdir.write(record)
    return _outcome(workdir)


def _outcome(workdir):
    result = workdir.read()["result"]
    test = result["test"]
    return Outcome(
        run=str(workdir.path),
        accuracy=test["accuracy"],
        accuracy_interval=tuple(test["accuracy_interval"]),
        loss=test["loss"],
        images=test["images"],
        epochs=result["epochs"],
        seconds=result["seconds"],
        images_per_second=result["images_per_second"],
    )
