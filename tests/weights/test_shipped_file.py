"""The weight file that ships in weights/: what its card says of it."""

import numpy as np
import pytest
from conftest import ROOT

from keras_resnet import weights
from keras_resnet.data import load_signs, make_synthetic

FILE = ROOT / "weights" / "resnet20_synthetic_signs.h5"


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """The set of another seed: none of its images was drawn when the file was trained."""
    folder = tmp_path_factory.mktemp("drawn")
    make_synthetic(folder, seed=1)
    return load_signs(folder)


def test_it_names_its_network():
    found = weights.inspect(FILE)
    assert (found.model, found.lineage, found.classes) == ("resnet20", "he", 6)
    assert FILE.stat().st_size < 5_000_000
    assert "resnet20_synthetic_signs.h5" in (ROOT / "weights" / "README.md").read_text(encoding="utf-8")


def test_it_reads_the_signs_of_a_set_it_has_not_seen(drawn):
    model = weights.model_from(FILE, input_shape=(64, 64, 3))
    assert model.count_params() == 270_838
    found = model.predict(drawn.test.images / np.float32(255), verbose=0).argmax(axis=1)
    assert (found == drawn.test.labels).sum() >= 118  # 120 of 120 where it was trained; another processor rounds otherwise
