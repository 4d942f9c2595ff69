"""Notebooks and modules at the command line: what is run of them, and what happens where it does not end."""

import json
import os
import sys
import textwrap

import pytest
from networks import NETWORK
from right_blocks import CONV_V1, IDENTITY_V1, IDENTITY_V3, LOOP
from wrong_blocks import CHANGED, changed

from keras_resnet.errors import GradeError
from keras_resnet.grade import cells, check_identity_block, grade_file, memory, process, targets
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


@pytest.mark.skipif(os.name != "posix", reason="the system has no ps")
@pytest.mark.parametrize(("taken", "ended"), [(400, "memory"), (20, 3)])
def test_memory_is_watched_where_the_system_does_not_bound_it(tmp_path, monkeypatch, taken, ended):
    monkeypatch.setattr(memory, "WATCHED", True)
    program = f"""
import pathlib, sys, time
pathlib.Path(sys.argv[1]).write_text("")
time.sleep(0.5)
held = bytearray({taken} * 2**20)
time.sleep(1)
sys.exit(3)
"""
    command = [sys.executable, "-c", program, str(tmp_path / "report.jsonl")]
    assert process._run(command, dict(os.environ), tmp_path, process.Limits(20, 200), None)[0] == ended
    limits = process.Limits(20, 200)
    told = process._unfinished(("identity_block", "identity block"), "memory", limits)
    assert told.sentences == ("identity_block used more than 200 MB of memory and was stopped.",)


def test_resident_memory_is_that_of_the_system():
    held = bytearray(10**8)
    assert memory.resident(os.getpid()) > len(held)
    assert memory.resident(2**22 + 1) == 0  # beyond the largest that Linux gives


def test_where_nothing_bounds_memory_a_note_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "UNBOUND", "nothing bounds it")
    lines = [{"note": "a line"}, {"found": [["identity_block", "identity block"]]}, {"grade": {"name": "b", "passed": True}}]
    monkeypatch.setattr(process, "_child", lambda *arguments: (lines, 0, ()))
    assert process.grade_confined("a.py", tmp_path / "a.py", tmp_path, process.Limits()).notes == (
        "a line",
        "nothing bounds it",
    )


@pytest.mark.parametrize(
    ("ended", "says"), [(1, r"could not be loaded \(exit status 1\): No space"), ("time", "was not there after 600 s")]
)
def test_a_framework_that_does_not_load_is_not_the_learners_fault(tmp_path, monkeypatch, ended, says):
    monkeypatch.setattr(process, "_child", lambda *arguments: ([], ended, ["Traceback", "No space", ""]))
    with pytest.raises(GradeError, match=f"a.py was not run, for Keras {says}"):
        process.grade_confined("a.py", tmp_path / "a.py", tmp_path, process.Limits())


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
    (tmp_path / "blocks.py").write_text("from keras.layers import *\n\ndef my_block(X:\n")
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


