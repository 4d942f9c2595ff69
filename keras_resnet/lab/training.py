"""Networks trained for the experiments: narrow ones of the catalogue, on the synthetic signs, by the package's own training.

Every network has the catalogue's blocks, a stem that leaves 8 x 8 of 32 x 32 pixels, and stages of 8, 16 and 32 filters
instead of 16, 32 and 64: the depth is that of the name, the cost a sixty-fourth.
"""

import dataclasses
import re
import time
from dataclasses import dataclass

import keras
import numpy as np

from keras_resnet.blocks import postact, shortcut
from keras_resnet.data import Split
from keras_resnet.data.augment import Augmentation
from keras_resnet.data.pipeline import Batches, feed
from keras_resnet.data.synthetic import CLASS_NAMES, synthetic_splits
from keras_resnet.environment import seed_everything
from keras_resnet.models import recalibrate_batch_norm, resolve
from keras_resnet.models.assemble import units
from keras_resnet.models.layer_factory import KerasLayers
from keras_resnet.train import Recipe, training_model
from keras_resnet.train.optimizer import compile_for

SIZE, CLASSES = 32, len(CLASS_NAMES)
NARROW = {"stem": "imagenet", "stem_width": 8, "widths": (8, 16, 32)}


@dataclass(frozen=True, eq=False)
class Images:
    """A training and a test `Split` of the synthetic signs."""

    train: Split
    test: Split


@dataclass(frozen=True, eq=False)
class Trained:
    """A network after training.

    Attributes:
        network: the `keras.Model`; pixels uint8 `(N, 32, 32, 3)` to probabilities `(N, 6)`.
        images: `Images`.
        errors: training error while learning, a mean over each epoch, 0 to 1.
        train_loss, train_error, test_error: at the end, in inference mode.
        parameters: trainable ones.
    """

    network: keras.Model
    images: Images
    errors: list
    train_loss: float
    train_error: float
    test_error: float
    parameters: int


def recipe(setting):
    """The recipe of every network: AdamW, a warm-up and half a cosine, no augmentation, no weight decay."""
    return Recipe(name="lab", summary="for the lab", epochs=setting.choose(14, 40), batch_size=32, learning_rate=5e-3)


def images(setting):
    """The image set of a setting."""
    key = ("images", setting.quick)
    if key not in setting.cache:
        counts = setting.choose((360, 180), (1080, 300))
        setting.cache[key] = Images(*synthetic_splits(setting.seed, size=SIZE, train_images=counts[0], test_images=counts[1]))
    return setting.cache[key]


def untrained(setting, model, **choices):
    """A network as it starts, compiled; ``choices`` are fields of `ModelSpec`."""
    seed_everything(setting.seed)
    count = len(images(setting).train)
    return training_model(model, (SIZE, SIZE, 3), CLASSES, recipe(setting), images=count, choices={**NARROW, **choices})


def trained(setting, model, **choices):
    """A network of the catalogue, trained; from the cache where an experiment of the same call has trained it.

    Args:
        setting: a `Setting`.
        model: a name of the catalogue.
        choices: fields of `ModelSpec`.

    Returns:
        A `Trained`.
    """
    key = (model, tuple(sorted(choices.items())), setting.quick)
    if key not in setting.cache:
        told = "".join(f", {name} {value}" for name, value in choices.items())
        setting.say(f"  training {model}{told}")
        setting.cache[key] = _train(setting, untrained(setting, model, **choices))
    return setting.cache[key]


def _train(setting, network):
    made = images(setting)
    history = _fit(setting, network, made, recipe(setting))
    recalibrate_batch_norm(network, made.train.images)
    loss, error = score(network, made.train)
    return Trained(
        network=network,
        images=made,
        errors=[1 - accuracy for accuracy in history["accuracy"]],
        train_loss=loss,
        train_error=error,
        test_error=score(network, made.test)[1],
        parameters=int(sum(np.prod(weight.shape) for weight in network.trainable_weights)),
    )


def _fit(setting, network, made, recipe_):
    batches = Batches(made.train, CLASSES, batch_size=recipe_.batch_size, augmentation=Augmentation(), seed=setting.seed)
    fitted = network.fit(feed(batches), epochs=recipe_.epochs, verbose=0, shuffle=False)
    return fitted.history


