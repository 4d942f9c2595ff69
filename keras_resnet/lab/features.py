"""Linear probes (Alain and Bengio 2016, arXiv:1610.01644): how far the classes can be told apart by a linear classifier
behind each block.

The features of a block are the means of its channels over 2 x 2 regions of the map, f in R^(4C); the probe is the ridge
regression `W = (F^T F + lambda I)^-1 F^T Y` of one-hot classes on the training images, features standardised; its error is
that on test images.
"""

import base64
import dataclasses
import io

import numpy as np

from keras_resnet import stats
from keras_resnet.lab import figures
from keras_resnet.lab.experiment import Criterion, Experiment

MODEL = "resnet20"
_RIDGE = 10.0
_CHANNELS, _SHOWN = 2, 6  # channels of a stage in the picture, and images a channel


def measure(setting):
    """Test errors of the probes on the trained net and on the net before training; what channels respond to."""
    from keras_resnet.lab import training

    setting = dataclasses.replace(setting, quick=False)  # what a net has hardly learnt in the quick form tells nothing here
    done, fresh = training.trained(setting, MODEL), training.untrained(setting, MODEL)
    made = done.images
    probes, pictures = {}, []
    for name, network in (("trained", done.network), ("untrained", fresh)):
        train, test = training.maps(network, made.train.images), training.maps(network, made.test.images)
        errors = [
            _probe(regions(one), made.train.labels, regions(other), made.test.labels)
            for one, other in zip(train, test, strict=True)
        ]
        probes[name] = errors
        if name == "trained":
            pictures = _responses(test, made.test.images)
    return {"probes": probes, "test_error": done.test_error, "responses": pictures, "images": len(made.test)}


def regions(maps):
    """The means over 2 x 2 regions: `(N, H, W, C)`, H and W even, to `(N, 4 C)`."""
    count, height, width, channels = maps.shape
    return maps.reshape(count, 2, height // 2, 2, width // 2, channels).mean(axis=(2, 4)).reshape(count, -1)


def _probe(train, train_labels, test, test_labels):
    """The test error of a ridge regression, 0 to 1."""
    mean, deviation = train.mean(axis=0), train.std(axis=0) + 1e-6
    F, G = (np.pad((each - mean) / deviation, ((0, 0), (0, 1)), constant_values=1.0) for each in (train, test))
    Y = np.eye(train_labels.max() + 1)[train_labels]
    W = np.linalg.solve(F.T @ F + _RIDGE * np.eye(F.shape[1]), F.T @ Y)
    return float(np.mean((G @ W).argmax(axis=1) != test_labels))


def _responses(maps, pixels):
    """The images to which the most variable channels behind each stage respond most, as PNG in base64: a dict a channel."""
    found = []
    stages = [
        block
        for block, (one, other) in enumerate(zip(maps, [*maps[1:], None], strict=True))
        if other is None or one.shape != other.shape
    ]
    for stage, block in enumerate(stages, start=2):
        peaks = maps[block].mean(axis=(1, 2))
        for channel in np.argsort(-peaks.std(axis=0))[:_CHANNELS]:
            best = np.argsort(-peaks[:, channel])[:_SHOWN]
            found.append({"stage": stage, "channel": int(channel), "png": _png(np.concatenate(pixels[best], axis=1))})
    return found


def _png(pixels):
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format="PNG")
    return base64.b64encode(stream.getvalue()).decode("ascii")


def _rise(values, name):
    """The fall of the error from the first block to the last."""
    return values["probes"][name][0] - values["probes"][name][-1]


def _draw_probes(result):
    figure, axes = figures.panels(1, width=5.5)
    for number, name in enumerate(("trained", "untrained")):
        errors = figures.of(result, "probes", name)
        figures.band(axes[0], np.arange(len(errors[0])) + 1, errors, name, number, marker="o")
    network = np.mean(figures.of(result, "test_error"))
    axes[0].axhline(network, color=figures.INK, linewidth=1, linestyle=figures.DASHES[1], label="the net itself")
    figures.finish(axes[0], "Linear probes", "error on test images", "block", "")
    axes[0].set_ylim(bottom=0)
    return figure


def _draw_responses(result):
    from PIL import Image

    from keras_resnet.evaluate import drawing

    rows = result.values[0]["responses"]
    figure = drawing.new_figure(5.2, 0.95 * len(rows) + 0.3, clear=True)
    for place, row in enumerate(rows, start=1):
        axes = figure.add_subplot(len(rows), 1, place)
        axes.imshow(np.asarray(Image.open(io.BytesIO(base64.b64decode(row["png"])))), interpolation="nearest")
        axes.set_axis_off()
        axes.set_title(f"stage {row['stage']}, channel {row['channel']}", fontsize=8, color=drawing.NEUTRAL, loc="left", pad=2)
    return figure


EXPERIMENT = Experiment(
    name="features",
    claim="The classes become more linearly separable from the early to the late layers of a trained net.",
    source="Alain and Bengio 2016, arXiv:1610.01644, section 4; Zeiler and Fergus 2014, arXiv:1311.2901, for the pictures",
    protocol=f"{MODEL} as trained for `degradation`, and before training. Means of each channel over 2 x 2 regions behind "
    "each block, standardised; ridge regression on the training images, error on the test images. Pictures: the test "
    "images with the largest mean activation of the two most variable channels behind each stage. The quick form is the same.",
    criteria=(
        Criterion(
            "trained: the probe's error falls with the block, rank correlation at most -0.8",
            lambda values: stats.rank_correlation(range(len(values["probes"]["trained"])), values["probes"]["trained"]) <= -0.8,
        ),
        Criterion(
            "trained: from the first block to the last the error falls by at least 10 points",
            lambda values: _rise(values, "trained") >= 0.1,
        ),
        Criterion(
            "training made it so: untrained, the error falls by at least 10 points less",
            lambda values: _rise(values, "trained") - _rise(values, "untrained") >= 0.1,
        ),
    ),
    measure=measure,
    headline=lambda values: {
        f"probe's error, {name}, {place} block": values["probes"][name][index]
        for name in ("trained", "untrained")
        for place, index in (("first", 0), ("last", -1))
    },
    figures={
        "probes": ("Error of the probe behind each block.", _draw_probes),
        "responses": ("The test images to which channels respond most, first seed.", _draw_responses),
    },
)
