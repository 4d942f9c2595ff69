"""The few statistics that experiments and checks of heat maps share, in NumPy."""

import math

import numpy as np


def second_moment(x):
    """The mean square of all entries: a float."""
    return float(np.mean(np.square(x)))


def batch_variance(x):
    """The variance over the batch, a mean over units: `(N, C)` to a float."""
    return float(np.mean(np.var(x, axis=0)))


def autocorrelation(values):
    """The autocorrelation of a series at lags 0, 1 .., its mean taken off, 1 at lag 0.

    Args:
        values: float `(T,)` or `(T, S)`, a series in each column; the columns' autocovariances are averaged first.

    Returns:
        float `(T // 2,)`: sum over t of v[t] v[t + lag], over the sum of v[t] squared. As many terms are missing as the lag is
        long, so that even a straight line falls off. A constant series gives 1 at lag 0 and 0 elsewhere.
    """
    values = np.asarray(values, dtype=np.float64)
    values = values.reshape(len(values), -1)
    centered = values - values.mean(axis=0)
    count = len(values)
    spectrum = np.abs(np.fft.rfft(centered, 2 * count, axis=0)) ** 2
    sums = np.fft.irfft(spectrum, axis=0)[: count // 2].sum(axis=1)
    if sums[0] <= 0:
        return np.eye(1, count // 2)[0]
    return sums / sums[0]


def line(x, y):
    """The straight line of least squares: `(slope, intercept, share of the variance of y that it explains)`."""
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    slope, intercept = np.polyfit(x, y, 1)
    total = np.sum((y - y.mean()) ** 2)
    rest = np.sum((y - slope * x - intercept) ** 2)
    return float(slope), float(intercept), float(1 - rest / total) if total > 0 else 1.0


def rank_correlation(x, y):
    """Spearman's: the correlation of the ranks, equal values sharing the mean of theirs; 0 where one is constant.

    Args:
        x, y: arrays of one shape.
    """
    ranks = [_ranks(np.asarray(each, dtype=np.float64).ravel()) for each in (x, y)]
    if any(np.ptp(each) == 0 for each in ranks):
        return 0.0
    return float(np.corrcoef(*ranks)[0, 1])


def binomial(n):
    """The shares of the lengths 0 to n among 2 ** n paths, each of n branches taken or passed: a list of n + 1 floats."""
    return [math.comb(n, k) / 2**n for k in range(n + 1)]


def _ranks(values):
    order = np.sort(values)
    return (np.searchsorted(order, values, "left") + np.searchsorted(order, values, "right") - 1) / 2
