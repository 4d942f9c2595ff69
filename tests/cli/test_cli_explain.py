"""`keras-resnet explain`, in this process."""

import json

import numpy as np
import pytest
from conftest import tiny_split
from PIL import Image

from keras_resnet import explain
from keras_resnet.cli.main import main
from keras_resnet.deploy import Predictor
from keras_resnet.explain.methods import METHODS


@pytest.fixture
def photos(tmp_path):
    """Three photographs broader than high, whose bright third is the left, middle and right of their central square."""
    paths = []
    for number, image in enumerate(tiny_split(3, seed=4).images):
        wide = np.full((96, 160, 3), 90, np.uint8)
        wide[:, 32:128] = np.asarray(Image.fromarray(image).resize((96, 96)))
        paths.append(tmp_path / f"{number}.png")
        Image.fromarray(wide).save(paths[-1])
    return paths


@pytest.mark.parametrize("method", METHODS)
def test_photographs_are_explained_where_they_are(method, tiny_run, photos, tmp_path, capsys):
    out = tmp_path / "why.png"
    words = ["explain", tiny_run[1], *photos, "--method", method, "--out", out, "--json"]
    assert main([str(word) for word in words]) == 0
    told = json.loads(capsys.readouterr().out)
    assert Image.open(out).size[0] > 500 and told["picture"] == str(out) and told["method"] == method
    assert (told["layer"] is not None) == method.startswith("grad_cam")
    predictor = Predictor(tiny_run[1])
    images = np.stack([predictor.photo(photo) for photo in photos])
    maps = getattr(explain, method)(tiny_run[1], images)
    for row, photo, image, values in zip(told["explanations"], photos, images, maps, strict=True):
        probabilities = predictor(image[None])[0]
        assert row["image"] == str(photo) and row["class"] == predictor.class_names[probabilities.argmax()]
        assert row["probability"] == pytest.approx(float(probabilities.max()))
        y, x = np.unravel_index(np.argmax(values), values.shape)
        column, line = row["peak"]  # three pixels of the photograph are one of the crop, which begins at column 32
        assert abs(column - (32 + 3 * x + 1)) <= 3 and abs(line - (3 * y + 1)) <= 3


def test_a_class_and_a_layer_can_be_named(tiny_run, photos, tmp_path, capsys):
    words = ["explain", tiny_run[1], photos[0], "--class", "right", "--out", tmp_path / "a.png"]
    assert main([str(word) for word in words]) == 0
    text = capsys.readouterr().out
    assert f"{photos[0]}: right (" in text and "Method: grad_cam of layer " in text and "most at pixel" in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--class", "top"], "Unknown class: received 'top'; expected one of 'left', 'middle', 'right'."),
        (["--layer", "conv9"], "Unknown layer of "),
        (["--layer", "conv9", "--method", "rise"], "layer: rise looks at no layer; expected it with grad_cam or"),
    ],
)
def test_what_cannot_be_explained_is_one_line(words, message, tiny_run, photos, tmp_path, capsys):
    assert main(["explain", str(tiny_run[1]), str(photos[0]), *words, "--out", str(tmp_path / "a.png")]) == 1
    said = capsys.readouterr().err.strip()
    assert message in said and "\n" not in said and not (tmp_path / "a.png").exists()


def test_photographs_and_runs_that_are_not_there_are_one_line(tiny_run, tmp_path, capsys):
    for run, photo, message in ((tiny_run[1], "no.png", "No such file: no.png"), ("no", "no.png", "No run folder at no")):
        assert main(["explain", str(run), photo, "--out", str(tmp_path / "a.png")]) == 1
        said = capsys.readouterr().err.strip()
        assert message in said and "\n" not in said
