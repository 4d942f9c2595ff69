"""What every network of the catalogue has to do, each row in turn.

All rows are built, counted and trained for one step. The rest is checked for rows of up to 30 million parameters, and for
larger ones by `make test-full`. The default lineage of every row, and every lineage of the small rows; the others in full.
"""

import math

import keras
import numpy as np
import pytest

from keras_resnet.models import CATALOG, create_model, features, freeze, identify, resolve
from keras_resnet.models.count import count

CLASSES = 3
SMALL, MIDDLE = 12_000_000, 30_000_000

IMAGES = np.random.default_rng(1).normal(size=(2, 32, 32, 3)).astype("float32")
LABELS = np.array([0, 2])
ODD = np.random.default_rng(2).normal(size=(2, 33, 47, 3)).astype("float32")


def cases(limit):
    """(name, lineage) of all; those of more than ``limit`` parameters are marked as long."""
    for name, row in CATALOG.items():
        for lineage in row.lineages:
            parameters = count(resolve(name, lineage)).parameters
            default = lineage == row.lineages[0]
            long = parameters > limit or not default and parameters > SMALL
            yield pytest.param((name, lineage), id=f"{name}-{lineage}", marks=[pytest.mark.full] if long else [])


every_row = pytest.mark.parametrize("net", list(cases(math.inf)), indirect=True, scope="module")
cheap_row = pytest.mark.parametrize("net", list(cases(MIDDLE)), indirect=True, scope="module")


@pytest.fixture(scope="module")
def net(request):
    """A network of open size, and its spec; one for all the checks of a row."""
    name, lineage = request.param
    keras.utils.set_random_seed(3)
    options = {"input_shape": (None, None, 3), "classes": CLASSES, "classifier_activation": None}
    yield create_model(name, lineage=lineage, **options), resolve(name, lineage)
    keras.backend.clear_session()


def step(model, images=IMAGES):
    """One training step, layer by layer: to trace a graph takes ten times as long. Returns the loss."""
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.01, clipnorm=1.0), loss, run_eagerly=True)
    return float(np.ravel(model.train_on_batch(images, LABELS))[0])


def values(model):
    return {variable.path: keras.ops.convert_to_numpy(variable) for variable in model.variables}


def outputs(model, images=IMAGES):
    return keras.ops.convert_to_numpy(model(images))


def side(size, spec):
    """The side of each stage's map, from the stem's and the pool's arithmetic."""
    if spec.stem == "small":
        reached = size
    else:
        reached = math.ceil(size / 2)
        # Without padding, floor((n - 3) / 2) + 1; by Caffe's rule, ceil((n - 3) / 2) + 1.
        reached = {"valid": (reached - 1) // 2, "ceil": reached // 2}.get(spec.pool, math.ceil(reached / 2))
    return [reached := reached if stage == 0 else math.ceil(reached / 2) for stage in range(len(spec.depths))]


@every_row
def test_count_and_a_step(net):
    model, spec = net
    assert model.count_params() == count(spec, classes=CLASSES).parameters
    published = CATALOG[spec.name].published.get(spec.lineage)
    counted = count(spec)
    for figure in ("parameters", "trainable"):
        assert getattr(published, figure, None) in (None, getattr(counted, figure))
    assert all(type(layer).__module__.startswith("keras.") for layer in model.operations)
    before = values(model)
    loss = step(model)
    after = values(model)
    assert 0 < loss < 100
    assert all(np.isfinite(value).all() for value in after.values())
    same = {path for path in before if np.array_equal(before[path], after[path])}
    # A bias before a batch normalisation has no gradient; a projection's gamma and everything else has one.
    assert not {path for path in same if not path.endswith("bias")}


@cheap_row
def test_saved_and_loaded_it_computes_the_same(net, tmp_path):
    model, _ = net
    model.save(tmp_path / "net.keras")
    loaded = keras.saving.load_model(tmp_path / "net.keras", compile=False)
    received, expected = outputs(loaded), outputs(model)
    np.testing.assert_array_equal(received, expected)
    assert np.isfinite(expected).all()
    assert not np.array_equal(expected[0], expected[1])  # the images tell


@cheap_row
def test_features_are_the_maps_that_the_classifier_sees(net):
    model, spec = net
    pyramid = features(model)
    maps = {stage: keras.ops.convert_to_numpy(value) for stage, value in pyramid(IMAGES).items()}
    stages = [f"C{stage}" for stage in range(2, 2 + len(spec.depths))]
    assert list(maps) == stages
    sides = side(32, spec)
    channels = [width * (4 if spec.block == "bottleneck" else 1) for width in spec.widths]
    assert [maps[stage].shape for stage in stages] == [(2, n, n, c) for n, c in zip(sides, channels, strict=False)]
    kernel, bias = next(layer for layer in reversed(model.layers) if isinstance(layer, keras.layers.Dense)).get_weights()
    expected = maps[stages[-1]].mean(axis=(1, 2)) @ kernel + bias
    np.testing.assert_allclose(outputs(model), expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())
    assert all(value.min() >= 0 for value in maps.values()) or spec.order == "pre"


@cheap_row
def test_frozen_stages_stay_and_the_others_learn(net):
    model, spec = net
    report = freeze(model, until="stage3")
    before = values(model)
    step(model)
    after = values(model)
    freeze(model, until=None)
    changed = {path.split("/")[0] for path in before if not np.array_equal(before[path], after[path])}
    with_weights = [layer.name for layer in model.layers if layer.weights]
    assert changed == set(with_weights) - set(report.layers)
    assert (
        report.trainable_after < report.trainable_before == sum(math.prod(weight.shape) for weight in model.trainable_weights)
    )
    # Stem, stages 2 and 3, told by the count of another network that ends there.
    frozen = sum(before[weight.path].size for layer in model.layers if layer.name in report.layers for weight in layer.weights)
    shorter = resolve(spec.name, spec.lineage, depths=spec.depths[:2], widths=spec.widths[:2])
    expected = count(shorter, include_top=False).parameters
    if spec.order == "pre":  # without the normalisation that ends a network
        expected -= 4 * spec.widths[1] * spec.expansion
    assert frozen == expected


@cheap_row
def test_another_number_of_classes_changes_the_head_alone(net):
    model, spec = net
    other = create_model(spec.name, lineage=spec.lineage, input_shape=(None, None, 3), classes=7)
    shapes = [[tuple(weight.shape) for weight in network.weights] for network in (model, other)]
    assert shapes[0][:-2] == shapes[1][:-2]
    wide = spec.widths[-1] * spec.expansion
    assert shapes[1][-2:] == [(wide, 7), (7,)]


@cheap_row
def test_odd_input(net):
    model, spec = net
    logits = outputs(model, ODD)
    assert logits.shape == (2, CLASSES)
    assert np.isfinite(logits).all()
    maps = features(model)(ODD)
    assert [value.shape[1:3] for value in maps.values()] == list(zip(side(33, spec), side(47, spec), strict=True))


@cheap_row
def test_it_is_known_again(net):
    model, spec = net
    found = identify(model)
    assert (found.name, found.lineage, found.exact, found.departures) == (spec.name, spec.lineage, True, ())
