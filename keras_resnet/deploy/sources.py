"""What is exported: a trained network, what it takes and gives, and the photographs that the export is checked on."""

import hashlib
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import keras
import numpy as np
from PIL import Image

from keras_resnet.data import Split
from keras_resnet.data.photo import cut_photo
from keras_resnet.data.source import load
from keras_resnet.deploy.metadata import digest, photograph, photograph_of_run
from keras_resnet.deploy.preparation import Preparation
from keras_resnet.errors import DataError, DeployError, KerasResNetError, ModelError, one_of
from keras_resnet.models import graph, resolve
from keras_resnet.models.imagenet import CLASSES, class_names
from keras_resnet.models.preprocess import MODES, preprocess_input
from keras_resnet.train.arguments import configure, recorded
from keras_resnet.train.images import cut, read
from keras_resnet.weights import KNOWN_FILES, inspect, model_from
from keras_resnet.workdir import Workdir

_AT_ONCE = 64  # images
_SUM_TOLERANCE = 1e-3  # of probabilities
_ACTIVATIONS = (keras.layers.Activation, keras.layers.Softmax)
SEEDED = 20  # images, where there are none: one batch of each of 1, 3 and 16

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Images:
    """The photographs of an export.

    Attributes:
        checked: `Split` that source and export are compared on.
        labeled: whether its labels are known.
        calibration: uint8 `(N, H, W, 3)` that int8 is calibrated on, or None.
        origin: what they are, in words.
    """

    checked: Split
    labeled: bool
    calibration: object
    origin: str


@dataclass(frozen=True, eq=False)
class Source:
    """A trained network as it was found.

    Attributes:
        network: `keras.Model`, float `(N, H, W, 3)` to `(N, outputs)`.
        mode: of `preprocess_input`, what pixels go through before it; ``"none"`` where it does that itself.
        classes: names of its classes.
        preparation: how a photograph becomes an image; see `metadata.photograph`.
        path: of the run folder or the file; None for a `keras.Model`.
        sha256: of the weights.
        record: of the run, or an empty dict.
        prepare: makes a photograph, uint8 `(H, W, 3)`, an image as the run or the file has it.
        own: returns the run's own `Images`; None where there is no run.
        ends_in_logits: whether a softmax has to be put behind the network.
    """

    network: keras.Model
    mode: str
    classes: tuple
    preparation: dict
    path: Path | None
    sha256: str
    prepare: Callable
    record: dict = field(default_factory=dict)
    own: Callable | None = None
    ends_in_logits: bool = False

    @property
    def image_shape(self) -> tuple:
        """`(H, W, 3)`."""
        return tuple(self.network.input_shape[1:])

    def answers(self, images: np.ndarray) -> np.ndarray:
        """What the network itself says of images uint8 `(N, H, W, 3)`: float32 `(N, outputs)`, computed by Keras."""
        pixels = images.astype(np.float32) if self.mode == "none" else preprocess_input(images, self.mode)
        # Not by `predict`, which compiles anew for each network, and of which TensorFlow then warns.
        parts = [self.network(pixels[start : start + _AT_ONCE], training=False) for start in range(0, len(pixels), _AT_ONCE)]
        answers = np.concatenate([keras.ops.convert_to_numpy(keras.tree.flatten(part)[0]) for part in parts])
        return _softmax(answers) if self.ends_in_logits else np.asarray(answers, np.float32)

    def __str__(self):
        return f"the network {self.network.name!r}" if self.path is None else str(self.path)


def find(source, preprocess: str | None) -> Source:
    """The network of a run folder, a weight file or a `keras.Model`.

    Args:
        source: one of them.
        preprocess: a mode of `preprocess_input`; None for what the run or the file says.

    Raises:
        DeployError: it takes no photographs of one size, or what its pixels go through is not known.
        RunError, WeightsError: there is none, or it is damaged.
    """
    if preprocess is not None and preprocess not in MODES:
        raise DeployError(one_of("preprocess", preprocess, MODES))
    if isinstance(source, keras.Model):
        found = _of_model(source, preprocess)
    elif isinstance(source, str | Path):
        found = _of_path(Path(source), preprocess)
    else:
        raise DeployError(f"source: expected a run folder, a weight file or a keras.Model, received {type(source).__name__}")
    _check(found.network)
    return replace(found, network=_of_one_tensor(found.network))


def _of_one_tensor(network):
    """The same network, which takes and gives a tensor: one that was loaded may want lists of one."""
    try:
        graph.functional(network)
    except ModelError:  # of a class of its own, which is called as it is
        return network
    return keras.Model(network.inputs[0], network.outputs[0], name=network.name)


