"""Cutting a set in two: every class in the same proportion, and the photos of one group on one side."""

import numpy as np

from keras_resnet.errors import DataError

_STARTS = 8  # random starts of the search for groups; the first that comes near enough ends it
_NEAR = 0.0003  # near enough: this far, root mean square over the classes, from the best shares in whole images
_CANDIDATES = 500  # kinds of groups tried in exchange for one; more would be slow where thousands of groups all differ


def split_indices(
    labels: np.ndarray, fraction: float, *, groups: np.ndarray | None = None, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Chooses the images to hold out.

    Without groups, every class with n >= 2 images gives round(fraction * n) of them, at least one and at most n - 1;
    a class with one image keeps it. With groups, whole groups are held out, chosen so that the share held out of each
    class is as near to ``fraction`` as a search finds (least sum of squared differences), and so that no class is left
    out of either side where its groups allow that; a class with one group alone is kept.

    The same arguments give the same split, under every version of NumPy.

    Args:
        labels: integers `(N,)`.
        fraction: the share to hold out, 0 <= fraction < 1; 0 holds nothing out.
        groups: integers `(N,)`, equal for images that must stay together; None for images that are independent.
        seed: 0 to 2**32 - 1.

    Returns:
        Two int64 arrays of indices, kept and held out, each in rising order; together all of 0 to N - 1.

    Raises:
        DataError: for a fraction, a seed, or arrays that are not as above.
    """
    labels = np.asarray(labels)
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise DataError(f"labels are {labels.dtype} of shape {labels.shape}; expected integers of shape (N,)")
    if not 0 <= fraction < 1:
        raise DataError(f"The fraction to hold out is {fraction}; expected at least 0 and less than 1")
    if not 0 <= seed < 2**32:
        raise DataError(f"The seed is {seed}; expected 0 to {2**32 - 1}")
    if groups is not None and np.shape(groups) != labels.shape:
        raise DataError(f"groups have shape {np.shape(groups)}; expected {labels.shape}, one for each label")
    held: np.ndarray = np.zeros(len(labels), bool)
    if fraction > 0 and len(labels):
        random = np.random.RandomState(seed)  # NEP 19 freezes its stream; that of default_rng may change
        if groups is None:
            held = _hold_images(labels, fraction, random)
        else:
            held = _hold_groups(labels, np.asarray(groups), fraction, random)
    return np.flatnonzero(~held), np.flatnonzero(held)


def _hold_images(labels, fraction, random):
    """bool `(N,)`: the images to hold out, where each may be chosen alone."""
    held = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        members = random.permutation(np.flatnonzero(labels == label))
        held[members[: int(_nearest(fraction, len(members)))]] = True
    return held


def _nearest(fraction, counts):
    """The whole number of images of a class that comes nearest to ``fraction``, both sides kept from being empty."""
    return np.maximum(np.minimum(np.floor(fraction * counts + 0.5), counts - 1), np.minimum(counts - 1, 1))


def _hold_groups(labels, groups, fraction, random):
    """bool `(N,)`: the images to hold out, by whole groups."""
    _, classes = np.unique(labels, return_inverse=True)
    _, members = np.unique(groups, return_inverse=True)  # for each image, the number of its group
    counts = np.zeros((members.max() + 1, classes.max() + 1), np.int64)
    np.add.at(counts, (members, classes), 1)
    # Groups with equally many images of every class are interchangeable: the search handles kinds of groups.
    kinds, kind_of = np.unique(counts, axis=0, return_inverse=True)
    kind_of = kind_of.reshape(-1)  # NumPy 2.0 alone gives (G, 1)
    search = _Search(kinds, np.bincount(kind_of), (counts > 0).sum(axis=0), fraction)
    best = None
    for _ in range(_STARTS):
        order = random.permutation(len(counts))
        size = np.searchsorted(np.cumsum(counts[order].sum(axis=1)), fraction * len(labels))
        taken, cost = search.improve(np.bincount(kind_of[order[:size]], minlength=len(kinds)), random)
        if best is None or cost < best[0]:
            best = (cost, order, taken)
        if cost <= search.goal:
            break
    _, order, taken = best
    chosen = [order[kind_of[order] == kind][:number] for kind, number in enumerate(taken)]
    return np.isin(members, np.concatenate(chosen))


class _Search:
    """Exchanges groups between the two sides while that brings the shares of the classes nearer to the fraction.

    Args:
        kinds: int64 `(T, K)`, images of each class in a group of each kind.
        available: int64 `(T,)`, groups of each kind.
        spread: int64 `(K,)`, groups in which each class occurs.
        fraction: the share to hold out of each class.
    """

    def __init__(self, kinds, available, spread, fraction):
        # A first kind without images turns an exchange with it into an addition or a removal.
        self.kinds = np.vstack([np.zeros_like(kinds[:1]), kinds])
        self.available = np.concatenate([[2], available])
        self.total = available @ kinds
        self.spread = spread
        self.fraction = fraction
        self.goal = self.cost(_nearest(fraction, self.total)) + len(self.total) * _NEAR**2

    def cost(self, held):
        """Sum over the classes of squared differences from the fraction; a class left out of a side outweighs them all.

        Rounded, so that ties are broken alike on every machine.
        """
        missing = (held == self.total) | ((held == 0) & (self.spread > 1))
        squares = (held / self.total - self.fraction) ** 2
        return np.round(squares.sum(axis=-1) + (len(self.total) + 1) * missing.sum(axis=-1), 10)

    def improve(self, taken, random):
        """The number of groups held out of each kind, int64 `(T,)`, after the search from ``taken``, and its cost."""
        taken = np.concatenate([[1], taken])
        held = taken @ self.kinds
        cost, improved = self.cost(held), True
        while improved and cost > self.goal:
            improved = False
            for out in random.permutation(len(taken)):
                if taken[out] == 0 or cost <= self.goal:
                    continue
                free = random.permutation(np.flatnonzero(taken < self.available))[:_CANDIDATES]
                costs = self.cost(held - self.kinds[out] + self.kinds[free])
                if costs.min() < cost:
                    into = free[np.argmin(costs)]
                    held = held - self.kinds[out] + self.kinds[into]
                    taken[out], taken[into] = taken[out] - 1, taken[into] + 1
                    taken[0] = 1
                    cost, improved = costs.min(), True
        return taken[1:], cost
