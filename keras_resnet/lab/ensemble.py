"""A residual net as an ensemble of paths.

Block k is `relu(x + f(x))`. Without its branch (gamma and beta of its last normalisation zero) it hands on x, and of the
2^n paths through n blocks half are left: a residual net should hardly suffer. A plain net has one path. Blocks of one shape
can change places too.

The gradient back through a block is `J^T d = m d + f'(x)^T (m d)`, m the slope of the last ReLU: past the branch, and
through it. Kept apart by the number of branches passed, `d[j] <- past(d[j]) + through(d[j-1])`, it gives at the first block
the gradient of all paths of each length.
"""

import numpy as np

from keras_resnet import stats
from keras_resnet.lab import figures
from keras_resnet.lab.experiment import Criterion, Experiment

MODELS = ("plain20", "resnet20", "resnet56")
_DEEP = "resnet56"  # whose gradient is parted by path length
_ROBUST, _COLLAPSE = 0.15, 0.4
_IMAGES = 360


def measure(setting):
    """Errors on the training images without one block, without several, with blocks swapped; the gradient by path length."""
    from keras_resnet.lab import training

    nets = {}
    for model in MODELS:
        done = training.trained(setting, model)
        images = done.images.train.images[:_IMAGES], done.images.train.labels[:_IMAGES]
        pieces = training.parts(done.network)
        rows = _lesions(setting, pieces, *images)
        rows["zeroed"] = _zeroed(done.network, images, rows["deletable"][-1]) if model != "plain20" else None
        nets[model] = rows
    done = training.trained(setting, _DEEP)
    images = done.images.test.images[:64], done.images.test.labels[:64]
    lengths = [float(np.linalg.norm(each)) for each in slopes_by_length(training.parts(done.network), *images)]
    mean = float(np.dot(np.arange(len(lengths)), lengths) / np.sum(lengths))
    return {"nets": nets, "gradient": {"by_length": lengths, "mean_length": mean, "blocks": len(lengths) - 1}}


def _lesions(setting, pieces, pixels, labels):
    """Errors after lesions. Blocks that change the shape stay: nothing of another shape can stand in for them."""
    stem, *blocks, head = pieces
    first = _call(stem, pixels)
    shapes = [(block.input.shape, block.output.shape) for block in blocks]
    deletable = [k for k, (before, after) in enumerate(shapes) if before == after]

    def error(order):
        x = first
        for k in order:
            x = _call(blocks[k], x)
        return float(np.mean(_call(head, x).argmax(axis=1) != labels))

    whole = list(range(len(blocks)))
    generator, draws = setting.generator(1), setting.choose(2, 6)
    counts = [count for count in (1, 2, 3, 4, 6, 8, 12, 16) if count <= len(deletable)]
    return {
        "whole": error(whole),
        "deletable": deletable,
        "one": [error([k for k in whole if k != gone]) for gone in deletable],
        "counts": counts,
        "several": [
            np.mean([error(_without(whole, generator.choice(deletable, count, replace=False))) for _ in range(draws)])
            for count in counts
        ],
        "swapped": [
            error(_swapped(whole, *pair)) for pair in zip(deletable, deletable[1:], strict=False) if _alike(shapes, *pair)
        ],
    }


def _call(piece, x):
    import keras

    return keras.ops.convert_to_numpy(piece(x, training=False))


def _without(order, gone):
    return [k for k in order if k not in set(gone)]


def _swapped(order, one, other):
    exchanged = {one: other, other: one}
    return [exchanged.get(k, k) for k in order]


def _alike(shapes, one, other):
    return shapes[one] == shapes[other]


def _zeroed(network, images, block):
    """The error after gamma and beta of the last normalisation of a block are zero; the network is as before afterwards."""
    from keras_resnet.lab import training

    norm = [layer for layer in network.layers if layer.name.endswith("_2_bn")][block]
    kept = norm.get_weights()
    norm.set_weights([np.zeros_like(kept[0]), np.zeros_like(kept[1]), *kept[2:]])
    error = training.score_of(training.output(network, images[0]), images[1])[1]
    norm.set_weights(kept)
    return error


def slopes_by_length(pieces, pixels, labels):
    """The gradient of the loss at the first block, parted by path length.

    Args:
        pieces: of a network with shortcuts, as `training.parts` gives them.
        pixels: uint8 `(N, 32, 32, 3)`; labels: int `(N,)`.

    Returns:
        A list of ``n + 1`` arrays `(N, H, W, C)`: of all paths that pass 0, 1 .. n branches; their sum is the gradient.
    """
    from keras import ops

    from keras_resnet.autodiff import vjp

    stem, *blocks, head = pieces
    maps = [_call(stem, pixels)]
    for block in blocks:
        maps.append(_call(block, maps[-1]))
    chosen = ops.convert_to_tensor(np.eye(head.output.shape[-1], dtype="float32")[labels])
    _, [slope] = vjp(lambda x: -ops.mean(ops.log(ops.sum(head(x, training=False) * chosen, axis=-1) + 1e-7)), [maps[-1]])
    by_length = [slope]
    for block, before, after in zip(reversed(blocks), maps[-2::-1], maps[:0:-1], strict=True):
        moved = []
        for each in by_length:
            _, [both] = vjp(lambda x, block=block: block(x, training=False), [before], each)
            past = _past(each * (after > 0), before.shape)
            moved.append((past, both - past))
        by_length = [moved[0][0], *(moved[j][0] + moved[j - 1][1] for j in range(1, len(moved))), moved[-1][1]]
    return by_length


