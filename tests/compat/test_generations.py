"""The names of each generation: signatures, networks, stand-ins and helpers."""

import inspect
import re
from collections import Counter

import keras
import numpy as np
import pytest
from conftest import ROOT
from numpy_resnet import Network, randomize
from PIL import Image

import keras_resnet as kr
from keras_resnet.compat import assignment_v1 as v1
from keras_resnet.compat import assignment_v2 as v2
from keras_resnet.compat import assignment_v3 as v3
from keras_resnet.data import Split, write_signs
from keras_resnet.errors import DataError, ModelError, WeightsError

GENERATIONS = {"v1": v1, "v2": v2, "v3": v3}


@pytest.fixture(scope="module")
def networks():
    return {name: module.ResNet50() for name, module in GENERATIONS.items()}


def parameters(function):
    return [
        (p.name, p.default) if p.default is not p.empty else p.name for p in inspect.signature(function).parameters.values()
    ]


def test_signatures_are_those_of_the_notebooks():
    assert parameters(v1.identity_block) == ["X", "f", "filters", "stage", "block"]
    assert parameters(v1.convolutional_block) == ["X", "f", "filters", "stage", "block", ("s", 2)]
    uniform, glorot = ("initializer", v2.random_uniform), ("initializer", v2.glorot_uniform)
    assert parameters(v2.identity_block) == ["X", "f", "filters", ("training", True), uniform]
    assert parameters(v2.convolutional_block) == ["X", "f", "filters", ("s", 2), ("training", True), glorot]
    assert parameters(v3.identity_block) == ["X", "f", "filters", ("initializer", v3.random_uniform)]
    assert parameters(v3.convolutional_block) == ["X", "f", "filters", ("s", 2), ("initializer", v3.glorot_uniform)]
    shape, classes = ("input_shape", (64, 64, 3)), ("classes", 6)
    assert parameters(v1.ResNet50) == parameters(v2.ResNet50) == [shape, classes]
    assert parameters(v3.ResNet50) == [shape, classes, ("training", False)]


@pytest.mark.parametrize("name", GENERATIONS)
def test_networks_are_the_assignments(name, networks):
    model = networks[name]
    assert model.count_params() == 23_600_006 and len(model.layers) == 177
    assert sum(int(np.prod(w.shape)) for w in model.non_trainable_weights) == 53_120
    kinds = Counter(type(layer).__name__ for layer in model.layers)
    assert [kinds[kind] for kind in ("Conv2D", "BatchNormalization", "Activation", "Add")] == [53, 53, 49, 16]
    settings = {(la.epsilon, la.momentum) for la in model.layers if isinstance(la, keras.layers.BatchNormalization)}
    assert settings == {(1e-6, 0.9) if name == "v3" else (1e-3, 0.99)}
    drawn = Counter(la.kernel_initializer.__class__.__name__ for la in model.layers if isinstance(la, keras.layers.Conv2D))
    assert drawn == ({"GlorotUniform": 53} if name == "v1" else {"GlorotUniform": 17, "RandomUniform": 36})


def test_the_first_generation_has_the_names_of_its_files(networks):
    weighted = [layer.name for layer in networks["v1"].layers if layer.weights]
    assert weighted[:3] == ["conv1", "bn_conv1", "res2a_branch2a"] and weighted[-1] == "fc6" and len(weighted) == 107
    assert networks["v1"].name == "ResNet50" and networks["v1"].get_layer("avg_pool").pool_size == (2, 2)
    found = kr.models.identify(networks["v1"])
    assert (found.name, found.lineage, found.exact) == ("resnet50", "coursera", True)


