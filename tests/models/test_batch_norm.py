import itertools

import keras
import numpy as np
import pytest

import keras_resnet as kr
from keras_resnet.errors import ModelError
from keras_resnet.models import batches


def one_norm(momentum=0.99):
    inputs = keras.Input((4, 4, 2))
    return keras.Model(inputs, keras.layers.BatchNormalization(momentum=momentum, name="bn")(inputs))


def test_recalibration_gives_the_mean_of_the_batches_own_statistics():
    images = np.random.default_rng(1).normal(3, 2, (40, 4, 4, 2)).astype("float32")
    model = one_norm()
    assert kr.recalibrate_batch_norm(model, images, batch_size=10) == 4
    batches = images.reshape(4, 10, 4, 4, 2)
    layer = model.get_layer("bn")
    np.testing.assert_allclose(layer.moving_mean, batches.mean(axis=(1, 2, 3)).mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(layer.moving_variance, batches.var(axis=(1, 2, 3)).mean(axis=0), rtol=1e-4)
    assert layer.momentum == 0.99


def test_recalibration_leaves_weights_and_frozen_statistics():
    images = np.random.default_rng(1).normal(3, 2, (20, 32, 32, 3)).astype("float32")
    model = kr.models.create_model("resnet-tiny", input_shape=(32, 32, 3), classes=3)
    model.get_layer("bn_conv1").trainable = False
    before = {weight.path: np.array(weight) for weight in model.weights}
    kr.recalibrate_batch_norm(model, images, batch_size=10)
    for weight in model.weights:
        statistic = "moving" in weight.path and not weight.path.startswith("bn_conv1")
        assert np.array_equal(before[weight.path], np.array(weight)) != statistic, weight.path


def test_recalibration_takes_batches_and_refuses_none():
    images = np.random.default_rng(1).normal(3, 2, (20, 4, 4, 2)).astype("float32")
    model, other = one_norm(), one_norm()
    kr.recalibrate_batch_norm(model, images, batch_size=10)
    kr.recalibrate_batch_norm(other, iter([images[:10], images[10:]]))
    np.testing.assert_array_equal(model.get_layer("bn").moving_mean, other.get_layer("bn").moving_mean)
    with pytest.raises(ModelError, match="at least one batch of images, received none"):
        kr.recalibrate_batch_norm(one_norm(), [])


def test_momentum_is_set_everywhere_and_followed():
    model = one_norm()
    kr.models.set_batch_norm_momentum(model, 0.5)
    model(np.full((2, 4, 4, 2), 4.0, "float32"), training=True)
    np.testing.assert_allclose(model.get_layer("bn").moving_mean, [2.0, 2.0])


def two_streams():
    """A model of two named inputs with a normalisation each."""
    rgb, depth = keras.Input((4, 4, 2), name="rgb"), keras.Input((4, 4, 1), name="depth")
    norms = [keras.layers.BatchNormalization(name=f"bn_{name}") for name in ("rgb", "depth")]
    return keras.Model([rgb, depth], [norms[0](rgb), norms[1](depth)])


IMAGES = np.random.default_rng(1).normal(3, 2, (22, 4, 4, 2)).astype("float32")
BATCHES = [IMAGES[:8], IMAGES[8:16], IMAGES[16:]]
MEAN = np.mean([batch.mean((0, 1, 2)) for batch in BATCHES], axis=0)
VARIANCE = np.mean([batch.var((0, 1, 2)) for batch in BATCHES], axis=0)
LABELS, WEIGHTS = np.arange(22) % 3, np.ones(22, "float32")


class Rows(keras.utils.PyDataset):
    """Batches of arrays by their number; without end if so told."""

    def __init__(self, *arrays, endless=False):
        super().__init__()
        self.arrays, self.endless = arrays, endless

    @property
    def num_batches(self):
        return None if self.endless else -(-len(self.arrays[0]) // 8)

    def __getitem__(self, index):
        start = index % 3 * 8
        return tuple(array[start : start + 8] for array in self.arrays)


class Numbered:
    """As Keras 2's sequences were written: a length and numbered batches, and no end to the numbers."""

    def __len__(self):
        return 3

    def __getitem__(self, index):
        return IMAGES[8 * index : 8 * index + 8], LABELS[8 * index : 8 * index + 8]


def of_tensorflow(*parts):
    tf = pytest.importorskip("tensorflow")
    return tf.data.Dataset.from_tensor_slices(parts[0] if len(parts) == 1 else parts).batch(8)


def of_torch(*parts):
    torch = pytest.importorskip("torch")
    tensors = [torch.tensor(part, requires_grad=part.dtype == np.float32) for part in parts]
    return torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*tensors), batch_size=8)


