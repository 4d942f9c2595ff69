"""Feature-pyramid outputs: the last map of each stage."""

from collections.abc import Sequence

import keras

from keras_resnet.errors import ModelError, one_of
from keras_resnet.models import graph
from keras_resnet.models.anatomy import ACTIVATIONS, NORMS, take_apart


def features(model: keras.Model, stages: Sequence[str] | None = None, *, prefix: str | None = None) -> keras.Model:
    """The network with the last feature map of each residual stage as its outputs (C2 to C5 of Lin et al. 2017).

    C2 has a quarter of the input's size, C5 a thirty-second (networks for 32 x 32 images: C2 the whole size, C4 a quarter;
    a dilated network: as its ``output_stride`` says). A map is what the stage's last block hands on, as in keras-hub. Two
    exceptions: the last map of a pre-activation network is taken behind its final normalisation and activation, and where
    the stride stands in the last block of a stage (Keras's V2 networks), behind the block before it, the last of that size.

    Args:
        model: any network of the catalogue in any lineage, with or without its top, built or loaded from a `.keras` file, its
            layers renamed or not. It shares its layers and weights with the result.
        stages: names of stages, e.g. ``("C3", "C4", "C5")``; None for all that the network has.
        prefix: of a model that holds several networks side by side: which, by what the names of its layers begin with, e.g.
            ``"depth"`` of ``depth_conv1``. The result takes the images of that network alone.

    Returns:
        A flat functional `keras.Model` that maps images to a dict: name of the stage -> tensor `(N, H, W, C)`.

    Raises:
        ModelError: not a ResNet, several without ``prefix``, one nested in another model, or a stage that the network has not
            got.

    Example:
        >>> net = create_model("resnet18", input_shape=(64, 64, 3), include_top=False)
        >>> {stage: map.shape[1:] for stage, map in features(net).output.items()}
        {'C2': (16, 16, 64), 'C3': (8, 8, 128), 'C4': (4, 4, 256), 'C5': (2, 2, 512)}
    """
    model = model if prefix is None else graph.part(model, prefix)
    anatomy = take_apart(model)
    if anatomy.network is not model:
        name = anatomy.network.name
        raise ModelError(
            f"features: expected a flat network, received {model.name!r}, which nests {name!r}: pass model.get_layer({name!r})"
        )
    maps = {f"C{stage}": _last_map(blocks, anatomy) for stage, blocks in anatomy.stages.items()}
    maps[list(maps)[-1]] = _final_map(anatomy)
    unknown = [stage for stage in stages or () if stage not in maps]
    if unknown:
        raise ModelError(one_of(f"stage of {model.name}", unknown[0], maps))
    wanted = list(maps) if stages is None else list(stages)
    inputs = model.inputs if len(model.inputs) > 1 else model.inputs[0]
    return keras.Model(inputs, {stage: maps[stage] for stage in wanted}, name=f"{model.name}_features")


def _last_map(blocks, anatomy):
    """Of one size: a last block with the stride in it belongs to the next size already."""
    if anatomy.strided_block == "last" and len(blocks) > 1 and blocks[-1].stride > 1:
        return blocks[-2].output
    return blocks[-1].output


def _final_map(anatomy):
    """Behind the last block, and behind the normalisation and activation that close a pre-activation network."""
    tensor = anatomy.blocks[-1].output
    if anatomy.order != "pre":
        return tensor
    for step in anatomy.head:
        if step.inputs and anatomy.steps[step.inputs[0]].output is tensor and isinstance(step.layer, (*NORMS, *ACTIVATIONS)):
            tensor = step.output
    return tensor
