"""The quick form of each experiment: its verdict, and its values against closed forms and other ways to compute them."""

import itertools
import json
import math
import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT

from keras_resnet import lab
from keras_resnet.lab import nets, shattered_gradients, stats, tape
from keras_resnet.lab.experiment import Setting

# What the quick form comes to with seed 0, criterion by criterion; None where training on another machine may decide otherwise.
EXPECTED = {
    "vanishing-gradients": [True] * 5,
    "degradation": [True, True],
    "identity": [True] * 4,
    "residual-target": [True, True],
    "backprop-term": [True, True],
    "shapes": [True, None],
    "unrolled-paths": [True] * 5,
    "operation-order": [True, True, False],
    "variance": [True] * 6,
    "shattered-gradients": [True, False, False, False],
    "ensemble": [True, None, True, None, True, None],
    "features": [None, None, None],
}


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """The quick form of every experiment, run once: `(results by name, folder)`."""
    folder = tmp_path_factory.mktemp("lab")
    results = lab.run("all", quick=True, seed=0, out=folder, say=lambda line: None)
    return {result.experiment: result for result in results}, folder


@pytest.fixture(scope="module")
def values(quick):
    """Name of the experiment -> its values."""
    return {name: result.values[0] for name, result in quick[0].items()}


@pytest.mark.parametrize("name", list(EXPECTED))
def test_verdict(quick, name):
    result = quick[0][name]
    met = [each["met"][0] for each in result.criteria]
    assert len(met) == len(EXPECTED[name])
    assert [one if expected is not None else None for one, expected in zip(met, EXPECTED[name], strict=True)] == EXPECTED[name]
    assert result.passed == all(met)
    assert result.form == "quick"
    assert result.seeds == [0]


def test_every_result_has_its_file_figures_and_section(quick):
    results, folder = quick
    page = (folder / "lab.html").read_text(encoding="utf-8")
    assert "http" not in page.replace("http-equiv", "")
    for name, result in results.items():
        assert lab.read(folder / f"{name}.json") == result
        assert (folder / f"{name}.json").stat().st_size < 200_000
        paths = lab.figures_of(result, folder)
        assert paths
        for path in paths:
            assert path.read_bytes()[:4] == b"\x89PNG"
            assert path.stat().st_size < 100_000, path.name
        assert f'<h2 id="{name}">' in page
    assert page.count("data:image/png") == sum(len(lab.figures_of(result, folder)) for result in results.values())


def test_figures_and_page_are_drawn_from_the_stored_numbers_alone(quick, tmp_path):
    for name in quick[0]:
        (tmp_path / f"{name}.json").write_bytes((quick[1] / f"{name}.json").read_bytes())
    code = f"from keras_resnet import lab; lab.write_page({str(tmp_path)!r}); import sys; print('keras' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "False"
    for result in quick[0].values():
        for one, other in zip(lab.figures_of(result, tmp_path), lab.figures_of(result, quick[1]), strict=True):
            assert one.read_bytes() == other.read_bytes()
    assert (tmp_path / "lab.html").read_text() == (quick[1] / "lab.html").read_text()


def test_vanishing_gradients(values):
    table = values["vanishing-gradients"]["nets"]
    for kind in ("plain", "common", "residual"):
        for depth in (10, 20, 50):
            row = table["sigmoid"][kind][str(depth)]
            assert len(row["norms"]) == depth - 2
            assert row["factor"] ** (depth - 3) == pytest.approx(row["norms"][0] / row["norms"][-1], rel=1e-4)
    # A unit of a He net is negative half of the time.
    assert np.mean(table["relu"]["plain"]["50"]["saturated"]) == pytest.approx(0.5, abs=0.05)
    assert len(table["relu"]["plain"]["50"]["saturated"]) == 49


def test_variance(values):
    table = values["variance"]["nets"]
    assert table["residual"]["moment"][4] == pytest.approx(2**4, rel=0.15)
    assert table["residual link"]["variance"][1] == pytest.approx(2 - 1 / math.pi, abs=0.06)
    assert table["scaled link"]["variance"][1] == pytest.approx(1 - 1 / (2 * math.pi), abs=0.04)
    assert table["residual"]["backward"][0] == pytest.approx(2**8, rel=0.3)
    # The course material's own measurement of five links: 0.99, 1.68, 2.91, 5.25, 9.72, 18.3; normalised 0.99 .. 4.43.
    np.testing.assert_allclose(table["residual link"]["variance"][:5], [0.99, 1.68, 2.91, 5.25, 9.72], rtol=0.1)
    np.testing.assert_allclose(table["normalised link"]["variance"][:6], [0.99, 1.68, 2.39, 3.07, 3.75, 4.43], rtol=0.05)


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


