"""Grading a class: what is found in a folder, the table, and that no submission touches another."""

import csv
import json
import os
import textwrap

import pytest
from networks import NETWORK
from right_blocks import CONV_V3, IDENTITY_V3
from test_grade_file import notebook
from wrong_blocks import changed

from keras_resnet.errors import GradeError
from keras_resnet.grade import grade_folder, gradebook, submissions
from keras_resnet.grade.grading import Grade
from keras_resnet.grade.process import FileGrade

IMPORTS = """
from keras import Model, layers
from keras.layers import Activation, Add, BatchNormalization, Conv2D
from keras.initializers import glorot_uniform, random_uniform
"""
RIGHT = IMPORTS + IDENTITY_V3 + CONV_V3 + NETWORK


@pytest.fixture
def handed_in(tmp_path):
    folder = tmp_path / "handed_in"
    folder.mkdir()
    return folder


@pytest.fixture
def quick(monkeypatch):
    """Grades without a process: by what a file says; the names of those that were graded."""
    graded = []

    def of_text(name, path, own, limits, neighbors, stop):
        graded.append(name)
        text = path.read_text(encoding="utf-8")
        if "stop" in text:
            raise KeyboardInterrupt
        if "loads badly" in text and graded.count(name) == 1:
            raise GradeError(f"{name} was not run, for Keras could not be loaded")
        if "no backend" in text:
            raise ModuleNotFoundError("Keras has no backend here.", name="tensorflow")
        if "broken" in text:
            raise GradeError(f"{name} is broken")
        grades = [
            Grade("identity_block", "wrong" not in text, ("=a <b> mistake",) * ("wrong" in text), subject="identity block")
        ]
        grades += [Grade("conv_block", True, subject="convolutional block")] * ("two" in text)
        grades += [Grade("conv_block", True, subject="convolutional block"), Grade("ResNet50", True, subject="network")] * (
            "whole" in text
        )
        return FileGrade(name, tuple(grades), ("a note",))

    monkeypatch.setattr(gradebook, "grade_confined", of_text)
    return graded


def table(path):
    with open(path, newline="", encoding="utf-8-sig") as file:
        return {row["submission"]: row for row in csv.DictReader(file)}


def test_a_folder_has_a_submission_for_each_learner(handed_in):
    learner = "def identity_block(X, f, filters):\n    pass\n"
    (handed_in / "anna.py").write_text(learner)
    notebook(handed_in / "ben.ipynb", learner)
    for name in ("cleo", "dan/week 2", "eve", "nobody", ".git", "__MACOSX", "fay/.ipynb_checkpoints"):
        (handed_in / name).mkdir(parents=True)
    notebook(handed_in / "cleo" / "mine.ipynb", learner)
    (handed_in / "cleo" / "resnets_utils.py").write_text(learner)
    (handed_in / "cleo" / "tools.py").write_text("SIZE = 3\n")
    notebook(handed_in / "dan" / "week 2" / "one.ipynb", learner)
    notebook(handed_in / "dan" / "week 2" / "two.ipynb", learner)
    notebook(handed_in / "dan" / "week 2" / "other.ipynb", "x = 1")
    notebook(handed_in / "eve" / "empty.ipynb", "x = 1")
    notebook(handed_in / "fay" / ".ipynb_checkpoints" / "mine-checkpoint.ipynb", learner)
    (handed_in / "fay" / "mine.ipynb").write_text("{")
    (handed_in / "essay.pdf").write_bytes(b"%PDF")
    (handed_in / "._anna.py").write_bytes(b"\0")
    (handed_in / "link.py").symlink_to(handed_in / "anna.py")
    (handed_in / "grades.csv").write_text("")
    found, left_out = submissions.find(handed_in, written=[handed_in / "grades.csv"])
    names = ["anna.py", "ben.ipynb", "cleo/mine.ipynb", "dan/week 2/one.ipynb", "dan/week 2/two.ipynb", "eve/empty.ipynb"]
    assert [each.name for each in found] == [*names, "fay/mine.ipynb", "nobody"]
    assert left_out == ["essay.pdf", "link.py (a link)"]
    assert [path.name for path in found[2].modules] == ["resnets_utils.py", "tools.py"] and found[0].modules == ()


def test_a_learners_own_modules_go_along_and_nobody_elses(handed_in, tmp_path):
    (handed_in / "anna" / "tools").mkdir(parents=True)
    notebook(handed_in / "anna" / "mine.ipynb", "def ResNet50():\n    pass")
    (handed_in / "anna" / "tools" / "sizes.py").write_text("SIZE = 3\n")
    (handed_in / "anna" / "secret.txt").write_text("")
    (handed_in / "ben.py").write_text("def ResNet50():\n    pass\n")
    anna, ben = submissions.find(handed_in)[0]
    path = anna.copy_to(tmp_path / "1")
    assert sorted(each.name for each in path.parent.rglob("*")) == ["mine.ipynb", "sizes.py", "tools"]
    assert [each.name for each in ben.copy_to(tmp_path / "2").parent.iterdir()] == ["ben.py"]


