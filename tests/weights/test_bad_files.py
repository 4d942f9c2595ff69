"""Bad weight files of every kind, written here: one clear line each, soon, in little memory, the model as it was, nothing run.

Further kinds (truncated, an HTML page, a missing group or dataset, NaN and infinity) are in `test_weights_io.py` and
`test_dialects.py`. A child process reads all the files, so that its memory can be watched.
"""

import importlib.util
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import bad_files
import mutant_files
import pytest
from conftest import ROOT

from keras_resnet.cli.main import main

HERE = Path(__file__).resolve().parent
LITTLE = 24  # MB beyond twice the file plus the model: what an allocator and a library's own buffers take
KINDS = bad_files.bad_files("marker")
WRITERS = {".pth": "torch", ".safetensors": "safetensors"}  # the packages that the others do without


def missing(name):
    writer = WRITERS.get(Path(name).suffix)
    return writer is not None and importlib.util.find_spec(writer) is None


NAMES = [
    pytest.param(name, marks=pytest.mark.skipif(missing(name), reason="the package that writes it is not installed"))
    for name in KINDS
]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A folder with the files and two good ones, and the path of what a payload would make."""
    folder = tmp_path_factory.mktemp("bad")
    marker = folder.parent / f"{folder.name}-marker"
    writers = bad_files.bad_files(marker)
    for parameter in NAMES:
        (name,) = parameter.values
        if not parameter.marks[0].args[0]:
            (folder / name).write_bytes(writers[name][0]())
    (folder / "good.h5").write_bytes(mutant_files.legacy(mutant_files.stub()))
    (folder / "good.keras").write_bytes(bad_files.archive())
    if not missing("good.pth"):
        (folder / "good.pth").write_bytes(mutant_files.pickled(mutant_files.stub()))
    return folder, marker


@pytest.fixture(scope="module")
def outcomes(written):
    """Name -> what reading the file came to, in a process that began with the good files."""
    before = {path.name: path.read_bytes() for path in written[0].iterdir()}
    done = subprocess.run(
        [sys.executable, str(HERE / "bad_files.py"), str(written[0])],
        capture_output=True, text=True, timeout=300, cwd=written[0].parent,
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(HERE), *sys.path)), "TF_CPP_MIN_LOG_LEVEL": "3"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert {path.name: path.read_bytes() for path in written[0].iterdir()} == before
    return json.loads(done.stdout.splitlines()[-1])


def test_a_careless_reader_would_run_the_code(tmp_path):
    """Without this the marker could stay away for another reason."""
    code = bad_files.bad_files(tmp_path / "marker")["code.pth"][0]()
    pickle.loads(code)
    assert (tmp_path / "marker").exists()


def test_the_good_files_load(outcomes):
    good = {name: row for name, row in outcomes.items() if name.startswith("good")}
    assert len(good) >= 2 and not any(row["message"] or row["unchanged"] for row in good.values())


@pytest.mark.parametrize("name", NAMES)
def test_a_bad_file_is_one_clear_line_soon_and_changes_nothing(name, written, outcomes):
    row, size = outcomes[name], (written[0] / name).stat().st_size
    assert row["message"] is not None, f"{name} was loaded"
    assert KINDS[name][1] in row["message"] and name in row["message"] and "\n" not in row["message"]
    assert row["unchanged"] and row["seconds"] < 20
    assert row["mb"] < 2 * size / 1e6 + LITTLE
    assert not written[1].exists() and not Path("/tmp/evil.txt").exists() and not list(written[0].parent.glob("evil*"))


@pytest.mark.parametrize("name", NAMES)
def test_the_command_line_says_it_in_one_line(name, written, capsys):
    assert main(["weights", "verify", str(written[0] / name)]) == 1
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.count("\n") == 1 and "Traceback" not in captured.err
    assert captured.err.startswith("keras-resnet: ") and name in captured.err
    assert not written[1].exists()
