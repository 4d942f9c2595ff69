import numpy as np
import pytest
from conftest import tiny_split
from PIL import Image

from keras_resnet import evaluate, train
from keras_resnet.data import Split, load_signs, write_signs
from keras_resnet.data.photo import resize
from keras_resnet.deploy import Predictor
from keras_resnet.errors import DataError, RunError


def test_predictor_gives_the_probabilities_behind_the_runs_accuracy(tiny_run, tiny_set):
    outcome, path = tiny_run
    predictor, test = Predictor(path), load_signs(tiny_set).test
    probabilities = predictor(test.images)
    assert predictor.class_names == ("left", "middle", "right")
    assert (probabilities.argmax(axis=1) == test.labels).mean() == outcome.accuracy
    of_truth = probabilities[np.arange(24), test.labels]
    assert -np.log(of_truth).mean() == pytest.approx(outcome.loss, rel=1e-4)


def test_photographs_are_cut_to_the_shape_of_a_set_that_is_not_square(tmp_path, tiny_recipe):
    splits = [tiny_split(count, seed=count, size=48) for count in (48, 12)]
    splits = [Split(np.ascontiguousarray(split.images[:, 8:40]), split.labels) for split in splits]
    write_signs(tmp_path / "set", *splits, ("left", "middle", "right"))
    settings = {"model": "resnet-tiny", "recipe": tiny_recipe, "epochs": 1, "say": lambda line: None, "verbose": 0}
    train.run(data=tmp_path / "set", out=tmp_path / "run", **settings)
    for number, name in enumerate(("left", "middle", "right")):
        (tmp_path / "photos" / name).mkdir(parents=True)
        Image.fromarray(splits[1].images[number]).resize((96, 96)).save(tmp_path / "photos" / name / "0.png")
    photo, predictor = tmp_path / "photos" / "left" / "0.png", Predictor(tmp_path / "run")
    image = predictor.photo(photo)
    assert image.shape == (32, 48, 3)
    expected = Image.open(photo).resize((48, 32), Image.Resampling.LANCZOS, box=(0, 16, 96, 80))
    np.testing.assert_array_equal(image, np.asarray(expected))
    assert predictor(image[None]).shape == (1, 3) and predictor.picture(photo, tmp_path / "p.png").exists()
    assert evaluate.report(tmp_path / "run", tmp_path / "photos").images == 3


def test_a_photo_unlike_the_training_images_is_named(tiny_run, tiny_set):
    predictor, test = Predictor(tiny_run[1]), load_signs(tiny_set).test
    assert predictor.unlike_training(test.images[0]) is None
    assert "its brightness, 255, is far from" in predictor.unlike_training(np.full((32, 32, 3), 255, "uint8"))


def test_wrong_images_and_unfinished_runs_are_named(tiny_run, tmp_path):
    with pytest.raises(DataError, match=r"expected uint8 \(N, 32, 32, 3\), received float64 \(1, 32, 32, 3\)"):
        Predictor(tiny_run[1])(np.zeros((1, 32, 32, 3)))
    (tmp_path / "run.json").write_text('{"status": "running"}')
    with pytest.raises(RunError, match="holds no trained model yet"):
        Predictor(tmp_path)
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(RunError, match="is not readable as JSON"):
        Predictor(tmp_path)
    (tmp_path / "run.json").unlink()
    with pytest.raises(RunError, match="is not a run folder: it has no run.json"):
        Predictor(tmp_path)


@pytest.fixture
def picture():
    """A photograph of 80 x 60 that is brighter on its right."""
    pixels = np.random.default_rng(0).integers(0, 60, (60, 80, 3)).astype("uint8")
    pixels[:, 50:] += 120
    return pixels


def test_a_path_an_image_and_an_array_of_any_size_give_the_same(tiny_run, picture, tmp_path):
    predictor = Predictor(tiny_run[1])
    Image.fromarray(picture).save(tmp_path / "photo.png")
    expected = predictor(predictor.photo(tmp_path / "photo.png")[None])
    assert expected.shape == (1, 3) and expected.dtype == np.float32
    forms = [tmp_path / "photo.png", str(tmp_path / "photo.png"), Image.fromarray(picture), Image.open(tmp_path / "photo.png")]
    opaque = np.dstack([picture, np.full((60, 80), 255, "uint8")])
    forms += [picture, picture[None], [picture], (tmp_path / "photo.png",), opaque]
    for form in forms:
        np.testing.assert_allclose(predictor(form), expected, atol=1e-6)
    mixed = predictor([picture, tmp_path / "photo.png", Image.fromarray(picture[:, ::-1])])
    assert mixed.shape == (3, 3)
    np.testing.assert_allclose(mixed[:2], np.repeat(expected, 2, axis=0), atol=1e-6)
    assert abs(mixed[2] - expected[0]).max() > 1e-3


