"""The notebooks: made from their sources, stored with outputs, run from top to bottom on few images and without network."""

import importlib.util
import json
import re
import shutil

import pytest
from conftest import ROOT

pytest.importorskip("nbclient", reason="needs the extra: pip install -e '.[notebooks]'")

FOLDER = ROOT / "notebooks"
_spec = importlib.util.spec_from_file_location("build_notebooks", FOLDER / "build.py")
build = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(build)
NOTEBOOKS, SMOKE = build.notebooks(), build.notebooks("smoke")

# What is printed in the smoke mode, beside pictures.
SAID = {
    "01_residual_networks.ipynb": (
        "identity_block is not written yet: it returns its input as it is. Missing: Conv2D(F1, 1x1), BatchNormalization, ReLU",
        "the notebook goes on with the package's own: kr.identity_block",
        "convolutional_block is not written yet",
        "the notebook goes on with the package's own: kr.conv_block",
        "ResNet50 is not written yet: it returns nothing",
        "the notebook goes on with the package's own: kr.compat.assignment_v1.ResNet50",
        "177 layers, 23,600,006 parameters",
        "largest difference of the block's output from its input: 0.0",
        "320 weights fit",
    ),
    "01_residual_networks_solution.ipynb": (
        "identity_block: right.",
        "convolutional_block: right.",
        "ResNet50: right.",
        "177 layers, 23,600,006 parameters",
        "largest difference of the block's output from its input: 0.0",
        "320 weights fit",
    ),
    "02_train_signs.ipynb": ("zero_init_gamma True", "resnet-tiny: 23,142 parameters", "duplicates: {'train': 0, 'test': 0"),
    "03_pretrained_weights.ipynb": (
        "100.0% of 36 images",
        "0 of 97 arrays changed",
        "97 weights fit accuracy 100.0%",
        "does not fit the model resnet20v2, which is unchanged",
        "preprocessed already",
        "is truncated: expected 1,234,736 bytes, received 500,000",
        "the same tensors in 39 layers",
    ),
    "04_why_residual.ipynb": ("met plain sigmoid", "Confirmed in the quick form"),
    "05_transfer.ipynb": ("positives: 100.0%", "Frozen: the stem to stage2", "C4 (1, 16, 16, 64)"),
    "06_deploy.ipynb": (
        "'input': {'name': 'images', 'shape': [None, 64, 64, 3], 'dtype': 'uint8'",
        "every class is the same on",
        "is not the same function as out/deploy/run: its logits differ by up to",
        "accuracy 100.0 % before",
        "keras float32",
    ),
}
PICTURES = {"01": 3, "02": 5, "03": 1, "04": 3, "05": 3, "06": 2}
QUICK = {("01_residual_networks_solution.ipynb", "tensorflow"), ("05_transfer.ipynb", "torch")}
NEEDS_OPENVINO = pytest.mark.skipif(
    not all(map(importlib.util.find_spec, ("openvino", "nncf"))), reason="needs the extras openvino and int8"
)


def needs_tensorflow(backend):
    return pytest.mark.skipif(backend != "tensorflow", reason="exports are written from Keras on TensorFlow")


RUNS = [
    pytest.param(
        name,
        backend,
        marks=[
            *([] if (name, backend) in QUICK else [pytest.mark.full]),
            pytest.mark.skipif(importlib.util.find_spec(backend) is None, reason=f"the backend {backend} is not installed"),
            *([needs_tensorflow(backend), NEEDS_OPENVINO] if name.startswith("06") else []),
        ],
    )
    for name in SAID
    for backend in ("tensorflow", "jax", "torch")
]


def printed(notebook):
    """All that a notebook has printed, its white space as single blanks and its shapes as tuples."""
    texts = [output.get("text", "") for cell in code(notebook) for output in cell["outputs"]]
    text = " ".join("".join("".join(text) for text in texts).split())
    return re.sub(r"torch\.Size\(\[(.*?)\]\)", r"(\1)", text)  # a shape, as the other backends print it


def pictures(notebook):
    return [output for cell in code(notebook) for output in cell["outputs"] if "image/png" in output.get("data", {})]


def code(notebook):
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def test_notebook_files_are_what_their_sources_make():
    assert {path.name for path in FOLDER.glob("*.ipynb")} == set(NOTEBOOKS) == set(SAID)
    for name, made in NOTEBOOKS.items():
        stored = json.loads((FOLDER / name).read_text(encoding="utf-8"))
        for cell in code(stored):
            cell["outputs"], cell["execution_count"] = [], None
        assert stored == made, f"{name}: python notebooks/build.py makes it anew"