# What a file says -> what of it runs; `ran` is called with the name of each line that does.
SCOPES = {
    "a local name that the file assigns too": (
        "model = ran('model')\nX = ran('X')\ndef identity_block(X):\n    model = X\n    return model",
        [],
    ),
    "a parameter, a loop's name and a comprehension's": (
        "s = ran('s')\nn = ran('n')\nk = ran('k')\n"
        "def identity_block(X, s=2):\n    for n in (1, 2):\n        X = [k for k in (n, s)]\n    return X",
        [],
    ),
    "a name of an inner function": (
        "conv = ran('conv')\ndef identity_block(X):\n    def unit(conv):\n        return conv\n    return unit(X)",
        [],
    ),
    "a method's name and an attribute's": (
        "call = ran('call')\nfilters = ran('filters')\nclass Unit:\n    def call(self):\n        return self.filters\n"
        "def identity_block(X):\n    return Unit",
        [],
    ),
    "an exception's, a with's and a walrus's": (
        "error = ran('error')\nfile = ran('file')\ny = ran('y')\ndef identity_block(X):\n    try:\n        return (y := X)\n"
        "    except ValueError as error:\n        with X as file:\n            return file",
        [],
    ),
    "a global that it needs": ("F = ran('F')\nG = ran('G')\ndef identity_block(X):\n    return F", ["F"]),
    "a global that an inner function needs": (
        "F = ran('F')\ndef identity_block(X):\n    def unit():\n        return F\n    return unit()",
        ["F"],
    ),
    "a global that is declared one": (
        "F = ran('F')\ndef identity_block(X):\n    global F\n    F = F or 1\n    return F",
        ["F"],
    ),
    "a default and a decorator": (
        "same = ran('same') or (lambda f: f)\nF = ran('F')\nG = ran('G')\n@same\ndef identity_block(X, f=F):\n    return X",
        ["same", "F"],
    ),
    "a default of a function that nobody needs": (
        "def train(model=ran('train')):\n    pass\ndef identity_block(X):\n    return X",
        [],
    ),
    "a decorator that runs what it decorates": (
        "@ran\ndef demo():\n    pass\ndef identity_block(X):\n    return X",
        [],
    ),
    "a class that nobody needs": ("class Trainer:\n    model = ran('model')\ndef identity_block(X):\n    return X", []),
    "what a needed function needs": (
        "F = ran('F')\nG = ran('G')\ndef unit(X):\n    return F\ndef other(X):\n    return G\n"
        "def identity_block(X):\n    return unit(X)",
        ["F"],
    ),
    "what a needed value needs": ("F = ran('F')\nG = [F]\ndef identity_block(X):\n    return G", ["F"]),
    "a value that is changed in part": (
        "G = {}\nG[1] = ran('G')\nH = {}\nH[1] = ran('H')\ndef identity_block(X):\n    return G",
        ["G"],
    ),
    "a value that is added to": ("F = 1\nF += ran('F') or 2\ndef identity_block(X):\n    return F", ["F"]),
    "two values in one line": ("F, G = ran('F'), ran('G')\ndef identity_block(X):\n    return G", ["F", "G"]),
    "values in branches": (
        "if True:\n    F = ran('F')\n    G = ran('G')\nelse:\n    F = ran('else')\ndef identity_block(X):\n    return F",
        ["F"],
    ),
    "training in the main branch": (
        "if __name__ == '__main__':\n    model = ran('model')\n    ran('fit')\ndef identity_block(X):\n    return X",
        [],
    ),
    "a value in a with": (
        "import contextlib\nwith contextlib.nullcontext():\n    F = ran('F')\n    ran('fit')\n"
        "def identity_block(X):\n    return F",
        ["F"],
    ),
    "a value that a loop fills": (
        "F = {}\nfor n in (1, 2):\n    F[n] = ran('F')\n    ran('fit')\ndef identity_block(X):\n    return F",
        ["F", "F"],
    ),
    "calls alone": ("ran('fit')\nfor epoch in range(3):\n    ran(epoch)\ndef identity_block(X):\n    return X", []),
}


@pytest.mark.parametrize("scope", SCOPES)
def test_of_a_file_only_what_the_blocks_take_from_outside_themselves_runs(scope, monkeypatch):
    source, expected = SCOPES[scope]
    ran = []
    monkeypatch.setattr("builtins.ran", lambda name: ran.append(name), raising=False)
    found = Definitions([("one", source)], ["identity_block"])
    assert ran == expected and callable(found.names["identity_block"]) and not found.notes


def test_an_import_that_nobody_needs_is_not_run(tmp_path, monkeypatch):
    (tmp_path / "trains.py").write_text("raise SystemExit('trained')\n")
    monkeypatch.syspath_prepend(tmp_path)
    source = "import trains\nfrom trains import model\nimport math as m\ndef identity_block(X):\n    return m.pi"
    found = Definitions([("one", source)], ["identity_block"])
    assert not found.notes and found.names["identity_block"](None) == pytest.approx(3.14159, rel=1e-5)


