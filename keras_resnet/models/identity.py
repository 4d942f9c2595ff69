"""Which ResNet a network is, read off its graph, and how it differs from another."""

from dataclasses import dataclass, field

import keras

from keras_resnet.architectures.catalog import CATALOG, resolve
from keras_resnet.architectures.labels import LABELS, in_words
from keras_resnet.architectures.lineages import ALL, LINEAGES
from keras_resnet.architectures.spec import FIELDS, ModelSpec
from keras_resnet.errors import ModelError
from keras_resnet.models.anatomy import take_apart
from keras_resnet.models.reading import branches, read

# Fields that leave the outputs as they are for given weights: names, order of layers, and what matters in training alone.
_NEUTRAL = {"pads", "momentum", "initializer", "shortcut_first", "grammar", "numbered", "head", "softmax_layer"}
_NEUTRAL |= {"zero_init_gamma", "drop_path"}
_LINEAGE = (
    "stem_padding",
    "pool",
    "strided_conv",
    "strided_block",
    "project_first",
    "input_norm",
    "stem_norm",
    "epsilon",
    "bias",
)


@dataclass(frozen=True)
class Difference:
    """A choice in which two networks differ.

    Attributes:
        field: of `ModelSpec`.
        here, there: its value in the one and the other.
    """

    field: str
    here: object
    there: object

    def __str__(self):
        return f"{LABELS[self.field]}: here {in_words(self.field, self.here)}; there {in_words(self.field, self.there)}"


@dataclass(frozen=True)
class Identity:
    """Which ResNet a network is.

    Attributes:
        name: of the catalogue, or the nearest there.
        lineage: whose conventions it follows, or those nearest to its own.
        exact: whether that network computes the same with the same weights.
        departures: tuple of `Difference` from that network; of an exact one only those that change no output.
        equivalent: other lineages of the same name that compute the same.
        parameters: all, the running statistics of batch normalisation included.
        input_shape: without the batch axis.
        classes: outputs of the classifier; None without one.
        preprocessing: what published weights of this lineage expect of pixels, a mode of `preprocess_input`; not read off
            the network, which does not show it.
        choices: field of `ModelSpec` -> value, as read off the network.
    """

    name: str
    lineage: str
    exact: bool
    departures: tuple
    equivalent: tuple
    parameters: int
    input_shape: tuple
    classes: int | None
    preprocessing: str
    choices: dict = field(repr=False)
    _biased: tuple = field(repr=False, default=ALL)

    def differences(
        self, other: "str | keras.Model | Identity | ModelSpec", lineage: str | None = None
    ) -> tuple["Difference", ...]:
        """How this network differs from another.

        Args:
            other: a `keras.Model`, an `Identity`, a `ModelSpec`, or a name of the catalogue.
            lineage: beside a name: whose; None for that network's default.

        Returns:
            A tuple of `Difference`, empty if there is none; print each.

        Raises:
            ModelError: an unknown name or lineage, or a model that is no ResNet.
        """
        if isinstance(other, keras.Model):
            other = identify(other)
        if isinstance(other, Identity):
            theirs = other.choices
        else:
            spec = other if isinstance(other, ModelSpec) else resolve(other, lineage)
            theirs = _shown(spec, self.choices, self._biased)
        return _compare(self.choices, theirs)

    def __str__(self):
        shape = " x ".join("any" if side is None else str(side) for side in self.input_shape)
        top = "no classifier" if self.classes is None else f"{self.classes:,} classes"
        facts = f"input {shape}, {top}, {self.parameters:,} parameters"
        listed = "".join(f"\n  {difference}" for difference in self.departures)
        if not self.exact:
            return f"Nearest to {self.name} of lineage {self.lineage}; {facts}. It differs in{listed}"
        same = f"; lineage {' and '.join(self.equivalent)} computes the same" if self.equivalent else ""
        source = f"{LINEAGES[self.lineage].source}{same}; published weights expect preprocessing {self.preprocessing!r}"
        return f"{self.name} of lineage {self.lineage}; {facts}. {source}." + (listed and f" It differs in{listed}")


