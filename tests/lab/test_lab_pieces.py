"""The pieces of the experiments against other ways to compute them, other backends, and the command."""

import itertools
import json
import math

import numpy as np
import pytest

from keras_resnet import stats
from keras_resnet.lab import nets, shattered_gradients, tape
from keras_resnet.lab.experiment import Setting

# Autocorrelation of dy/dx at lags 1 and 16, 24 hidden layers of 200 units, means of six draws: another program's, in NumPy too.
REFERENCE = {
    "plain link": (0.927, 0.286),
    "residual link": (0.927, 0.279),
    "scaled link": (0.951, 0.411),
    "normalised link": (0.744, -0.07),
}


@pytest.mark.parametrize("kind", list(REFERENCE))
def test_shattered_gradients_are_those_of_another_program(kind):
    slopes = [shattered_gradients._slope(np.random.default_rng(draw), kind, 24, 200) for draw in range(18)]
    curves = np.array([stats.autocorrelation(slope) for slope in slopes])
    for lag, reference in zip((1, 16), REFERENCE[kind], strict=True):
        error = curves[:, lag].std() * math.sqrt(1 / 6 + 1 / 18)  # of the difference of two means, theirs of six draws
        assert curves[:, lag].mean() == pytest.approx(reference, abs=2 * error)


def test_the_terms_of_backpropagation_are_those_of_finite_differences():
    from keras_resnet.lab.backprop_term import terms

    generator = np.random.default_rng(1)
    weights, biases = [generator.normal(size=(3, 3)) for _ in range(3)], [generator.normal(size=3) for _ in range(3)]
    x, c = generator.normal(size=(2, 4, 3))
    direct, through = terms(x, weights, biases, c, "tanh")

    def loss(first):
        a = x
        for W, b in zip([first, *weights[1:]], biases, strict=True):
            a = np.tanh(a @ W + b + a)
        return np.sum(a * c)

    found = np.zeros((3, 3))
    for place in np.ndindex(3, 3):
        step = np.zeros((3, 3))
        step[place] = 1e-6
        found[place] = (loss(weights[0] + step) - loss(weights[0] - step)) / 2e-6
    np.testing.assert_allclose(direct[0] + through[0], found, atol=1e-8)
    assert np.abs(direct[0] - through[0]).max() > 0.01


def test_the_update_is_keras_adam():
    import keras

    from keras_resnet.lab.residual_target import _RATE, _adam

    slopes = np.random.default_rng(1).normal(size=(3, 4))
    variable = keras.Variable(np.ones(4, dtype="float32"))
    optimizer = keras.optimizers.Adam(_RATE, epsilon=1e-8)
    ours, state = [np.ones(4)], [(0.0, 0.0)]
    for step, slope in enumerate(slopes, start=1):
        optimizer.apply([keras.ops.convert_to_tensor(slope.astype("float32"))], [variable])
        ours, state = _adam(ours, [slope], state, step)
    np.testing.assert_allclose(ours[0], keras.ops.convert_to_numpy(variable), atol=1e-6)


@pytest.fixture(scope="module")
def small_net():
    """A residual net of four blocks that has not been trained, its images, and their labels."""
    from keras_resnet.lab import training

    setting = Setting(quick=True, seed=3, say=lambda line: None, cache={})
    setting.cache["images", True] = training.Images(*training.synthetic_splits(3, size=32, train_images=12, test_images=8))
    network = training.untrained(setting, "resnet20", depths=(2, 1, 1))
    return network, training.images(setting).train


def test_the_parts_of_a_net_are_the_net(small_net):
    import keras

    from keras_resnet.lab import training

    network, split = small_net
    x = split.images
    for part in training.parts(network):
        x = part(x, training=False)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(x), training.output(network, split.images))


def test_the_gradients_of_all_path_lengths_add_up_to_the_gradient(small_net):
    from keras import ops

    from keras_resnet.autodiff import vjp
    from keras_resnet.lab import training
    from keras_resnet.lab.ensemble import slopes_by_length

    network, split = small_net
    stem, *rest = training.parts(network)
    found = slopes_by_length([stem, *rest], split.images, split.labels)
    assert len(found) == 5

    chosen = ops.convert_to_tensor(np.eye(6, dtype="float32")[split.labels])

    def loss(x):
        for part in rest:
            x = part(x, training=False)
        return -ops.mean(ops.log(ops.sum(x * chosen, axis=-1) + 1e-7))

    _, [whole] = vjp(loss, [ops.convert_to_numpy(stem(split.images, training=False))])
    np.testing.assert_allclose(sum(found), whole, atol=1e-5 * np.abs(whole).max())
    assert all(np.abs(each).max() > 0 for each in found)


def test_a_probe_finds_what_is_linear_and_nothing_in_noise():
    from keras_resnet.lab.features import _probe, regions

    generator = np.random.default_rng(1)
    labels = np.arange(300) % 3
    clear = np.eye(3)[labels] + 0.1 * generator.normal(size=(300, 3))
    assert _probe(clear[:200], labels[:200], clear[200:], labels[200:]) == 0
    noise = generator.normal(size=(300, 3))
    assert _probe(noise[:200], labels[:200], noise[200:], labels[200:]) == pytest.approx(2 / 3, abs=0.15)
    maps = np.arange(16.0).reshape(1, 4, 4, 1)
    assert regions(maps).tolist() == [[2.5, 4.5, 10.5, 12.5]]


def test_blocks_of_a_chain_are_counted_by_their_layers():
    make = nets.NumpyLayers(np.random.default_rng(1))
    for kind, row in nets.KINDS.items():
        before = len(make.weights)
        nets.chain(tape.Node(np.ones((4, 8))), kind, 3, make)
        assert len(make.weights) - before == 3 * row.layers


def test_a_claim_that_is_not_confirmed_ends_with_status_zero(command):
    done = command("lab", "run", "shattered-gradients", "--quick", "--json", "--out", "here", check=0)
    [row] = json.loads(done.stdout)
    assert set(row) == {"experiment", "claim", "passed", "result", "figures"}
    assert row["passed"] is False
    assert row["experiment"] == "shattered-gradients"
    assert "shattered-gradients: not confirmed" in done.stderr
    assert row["figures"] == ["here/shattered-gradients-links.png", "here/shattered-gradients-blocks.png"]


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_exact_experiments_run_on_other_backends(command, backend):
    done = command(
        "lab", "run", "backprop-term", "--quick", "--seed", "4", "--seed", "5", "--json", env={"KERAS_BACKEND": backend}
    )
    assert done.returncode == 0, done.stderr
    [row] = json.loads(done.stdout)
    assert row["passed"]
    assert row["result"]["seeds"] == [4, 5]
    assert backend in row["result"]["versions"]
    assert "tensorflow" not in row["result"]["versions"]


def test_an_unknown_experiment_is_one_line(command):
    done = command("lab", "run", "varience", check=1)
    assert done.stderr.startswith("keras-resnet: Unknown experiment: received 'varience'; expected one of 'all', ")
    assert done.stderr.count("\n") == 1


def test_the_paths_are_all_subsets():
    from keras_resnet.lab.unrolled_paths import _products

    jacobians = [np.full((1, 1), float(value)) for value in (2, 3, 5)]
    products = {path: float(product[0, 0]) for path, product in _products(jacobians, range(3)).items()}
    expected = {path: math.prod([2, 3, 5][k] for k in path) for n in range(4) for path in itertools.combinations(range(3), n)}
    assert products == expected
    assert sum(products.values()) == (1 + 2) * (1 + 3) * (1 + 5)
