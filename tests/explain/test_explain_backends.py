"""The same checks on the other backends, each in a process of its own where TensorFlow cannot be imported."""

from pathlib import Path

import pytest
from test_backends import backend, python

HERE = Path(__file__).parent
PROGRAM = """
import pytest
raise SystemExit(pytest.main(["-q", "-p", "no:cacheprovider", "-p", "no:randomly", *sys.argv[4:]]))
"""
CHOSEN = "twice or one_output or plus_plus or linear or 3-2-None-nested or finds_the_only or stay_as_they_are"


@pytest.mark.parametrize("name", [backend("jax"), backend("torch")])
def test_maps_are_those_of_numpy_and_closed_forms_on_every_backend(name, tmp_path):
    files = HERE / "test_gradients.py", HERE / "test_perturbation.py"
    done = python(PROGRAM, tmp_path, *files, "-k", CHOSEN, name=name, nets={})
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    assert "10 passed" in done.stdout