def identify(model: keras.Model, *, prefix: str | None = None) -> Identity:
    """Which ResNet a network is: a row of the catalogue and a lineage, or the nearest.

    It is read off the graph: kernels, strides, padding, epsilon, biases, order. Layer names matter only where nothing else
    tells two lineages apart.

    Args:
        model: a functional or sequential `keras.Model`, of this package, of `keras.applications` or anyone's, built or loaded;
            or one that holds a single such network beside other layers or as a model within.
        prefix: of a model that holds several: which, by the name of the model within, or by what the names of its layers
            begin with, e.g. ``"depth"`` of ``depth_conv1``.

    Returns:
        An `Identity`; print it.

    Raises:
        ModelError: not a ResNet, several of them without ``prefix``, or a model without a graph.

    Example:
        >>> found = identify(keras.applications.ResNet50(weights=None))
        >>> found.name, found.lineage
        ('resnet50', 'keras')
        >>> print(*found.differences("resnet50", "chollet")[:2], sep="\\n")
        padding of the stem's pool: here one pixel of zeros on each side; there none
        epsilon of the normalisations: here 1.001e-05; there 0.001
    """
    anatomy = take_apart(model, prefix)
    choices, biased = read(anatomy), branches(anatomy)
    found = []
    for name, row in CATALOG.items():
        for lineage in row.lineages:
            spec = resolve(name, lineage)
            found.append((spec, _compare(choices, _shown(spec, choices, biased))))
    spec, departures = min(found, key=lambda pair: _distance(pair[1]))
    same = [other.lineage for other, differs in found if other.name == spec.name and other is not spec and _same(differs)]
    exact = _same(departures)
    source = next(step for step in anatomy.stem if not step.inputs)
    dense = [step.layer.units for step in anatomy.head if isinstance(step.layer, keras.layers.Dense)]
    return Identity(
        name=spec.name,
        lineage=spec.lineage,
        exact=exact,
        departures=departures,
        equivalent=tuple(same) if exact else (),
        parameters=sum(step.layer.count_params() for step in anatomy.own if isinstance(step.layer, keras.layers.Layer)),
        input_shape=tuple(source.output.shape[1:]),
        classes=dense[-1] if dense else None,
        preprocessing=spec.preprocessing,
        choices=choices,
        _biased=biased,
    )


def differences(one: keras.Model | Identity, other: keras.Model | Identity | ModelSpec | str) -> tuple["Difference", ...]:
    """How two networks differ: a tuple of `Difference`.

    Args:
        one: a `keras.Model` or an `Identity`.
        other: the same, or a `ModelSpec`, or a name of the catalogue (its default lineage).

    Raises:
        ModelError: not a ResNet, or an unknown name.
    """
    if not isinstance(one, keras.Model | Identity):
        raise ModelError(f"differences: expected a keras.Model or an Identity first, received {type(one).__name__}")
    return (one if isinstance(one, Identity) else identify(one)).differences(other)


def _shown(spec, choices, biased):
    """What a spec would show in a network of which ``choices`` could be read."""
    shown = {key: getattr(spec, key) for key in choices if hasattr(spec, key)}
    shown["bias"] = tuple(branch for branch in biased if branch in spec.bias or spec.norm == "none")
    if "numbered" in choices:
        shown["numbered"] = tuple(stage for stage, depth in enumerate(spec.depths, 2) if stage in spec.numbered and depth > 1)
    return shown


def _compare(here, there):
    return tuple(
        Difference(key, here[key], there[key]) for key in FIELDS if key in here and key in there and here[key] != there[key]
    )


def _same(departures):
    return not any(difference.field not in _NEUTRAL or difference.here == "never" for difference in departures)


def _distance(departures):
    """Topology counts most, then what changes outputs, then the rest."""
    numeric = [difference for difference in departures if difference.field in _LINEAGE or difference.here == "never"]
    topology = [d for d in departures if d.field not in _NEUTRAL and d.field not in _LINEAGE]
    return len(topology), len(numeric), len(departures)
