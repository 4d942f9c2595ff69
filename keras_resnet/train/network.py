"""The network of a run: pixels in, probabilities out, from random weights or given ones, compiled."""

from dataclasses import dataclass
from pathlib import Path

import keras

from keras_resnet.architectures.catalog import CATALOG
from keras_resnet.errors import RunError, one_of
from keras_resnet.models import create_model, freeze, resolve, set_batch_norm_momentum
from keras_resnet.models.preprocess import MODES
from keras_resnet.train.config import Recipe
from keras_resnet.train.optimizer import compile_for
from keras_resnet.train.remat import recompute
from keras_resnet.weights import KNOWN_FILES, inspect
from keras_resnet.workdir import Workdir


@dataclass(frozen=True)
class Start:
    """What a network starts from.

    Attributes:
        weights: None for random weights, the path of a weight file, or a name that `create_model` takes.
        lineage: of the network; None for its default.
        pixels: what is done to pixels in front of the network, a mode of `preprocess_input`: what the weights were trained
            with; of a file outside a run that is not known, and taken to be what the lineage's published weights expect.
        head: ``"require"`` or ``"skip"``, whether the weights' classifier is taken.
        sha256: of the file; None where there is none.
    """

    weights: str | None = None
    lineage: str | None = None
    pixels: str = "unit"
    head: str = "require"
    sha256: str | None = None


def start_from(weights, model, class_names):
    """Says what a network of the catalogue starts from, without loading it.

    Args:
        weights: None, a run folder, a weight file, or a name that `create_model` takes.
        model: the network's name.
        class_names: of the set. The classifier of a run is taken where the names are the same, that of a file where the
            number is.

    Returns:
        A `Start`.

    Raises:
        WeightsError: no such file, or a damaged one.
        RunError: the folder is no run, or not a finished one.
    """
    if weights is None:
        return Start()
    if isinstance(weights, str) and (weights == "imagenet" or weights in KNOWN_FILES):
        lineage = None if weights == "imagenet" else KNOWN_FILES[weights].lineages[0]
        return Start(weights, lineage, resolve(model, lineage).preprocessing, "skip")
    path = Path(weights)
    run = path if path.is_dir() else path.parent
    if path.is_dir():
        path = run / "weights.h5"
        Workdir(run).read()
        if not path.exists():
            raise RunError(f"{run} holds no trained weights yet: {path} is missing; go on with the run by --resume")
    of_run = path.name == "weights.h5" and Workdir(run).exists()
    record = Workdir(run).read("class_names") if of_run else None
    info = inspect(path)
    if record is not None:
        lineage, pixels = record.get("lineage"), record.get("pixels", "unit")
        if pixels not in MODES:
            raise RunError(f"{run / 'run.json'}: {one_of('preprocessing of pixels', pixels, MODES)}")
        same = list(record["class_names"]) == list(class_names)
    else:
        lineage = info.lineage if model in CATALOG and info.lineage in CATALOG[model].lineages else None
        pixels, same = _expected_pixels(resolve(model, lineage)), info.classes == len(class_names)
    return Start(str(path), lineage, pixels, "require" if same else "skip", info.sha256)


def _expected_pixels(spec):
    """What a file of unknown origin was trained on: what published ones of its lineage were; without any, what our runs are."""
    published = any(spec.lineage in row.lineages for row in KNOWN_FILES.values())
    return spec.preprocessing if published else Start.pixels


def training_model(
    model: str,
    image_shape: tuple[int, ...],
    classes: int,
    recipe: Recipe,
    *,
    images: int,
    start: Start | None = None,
    remat: bool = False,
    choices: dict | None = None,
) -> keras.Model:
    """The network with the scaling of pixels in front, compiled: what `run` trains.

    Args:
        model: a name of the catalogue.
        image_shape: `(height, width, 3)`.
        classes: number of classes.
        recipe: a `Recipe`.
        images: number of training images, for the schedule.
        start: a `Start`; None for random weights.
        remat: whether blocks are computed again for their gradients; see `train.remat`.
        choices: dict of fields of `ModelSpec` that differ from the row; None for none.

    Returns:
        A compiled flat `keras.Model`: images uint8 or float `(N, H, W, 3)`, 0 to 255, to probabilities float32
        `(N, classes)`.

    Raises:
        ModelError, WeightsError: as `create_model` and `freeze`.
    """
    start, choices = start or Start(), choices or {}
    spec = resolve(model, start.lineage, **choices)
    network = create_model(
        model,
        lineage=start.lineage,
        input_tensor=_scaled(keras.Input(image_shape, name="image"), start.pixels),
        classes=classes,
        weights=start.weights,
        head=start.head,
        dtype="float32" if recipe.precision == "float32" else f"mixed_{recipe.precision}",
        zero_init_gamma=recipe.zero_init_gamma and spec.order != "pre" and spec.shortcut != "none",
        **choices,
    )
    set_batch_norm_momentum(network, recipe.batch_norm_momentum)
    if recipe.freeze is not None:
        freeze(network, until=recipe.freeze)
    if remat:
        recompute(network)
    compile_for(network, recipe, steps=max(1, images // recipe.batch_size), epochs=recipe.epochs)
    return network


def _scaled(pixels, mode):
    """What a network takes of pixels 0 to 255, `(N, H, W, 3)`, in Keras's own layers: `preprocess_input` as a part of it."""
    row = MODES[mode]
    if row.order != (0, 1, 2):
        pixels = keras.ops.flip(pixels, axis=-1)
    if set(row.mean) == {0.0} and set(row.deviation) == {1.0}:
        return keras.layers.Rescaling(row.scale, dtype="float32", name="scaling")(pixels)
    scale = [row.scale / deviation for deviation in row.deviation]
    offset = [-mean / deviation for mean, deviation in zip(row.mean, row.deviation, strict=True)]
    return keras.layers.Rescaling(scale, offset, dtype="float32", name="scaling")(pixels)
