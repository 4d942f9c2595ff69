"""What a run would do: counts by hand, times as measured, nothing written."""

import json

import keras
import pytest

import keras_resnet as kr
from keras_resnet import train
from keras_resnet.errors import RunError
from keras_resnet.models import CATALOG, resolve
from keras_resnet.models.count import count
from keras_resnet.train.dry_run import TIMED_STEPS, memory, time_steps
from keras_resnet.train.optimizer import compile_for

QUIET = {"say": lambda line: None, "model": "resnet-tiny"}


def test_the_counts_of_a_run_by_hand(tiny_set, tiny_recipe, tmp_path):
    plan = train.plan(data=tiny_set, out=tmp_path / "run", recipe=tiny_recipe, epochs=4, accumulate=3, **QUIET)
    assert not (tmp_path / "run").exists() and list(tmp_path.iterdir()) == []
    assert plan.images == {"train": 87, "validation": 9, "test": 24} and plan.shape == (32, 32, 3)
    assert (plan.batch_size, plan.steps_per_epoch, plan.steps, plan.updates) == (16, 5, 20, 6)  # 87 // 16, and 20 // 3
    counted = count(resolve("resnet-tiny"), classes=3)
    assert (plan.parameters, plan.trainable) == (counted.parameters, counted.trainable)
    images = 20 * 16 + (4 * 9 + 87 + 24) / 3  # of steps, and of passes forward alone
    assert plan.minutes == pytest.approx(images / 16 * plan.seconds_per_step / 60)
    assert plan.timed_steps == TIMED_STEPS and plan.seconds_per_step > 0
    assert json.loads(json.dumps(plan.to_json()))["steps"] == 20
    text = str(plan)
    assert (
        "87 to train on, 9 to validate, 24 to test" in text
        and "5 an epoch of 16 images, 4 epochs, 20 in all, 6 updates" in text
    )
    assert f"the median of {TIMED_STEPS} steps just measured" in text and "--accumulate 3" in text


def test_a_frozen_network_has_fewer_to_train(tiny_set, tiny_run, tmp_path):
    plan = train.plan(data=tiny_set, out=tmp_path / "run", recipe="finetune", weights=tiny_run[1], **QUIET)
    frozen = kr.freeze(kr.workdir.Workdir(tiny_run[1]).load_model(), until="stage3")
    assert plan.trainable == frozen.trainable_after < plan.parameters and plan.batch_size == 16


def test_memory_by_hand():
    inputs = keras.Input((8, 8, 3))
    hidden = keras.layers.Conv2D(5, 3, padding="same")(inputs)
    model = keras.Model(inputs, keras.layers.Dense(2)(keras.layers.Flatten()(hidden)))
    numbers = (3 * 3 * 3 * 5 + 5) + (8 * 8 * 5 * 2 + 2)
    outputs = 8 * 8 * 5 + 8 * 8 * 5 + 2  # of an image: the convolution's, the same laid flat, and the classes
    plain = train.Recipe(name="r", summary="", epochs=1)
    assert memory(model, plain, 10) == 4 * 4 * numbers + 10 * 4 * outputs  # weights, gradients, two slots
    both = train.Recipe(name="r", summary="", epochs=1, ema=0.9, accumulate=2)
    assert memory(model, both, 10) == 6 * 4 * numbers + 10 * 4 * outputs


def test_steps_are_timed_by_the_clock(monkeypatch):
    inputs = keras.Input((4, 4, 3))
    model = keras.Model(inputs, keras.layers.Dense(2, activation="softmax")(keras.layers.Flatten()(inputs)))
    compile_for(model, train.Recipe(name="r", summary="", epochs=1), steps=10, epochs=1)
    lengths, now = iter([9.0, 5.0, 0.3, 0.1, 0.2, 0.5, 0.4]), [0.0]
    monkeypatch.setattr("keras_resnet.train.dry_run.time.perf_counter", lambda: now[0])
    step = type(model).train_on_batch

    def timed(self, images, targets):
        now[0] += next(lengths)
        assert images.shape == (6, 4, 4, 3) and images.dtype == "uint8" and (targets.sum(axis=1) == 1).all()
        return step(self, images, targets)

    monkeypatch.setattr(type(model), "train_on_batch", timed)
    assert time_steps(model, 6) == pytest.approx(0.3)  # the two that warm up are left out


def test_a_folder_that_a_run_would_refuse_is_refused(tiny_run, tiny_set, tiny_recipe):
    with pytest.raises(RunError, match="holds a run already; go on with it by --resume"):
        train.plan(data=tiny_set, out=tiny_run[1], recipe=tiny_recipe, **QUIET)
    assert "resnet-tiny" in CATALOG and train.plan(data=tiny_set, out=tiny_run[1], recipe=tiny_recipe, resume=True, **QUIET)
