"""The two terms of a weight gradient beside a shortcut.

`s[l] = a[l-1] W[l] + b[l] + a[l-1]`, `a[l] = g(s[l])`, l = 1 .. L, rows of a the examples, `J = sum of a[L] * c`. The
output of layer l reaches s[l+1] twice: through W[l+1], and by the shortcut. With `d[l] = dJ/ds[l]`,

    dJ/da[l] = d[l+1] + d[l+1] W[l+1]^T          direct + through the next layer
    dJ/dW[l] = a[l-1]^T (d[l+1] * g'(s[l])) + a[l-1]^T ((d[l+1] W[l+1]^T) * g'(s[l]))

Where W[l+1] has variance `gain / n` and is independent of d[l+1], the second term's norm is sqrt(gain) times the first's,
and the direct term's share, its norm over the sum of both norms, `1 / (1 + sqrt(gain))`.
"""

import numpy as np

from keras_resnet.lab import figures, tape
from keras_resnet.lab.experiment import Criterion, Experiment

ACTIVATIONS = ("tanh", "relu")
GAINS = (1.0, 0.1)
LAYERS = 12
_TOLERANCE = 1e-10
_SHARE_TOLERANCE = 0.05


def measure(setting):
    """For each activation and gain: the terms' norms by layer, and their sum's distance from automatic differentiation."""
    width, batch = setting.choose((32, 64), (128, 256))
    table = {}
    for activation in ACTIVATIONS:
        for gain in GAINS:
            table.setdefault(activation, {})[f"{gain:g}"] = _one(setting.generator(), activation, gain, width, batch)
    return {"width": width, "batch": batch, "nets": table}


def _one(generator, activation, gain, width, batch):
    weights = [generator.normal(0, np.sqrt(gain / width), (width, width)) for _ in range(LAYERS)]
    biases = [generator.normal(0, 0.1, width) for _ in range(LAYERS)]
    x, c = generator.normal(size=(2, batch, width))
    direct, through = terms(x, weights, biases, c, activation)
    reference = automatic(x, weights, biases, c, activation)[: LAYERS - 1]
    errors = [
        float(np.max(np.abs(one + two - whole)) / np.max(np.abs(whole)))
        for one, two, whole in zip(direct, through, reference, strict=True)
    ]
    norms = [[float(np.linalg.norm(term)) for term in part] for part in (direct, through)]
    shares = [one / (one + two) for one, two in zip(*norms, strict=True)]
    return {"direct": norms[0], "through": norms[1], "share": shares, "mean_share": np.mean(shares), "error": max(errors)}


def terms(x, weights, biases, c, activation):
    """The two terms of dJ/dW[l] for l = 1 .. L - 1, by the chain rule in NumPy.

    Args:
        x: float64 `(N, D)`, a[0].
        weights, biases: L arrays `(D, D)` and `(D,)`.
        c: `(N, D)`, dJ/da[L].
        activation: of `tape.ACTIVATIONS`.

    Returns:
        `(direct, through)`, two lists of arrays `(D, D)`.
    """
    g, derivative = tape.ACTIVATIONS[activation]
    a, s = [x], []
    for W, b in zip(weights, biases, strict=True):
        s.append(a[-1] @ W + b + a[-1])
        a.append(g(s[-1]))
    direct, through = [], []
    d = c * derivative(s[-1])  # dJ/ds[L]
    for number in range(len(weights) - 2, -1, -1):  # s[number] is s[l] of layer l = number + 1, whose input is a[number]
        parts = d, d @ weights[number + 1].T
        direct.insert(0, a[number].T @ (parts[0] * derivative(s[number])))
        through.insert(0, a[number].T @ (parts[1] * derivative(s[number])))
        d = (parts[0] + parts[1]) * derivative(s[number])
    return direct, through


def automatic(x, weights, biases, c, activation):
    """dJ/dW[l] for every layer by the automatic differentiation of Keras's backend, in float64."""
    from keras_resnet.autodiff import native, vjp

    ops = native()
    g = getattr(ops, activation)

    def output(*weights):
        a = ops.array(x)
        for W, b in zip(weights, biases, strict=True):
            a = g(ops.matmul(a, W) + ops.array(b) + a)
        return a

    return vjp(output, weights, c)[1]


def _draw(result):
    figure, axes = figures.panels(len(GAINS), share=True)
    layers = np.arange(1, LAYERS)
    for panel, gain in zip(axes, GAINS, strict=True):
        for number, activation in enumerate(ACTIVATIONS):
            shares = figures.of(result, "nets", activation, f"{gain:g}", "share")
            figures.band(panel, layers, shares, activation, number, marker="o")
        panel.axhline(1 / (1 + gain**0.5), color=figures.INK, linewidth=1, linestyle=figures.DASHES[1], label="theory")
        figures.finish(panel, "Direct term", f"weights of variance {gain:g}/n", "layer", "share of the two norms")
        panel.set_ylim(0, 1)
    return figure


EXPERIMENT = Experiment(
    name="backprop-term",
    claim="The weight gradient of a layer whose output a shortcut carries over the next one is the sum of a direct term "
    "and the term through the next layer.",
    source="He et al. 2016, arXiv:1603.05027, equation 5; the chain rule",
    protocol=f"{LAYERS} layers a[l] = g(a[l-1] W[l] + b[l] + a[l-1]), tanh and ReLU, weights of variance 1/n and 0.1/n, "
    "float64. Both terms by the chain rule in NumPy; their sum against the backend's automatic differentiation: largest "
    "difference over the largest entry. 128 units and 256 examples (quick: 32 and 64).",
    criteria=(
        Criterion(
            "the sum of the two terms is automatic differentiation's gradient within 1e-10 in every layer",
            lambda values: all(row["error"] <= _TOLERANCE for rows in values["nets"].values() for row in rows.values()),
        ),
        Criterion(
            "the direct term's share is 1 / (1 + sqrt(gain)) within 0.05, in the mean over the layers",
            lambda values: all(
                abs(rows[f"{gain:g}"]["mean_share"] - 1 / (1 + gain**0.5)) <= _SHARE_TOLERANCE
                for rows in values["nets"].values()
                for gain in GAINS
            ),
        ),
    ),
    measure=measure,
    headline=lambda values: {
        **{f"largest difference, {name}": max(row["error"] for row in rows.values()) for name, rows in values["nets"].items()},
        **{
            f"direct term's share, {name}, gain {gain:g}": values["nets"][name][f"{gain:g}"]["mean_share"]
            for name in ACTIVATIONS
            for gain in GAINS
        },
    },
    figures={"shares": ("Norm of the direct term over the sum of both norms, by layer, 1 at the input.", _draw)},
)
