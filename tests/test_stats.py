"""The statistics against NumPy's own and values worked out by hand."""

import numpy as np
import pytest

from keras_resnet import stats


def test_autocorrelation_is_numpys_correlation():
    values = np.random.default_rng(1).normal(size=64).cumsum()
    centered = values - values.mean()
    full = np.correlate(centered, centered, "full")[63:]
    np.testing.assert_allclose(stats.autocorrelation(values), full[:32] / full[0], atol=1e-12)


def test_autocorrelation_of_several_series_averages_their_covariances():
    values = np.random.default_rng(2).normal(size=(32, 3)) * [1, 2, 3]
    centered = values - values.mean(axis=0)
    at_lag_one = np.sum(centered[:-1] * centered[1:]) / np.sum(centered**2)
    assert stats.autocorrelation(values)[1] == pytest.approx(at_lag_one, abs=1e-12)


def test_a_constant_series_correlates_with_itself_alone():
    assert stats.autocorrelation(np.full(8, 3.0)).tolist() == [1, 0, 0, 0]


def test_moments_by_hand():
    x = np.array([[1.0, 2.0], [3.0, 2.0]])
    assert stats.second_moment(x) == (1 + 4 + 9 + 4) / 4
    assert stats.batch_variance(x) == (1 + 0) / 2


def test_line():
    assert stats.line([0, 1, 2], [1, 3, 5]) == pytest.approx((2, 1, 1))
    slope, intercept, explained = stats.line([0, 1, 2], [0, 0, 3])
    assert (slope, intercept, explained) == pytest.approx((1.5, -0.5, 0.75))


def test_rank_correlation():
    assert stats.rank_correlation([1, 2, 3, 4], [1, 10, 100, 1000]) == pytest.approx(1)
    assert stats.rank_correlation([1, 2, 3], [3, 2, 1]) == pytest.approx(-1)
    # 1 - 6 sum d^2 / (n (n^2 - 1)) without ties: d = 1, 1, 0
    assert stats.rank_correlation([1, 2, 3], [2, 1, 3]) == pytest.approx(1 - 6 * 2 / 24)
    # with the ties of y at rank 1.5 the ranks are 1 2 3 and 1.5 1.5 3: correlation 1.5 / sqrt(2 * 1.5)
    assert stats.rank_correlation([1, 2, 3], [5, 5, 9]) == pytest.approx(1.5 / 3**0.5)
    assert stats.rank_correlation([1, 2, 3], [4, 4, 4]) == 0


def test_binomial():
    assert stats.binomial(3) == [1 / 8, 3 / 8, 3 / 8, 1 / 8]
