import hashlib
import inspect

import keras
import numpy as np
import PIL.Image
import pytest

from keras_resnet.errors import ModelError
from keras_resnet.models import preprocess
from keras_resnet.models.preprocess import MODES, preprocess_input


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (2, 5, 7, 3)).astype("uint8")


@pytest.mark.parametrize("mode", ["caffe", "torch", "tf"])
def test_the_numbers_are_those_of_keras(images, mode):
    from keras.src.applications.imagenet_utils import preprocess_input as of_keras

    expected = of_keras(images.astype("float32"), data_format="channels_last", mode=mode)
    np.testing.assert_allclose(preprocess_input(images, mode), expected, rtol=1e-5, atol=1e-5)


def test_a_known_pixel_turns_to_bgr_before_the_means_go():
    # 2016's slip subtracted red's mean from blue: the means belong to the channels after the turn.
    pixel = np.array([[[255.0, 128.0, 0.0]]])
    np.testing.assert_allclose(preprocess_input(pixel, "caffe"), [[[0 - 103.939, 128 - 116.779, 255 - 123.68]]], rtol=1e-6)


@pytest.mark.parametrize("mode", list(MODES))
@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64"])
def test_the_argument_is_left_as_it_is_and_arrays_stay_arrays(images, mode, dtype):
    images = images.astype(dtype)
    before = hashlib.sha256(images.tobytes()).hexdigest()
    result = preprocess_input(images, mode)
    assert hashlib.sha256(images.tobytes()).hexdigest() == before and not np.shares_memory(result, images)
    assert isinstance(result, np.ndarray) and result.dtype == np.float32 and result.shape == images.shape


def test_tensors_and_symbols_give_the_same(images):
    expected = preprocess_input(images, "caffe")
    tensor = preprocess_input(keras.ops.convert_to_tensor(images), "caffe")
    np.testing.assert_allclose(keras.ops.convert_to_numpy(tensor), expected, rtol=1e-6)
    pixels = keras.Input((5, 7, 3))
    model = keras.Model(pixels, preprocess_input(pixels, "caffe"))
    np.testing.assert_allclose(model.predict(images.astype("float32"), verbose=0), expected, rtol=1e-6)


def lambda_layer(images, mode):
    pixels = keras.Input(images.shape[1:], dtype=images.dtype.name)
    layer = keras.layers.Lambda(lambda each: preprocess_input(each, mode), output_shape=images.shape[1:])
    return keras.Model(pixels, layer(pixels)).predict(images, verbose=0)


def of_tf_data(images, mode):
    tf = pytest.importorskip("tensorflow")
    found = tf.data.Dataset.from_tensor_slices(images).map(lambda each: preprocess_input(each, mode)).batch(len(images))
    return next(iter(found)).numpy()


def of_decoded_files(images, mode):
    """Shapes that tf.data does not know: those of a PNG's channels, and of any image."""
    tf = pytest.importorskip("tensorflow")
    files = [tf.io.encode_png(each).numpy() for each in images.astype("uint8")]

    def read(file):
        return preprocess_input(tf.io.decode_png(file), mode), preprocess_input(tf.io.decode_image(file), mode)

    pairs = list(tf.data.Dataset.from_tensor_slices(files).map(read))
    np.testing.assert_array_equal(pairs[0][0], pairs[0][1])
    return np.stack([one.numpy() for one, _ in pairs])


def of_tf_function(images, mode):
    tf = pytest.importorskip("tensorflow")
    return tf.function(lambda each: preprocess_input(each, mode))(tf.constant(images)).numpy()


def of_jit(images, mode):
    jax = pytest.importorskip("jax")
    return np.asarray(jax.jit(preprocess_input, static_argnames="mode")(images, mode=mode))


def of_vmap(images, mode):
    jax = pytest.importorskip("jax")
    return np.asarray(jax.vmap(lambda each: preprocess_input(each, mode))(images))


def of_torch_compile(images, mode):
    torch = pytest.importorskip("torch")
    prepare = torch.compile(lambda each: preprocess_input(each, mode), backend="eager", fullgraph=True)
    return prepare(torch.tensor(images)).numpy()


