"""The layer that is named is the one where the numbers were spoilt on purpose."""

import keras
import numpy as np
import pytest

import keras_resnet as kr
from keras_resnet import train
from keras_resnet.errors import RunError
from keras_resnet.train import trainer
from keras_resnet.train.divergence import first_bad

QUIET = {"say": lambda line: None, "verbose": 0, "model": "resnet-tiny"}


class Spoil(keras.callbacks.Callback):
    """Puts a number into one weight of a layer at the end of a batch."""

    def __init__(self, layer, value, epoch, batch):
        super().__init__()
        self.layer, self.value, self.at = layer, value, (epoch, batch)

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self.epoch, batch) == self.at:
            kernel = self.model.get_layer(self.layer).kernel
            array = np.array(kernel)
            array[..., 0] = self.value
            kernel.assign(array)


@pytest.mark.parametrize(
    ("layer", "value", "named"),
    [
        # Max pooling turns the first into ordinary numbers: the loss shows nothing.
        ("conv1", np.nan, r"conv1 \(the statistics of bn_conv1, which follows it, are not finite\)"),
        pytest.param(
            "res3a_branch2b", np.nan, r"res3a_branch2b \(the statistics of bn3a_branch2b, which follows it, are not finite\)",
            marks=pytest.mark.full,
        ),
        pytest.param(
            "conv1", 1e38, r"conv1 \(the statistics of bn_conv1, which follows it, are not finite\)", marks=pytest.mark.full
        ),  # the weights are finite
        pytest.param("fc1000", np.nan, r"fc1000 \(its kernel is not finite\)", marks=pytest.mark.full),
    ],
)  # fmt: skip
def test_a_run_stops_at_the_batch_and_names_the_layer(layer, value, named, tiny_set, tiny_recipe, tmp_path):
    seen = []

    class Count(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            seen.append(batch)

    arguments = {**QUIET, "data": tiny_set, "recipe": tiny_recipe, "epochs": 3, "out": tmp_path / "run"}
    message = (
        f"at batch 3 of epoch 2, with a loss of .*: the first layer that went bad is {named}; the checkpoint of epoch 1 is"
    )
    with pytest.raises(RunError, match=message) as caught:
        train.run(**arguments, callbacks=[Count(), Spoil(layer, value, epoch=1, batch=1)])
    assert "\n" not in str(caught.value) and seen == [0, 1, 2, 3, 4, 0, 1, 2]
    assert [file.name for file in (tmp_path / "run" / "checkpoint").iterdir()] == ["epoch-0001.npz"]
    if value is not np.nan:
        assert train.run(**arguments, resume=True).epochs == 3  # the last good state is one to go on from


@pytest.mark.full
def test_before_the_first_epoch_nothing_was_saved(tiny_set, tiny_recipe, tmp_path):
    with pytest.raises(RunError, match="at batch 2 of epoch 1, .* went bad is conv1 .*; no epoch had been saved; a lower"):
        train.run(data=tiny_set, out=tmp_path / "run", recipe=tiny_recipe, callbacks=[Spoil("conv1", np.nan, 0, 0)], **QUIET)


def test_without_statistics_a_pass_forward_finds_it():
    inputs = keras.Input((2,))
    x = keras.layers.Dense(3, kernel_initializer="ones", name="sum")(inputs)
    x = keras.layers.Activation(lambda value: keras.ops.exp(100 * value), name="explodes")(x)
    model = keras.Model(inputs, keras.layers.Dense(1, name="last")(x))
    assert first_bad(model, np.ones((4, 2), "float32")) == "explodes (its output is not finite)"
    assert first_bad(model, np.zeros((4, 2), "float32")).startswith("none: the loss itself")


def test_frozen_statistics_are_passed_over():
    """The statistics of a frozen part say nothing of this batch; its weights are as they were loaded."""
    model = kr.create_model("resnet-tiny", input_shape=(32, 32, 3), classes=3, weights=None)
    for layer in model.layers:
        layer.trainable = layer.name == "fc1000"
    model.get_layer("fc1000").bias.assign([0, np.nan, 0])
    assert first_bad(model, np.zeros((2, 32, 32, 3), "float32")) == "fc1000 (its bias is not finite)"


def test_the_layer_is_looked_for_on_the_images_of_the_step(tiny_set, tiny_recipe, tmp_path, monkeypatch):
    made, seen = {}, []

    class Kept(trainer.TimedBatches):
        def __getitem__(self, index):
            batch = super().__getitem__(index)
            made[index] = batch[0]  # that of the epoch before until the step is due
            return batch

    class Looking(trainer.StopAtNaN):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(np.array_equal(self.images(batch), made[batch]))

    monkeypatch.setattr(trainer, "TimedBatches", Kept)
    monkeypatch.setattr(trainer, "StopAtNaN", Looking)
    train.run(data=tiny_set, out=tmp_path / "run", recipe=tiny_recipe, epochs=2, **QUIET)
    assert len(seen) == 10 and all(seen)
