"""Freezing the first stages of a network, for training on few images."""

import math
from dataclasses import dataclass

import keras

from keras_resnet.errors import ModelError, one_of
from keras_resnet.models import graph
from keras_resnet.models.anatomy import take_apart


@dataclass(frozen=True)
class Frozen:
    """What `freeze` did.

    Attributes:
        until: the last stage that is frozen; None if nothing is.
        layers: names of the frozen layers that have weights.
        batch_norms: those of them that are batch normalisations. They compute with their running statistics in training too,
            and leave them as they are.
        trainable_before, trainable_after: trainable parameters of the whole model.
        fitted: whether the model has been trained since it was compiled. TensorFlow then goes on as before until it is
            compiled again.
    """

    until: str | None
    layers: tuple
    batch_norms: tuple
    trainable_before: int
    trainable_after: int
    fitted: bool = False

    def __str__(self):
        counts = f"trainable parameters: {self.trainable_before:,} before, {self.trainable_after:,} after"
        if self.fitted:
            counts += "; compile the model again: it has been fitted, and TensorFlow would go on as before"
        if self.until is None:
            return f"Nothing is frozen; {counts}."
        stages = "the stem" if self.until == "stem" else f"the stem to {self.until}"
        return (
            f"Frozen: {stages}; layers with weights: {len(self.layers)}, {self.layers[0]} to {self.layers[-1]}; "
            f"batch normalisations among them, now in inference mode: {len(self.batch_norms)}; {counts}."
        )


def freeze(model: keras.Model, until: str = "stage4", *, prefix: str | None = None) -> Frozen:
    """Freezes a network from its input to a stage, that stage included, and makes all that follows trainable.

    It sets ``trainable`` on layers, which also keeps frozen batch normalisation in inference mode: Keras 3 lets it overrule
    the ``training`` argument of a call. Compile the model afterwards, or again: once it has been fitted, TensorFlow goes on
    training what was trainable then, and JAX stops with an error; PyTorch heeds it at once.

    Args:
        model: a network of the catalogue in any lineage, built or loaded, alone or nested in another model (say, behind
            augmentation and before a new head; what lies outside the network is made trainable).
        until: ``"stem"``, ``"stage2"`` .. ``"stage5"`` (the stages of He et al. 2015, table 1: conv2_x to conv5_x), or None
            to make everything trainable.
        prefix: of a model that holds several networks, say one for colour and one for depth: which, by the name of the model
            within, or by what the names of its layers begin with. The layers of that network alone are frozen or made
            trainable then; all others stay as they are.

    Returns:
        A `Frozen`; print it.

    Raises:
        ModelError: not a ResNet, several of them without ``prefix``, or a stage that it lacks.

    Example:
        >>> print(freeze(ResNet50(weights=None, input_shape=(64, 64, 3), classes=6), until="stage4"))
        Frozen: the stem to stage4; layers with weights: 86, conv1 to bn4f_branch2c; batch normalisations among them, now in
        inference mode: 43; trainable parameters: 23,546,886 before, 14,988,294 after.
    """
    anatomy = take_apart(model, prefix)
    stages = {"stem": anatomy.stem, **{f"stage{stage}": _steps(blocks) for stage, blocks in anatomy.stages.items()}}
    if until is not None and until not in stages:
        raise ModelError(one_of(f"stage of {anatomy.network.name}", until, (*stages, None)))
    before = _trainable(model)
    for layer in _own(model, anatomy.network, prefix):  # one by one: on a model that is trainable, Keras passes it over
        layer.trainable = True
    frozen = []
    for stage, steps in stages.items() if until is not None else ():
        frozen += [step.layer for step in steps if isinstance(step.layer, keras.layers.Layer)]
        if stage == until:
            break
    for layer in frozen:
        layer.trainable = False
    weighted = [layer for layer in frozen if layer.weights]
    return Frozen(
        until=until,
        layers=tuple(layer.name for layer in weighted),
        batch_norms=tuple(layer.name for layer in weighted if isinstance(layer, keras.layers.BatchNormalization)),
        trainable_before=before,
        trainable_after=_trainable(model),
        fitted=getattr(model, "train_function", None) is not None,
    )


def _own(model, network, prefix):
    """The layers that are not of another network."""
    if prefix is None:
        return model._flatten_layers()
    within = any(inner.name == prefix for inner in graph.nested(model))
    return [layer for layer in network._flatten_layers() if within or graph.begins(layer.name, prefix)]


def _steps(blocks):
    return [step for block in blocks for step in block.steps]


def _trainable(model):
    return sum(math.prod(weight.shape) for weight in model.trainable_weights)
