"""The dialects: how each library names layers and weights, and what it computes with them. Rows of data alone."""

from dataclasses import dataclass

from keras_resnet.names import HEAD, Place

CLASSIFIER = Place(HEAD, 0, "1", "dense")


@dataclass(frozen=True)
class Vocabulary:
    """What a library calls the weights of a layer, and how it lays out their axes.

    Attributes:
        roles: its word -> Keras's word; None for what is no weight. A word may have several meanings, see `dialect`.
        axes: of a convolution's kernel, such that `transpose` gives `(height, width, in, out)`; None where they are so already.
        dense_axes: the same of a dense kernel, for `(in, out)`.
    """

    roles: dict
    axes: tuple | None = None
    dense_axes: tuple | None = None


COUNTER = "num_batches_tracked"  # of PyTorch's normalisations: how many batches the running means have seen, an int64 scalar
_ROLES = {name: name for name in ("kernel", "bias", "gamma", "beta", "moving_mean", "moving_variance")}
VOCABULARIES = {
    "keras": Vocabulary(_ROLES),
    # Keras 1 calls the variance running_std (keras 1.2.2, layers/normalization.py).
    "keras1": Vocabulary(
        {"W": "kernel", "b": "bias", "gamma": "gamma", "beta": "beta", "running_mean": "moving_mean",
         "running_std": "moving_variance"}
    ),
    "torch": Vocabulary(
        {"weight": "kernel", "bias": "bias", "running_mean": "moving_mean", "running_var": "moving_variance",
         COUNTER: None},
        axes=(2, 3, 1, 0),
        dense_axes=(1, 0),
    ),
}  # fmt: skip
TORCH_NORM = {"kernel": "gamma", "bias": "beta"}  # a normalisation's weight and bias


@dataclass(frozen=True)
class Dialect:
    """How a library names the layers of its residual networks.

    Attributes:
        grammars: names of `names.GRAMMARS`, to be tried in turn.
        heads: further names of the classifier.
    """

    grammars: tuple
    heads: tuple = ()


# In the order in which they are tried: the weighted layers of Broad's names are Chollet's, and other layers tell them apart.
DIALECTS = {
    "chollet": Dialect(("chollet",)),
    "coursera": Dialect(("coursera",)),
    "keras_applications": Dialect(("keras", "keras_preact"), heads=("probs",)),
    "torchvision": Dialect(("torchvision", "timm_deep", "timm_average")),
    "keras_hub": Dialect(("keras_hub", "keras_hub_preact")),
    "qubvel": Dialect(("qubvel",)),
}


@dataclass(frozen=True)
class Target:
    """A dialect that can be written.

    Attributes:
        containers: by the end of the file's name.
        lineages: whose networks the dialect's own library computes with, its own first; empty for those of every lineage.
        grammars: names of `names.GRAMMARS`, to be tried in turn; empty for the file's own names.
        vocabulary: a row of `VOCABULARIES`.
        shortcut_first: whether the library's networks have the shortcut as the first input of an addition.
    """

    containers: tuple
    lineages: tuple = ()
    grammars: tuple = ()
    vocabulary: str = "keras"
    shortcut_first: bool = False


_KERAS_FILES = (".weights.h5", ".h5", ".hdf5")
TARGETS = {
    "chollet": Target(_KERAS_FILES, ("chollet", "keras_v2", "coursera", "caffe", "broad"), ("chollet",)),
    "keras_applications": Target(_KERAS_FILES, ("keras", "he"), ("keras",), shortcut_first=True),
    # Of names that have no deep stem of their own, keras-hub's D alone become timm's: their shortcuts have an average pool.
    "torchvision": Target(
        (".safetensors",),
        ("torchvision",),
        ("torchvision", "timm_average", "timm_deep"),
        vocabulary="torch",
    ),
    "keras3": Target((".weights.h5",)),
}
# Lineage -> what its networks have, as models/lineages.py builds them: the branches whose convolutions have a bias, "stem" for
# the stem's; the same of its pre-activation networks; and the lineages with the shortcut as the first input of an addition.
_ALL = ("stem", "0", "1", "2", "3")
BIASES = {
    **dict.fromkeys(("chollet", "keras_v2", "coursera", "keras"), _ALL),
    **dict.fromkeys(("torchvision", "broad", "he"), ()),
    "caffe": ("stem",),
}
PREACT_BIASES = {"keras": ("stem", "0", "3"), "he": ()}
SHORTCUT_FIRST = ("keras", "keras_hub", "he")


@dataclass(frozen=True)
class Facts:
    """What cannot be seen in the shapes of weights and yet changes what they compute; None where it is not known.

    Attributes:
        epsilon: of batch normalisation.
        stride: the convolution of a bottleneck that halves the map: ``"1x1"``, ``"3x3"``, or ``"last 3x3"`` in the last block
            of the stage before.
        pool: what surrounds the stem's pool: ``"valid"`` nothing, ``"zero"`` one pixel, ``"ceil"`` one on the right and below,
            ``"infinity"`` one pixel of minus infinity.
        stem: padding of the stem's convolution: ``"explicit"``, equal on both sides, or TensorFlow's ``"same"``.
    """

    epsilon: float | None = None
    stride: str | None = None
    pool: str | None = None
    stem: str | None = None

    def __str__(self):
        said = {"epsilon": self.epsilon, "stride in the": self.stride, "pool": self.pool, "stem padding": self.stem}
        return ", ".join(f"{name} {value}" for name, value in said.items() if value is not None)

    def differences(self, other):
        """The fields in which both are known and differ."""
        return [name for name in vars(self) if None not in (ours := getattr(self, name), theirs := getattr(other, name))
                and not _alike(ours, theirs)]  # fmt: skip


def _alike(ours, theirs):
    if isinstance(ours, float):
        return abs(ours - theirs) <= 1e-4 * ours  # stored as float32 by some; 1e-5 and 1.001e-5 are ten times that apart
    return ours == theirs


# Lineage -> its facts; sources as in models/lineages.py, where the networks are built by them.
LINEAGE_FACTS = {
    "chollet": Facts(1e-3, "1x1", "valid", "explicit"),
    "keras_v2": Facts(1e-3, "1x1", "zero", "explicit"),
    "coursera": Facts(1e-3, "1x1", "valid", "explicit"),
    "caffe": Facts(1e-5, "1x1", "ceil", "explicit"),
    "broad": Facts(1e-5, "1x1", "ceil", "same"),  # TensorFlow's "same" is Caffe's rounding up where the size is even
    "keras": Facts(1.001e-5, "1x1", "zero", "explicit"),
    "torchvision": Facts(1e-5, "3x3", "zero", "explicit"),
    "keras_hub": Facts(1e-5, "3x3", "zero", "explicit"),
    "qubvel": Facts(2e-5, "3x3", "zero", "explicit"),
    "he": Facts(1e-5, "1x1", "ceil", "explicit"),
}
PREACT_FACTS = {
    **LINEAGE_FACTS,
    "keras": Facts(1.001e-5, "last 3x3", "zero", "explicit"),
    "keras_hub": Facts(1e-5, "3x3", "infinity", "explicit"),
}