def test_what_the_network_sees_of_an_array_is_its_central_square(tiny_run, picture):
    predictor = Predictor(tiny_run[1])
    square = Image.fromarray(picture).resize((32, 32), Image.Resampling.LANCZOS, box=(10, 0, 70, 60))
    np.testing.assert_array_equal(predictor.photo(picture), np.asarray(square))
    grey = picture[..., 0]
    for form in (grey, grey[..., None], Image.fromarray(grey)):
        np.testing.assert_array_equal(predictor.photo(form), predictor.photo(np.dstack([grey] * 3)))


def test_an_image_turned_by_its_camera_is_turned_back(tiny_run, picture, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    Image.fromarray(np.rot90(picture)).save(tmp_path / "turned.png", exif=exif)
    predictor = Predictor(tiny_run[1])
    np.testing.assert_array_equal(predictor.photo(Image.open(tmp_path / "turned.png")), predictor.photo(picture))


def test_images_of_the_networks_size_are_taken_as_they_are(tiny_run, tiny_set):
    predictor, images = Predictor(tiny_run[1]), load_signs(tiny_set).test.images
    np.testing.assert_array_equal(predictor.photo(images[0]), images[0])
    np.testing.assert_allclose(predictor(list(images[:5])), predictor(images[:5]), atol=1e-6)
    assert predictor([]).shape == predictor(images[:0]).shape == (0, 3)


@pytest.mark.parametrize(
    ("form", "received"),
    [
        (np.zeros((40, 40, 3)), r"float64 \(40, 40, 3\)"),
        (np.zeros((40, 40, 3), "uint16"), r"uint16 \(40, 40, 3\)"),
        (np.zeros((2, 40, 40, 5), "uint8"), r"uint8 \(2, 40, 40, 5\)"),
        (np.zeros((7, 40, 40), "uint8"), r"uint8 \(7, 40, 40\)"),
        (np.zeros(12, "uint8"), r"uint8 \(12,\)"),
        (np.zeros((0, 40, 3), "uint8"), r"uint8 \(0, 40, 3\)"),
        (3, r"int64 \(\)"),
        ({"photo": 1}, r"object \(\)"),
    ],
)
def test_what_is_no_photograph_is_named(form, received, tiny_run):
    with pytest.raises(DataError, match=rf"^images: expected uint8 \(N, 32, 32, 3\), received {received}; or photographs"):
        Predictor(tiny_run[1])(form)


def test_damaged_images_are_named(tiny_run, picture, tmp_path):
    Image.fromarray(picture).save(tmp_path / "cut.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "cut.png").read_bytes()[:600])
    for form in (tmp_path / "cut.png", Image.open(tmp_path / "cut.png")):
        with pytest.raises(DataError, match="cannot be read"):
            Predictor(tiny_run[1])(form)
    with pytest.raises(DataError, match="floating-point pixels have no known range"):
        Predictor(tiny_run[1])(Image.new("F", (40, 40)))


def test_a_run_that_resized_its_images_resizes_these_alike(tiny_set, tmp_path, picture):
    from keras_resnet import train

    settings = {"recipe": "signs-quick", "epochs": 1, "model": "resnet-tiny", "verbose": 0, "say": lambda line: None}
    train.run(data=tiny_set, out=tmp_path / "run", size=40, **settings)
    predictor, images = Predictor(tmp_path / "run"), load_signs(tiny_set).test.images
    np.testing.assert_array_equal(np.stack([predictor.photo(image) for image in images[:4]]), resize(images[:4], 40))
    square = np.asarray(Image.fromarray(picture).resize((32, 32), Image.Resampling.LANCZOS, box=(10, 0, 70, 60)))
    np.testing.assert_array_equal(predictor.photo(picture), resize(square[None], 40)[0])


def test_a_picture_of_arrays_and_files(tiny_run, picture, tmp_path):
    Image.fromarray(picture).save(tmp_path / "photo.png")
    path = Predictor(tiny_run[1]).picture([picture, tmp_path / "photo.png", Image.fromarray(picture)], tmp_path / "answer.png")
    assert Image.open(path).format == "PNG"
    assert Predictor(tiny_run[1]).picture(picture, tmp_path / "one.png").exists()


def test_weights_too_large_for_numbers_are_an_error(tiny_run, tiny_set, tmp_path):
    import shutil

    import keras

    run = shutil.copytree(tiny_run[1], tmp_path / "run")
    model = keras.models.load_model(run / "model.keras", compile=False)
    kernel = model.layers[-1].kernel
    kernel.assign(np.where(np.array(kernel) > 0, 3e38, -3e38))
    model.save(run / "model.keras")
    with pytest.raises(RunError, match="^The network's probabilities are no finite numbers"):
        Predictor(run)(np.full((40, 40, 3), 200, "uint8"))
    with pytest.raises(RunError, match="^The network's probabilities are no finite numbers"):
        evaluate.report(run, tiny_set, all_images=True)