def test_the_network_computes_the_equations(networks):
    model = networks["v1"]
    randomize(model, seed=1)
    images = np.random.default_rng(2).uniform(0, 1, (1, 64, 64, 3)).astype("float32")
    weights = {layer.name: layer.get_weights() for layer in model.layers if layer.weights}
    weights["fc1000"] = weights.pop("fc6")
    logits = Network(weights).logits(images)
    features, received = keras.Model(model.input, [model.layers[-2].output, model.output])(images)
    kernel, bias = weights["fc1000"]
    assert np.abs(np.asarray(features) @ kernel + bias - logits).max() <= 1e-4 * np.abs(logits).max()
    expected = np.exp(logits - logits.max())
    np.testing.assert_allclose(received, expected / expected.sum(), atol=1e-3)


def test_equal_layers_start_equal_where_the_stream_starts_anew(networks):
    kernels = {
        name: [la.get_weights()[0] for la in net.layers if la.weights and la.get_weights()[0].shape == (3, 3, 64, 64)]
        for name, net in networks.items()
    }
    assert len(kernels["v2"]) == 3 and np.array_equal(kernels["v2"][1], kernels["v2"][2])
    assert np.abs(kernels["v3"][1] - kernels["v3"][2]).max() > 0.05


def test_a_block_in_a_network_leaves_training_to_the_network():
    inputs = keras.Input((4, 4, 3))
    model = keras.Model(inputs, v2.identity_block(inputs, 3, [2, 2, 3], training=True))
    X = np.random.default_rng(0).normal(2, 3, (8, 4, 4, 3)).astype("float32")
    inference, predicted = np.asarray(model(X, training=False)), model.predict(X, verbose=0)
    training = np.asarray(model(X, training=True))  # last, for it moves the running statistics
    assert np.abs(inference - training).max() > 0.1
    np.testing.assert_allclose(predicted, inference, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(v2.identity_block(X, 3, [2, 2, 3]), training, rtol=1e-4, atol=1e-5)


def test_a_block_takes_numbers_of_any_kind_and_refuses_others():
    lists = np.ones((1, 2, 2, 3)).tolist()
    np.testing.assert_array_equal(
        v1.identity_block(lists, 1, [1, 1, 3], 2, "a"), v1.identity_block(lists, 1, [1, 1, 3], 2, "a")
    )
    with pytest.raises(ModelError, match="X: expected a Keras tensor, or numbers .* received str"):
        v1.identity_block("X", 1, [1, 1, 3], 2, "a")
    with pytest.raises(ModelError, match="^identity_block adds its input to its output: expected an input of 4 channels"):
        v3.identity_block(np.ones((1, 2, 2, 3)), 1, [1, 1, 4])
    with pytest.raises(ModelError, match="expected an input_shape of three ints with sides of at least 33"):
        v2.ResNet50((32, 32, 3))


@pytest.mark.parametrize("name", GENERATIONS)
def test_star_import_gives_what_it_promises(name):
    space = {}
    exec(f"from keras_resnet.compat.assignment_{name} import *", space)
    assert set(GENERATIONS[name].__all__) <= set(space) and len(GENERATIONS[name].__all__) == len(
        set(GENERATIONS[name].__all__)
    )
    assert space["convolutional_block"] is GENERATIONS[name].convolutional_block


def test_stand_ins_do_the_same_or_say_why(tmp_path):
    with pytest.warns(UserWarning, match="K.set_learning_phase does nothing: Keras 3 has no global learning phase"):
        v1.K.set_learning_phase(1)
    assert v1.K.learning_phase() == 0 and v1.K.image_data_format() == "channels_last" and v1.K.backend() == "tensorflow"
    with pytest.raises(
        AttributeError, match="tensorflow.Session is not there: sessions and placeholders went with TensorFlow 1"
    ):
        v2.tf.Session()
    assert v2.tf.constant(1) is not None and v2.tf.keras.layers.Dense is keras.layers.Dense
    assert v1.scipy.misc.imread is v1.load_image
    with pytest.raises(AttributeError, match="scipy.misc.face is not there"):
        v1.scipy.misc.face()


@pytest.mark.parametrize("name", GENERATIONS)
def test_pools_have_the_sizes_of_keras_2(name):
    module = GENERATIONS[name]
    makers = [module.AveragePooling2D, module.layers.AveragePooling2D, module.tf.keras.layers.AveragePooling2D]
    makers += [module.MaxPooling2D, module.keras.layers.MaxPooling2D, module.tf.keras.layers.MaxPool2D, module.layers.AvgPool2D]
    for maker in makers:
        assert maker().pool_size == maker().strides == (2, 2)
        assert maker(strides=1).pool_size == (2, 2) and maker(3, 1, "same").padding == "same"
        assert maker(pool_size=(3, 2)).pool_size == (3, 2)
    assert isinstance(module.AveragePooling2D(), keras.layers.AveragePooling2D)


def test_versions_are_those_of_the_libraries():
    import scipy
    import tensorflow

    for module in GENERATIONS.values():
        assert (module.tf.__version__, module.keras.__version__) == (tensorflow.__version__, keras.__version__)
        assert module.scipy.__version__ == scipy.__version__ and module.tf.keras.__version__ == keras.__version__
    assert not hasattr(v1.tf, "__wrapped__")


@pytest.mark.parametrize("name", GENERATIONS)
def test_initializers_have_all_their_names_and_draw_alike(name):
    module = GENERATIONS[name]
    assert module.GlorotUniform is module.glorot_uniform and module.RandomUniform is module.random_uniform
    assert module.Identity is module.identity is keras.initializers.Identity
    assert module.Constant is module.constant is keras.initializers.Constant
    for space in (module, module.keras.initializers, module.tf.keras.initializers):
        module.tf.random.set_seed(3)
        drawn = [np.asarray(getattr(space, kind)(seed=0)((3, 4))) for kind in ("GlorotUniform", "random_uniform")]
        module.tf.random.set_seed(3)
        for kind, values in zip(("glorot_uniform", "RandomUniform"), drawn, strict=True):
            np.testing.assert_array_equal(getattr(module, kind)(seed=0)((3, 4)), values)
    module._drawn.stream.set_seed(None)


def test_a_new_graph_has_no_seed():
    first = np.asarray(v1.glorot_uniform(seed=0)((3, 4)))
    v1.tf.set_random_seed(7)
    assert np.abs(np.asarray(v1.glorot_uniform(seed=0)((3, 4))) - first).max() > 0.1
    v1.tf.reset_default_graph()
    np.testing.assert_array_equal(v1.glorot_uniform(seed=0)((3, 4)), first)


def test_what_cannot_be_drawn_is_said_and_the_rest_goes_on(monkeypatch, tmp_path):
    def missing(*arguments, **options):
        raise ImportError("You must install pydot (`pip install pydot`) for `plot_model` to work.")

    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    monkeypatch.setattr(keras.utils, "plot_model", missing)
    monkeypatch.setattr(keras.utils, "model_to_dot", missing)
    for plot in (v1.plot_model, v2.tf.keras.utils.plot_model, v3.keras.utils.vis_utils.plot_model):
        with pytest.warns(UserWarning, match="plot_model draws nothing, and the rest goes on: You must install pydot"):
            assert plot(model, to_file=tmp_path / "model.png") is None
    with pytest.warns(UserWarning, match="model_to_dot draws nothing"):
        assert v1.SVG(v1.model_to_dot(model).create(prog="dot", format="svg")) is None
    monkeypatch.undo()
    monkeypatch.setattr("shutil.which", lambda name: None)  # pydot alone, as other packages bring it
    with pytest.warns(UserWarning, match="model_to_dot draws nothing, and the rest goes on: the program dot of Graphviz"):
        assert v1.SVG(v1.model_to_dot(model).create(prog="dot", format="svg")) is None


def test_what_can_be_drawn_is_keras_own(monkeypatch):
    monkeypatch.setattr(keras.utils, "plot_model", lambda model, to_file, **options: (model, to_file, options))
    assert v1.plot_model("model", show_shapes=True) == ("model", "model.png", {"show_shapes": True})
    assert v2.tf.keras.utils.plot_model("model", to_file="here.png") == ("model", "here.png", {})


def test_sessions_compute_what_was_built_on_placeholders():
    X = np.random.default_rng(0).normal(2, 3, (3, 4, 4, 6))
    with v1.tf.Session(config=None) as session:
        inputs = v1.tf.placeholder(v1.tf.float32, [3, 4, 4, 6], name="A_prev")
        block = v1.identity_block(inputs, f=2, filters=[2, 4, 6], stage=1, block="a")
        assert session.run(v1.tf.global_variables_initializer()) is None
        out = session.run([block, 3], feed_dict={inputs: X, v1.K.learning_phase(): 0})
        trained = session.run(block, feed_dict={inputs: X, v1.K.learning_phase(): 1})
    np.testing.assert_allclose(out[0], v1.identity_block(X, 2, [2, 4, 6], 1, "a"), rtol=1e-5, atol=1e-5)
    assert out[1] == 3 and np.abs(trained - out[0]).max() > 0.1
    mean = v1.keras.ops.mean(inputs * 2)
    assert v1.tf.InteractiveSession().run(mean, {inputs: X}) == pytest.approx(2 * X.mean(), rel=1e-5)


def test_sessions_say_what_they_are_not_given():
    inputs = v1.tf.placeholder("float", (2, 3))
    with pytest.raises(ModelError, match="expected numbers for each placeholder, received for none"):
        v1.tf.Session().run(inputs + 1, feed_dict={})
    with pytest.raises(ModelError, match="expected a shape, e.g. tf.placeholder"):
        v1.tf.placeholder("float")


def test_the_summary_to_compare_with_is_there_without_its_file(networks):
    assert len(v2.ResNet50_summary) == 177 and v2.ResNet50_summary[2] == v2.summary(networks["v2"])[2]
    v3.comparator(v3.summary(networks["v3"]), v3.ResNet50_summary)


@pytest.mark.parametrize("name", ["v2", "v3"])
def test_the_notebooks_own_tests_pass_and_fail(name, networks, capsys):
    module, other = GENERATIONS[name], GENERATIONS["v3" if name == "v2" else "v2"]
    module.public_tests.identity_block_test(module.identity_block)
    module.public_tests.convolutional_block_test(module.convolutional_block)
    module.comparator(module.summary(networks[name]), module.summary(networks[name]))
    assert capsys.readouterr().out == 3 * "All tests passed!\n"

    def wrong(X, f, filters, initializer, training=None):
        return X

    def other_epsilon(X, f, filters, initializer, training=None):
        return other.identity_block(X, f, filters, initializer=initializer, **({"training": training} if name == "v3" else {}))

    values = ("578.137", "578.999") if name == "v2" else ("578.999", "578.137")  # under epsilon 1e-3 and 1e-6
    for target, received in ((wrong, "3"), (other_epsilon, values[1])):
        says = f"training=False): expected {values[0]} at (2, 0, 0, 0), received {received};"
        with pytest.raises(ModelError, match=re.escape(says)):
            module.public_tests.identity_block_test(target)
    with pytest.raises(ModelError, match="expected a tensor, received None: is it written to its end"):
        module.public_tests.convolutional_block_test(lambda *given, **options: None)


def test_the_summary_is_the_notebooks(networks):
    rows = v2.summary(networks["v2"])
    assert rows[:6] == [
        ["InputLayer", [(None, 64, 64, 3)], 0],
        ["ZeroPadding2D", (None, 70, 70, 3), 0, ((3, 3), (3, 3))],
        ["Conv2D", (None, 32, 32, 64), 9472, "valid", "linear", "GlorotUniform"],
        ["BatchNormalization", (None, 32, 32, 64), 256],
        ["Activation", (None, 32, 32, 64), 0],
        ["MaxPooling2D", (None, 15, 15, 64), 0, (3, 3), (2, 2), "valid"],
    ]
    assert rows[-1] == ["Dense", (None, 6), 12_294, "softmax"] and len(rows) == 177
    kinds = [row[0] for row in rows[12:18]]  # the end of the first block: as Keras 2 listed it
    assert kinds == ["Conv2D", "Conv2D", "BatchNormalization", "BatchNormalization", "Add", "Activation"]
    with pytest.raises(ModelError, match="layer 2: expected .*, received .*'same'"):
        v2.comparator([*rows[:2], [*rows[2][:3], "same", *rows[2][4:]], *rows[3:]], rows)
    with pytest.raises(ModelError, match="layers: expected 177, received 176"):
        v2.comparator(rows[:-1], rows)


def test_the_seed_of_tf_restarts_the_third_generation():
    v3.tf.random.set_seed(2)
    first = v3.glorot_uniform(seed=0)((4, 4))
    second = v3.glorot_uniform(seed=0)((4, 4))
    v3.tf.random.set_seed(2)
    np.testing.assert_array_equal(v3.glorot_uniform(seed=0)((4, 4)), first)
    assert np.abs(np.asarray(first) - np.asarray(second)).max() > 0.1


def test_load_dataset_has_the_shapes_of_the_helper_file(tmp_path):
    random = np.random.default_rng(0)
    splits = [Split(random.integers(0, 256, (n, 8, 8, 3), dtype="uint8"), np.arange(n) % 3, None) for n in (6, 3)]
    write_signs(tmp_path / "set", *splits, ["0", "1", "2"])
    train_x, train_y, test_x, test_y, classes = v1.load_dataset(tmp_path / "set")
    assert (train_x.shape, train_y.shape, test_x.shape, test_y.shape) == ((6, 8, 8, 3), (1, 6), (3, 8, 8, 3), (1, 3))
    np.testing.assert_array_equal(train_x, splits[0].images)
    assert classes.tolist() == [0, 1, 2] and train_y.tolist() == [[0, 1, 2, 0, 1, 2]]
    write_signs(tmp_path / "named", *splits, ["left", "right", "up"])
    assert v1.load_dataset(tmp_path / "named")[4].tolist() == ["left", "right", "up"]


def test_one_hot_and_batches_are_the_helper_files():
    one_hot = v1.convert_to_one_hot(np.array([[2, 0, 1]]), 4)
    assert one_hot.shape == (4, 3) and one_hot.T.tolist() == [[0, 0, 1, 0], [1, 0, 0, 0], [0, 1, 0, 0]]
    with pytest.raises(DataError, match="expected int labels from 0 to 2, received int64 from 0 to 3"):
        v1.convert_to_one_hot(np.array([0, 3]), 3)
    X, Y = np.arange(10).reshape(10, 1), np.arange(10).reshape(10, 1)
    batches = v1.random_mini_batches(X, Y, mini_batch_size=4, seed=0)
    order = np.random.RandomState(0).permutation(10)  # what np.random.seed(0) and np.random.permutation give
    assert [len(x) for x, _ in batches] == [4, 4, 2]
    assert np.concatenate([x for x, _ in batches])[:, 0].tolist() == order.tolist()
    assert all(np.array_equal(x, y) for x, y in batches)


def test_predict_is_the_three_layer_network():
    random = np.random.default_rng(0)
    sizes = (4, 5, 3, 6)
    weights = {f"W{n}": random.normal(size=(sizes[n], sizes[n - 1])) for n in (1, 2, 3)}
    weights |= {f"b{n}": random.normal(size=(sizes[n], 1)) for n in (1, 2, 3)}
    X = random.normal(size=(4, 7))
    column = X[:, 2]
    for n in (1, 2, 3):
        column = weights[f"W{n}"] @ column + weights[f"b{n}"][:, 0]
        column = column if n == 3 else np.maximum(column, 0)
    assert v1.predict(X, weights).shape == (7,) and v1.predict(X, weights)[2] == column.argmax()


def test_photographs_are_read_whole_and_scaled(tmp_path):
    picture = np.zeros((30, 50, 3), dtype="uint8")
    picture[:, 25:] = 200
    Image.fromarray(picture).save(tmp_path / "photo.png")
    np.testing.assert_array_equal(v1.load_image(tmp_path / "photo.png"), picture)
    small = v1.load_image(tmp_path / "photo.png", size=(64, 32))
    assert small.shape == (64, 32, 3) and small[:, :14].max() == 0 and small[:, 18:].min() == 200
    assert v1.scipy.misc.imresize(picture, size=(64, 32)).tolist() == small.tolist()
    assert v1.scipy.misc.imresize(picture, 0.5).shape == (15, 25, 3)
    with pytest.raises(DataError, match="No such file"):
        v1.load_image(tmp_path / "none.jpg")
    scaled = v1.preprocess_input(picture)
    assert scaled.dtype == np.float32 and scaled.max() == np.float32(200 / 255) and picture.max() == 200
    with pytest.raises(DataError, match="expected pixels from 0 to 255, received -1 to 0"):
        v1.preprocess_input(np.array([-1, 0]))


def test_load_model_gives_a_compiled_network(tmp_path):
    model = v1.load_model(ROOT / "weights" / "resnet20_synthetic_signs.h5")
    x, y = np.zeros((4, *model.input_shape[1:])), np.eye(model.output_shape[1])[:4]
    loss, accuracy = model.evaluate(x, y, verbose=0)
    assert np.isfinite(loss) and 0 <= accuracy <= 1
    inputs = keras.Input((4,))
    keras.Model(inputs, keras.layers.Dense(6, activation="softmax")(inputs)).save(tmp_path / "mine.keras")
    assert len(v2.load_model(tmp_path / "mine.keras").evaluate(np.ones((2, 4)), np.eye(6)[:2], verbose=0)) == 2


@pytest.mark.parametrize("ending", [".h5", ".keras", ".hdf5"])
def test_load_model_reads_other_networks_by_every_name(tmp_path, ending):
    inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.layers.Dense(6, activation="softmax")(inputs))
    keras.saving.save_model(model, tmp_path / f"mine{ending}")
    loads = [v1.load_model, v2.tf.keras.models.load_model, v3.keras.models.load_model]
    for load in loads:
        again = load(tmp_path / f"mine{ending}")
        np.testing.assert_allclose(again.predict(np.eye(4), verbose=0), model.predict(np.eye(4), verbose=0), rtol=1e-6)
        assert again.evaluate(np.eye(4), np.eye(6)[:4], verbose=0)[0] > 0
    assert not v1.load_model(tmp_path / f"mine{ending}", compile=False).compiled


def test_load_model_takes_layers_of_ones_own(tmp_path):
    class Doubling(keras.layers.Layer):
        def call(self, x):
            return 2 * x

    inputs = keras.Input((4,))
    keras.Model(inputs, Doubling()(inputs)).save(tmp_path / "mine.h5")
    model = v2.tf.keras.models.load_model(tmp_path / "mine.h5", custom_objects={"Doubling": Doubling})
    np.testing.assert_array_equal(model.predict(np.eye(4), verbose=0), 2 * np.eye(4))


@pytest.mark.parametrize("name", ["none.h5", "none.keras", "text.h5", "text.keras"])
def test_what_cannot_be_loaded_is_one_line(tmp_path, name):
    (tmp_path / "text.h5").write_text("no network")
    (tmp_path / "text.keras").write_text("no network")
    with pytest.raises(WeightsError) as caught:
        v3.tf.keras.models.load_model(tmp_path / name)
    assert name in str(caught.value) and "\n" not in str(caught.value)
