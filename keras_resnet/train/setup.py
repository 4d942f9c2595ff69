"""All that a run has before its first step: images, network, and the settings that made them."""

import importlib.util
import json
from dataclasses import dataclass, field, replace

import keras

from keras_resnet import environment
from keras_resnet.environment import seed_everything
from keras_resnet.errors import DataError, RunError
from keras_resnet.models.inputs import MINIMUM_SIZE
from keras_resnet.train.distribute import Crew, check_parts
from keras_resnet.train.images import Images, read
from keras_resnet.train.memory import check_memory
from keras_resnet.train.network import Start, start_from, training_model
from keras_resnet.train.options import Options, settings
from keras_resnet.train.rate_setters import check_callbacks
from keras_resnet.train.recipe import Recipe


@dataclass(frozen=True, eq=False)
class Setup:
    """A run that has not begun.

    Attributes:
        model: name of the network in the catalogue.
        recipe: a `Recipe`, the user's changes in it.
        options: `Options`.
        images: `Images`.
        start: a `Start`.
        network: the compiled `keras.Model`.
        crew: the `Crew` of processes that train it.
    """

    model: str
    recipe: Recipe
    options: Options
    images: Images
    start: Start
    network: keras.Model
    crew: Crew = field(default_factory=Crew)

    @property
    def steps(self):
        """Steps an epoch; the last images of an epoch that do not fill a batch are left out."""
        return max(1, len(self.images.train) // self.recipe.batch_size)


def set_up(data, model, recipe, epochs, given, crew=None):
    """Reads the images and makes the network. Writes nothing.

    Args:
        data: the path of a set, or arrays.
        model: a name of the catalogue.
        recipe: a name of the recipes, or a `Recipe`.
        epochs: None for the recipe's.
        given: dict of the other keyword arguments of `run`.
        crew: the `Crew` that trains; None for this process alone.

    Raises:
        DataError, ModelError, RunError, WeightsError: see the message.
    """
    crew = crew or Crew()
    recipe, options = settings(recipe, epochs, given)
    if not crew.first:
        options = replace(options, say=lambda line: None, verbose=0)
    _check_settings(recipe, options)
    images = read(data, options)
    _check_images(images, recipe, options, model)
    _check_crew(crew, images, {"model": model, "recipe": recipe.to_json(), **_plain(options)})
    check_parts(min(recipe.batch_size, len(images.train)), crew.size, crew.devices)
    if lost := environment.lost_speed():
        options.say(lost)
    start = start_from(options.weights, model, images.signs.class_names)
    seed_everything(options.seed)
    with crew.scope():
        network = make_network(model, images, recipe, start, options.remat)
    check_memory(network, recipe, -(-min(recipe.batch_size, len(images.train)) // crew.size), options.remat)
    return Setup(model, recipe, options, images, start, network, crew)


def make_network(model, images, recipe, start, remat):
    """The compiled `keras.Model` for a set of images."""
    return training_model(
        model,
        images.signs.image_shape,
        len(images.signs.class_names),
        recipe,
        images=len(images.train),
        start=start,
        remat=remat,
    )


def _plain(options):
    """The options that decide what a run computes, as plain values."""
    names = ("seed", "validation_fraction", "size", "per_class")
    return {**{name: getattr(options, name) for name in names}, "weights": options.weights and str(options.weights)}


def _check_crew(crew, images, chosen):
    """Raises DataError or RunError where the processes of a crew were started on other images or with other settings."""
    own = json.loads(json.dumps({**chosen, "images": images.fingerprint}))
    for index, theirs in enumerate(crew.share("settings", own)):
        for name in own:
            if own[name] != theirs[name] and name == "images":
                raise DataError(f"The images in {images.signs.path} are not those that process {index} reads from there")
            if own[name] != theirs[name]:
                raise RunError(
                    f"{name}: expected the same in all processes, received {own[name]} here and {theirs[name]} in {index}"
                )


def _check_settings(recipe, options):
    check_callbacks(options.callbacks)
    if recipe.freeze is not None and options.weights is None:
        raise RunError(
            f"The recipe {recipe.name} freezes the network to {recipe.freeze}, and without weights that would freeze random "
            "numbers: name a run or a weight file with --weights, or freeze nothing with --freeze none"
        )
    if options.tensorboard and keras.backend.backend() != "tensorflow":
        backend = keras.backend.backend()
        raise RunError(f"tensorboard: expected the backend tensorflow, which writes its logs, received {backend}")
    if options.tensorboard and importlib.util.find_spec("tensorboard") is None:
        raise RunError(
            "tensorboard: TensorFlow writes its logs by the package tensorboard, which is not installed; "
            "`pip install tensorboard` installs it"
        )


def _check_images(images, recipe, options, model):
    height, width, _ = images.signs.image_shape
    if min(height, width) < MINIMUM_SIZE:
        asked = "images resized to" if options.size else "images of"
        raise DataError(
            f"{images.signs.path} gives {asked} {height} x {width}, and {model} takes {MINIMUM_SIZE} x {MINIMUM_SIZE} or "
            f"more: --size 64 resizes them to 64 x 64"
        )
    if recipe.early_stopping is not None and images.validation is None:
        raise RunError("early_stopping: expected validation images to stop by, received a validation fraction of 0")
    batches = recipe.epochs * max(1, len(images.train) // recipe.batch_size)
    if recipe.accumulate > batches:
        raise RunError(f"accumulate: expected at most {batches}, the batches of the whole run, received {recipe.accumulate}")
