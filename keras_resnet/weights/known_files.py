"""The known files: published weights for networks of the catalogue, where they lie, and the hashes that tell them."""

import difflib
import hashlib
from dataclasses import dataclass
from urllib.parse import urlsplit

from keras_resnet.errors import WeightsError, one_of


@dataclass(frozen=True)
class KnownFile:
    """A published weight file.

    Attributes:
        name: its name here, e.g. ``"resnet50_keras_notop"``.
        model: its network in the catalogue.
        lineages: whose networks compute with it what its publisher's does, the publisher's first.
        include_top: whether it holds a classifier.
        url: where its publisher keeps it.
        digest: its hash as `(kind, hexadecimal digits)`: ``"md5"``, or ``"sha256"``, of which PyTorch's libraries publish the
            first eight digits.
        megabytes: about, in units of 10 ** 6 bytes: four bytes a parameter, or what the publisher says. None is refused by it.
        accuracy: top-1 and top-5 on ImageNet's 50,000 validation images in percent, one crop; None where not published.
        conditions: under which that was measured, where they are not 224 x 224 pixels in the network of the same lineage.
        source: who says so.
        classes: of the classifier.
        stated: the lineage that the file's own layers speak of, where the row is about another that is known to take it.
    """

    name: str
    model: str
    lineages: tuple
    include_top: bool
    url: str
    digest: tuple
    megabytes: int
    accuracy: tuple | None
    source: str
    conditions: str = ""
    classes: int = 1000
    stated: str | None = None

    @property
    def lineage(self):
        """The publisher's."""
        return self.lineages[0]

    @property
    def file_name(self):
        """What it is called in the cache: its own name, for Chollet's and Keras's files share one."""
        return self.name + self.url[self.url.rindex(".") :]

    @property
    def published_name(self):
        """What its publisher calls it."""
        return urlsplit(self.url).path.rpartition("/")[2]

    @property
    def hash(self):
        """The published hash, in words."""
        kind, digits = self.digest
        return f"{kind} {digits}" + (" (the first digits)" if len(digits) < hashlib.new(kind).digest_size * 2 else "")


_CHOLLET_URL = "https://github.com/fchollet/deep-learning-models/releases/download/v0.2/resnet50_weights_{0}_dim_ordering_{0}_kernels{1}.h5"
_KERAS_URL = "https://storage.googleapis.com/tensorflow/keras-applications/resnet/{}_weights_tf_dim_ordering_tf_kernels{}.h5"
_QUBVEL_URL = "https://github.com/qubvel/classification_models/releases/download/0.0.1/{}_imagenet_1000{}.h5"
_FIZYR_URL = "https://github.com/fizyr/keras-models/releases/download/v0.0.1/ResNet-{}-model.keras.h5"
_TORCH_URL = "https://download.pytorch.org/models/{}-{}.pth"
_TIMM_URL = "https://github.com/{}/pytorch-image-models/releases/download/v0.1-{}weights/{}-{}.pth"

_DLM = "fchollet/deep-learning-models"
_KAPP = "keras-team/keras-applications, README at 976050c"
_KERAS_IO = "keras.io/api/applications"
_TIMM_CSV = "huggingface/pytorch-image-models, results/results-imagenet.csv at 0173a13"
_DENSE = {"resnet18": 2, "resnet34": 2}  # megabytes of a classifier of 512 x 1000; those of 2048 x 1000 have 8

