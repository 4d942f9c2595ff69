"""What `weights=` of a network means: random numbers, a file of one's own or a published one. Chosen first, loaded last."""

import os
from dataclasses import dataclass, field

from keras_resnet.architectures.spec import CHOICES
from keras_resnet.errors import ModelError, WeightsError, one_of
from keras_resnet.weights.known_files import KNOWN_FILES, KnownFile

IMAGENET = "imagenet"
# What messages of `weights.load` advise and no network takes -> what to do instead: its own ``lineage`` names a network.
_ADVICE = {
    "lineage='ignore'": "weights=None, then kr.weights.load(model, path, lineage='ignore')",
    "nonfinite='warn'": "weights=None, then kr.weights.load(.., nonfinite='warn')",
}
LOADING = {"head": ("require", "skip"), "stem": ("require", "adapt")}  # arguments of `weights.load`


@dataclass(frozen=True)
class Pretrained:
    """The weights that a network will get.

    Attributes:
        source: None, the path of a file, or a `KnownFile`, which is downloaded when it is loaded.
        options: arguments of `weights.load`.
    """

    source: object
    options: dict = field(default_factory=dict)

    def into(self, network):
        """Loads the weights into a network.

        Raises:
            WeightsError: the file cannot be had, is damaged, or does not fit.
        """
        if self.source is None:
            return
        from keras_resnet.weights import fetch, load

        path = fetch(self.source.name) if isinstance(self.source, KnownFile) else self.source
        try:
            load(network, path, **self.options)
        except WeightsError as problem:
            text = str(problem)
            for advice, instead in _ADVICE.items():
                text = text.replace(advice, instead)
            raise WeightsError(text) from None


def choose(weights, *, model, lineage, include_top, classes, head="require", stem="require"):
    """Says which weights a network will get, without reading or downloading anything.

    Args:
        weights: None, ``"imagenet"``, the name of a known file, or the path of a weight file.
        model: name of the network in the catalogue.
        lineage: its lineage.
        include_top: whether it ends in a classifier; classes: of that.
        head: ``"require"``, or ``"skip"`` to keep the new classifier.
        stem: ``"require"``, or ``"adapt"`` to give the first kernel the network's number of input channels.

    Returns:
        A `Pretrained`.

    Raises:
        ModelError: no published file is known for the network, or its classifier is another.
        WeightsError: there is no such file.
    """
    for name, value in (("head", head), ("stem", stem)):
        if value not in LOADING[name]:
            raise ModelError(one_of(name, value, LOADING[name]))
    options = {"head": head, "stem": stem}
    if weights is None:
        return Pretrained(None)
    if not isinstance(weights, str) or weights != IMAGENET and weights not in KNOWN_FILES:
        if not os.path.exists(weights):
            raise WeightsError(
                f"No such file: {os.fspath(weights)}; weights also takes None, {IMAGENET!r} and the names that "
                "`keras-resnet weights list` shows"
            )
        return Pretrained(weights, options)
    row = _published(model, lineage, include_top) if weights == IMAGENET else _named(weights, model, lineage)
    _check_classifier(row, include_top, classes, head)
    if row.include_top and not include_top:
        options["head"] = "skip"
    if row.stated:
        options["lineage"] = "ignore"  # its layers speak of another lineage, in which the row's takes its weights
    return Pretrained(row, options)


def _published(model, lineage, include_top):
    """The first known file of a network; where none is without a classifier, the one that has it."""
    rows = [row for row in KNOWN_FILES.values() if row.model == model and lineage in row.lineages]
    row = next((row for row in rows if row.include_top == include_top), rows[0] if rows and not include_top else None)
    if row is not None:
        return row
    others = [row.name for row in KNOWN_FILES.values() if row.model == model]
    there = f"for {model} there are {', '.join(others)}" if others else f"there are some for {', '.join(_models())}"
    raise ModelError(
        f"weights={IMAGENET!r}: no file is known for {model} of lineage {lineage}{'' if include_top else ', without the top'}; "
        f"{there}; weights=None leaves random weights"
    )


def _models():
    return dict.fromkeys(row.model for row in KNOWN_FILES.values())


def _named(name, model, lineage):
    row = KNOWN_FILES[name]
    if row.model != model or lineage not in row.lineages:
        wanted = " or ".join(row.lineages)
        raise ModelError(f"weights={name!r}: they are of {row.model}, lineage {wanted}; received {model}, lineage {lineage}")
    return row


def _check_classifier(row, include_top, classes, head):
    if not include_top or head == "skip":
        return
    ways = "head='skip' loads the rest and keeps a new classifier, weights=None (ResNet50's default is 'imagenet') nothing"
    if not row.include_top:
        raise ModelError(f"weights={row.name!r}: the file holds no classifier, expected include_top=False; {ways}")
    if classes != row.classes:
        raise ModelError(f"classes: {row.name} has a classifier of {row.classes:,} classes, received classes={classes}; {ways}")


def split(head, stem):
    """Tells the two meanings of `create_model`'s ``head`` and ``stem`` apart, which share no value.

    Returns:
        The arguments of `choose`, and the fields of `ModelSpec`; both dicts.

    Raises:
        ModelError: a value that neither takes.
    """
    loading, choices = {}, {}
    for name, value in (("head", head), ("stem", stem)):
        if value in LOADING[name]:
            loading[name] = value
        elif value in CHOICES[name]:
            choices[name] = value
        else:
            raise ModelError(one_of(name, value, (*LOADING[name], *CHOICES[name])))
    return loading, choices
