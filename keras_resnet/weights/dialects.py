"""The dialects: how each library names layers and weights, and how it stores them. Rows of data alone."""

from dataclasses import dataclass

from keras_resnet.architectures.layer_names import HEAD, Place

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
    """

    containers: tuple
    lineages: tuple = ()
    grammars: tuple = ()
    vocabulary: str = "keras"


_KERAS_FILES = (".weights.h5", ".h5", ".hdf5")
TARGETS = {
    "chollet": Target(_KERAS_FILES, ("chollet", "keras_v2", "coursera", "caffe", "broad"), ("chollet",)),
    "keras_applications": Target(_KERAS_FILES, ("keras", "he"), ("keras",)),
    # Of names that have no deep stem of their own, keras-hub's D alone become timm's: their shortcuts have an average pool.
    "torchvision": Target(
        (".safetensors",),
        ("torchvision",),
        ("torchvision", "timm_average", "timm_deep"),
        vocabulary="torch",
    ),
    "keras3": Target((".weights.h5",)),
}
