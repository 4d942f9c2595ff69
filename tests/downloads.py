"""A known file on a server of this machine, as the tests of downloads publish it."""

import hashlib

import numpy as np
import pytest

from keras_resnet.errors import WeightsError
from keras_resnet.weights import fetch, known_files

CONTENT = np.random.default_rng(0).bytes(150_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def known(url, digest=("sha256", SHA256), name="tiny"):
    return known_files.KnownFile(name, "resnet-tiny", ("chollet",), True, url, digest, 0, None, "the tests")


def refused(**options):
    """The one line that a failed download says."""
    with pytest.raises(WeightsError) as caught:
        fetch("tiny", **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)
