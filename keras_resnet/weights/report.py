"""What loading and writing did, or why they did nothing."""

from dataclasses import dataclass


@dataclass(frozen=True)
class LoadReport:
    """The outcome of comparing a weight file with a model, by layer and weight name (`"conv1/kernel"`).

    Attributes:
        matched: names that both have, with equal shapes.
        missing: names that the model has and the file has not.
        unexpected: names that the file has and the model has not.
        reshaped: names that both have with different shapes, with those: `(name, shape in the file, shape in the model)`.
        converted: what is not as it was in the file, in words: rotated or transposed kernels, biases set to zero or folded.
        skipped: names of the model's classifier that were left as they were.
    """

    matched: tuple
    missing: tuple
    unexpected: tuple
    reshaped: tuple
    converted: tuple = ()
    skipped: tuple = ()

    @property
    def complete(self):
        """Whether every weight of the file and every weight of the model found the other."""
        return bool(self.matched) and not (self.missing or self.unexpected or self.reshaped)

    def __str__(self):
        """One line: the counts, and the first of each kind of difference."""
        parts = [f"{len(self.matched)} weights fit"]
        for what, names in (("only in the model", self.missing), ("only in the file", self.unexpected)):
            if names:
                parts.append(f"{len(names)} {what}: {_some(names)}")
        if self.reshaped:
            shapes = [f"{name} {file} in the file, {model} in the model" for name, file, model in self.reshaped]
            parts.append(f"{len(shapes)} of another shape: {_some(shapes)}")
        if self.skipped:
            parts.append(f"the model's own classifier kept: {_some(self.skipped)}")
        return "; ".join([*parts, *self.converted])


@dataclass(frozen=True)
class WriteReport:
    """What was written.

    Attributes:
        source: of the tensors: a file's path or a model's name.
        target: the path of the new file.
        container: ``"h5"`` (the layout of Keras 1 and 2), ``"weights.h5"`` or ``"safetensors"``.
        dialect: whose names the layers have; None where nobody's here.
        lineage: whose network computes with the file what the source's does; the file states it. None where nothing tells.
        weights: how many tensors there are.
        converted: what is not as it was in the source, in words.
    """

    source: str
    target: str
    container: str
    dialect: str | None
    lineage: str | None
    weights: int
    converted: tuple = ()

    def __str__(self):
        """One line."""
        first = f"{self.target}: {self.weights} weights of {self.source} as {self.container}, dialect {self.dialect}"
        return "; ".join([f"{first}, lineage {self.lineage}", *self.converted])


def _some(names, limit=3):
    return ", ".join(names[:limit]) + (", .." if len(names) > limit else "")
