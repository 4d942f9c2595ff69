"""Parts that are computed again for their gradients: where they lie, that nothing else changes, and what they save."""

import importlib.util
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT

from keras_resnet import train
from keras_resnet.evaluate.log import read_log
from keras_resnet.models import create_model
from keras_resnet.models.graph import steps
from keras_resnet.train.remat import cuts, held

# Losses and statistics of four steps with and without, in one process; the learning rate is low, for Adam turns rounding of
# gradients that are zero (those of biases before batch normalisation) into steps of full size.
PROGRAM = """
import dataclasses, json, keras, numpy as np
import keras_resnet
from keras_resnet.train import RECIPES, training_model
recipe = dataclasses.replace(RECIPES["signs"], learning_rate=1e-4, warmup_epochs=0, batch_size=8)
random = np.random.default_rng(0)
images, targets = random.integers(0, 256, (8, 32, 32, 3), dtype="uint8"), np.eye(3, dtype="float32")[random.integers(0, 3, 8)]
found = []
for remat in (False, True):
    keras.utils.set_random_seed(0)
    network = training_model("resnet-tiny", (32, 32, 3), 3, recipe, images=8, remat=remat)
    losses = [float(network.train_on_batch(images, targets)[0]) for _ in range(4)]
    if hasattr(network, "jax_state_sync"):
        network.jax_state_sync()
    statistics = [float(np.abs(keras.ops.convert_to_numpy(each)).mean()) for each in network.non_trainable_variables]
    found.append([losses, statistics])
print(json.dumps(found))
"""


@pytest.mark.parametrize("name", ["resnet-tiny", "resnet18", "plain20", "resnet20v2"])
def test_a_cut_parts_the_network(name):
    """Taken out, a step at a cut leaves no way from the input to the output, and any other step leaves one."""
    network = create_model(name, input_shape=(32, 32, 3), classes=3)
    order = steps(network)

    def parts(number):
        reached = {0} - {number}
        for step in order[1:]:
            if step.index != number and reached & set(step.inputs):
                reached.add(step.index)
        return order[-1].index not in reached

    assert cuts(network) == [number for number in range(len(order) - 1) if parts(number)]


def test_what_is_held_is_a_map_a_block_and_all_of_one_block():
    network = create_model("resnet18", input_shape=(64, 64, 3), classes=3)
    everything = sum(int(np.prod(step.output.shape[1:])) for step in steps(network) if step.inputs)
    kept = sum(int(np.prod(tensor.shape[1:])) for tensor in held(network))
    # The stem has most: 32 x 32 x 64 behind its convolution, its normalisation and its ReLU; its padding and its pool come on
    # top. The eight blocks leave 2 of 16 x 16 x 64, 2 of 8 x 8 x 128 and so on.
    blocks = sum(2 * (16 >> stage) ** 2 * (64 << stage) for stage in range(4))
    stem = 3 * 32 * 32 * 64
    assert stem + blocks < kept < stem + blocks + 2 * 70 * 70 * 3 + 34 * 34 * 64 + 16 * 16 * 64 + 600
    assert kept < everything / 2


def test_a_run_with_remat_ends_as_one_without(tiny_set, tmp_path):
    """Of a network without biases: Adam turns the rounding of their gradients into steps, which show in the validation loss."""
    logs = []
    for remat in (False, True):
        out = tmp_path / str(remat)
        train.run(
            data=tiny_set, out=out, model="resnet20", epochs=2, batch_size=16, learning_rate=1e-4, seed=3, remat=remat,
            say=lambda line: None, verbose=0,
        )  # fmt: skip
        logs.append(read_log(out / "log.csv"))
        command = json.loads((out / "run.json").read_text())["command"]
        assert ("--remat" in command) == remat
    for name in ("loss", "val_loss", "accuracy"):
        np.testing.assert_allclose(logs[0][name], logs[1][name], atol=1e-5, err_msg=name)
    assert abs(logs[0]["loss"][0] - logs[0]["loss"][1]) > 1e-3


@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_losses_and_statistics_are_those_without(backend):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr and "WARNING:tensorflow" not in done.stderr
    (losses, statistics), (remat_losses, remat_statistics) = json.loads(done.stdout.splitlines()[-1])
    np.testing.assert_allclose(remat_losses, losses, atol=1e-5)
    np.testing.assert_allclose(remat_statistics, statistics, atol=1e-4)
    assert abs(losses[0] - losses[-1]) > 1e-3 and len(statistics) >= 10


@pytest.mark.full
def test_the_step_takes_less_memory(measure):
    words = ("remat", "--model", "resnet50", "--size", 96, "--batch-size", 32, "--steps", 2, "--json")
    value = json.loads(measure(*words, check=0).stdout)
    assert value["memory"] < 0.8 and value["difference"] < 1e-5
    assert value["peak_mb"]["remat"] < value["peak_mb"]["all kept"]