def test_imports_that_a_try_passes_over_leave_kerass_names():
    source = "try:\n    from none_such import *\nexcept ImportError:\n    print('left out')\n"
    found = Definitions([("one", source), ("two", IDENTITY_V3)], ["identity_block"])
    assert found.notes == ["one, line 2, could not be imported: from none_such import *"] and "Conv2D" in found.names
    other = "try:\n    from none_such import Conv2D\nexcept ImportError:\n    from keras.layers import Conv2D\n"
    assert "Conv2D" in Definitions([("one", other + IDENTITY_V3)], ["identity_block"]).names


def test_a_normalization_for_keras_2_gives_way_to_kerass_own(tmp_path, monkeypatch):
    (tmp_path / "helpers_of_2023.py").write_text(
        "import keras\nclass BatchNormalization(keras.layers.Layer):\n    def __init__(self, axis=-1):\n        1 / 0\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    source = IMPORTS.split("%")[0].replace("BatchNormalization, ", "").replace("from resnets_utils", "from helpers_of_2023")
    source += "from keras.initializers import random_uniform\n"
    found = Definitions([("one", source + IDENTITY_V3)], ["identity_block"])
    assert "brings a BatchNormalization of its own, for Keras 2" in found.notes[0]
    assert check_identity_block(found.names["identity_block"]).passed


def test_this_packages_own_blocks_are_noted():
    source = "from keras_resnet import identity_block as theirs\nidentity_block = theirs\n"
    assert "this package has right blocks of its own" in Definitions([("one", source)], ["identity_block"]).notes[0]


def targets_of(source):
    pieces = [("one", source)]
    found, notes = targets.find(Definitions(pieces, targets.wanted(pieces)))
    return [(target.subject, target.name) for target in found], notes, [target.note for target in found if target.note]


STYLES = {
    "convolution_block": (
        CONV_V1.replace("convolutional_block", "convolution_block"),
        [("convolutional block", "convolution_block")],
    ),
    "words of its own": (
        CONV_V1.replace("convolutional_block", "shrink").replace("s=2", "stride=2").replace("(s, s)", "stride")
        + IDENTITY_V3.replace("identity_block", "keep"),
        [("identity block", "keep"), ("convolutional block", "shrink")],
    ),
    "helpers beside": (
        "def conv_bn(x, kernel, filters, strides=1):\n    return x\n"
        + "def my_conv(X, f, filters, s=2):\n    return conv_bn(X, f, filters, s)\n"
        + "def build_resnet_50(input_shape, classes):\n    return my_conv(input_shape, 3, (1, 2, 3))\n",
        [("convolutional block", "my_conv"), ("network", "build_resnet_50")],
    ),
    "a class of functions": (
        "class ResNet:\n    @staticmethod\n    def identity_block(X, f, filters):\n        return X\n"
        "    def convolutional_block(self, X, f, filters, s):\n        return X\n",
        [("identity block", "identity_block")],
    ),
    "both names": (
        CONV_V1 + CONV_V1.replace("convolutional", "conv"),
        [("convolutional block", "convolutional_block"), ("convolutional block", "conv_block")],
    ),
    "others beside the right names": (
        IDENTITY_V3 + IDENTITY_V3.replace("identity_block", "identity_block_3d"),
        [("identity block", "identity_block")],
    ),
}


@pytest.mark.parametrize("style", STYLES)
def test_blocks_are_found_under_other_names(style):
    source, expected = STYLES[style]
    head = "from keras.layers import *\nfrom keras.initializers import random_uniform\n"
    found, unclear, assumed = targets_of(head + source)
    assert found == expected and not unclear
    named = {"identity_block", "convolutional_block", "conv_block", "ResNet50"}
    assert len(assumed) == len([name for _, name in found if name not in named])


def test_two_that_may_be_meant_are_named():
    found, unclear, _ = targets_of("def plain(X, f, filters):\n    pass\ndef same(X, f, filters):\n    pass\n")
    assert found == [] and unclear == [
        "plain, same: one of them may be the identity block; name it identity_block to have it checked"
    ]


def test_a_block_under_another_name_is_graded_with_a_note(command, tmp_path):
    source = "from keras.layers import *\nfrom keras.models import Model\nfrom keras import layers\n"
    conv = CONV_V1.replace("convolutional_block", "convolution_block")
    body = NETWORK.replace("convolutional_block(X, 3, [F, F, 4 * F]", 'convolution_block(X, 3, [F, F, 4 * F], F, "a"')
    body = body.replace("identity_block(X, 3, [F, F, 4 * F])", 'identity_block(X, 3, [F, F, 4 * F], F, f"b{_}")')
    notebook(tmp_path / "mine.ipynb", source, IDENTITY_V1, conv, body, "model = ResNet50()\nmodel.fit()")
    done = command("grade", "mine.ipynb", "--json", check=0)
    assert [grade["name"] for grade in json.loads(done.stdout)["grades"]] == ["identity_block", "convolution_block", "ResNet50"]
    assert done.stderr.startswith("note: convolution_block is taken for the convolutional block, which the assignment calls")


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


MAGICS = {
    "a magic": ("%matplotlib inline\nx = 1", "\nx = 1"),
    "a program": ("x = 1\n!pip install keras\ny = 2", "x = 1\n\ny = 2"),
    "help": ("Conv2D?\nx = 1\nConv2D??\n?Conv2D", "\nx = 1\n\n"),
    "an assignment": ("files = !ls\nx = %time 3", "\n"),
    "in a block": ("if True:\n    %matplotlib inline\nx = 1", "if True:\n    pass\nx = 1"),
    "the time of a cell": ("%%time\ndef f():\n    pass", "\ndef f():\n    pass"),
    "a cell's output": ("%%capture out\nx = 1", "\nx = 1"),
    "another language": ("%%bash\nls", ""),
    "a page": ("%%html\n<b>x = 1</b>", ""),
    "a remainder": ("x = (7\n% 4)\ny = 'a %s' \\\n  % x", "x = (7\n% 4)\ny = 'a %s' \\\n  % x"),
    "a mistake": ("def f(:\n    %time\n", "def f(:\n    %time\n"),
}


@pytest.mark.parametrize("magic", MAGICS)
def test_magics_go_and_python_stays(tmp_path, magic):
    source, expected = MAGICS[magic]
    notebook(tmp_path / "mine.ipynb", source)
    assert cells.read(tmp_path / "mine.ipynb") == [("cell 1", expected)]
    (tmp_path / "mine.py").write_text(source)
    assert cells.read(tmp_path / "mine.py") == [("mine.py", expected)]


def test_a_block_that_is_no_python_is_not_right(command, tmp_path):
    broken = IDENTITY_V1.replace("X_shortcut = X\n", "X_shortcut = (X\n")
    notebook(tmp_path / "mine.ipynb", "from keras.layers import *", CONV_V1, broken, "from keras import layers, Model", NETWORK)
    done = command("grade", "mine.ipynb", check=1)
    said = " ".join(done.stdout.split())
    assert "identity_block cannot be read, for its lines are no Python; cell 3, line 4: '(' was never closed." in said
    assert "convolutional_block: right." in said
    assert "ResNet50 was not checked, for identity_block cannot be read: mend that first." in said


def test_magics_and_old_notebooks_are_read(tmp_path):
    notebook(tmp_path / "new.ipynb", "%matplotlib inline\n!ls\nx = 1", "%%bash\nls")
    assert cells.read(tmp_path / "new.ipynb") == [("cell 1", "\n\nx = 1"), ("cell 2", "")]
    old = {"worksheets": [{"cells": [{"cell_type": "code", "input": ["y = ", "2"]}]}], "nbformat": 3}
    (tmp_path / "old.ipynb").write_text(json.dumps(old))
    assert cells.read(tmp_path / "old.ipynb") == [("cell 1", "y = 2")]