def test_what_is_no_class_is_one_line(handed_in):
    with pytest.raises(GradeError, match="holds no notebook"):
        submissions.find(handed_in)
    with pytest.raises(GradeError, match="expected a folder"):
        submissions.find(handed_in / "none")


def test_a_row_for_each_with_a_verdict_for_each_block(handed_in, tmp_path, quick):
    for name, text in (("a.py", "whole"), ("b.py", "two"), ("c.py", "wrong whole"), ("d.py", "broken"), ("e.ipynb", "{")):
        (handed_in / name).write_text(text)
    said = []
    rows = grade_folder(handed_in, csv=tmp_path / "grades.csv", html=tmp_path / "grades.html", say=said.append)
    assert [row.result for row in rows] == ["right", "incomplete", "not right", "not graded", "not graded"]
    found = table(tmp_path / "grades.csv")
    assert list(found) == ["a.py", "b.py", "c.py", "d.py", "e.ipynb"]
    columns = ("identity_block", "convolutional_block", "network")
    assert [found["b.py"][column] for column in columns] == ["right", "right", "missing"]
    assert found["c.py"]["sentences"] == "identity_block: =a <b> mistake" and found["c.py"]["notes"] == "a note"
    assert found["d.py"]["sentences"] == "d.py is broken" and found["e.ipynb"]["sentences"].startswith("e.ipynb is no notebook")
    assert {found[name][column] for name in ("d.py", "e.ipynb") for column in columns} == {""}
    page = (tmp_path / "grades.html").read_text()
    assert '<td class="word missing" data-of="network">missing</td>' in page
    assert "=a &lt;b&gt; mistake" in page and "<b> mistake" not in page and "1 right, 1 incomplete, 1 not right" in page
    assert said[-1].startswith("5/5 ")


def test_it_goes_on_where_it_was_stopped_and_grades_again_what_changed(handed_in, tmp_path, quick):
    for name in ("a.py", "b.py", "c.py"):
        (handed_in / name).write_text("stop" if name == "b.py" else "whole")
    with pytest.raises(KeyboardInterrupt):
        grade_folder(handed_in, csv=tmp_path / "grades.csv", jobs=1, say=lambda line: None)
    assert list(table(tmp_path / "grades.csv")) == ["a.py"]
    (handed_in / "b.py").write_text("whole")
    said = []
    grade_folder(handed_in, csv=tmp_path / "grades.csv", jobs=1, say=said.append)
    assert (
        quick.count("a.py") == 1
        and quick[-2:] == ["b.py", "c.py"]
        and said[0] == "1 of 3 stand in the table already and have not changed"
    )
    (handed_in / "c.py").write_text("wrong")
    (handed_in / "a.py").unlink()
    rows = grade_folder(handed_in, csv=tmp_path / "grades.csv", jobs=2, say=lambda line: None)
    assert quick.count("b.py") == 2 and [(row.submission, row.result) for row in rows] == [
        ("b.py", "right"),
        ("c.py", "not right"),
    ]
    assert list(table(tmp_path / "grades.csv")) == ["b.py", "c.py"]


def test_what_was_not_graded_is_tried_again(handed_in, tmp_path, quick):
    for name in ("a.py", "b.py"):
        (handed_in / name).write_text("loads badly whole" if name == "b.py" else "whole")
    results = []
    for _ in range(3):
        rows = grade_folder(handed_in, csv=tmp_path / "grades.csv", jobs=1, say=lambda line: None)
        results.append([row.result for row in rows])
    assert results == [["right", "not graded"], ["right", "right"], ["right", "right"]] and quick == ["a.py", "b.py", "b.py"]


def test_without_a_backend_nobody_is_graded(handed_in, tmp_path, quick):
    (handed_in / "a.py").write_text("no backend")
    with pytest.raises(ModuleNotFoundError, match="no backend here"):
        grade_folder(handed_in, csv=tmp_path / "grades.csv", say=lambda line: None)
    assert not (tmp_path / "grades.csv").exists()


@pytest.mark.parametrize("name", ["=cmd.py", "+1.py", "-1.py", "@sum.py"])
def test_no_cell_begins_a_formula_and_all_are_read_again(handed_in, tmp_path, quick, name):
    (handed_in / name).write_text("whole")
    for _ in range(2):
        grade_folder(handed_in, csv=tmp_path / "grades.csv", say=lambda line: None)
    assert list(table(tmp_path / "grades.csv")) == [f"'{name}"] and quick == [name]


