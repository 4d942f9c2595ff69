"""The paths of a residual net.

`h[0] = x`, `h[k] = h[k-1] + f[k](h[k-1])`, `y = h[4]`. Written out, with every h replaced by what it is made of,

    y = x + f1(x) + f2(x + f1(x)) + f3(x + f1(x) + f2(x + f1(x))) + f4(...)

f1 stands there 1 + 1 + 2 + 4 = 8 times. With `J[k]` the Jacobian of f[k] at h[k-1], `dy/dx = (I + J4)(I + J3)(I + J2)(I +
J1)`: sixteen products, a path each, which takes the branch of some blocks and passes the others. `dy/df1 = (I + J4)(I +
J3)(I + J2)` has eight. Of 2^n paths through n blocks `binomial(n, k)` take k branches.
"""

import itertools
import math

import numpy as np

from keras_resnet import stats
from keras_resnet.blocks import preact, shortcut
from keras_resnet.blocks.unit import Unit
from keras_resnet.lab import figures, nets, tape
from keras_resnet.lab.experiment import Criterion, Experiment

BLOCKS = 4
RESNET50_BLOCKS = 16  # 3 + 4 + 6 + 3, He et al. 2015, table 1


class _Function:
    """f[k](x) = W2 relu(W1 relu(x)): the branch of the catalogue's pre-activation block. It counts how often it is used."""

    def __init__(self, generator, width):
        self.make, self.unit, self.uses = _Kept(generator), Unit(filters=width, width=width), 0

    def __call__(self, x):
        self.uses += 1
        self.make.met = 0
        return preact.preact_basic_block(x, self.unit, self.make, None, shortcut.add)

    @property
    def kernels(self):
        return [node.value for node in self.make.weights]


class _Kept(nets.NumpyLayers):
    """Draws its two kernels when they are first met and keeps them."""

    def conv(self, x, branch, filters, kernel, *, stride=1, dilation=1, groups=1):
        if len(self.weights) < 2:
            return super().conv(x, branch, filters, kernel)
        self.met += 1
        return tape.linear(x, self.weights[self.met - 1])


def measure(setting):
    """Both expressions, the paths, the terms of dy/df1, and the path lengths of the built ResNet50."""
    width = setting.choose(8, 32)
    functions = [_Function(setting.generator(k), width) for k in range(BLOCKS)]
    point = setting.generator(BLOCKS).normal(size=width)
    x = tape.Node(np.tile(point, (width, 1)))  # a copy for each output, so that one way back gives a whole Jacobian
    h = _composed(x, functions)
    for function in functions:
        function.uses = 0
    expanded = _expanded(x, functions)
    uses = [function.uses for function in functions]
    jacobians = [_jacobian(function, node) for function, node in zip(functions, h, strict=False)]
    from_x, from_f1 = _automatic(functions, h)
    paths = _products(jacobians, range(BLOCKS))
    terms = _products(jacobians, range(1, BLOCKS))
    lengths = path_lengths()
    return {
        "width": width,
        "composed_expanded_difference": _difference(expanded.value, h[-1].value),
        "uses": uses,
        "paths": {_name(path): float(np.linalg.norm(product)) for path, product in paths.items()},
        "paths_difference": _difference(sum(paths.values()), from_x),
        "terms": {_name(path): float(np.linalg.norm(product)) for path, product in terms.items()},
        "terms_difference": _difference(sum(terms.values()), from_f1),
        "resnet50_lengths": lengths,
        "resnet50_paths": sum(lengths),
    }


def _composed(x, functions):
    """The h[k], a list from x to y."""
    h = [x]
    for function in functions:
        h.append(tape.add(h[-1], function(h[-1])))
    return h


def _expanded(x, functions):
    """y written out: every occurrence of an h is computed anew from x, the terms added from left to right."""
    total = x
    for k, function in enumerate(functions):
        total = tape.add(total, function(_expanded(x, functions[:k])))
    return total


def _jacobian(function, h):
    """`(D, D)`, row i the gradient of output i."""
    x = tape.Node(h.value)
    return tape.gradients(function(x), [x], np.eye(h.value.shape[1]))[0]


def _products(jacobians, blocks):
    """Path -> product of the Jacobians of the blocks whose branch it takes; the identity for none."""
    found = {}
    for path in itertools.chain.from_iterable(itertools.combinations(blocks, count) for count in range(len(blocks) + 1)):
        product = np.eye(len(jacobians[0]))
        for k in path:
            product = jacobians[k] @ product
        found[path] = product
    return found


