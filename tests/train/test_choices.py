"""What a recipe's choices do to a run: precision, class weights, averaged weights, early stopping."""

import csv
import json

import keras
import numpy as np
import pytest
from conftest import tiny_split

import keras_resnet as kr
from keras_resnet import train
from keras_resnet.data import Split, load_signs, write_signs
from keras_resnet.models import recalibrate_batch_norm
from keras_resnet.train.arguments import configure
from keras_resnet.train.callbacks import StopEarly
from keras_resnet.train.setup import set_up

NAMES = ("left", "middle", "right")
QUIET = {"say": lambda line: None, "verbose": 0, "model": "resnet-tiny"}


@pytest.fixture(scope="module")
def rare_set(tmp_path_factory):
    """Of the class "right" there are 4 images of 68 to train on, and 2 of 18 to test."""

    def thinned(split, count):
        keep = np.flatnonzero((split.labels != 2) | (np.cumsum(split.labels == 2) <= count))
        return Split(split.images[keep], split.labels[keep])

    path = tmp_path_factory.mktemp("data") / "rare"
    write_signs(path, thinned(tiny_split(96, seed=1), 4), thinned(tiny_split(24, seed=2), 2), NAMES)
    return path


def test_class_weights_weigh_the_loss_and_the_report_shows_balanced_accuracy(rare_set, tiny_recipe, tmp_path):
    """One step over all images at a rate of next to nothing: the logged loss is that of the first weights."""
    arguments = {"recipe": tiny_recipe, "epochs": 1, "batch_size": 68, "learning_rate": 1e-12, "validation_fraction": 0}
    outcome = train.run(data=rare_set, out=tmp_path / "run", class_weights=True, **arguments, **QUIET)
    network = set_up(configure(data=rare_set, out=tmp_path / "run", **arguments, **QUIET)).network
    images, labels = load_signs(rare_set).train.images, load_signs(rare_set).train.labels
    of_truth = np.array(network(images, training=True))[np.arange(68), labels]
    weights = np.array([68 / (3 * 32), 68 / (3 * 32), 68 / (3 * 4)])[labels]
    with open(tmp_path / "run" / "log.csv") as stream:
        logged = float(next(csv.DictReader(stream))["loss"])
    assert logged == pytest.approx((weights * -np.log(of_truth)).mean(), rel=1e-4)
    assert abs(logged + np.log(of_truth).mean()) > 1e-3  # the plain mean is another

    scores = kr.evaluate.report(tmp_path / "run", rare_set)
    recalls = [row.recall for row in scores.per_class]
    assert outcome.balanced_accuracy == pytest.approx(np.mean(recalls))
    assert "Balanced accuracy" in (tmp_path / "run" / "report.html").read_text()


def test_a_run_ends_with_averaged_weights_and_statistics_for_them(tiny_set, tiny_recipe, tmp_path):
    class Keep(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            kept.append(np.array(self.model.get_layer("fc1000").kernel))

    kept, lines = [], []
    told = {**QUIET, "say": lines.append}
    train.run(data=tiny_set, out=tmp_path / "run", recipe=tiny_recipe, epochs=2, ema=0.8, callbacks=[Keep()], **told)
    assert any("the validation figures of its epochs are of the weights before averaging" in line for line in lines)
    workdir = kr.workdir.Workdir(tmp_path / "run")
    model, temperature = workdir.load_model(), workdir.read()["calibration"]["temperature"]
    average = kept[0]
    for weights in kept[1:]:
        average = 0.8 * average + 0.2 * weights
    np.testing.assert_allclose(temperature * np.array(model.get_layer("fc1000").kernel), average, rtol=1e-4, atol=1e-6)
    before = np.array(model.get_layer("bn5a_branch2b").moving_variance)
    setup = set_up(configure(data=tiny_set, out=tmp_path / "run", recipe=tiny_recipe, epochs=2, **QUIET))
    recalibrate_batch_norm(model, setup.images.train.images)  # changes nothing: they are of these weights and images already
    np.testing.assert_allclose(np.array(model.get_layer("bn5a_branch2b").moving_variance), before, rtol=1e-4)


@pytest.mark.parametrize("precision", ["bfloat16", pytest.param("float16", marks=pytest.mark.full)])
def test_half_precision_learns_and_its_files_are_float32(precision, tiny_set, tiny_recipe, tmp_path):
    outcome = train.run(data=tiny_set, out=tmp_path / "run", recipe=tiny_recipe, precision=precision, **QUIET)
    assert outcome.accuracy >= 0.85  # chance is a third
    model = keras.models.load_model(tmp_path / "run" / "model.keras")
    dtypes = {layer.name: layer.compute_dtype for layer in model.layers}
    assert dtypes["conv1"] == dtypes["bn5a_branch2b"] == precision and dtypes["fc1000"] == dtypes["scaling"] == "float32"
    assert {weight.dtype for weight in model.weights} == {"float32"}
    images = load_signs(tiny_set).test.images
    full = kr.create_model("resnet-tiny", input_shape=(32, 32, 3), classes=3)
    kr.weights.load(full, tmp_path / "run" / "weights.h5")
    np.testing.assert_allclose(model.predict(images, verbose=0), full.predict(images / np.float32(255), verbose=0), atol=0.05)
    assert json.loads((tmp_path / "run" / "run.json").read_text())["recipe"]["precision"] == precision


class Log:
    """A log of validation losses."""

    def __init__(self, *losses):
        self.rows = [{"val_loss": repr(loss)} for loss in losses]


@pytest.mark.parametrize(
    ("patience", "losses", "over"),
    [
        (2, (), False),
        (2, (1.0, 0.9, 0.95), False),
        (2, (1.0, 0.9, 0.95, 0.9), True),  # as low is not lower
        (2, (1.0, 0.9, 0.95, 0.89), False),
        (1, (1.0, 1.1), True),
        (2, (float("nan"), 1.0, float("nan")), False),
        (2, (1.0, float("nan"), float("nan")), True),
    ],
)
def test_patience_by_hand(patience, losses, over):
    assert StopEarly(patience, Log(*losses)).over() is over


def test_a_run_stops_early_says_so_and_is_resumed_to_the_same_end(tiny_set, tiny_recipe, tmp_path):
    """At a rate of 1 the validation loss goes up and down; the rule is worked out again from the log."""

    class Interrupt(keras.callbacks.Callback):
        def on_train_end(self, logs=None):
            raise KeyboardInterrupt

    lines = []
    arguments = {"data": tiny_set, "recipe": tiny_recipe, "epochs": 30, "learning_rate": 1.0, "early_stopping": 2, **QUIET}
    arguments |= {"out": tmp_path / "run", "say": lines.append}
    with pytest.raises(KeyboardInterrupt):  # after the last epoch and before the end
        train.run(**arguments, callbacks=[Interrupt()])
    log = (tmp_path / "run" / "log.csv").read_text()
    outcome = train.run(**arguments, resume=True)
    assert (tmp_path / "run" / "log.csv").read_text() == log  # no epoch more
    with open(tmp_path / "run" / "log.csv") as stream:
        losses = [float(row["val_loss"]) for row in csv.DictReader(stream)]
    ends = [end for end in range(3, len(losses) + 1) if min(losses[: end - 2]) <= min(losses[end - 2 : end])]
    assert ends[0] == len(losses) == outcome.epochs < 30 and outcome.stopped_early
    assert any(f"Stopped early, after {outcome.epochs} of 30 epochs; the last epoch counts" in line for line in lines)
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert (record["result"]["epochs"], record["recipe"]["early_stopping"]) == (outcome.epochs, 2)