def of_torch_vmap(images, mode):
    torch = pytest.importorskip("torch")
    return torch.vmap(lambda each: preprocess_input(each, mode))(torch.tensor(images)).numpy()


def of_torch_grad(images, mode):
    """The images as `torch.func.grad` sees them, handed out beside a gradient."""
    torch = pytest.importorskip("torch")

    def total(each):
        prepared = preprocess_input(each, mode)
        return prepared.sum(), prepared

    return torch.func.grad(total, has_aux=True)(torch.tensor(images).float())[1].numpy()


def of_eager_tensors(images, mode):
    tf, jax, torch = (pytest.importorskip(name) for name in ("tensorflow", "jax", "torch"))
    found = [preprocess_input(make(images), mode) for make in (tf.constant, jax.numpy.asarray, torch.tensor, tf.Variable)]
    assert [type(each).__module__.split(".")[0] for each in found] == ["tensorflow", "jaxlib", "torch", "tensorflow"]
    for each in found[1:]:
        np.testing.assert_allclose(np.asarray(each), np.asarray(found[0]), rtol=1e-6)
    return np.asarray(found[0])


@pytest.mark.parametrize("mode", ["caffe", "torch", "unit"])
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize(
    "graph",
    [
        lambda_layer,
        of_tf_data,
        of_decoded_files,
        of_tf_function,
        of_jit,
        of_vmap,
        of_torch_compile,
        of_torch_vmap,
        of_torch_grad,
        of_eager_tensors,
    ],
)
def test_a_tensor_without_values_is_prepared_unseen(graph, dtype, mode, images):
    expected = preprocess_input(images, mode)
    np.testing.assert_allclose(graph(images.astype(dtype), mode), expected, rtol=1e-6, atol=1e-6)


def test_autograph_can_read_it():
    """Else the first `map` or `tf.function` of `preprocess_input` prints a warning that asks to report it to TensorFlow."""
    tf = pytest.importorskip("tensorflow")
    for function in vars(preprocess).values():
        if getattr(function, "__module__", None) == preprocess.__name__ and inspect.isfunction(function):
            assert function.__name__ in tf.autograph.to_code(function)


def test_a_tensor_of_pytorch_without_storage_is_prepared_unseen():
    torch = pytest.importorskip("torch")
    found = preprocess_input(torch.empty((2, 5, 7, 3), device="meta"), "torch")
    assert found.shape == (2, 5, 7, 3) and found.dtype == torch.float32