def _automatic(functions, h):
    """dy/dx and dy/df1, `(D, D)` each, by the backend's automatic differentiation in float64."""
    from keras_resnet.autodiff import native, vjp

    ops = native()

    def after(start):
        def output(tensor):
            for function in functions[start:]:
                first, second = map(ops.array, function.kernels)
                tensor = tensor + ops.matmul(ops.relu(ops.matmul(ops.relu(tensor), first)), second)
            return tensor

        return output

    eye = np.eye(h[0].value.shape[1])
    # y depends on f1 as it depends on h[1] = x + f1.
    return vjp(after(0), [h[0].value], eye)[1][0], vjp(after(1), [h[1].value], eye)[1][0]


def path_lengths():
    """How many paths of the built ResNet50, from its input to its output, take 0, 1 .. 16 branches: a list of int.

    Counted on the graph: a layer has the paths of all that it reads, and those through a branch's last convolution are one
    longer.
    """
    from keras_resnet.models.graph import steps
    from keras_resnet.resnet50 import ResNet50

    counts = []
    for step in steps(ResNet50(weights=None, input_shape=(64, 64, 3), classes=6)):
        count = np.zeros(RESNET50_BLOCKS + 2, dtype=np.int64)
        count[0] = not step.inputs
        for number in step.inputs:
            count += counts[number]
        counts.append(np.roll(count, 1) if step.layer.name.endswith("_branch2c") and step.layer.name[:3] == "res" else count)
    return np.trim_zeros(counts[-1], "b").tolist()


def _difference(one, other):
    return float(np.max(np.abs(one - other)) / np.max(np.abs(other)))


def _name(path):
    return " ".join(f"f{k + 1}" for k in path) or "x"


def _draw(result):
    figure, axes = figures.panels(2, width=4.4)
    names = list(result.values[0]["paths"])
    norms = [list(paths.values()) for paths in figures.of(result, "paths")]
    figures.bars(axes[0], names, norms, form="{:.1f}")
    axes[0].tick_params(axis="x", rotation=90)
    figures.finish(axes[0], "Sixteen paths", "norm of the product of Jacobians", "", "", legend=False)
    lengths = np.arange(RESNET50_BLOCKS + 1)
    axes[1].set_xticks(lengths[::2])
    counted = np.divide(result.values[0]["resnet50_lengths"], result.values[0]["resnet50_paths"])
    axes[1].bar(lengths, counted, color=figures.COLORS[0], label="counted on the graph")
    axes[1].plot(
        lengths, stats.binomial(RESNET50_BLOCKS), "o", color=figures.COLORS[1], markersize=4, label="binomial(16, 1/2)"
    )
    figures.finish(
        axes[1], "Paths of ResNet50", f"{result.values[0]['resnet50_paths']:,} paths", "branches taken", "share of the paths"
    )
    return figure


EXPERIMENT = Experiment(
    name="unrolled-paths",
    claim="A residual net is a sum over paths: four blocks written out have sixteen, use f1 eight times and give dy/df1 "
    "as eight terms, and the lengths of ResNet50's paths follow the binomial law.",
    source="Veit et al. 2016, arXiv:1605.06431, section 3 and equation 6; Prince, Understanding Deep Learning, equations "
    "11.5 and 11.6",
    protocol="Four branches of the catalogue's pre-activation basic block, 32 units (quick: 8), float64. Composed and "
    "written out; the products of Jacobians, each computed on its own in NumPy, against the backend's automatic "
    "differentiation: largest difference over the largest entry. ResNet50's paths counted on the graph of the built "
    "network.",
    criteria=(
        Criterion("both expressions are equal within 1e-12", lambda values: values["composed_expanded_difference"] <= 1e-12),
        Criterion("written out, f1 to f4 are used 8, 4, 2 and 1 times", lambda values: values["uses"] == [8, 4, 2, 1]),
        Criterion(
            "there are sixteen paths and their sum is dy/dx within 1e-10",
            lambda values: len(values["paths"]) == 16 and values["paths_difference"] <= 1e-10,
        ),
        Criterion(
            "there are eight terms and their sum is dy/df1 within 1e-10",
            lambda values: len(values["terms"]) == 8 and values["terms_difference"] <= 1e-10,
        ),
        Criterion(
            "of ResNet50's paths exactly binomial(16, k) take k branches",
            lambda values: values["resnet50_lengths"] == [math.comb(RESNET50_BLOCKS, k) for k in range(RESNET50_BLOCKS + 1)],
        ),
    ),
    measure=measure,
    headline=lambda values: {
        "difference of the two expressions": values["composed_expanded_difference"],
        "difference of the sixteen paths' sum": values["paths_difference"],
        "difference of the eight terms' sum": values["terms_difference"],
        "uses of f1": values["uses"][0],
        "paths of ResNet50": values["resnet50_paths"],
    },
    figures={"paths": ("Left, x stands for the path that takes no branch.", _draw)},
)
