"""Whose ResNet it is: what each library decided where the paper leaves a choice, or where the library departs from it.

A weight file is right in a network of its own lineage alone: another padding, stride or epsilon loads without a word and
computes something else.
"""

from dataclasses import dataclass, field

from keras_resnet.architectures.spec import ModelSpec

ALL = ("stem", "0", "1", "2", "3")


@dataclass(frozen=True)
class Lineage:
    """Conventions of a library.

    Attributes:
        source: where they can be read.
        conventions: fields of `ModelSpec`, by name.
        where: conventions for some networks alone: pairs of conditions and fields, both by field name. A condition's value is
            a tuple of those for which it holds.
    """

    source: str
    conventions: dict
    where: tuple = field(default=())


_CHOLLET = dict(
    pool="valid", epsilon=1e-3, momentum=0.99, bias=ALL, initializer="glorot_uniform", head="flatten", preprocessing="caffe"
)  # epsilon and momentum: the defaults of Keras's BatchNormalization
_CAFFE_NUMBERS = ({"name": ("resnet101", "resnet152", "resnet200")}, dict(numbered=(3, 4)))
_TORCH = dict(
    pool="zero",  # after a ReLU, zeros are as good as the minus infinity of torch's pool
    strided_conv=2,
    project_first=False,
    epsilon=1e-5,
    momentum=0.9,  # PyTorch's 0.1 is the share of the new value
    initializer="kaiming_normal",
    preprocessing="torch",
)

LINEAGES = {
    "chollet": Lineage(
        "fchollet/deep-learning-models v0.2, resnet50.py; block numbers of KaimingHe/deep-residual-networks",
        _CHOLLET,
        (_CAFFE_NUMBERS,),
    ),
    "keras_v2": Lineage(
        "keras-team/keras-applications 1.0.7, resnet50.py",
        {**_CHOLLET, "pool": "zero", "initializer": "he_normal", "head": "global"},
    ),
    "keras": Lineage(
        "keras-team/keras 3.15, keras/src/applications/resnet.py and resnet_v2.py",
        dict(
            pool="zero",
            epsilon=1.001e-5,
            momentum=0.99,
            bias=ALL,
            initializer="glorot_uniform",
            shortcut_first=True,
            grammar="keras",
            preprocessing="caffe",
        ),
        (
            (
                {"order": ("pre",)},
                dict(
                    strided_conv=2,
                    strided_block="last",
                    pads="always",
                    bias=("stem", "0", "3"),
                    grammar="keras_preact",
                    preprocessing="tf",
                ),
            ),
        ),
    ),
    "caffe": Lineage(
        "KaimingHe/deep-residual-networks, ResNet-50-deploy.prototxt",
        dict(
            pool="ceil",
            epsilon=1e-5,
            momentum=0.99,
            bias=("stem",),
            initializer="kaiming_normal",
            preprocessing="caffe",
        ),
        (
            _CAFFE_NUMBERS,
            ({"name": ("resnet101", "resnet152")}, dict(bias=())),  # their conv1 says bias_term: false; ResNet-50's does not
        ),
    ),
    "torchvision": Lineage(
        "pytorch/vision 0.28, torchvision/models/resnet.py; huggingface/pytorch-image-models 1.0.31, timm/models/resnet.py",
        {**_TORCH, "grammar": "torchvision"},
        (
            ({"order": ("pre",)}, dict(pool="infinity")),
            ({"stem": ("deep",)}, dict(grammar="timm_deep")),
            ({"stem": ("deep",), "shortcut": ("D",)}, dict(grammar="timm_average")),
        ),
    ),
    "keras_hub": Lineage(
        "keras-team/keras-hub 0.32, keras_hub/src/models/resnet/resnet_backbone.py",
        {**_TORCH, "initializer": "glorot_uniform", "shortcut_first": True, "grammar": "keras_hub"},
        (
            ({"shortcut": ("D",)}, dict(project_first=True)),
            ({"order": ("pre",)}, dict(pool="infinity", grammar="keras_hub_preact")),
        ),
    ),
    "broad": Lineage(
        "broadinstitute/keras-resnet 0.2.0, keras_resnet/models/_2d.py and blocks/_2d.py",
        dict(
            stem_padding="same",
            pool="same",
            pads="always",
            epsilon=1e-5,
            momentum=0.99,
            initializer="he_normal",
            grammar="broad",
            preprocessing="caffe",
        ),
        (_CAFFE_NUMBERS, ({"block": ("basic",)}, dict(numbered=(2, 3, 4, 5)))),
    ),
    "qubvel": Lineage(
        "qubvel/classification_models 1.0.0, classification_models/models/resnet.py",
        dict(
            order="pre",
            pool="zero",
            pads="always",
            strided_conv=2,
            input_norm=True,
            stem_norm=True,
            epsilon=2e-5,
            momentum=0.99,
            initializer="he_uniform",
            grammar="qubvel",
            softmax_layer=True,
            preprocessing="none",
        ),
    ),
    "coursera": Lineage(
        "Convolutional Neural Networks, week 2, Residual Networks v2a",
        {**_CHOLLET, "grammar": "coursera", "input_size": 64, "classes": 6, "preprocessing": "unit"},
    ),
    # Names are Keras's: the paper has none. The pool is Caffe's, in which the paper's networks were written.
    "he": Lineage(
        "He et al. 2015, arXiv:1512.03385, sections 4.1 and 4.2",
        dict(
            pool="ceil",
            strided_conv=1,
            project_first=False,
            epsilon=1e-5,
            momentum=0.9,
            initializer="kaiming_normal",
            shortcut_first=True,
            grammar="keras",
            preprocessing="none",
        ),
        (({"order": ("pre",)}, dict(grammar="keras_preact")),),
    ),
}


def followed(name: str, lineage: str, topology: dict, choices: dict) -> dict:
    """Fields of `ModelSpec` by the conventions of a lineage.

    Args:
        name: the network's, by which some lineages differ.
        lineage: a key of `LINEAGES`.
        topology: the network's own fields; the lineage's go before them.
        choices: of a user; they go before the lineage's.
    """
    row = LINEAGES[lineage]
    found = {**topology, **row.conventions}
    for conditions, more in row.where:
        told = {**vars(ModelSpec), "name": name, **found, **choices}
        if all(told[key] in values for key, values in conditions.items()):
            found |= more
    return {**found, **choices}
