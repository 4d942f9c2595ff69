import numpy as np
import pytest

from keras_resnet.errors import DataError
from keras_resnet.evaluate.labels import doubtful_labels, group_interval
from keras_resnet.evaluate.metrics import wilson_interval


def test_confident_learning_by_hand():
    """Mean probabilities of the labels: 0.7 for class 0 (rows 0 to 2), 0.7 for class 1 (rows 3 and 4), none for class 2."""
    probabilities = np.array(
        [[0.9, 0.1, 0.0], [0.9, 0.05, 0.05], [0.3, 0.7, 0.0], [0.2, 0.8, 0.0], [0.3, 0.6, 0.1], [0.05, 0.75, 0.2]]
    )
    found = doubtful_labels(probabilities, np.array([0, 0, 0, 1, 1, 0]))
    # Class 0: (0.9 + 0.9 + 0.3 + 0.05) / 4 = 0.5375; class 1: 0.7. Rows 2 and 5 reach 0.7 for class 1.
    assert [(row.index, row.label, row.suggested) for row in found] == [(5, 0, 1), (2, 0, 1)]
    assert (found[0].label_probability, found[0].probability) == (0.05, 0.75)


@pytest.mark.parametrize(("share", "seed"), [(0.03, 0), (0.03, 1), (0.1, 2)])
def test_planted_errors_are_found_by_a_classifier_that_never_saw_them(share, seed):
    """Five folds of nearest class means on overlapping clouds: of the errors 90 % are among half as many again."""
    generator = np.random.default_rng(seed)
    true = np.arange(1500) % 6
    features = 5.0 * np.eye(6)[true] + generator.normal(size=(1500, 6))
    wrong = generator.choice(1500, int(share * 1500), replace=False)
    labels = true.copy()
    labels[wrong] = (true[wrong] + generator.integers(1, 6, len(wrong))) % 6
    probabilities = np.empty((1500, 6))
    for fold in range(5):
        held = np.arange(1500) % 5 == fold
        means = np.stack([features[~held & (labels == k)].mean(axis=0) for k in range(6)])
        scores = -((features[held, None] - means) ** 2).sum(axis=2) / 2
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        probabilities[held] = powers / powers.sum(axis=1, keepdims=True)
    first = [row.index for row in doubtful_labels(probabilities, labels)][: int(1.5 * len(wrong))]
    assert np.isin(wrong, first).mean() >= 0.9


def test_labels_without_doubt_give_none():
    assert doubtful_labels(np.eye(3)[[0, 1, 2, 0]] * 0.9 + 0.1 / 3, np.array([0, 1, 2, 0])) == []


def test_images_of_one_person_widen_the_interval():
    """Twenty people of fifty images each, half of them right throughout: as many trials as people."""
    generator = np.random.default_rng(0)
    groups = np.repeat(np.arange(40), 25)
    of_group = generator.uniform(0.5, 1.0, 40)
    right = generator.random(1000) < of_group[groups]
    low, high = group_interval(right, groups)
    independent = group_interval(right, np.arange(1000))
    mean = np.array([right[groups == group].mean() for group in range(40)])
    assert high - low == pytest.approx(2 * 1.96 * mean.std(ddof=1) / np.sqrt(40), rel=0.1)
    assert independent[1] - independent[0] == pytest.approx(2 * 1.96 * right.std() / np.sqrt(1000), rel=0.1)
    assert low < right.mean() < high


def test_where_all_groups_do_alike_there_is_an_interval_still():
    assert group_interval(np.ones(60, bool), np.repeat(np.arange(6), 10)) == wilson_interval(6, 6)


@pytest.mark.parametrize(("right", "groups"), [([], []), ([True], [0, 1]), ([[True]], [[0]])])
def test_arrays_that_do_not_fit_are_named(right, groups):
    with pytest.raises(DataError, match="expected two arrays"):
        group_interval(np.array(right, bool), np.array(groups))