def test_unrolled_paths(values):
    found = values["unrolled-paths"]
    assert list(found["paths"])[:6] == ["x", "f1", "f2", "f3", "f4", "f1 f2"]
    assert found["paths"]["x"] == pytest.approx(8**0.5)  # the norm of the identity of 8 units
    assert found["resnet50_paths"] == 2**16
    assert np.dot(range(17), found["resnet50_lengths"]) / 2**16 == 8


def test_residual_target(values):
    table = values["residual-target"]["nets"]
    assert table["zero"]["residual"]["0"] == {"steps": 0, "distance": 0, "error": 0}
    for row in table["zero"]["residual"].values():
        assert row["error"] <= 0.01  # it got there in every draw
        assert row["steps"] < 5000


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


def test_shapes(values):
    found = values["shapes"]
    # 8 to 16 and 16 to 32 channels: kernel and normalisation; in C also the blocks that keep the shape.
    assert found["expected"] == {"B": 8 * 16 + 2 * 16 + 16 * 32 + 2 * 32, "C": 736 + 3 * 80 + 2 * 288 + 2 * 1088}
    assert found["nets"]["A"]["milliseconds"] > 0


def test_ensemble(values):
    found = values["ensemble"]
    assert np.median(found["nets"]["resnet56"]["one"]) < np.median(found["nets"]["resnet20"]["one"])
    assert found["nets"]["resnet56"]["deletable"] == [k for k in range(27) if k not in (9, 18)]  # those two change the shape
    assert found["gradient"]["blocks"] == 27
    several = found["nets"]["resnet56"]["several"]
    assert several[0] < several[-1]


def test_features(values):
    probes = values["features"]["probes"]
    assert len(probes["trained"]) == len(probes["untrained"]) == 9
    assert probes["trained"][-1] < probes["trained"][0]
    assert probes["trained"][-1] < probes["untrained"][-1]
    assert [row["stage"] for row in values["features"]["responses"]] == [2, 2, 3, 3, 4, 4]


def test_trained_nets_come_from_the_shelf(values):
    shared = values["degradation"]["nets"]["resnet20"]
    assert values["operation-order"]["nets"]["common"]["errors"] == shared["errors"]
    assert values["shapes"]["nets"]["A"]["train_error"] == shared["train_error"]
    assert values["features"]["test_error"] == shared["test_error"]


@pytest.fixture(scope="module")
def small_net():
    """A residual net of four blocks that has not been trained, its images, and their labels."""
    from keras_resnet.lab import training

    setting = Setting(quick=True, seed=3, say=lambda line: None, shelf={})
    setting.shelf["images", True] = training.Images(*training.synthetic_splits(3, size=32, train_images=12, test_images=8))
    network = training.untrained(setting, "resnet20", depths=(2, 1, 1))
    return network, training.images(setting).train


def test_the_parts_of_a_net_are_the_net(small_net):
    from keras_resnet.lab import training

    network, split = small_net
    x = split.images
    for part in training.parts(network):
        x = part(x, training=False)
    np.testing.assert_array_equal(x, training.output(network, split.images))


def test_the_gradients_of_all_path_lengths_add_up_to_the_gradient(small_net):
    from keras import ops

    from keras_resnet.lab import training
    from keras_resnet.lab.autodiff import vjp
    from keras_resnet.lab.ensemble import slopes_by_length

    network, split = small_net
    stem, *rest = training.parts(network)
    found = slopes_by_length([stem, *rest], split.images, split.labels)
    assert len(found) == 5

    def loss(x):
        for part in rest:
            x = part(x, training=False)
        return -ops.mean(ops.log(ops.sum(x * np.eye(6, dtype="float32")[split.labels], axis=-1) + 1e-7))

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
    make = nets.NumpyMaker(np.random.default_rng(1))
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