SOURCES = {
    "images and labels": lambda: (IMAGES, LABELS),
    "images, labels and weights": lambda: (IMAGES, LABELS, WEIGHTS),
    "dict of arrays": lambda: {"image": IMAGES, "label": LABELS},
    "tf.data of images": lambda: of_tensorflow(IMAGES),
    "tf.data of pairs": lambda: of_tensorflow(IMAGES, LABELS),
    "tf.data of triples": lambda: of_tensorflow(IMAGES, LABELS, WEIGHTS),
    "tf.data of dicts": lambda: of_tensorflow({"label": LABELS, "image": IMAGES}),
    "tf.data of a dict and labels": lambda: of_tensorflow({"image": IMAGES, "number": WEIGHTS}, LABELS),
    "tf.data of unknown length": lambda: of_tensorflow(IMAGES, LABELS).filter(lambda images, labels: True),
    "endless tf.data": lambda: of_tensorflow(IMAGES, LABELS).repeat(),
    "PyDataset of images": lambda: Rows(IMAGES),
    "PyDataset of triples": lambda: Rows(IMAGES, LABELS, WEIGHTS),
    "endless PyDataset": lambda: Rows(IMAGES, LABELS, endless=True),
    "sequence of Keras 2": Numbered,
    "torch of images": lambda: of_torch(IMAGES),
    "torch of pairs": lambda: of_torch(IMAGES, LABELS),
    "torch of triples": lambda: of_torch(IMAGES, LABELS, WEIGHTS),
    "list of batches": lambda: BATCHES,
    "tuple of batches": lambda: tuple(BATCHES),
    "list of pairs": lambda: [(batch, None) for batch in BATCHES],
    "generator": lambda: (batch for batch in BATCHES),
    "generator of pairs": lambda: ((batch, np.zeros(len(batch))) for batch in BATCHES),
    "endless generator": lambda: ((batch, 0) for batch in itertools.cycle(BATCHES)),
    "endless iterator": lambda: itertools.cycle(BATCHES),
}


@pytest.mark.parametrize("source", SOURCES)
def test_every_source_of_batches_gives_the_mean_of_their_statistics(source):
    model = one_norm()
    steps = 3 if "endless" in source else None
    assert kr.recalibrate_batch_norm(model, SOURCES[source](), batch_size=8, steps=steps) == 3
    np.testing.assert_allclose(model.get_layer("bn").moving_mean, MEAN, rtol=1e-5)
    np.testing.assert_allclose(model.get_layer("bn").moving_variance, VARIANCE, rtol=1e-4)


@pytest.mark.parametrize("source", ["tf.data of pairs", "PyDataset of triples", "torch of pairs", "dict of arrays"])
def test_steps_end_every_source_early(source):
    model = one_norm()
    assert kr.recalibrate_batch_norm(model, SOURCES[source](), batch_size=8, steps=1) == 1
    np.testing.assert_allclose(model.get_layer("bn").moving_mean, BATCHES[0].mean((0, 1, 2)), rtol=1e-5)


@pytest.mark.parametrize("source", ["endless tf.data", "endless PyDataset"])
def test_an_endless_source_asks_for_steps(source):
    with pytest.raises(ModelError, match="^recalibrate_batch_norm: the data set is endless: pass steps=, how many"):
        kr.recalibrate_batch_norm(one_norm(), SOURCES[source]())


@pytest.mark.parametrize("endless", [itertools.cycle([IMAGES]), (IMAGES for _ in itertools.count())])
def test_a_source_of_unknown_length_ends_and_says_where(endless, monkeypatch):
    monkeypatch.setattr(batches, "UNCOUNTED", 100)
    with pytest.warns(UserWarning, match="took 110 images, the first 5 batches of a source that does not say how many it has"):
        assert kr.recalibrate_batch_norm(one_norm(), endless) == 5


def test_a_source_of_just_as_many_images_is_taken_whole(monkeypatch, recwarn):
    monkeypatch.setattr(batches, "UNCOUNTED", 22)
    assert kr.recalibrate_batch_norm(one_norm(), iter(BATCHES)) == 3
    assert not [each for each in recwarn if "took 22 images" in str(each.message)]


