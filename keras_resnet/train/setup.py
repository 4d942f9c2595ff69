"""All that a run has before its first step: images, network, and the settings that made them."""

import importlib.util
import json
from dataclasses import dataclass, field, replace

import keras

from keras_resnet import environment
from keras_resnet.environment import seed_everything
from keras_resnet.errors import DataError, RunError
from keras_resnet.models.inputs import MINIMUM_SIZE
from keras_resnet.train.config import Config, Options, deciding
from keras_resnet.train.distribute import Crew, check_parts
from keras_resnet.train.images import Images, read
from keras_resnet.train.memory import check_memory
from keras_resnet.train.network import Start, start_from, training_model
from keras_resnet.train.rate_setters import check_callbacks


@dataclass(frozen=True, eq=False)
class Setup:
    """A run that has not begun.

    Attributes:
        config: the `Config` that was asked for.
        images: `Images`.
        start: a `Start`.
        network: the compiled `keras.Model`.
        crew: the `Crew` of processes that train it.
    """

    config: Config
    images: Images
    start: Start
    network: keras.Model
    crew: Crew = field(default_factory=Crew)

    @property
    def steps(self):
        """Steps an epoch; the last images of an epoch that do not fill a batch are left out."""
        return max(1, len(self.images.train) // self.config.recipe.batch_size)


def set_up(config, images=None, crew=None):
    """Reads the images and makes the network. Writes nothing.

    Args:
        config: a `Config`.
        images: `Images`, where they have been read by it already.
        crew: the `Crew` that trains; None for this process alone.

    Raises:
        DataError, ModelError, RunError, WeightsError: see the message.
    """
    crew = crew or Crew()
    if not crew.first:
        config = replace(config, options=replace(config.options, say=lambda line: None, verbose=0))
    recipe, options = config.recipe, config.options
    _check_options(options)
    images = images or read(config.data, options, config.recipe.batch_size)
    _check_images(images, config)
    _check_crew(crew, images, config)
    check_parts(min(recipe.batch_size, len(images.train)), crew.size, crew.devices)
    if lost := environment.lost_speed():
        options.say(lost)
    start = start_from(options.weights, config.model, images.signs.class_names)
    seed_everything(options.seed)
    with crew.scope():
        network = make_network(config, images, start, options.remat)
    check_memory(network, recipe, -(-min(recipe.batch_size, len(images.train)) // crew.size), options.remat)
    return Setup(config, images, start, network, crew)


def make_network(config, images, start, remat):
    """The compiled `keras.Model` for a set of images."""
    return training_model(
        config.model,
        images.signs.image_shape,
        len(images.signs.class_names),
        config.recipe,
        images=len(images.train),
        start=start,
        remat=remat,
    )


def _check_crew(crew, images, config):
    """Raises DataError or RunError where the processes of a crew were started on other images or with other settings."""
    values = config.options.plain()
    chosen = {"model": config.model, "recipe": config.recipe.to_json()}
    chosen |= {name: values[name] for name in deciding(Options)}
    own = json.loads(json.dumps({**chosen, "images": images.fingerprint}))
    for index, theirs in enumerate(crew.share("settings", own)):
        for name in own:
            if own[name] != theirs[name] and name == "images":
                raise DataError(f"The images in {images.signs.path} are not those that process {index} reads from there")
            if own[name] != theirs[name]:
                raise RunError(
                    f"{name}: expected the same in all processes, received {own[name]} here and {theirs[name]} in {index}"
                )


def _check_options(options):
    check_callbacks(options.callbacks)
    if options.tensorboard and keras.backend.backend() != "tensorflow":
        backend = keras.backend.backend()
        raise RunError(f"tensorboard: expected the backend tensorflow, which writes its logs, received {backend}")
    if options.tensorboard and importlib.util.find_spec("tensorboard") is None:
        raise RunError(
            "tensorboard: TensorFlow writes its logs by the package tensorboard, which is not installed; "
            "`pip install tensorboard` installs it"
        )


def _check_images(images, config):
    recipe, options = config.recipe, config.options
    height, width, _ = images.signs.image_shape
    if min(height, width) < MINIMUM_SIZE:
        asked = "images resized to" if options.size else "images of"
        raise DataError(
            f"{images.signs.path} gives {asked} {height} x {width}, and {config.model} takes {MINIMUM_SIZE} x {MINIMUM_SIZE} "
            f"or more: --size 64 resizes them to 64 x 64"
        )
    if recipe.early_stopping is not None and images.validation is None:
        raise RunError("early_stopping: expected validation images to stop by, received a validation fraction of 0")
    batches = recipe.epochs * max(1, len(images.train) // recipe.batch_size)
    if recipe.accumulate > batches:
        raise RunError(f"accumulate: expected at most {batches}, the batches of the whole run, received {recipe.accumulate}")
