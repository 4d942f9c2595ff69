"""All that a run has before its first step: images, network, and the settings that made them."""

import importlib.util
from dataclasses import dataclass

import keras

from keras_resnet import cpu
from keras_resnet.errors import DataError, RunError
from keras_resnet.models.inputs import MINIMUM_SIZE
from keras_resnet.repeatable import seed_everything
from keras_resnet.train.images import Images, read
from keras_resnet.train.network import Start, start_from, training_model
from keras_resnet.train.options import Options, settings
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
    """

    model: str
    recipe: Recipe
    options: Options
    images: Images
    start: Start
    network: keras.Model

    @property
    def steps(self):
        """Steps an epoch; the last images of an epoch that do not fill a batch are left out."""
        return max(1, len(self.images.train) // self.recipe.batch_size)


def set_up(data, model, recipe, epochs, given):
    """Reads the images and makes the network. Writes nothing.

    Args:
        data: the path of a SIGNS set.
        model: a name of the catalogue.
        recipe: a name of the recipes, or a `Recipe`.
        epochs: None for the recipe's.
        given: dict of the other keyword arguments of `run`.

    Raises:
        DataError, ModelError, RunError, WeightsError: see the message.
    """
    recipe, options = settings(recipe, epochs, given)
    _check_settings(recipe, options)
    images = read(data, options)
    _check_images(images, recipe, options, model)
    if lost := cpu.lost_speed():
        options.say(lost)
    start = start_from(options.weights, model, images.signs.class_names)
    seed_everything(options.seed)
    network = training_model(
        model,
        images.signs.image_shape,
        len(images.signs.class_names),
        recipe,
        images=len(images.train),
        start=start,
    )
    return Setup(model, recipe, options, images, start, network)


def _check_settings(recipe, options):
    if recipe.freeze is not None and options.weights is None:
        raise RunError(
            f"The recipe {recipe.name} freezes the network to {recipe.freeze}, and without weights that would freeze random "
            "numbers: name a run or a weight file with --weights, or freeze nothing with --freeze none"
        )
    if options.tensorboard and keras.backend.backend() != "tensorflow":
        raise RunError(f"tensorboard: expected the backend tensorflow, which writes its logs, received {keras.backend.backend()}")
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