# Whose order of dimensions and kernels -> md5 with and without the top, accuracy. The figure: keras-applications#8.
_CHOLLET = (
    ("chollet", "tf", "a7b3fe01876f51b976af0dea6bc144eb", "a268eb855778b3df3c7506639542a6af", (74.704, 92.020)),
    ("chollet_theano", "th", "1c1f8f5b0c8ee28fe9d950625a230e1c", "f64f049c92468c9affcd44b0976cdafe", None),
)
# Network -> md5 with and without the top (keras 3.15, keras/src/applications/resnet.py), megabytes, accuracy, conditions.
_AT_299 = "at 299 x 299"
_OTHER_EPSILON = "keras.io's figure; 74.874 and 92.018 with the epsilon of today's Keras (keras-applications#8)"
_KERAS = (
    ("resnet50", "2cb95161c43110f7111970584f804107", "4d473c1dd8becc155b73f8504c6f6626", 103, (74.9, 92.1), _OTHER_EPSILON),
    ("resnet101", "f1aeb4b969a6efcfb50fad2f0c20cfc5", "88cf7a10940856eca736dc7b7e228a21", 179, (76.420, 92.786), ""),
    ("resnet152", "100835be76be38e30d865e96f2aaae62", "ee4c566cf9a93f14d82f913c2dc6dd0c", 242, (76.604, 93.118), ""),
    ("resnet50v2", "3ef43a0b657b3be2300d5770ece849e0", "fac2f116257151a9d068a22e544a4917", 103, (75.960, 93.034), _AT_299),
    ("resnet101v2", "6343647c601c52e1368623803854d971", "c0ed64b8031c3730f411d2eb4eea35b5", 179, (77.234, 93.816), _AT_299),
    ("resnet152v2", "a49b44d1979771252814e80f8ec446f9", "ed17cf2e0169df9d443503ef94b23b33", 242, (78.032, 94.162), _AT_299),
)
# Network -> md5 with and without the top, megabytes, accuracy.
_QUBVEL = (
    ("resnet18", "64da73012bb70e16c901316c201d9803", "318e3ac0cd98d51e917526c9f62f0b50", 47, (68.24, 88.49)),
    ("resnet34", "2ac8277412f65e5d047f255bcbd10383", "8caaa0ad39d927cb8ba5385bf945d582", 87, (72.17, 90.74)),
    ("resnet50", "d0feba4fc650e68ac8c19166ee1ba87f", "db3b217156506944570ac220086f09b6", 102, (74.81, 92.38)),
    ("resnet101", "9489ed2d5d0037538134c880167622ad", "1016e7663980d5597a4e224d915c342d", 179, (76.58, 93.10)),
    ("resnet152", "1efffbcc0708fb0d46a9d096ae14f905", "5867b94098df4640918941115db93734", 241, (76.66, 93.08)),
)
# Depth -> md5, megabytes. Caffe's weights in Broad's names; keras-retinanet's backbones.
_FIZYR = (
    (50, "3e9f4e4f77bbe2c9bec13b53ee1c2319", 102),
    (101, "05dc86924389e5b401a9ea0348a3213c", 179),
    (152, "6ee11ef2b135592f8031058820bb9e71", 241),
)
# Network, version of the weights, digits of the sha256, megabytes, accuracy: torchvision 0.29, torchvision/models/resnet.py.
# Where there are two, its DEFAULT, the second, comes first, for the first is `weights="imagenet"`.
_TORCHVISION = (
    ("resnet18", "v1", "f37072fd", 47, (69.758, 89.078)),
    ("resnet34", "v1", "b627a593", 87, (73.314, 91.420)),
    ("resnet50", "v2", "11ad3fa6", 103, (80.858, 95.434)),
    ("resnet50", "v1", "0676ba61", 103, (76.130, 92.862)),
    ("resnet101", "v2", "cd907fc2", 179, (81.886, 95.780)),
    ("resnet101", "v1", "63fe2227", 179, (77.374, 93.546)),
    ("resnet152", "v2", "f82ba261", 242, (82.284, 96.002)),
    ("resnet152", "v1", "394f9c45", 242, (78.312, 94.046)),
    ("resnext50_32x4d", "v2", "1a0047aa", 100, (81.198, 95.340)),
    ("resnext50_32x4d", "v1", "7cdf4587", 100, (77.618, 93.698)),
    ("resnext101_32x8d", "v2", "110c445d", 356, (82.834, 96.228)),
    ("resnext101_32x8d", "v1", "8ba56ff5", 356, (79.312, 94.526)),
    ("wide_resnet50_2", "v2", "9ba9bcbe", 276, (81.602, 95.758)),
    ("wide_resnet50_2", "v1", "95faca4d", 138, (78.468, 94.086)),  # in half precision
    ("wide_resnet101_2", "v2", "d733dc28", 508, (82.510, 96.020)),
    ("wide_resnet101_2", "v1", "32ee1156", 255, (78.848, 94.284)),  # in half precision
)
# Network, owner, release and name of the file (timm 1.0.31, timm/models/resnet.py), megabytes, accuracy, at which size.
_A1, _RA2 = ("huggingface", "rsb-"), ("rwightman", "")
_TIMM = (
    ("resnet18", _A1, "resnet18_a1_0", "d63eafa0", 47, (73.158, 91.026), 288),
    ("resnet34", _A1, "resnet34_a1_0", "46f8f793", 87, (77.918, 93.766), 288),
    ("resnet50", ("rwightman", "rsb-"), "resnet50_a1_0", "14fe96d1", 102, (81.214, 95.102), 288),
    ("resnet101", _A1, "resnet101_a1_0", "cdcb52a9", 179, (82.322, 95.632), 288),
    ("resnet152", _A1, "resnet152_a1_0", "2eee8a7a", 241, (82.732, 95.720), 288),
    ("se_resnet50", _A1, "seresnet50_a1_0", "ffa00869", 113, (81.102, 95.120), 288),
    ("resnet18d", _RA2, "resnet18d_ra2", "48a79e06", 47, (73.794, 91.838), 288),
    ("resnet34d", _RA2, "resnet34d_ra2", "f8dcfcaf", 87, (78.436, 94.344), 288),
    ("resnet50d", _RA2, "resnet50d_ra2", "464e36ba", 103, (81.356, 95.738), 288),
    ("resnet101d", _RA2, "resnet101d_ra2", "2803ffab", 179, (83.016, 96.452), 320),
    ("resnet152d", _RA2, "resnet152d_ra2", "5cac0439", 241, (83.684, 96.740), 320),
)
_HUB = ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152")  # keras-hub's presets are timm's a1 files


