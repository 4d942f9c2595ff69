import shutil

import numpy as np
import pytest
from PIL import Image

from keras_resnet import evaluate
from keras_resnet.data import load_signs
from keras_resnet.errors import DataError, RunError
from keras_resnet.models.calls import embedding
from keras_resnet.train.images import cut
from keras_resnet.workdir import Workdir


def test_the_most_similar_training_images_are_found_and_drawn(tiny_run, tiny_set, tmp_path):
    """By the cosines of all features, computed here; a training image is its own nearest."""
    signs = load_signs(tiny_set)
    train, _ = cut(signs.train, 0.1, seed=0)
    features = embedding(Workdir(tiny_run[1]).load_model())
    of_all, of_photo = features(train.images), features(signs.test.images[:1])[0]
    cosines = of_all @ of_photo / np.linalg.norm(of_all, axis=1) / np.linalg.norm(of_photo)
    Image.fromarray(signs.test.images[0]).save(tmp_path / "photo.png")
    found = evaluate.neighbors(tiny_run[1], tmp_path / "photo.png", count=7, out=tmp_path / "like.png")
    np.testing.assert_allclose(found.similarities, np.sort(cosines)[::-1][:7], atol=2e-3)
    best = int(cosines.argmax())
    assert found.classes[0] == signs.class_names[train.labels[best]] and found.images.shape == (7, 32, 32, 3)
    assert Image.open(found.picture).size[0] > 300
    own = evaluate.neighbors(tiny_run[1], train.images[5], count=1)
    np.testing.assert_array_equal(own.images[0], train.images[5])
    assert own.similarities[0] == pytest.approx(1, abs=1e-3) and own.picture is None


def test_what_cannot_be_compared_is_named(tiny_run, tmp_path):
    image = np.zeros((32, 32, 3), np.uint8)
    with pytest.raises(DataError, match=r"expected a path or an array uint8 \(32, 32, 3\), received float64 \(32, 32, 3\)"):
        evaluate.neighbors(tiny_run[1], image.astype(float))
    with pytest.raises(DataError, match="count: expected 1 or more, received 0"):
        evaluate.neighbors(tiny_run[1], image, count=0)
    shutil.copytree(tiny_run[1], tmp_path / "run")
    (tmp_path / "run" / "features.npz").unlink()
    with pytest.raises(RunError, match="has kept no training images, as runs of earlier versions"):
        evaluate.neighbors(tmp_path / "run", image)
