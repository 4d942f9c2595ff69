"""A training run from end to end: data, network, fit, and a folder with all that came of it."""

import contextlib
import math
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import keras

from keras_resnet.data import recognition
from keras_resnet.data.pipeline import Batches, EpochNumber, faults_told, feed
from keras_resnet.environment import deterministic, keep_memory
from keras_resnet.errors import RunError, WeightsError
from keras_resnet.evaluate import evaluation, feature_space
from keras_resnet.evaluate.calibration import fit_temperature
from keras_resnet.evaluate.metrics import smoothed_floor
from keras_resnet.files import whole
from keras_resnet.models import recalibrate_batch_norm
from keras_resnet.models.calls import divide_logits, embedding
from keras_resnet.text import typed
from keras_resnet.train import callbacks
from keras_resnet.train.arguments import configure, recorded
from keras_resnet.train.checkpoint import Checkpoint, restore
from keras_resnet.train.config import MODEL, RECIPE, Recipe
from keras_resnet.train.distribute import Mirror, Together, Validation, muster
from keras_resnet.train.divergence import StopAtNaN
from keras_resnet.train.images import balanced_weights
from keras_resnet.train.lock import locked
from keras_resnet.train.rate_setters import refusals_told
from keras_resnet.train.record import DONE, TO_SAVE, TO_TEST, TO_TRAIN, again, changed_numbers, check_folder, claim, new_record
from keras_resnet.train.setup import make_network, set_up
from keras_resnet.train.waiting import TimedBatches, Waiting
from keras_resnet.weights import save as save_weights
from keras_resnet.workdir import FEATURES, IMAGES, Workdir


@dataclass(frozen=True)
class Outcome:
    """What a finished run came to.

    Attributes:
        run: the run folder.
        accuracy: on the test images, 0 to 1.
        accuracy_interval: its 95 % interval.
        balanced_accuracy: mean recall of the classes, 0 to 1.
        loss: mean cross-entropy on the test images, in nats.
        images: number of test images.
        epochs: passes over the training images that were made.
        stopped_early: whether these are fewer than the recipe's.
        seconds: of training, validation included, over all starts.
        images_per_second: training images, at the median step of the last start; None where no step was left to do.
    """

    run: str
    accuracy: float
    accuracy_interval: tuple
    balanced_accuracy: float
    loss: float
    images: int
    epochs: int
    stopped_early: bool
    seconds: float
    images_per_second: float | None


def run(
    *,
    data,
    out: str | PathLike,
    model: str = MODEL,
    recipe: str | Recipe = RECIPE,
    epochs: int | None = None,
    resume: bool = False,
    **options,
) -> "Outcome":
    """Trains a network of the catalogue on a SIGNS set and writes a run folder.

    The test images are looked at once, at the end. Validation images are cut from the training images, by group where
    the set knows groups, and choose nothing, unless a recipe stops early: the last epoch counts.

    In a process that is one of several (`train.join`, or `jax.distributed.initialize`) it trains its part of each batch, and
    returns when process 0 has written the folder, which is to be one that all processes see.

    Args:
        data: the path of a SIGNS set, or of a folder of photographs, see `data.load`; or arrays, `(images, labels)` or
            `((images, labels), (test images, test labels))`, see `data.arrays.from_arrays`.
        out: the run folder; must not hold a run, unless ``resume``.
        model: a name of the catalogue.
        recipe: a name of the recipes, or a `Recipe`.
        epochs: passes over the training images; None for the recipe's.
        resume: go on after the last epoch that was saved; begin where nothing was; finish a missing report; leave a complete
            run as it is. Model, recipe, seed and images must be those of the beginning. On a CPU the run ends with the very
            weights of one without a break, whenever its process was killed.
        options: fields of `Options` (``seed``, ``size``, ``weights``, ``stream``, ``callbacks``, ``verbose`` ...); and fields
            of `Recipe`, which replace the recipe's: ``precision="bfloat16"``, ``accumulate=4``, ``class_weights=True``,
            ``early_stopping=5``, ``batch_size=16`` ...

    Returns:
        An `Outcome`.

    Raises:
        DataError, ModelError, WeightsError, RunError: see the message; an earlier run in ``out`` is as it was.
        KeyboardInterrupt: after the network as it stands was saved: the run folder is one that other commands take.

    Example:
        >>> outcome = run(data="signs", out="runs/first", epochs=20, seed=1, callbacks=[keras.callbacks.TerminateOnNaN()])
    """
    crew = muster()
    with crew.together("settings", "claim", "end"):
        config = configure(data=data, out=out, model=model, recipe=recipe, epochs=epochs, resume=resume, **options)
        return carry_out(config, crew=crew)