def with_probabilities(source: Source) -> Source:
    """A source that gives probabilities: itself, or with a softmax behind its logits.

    Raises:
        DeployError: it gives neither.
    """
    if len(source.network.output_shape) != 2:
        raise DeployError(f"{source} gives feature maps, {source.network.output_shape}; expected a classifier, or --features")
    answers = source.answers(seeded(2, source.image_shape))
    sums = answers.sum(axis=1)
    if answers.min() >= 0 and np.abs(sums - 1).max() < _SUM_TOLERANCE:
        return source
    if answers.min() >= 0 and answers.max() <= 1:
        raise DeployError(f"{source} gives values from 0 to 1 whose sum is {sums[0]:.3g}; expected a softmax, or logits")
    _log.warning(f"{source} gives logits: a softmax is put behind them")
    return replace(source, ends_in_logits=True)


def with_features(source: Source) -> Source:
    """A source that gives the pooled features `(N, C)`: what the classifier takes, or the mean of the last map.

    Raises:
        DeployError: it nests its network.
    """
    network = source.network
    if len(network.output_shape) == 4:
        pooled = keras.layers.GlobalAveragePooling2D()(network.outputs[0])
    else:
        try:
            steps = graph.steps(graph.functional(network))
        except ModelError as problem:
            raise DeployError(f"features: {problem}") from None
        last = steps[steps[-1].inputs[0]] if isinstance(steps[-1].layer, _ACTIVATIONS) else steps[-1]
        if isinstance(last.layer, keras.Model):
            raise DeployError(f"features: the classifier of {network.name!r} is in {last.layer.name!r}: export that network")
        pooled = steps[last.inputs[0]].output if isinstance(last.layer, keras.layers.Dense) else network.outputs[0]
    return replace(source, network=keras.Model(network.inputs[0], pooled, name=network.name))