def test_another_table_is_left_alone(handed_in, tmp_path, quick):
    (handed_in / "a.py").write_text("whole")
    for text in ("name,points\nanna,3\n", "\0\0", ",".join(gradebook.COLUMNS) + "\na.py,right\n"):
        (tmp_path / "points.csv").write_text(text)
        with pytest.raises(GradeError, match="points.csv"):
            grade_folder(handed_in, csv=tmp_path / "points.csv", say=lambda line: None)
        assert (tmp_path / "points.csv").read_text() == text


def function(name, parameters, body):
    return f"\ndef {name}({parameters}):\n" + textwrap.indent(textwrap.dedent(body), "    ")


@pytest.mark.skipif(os.name != "posix", reason="the limits of other systems are the parent's clock alone")
def test_no_submission_touches_another(command, handed_in, tmp_path):
    """One is right; the others read it, write over it, end its process, never end, and fill the disk."""
    (handed_in / "right.py").write_text(RIGHT)
    (handed_in / "reads.py").write_text(
        IMPORTS
        + "import os\n"
        + function("identity_block", "X, f, filters", f"return open({str(handed_in / 'right.py')!r}).read()")
        + function("convolutional_block", "X, f, filters, s=2", "os.killpg(os.getpgid(os.getppid()), 9)")
        + function("ResNet50", "input_shape=(64, 64, 3), classes=6", f"open({str(handed_in / 'right.py')!r}, 'w')")
    )
    (handed_in / "ends.py").write_text(
        IMPORTS
        + "import os, sys\n"
        + function(
            "identity_block", "X, f, filters", "while True:\n    print('x' * 10**4)\n    print('x' * 10**4, file=sys.stderr)"
        )
        + function(
            "convolutional_block", "X, f, filters, s=2", "for n in range(10**6):\n    open(f'{n}', 'wb').write(b'0' * 10**7)"
        )
        + NETWORK
    )
    (handed_in / "wrong").mkdir()
    wrong = changed(IDENTITY_V3, [('padding="same"', 'padding="valid"')])
    notebook(handed_in / "wrong" / "mine.ipynb", IMPORTS, "from mine import *", wrong, CONV_V3, NETWORK)
    (handed_in / "wrong" / "mine.py").write_text("SIZE = 3\n")
    done = command("grade", handed_in, "--csv", tmp_path / "grades.csv", "--seconds", 20, "--memory", 2000, "--json", check=0)
    rows = {row["submission"]: row for row in json.loads(done.stdout)}
    assert {name: row["result"] for name, row in rows.items()} == {
        "right.py": "right",
        "reads.py": "not right",
        "ends.py": "not right",
        "wrong/mine.ipynb": "not right",
    }
    reads = rows["reads.py"]["sentences"].splitlines()
    assert f"PermissionError: the grader does not let a submission read '{handed_in / 'right.py'}'" in reads[0]
    assert "not let a submission send a signal to another process" in reads[1] and "write" in reads[2]
    ends = rows["ends.py"]["sentences"].splitlines()
    assert ends == [
        "identity_block had not come to an end after 20 s and was stopped; is there a loop without one?",
        "convolutional_block wrote more than 256 MB of files and was stopped.",
        "ResNet50 was not checked, for convolutional_block did not come to its end: mend that first.",
    ]
    assert [rows["wrong/mine.ipynb"][key] for key in ("identity_block", "convolutional_block", "network")] == [
        "not right",
        "right",
        "not right",
    ]
    assert "padding='valid'" in rows["wrong/mine.ipynb"]["sentences"].splitlines()[0]
    assert (handed_in / "right.py").read_text() == RIGHT
    assert table(tmp_path / "grades.csv")["right.py"]["result"] == "right"
    again = command("grade", handed_in, "--csv", tmp_path / "grades.csv", check=0)
    assert again.stderr.startswith("4 of 4 stand in the table")
    lines = [line.split("  ") for line in again.stdout.splitlines()]
    assert [cell.strip() for cell in lines[3] if cell] == ["right.py", *4 * ["right"]] and lines[-1] == ["3 not right, 1 right"]


def test_a_class_needs_a_folder(command, tmp_path):
    (tmp_path / "blocks.py").write_text(IDENTITY_V3)
    done = command("grade", "blocks.py", "--csv", "grades.csv", check=1)
    assert done.stderr == "keras-resnet: --csv, --html and --jobs are for a folder of submissions; blocks.py is none\n"
