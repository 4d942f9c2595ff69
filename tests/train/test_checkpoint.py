"""What a checkpoint holds, and what becomes of a damaged one."""

import os
import zipfile

import keras
import numpy as np
import pytest

from keras_resnet import train
from keras_resnet.errors import RunError
from keras_resnet.train.checkpoint import Checkpoint, checkpoints, restore, state_of

QUIET = {"say": lambda line: None, "verbose": 0, "model": "resnet-tiny"}


def network(classes=2):
    """A small compiled model with every kind of state: weights, running statistics, the state of a dropout, an optimiser."""
    inputs = keras.Input((3,))
    x = keras.layers.BatchNormalization(name="norm")(keras.layers.Dense(4, name="first")(inputs))
    model = keras.Model(inputs, keras.layers.Dense(classes, name="last")(keras.layers.Dropout(0.5, seed=3, name="drop")(x)))
    model.compile(keras.optimizers.AdamW(1e-2, use_ema=True, gradient_accumulation_steps=2), "mse")
    return model


def trained(steps=3):
    model, random = network(), np.random.default_rng(0)
    for _ in range(steps):
        model.train_on_batch(random.normal(size=(8, 3)), random.normal(size=(8, 2)))
    return model


def numbers(model):
    """The arrays of a model by part and number: Keras counts the optimisers of a process in their names."""
    return {tuple(name.split("/")[:2]): array for name, array in state_of(model).items()}


def save(model, folder, *epochs):
    callback = Checkpoint(folder)
    callback.set_model(model)
    for epoch in epochs:
        callback.on_epoch_end(epoch)


def test_every_number_comes_back(tmp_path):
    model = trained()
    save(model, tmp_path, 0)
    other = network()
    assert restore(other, tmp_path, print) == 1
    ours, theirs = numbers(model), numbers(other)
    assert ours.keys() == theirs.keys()
    for name in ours:
        np.testing.assert_array_equal(ours[name], theirs[name], err_msg=str(name))
    kinds = " ".join(state_of(model))
    for part in ("first/kernel", "norm/moving_mean", "seed_generator_state", "iteration", "gradient_accumulator", "momentum"):
        assert part in kinds, part
    x, y = np.ones((8, 3)), np.ones((8, 2))
    assert model.train_on_batch(x, y) == other.train_on_batch(x, y)  # the same dropout, too
    np.testing.assert_array_equal(np.array(model.layers[1].kernel), np.array(other.layers[1].kernel))


def test_the_last_two_are_kept_in_the_order_of_their_numbers(tmp_path):
    save(trained(), tmp_path, 0, 1, 2, 9998, 9999)
    assert [file.name for file in checkpoints(tmp_path)] == ["epoch-9999.npz", "epoch-10000.npz"]


def cut(file):
    os.truncate(file, file.stat().st_size * 2 // 3)


def flip(file):
    content = bytearray(file.read_bytes())
    with np.load(file) as archive:
        kernel = archive["model/0/first/kernel"]
    content[content.find(kernel.tobytes()) + 5] ^= 1
    file.write_bytes(content)


def empty(file):
    os.truncate(file, 0)


def overwrite(file):
    file.write_bytes(b"<html>" * 500)


def npy(file):
    with open(file, "wb") as stream:
        np.save(stream, np.ones(3))


def other_archive(file):
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("letter.txt", "dear")


def empty_archive(file):
    np.savez(file)


def folder(file):
    file.unlink()
    file.mkdir()


def pipe(file):
    file.unlink()
    os.mkfifo(file)


def changed(change):
    """The last state with another array of the first kernel."""

    def write(file):
        with np.load(file) as archive:
            state = {name: archive[name] for name in archive.files}
        name = next(name for name in state if name.endswith("first/kernel"))
        np.savez(file, **{**state, name: change(state[name])})

    return write


def spoiled(value):
    def change(kernel):
        kernel[1, 2] = value
        return kernel

    return changed(change)


DAMAGES = {
    "cut": cut, "flip": flip, "empty": empty, "overwrite": overwrite, "npy": npy, "other_archive": other_archive,
    "empty_archive": empty_archive, "folder": folder, "pipe": pipe, "NaN": spoiled(np.nan), "infinity": spoiled(-np.inf),
    "texts": changed(lambda kernel: kernel.astype(str)), "objects": changed(lambda kernel: kernel.astype(object)),
    "complex": changed(lambda kernel: kernel.astype(complex)),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_of_a_damaged_one_is_told_and_the_one_before_is_taken(damage, tmp_path):
    model = trained()
    save(model, tmp_path, 3)
    before = numbers(model)
    model.train_on_batch(np.ones((8, 3)), np.ones((8, 2)))
    save(model, tmp_path, 4)
    damage(tmp_path / "epoch-0005.npz")
    other, lines = network(), []
    assert restore(other, tmp_path, lines.append) == 4
    assert len(lines) == 1 and "\n" not in lines[0]
    assert lines[0].startswith(f"The checkpoint {tmp_path / 'epoch-0005.npz'} is damaged (")
    assert lines[0].endswith("going on from the one before, epoch-0004.npz")
    for name, array in numbers(other).items():
        np.testing.assert_array_equal(array, before[name], err_msg=str(name))


def test_where_all_are_damaged_the_way_out_is_told_and_the_model_is_as_it_was(tmp_path):
    save(trained(), tmp_path, 0, 1)
    for file in checkpoints(tmp_path):
        cut(file)
    model = network()
    model.optimizer.build(model.trainable_variables)
    before = numbers(model)
    with pytest.raises(RunError, match="No checkpoint in .* can be read; the oldest, epoch-0001.npz: .* begins the run anew$"):
        restore(model, tmp_path, lambda line: None)
    for name, array in numbers(model).items():
        np.testing.assert_array_equal(array, before[name])


def test_one_of_another_network_is_refused(tmp_path):
    save(trained(), tmp_path, 0)
    with pytest.raises(RunError, match="epoch-0001.npz is of another network or optimiser .* or other shapes; begin"):
        restore(network(classes=5), tmp_path, print)


def test_a_state_that_is_not_finite_is_not_saved(tmp_path):
    model = trained()
    save(model, tmp_path, 0)
    model.get_layer("last").bias.assign([0.0, np.inf])
    with pytest.raises(
        RunError, match="^Training stopped after epoch 2: model/.*last/bias is not finite, and that epoch was not"
    ):
        save(model, tmp_path, 1)
    assert [file.name for file in tmp_path.iterdir()] == ["epoch-0001.npz"]


@pytest.mark.full
def test_a_run_goes_on_from_the_one_before_to_the_same_end(tiny_set, tiny_recipe, tiny_run, tmp_path):
    """The whole of it: seven epochs of eight are there, the seventh is cut, and the run ends as one without a break."""

    class End(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 6:
                raise KeyboardInterrupt

    arguments = {**QUIET, "data": tiny_set, "recipe": tiny_recipe, "out": tmp_path / "run"}
    with pytest.raises(KeyboardInterrupt):
        train.run(**arguments, callbacks=[End()])
    cut(tmp_path / "run" / "checkpoint" / "epoch-0007.npz")
    lines = []
    train.run(**{**arguments, "say": lines.append}, resume=True)
    assert "epoch-0007.npz is damaged" in lines[0] and "going on after epoch 6" in lines[1]
    name = "checkpoint/epoch-0008.npz"
    with np.load(tmp_path / "run" / name) as ours, np.load(tiny_run[1] / name) as whole:
        for key, other in zip(ours.files, whole.files, strict=True):
            np.testing.assert_array_equal(ours[key], whole[other], err_msg=key)