def go_on(setting, network, made, epochs):
    """Trains on at a fifth of the rate.

    Returns:
        A dict: ``epochs``, the training loss while learning, a mean over each epoch; ``end``, at the end, in inference mode.
    """
    again = dataclasses.replace(recipe(setting), epochs=epochs, learning_rate=1e-3)
    compile_for(network, again, steps=len(made.train) // again.batch_size, epochs=epochs)
    history = _fit(setting, network, made, again)
    recalibrate_batch_norm(network, made.train.images)
    return {"epochs": history["loss"], "end": score(network, made.train)[0]}


def step_seconds(setting, networks, rounds):
    """Seconds of the median training step of each network, measured in turn, so that what else runs slows all alike: a list."""
    batch = Batches(images(setting).train, CLASSES, batch_size=recipe(setting).batch_size)[0]
    taken = [[] for _ in networks]
    for number in range(rounds + 1):
        for network, times in zip(networks, taken, strict=True):
            began = time.perf_counter()
            network.train_on_batch(*batch)
            if number:  # the first step builds its graph
                times.append(time.perf_counter() - began)
    return [float(np.median(times)) for times in taken]


def output(network, pixels):
    """What a network says of images, in inference mode: float32 `(N, 6)`; one layer after the other, none fused."""
    return keras.ops.convert_to_numpy(network(pixels, training=False))


def score(network, split):
    """Mean cross-entropy in nats and error, 0 to 1, on a split."""
    return score_of(output(network, split.images), split.labels)


def score_of(probabilities, labels):
    """As `score`, of probabilities `(N, K)`."""
    sure = np.clip(probabilities[np.arange(len(labels)), labels], 1e-7, None)  # as Keras's loss clips
    return float(-np.mean(np.log(sure))), float(np.mean(probabilities.argmax(axis=1) != labels))


_WAYS = {"identity": shortcut.identity, "projection": shortcut.bare_projection, "plain": None}


def appended(start, way, count):
    """A copy of a trained residual network with basic blocks appended behind its last.

    Args:
        start: a `Trained`.
        way: ``"identity"``, ``"projection"`` (1x1, at the identity matrix) or ``"plain"``; the branches of the first two start
            at zero.
        count: of blocks.

    Returns:
        A `keras.Model` with weights of its own.
    """
    network = keras.models.clone_model(start.network)
    network.set_weights(start.network.get_weights())
    depths = (1, 1, 1 + count)
    spec = resolve("resnet20", **{**NARROW, "depths": depths}, zero_init_gamma=way != "plain")
    pool = next(layer for layer in network.layers if isinstance(layer, keras.layers.GlobalAveragePooling2D))
    after = network.layers[network.layers.index(pool) :]
    x, make = pool.input, KerasLayers(spec)
    for stage, index, unit in units(spec)[3:]:
        x = postact.basic_block(x, unit, make.at(stage, index), _WAYS[way], shortcut.add_then_activate)
    for layer in after:
        x = layer(x)
    deeper = keras.Model(network.inputs[0], x)
    if way == "projection":
        for layer in deeper.layers:
            if layer.name.endswith("_0_conv") and layer.name not in {each.name for each in network.layers}:
                layer.set_weights([np.eye(layer.kernel.shape[-1], dtype="float32")[None, None]])
    return deeper


def ends(network):
    """The tensor that each block of a network hands on, from input to output: a list."""
    found = {}
    for layer in network.layers:
        block = re.match(r"conv\d+_block\d+_", layer.name)
        if block:
            found[block.group()] = layer.output  # the last of the block's layers counts
    return list(found.values())


def maps(network, pixels):
    """What each block hands on for images, in inference mode: a list of arrays `(N, H, W, C)`."""
    return [keras.ops.convert_to_numpy(each) for each in keras.Model(network.inputs[0], ends(network))(pixels, training=False)]


def parts(network):
    """A network in pieces that, applied one after the other, are the network: a list of `keras.Model`, stem, blocks, head.

    The network is of the catalogue, in the lineage ``"he"``, with the stem of `NARROW` and its activation behind the sum.
    """
    cuts = [network.inputs[0], network.get_layer("pool1_pool").output, *ends(network), network.outputs[0]]
    return [keras.Model(before, after) for before, after in zip(cuts, cuts[1:], strict=False)]
