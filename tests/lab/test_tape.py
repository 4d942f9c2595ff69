"""The tape against finite differences and automatic differentiation, and the NumPy blocks against Keras's layers."""

import numpy as np
import pytest

from keras_resnet.lab import nets, tape


def slope_by_differences(function, x, step=1e-6):
    """dJ/dx of a function of an array, central differences."""
    slope = np.zeros_like(x)
    for place in np.ndindex(x.shape):
        moved = [x.copy(), x.copy()]
        moved[0][place] += step
        moved[1][place] -= step
        slope[place] = (function(moved[0]) - function(moved[1])) / (2 * step)
    return slope


@pytest.mark.parametrize("activation", sorted(tape.ACTIVATIONS))
def test_gradients_are_those_of_finite_differences(activation):
    generator = np.random.default_rng(1)
    x, kernel, bias = generator.normal(size=(5, 3)), generator.normal(size=(3, 4)), generator.normal(size=4)
    labels = np.array([0, 3, 1, 1, 2])

    def loss(x, kernel, bias):
        nodes = tape.Node(x), tape.Node(kernel), tape.Node(bias)
        y = tape.activate(tape.shift(tape.linear(nodes[0], nodes[1]), nodes[2]), activation)
        y = tape.normalize(tape.add(y, tape.scale(y, 0.5)), 1e-3, constant=False)
        return tape.cross_entropy(y, labels), nodes

    output, nodes = loss(x, kernel, bias)
    found = tape.gradients(output, list(nodes))
    given = [x, kernel, bias]
    for number in range(3):

        def at(value, number=number):
            return float(loss(*[*given[:number], value, *given[number + 1 :]])[0].value)

        np.testing.assert_allclose(found[number], slope_by_differences(at, given[number]), atol=1e-7)


def test_constant_statistics_leave_out_their_own_slope():
    x = np.random.default_rng(2).normal(size=(6, 2))
    node = tape.Node(x)
    [slope] = tape.gradients(tape.normalize(node, 0.0, constant=True), [node])
    np.testing.assert_allclose(slope, np.ones_like(x) / x.std(axis=0))
    [slope] = tape.gradients(tape.normalize(node, 0.0, constant=False), [node])
    np.testing.assert_allclose(slope, 0, atol=1e-12)  # the sum of what is centred does not move


def test_a_node_that_does_not_matter_has_no_gradient():
    x, other = tape.Node([[1.0, 2.0]]), tape.Node([[3.0, 4.0]])
    assert [each.tolist() for each in tape.gradients(tape.scale(x, 2.0), [other, x])] == [[[0, 0]], [[2, 2]]]


@pytest.mark.parametrize("kind", ["plain", "residual", "scaled", "common", "normalised", "post-normalised"])
def test_numpy_blocks_are_the_catalogues_on_maps_of_one_pixel(kind):
    import keras

    from keras_resnet.models import resolve
    from keras_resnet.models.layer_factory import KerasLayers

    row, width = nets.KINDS[kind], 8
    make = nets.NumpyLayers(np.random.default_rng(3))
    x = np.random.default_rng(4).normal(size=(16, width))
    ours = nets.chain(tape.Node(x), kind, 2, make)[-1].value

    spec = resolve("resnet20", norm="batch" if row.norm else "none", epsilon=1e-3)
    unit = nets.Unit(filters=width, width=width // 4, scale=row.scale)
    images = y = keras.Input((1, 1, width))
    for block in range(2):
        y = row.block(y, unit, KerasLayers(spec).at(2, block), row.shortcut, row.join)
    network = keras.Model(images, y)
    convolutions = [layer for layer in network.layers if isinstance(layer, keras.layers.Conv2D)]
    assert len(convolutions) == len(make.weights) == 2 * row.layers
    for layer, node in zip(convolutions, make.weights, strict=True):
        kernel = np.zeros(layer.kernel.shape)
        kernel[kernel.shape[0] // 2, kernel.shape[1] // 2] = node.value
        layer.set_weights([kernel, *layer.get_weights()[1:]])
    theirs = keras.ops.convert_to_numpy(network(x[:, None, None].astype("float32"), training=row.norm))[:, 0, 0]
    np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_automatic_differentiation_is_the_tapes():
    from keras_resnet.lab.autodiff import native, vjp

    ops = native()

    generator = np.random.default_rng(5)
    x, kernel, slope = generator.normal(size=(4, 3)), generator.normal(size=(3, 2)), generator.normal(size=(4, 2))
    value, slopes = vjp(lambda x, kernel: ops.tanh(ops.matmul(x, kernel)), [x, kernel], slope)
    nodes = tape.Node(x), tape.Node(kernel)
    ours = tape.activate(tape.linear(*nodes), "tanh")
    np.testing.assert_allclose(value, ours.value, atol=1e-14)
    for one, other in zip(slopes, tape.gradients(ours, list(nodes), slope), strict=True):
        assert one.dtype == np.float64
        np.testing.assert_allclose(one, other, atol=1e-14)
