import json

import numpy as np
import pytest
from PIL import Image

from keras_resnet.errors import RunError
from keras_resnet.evaluate import comparison, drawing
from keras_resnet.evaluate.comparison import compare, draw, table


def write_run(path, *, accuracy=None, epochs=2, planned=2, seed=0, recipe="signs", validated=True, speed=50.0):
    """A run folder's record and log, of a finished run where there is an accuracy."""
    path.mkdir(parents=True)
    record = {"status": "running", "model": "resnet50", "recipe": {"name": recipe, "epochs": planned}, "seed": seed}
    if accuracy is not None:
        test = {"accuracy": accuracy, "accuracy_interval": [accuracy - 0.1, accuracy + 0.05]}
        result = {"seconds": 90.0, "images_per_second": speed, "epochs": epochs, "test": test}
        record |= {"status": "complete", "result": result}
    (path / "run.json").write_text(json.dumps(record))
    columns = {"epoch": range(epochs), "loss": [1.0] * epochs, "accuracy": [0.5] * epochs, "seconds": [30.0] * epochs}
    columns |= {"images_per_second": [40.0, 44.0, 48.0][:epochs]}
    if validated:
        columns |= {"val_accuracy": np.linspace(0.2, 0.9, epochs), "val_loss": np.linspace(2, 0.5, epochs)}
    lines = [",".join(columns), *(",".join(map(str, line)) for line in zip(*columns.values(), strict=True))]
    (path / "log.csv").write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def runs(tmp_path):
    folder = tmp_path / "runs"
    write_run(folder / "worse", accuracy=0.8)
    write_run(folder / "more" / "better", accuracy=0.9, seed=3, recipe="finetune", epochs=3, planned=5)
    write_run(folder / "begun", epochs=3, planned=9)
    return folder


def test_the_most_accurate_come_first_and_the_unfinished_last(runs):
    rows = compare(runs)
    assert [row.run for row in rows] == ["more/better", "worse", "begun"]
    first, _, last = rows
    assert (first.recipe, first.seed, first.epochs, first.planned, first.minutes) == ("finetune", 3, 3, 5, 1.5)
    assert first.accuracy_interval == (0.8, pytest.approx(0.95)) and first.images_per_second == 50
    # Of a run that has not ended, what its log tells: 3 epochs of 30 s, the median of three speeds.
    assert (last.status, last.epochs, last.minutes, last.images_per_second) == ("running", 3, 1.5, 44)
    assert last.accuracy is None
    assert json.loads(json.dumps(first.to_json()))["accuracy"] == 0.9 and "log" not in first.to_json()


def test_the_table(runs):
    heading, first, _, last = table(compare(runs)).split("\n")
    assert heading.split() == "run model recipe epochs seed test accuracy (95 %) minutes images/s status".split()
    assert first.split() == "more/better resnet50 finetune 3 of 5 3 90.0 % (80.0 to 95.0) 1.5 50 complete".split()
    assert last.split() == "begun resnet50 signs 3 of 9 0 - 1.5 44 running".split()
    assert heading.index("status") == first.index("complete") == last.index("running")


def test_a_folder_that_is_a_run_and_a_damaged_one(runs):
    assert [row.run for row in compare(runs / "worse")] == ["worse"]
    (runs / "begun" / "run.json").write_text("{")
    (runs / "worse" / "run.json").write_text('{"recipe": 3}')
    rows = compare(runs)
    assert [row.run for row in rows] == ["more/better", "begun", "worse"]
    assert "run.json is not readable as JSON" in rows[1].status and "is not the record of a run" in rows[2].status
    assert table(rows).count("damaged: ") == 2


def test_no_runs_are_named(tmp_path):
    with pytest.raises(RunError, match="No such folder: .*nowhere; expected one with run folders in it"):
        compare(tmp_path / "nowhere")
    with pytest.raises(RunError, match="No run folder in .* or below; `keras-resnet train --data SET --out .*/NAME` makes one"):
        compare(tmp_path)


def test_the_picture_has_a_line_for_each_run(runs, tmp_path, monkeypatch):
    drawn = []
    make = drawing.new_figure
    monkeypatch.setattr(drawing, "new_figure", lambda *size: drawn.append(make(*size)) or drawn[-1])
    write_run(runs / "_$bare$", accuracy=0.5, validated=False)
    write_run(runs / "_$x$", accuracy=0.6)
    path = draw(compare(runs), tmp_path / "runs.png")
    left, right = drawn[0].axes
    assert len(left.lines) == len(right.lines) == 4  # one has no validation
    first = left.lines[0]
    assert first.get_label() == " more/better, test 90.0 %"
    np.testing.assert_allclose(first.get_xydata(), [[1, 0.2], [2, 0.55], [3, 0.9]])
    np.testing.assert_allclose(right.lines[1].get_xydata(), [[1, 2], [2, 0.5]])
    assert left.get_title(loc="left").startswith("Validation accuracy")
    texts = [text.get_text().strip() for text in drawn[0].legends[0].get_texts()]
    assert texts == ["more/better, test 90.0 %", "worse, test 80.0 %", "_$x$, test 60.0 %", "begun"]
    image = np.asarray(Image.open(path).convert("RGB")).reshape(-1, 3)
    for color in comparison._COLORS[:4]:
        assert (image == [int(color[place : place + 2], 16) for place in (1, 3, 5)]).all(axis=1).any(), color


def test_more_runs_than_there_are_looks_for(tmp_path, monkeypatch):
    drawn = []
    make = drawing.new_figure
    monkeypatch.setattr(drawing, "new_figure", lambda *size: drawn.append(make(*size)) or drawn[-1])
    for number in range(comparison.MOST_DRAWN + 2):
        write_run(tmp_path / f"run{number:02}", accuracy=0.5)
    draw(compare(tmp_path), tmp_path / "runs.png")
    looks = {(line.get_color(), line.get_linestyle(), str(line._unscaled_dash_pattern)) for line in drawn[0].axes[0].lines}
    assert len(looks) == comparison.MOST_DRAWN == len(drawn[0].axes[0].lines)
    assert drawn[0].legends[0].get_title().get_text() == f"{comparison.MOST_DRAWN} of {comparison.MOST_DRAWN + 2} runs"


def test_without_validation_nothing_is_drawn(tmp_path):
    write_run(tmp_path / "runs" / "bare", accuracy=0.5, validated=False)
    assert draw(compare(tmp_path / "runs"), tmp_path / "runs.png") is None and not (tmp_path / "runs.png").exists()