def test_a_small_last_batch_counts_in_no_source():
    one, other = one_norm(), one_norm()
    assert kr.recalibrate_batch_norm(one, IMAGES[:19], batch_size=8) == 2
    assert kr.recalibrate_batch_norm(other, iter([IMAGES[:8], IMAGES[8:16], IMAGES[16:19], IMAGES[:0]])) == 2
    np.testing.assert_array_equal(one.get_layer("bn").moving_variance, other.get_layer("bn").moving_variance)


@pytest.mark.parametrize("form", ["dict", "named dict with labels", "list and labels", "arrays"])
def test_models_of_several_inputs_take_them_by_name_or_in_order(form):
    depth = IMAGES[..., :1] * 10
    pairs = [(batch, batch[..., :1] * 10) for batch in BATCHES]
    data = {
        "dict": [{"depth": second, "rgb": first} for first, second in pairs],
        "named dict with labels": [{"depth": second, "label": 1, "rgb": first} for first, second in pairs],
        "list and labels": [([first, second], 0) for first, second in pairs],
        "arrays": {"rgb": IMAGES, "depth": depth},
    }[form]
    model = two_streams()
    assert kr.recalibrate_batch_norm(model, data, batch_size=8) == 3
    np.testing.assert_allclose(model.get_layer("bn_rgb").moving_mean, MEAN, rtol=1e-5)
    np.testing.assert_allclose(model.get_layer("bn_depth").moving_mean, MEAN[:1] * 10, rtol=1e-5)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([(IMAGES, LABELS, WEIGHTS, LABELS)], "batch 1: expected images, .* received 4 parts"),
        ([IMAGES, LABELS], r"batch 2: expected images of shape \(N, 4, 4, 2\), received \(22,\)"),
        (IMAGES.transpose(0, 3, 1, 2), r"batch 1: expected images of shape \(N, 4, 4, 2\), received \(22, 2, 4, 4\)"),
        ([IMAGES[0]], "batch 1: .* a single image, put it into a batch"),
        ([{"a": IMAGES, "b": IMAGES}], "batch 1: .* one part of the input's shape, received 'a' .22, 4, 4, 2., 'b'"),
        ([np.array(["cat.jpg"])], "batch 1: expected images, received ndarray of <U7"),
        ([IMAGES, IMAGES * np.nan], "batch 2: NaN or infinity in the images"),
        ("photos", "expected an array of images or an iterable of batches, received str"),
        (7, "expected an array of images or an iterable of batches, received int"),
    ],
)
def test_batches_that_are_none_are_one_line_and_change_nothing(data, message):
    model = one_norm()
    before = model.get_weights()
    with pytest.raises(ModelError, match=f"^recalibrate_batch_norm: {message}") as caught:
        kr.recalibrate_batch_norm(model, data)
    assert "\n" not in str(caught.value)
    assert all(np.array_equal(old, new) for old, new in zip(before, model.get_weights(), strict=True))


@pytest.mark.parametrize("steps", [0, -1, 2.5, True, "3"])
def test_steps_are_a_number_of_batches(steps):
    with pytest.raises(ModelError, match="steps: expected a number of batches, at least 1, received"):
        kr.recalibrate_batch_norm(one_norm(), IMAGES, steps=steps)


def test_a_shared_network_has_the_statistics_of_all_its_calls():
    """Siamese: one normalisation, called for each of three images."""
    shared, inputs = one_norm(), [keras.Input((4, 4, 2)) for _ in range(3)]
    model = keras.Model(inputs, [shared(each) for each in inputs])
    parts = [IMAGES, IMAGES * 3 + 5, IMAGES - 7]
    kr.recalibrate_batch_norm(model, [(parts, LABELS)])
    layer = shared.get_layer("bn")
    np.testing.assert_allclose(layer.moving_mean, np.mean([each.mean((0, 1, 2)) for each in parts], 0), rtol=1e-4)
    np.testing.assert_allclose(layer.moving_variance, np.mean([each.var((0, 1, 2)) for each in parts], 0), rtol=1e-4)
    assert layer.momentum == 0.99 and "call" not in vars(layer)


def test_a_model_without_weights_is_one_line():
    with pytest.raises(ModelError, match="model 'plain' has no weights yet: call it once on images"):
        kr.recalibrate_batch_norm(keras.Sequential([keras.layers.BatchNormalization()], name="plain"), IMAGES)
