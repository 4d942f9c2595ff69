"""Notebooks and modules at the command line: what is run of them, and what happens where it does not end."""

import json
import textwrap

import pytest
from right_blocks import CONV_V1, IDENTITY_V3, LOOP
from wrong_blocks import CHANGED, changed

from keras_resnet.errors import GradeError
from keras_resnet.grade import cells, grade_file
from keras_resnet.grade.definitions import Definitions

IMPORTS = """
import numpy as np
from keras import layers
from keras.layers import Add, Activation, BatchNormalization, Conv2D
from keras.utils import layer_utils
from resnets_utils import *
%matplotlib inline
import keras.backend as K
K.set_learning_phase(1)
"""


def notebook(path, *sources):
    """Writes a notebook of code cells, with a text before them."""
    cell = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    code = [{**cell, "source": source.splitlines(keepends=True)} for source in sources]
    text = {"cell_type": "markdown", "metadata": {}, "source": "# Residual networks"}
    path.write_text(json.dumps({"cells": [text, *code], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    return path


def test_a_learners_notebook_of_2018_is_graded(command, tmp_path):
    identity = changed(*CHANGED["ReLU before the addition"][1:3])
    path = notebook(tmp_path / "mine.ipynb", IMPORTS, identity, CONV_V1, "model = ResNet50()\nmodel.fit(X_train, Y_train)")
    done = command("grade", path, "--json", check=1)
    value = json.loads(done.stdout)
    assert not value["passed"] and [grade["passed"] for grade in value["grades"]] == [False, True]
    assert value["grades"][0]["name"] == "identity_block" and value["grades"][0]["mistakes"] == ["relu_before_addition"]
    assert value["grades"][0]["sentences"][0].startswith("The last ReLU stands before the addition;")
    assert "note: cell 1, line 6, left out: from resnets_utils import *: ModuleNotFoundError" in done.stderr
    assert "layer_utils" not in done.stderr and "fit" not in done.stderr and "Traceback" not in done.stderr


def test_a_line_is_named_with_its_cell(tmp_path):
    blank = changed(*CHANGED["a blank left"][1:3])
    mine = "from keras.initializers import random_uniform\n"
    graded = grade_file(notebook(tmp_path / "mine.ipynb", IMPORTS + mine, "", blank))
    assert graded.grades[0].sentences[0].startswith("A blank is left before line 10 of cell 3, `X = Conv2D(F2")


def test_a_right_module_passes(command, tmp_path):
    (tmp_path / "blocks.py").write_text("import keras\nfrom keras import layers\nfrom helper import SIZE\nprint(SIZE)\n" + LOOP)
    (tmp_path / "helper.py").write_text("SIZE = 3\n")
    done = command("grade", "blocks.py", check=0)
    first, *advice = done.stdout.splitlines()
    assert first == "identity_block: right." and advice[0].startswith("  advice: Names, which do not count:")


def test_code_that_ends_the_process_or_takes_too_much_is_told_so(tmp_path):
    path = tmp_path / "blocks.py"
    path.write_text(
        textwrap.dedent(
            """
            import os
            import numpy as np

            def identity_block(X, f, filters, stage, block):
                exit()

            def convolutional_block(X, f, filters, stage, block, s=2):
                return np.ones(10**9)

            def ResNet50(input_shape=(64, 64, 3), classes=6):
                os._exit(3)
            """
        )
    )
    graded = grade_file(path, megabytes=1000)
    assert [grade.mistakes for grade in graded.grades] == [("exit",), ("error",), ("died",)] and not graded.passed
    assert "convolutional_block stops in line 9, `return np.ones(10**9)`" in graded.grades[1].sentences[0]
    assert "MemoryError" in graded.grades[1].sentences[0]
    assert "(exit status 3); it may use 1000 MB of memory." in graded.grades[2].sentences[0]


def test_a_loop_without_an_end_is_stopped(command, tmp_path):
    (tmp_path / "blocks.py").write_text("def identity_block(X, f, filters, stage, block):\n    while True:\n        pass\n")
    done = command("grade", "blocks.py", "--seconds", 2, check=1)
    assert "identity_block had not come to an end after 2 s and was stopped" in " ".join(done.stdout.split())


def test_what_cannot_be_graded_is_one_line(tmp_path):
    (tmp_path / "mine.txt").write_text("")
    (tmp_path / "broken.ipynb").write_text("{")
    for name, says in (
        ("none.py", "No such file"),
        ("mine.txt", r"expected a notebook \(.ipynb\) or a module"),
        ("broken.ipynb", "is no notebook: JSONDecodeError"),
    ):
        with pytest.raises(GradeError, match=says):
            grade_file(tmp_path / name)


def test_a_file_without_the_functions_is_told_what_is_looked_for(command, tmp_path):
    (tmp_path / "blocks.py").write_text("from keras_resnet.compat.assignment_v1 import *\n\ndef identity_block(X:\n")
    done = command("grade", "blocks.py", check=1)
    assert done.stdout == "" and len(done.stderr.splitlines()) == 1
    assert (
        "defines none of identity_block, convolutional_block, conv_block, ResNet50; left out: blocks.py, line 3" in done.stderr
    )


def test_only_definitions_are_run_and_what_they_need():
    first = "counted = []\nrate = counted.append\nF = len([1, 2])\nmodel = counted.append('trained')\ncounted.append('read')"
    second = "class Own:\n    pass\n\ndef helper():\n    return F, Own\n\ndef identity_block(X):\n    return helper(), counted"
    found = Definitions([("one", first), ("two", second)], ["identity_block"])
    assert found.names["identity_block"](None) == ((2, found.names["Own"]), []) and not found.notes
    assert found.own == {"counted", "F", "Own", "helper", "identity_block"}


def test_a_guarded_import_and_a_function_by_another_name_are_run():
    source = """
try:
    import none_such
except ImportError:
    none_such = None

def f(X):
    return X, none_such

identity_block = f
if __name__ == "__main__":
    raise SystemExit
"""
    found = Definitions([("one", source)], ["identity_block"])
    assert found.names["identity_block"](5) == (5, None) and "identity_block" in found.own and not found.notes


def test_a_failed_star_import_leaves_kerass_names():
    found = Definitions([("cell 1", IMPORTS.replace("%matplotlib inline", "")), ("cell 2", IDENTITY_V3)], ["identity_block"])
    assert [note.split(":")[0] for note in found.notes] == ["cell 1, line 6, left out"]
    assert {"Conv2D", "random_uniform", "ZeroPadding2D", "Model"} <= set(found.names) and "identity_block" in found.own


def test_magics_and_old_notebooks_are_read(tmp_path):
    notebook(tmp_path / "new.ipynb", "%matplotlib inline\n!ls\nx = 1", "%%bash\nls")
    assert cells.read(tmp_path / "new.ipynb") == [("cell 1", "\n\nx = 1"), ("cell 2", "")]
    old = {"worksheets": [{"cells": [{"cell_type": "code", "input": ["y = ", "2"]}]}], "nbformat": 3}
    (tmp_path / "old.ipynb").write_text(json.dumps(old))
    assert cells.read(tmp_path / "old.ipynb") == [("cell 1", "y = 2")]