def carry_out(config, images=None, crew=None):
    """Does what `run` does, by a `Config`; on `Images`, where they have been read by it already; in a `Crew` of processes."""
    setup = set_up(config, images, crew)
    workdir, record = Workdir(config.out), new_record(setup)
    return _lead(setup, workdir, record) if setup.crew.first else _follow(setup, workdir, record)


def resume(run_folder: str | PathLike, **changes) -> "Outcome":
    """Goes on with a run by the record in its folder alone.

    Args:
        run_folder: of a run that `run` began.
        changes: keyword arguments of `run` in place of the recorded ones, or beside them: ``callbacks``, which are not in the
            record, ``say``, ``verbose``, ``data`` where the images lie elsewhere by now.

    Returns, raises:
        As `run`.
    """
    return run(**recorded(run_folder, **changes))


def _lead(setup, workdir, record):
    """The run in the process that writes its folder; the others follow."""
    say, resume = setup.config.options.say, setup.config.resume
    check_folder(workdir, resume)  # so that a folder of something else is not even locked
    with contextlib.ExitStack() as held:
        with _disk_faults_told(workdir, record):
            held.enter_context(locked(workdir.path))
            stage = claim(workdir, record, resume, say)
            if stage != DONE:
                workdir.tidy()
                _remember_images(setup, workdir)
        if stage == DONE:
            say(
                f"{workdir.path} is complete: nothing is left to do; to train longer, begin another run from its weights, with "
                f"--weights {typed(workdir.path)} --out OTHER"
            )
        setup.crew.tell("claim", stage)
        if stage != DONE:
            _go_on(setup, workdir, record, stage)
    setup.crew.tell("end", None)
    return _outcome(workdir)


def _remember_images(setup, workdir):
    """Writes the marks of the run's images, where they are those that the run was begun with."""
    if workdir.read()["data"]["fingerprint"] == setup.images.fingerprint:
        recognition.save(workdir / IMAGES, {**setup.images.marks, "earlier": _earlier(setup.start)})


def _earlier(start):
    """The marks of the images that the weights had seen before, where they are those of a run that knows."""
    file = Path(start.weights or "").parent / IMAGES
    if Path(start.weights or "").name != "weights.h5" or not file.exists():
        return recognition.stack([])
    return recognition.seen(recognition.load(file))


def _follow(setup, workdir, record):
    """The run in a process beside: it reads the folder that the first process writes, and returns when that has finished it."""
    stage = setup.crew.hear("claim")
    if stage in (TO_TRAIN, TO_SAVE):
        _train(setup, workdir, record, stage)
    setup.crew.hear("end")
    return _outcome(workdir)


@contextlib.contextmanager
def _disk_faults_told(workdir, record):
    """Turns an error of the disk into one line that says what is kept. Around our own writes alone: what a user's callback does
    may end in such an error too, of a network or of another disk."""
    try:
        yield
    except BrokenPipeError:  # of standard output, not of the run folder
        raise
    except (OSError, WeightsError) as problem:
        if isinstance(problem, WeightsError) and not isinstance(problem.__cause__, OSError | RuntimeError):
            raise
        reason = getattr(problem, "strerror", None) or " ".join(str(problem).split())
        raise RunError(
            f"{workdir.path} cannot be written to: {reason}; {_kept(workdir)}; once that is mended go on with {again(record)}"
        ) from problem


def _kept(workdir):
    """What a run that ends early has kept, in words."""
    epochs = workdir.epochs()
    return f"the checkpoint of epoch {epochs} is kept" if epochs else "no epoch had been saved"


def _go_on(setup, workdir, record, stage):
    """From whatever is there to a finished run folder."""
    speed = None
    if stage == TO_TEST:
        setup.config.options.say(_opening(setup, workdir.epochs()))
    else:
        speed = _train(setup, workdir, record, stage)
        with _disk_faults_told(workdir, record):
            workdir.write({**workdir.read(), "status": "trained"})
    with _disk_faults_told(workdir, record):
        _finish(workdir, setup, speed)