@pytest.mark.parametrize("name", SAID)
def test_notebook_is_stored_as_it_ran_from_top_to_bottom(name):
    path = FOLDER / name
    stored = json.loads(path.read_text(encoding="utf-8"))
    cells = code(stored)
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert not [output for output in outputs if output["output_type"] == "error" or output.get("name") == "stderr"]
    assert len(pictures(stored)) >= PICTURES[name[:2]]
    assert path.stat().st_size < 1_000_000
    assert not re.search(r"/(work|root|home|tmp|Users)/", path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name, backend", RUNS)
def test_notebook_runs_from_top_to_bottom(name, backend, tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", backend)
    folder = tmp_path / "notebooks"
    folder.mkdir()
    (tmp_path / "weights").mkdir()
    shutil.copy(ROOT / "weights" / "resnet20_synthetic_signs.h5", tmp_path / "weights")
    for variable in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")  # nobody listens there: a download is an error
    for variable, value in (("PYTHONPATH", str(ROOT)), ("KERAS_HOME", str(tmp_path / "keras"))):
        monkeypatch.setenv(variable, value)
    ran = build.execute(SMOKE[name], folder, timeout=300)
    text = printed(ran)
    for said in SAID[name]:
        assert said in text
    if name.endswith("_solution.ipynb"):
        assert "not right yet" not in text and "goes on with" not in text
    assert len(pictures(ran)) >= PICTURES[name[:2]]
    assert {path.name for path in folder.iterdir()} == {"out"}


@pytest.mark.parametrize("name", SAID)
def test_notebook_begins_with_one_import_and_shows_no_plumbing(name):
    cells = build.code_of(NOTEBOOKS[name])
    assert cells[0].startswith("from keras_resnet.notebook import ")
    for plumbing in ("os.environ", "SMOKE", "smoke", "load_keras", "mkdir", "# solution"):
        assert plumbing not in "".join(cells)
    assert all("# solution" not in "".join(cell["source"]) for cell in NOTEBOOKS[name]["cells"])


def test_the_solution_does_not_find_the_run_of_the_exercise():
    runs = []
    for name in ("01_residual_networks.ipynb", "01_residual_networks_solution.ipynb"):
        [line] = [line for text in build.code_of(NOTEBOOKS[name]) for line in text.splitlines() if line.startswith("RUN = ")]
        runs.append(line)
        folder = line.split('"')[1]
        assert any(f"predict out/{folder} my_hand" in "".join(cell["source"]) for cell in NOTEBOOKS[name]["cells"])
    assert runs[0] != runs[1]


def test_a_line_is_changed_in_its_form_alone():
    line = "    fit(epochs=16, images=1080)  # smoke: 16 -> 1, 1080 -> 48"
    assert build.changed(line, ()) == build.changed(line, ("solution",)) == "    fit(epochs=16, images=1080)"
    assert build.changed(line, ("smoke",)) == "    fit(epochs=1, images=48)"
    assert build.changed("a = 1  # a remark", ("smoke",)) == "a = 1  # a remark"
    with pytest.raises(ValueError, match="'b = 2' holds no '3' to be changed"):
        build.changed("b = 2  # smoke: 3 -> 4", ("smoke",))


def test_notebook_says_what_is_wrong_with_a_block_and_goes_on():
    cells = build.code_of(NOTEBOOKS["01_residual_networks_solution.ipynb"])
    block = next(text for text in cells if text.startswith("def identity_block"))
    check = next(text for text in cells if "check_identity_block" in text)
    said = []
    import keras

    import keras_resnet as kr

    names = {"kr": kr, "layers": keras.layers, "print": lambda *values: said.append(" ".join(map(str, values)))}
    lines = [line for line in block.splitlines() if "Activation" not in line]  # a block without a ReLU
    exec("\n".join(lines), names)
    exec(check, names)
    assert "identity_block: not right yet" in said[0] and "The ReLU after the addition is missing." in said[0]
    assert names["identity_block"] is kr.identity_block and "goes on with the package's own" in said[1]


def test_notebook_blanks_keep_the_comments_alone():
    text = "def f(x):\n    ### START CODE HERE ###\n    # Add one\n    x = (\n        x + 1\n    )\n\n"
    text += "    # Twice\n    x = 2 * x\n    ### END CODE HERE ###\n    return x"
    blank = "def f(x):\n    ### START CODE HERE ###\n    # Add one\n\n    # Twice\n\n    ### END CODE HERE ###\n    return x"
    assert build.blanked(text) == blank


def test_notebook_outputs_stay_while_the_code_does(capsys):
    def notebook(*texts):
        return build._notebook([("markdown", "# Title"), *(("code", text) for text in texts)])

    old = notebook("a = 1", "a")
    for number, cell in enumerate(code(old)):
        cell["outputs"], cell["execution_count"] = [{"text": str(number)}], number
    new = notebook("a = 1  # a remark", "a")
    build._keep_outputs(new, old, "n.ipynb")
    assert [cell["outputs"] for cell in code(new)] == [cell["outputs"] for cell in code(old)]
    assert [cell["execution_count"] for cell in code(new)] == [0, 1]
    changed = notebook("a = 2", "a")
    build._keep_outputs(changed, old, "n.ipynb")
    assert changed == notebook("a = 2", "a")
    assert "its code has changed" in capsys.readouterr().err
