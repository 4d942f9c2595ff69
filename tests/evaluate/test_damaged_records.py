"""`runs` on folders whose records and logs are damaged: every other row is shown, and the odd one says what it is."""

import copy
import json
import os

import pytest
from test_comparison import write_run

from keras_resnet.cli.main import main
from keras_resnet.evaluate.comparison import compare

WRONG = (None, True, -3, 2.5, 10**400, "text", "", [], ["text", 3], {}, {"a": None}, float("nan"), float("inf"))


@pytest.fixture
def folder(tmp_path):
    """A sound run and one to be damaged."""
    write_run(tmp_path / "runs" / "sound", accuracy=0.9)
    write_run(tmp_path / "runs" / "odd", accuracy=0.8)
    return tmp_path / "runs"


def table_of(folder, capsys):
    """The lines of the table by their run; the command has to succeed, with a line for each run."""
    assert main(["runs", str(folder), "--no-figure"]) == 0
    lines = capsys.readouterr().out.splitlines()
    rows = {line.split()[0]: line for line in lines[1:]}
    assert len(rows) == len(lines) - 1 and "90.0 % (80.0 to 95.0)" in rows["sound"] and rows["sound"].endswith("complete")
    return rows


CONTENTS = {
    "empty": (b"", "is not readable as JSON: Expecting value"),
    "cut off": (b'{"status": "running", "mod', "is not readable as JSON: Unterminated string"),
    "null": (b"null", "is not the record of a run: it holds null, expected an object"),
    "a list": (b"[1, 2]", "it holds [1, 2], expected an object"),
    "a text": (b'"complete"', 'it holds "complete", expected an object'),
    "a number": (b"1e999", "it holds Infinity, expected an object"),
    "UTF-16": ('{"status": "running"}'.encode("utf-16"), "run.json is not text in UTF-8"),
    "latin-1": ('{"status": "läuft"}'.encode("latin-1"), "run.json is not text in UTF-8"),
    "bytes": (bytes(range(256)), "run.json is not text in UTF-8"),
    "zeros": (bytes(4096), "is not readable as JSON"),
    "a page": (b"<!doctype html><p>Sign in", "is not readable as JSON"),
    "deep": (b"[" * 100_000, "is not readable as JSON"),
    "long number": (b'{"seed": ' + b"9" * 5000 + b"}", "is not readable as JSON"),
}


@pytest.mark.parametrize("name", CONTENTS)
def test_a_file_that_is_no_record(name, folder, capsys):
    content, message = CONTENTS[name]
    (folder / "odd" / "run.json").write_bytes(content)
    odd = table_of(folder, capsys)["odd"]
    assert "damaged: " in odd and message in odd


@pytest.mark.parametrize("make", [lambda path: path.mkdir(), os.mkfifo], ids=["a folder", "a pipe or a device"])
def test_something_else_of_the_name_of_a_record(make, folder, capsys, request):
    (folder / "odd" / "run.json").unlink()
    make(folder / "odd" / "run.json")
    assert f"run.json is {request.node.callspec.id}, expected the record of a run" in table_of(folder, capsys)["odd"]


def test_a_record_with_a_byte_order_mark_is_sound(folder, capsys):
    file = folder / "odd" / "run.json"
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    assert table_of(folder, capsys)["odd"].endswith("complete")


def fields(record, before=()):
    for name, value in record.items():
        yield (*before, name)
        if isinstance(value, dict):
            yield from fields(value, (*before, name))


def changed(record, field, *value):
    """The record with another value of a field, without a value without the field."""
    record = copy.deepcopy(record)
    inner = record
    for name in field[:-1]:
        inner = inner[name]
    if value:
        inner[field[-1]] = value[0]
    else:
        del inner[field[-1]]
    return record


def test_every_field_of_every_wrong_kind(folder, capsys):
    """The row is sound, or names the field and what it holds; never an error, and never a NaN in the JSON value."""
    file = folder / "odd" / "run.json"
    record, damaged = json.loads(file.read_text()), 0
    for field in fields(record):
        for value in WRONG:
            file.write_text(json.dumps(changed(record, field, value)))
            odd = table_of(folder, capsys)["odd"]
            if "damaged: " in odd:
                name = ".".join(field)
                assert f": {name} is " in odd and ", expected " in odd or f": it has no {name}." in odd, odd
                damaged += 1
            main(["runs", str(folder), "--no-figure", "--json"])
            json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert damaged > 120