def _softmax(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def _of_path(path, preprocess):
    in_run = path.name in ("weights.h5", "model.keras") and Workdir(path.parent).exists()
    if path.is_dir() or in_run:
        return _of_run(path.parent if in_run else path, preprocess)
    network = model_from(path)
    info = inspect(path)
    if preprocess is None:
        preprocess = _published_pixels(path, resolve(info.model, info.lineage))
    return _outside_runs(network, preprocess, path, info.sha256)


def _published_pixels(path, spec):
    """What published weights of a lineage expect of pixels; a `DeployError` where there are none."""
    if not any(spec.lineage in row.lineages for row in KNOWN_FILES.values()):
        raise DeployError(
            f"preprocess: {path} does not say what its pixels went through, and no weights of lineage {spec.lineage} are "
            f"published; expected one of {', '.join(MODES)}; this package's runs have 'unit'"
        )
    _log.warning(
        f"{path} does not say what its pixels went through: taken to be preprocess_input(mode={spec.preprocessing!r}), as for "
        f"published weights of lineage {spec.lineage}; --preprocess names another"
    )
    return spec.preprocessing


def _of_run(folder, preprocess):
    if preprocess is not None:
        raise DeployError(f"preprocess: expected none, a run's network prepares pixels itself, received {preprocess!r}")
    workdir = Workdir(folder)
    network = in_float32(workdir.load_model())
    record = workdir.read("class_names", "data.shape")
    return Source(
        network=network,
        mode="none",
        classes=tuple(record["class_names"]),
        preparation=photograph_of_run(record),
        path=workdir.path,
        sha256=digest(workdir / "model.keras"),
        prepare=Preparation(record).photo,
        record=record,
        own=lambda: _images_of_run(workdir, record),
    )


def _of_model(network, preprocess):
    if preprocess is None:
        scales = any(isinstance(layer, keras.layers.Rescaling | keras.layers.Normalization) for layer in network.layers)
        if not scales:
            raise DeployError(
                f"preprocess: what {network.name!r} expects of pixels is not known; expected one of {', '.join(MODES)}, "
                "'none' for a network that takes 0 to 255"
            )
        preprocess = "none"
    weights = hashlib.sha256(b"".join(np.ascontiguousarray(values).tobytes() for values in network.get_weights()))
    return _outside_runs(network, preprocess, None, weights.hexdigest())


def _outside_runs(network, mode, path, sha256):
    network = in_float32(network)
    _check(network)
    size, outputs = list(network.input_shape[1:3]), network.output_shape[-1]
    names = [name for _, name in class_names()] if outputs == CLASSES else [str(number) for number in range(outputs)]
    steps = [{"size": size, "filter": "lanczos"}]

    def prepare(pixels):
        return cut_photo(Image.fromarray(pixels), size)

    return Source(network, mode, tuple(names), photograph(steps), path, sha256, prepare)


def _check(network):
    """Raises a `DeployError` for a network that does not take RGB images of one size, or gives more than one answer."""
    taken, given = network.input_shape, network.output_shape
    if not isinstance(taken, tuple) or len(taken) != 4 or taken[3] != 3 or None in taken[1:3]:
        raise DeployError(f"{network.name!r} takes {taken}; expected RGB images of one size, (None, height, width, 3)")
    if not isinstance(given, tuple) or len(given) not in (2, 4) or given[-1] is None:
        raise DeployError(f"{network.name!r} gives {given}; expected one tensor, (None, classes)")


def in_float32(network: keras.Model) -> keras.Model:
    """The same weights computed in float32: the network itself where it does so already."""
    lower = next((layer for layer in all_layers(network) if layer.compute_dtype in ("bfloat16", "float16")), None)
    if lower is None:
        return network
    _log.warning(f"{network.name} computes in {lower.compute_dtype}; it is exported, and checked, in float32")
    same = keras.models.clone_model(network, clone_function=_in_float32, recursive=True)
    same.set_weights(network.get_weights())
    return same


def _in_float32(layer):
    return layer.__class__.from_config({**layer.get_config(), "dtype": "float32"})


def all_layers(network: keras.Model) -> Iterator:
    """The layers of a network and of those that it nests."""
    for layer in network.layers:
        yield from all_layers(layer) if isinstance(layer, keras.Model) else [layer]


def images_for(source: Source, given) -> Images:
    """The photographs that an export of a source is checked on.

    Args:
        source: a `Source`.
        given: None for the run's own, or seeded ones where there are none; the path of an image set or a `SignsSet`: its
            training images calibrate, those to validate on (else a tenth of the others) are compared; or an array uint8
            `(N, H, W, 3)`: every other one calibrates.
    """
    if given is not None:
        return _given(source, given)
    if source.own is not None:
        try:
            return source.own()
        except KerasResNetError as problem:
            _log.warning(f"The run's own images are not at hand, seeded ones take their place: {problem}")
    checked = Split(seeded(SEEDED, source.image_shape), np.zeros(SEEDED, np.int64))
    return Images(checked, False, None, "seeded images")


def _given(source, given):
    if isinstance(given, str | Path):
        given = load(given, size=source.image_shape[0])
    if hasattr(given, "train"):
        if tuple(given.class_names) != source.classes:
            raise DataError(
                f"images: {given.path} has the classes {given.class_names}; the network tells {source.classes} apart"
            )
        train, validation = (given.train, given.validation) if given.validation is not None else cut(given.train, 0.1, 0)
        return _of_parts(source.image_shape, train, validation, f"of {given.path}")
    given = np.asarray(given)
    if given.dtype != np.uint8 or given.shape[1:] != source.image_shape or len(given) < 2:
        expected = ", ".join(map(str, source.image_shape))
        raise DataError(f"images: expected uint8 (N, {expected}), two or more, received {given.dtype} {given.shape}")
    checked = given[1::2]
    return Images(Split(checked, np.zeros(len(checked), np.int64)), False, given[::2], "of the given images")


def _images_of_run(workdir, record):
    config = configure(**recorded(workdir.path, say=_log.info))
    images = read(config.data, config.options)
    if images.fingerprint != record["data"].get("fingerprint"):
        raise DataError(f"the images at {config.data} have changed since {workdir.path} was trained on them")
    return _of_parts(images.signs.image_shape, images.train, images.validation, f"of {workdir.path}")


def _of_parts(image_shape, train, validation, of):
    if validation is None or not len(validation):
        validation = Split(seeded(SEEDED, image_shape), np.zeros(SEEDED, np.int64))
        return Images(validation, False, train.images, f"seeded images, for there are none to validate on {of}")
    return Images(validation, True, train.images, f"images to validate on {of}")


def seeded(count: int, image_shape: tuple) -> np.ndarray:
    """Images that are the same at every call, smooth as photographs are: uint8 `(count, H, W, 3)`."""
    height, width, _ = image_shape
    small = np.random.RandomState(0).randint(0, 256, (count, 8, 8, 3)).astype(np.uint8)
    return np.stack([np.asarray(Image.fromarray(each).resize((width, height), Image.Resampling.BICUBIC)) for each in small])
