import numpy as np
import pytest
from PIL import Image

from keras_resnet.data.photo import read_photo
from keras_resnet.deploy import Predictor
from keras_resnet.errors import DataError
from keras_resnet.evaluate import drawing, photographs, photos


@pytest.fixture
def kept(monkeypatch):
    """The matplotlib figures that were drawn, to ask them what they show."""
    drawn, make = [], drawing.new_figure
    monkeypatch.setattr(drawing, "new_figure", lambda *size: drawn.append(make(*size)) or drawn[-1])
    return drawn


def row(height, width, probabilities, warning=None):
    generator = np.random.default_rng(0)
    photo = generator.integers(0, 256, (height, width, 3)).astype("uint8")
    return "my hand.jpg", photo, photo[:8, :8], probabilities, warning


def test_a_row_shows_the_photo_its_square_the_crop_and_the_probabilities(tmp_path, kept):
    wide, tall = row(20, 30, [0.1, 0.7, 0.2]), row(30, 20, [0.5, 0.3, 0.2], "its brightness, 255, is far off")
    path = photos([wide, tall], ("a", "b", "c"), tmp_path / "new" / "p.png")
    assert Image.open(path).format == "PNG"
    photo, crop, bars, tall_photo, _, tall_bars = kept[0].axes
    for axes, corner in ((photo, (5, 0)), (tall_photo, (0, 5))):
        square = axes.patches[0]
        assert (square.get_xy(), square.get_width(), square.get_height()) == (corner, 20, 20)
    np.testing.assert_array_equal(photo.images[0].get_array(), wide[1])
    np.testing.assert_array_equal(crop.images[0].get_array(), wide[2])
    assert [bar.get_width() for bar in bars.patches] == [0.1, 0.7, 0.2]
    assert [label.get_text() for label in bars.get_yticklabels()] == ["a", "b", "c"]
    assert bars.get_title(loc="left").strip() == "It says b" and tall_bars.get_title(loc="left").strip() == "It says a"
    assert "Careful: its brightness, 255" in tall_bars.get_xlabel() and not bars.get_xlabel()


def test_of_a_crop_that_is_no_square_its_own_shape_is_marked(tmp_path, kept):
    name, photo, _, probabilities, warning = row(40, 60, [1.0])
    photos([(name, photo, photo[:10, :30], probabilities, warning)], ("a",), tmp_path / "p.png")
    frame, title = kept[0].axes[0].patches[0], kept[0].axes[0].texts[0].get_text()
    assert (frame.get_xy(), frame.get_width(), frame.get_height()) == ((0, 10), 60, 20)
    assert title == "60 x 40 pixels; the network is given the marked part"


def test_of_many_classes_the_most_probable_are_drawn_and_large_photos_are_reduced(tmp_path, kept):
    probabilities = np.arange(15) / 105
    photos([row(900, 1300, probabilities)], [str(name) for name in range(15)], tmp_path / "p.png")
    photo, _, bars = kept[0].axes
    assert [label.get_text() for label in bars.get_yticklabels()] == [str(name) for name in range(14, 2, -1)]
    assert max(photo.images[0].get_array().shape) == photographs.LONGEST_SIDE
    assert photo.patches[0].get_xy() == (200, 0)  # in pixels of the photograph itself


@pytest.mark.parametrize("count", [0, 21])
def test_too_many_or_no_photographs_are_named(tmp_path, count):
    with pytest.raises(DataError, match=f"{count} photographs was asked for; expected 1 to 20"):
        photos([row(8, 8, [1.0])] * count, ("a",), tmp_path / "p.png")
    assert not (tmp_path / "p.png").exists()


def test_a_predictor_draws_what_it_computes(tiny_run, tmp_path, kept):
    predictor = Predictor(tiny_run[1])
    path = tmp_path / "photo.png"
    Image.fromarray(np.random.default_rng(1).integers(0, 200, (40, 60, 3)).astype("uint8")).save(path)
    assert predictor.picture(path, tmp_path / "answer.png") == tmp_path / "answer.png"
    photo, crop, bars = kept[0].axes
    np.testing.assert_array_equal(photo.images[0].get_array(), np.asarray(Image.open(path)))
    np.testing.assert_array_equal(crop.images[0].get_array(), read_photo(path, 32))
    expected = predictor(read_photo(path, 32)[None])[0]
    np.testing.assert_allclose([bar.get_width() for bar in bars.patches], expected, rtol=1e-5)
