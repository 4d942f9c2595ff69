"""Splits: every class in proportion, groups whole, the same split for the same seed."""

import itertools

import numpy as np
import pytest

from keras_resnet.data.split import split_indices
from keras_resnet.errors import DataError


def held_per_class(labels, held):
    return np.bincount(labels[held], minlength=labels.max() + 1)


@pytest.mark.parametrize("groups", [None, "own"])
def test_the_two_sides_are_a_partition_in_rising_order(groups):
    labels = np.arange(100) % 7
    kept, held = split_indices(labels, 0.3, groups=None if groups is None else np.arange(100))
    assert sorted([*kept, *held]) == list(range(100))
    assert (np.diff(kept) > 0).all() and (np.diff(held) > 0).all()


@pytest.mark.parametrize(
    "count, fraction, expected",
    [(1, 0.2, 0), (1, 0.9, 0), (2, 0.01, 1), (2, 0.99, 1), (10, 0.25, 3), (10, 0.2, 2), (164, 0.2, 33), (5, 0.999, 4)],
)
def test_the_number_held_out_is_rounded_and_leaves_no_side_empty(count, fraction, expected):
    labels = np.concatenate([np.zeros(count, int), np.ones(40, int)])
    assert held_per_class(labels, split_indices(labels, fraction)[1])[0] == expected


@pytest.mark.parametrize("groups", [None, np.arange(60) // 3])
def test_fraction_0_holds_nothing_out(groups):
    kept, held = split_indices(np.arange(60) % 4, 0, groups=groups)
    assert kept.tolist() == list(range(60)) and held.tolist() == []


def people(number=60, classes=5, seed=0):
    """Labels and groups of people who each show most signs, some twice; shuffled."""
    random = np.random.default_rng(seed)
    rows = [(sign, person) for person in range(number) for sign in range(classes) for _ in range(random.integers(0, 3))]
    return np.array(rows)[random.permutation(len(rows))].T


@pytest.mark.parametrize("fraction", [0.1, 0.2, 0.5, 0.8])
def test_groups_stay_whole_and_classes_come_out_to_the_nearest_image(fraction):
    labels, groups = people()
    kept, held = split_indices(labels, fraction, groups=groups)
    assert not set(groups[kept]) & set(groups[held])
    np.testing.assert_allclose(held_per_class(labels, held), fraction * np.bincount(labels), atol=1.001)


def test_few_groups_are_cut_as_well_as_an_exhaustive_search_cuts_them():
    labels, groups = people(number=11, classes=3, seed=4)
    totals = np.bincount(labels)

    def cost(chosen):
        held = np.bincount(labels[np.isin(groups, chosen)], minlength=3)
        return np.inf if (held == 0).any() or (held == totals).any() else ((held / totals - 0.3) ** 2).sum()

    best = min(cost(chosen) for size in range(1, 11) for chosen in itertools.combinations(range(11), size))
    _, held = split_indices(labels, 0.3, groups=groups)
    assert cost(np.unique(groups[held])) == pytest.approx(best, abs=3 * 0.0003**2 + 1e-9)


def test_every_class_with_two_groups_is_on_both_sides():
    # Nine large groups of class 0; classes 1 and 2 each in two small ones.
    labels = np.concatenate([np.zeros(90, int), [1, 1, 2, 2]])
    groups = np.concatenate([np.repeat(np.arange(9), 10), [20, 21, 22, 23]])
    kept, held = split_indices(labels, 0.1, groups=groups)
    assert set(labels[kept]) == set(labels[held]) == {0, 1, 2}


def test_a_class_with_one_group_is_kept():
    labels, groups = np.array([0] * 10 + [1] * 10), np.array([0] * 10 + list(range(1, 11)))
    kept, held = split_indices(labels, 0.6, groups=groups)
    assert 0 in labels[kept] and 0 not in labels[held]
    assert held_per_class(labels, held)[1] == 6


def test_a_seed_gives_one_split_and_others_give_others():
    labels, groups = people()
    for keywords in ({}, {"groups": groups}):
        splits = [tuple(split_indices(labels, 0.2, seed=seed, **keywords)[1]) for seed in (0, 0, 1, 2)]
        assert splits[0] == splits[1] and len(set(splits)) == 3


def test_the_split_is_the_same_in_every_version():
    # Written down once: a change here changes every benchmark that is cut with a seed.
    labels, groups = np.arange(20) % 2, np.arange(20) // 4
    assert split_indices(labels, 0.2)[1].tolist() == [4, 7, 11, 16]
    assert split_indices(labels, 0.2, groups=groups)[1].tolist() == [8, 9, 10, 11]


def test_the_arguments_are_left_as_they_were():
    labels, groups = people()
    before = labels.copy(), groups.copy()
    split_indices(labels, 0.2, groups=groups)
    np.testing.assert_array_equal(labels, before[0])
    np.testing.assert_array_equal(groups, before[1])


@pytest.mark.parametrize(
    "arguments, keywords, message",
    [
        (([0, 1], 1.0), {}, "The fraction to hold out is 1.0; expected at least 0 and less than 1"),
        (([0, 1], -0.1), {}, "The fraction to hold out is -0.1; expected at least 0"),
        (([0, 1], float("nan")), {}, "The fraction to hold out is nan"),
        (([0.0, 1.0], 0.2), {}, "labels are float64 of shape (2,); expected integers of shape (N,)"),
        (([[0, 1]], 0.2), {}, "labels are int64 of shape (1, 2); expected integers of shape (N,)"),
        (([0, 1], 0.2), {"groups": [1]}, "groups have shape (1,); expected (2,), one for each label"),
        (([0, 1], 0.2), {"seed": -1}, "The seed is -1; expected 0 to 4294967295"),
    ],
)
def test_bad_arguments_are_refused(arguments, keywords, message):
    with pytest.raises(DataError) as caught:
        split_indices(*arguments, **keywords)
    assert str(caught.value).startswith(message)
