"""The tests of methods: what passes them, and that a method which does not look at the network fails."""

import keras
import numpy as np
import pytest
from explained_networks import PATCH, network, patch_network, patches

from keras_resnet import explain
from keras_resnet.errors import DataError

pytestmark = pytest.mark.filterwarnings("ignore:(integrated_gradients|grad_cam): ")  # of networks whose weights are shuffled
QUICK = {"rise": {"masks": 200}, "integrated_gradients": {"steps": 50}}


@pytest.fixture(scope="module")
def trained():
    """A small network that was trained to name the pattern of a patch, and images of patches in random places."""
    keras.utils.set_random_seed(0)
    model = patch_network()
    images, labels, _ = patches(240, seed=1)
    model.compile(keras.optimizers.Adam(1e-2), "sparse_categorical_crossentropy")
    model.fit(images, labels, batch_size=24, epochs=12, verbose=0)
    images, labels, boxes = patches(12, seed=9)
    assert (model.predict(images, verbose=0).argmax(axis=1) == labels).mean() > 0.9
    return model, images, labels, boxes


def method(name):
    return lambda model, images, classes: getattr(explain, name)(model, images, classes, **QUICK.get(name, {}))


def edges(model, images, classes):
    """An edge detector that poses as a method: it takes a network and shows the image."""
    down, across = np.gradient(np.asarray(images, float).mean(axis=3), axis=(1, 2))
    return np.hypot(down, across)


@pytest.mark.parametrize("name", [name for name in explain.METHODS if name != "grad_cam_plus_plus"])
def test_maps_change_as_weights_are_drawn_anew(name, trained):
    """Adebayo et al. 2018: a rank correlation below 0.5 once all weights are others."""
    model, images, _, _ = trained
    before = model.get_weights()
    steps = explain.cascading_randomization(model, method(name), images[:3])
    assert steps[0][0] == model.layers[-1].name and len(steps) == 4
    assert steps[-1][1] < 0.5, steps
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_grad_cam_plus_plus_hangs_on_the_weights_less_than_the_others(trained):
    """Its channels have no negative weights, so that its map stays near the sum of the channels; its docstring says so."""
    model, images, _, _ = trained
    steps = explain.cascading_randomization(model, method("grad_cam_plus_plus"), images[:3])
    assert 0.5 < steps[-1][1] < 0.98, steps


def test_an_edge_detector_that_poses_as_a_method_fails(trained):
    model, images, _, _ = trained
    steps = explain.cascading_randomization(model, edges, images[:4])
    assert min(similarity for _, similarity in steps) == pytest.approx(1)


def test_similarity_is_spearmans_rank_correlation():
    """Against SciPy's where it is there; ties have their mean rank."""
    stats = pytest.importorskip("scipy.stats")
    from keras_resnet.stats import rank_correlation

    generator = np.random.default_rng(0)
    for first, second in generator.integers(0, 5, (5, 2, 6, 7)):
        assert rank_correlation(first, second) == pytest.approx(stats.spearmanr(first.ravel(), second.ravel())[0])


@pytest.mark.parametrize("name", explain.METHODS)
def test_the_order_of_the_pixels_beats_a_random_one_by_far(name, trained):
    """The share of the image that has to be hidden or shown: 0.15 of the area better than chance, as the mean of the images."""
    model, images, labels, _ = trained
    maps = method(name)(model, images, labels)
    random = np.random.default_rng(0).random(maps.shape)
    hidden, hidden_at_random = (explain.deletion(model, images, each, labels).mean() for each in (maps, random))
    shown, shown_at_random = (explain.insertion(model, images, each, labels).mean() for each in (maps, random))
    assert hidden < hidden_at_random - 0.15 and shown > shown_at_random + 0.15


@pytest.mark.parametrize("name", explain.METHODS)
def test_maps_are_highest_on_the_patch(name, trained):
    """A patch is an eighth of its image; what the network can see of it ends a few pixels around."""
    model, images, labels, boxes = trained
    maps = method(name)(model, images, labels)
    hits = 0
    for values, (top, left) in zip(maps, boxes, strict=True):
        row, column = np.unravel_index(values.argmax(), values.shape)
        hits += top - 2 <= row < top + PATCH + 2 and left - 2 <= column < left + PATCH + 2
    assert hits >= 10


def test_areas_are_those_of_the_curve_taken_by_hand():
    model, _ = network("nested")
    image = np.random.default_rng(1).uniform(0, 1, (12, 10, 3)).astype("float32")
    order = np.random.default_rng(2).permutation(120)
    values = np.empty(120)
    values[order] = -np.arange(120)
    for function, hide in ((explain.deletion, True), (explain.insertion, False)):
        curve = []
        for count in range(0, 121, 40):
            first = np.isin(np.arange(120), order[:count]).reshape(12, 10, 1)
            shown = np.where(first != hide, image, np.float32(0.5))
            curve.append(float(keras.ops.convert_to_numpy(model(shown[None]))[0, 2]))
        expected = (curve[0] / 2 + curve[1] + curve[2] + curve[3] / 2) / 3
        received = function(model, image[None], values.reshape(1, 12, 10), 2, steps=3, fill=0.5)
        np.testing.assert_allclose(received, [expected], rtol=1e-5)


def test_maps_of_another_shape_are_named(trained):
    model, images, _, _ = trained
    with pytest.raises(DataError, match=r"maps: expected \(12, 32, 32\)"):
        explain.deletion(model, images, np.zeros((12, 16, 16)))