def _pair(stem, model, lineages, urls, digests, megabytes, accuracy, source, **more):
    """The rows of a file with the top and of the one without."""
    for top, url, digest in zip((True, False), urls, digests, strict=True):
        less = 0 if top else _DENSE.get(model, 8)
        yield KnownFile(
            name=stem if top else f"{stem}_notop",
            model=model,
            lineages=lineages,
            include_top=top,
            url=url,
            digest=("md5", digest),
            megabytes=megabytes - less,
            accuracy=accuracy if top else None,
            source=source,
            **{**more, "conditions": more.get("conditions", "") if top else ""},
        )


def _rows():
    for kind, ordering, *md5, accuracy in _CHOLLET:
        urls = [_CHOLLET_URL.format(ordering, end) for end in ("", "_notop")]
        yield from _pair(f"resnet50_{kind}", "resnet50", ("chollet",), urls, md5, 103, accuracy, _DLM)
    _, ordering, *md5, _ = _CHOLLET[0]
    urls = [_CHOLLET_URL.format(ordering, end) for end in ("", "_notop")]
    # Keras 2.1 to 2.2 read Chollet's file into a network with a padded pool: keras-applications 1.0.8, resnet50.py and README.
    accuracy = (74.928, 92.060)
    yield from _pair("resnet50_keras_v2", "resnet50", ("keras_v2",), urls, md5, 103, accuracy, _KAPP, stated="chollet")
    for model, *md5, megabytes, accuracy, conditions in _KERAS:
        urls = [_KERAS_URL.format(model, end) for end in ("", "_notop")]
        source = _KERAS_IO if conditions == _OTHER_EPSILON else _KAPP
        yield from _pair(f"{model}_keras", model, ("keras",), urls, md5, megabytes, accuracy, source, conditions=conditions)
    for model, *md5, megabytes, accuracy in _QUBVEL:
        urls = [_QUBVEL_URL.format(model, end) for end in ("", "_no_top")]
        source = "qubvel/classification_models, README"
        yield from _pair(f"{model}_qubvel", model, ("qubvel",), urls, md5, megabytes, accuracy, source)
    for depth, md5, megabytes in _FIZYR:
        name, url = f"resnet{depth}", _FIZYR_URL.format(depth)
        source = "fizyr/keras-retinanet"
        yield KnownFile(f"{name}_fizyr", name, ("caffe",), True, url, ("md5", md5), megabytes, None, source)
    for model, version, digits, megabytes, accuracy in _TORCHVISION:
        name, url = f"{model}_torchvision_{version}", _TORCH_URL.format(model, digits)
        source = "pytorch/vision 0.29"
        yield KnownFile(name, model, ("torchvision",), True, url, ("sha256", digits), megabytes, accuracy, source)
    for model, (owner, release), stem, digits, megabytes, accuracy, size in _TIMM:
        name, url = f"{model}_timm_{stem.split('_')[1]}", _TIMM_URL.format(owner, release, stem, digits)
        lineages = ("torchvision", "keras_hub") if model in _HUB else ("torchvision",)
        conditions = f"at {size} x {size}"
        yield KnownFile(name, model, lineages, True, url, ("sha256", digits), megabytes, accuracy, _TIMM_CSV, conditions)


KNOWN_FILES = {row.name: row for row in _rows()}


def find(name):
    """The known file of a name.

    Raises:
        WeightsError: there is none; the message lists the ten closest names.
    """
    if name not in KNOWN_FILES:
        said = one_of("weight file", name, _closest_first(name)[:10]).removesuffix(".")
        raise WeightsError(f"{said}: the closest of {len(KNOWN_FILES)}, all of which `keras-resnet weights list` shows")
    return KNOWN_FILES[name]


def _closest_first(name):
    return sorted(KNOWN_FILES, key=lambda known: difflib.SequenceMatcher(None, str(name), known).ratio(), reverse=True)


def digest_of(path, kind):
    """The hash of a file in hexadecimal digits; `kind` is ``"md5"`` or ``"sha256"``."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.new(kind, usedforsecurity=False)).hexdigest()


def told_by(kind, digits):
    """The known file that has a hash, or None; `digits` are all of them."""
    return next((row for row in KNOWN_FILES.values() if row.digest[0] == kind and digits.startswith(row.digest[1])), None)


def evidence(kind, digits):
    """A sentence on the known file that has a hash, in a tuple; an empty one where none has."""
    row = told_by(kind, digits)
    if row is None:
        return ()
    begins = "begins as that" if row.digest[1] != digits else "is that"
    figures = f", published with {accuracy_of(row)}" if row.accuracy else ""
    return (f"the {kind} {begins} of the known file {row.name}{figures}",)


def accuracy_of(row):
    """The published accuracy in words: ``"top-1 75.96 %, top-5 93.034 %, at 299 x 299"``."""
    top_1, top_5 = row.accuracy
    return f"top-1 {top_1:g} %, top-5 {top_5:g} %" + (f", {row.conditions}" if row.conditions else "")
