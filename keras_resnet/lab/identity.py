"""A block can fall back to the identity.

`a[l+2] = g(W a[l+1] + b + a[l])`. With W = 0 and b = 0 it is `g(a[l])`, and with g = ReLU and `a[l] >= 0`, as behind
another ReLU, a[l] itself. A deeper net therefore holds the shallower one: append blocks whose branch is zero, by a zero
gamma and beta of its last normalisation, with an identity shortcut or a projection `W_s` = I. A plain layer has no such
setting at its start.
"""

import numpy as np

from keras_resnet.lab import figures, tape
from keras_resnet.lab.experiment import Criterion, Experiment

APPENDED = {"identity": "two blocks, identity shortcut", "projection": "two blocks, W_s = I", "plain": "two plain blocks"}
_BLOCKS = 2
_WORSE = 0.02  # nats of training loss by which the deeper net may end above the shallow one and still count as not worse


def measure(setting):
    """The equation in NumPy; a trained net before and after appending; training that goes on from there."""
    from keras_resnet.lab import training

    start = training.trained(setting, "resnet20", depths=(1, 1, 1))
    images = start.images.test.images
    before = training.output(start.network, images)
    deeper = {way: training.appended(start, way, _BLOCKS) for way in APPENDED}
    changes = {}
    for way, network in deeper.items():
        after = training.output(network, images)
        changes[way] = {"different": int(np.sum(before != after)), "largest": float(np.max(np.abs(before - after)))}
    shallow = training.appended(start, "identity", 0)
    epochs = setting.choose(3, 8)
    losses = {
        way: training.go_on(setting, network, start.images, epochs) for way, network in {"shallow": shallow, **deeper}.items()
    }
    return {
        "equation": {name: _equation(setting.generator(), name) for name in tape.ACTIVATIONS},
        "outputs": before.size,
        "changes": changes,
        "start_loss": start.train_loss,
        "losses": losses,
    }


def _equation(generator, name):
    """Of a million entries, how many of `g(W g(..) + b + a)` with W = 0, b = 0 differ from `g(a)`; and from a, where a >= 0."""
    g = tape.ACTIVATIONS[name][0]
    a = generator.normal(size=(1000, 64))
    W, b = np.zeros((64, 64)), np.zeros(64)
    inner = g(a @ generator.normal(size=(64, 64)))
    active = np.maximum(a, 0)
    return {
        "different": int(np.sum(g(inner @ W + b + a) != g(a))),
        "different_from_input": int(np.sum(g(inner @ W + b + active) != active)),
    }


def _end(values, way):
    return values["losses"][way]["end"]


def _draw(result):
    figure, axes = figures.panels(2, width=4.4)
    largest = [[changes[way]["largest"] for way in APPENDED] for changes in figures.of(result, "changes")]
    figures.bars(axes[0], list(APPENDED), largest)
    figures.finish(axes[0], "Appended to a trained net", "largest change of a probability", "", "", legend=False)
    for number, way in enumerate(("shallow", *APPENDED)):
        curves = figures.of(result, "losses", way, "epochs")
        figures.band(axes[1], np.arange(len(curves[0])) + 1, curves, APPENDED.get(way, "nothing"), number, marker="o")
    figures.finish(
        axes[1], "Training goes on", "training loss in nats, a mean over each epoch", "epochs after appending", "", log=True
    )
    return figure


EXPERIMENT = Experiment(
    name="identity",
    claim="A residual block can fall back to the identity, so that a deeper net need not be worse: blocks appended with a "
    "zero branch leave a trained net's output as it is to the bit, and training from there does not get worse.",
    source="He et al. 2015, arXiv:1512.03385, section 1 and equation 1; deeplearning.ai, course 4, week 2",
    protocol="The equation in NumPy, float64, 64,000 entries for each activation. A narrow resnet20 of one block a stage, "
    "trained on the synthetic signs; two basic blocks appended behind its last, the last gamma and beta of each branch "
    "zero: identity shortcut, or a 1x1 projection that starts at the identity matrix; or two plain blocks as they come. "
    "Probabilities of the test images compared bit by bit. Then 8 epochs more (quick: 3) of each and of the shallow net, "
    "a fifth of the rate; training loss at the end in inference mode.",
    criteria=(
        Criterion(
            "W = b = 0 gives g(a) exactly for ReLU, tanh and sigmoid, and with ReLU and a >= 0 it gives a",
            lambda values: (
                all(row["different"] == 0 for row in values["equation"].values())
                and values["equation"]["relu"]["different_from_input"] == 0
            ),
        ),
        Criterion(
            "appended residual blocks change no bit of the output, with an identity shortcut and with W_s = I",
            lambda values: values["changes"]["identity"]["different"] == values["changes"]["projection"]["different"] == 0,
        ),
        Criterion(
            "appended plain blocks change a probability by more than 0.01",
            lambda values: values["changes"]["plain"]["largest"] > 0.01,
        ),
        Criterion(
            f"after further training the deeper residual nets' loss is at most the shallow net's + {_WORSE}",
            lambda values: max(_end(values, "identity"), _end(values, "projection")) <= _end(values, "shallow") + _WORSE,
        ),
    ),
    measure=measure,
    headline=lambda values: {
        **{f"largest change, {way}": values["changes"][way]["largest"] for way in APPENDED},
        **{f"training loss at the end, {way}": _end(values, way) for way in ("shallow", *APPENDED)},
    },
    figures={"appended": ("Left, before any further training; right, training from there.", _draw)},
)
