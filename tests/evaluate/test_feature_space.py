import numpy as np
import pytest

from keras_resnet.errors import RunError
from keras_resnet.evaluate.feature_space import MOST_IMAGES, SHRINKAGE, FeatureSpace, kept, small, with_limit


def drawn(count, seed, shift=0.0):
    """Features of three classes, correlated in one way: `(features, labels)`."""
    generator = np.random.default_rng(seed)
    mixing = np.random.default_rng(9).normal(size=(8, 8))
    labels = np.arange(count) % 3
    means = 6 * np.eye(3, 8)
    return (means[labels] + generator.normal(size=(count, 8)) @ mixing + shift).astype("float32"), labels


def space_of(features, labels):
    images = np.broadcast_to(np.arange(len(labels), dtype=np.uint8)[:, None, None, None], (len(labels), 2, 2, 3))
    return FeatureSpace(features, labels, images)


def test_the_distance_is_mahalanobis_to_the_nearest_class():
    """Against the inverse of NumPy's own covariance of what lies around each mean."""
    features, labels = drawn(300, seed=0)
    queries, _ = drawn(20, seed=1, shift=2.0)
    means = np.stack([features[labels == label].mean(axis=0) for label in range(3)])
    covariance = np.cov((features - means[labels]).T, bias=True)
    covariance = (1 - SHRINKAGE) * covariance + SHRINKAGE * np.trace(covariance) / 8 * np.eye(8)
    apart = queries[:, None] - means
    squares = np.einsum("nkc,cd,nkd->nk", apart, np.linalg.inv(covariance), apart)
    np.testing.assert_allclose(space_of(features, labels).distances(queries), np.sqrt(squares.min(axis=1)), rtol=1e-4)


@pytest.mark.parametrize("count", [12, 100, 2000])
def test_one_good_image_in_a_hundred_lies_beyond_the_limit_and_others_do(count):
    features, labels = drawn(3000, seed=0)
    space = with_limit(space_of(features, labels), drawn(count, seed=2)[0])
    good, other = space.distances(drawn(6000, seed=3)[0]), space.distances(drawn(600, seed=4, shift=15.0)[0])
    assert (good > space.limit).mean() < 0.05 and (other > space.limit).mean() > 0.95
    assert count < 2000 or (good > space.limit).mean() > 0.001  # their logarithm is not quite normal


def test_fewer_images_than_features_and_a_class_without_images_are_no_hindrance():
    features = np.random.default_rng(0).normal(size=(6, 50)).astype("float32")
    space = FeatureSpace(features, np.array([0, 0, 0, 5, 5, 5]), np.zeros((6, 2, 2, 3), np.uint8))
    assert np.isfinite(space.distances(features)).all()


def test_the_nearest_are_those_of_the_highest_cosine():
    features, labels = drawn(50, seed=0)
    places, similar = space_of(features, labels).nearest(2 * features[[7, 30]], 3)
    assert places[:, 0].tolist() == [7, 30]
    np.testing.assert_allclose(similar[:, 0], 1, atol=1e-6)
    lengths = np.linalg.norm(features, axis=1)
    cosines = features @ features[7] / lengths / lengths[7]
    assert places[0].tolist() == np.argsort(-cosines)[:3].tolist() and np.all(np.diff(similar) <= 0)


def test_what_is_saved_is_loaded_and_damage_is_named(tmp_path):
    features, labels = drawn(30, seed=0)
    space = with_limit(space_of(features, labels), features)
    space.save(tmp_path / "features.npz")
    again = FeatureSpace.load(tmp_path / "features.npz")
    assert again.limit == space.limit and again.images.tolist() == space.images.tolist()
    np.testing.assert_allclose(again.distances(features), space.distances(features), rtol=5e-3)  # half precision
    (tmp_path / "features.npz").write_bytes((tmp_path / "features.npz").read_bytes()[:200])
    with pytest.raises(RunError, match="features.npz is damaged: "):
        FeatureSpace.load(tmp_path / "features.npz")
    FeatureSpace(features * 1e6, labels, space.images).save(tmp_path / "large.npz")
    np.testing.assert_allclose(FeatureSpace.load(tmp_path / "large.npz").features, features * 1e6)


def test_of_many_images_some_are_kept_evenly():
    assert kept(5).tolist() == [0, 1, 2, 3, 4]
    many = kept(3 * MOST_IMAGES)
    assert len(many) == MOST_IMAGES and many[0] == 0 and many[-1] == 3 * MOST_IMAGES - 1 and set(np.diff(many)) <= {2, 3, 4}


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((5, 32, 48), (32, 48)), ((5, 128, 256), (32, 64)), ((4000, 64, 64), (36, 36)), ((2, 300, 2), (64, 1))],
)
def test_images_are_kept_small(shape, expected):
    images = np.full((*shape, 3), 9, np.uint8)
    received = small(images)
    assert received.shape[1:3] == expected and received.dtype == np.uint8 and (received == 9).all()