def _train(setup, workdir, record, stage):
    """From the last checkpoint to a saved network; in a process that only follows, to the end of training.

    Returns:
        The images per second, None where no step was left to do.
    """
    network, say, crew = setup.network, setup.config.options.say, setup.crew
    with crew.scope():
        done = restore(network, workdir / "checkpoint", say)
    if not done and (workdir / "log.csv").exists():
        say(f"There is no checkpoint in {workdir / 'checkpoint'}: the run begins anew")
    say(_opening(setup, done))
    if done and (changed := changed_numbers(workdir.read(), record)):
        say(f"The run was begun with other arithmetic, and may end with other last digits: {changed}")
    mirror = Mirror(crew, network, lambda: make_network(setup.config, setup.images, setup.start, remat=False))
    epochs = workdir.epochs() if stage == TO_SAVE else setup.config.recipe.epochs
    try:
        with keep_memory(), deterministic(), crew.scope():
            speed = _fit(setup, workdir, range(done, epochs), mirror, lambda: _disk_faults_told(workdir, record))
    except KeyboardInterrupt:
        if crew.parted:  # the others are at other steps by now
            say(f"\nInterrupted: {_kept(workdir)}. Go on with\n  {again(record)}")
            raise
        with _disk_faults_told(workdir, record):
            _save(network, workdir)
        say(f"\nInterrupted: {workdir.path} holds the network as it stands. Go on with\n  {again(record)}")
        raise
    if crew.first:
        network = mirror()
        if setup.config.recipe.recalibrate:
            say("Re-estimating the statistics of batch normalisation on the training images")
            recalibrate_batch_norm(network, setup.images.train.images)
        calibration = _calibrate(network, setup)
        with _disk_faults_told(workdir, record):
            workdir.write({**workdir.read(), "calibration": calibration})
            _feature_space(network, setup.images, say).save(workdir / FEATURES)
            _save(network, workdir)
    return speed


def _feature_space(network, images, say):
    """The network's features of training images, and how far off an image is to be to count as unlike them."""
    features, chosen = embedding(network), feature_space.kept(len(images.train))
    train = images.train.chosen(chosen)
    images_kept = feature_space.small(train.images)
    space = feature_space.FeatureSpace(evaluation.computed(features, train.images), train.labels, images_kept)
    good = images.validation or train
    if len(good) < feature_space.LEAST:
        say(f"{len(good)} validation images are too few to tell photographs of other things by the network's features")
        return space
    return feature_space.with_limit(space, evaluation.computed(features, good.images))


def _calibrate(network, setup):
    """Divides the network's logits by the temperature at which the validation images are most likely.

    It is a part of the last layer's weights from then on, so that whatever takes the network gives these probabilities.

    Returns:
        What the record keeps of it; None without validation images.
    """
    validation, say = setup.images.validation, setup.config.options.say
    if validation is None:
        say("Without validation images probabilities are not calibrated: they may be too sure or not sure enough")
        return None
    found = fit_temperature(evaluation.predict(network, validation.images), validation.labels)
    divide_logits(network, found.temperature)
    say(found.text)
    return found.to_json()


def _opening(setup, done):
    """What is said before the first step."""
    images, recipe = setup.images, setup.config.recipe
    validation = len(images.validation or ())
    text = (
        f"{setup.config.model}: {setup.network.count_params():,} parameters; {len(images.train):,} images to train on, "
        f"{validation:,} to validate, {len(images.signs.test):,} to test"
    )
    if setup.start.weights:
        head = ", with a new classifier" if setup.start.head == "skip" else ""
        text += f"; from {setup.start.weights}{head}, pixels as in preprocess_input(mode={setup.start.pixels!r})"
    if recipe.freeze:
        text += f"; {'the stem' if recipe.freeze == 'stem' else f'the stem to {recipe.freeze}'} frozen"
    if done:
        text += f"; going on after epoch {done}"
    if recipe.ema is not None and validation:
        text += "\nThe run ends with averaged weights; the validation figures of its epochs are of the weights before averaging"
    if recipe.label_smoothing:
        floor = smoothed_floor(recipe.label_smoothing, len(images.signs.class_names))
        text += f"\nThe losses of the epochs are of smoothed labels, which leave at least {floor:.3g}; the test loss is not"
    return text