def drawn(size, dark=1):
    """A white bar and a grey line on black: the hardest edges for an interpolation."""
    image = np.zeros((size, size, 3), "float32")
    image[2 : size // 2, 3:-5], image[-4] = 255 / dark, 200 / dark
    return image


def enlarged_by_tensorflow(kernel):
    return lambda image: pytest.importorskip("tensorflow").image.resize(image, (90, 70), method=kernel).numpy()


def enlarged_by_pillow(kernel):
    def enlarge(image):
        planes = [PIL.Image.fromarray(image[..., c], mode="F").resize((70, 90), kernel) for c in range(3)]
        return np.stack([np.asarray(plane) for plane in planes], axis=-1)

    return enlarge


def enlarged_by_pytorch(image):
    torch = pytest.importorskip("torch")
    planes = torch.nn.functional.interpolate(torch.tensor(image.transpose(2, 0, 1)[None]), (90, 70), mode="bicubic")
    return planes[0].numpy().transpose(1, 2, 0)


@pytest.mark.parametrize("dark", [1, 4, 20])
@pytest.mark.parametrize(
    "enlarge",
    [
        enlarged_by_tensorflow("bicubic"),
        enlarged_by_tensorflow("lanczos5"),
        enlarged_by_pillow(PIL.Image.BICUBIC),
        enlarged_by_pillow(PIL.Image.LANCZOS),
        enlarged_by_pytorch,
    ],
)
def test_what_an_interpolation_carries_beyond_0_and_255_is_taken(enlarge, dark):
    image = enlarge(drawn(32, dark))
    assert image.min() < 0 and image.max() > 255 / dark
    np.testing.assert_allclose(preprocess_input(image, "unit"), image / 255, rtol=1e-6)


@pytest.mark.parametrize(
    "values",
    [
        np.linspace(-18.7, 273.7, 12),
        np.array([0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 1.0]),  # a photograph with the cap on: whole numbers
        np.linspace(0, 1.3, 12),
        np.array([0, 1, 0] * 4),
        np.linspace(200, 300, 12),
        np.array([False, True] * 6),
        np.zeros(0),
    ],
)
def test_pixels_that_look_odd_are_pixels(values):
    values = values.reshape(-1, 2, 3)
    np.testing.assert_allclose(preprocess_input(values, "none"), values, rtol=1e-6)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.linspace(0, 1, 12), "received 0 to 1: divided by 255 already: multiply by 255 first"),
        (np.linspace(0, 0.3, 12), "received 0 to 0.3: divided by 255 already: multiply by 255 first"),
        (np.linspace(-124, 151, 12), "received -124 to 151: preprocessed already"),
        (np.append(np.linspace(-40, -1, 4), np.linspace(20, 151, 8)), "received -40 to 151: preprocessed already"),
        (np.linspace(-60, 151, 12), "received -60 to 151: preprocessed already"),
        (np.linspace(-1, 1, 12), "received -1 to 1: preprocessed already"),
        (np.append(np.linspace(0, 2.6, 11), -0.3), "received -0.3 to 2.6: preprocessed already"),
        (np.linspace(-2.1, 2.6, 12), "received -2.1 to 2.6: preprocessed already"),
        (np.arange(-1, 11), "received -1 to 10: preprocessed already"),
        (np.linspace(0, 4095, 12), "received 0 to 4095: no 8-bit pixels"),
        (np.arange(0, 1200, 100), "received 0 to 1100: no 8-bit pixels"),
        (np.arange(250, 262), "received 250 to 261: no 8-bit pixels"),
        (np.full(12, np.nan), "not all values are finite"),
    ],
)
def test_values_it_was_not_meant_for_are_refused(values, message):
    values = values.reshape(2, 2, 3)
    with pytest.raises(ModelError, match=message):
        preprocess_input(values)
    np.testing.assert_allclose(preprocess_input(values, "none", check=False), values, rtol=1e-6)


@pytest.mark.parametrize("mode", ["caffe", "torch", "tf", "unit"])
@pytest.mark.parametrize("make", ["convert_to_tensor", "array"])
def test_photographs_that_were_prepared_once_are_refused_in_every_mode(mode, make, images):
    once = preprocess_input(images, mode)
    tensor = getattr(keras.ops, make)(once)
    for other in ("caffe", "torch", "tf", "unit", "none"):
        with pytest.raises(ModelError, match="already"):
            preprocess_input(tensor, other)


@pytest.mark.parametrize("images", [[[[0, 0, 0]]], "photo.jpg", PIL.Image.new("RGB", (4, 4)), None, np.full((2, 2, 3), "a")])
def test_what_is_no_array_of_pixels_is_one_line(images):
    with pytest.raises(ModelError, match="preprocess_input: expected (an array or a tensor|pixels), received"):
        preprocess_input(images)


@pytest.mark.parametrize("framework", ["tensorflow", "jax.numpy", "torch"])
def test_half_precision_is_looked_at_too(framework, images):
    module = pytest.importorskip(framework)
    make = {"tensorflow": lambda x: module.cast(x, "bfloat16"), "torch": lambda x: module.tensor(x).bfloat16()}
    half = make.get(framework, lambda x: module.asarray(x, "bfloat16"))(images.astype("float32"))
    # 8 bits of precision: the pixels of 8 bits are all there.
    np.testing.assert_allclose(np.asarray(preprocess_input(half, "torch")), preprocess_input(images, "torch"), rtol=1e-6)
    with pytest.raises(ModelError, match="divided by 255 already"):
        preprocess_input(half / 255, "torch")


def test_a_black_picture_is_a_picture():
    assert preprocess_input(np.zeros((2, 2, 3)), "unit").max() == 0


def test_an_unknown_mode_and_other_channels_are_named(images):
    with pytest.raises(ModelError, match="Unknown preprocessing mode: received 'vgg'; expected one of 'caffe'"):
        preprocess_input(images, "vgg")
    with pytest.raises(ModelError, match=r"three channels last, received shape \(2, 5, 7, 1\)"):
        preprocess_input(images[..., :1])