@pytest.mark.parametrize("name", ["status", "model", "recipe", "recipe.name", "recipe.epochs", "seed", "result", "result.test"])
def test_a_field_that_is_missing_is_named(name, folder, capsys):
    file = folder / "odd" / "run.json"
    file.write_text(json.dumps(changed(json.loads(file.read_text()), tuple(name.split(".")))))
    missing = {"recipe": "recipe.name", "result": "result.test.accuracy", "result.test": "result.test.accuracy"}.get(name, name)
    assert f"is not the record of a run: it has no {missing}" in table_of(folder, capsys)["odd"]


LOGS = {
    "empty": (b"", "log.csv is empty"),
    "UTF-16": ("epoch,loss\n0,1\n".encode("utf-16"), "log.csv cannot be read as the CSV log"),
    "bytes": (bytes(range(256)), "log.csv cannot be read as the CSV log"),
    "a text": (b"epoch,loss\n0,none\n", "line 2: loss is 'none'; expected a number"),
    "too many cells": (b"epoch,loss\n0,1,2\n", "line 2: 3 cells; expected 2"),
    "a long cell": (b"epoch,loss\n0," + b"1" * 200_000, "field larger than field limit"),
}


@pytest.mark.parametrize("name", LOGS)
def test_a_damaged_log_beside_a_sound_record(name, folder, capsys):
    content, message = LOGS[name]
    (folder / "odd" / "log.csv").write_bytes(content)
    odd = table_of(folder, capsys)["odd"]
    assert "80.0 % (70.0 to 85.0)" in odd and "complete, its log damaged: " in odd and message in odd


def test_a_folder_in_place_of_a_log(folder, capsys):
    (folder / "odd" / "log.csv").unlink()
    (folder / "odd" / "log.csv").mkdir()
    assert "log.csv is a folder; expected the CSV log" in table_of(folder, capsys)["odd"]


COLUMNS = ("epoch", "loss", "accuracy", "seconds", "images_per_second", "val_accuracy", "val_loss")


def with_column(text, column, cell):
    """A log with another cell in every line of a column; without the column where the cell is None."""
    heading, *lines = (line.split(",") for line in text.splitlines())
    place = heading.index(column)
    if cell is None:
        changed = [line[:place] + line[place + 1 :] for line in (heading, *lines)]
    else:
        changed = [heading, *([*line[:place], cell, *line[place + 1 :]] for line in lines)]
    return "\n".join(map(",".join, changed))


@pytest.mark.parametrize("column", COLUMNS)
def test_a_column_that_is_missing_or_not_finite_is_done_without(column, folder, capsys):
    log, record = folder / "odd" / "log.csv", folder / "odd" / "run.json"
    text = log.read_text()
    record.write_text(record.read_text().replace('"complete"', '"running"').replace('"result"', '"other"'))
    for cell in (None, "nan", "inf", "", "1e400"):
        log.write_text(with_column(text, column, cell))
        assert table_of(folder, capsys)["odd"].endswith("running")
        main(["runs", str(folder), "--no-figure", "--json"])
        json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    for cell in (None, "-1e300"):
        log.write_text(with_column(text, column, cell))
        assert main(["runs", str(folder)]) == 0 and (folder / "runs.png").exists()


@pytest.mark.parametrize("flags", [(), ("--json",)])
def test_the_table_is_there_where_the_picture_cannot_be_drawn(flags, folder, capsys, tmp_path):
    (tmp_path / "file").write_text("")
    assert main(["runs", str(folder), "--figure", str(tmp_path / "file" / "runs.png"), *flags]) == 1
    printed = capsys.readouterr()
    assert "sound" in printed.out and len(printed.err.splitlines()) == 1 and "Curves" not in printed.out


def test_of_a_damaged_run_the_others_are_drawn(folder, capsys):
    (folder / "odd" / "run.json").write_text("{")
    assert main(["runs", str(folder)]) == 0
    assert capsys.readouterr().out.endswith(f"Curves: {folder / 'runs.png'}\n") and (folder / "runs.png").exists()
    assert [row.run for row in compare(folder)] == ["sound", "odd"]