def _past(slope, shape):
    """Back through the shortcut of option A: to every second pixel, and the first channels."""
    if slope.shape == shape:
        return slope
    stride = shape[1] // slope.shape[1]
    back = np.zeros(shape, dtype=slope.dtype)
    back[:, ::stride, ::stride] = slope[..., : shape[-1]]
    return back


def _median_rise(values, model):
    row = values["nets"][model]
    return float(np.median(row["one"]) - row["whole"])


def _draw_lesions(result):
    figure, axes = figures.panels(3, width=3.4, share=True)
    for number, model in enumerate(MODELS):
        blocks = np.array(result.values[0]["nets"][model]["deletable"]) + 1
        figures.band(axes[0], blocks, figures.of(result, "nets", model, "one"), model, number, marker="o")
        several = figures.of(result, "nets", model, "several")
        wholes = figures.of(result, "nets", model, "whole")
        series = [[whole, *errors] for whole, errors in zip(wholes, several, strict=True)]
        figures.band(axes[1], [0, *result.values[0]["nets"][model]["counts"]], series, model, number, marker="o")
        swapped = figures.of(result, "nets", model, "swapped")
        figures.band(axes[2], np.arange(len(swapped[0])) + 1, swapped, model, number, marker="o")
    figures.finish(axes[0], "One block deleted", "error on training images", "block", "")
    figures.finish(axes[1], "Several deleted", "at random, means", "blocks deleted", "")
    figures.finish(axes[2], "Two neighbours swapped", "of one shape", "pair", "")
    axes[0].set_ylim(-0.02, 1.02)
    return figure


def _draw_lengths(result):
    figure, axes = figures.panels(1, width=5)
    shares = [np.divide(each, np.sum(each)) for each in figures.of(result, "gradient", "by_length")]
    blocks = result.values[0]["gradient"]["blocks"]
    figures.band(axes[0], np.arange(blocks + 1), shares, "gradient, share of the norms", 0, marker="o")
    style = {"color": figures.COLORS[1], "marker": "o", "markersize": 4}
    axes[0].plot(np.arange(blocks + 1), stats.binomial(blocks), label="paths, binomial", **style)
    means = figures.of(result, "gradient", "mean_length")
    fact = f"mean length {np.mean(means):.1f} of {blocks} blocks; of the paths {blocks / 2:g}"
    figures.finish(axes[0], f"{_DEEP}: gradient by path length", fact, "branches passed", "")
    return figure


EXPERIMENT = Experiment(
    name="ensemble",
    claim="A residual net behaves like an ensemble of paths: without one block it hardly suffers and without several it "
    "degrades smoothly, while a plain net collapses; and the gradient comes through paths shorter than most.",
    source="Veit et al. 2016, arXiv:1605.06431, sections 4.1 to 4.3 and 5",
    protocol="plain20, resnet20 and resnet56 as trained for `degradation`, in inference mode, error on 360 of their "
    "training images. A block is deleted by passing it by, which for a residual block is the same as gamma = beta = 0 of "
    "its last normalisation (checked); only blocks that keep the shape. Several: 6 random choices of each number (quick: "
    "2). Swapped: neighbours of one shape. Gradient: of the loss at the first block of resnet56, all paths that pass j "
    "branches summed exactly, 64 test images.",
    criteria=(
        Criterion(
            "resnet56: deleting one block raises the error by at most 15 points in the median over the blocks",
            lambda values: _median_rise(values, "resnet56") <= _ROBUST,
        ),
        Criterion(
            "resnet20: deleting one block raises the error by at most 15 points in the median over the blocks",
            lambda values: _median_rise(values, "resnet20") <= _ROBUST,
        ),
        Criterion(
            "plain20: deleting one block raises the error by at least 40 points in the median",
            lambda values: _median_rise(values, "plain20") >= _COLLAPSE,
        ),
        Criterion(
            "resnet56: the error rises with the number of blocks deleted, rank correlation at least 0.9",
            lambda values: (
                stats.rank_correlation(values["nets"]["resnet56"]["counts"], values["nets"]["resnet56"]["several"]) >= 0.9
            ),
        ),
        Criterion(
            "passing by and gamma = beta = 0 give the same error",
            lambda values: all(values["nets"][model]["zeroed"] == values["nets"][model]["one"][-1] for model in MODELS[1:]),
        ),
        Criterion(
            "the mean path length, weighted by the gradient's norm, is less than half the number of blocks",
            lambda values: values["gradient"]["mean_length"] < values["gradient"]["blocks"] / 2,
        ),
    ),
    measure=measure,
    headline=lambda values: {
        **{f"median rise of the error, one block deleted, {model}": _median_rise(values, model) for model in MODELS},
        **{f"error, nothing deleted, {model}": values["nets"][model]["whole"] for model in MODELS},
        "mean path length by gradient, resnet56": values["gradient"]["mean_length"],
    },
    figures={
        "lesions": ("Error on training images after lesions.", _draw_lesions),
        "lengths": ("Norm of the gradient of all paths of a length, summed exactly.", _draw_lengths),
    },
)
