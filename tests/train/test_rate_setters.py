"""Callbacks that set the learning rate are refused before the first step; others are not."""

import keras
import pytest

from keras_resnet import train
from keras_resnet.errors import RunError
from keras_resnet.train.rate_setters import check_callbacks

QUIET = {"say": lambda line: None, "verbose": 0, "model": "resnet-tiny"}


class Halve(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        self.model.optimizer.learning_rate = 0.5 * float(self.model.optimizer.learning_rate)


class Assign(keras.callbacks.Callback):
    def on_train_batch_begin(self, batch, logs=None):
        self.model.optimizer.learning_rate.assign(1e-3)


class Old(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        def change(opt):
            opt.lr = 1e-3

        change(self.model.optimizer)


class ByName(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        setattr(self.model.optimizer, "learning_rate", 1e-3)  # noqa: B010


class Own(keras.callbacks.LearningRateScheduler):
    """One's own subclass."""


def halve(epoch, logs):
    optimizer = logs["optimizer"]
    optimizer.learning_rate = optimizer.learning_rate / 2


SETTERS = [
    keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate),
    keras.callbacks.ReduceLROnPlateau(patience=1),
    keras.callbacks.LambdaCallback(on_epoch_end=halve),
    *(each() for each in (Halve, Assign, Old, ByName)),
    Own(lambda epoch: 0.1),
]


class Watch(keras.callbacks.Callback):
    """Reads the rate, and keeps it under names that a setter would use."""

    def __init__(self):
        super().__init__()
        self.lr = self.learning_rate = self.optimum = 0.0

    def on_epoch_end(self, epoch, logs=None):
        optimizer = self.model.optimizer
        self.learning_rate = self.lr = float(optimizer.learning_rate)
        self.lr, self.optimum = logs["learning_rate"], optimizer.iterations


OTHERS = [
    Watch(),
    keras.callbacks.EarlyStopping(),
    keras.callbacks.TerminateOnNaN(),
    keras.callbacks.CSVLogger("log.csv"),
    keras.callbacks.ModelCheckpoint("model.keras"),
    keras.callbacks.SwapEMAWeights(),
    keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: print(logs["learning_rate"])),
]


@pytest.mark.parametrize("callback", SETTERS, ids=lambda callback: type(callback).__name__)
def test_a_callback_that_sets_the_rate_is_refused_before_the_first_step(callback, tiny_set, tmp_path):
    with pytest.raises(RunError) as caught:
        train.run(data=tiny_set, out=tmp_path / "run", epochs=1, callbacks=[Watch(), callback], **QUIET)
    assert str(caught.value).startswith(f"callbacks: {type(callback).__name__} sets the learning rate, which the recipe's")
    assert "choose learning_rate, warmup_epochs and final_rate" in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_others_are_taken():
    check_callbacks(OTHERS)
    check_callbacks(())


@pytest.mark.parametrize("callbacks", [Watch(), "EarlyStopping", [Watch], [print]])
def test_what_is_no_list_of_callbacks(callbacks, tiny_set, tmp_path):
    with pytest.raises(RunError, match="^callbacks: expected .*keras.callbacks.Callback, received "):
        train.run(data=tiny_set, out=tmp_path / "run", epochs=1, callbacks=callbacks, **QUIET)


class Hidden(keras.callbacks.Callback):
    """Sets the rate in a way that its code does not show."""

    def on_epoch_end(self, epoch, logs=None):
        name = "_".join(("learning", "rate"))
        type(self.model.optimizer).__setattr__(self.model.optimizer, name, 1e-3)


def test_one_whose_code_does_not_show_it_is_told_when_it_does(tiny_set, tiny_recipe, tmp_path):
    with pytest.raises(RunError, match="one of them sets the learning rate, .*; the checkpoint of epoch 1 is kept$"):
        train.run(data=tiny_set, out=tmp_path / "run", recipe=tiny_recipe, callbacks=[Hidden()], **QUIET)


def test_what_the_message_advises_keeps_the_rate(tiny_set, tmp_path):
    rates = []
    watch = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: rates.append(logs["learning_rate"]))
    kept = {"learning_rate": 2e-3, "warmup_epochs": 0, "final_rate": 1}
    train.run(data=tiny_set, out=tmp_path / "run", epochs=2, callbacks=[watch], **kept, **QUIET)
    assert rates == pytest.approx([2e-3, 2e-3])
