"""How commands print: aligned tables, and nothing from files, names of classes or servers that would steer the terminal."""

import io
import json
import logging
import warnings

import numpy as np
import pytest
from PIL import Image

from keras_resnet.cli import output
from keras_resnet.cli.main import main
from keras_resnet.data import Split, write_signs
from keras_resnet.errors import DataError

EVIL = "cat\x1b[31m\x07\x9b2J\r"
SAFE = r"cat\x1b[31m\x07\x9b2J\r"


def run(capsys, *words):
    status = main([*map(str, words)])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


@pytest.fixture
def photos(tmp_path):
    """Class folders, one of them, and files in it, with control characters in the name."""
    for name in (EVIL, "dog"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(3):
            pixels = np.random.default_rng(number).integers(0, 256, (9, 9, 3), np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{number}.png")
    return tmp_path / "photos"


def is_safe(text):
    return all(letter == "\n" or letter.isprintable() for letter in text)


def test_names_of_classes_and_files_are_escaped(capsys, photos, tmp_path):
    (photos / "dog" / "notes\x1b]0;x\x07\n.txt").write_text("mine")
    (photos / "dog" / "bad\x1b[2J.png").write_text("no image")
    for words in (
        ("pack", photos, tmp_path / "set"),
        ("pack", photos, tmp_path / "set", "--skip-bad", "--test-fraction", 0.4),
        ("check", tmp_path / "set"),
        ("show", tmp_path / "set", "--out", tmp_path / "a.png"),
        ("check", photos),
        ("check", tmp_path / EVIL),
        ("check", photos, "--debug"),
    ):
        status, out, err = run(capsys, "data", *words)
        assert is_safe(out) and is_safe(err) and out + err, words
        if words[0] == "check" and words[1].name == "set":
            assert [line.split()[:2] for line in out.splitlines() if line.startswith("cat")] == [[SAFE, "2"]]
        if "--debug" in words:
            assert "Traceback" in err and r"bad\x1b[2J.png" in err


def test_json_stays_the_value_itself(capsys, photos, tmp_path):
    status, out, _ = run(capsys, "data", "check", photos, "--json")
    assert status == 0 and is_safe(out) and json.loads(out)["classes"] == [EVIL, "dog"]


def test_usage_errors_are_escaped(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["data", "check", "set", "--photo\x1b[2J"])
    assert caught.value.code == 2 and r"--photo\x1b[2J" in capsys.readouterr().err


def test_what_is_logged_and_warned_is_escaped_and_a_warning_is_said_once(capsys):
    with output.notes_shown():
        for _ in range(2):
            logging.getLogger("keras_resnet.data").warning("left out: %s", "a\x1b\nb")
        logging.getLogger("keras_resnet.data").info("read 3 of 4")
        warnings.warn("w.h5\x1b: holds NaN", stacklevel=1)
    assert capsys.readouterr().err == "warning: left out: a\\x1b\\nb\nwarning: w.h5\\x1b: holds NaN\n"
    with output.notes_shown(logging.INFO):
        for _ in range(2):
            logging.getLogger("keras_resnet.data").info("read 3 of 4")
    assert capsys.readouterr().err == "read 3 of 4\n" * 2
    assert not logging.getLogger("keras_resnet").handlers and logging.getLogger("keras_resnet").propagate


def test_lines_of_a_result_stay_lines(capsys):
    output.result(None, ["one\ntwo", "three"], as_json=False)
    output.result(None, "one\nt\x1bwo", as_json=False)
    assert capsys.readouterr().out == "one\\ntwo\nthree\none\nt\\x1bwo\n"


def test_letters_that_the_terminal_lacks_are_no_reason_to_end(monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr("sys.stdout", stream)
    output.result(None, "手 1", as_json=False)
    assert stream.buffer.getvalue() == b"\\u624b 1\n"


def test_a_table_is_aligned_whatever_the_names():
    lines = output.table(["class", "images"], [["手势", 7], ["e\u0301lan", 10_000], ["x" * 99, 3], ["\x1b[2J", 4]])
    assert lines[0].startswith("class ") and lines[1] == "手势" + " " * 36 + "       7"
    assert lines[2].startswith("e\u0301lan  ") and lines[3].startswith("x" * 20 + "…" + "x" * 19 + " ")
    assert lines[4].startswith(r"\x1b[2J ") and lines[0].endswith("images")
    from keras_resnet.text import columns

    assert len({columns(line) for line in lines}) == 1


def test_a_full_disk_is_said_of_the_file_that_it_had_no_room_for(capsys, tmp_path, monkeypatch):
    random = np.random.default_rng(0)
    part = Split(random.integers(0, 256, (4, 8, 8, 3), np.uint8), np.arange(4) % 2)
    write_signs(tmp_path / "set", part, part, ("a", "b"))

    def full(*arguments, **keywords):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    _, _, err = run(capsys, "data", "show", tmp_path / "set", "--out", tmp_path / "a.png")
    assert err.count("\n") == 1 and "No space left on device" in err and str(tmp_path / "a.png") in err
    monkeypatch.setattr("sys.stdout", open("/dev/full", "w"))  # noqa: SIM115
    assert main(["data", "check", str(tmp_path / "set")]) == 1
    assert capsys.readouterr().err == "keras-resnet: No space left on device: /dev/full\n"


def test_the_text_of_an_error_is_one_line(capsys, monkeypatch):
    def fails(arguments):
        raise DataError("a\x1b\nb")

    monkeypatch.setattr("keras_resnet.cli.data.run", fails)
    assert run(capsys, "data", "check")[2] == "keras-resnet: a\\x1b b\n"
