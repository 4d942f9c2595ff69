"""Whether two weight files hold the same tensors, whatever their containers, dialects and layer names."""

from dataclasses import dataclass

import numpy as np

from keras_resnet.weights import containers, detect, tensors
from keras_resnet.weights.biases import convolutions
from keras_resnet.weights.dialects import COUNTER


@dataclass(frozen=True)
class Difference:
    """How two weight files differ; layers are named as in the first, or where only the second has them, as there.

    Attributes:
        a, b: the paths.
        lineages: whose network computes with each, or None: tensors may be the same where it is not.
        only_in_a, only_in_b: weights that one file alone has, as `"conv1/bias"`.
        reshaped: weights of different shapes: `(name, shape in a, shape in b)`.
        largest: layer -> the largest absolute difference of its weights, in the first file's order, where both files have any
            of one shape; infinite where a number is NaN or infinite in one file alone.
        zero_biases: how many biases of one file alone are zero throughout; they make no difference.
        differ_in: the facts in which the networks of the two files are known to differ, as `dialects.Facts` names them: the
            same tensors compute something else.
    """

    a: str
    b: str
    lineages: tuple
    only_in_a: tuple
    only_in_b: tuple
    reshaped: tuple
    largest: dict
    zero_biases: int = 0
    differ_in: tuple = ()

    @property
    def same(self):
        """Whether every tensor of each file is in the other, number by number; 0.0 and -0.0 are the same number."""
        return not (self.only_in_a or self.only_in_b or self.reshaped or any(self.largest.values()))

    @property
    def worst(self):
        """The layer with the largest difference; None where no number differs."""
        worst = max(self.largest, key=self.largest.get, default=None)
        return worst if worst is not None and self.largest[worst] > 0 else None

    def __str__(self, limit=10):
        """A sentence, and a table of the layers that differ most."""
        off = sorted((item for item in self.largest.items() if item[1]), key=lambda item: -item[1])
        lines = [f"the same tensors in {len(self.largest)} layers" if self.same else f"{self.a} and {self.b} differ"]
        for what, found in ((f"only in {self.a}", self.only_in_a), (f"only in {self.b}", self.only_in_b)):
            lines += [f"{what}: {len(found)} weights, {', '.join(found[:3])}{' ..' if len(found) > 3 else ''}"] if found else []
        lines += [f"{name}: shape {ours} and {theirs}" for name, ours, theirs in self.reshaped[:limit]]
        others = {name.rpartition("/")[0] for name in (*self.only_in_a, *self.only_in_b, *(row[0] for row in self.reshaped))}
        if not self.same:
            count, total = len(others | {name for name, _ in off}), len(others | self.largest.keys())
            lines.append(f"{count} of {total} layers differ" + ("; the largest differences:" if off else ""))
            width = max((len(name) for name, _ in off[:limit]), default=0)
            lines += [f"  {name:<{width}}  {value:.3g}" for name, value in off[:limit]]
        if self.zero_biases:
            lines.append(f"{self.zero_biases} biases of one file alone are zero, which makes no difference")
        if self.same and self.differ_in:
            what = f"the same tensors compute something else, for they differ in {', '.join(self.differ_in)}"
            lines.append(f"lineages {self.lineages[0]} and {self.lineages[1]}: {what}")
        return "\n".join(lines)


def diff(a, b, *, kernels=None) -> Difference:
    """Compares two weight files of any known library, layer by layer by their place in the network.

    Args:
        a, b: as the file of `load`.
        kernels: as in `load`, for both.

    Returns:
        A `Difference`.

    Raises:
        WeightsError: a file is missing or damaged, or holds no weights.
    """
    with containers.opened(a) as first, containers.opened(b) as second:
        files = [tensors.canonical(stored, kernels) for stored in (first, second)]
        ours, theirs = ({key: dict(weights) for key, weights in file.tensors.items()} for file in files)
        for key in set(files[0].counters) & set(files[1].counters):
            ours[key][COUNTER], theirs[key][COUNTER] = (file.counters[key] for file in files)
        zeros = _drop_zero_biases(ours, theirs) + _drop_zero_biases(theirs, ours)
        reshaped, largest = [], {}
        for key in (key for key in ours if key in theirs):
            name, found = files[0].names[key], []
            for role in (role for role in ours[key] if role in theirs[key]):
                shapes = tuple(ours[key][role].shape), tuple(theirs[key][role].shape)
                if shapes[0] != shapes[1]:
                    reshaped.append((f"{name}/{role}", *shapes))
                else:
                    found.append(_largest(ours[key][role].read(), theirs[key][role].read()))
            if found:
                largest[name] = max(found)
        only_a, only_b = _alone(ours, theirs, files[0].names), _alone(theirs, ours, {**files[1].names, **files[0].names})
        one, other = (detect.detect(file) for file in files)
    lineages, differ_in = (one.lineage, other.lineage), tuple(one.facts.differences(other.facts))
    return Difference(str(a), str(b), lineages, only_a, only_b, tuple(reshaped), largest, zeros, differ_in)


def _drop_zero_biases(ours, theirs):
    """Takes the biases out of ``ours`` that are zero and that ``theirs`` lacks; returns how many."""
    dropped = 0
    for key in convolutions(ours):
        if key in theirs and "bias" in ours[key] and "bias" not in theirs[key] and not np.any(ours[key]["bias"].read()):
            del ours[key]["bias"]
            dropped += 1
    return dropped


def _alone(ours, theirs, names):
    return tuple(f"{names[key]}/{role}" for key, weights in ours.items() for role in weights if role not in theirs.get(key, {}))


def _largest(ours, theirs):
    """The largest absolute difference, in float64; NaN is like NaN, and infinity like itself."""
    ours, theirs = (np.asarray(array).astype("float64") for array in (ours, theirs))
    off = (ours != theirs) & ~(np.isnan(ours) & np.isnan(theirs))
    if not off.any():
        return 0.0
    found = float(np.abs(ours[off] - theirs[off]).max())
    return found if np.isfinite(found) else float("inf")