def _fit(setup, workdir, epochs, mirror, guard):
    """Trains over a range of epochs, and writes within contexts that ``guard()`` makes.

    Returns:
        The images per second, None where there was nothing to do.
    """
    network, images, crew = setup.network, setup.images, setup.crew
    recipe, options = setup.config.recipe, setup.config.options
    classes = network.output_shape[-1]
    settings = {"batch_size": recipe.batch_size, "augmentation": recipe.augmentation, "seed": options.seed}
    batches = TimedBatches(images.train, classes, **settings, part=(crew.index, crew.size))
    speed = callbacks.Speed(batches.batch_size)
    log = callbacks.Log(workdir / "log.csv", epochs.start, write=crew.first, guard=guard)
    alarm = StopAtNaN(
        lambda batch: Batches(images.train, classes, epoch=batches.epoch, **settings)[batch][0],
        lambda: _kept(workdir),
        mirror.first_bad,
    )
    own = [EpochNumber(batches), alarm, *_validation(setup, mirror), speed, Waiting(batches), log]
    own += [Checkpoint(workdir / "checkpoint", guard)] if crew.first else []
    if recipe.early_stopping is not None:
        own.append(callbacks.StopEarly(recipe.early_stopping, log))
        if own[-1].over():
            epochs = range(epochs.start, epochs.start)
    if options.tensorboard:
        own.append(keras.callbacks.TensorBoard(str(workdir / "tensorboard"), write_graph=False))
    validation = None if crew.parted else images.validation and Batches(images.validation, classes, batch_size=64)
    with faults_told(batches, validation), refusals_told(lambda: _kept(workdir)):
        network.fit(
            feed(batches),
            validation_data=feed(validation),
            epochs=epochs.stop,
            initial_epoch=epochs.start,
            verbose=options.verbose,
            shuffle=False,  # the batches shuffle themselves
            class_weight=balanced_weights(images.train.labels) if recipe.class_weights else None,
            callbacks=[*own, *options.callbacks, *([Together(crew)] if crew.parted else [])],
        )  # at its end Keras takes the averaged weights, where the optimiser has them
    return speed.images_per_second()


def _validation(setup, mirror):
    """The callback that looks at this process's part of the validation images, in a list; Keras's own `fit` does it alone."""
    crew, images = setup.crew, setup.images.validation
    if not crew.parted or images is None:
        return []
    own = range(crew.index, len(images), crew.size)
    batches = Batches(images.chosen(list(own)), setup.network.output_shape[-1], batch_size=64) if own else None
    return [Validation(crew, mirror, batches, len(own))]


def _save(network, workdir):
    """`model.keras` (uncompiled, so without the optimiser's state) and `weights.h5`."""
    with whole(workdir / "model.keras") as temporary:
        keras.Model(network.inputs, network.outputs, name=network.name).save(temporary)
    save_weights(network, workdir / "weights.h5")


def _finish(workdir, setup, speed):
    """Looks at the test images, writes figures, page and record."""
    record, epochs, log = workdir.read(), workdir.epochs(), None
    if (workdir / "log.csv").exists():
        log = callbacks.read_own_log(workdir / "log.csv")
    planned, say = setup.config.recipe.epochs, setup.config.options.say
    if epochs < planned:
        say(f"Stopped early, after {epochs} of {planned} epochs; the last epoch counts")
    signs = evaluation.test_images(workdir, setup.images.signs, say=say)
    say(f"Evaluating on {len(signs.test):,} test images")
    scores = evaluation.report(workdir.path, signs, all_images=True)
    seconds = math.fsum(value for value in (log or {}).get("seconds", ()) if math.isfinite(value))
    result = {"seconds": seconds, "images_per_second": speed, "epochs": epochs, "stopped_early": epochs < planned}
    record |= {"status": "complete", "result": {**result, "test": scores.to_json()}}
    if record["data"]["fingerprint"] != setup.images.fingerprint:
        record["result"]["tested_on"] = setup.images.fingerprint
    evaluation.write(workdir, record, signs, scores, log, workdir.load_model(), evaluation.feature_space_of(workdir))
    workdir.write(record)


def _outcome(workdir):
    result = workdir.read()["result"]
    test = result["test"]
    return Outcome(
        run=str(workdir.path),
        accuracy=test["accuracy"],
        accuracy_interval=tuple(test["accuracy_interval"]),
        balanced_accuracy=test["balanced_accuracy"],
        loss=test["loss"],
        images=test["images"],
        epochs=result["epochs"],
        stopped_early=result.get("stopped_early", False),
        seconds=result["seconds"],
        images_per_second=result.get("images_per_second"),
    )
