"""Text from elsewhere: control characters escaped, and how wide it is on a terminal."""

import pytest

from keras_resnet.errors import DataError, KerasResNetError
from keras_resnet.text import columns, fitted, say, visible
from keras_resnet.train import Options


@pytest.mark.parametrize(
    "text, expected",
    [
        ("plain élan 手势 يد", "plain élan 手势 يد"),
        ("\x1b[31mred\x1b]0;title\x07", r"\x1b[31mred\x1b]0;title\x07"),
        ("a\rb\nc\td\x7f", r"a\rb\nc\td\x7f"),
        ("\x9b2J", r"\x9b2J"),  # a control sequence in one byte of C1
        ("gpj.\u202eexe", r"gpj.\u202eexe"),  # read from right to left: exe.jpg
        ("\u2066x\u2069\u2028", r"\u2066x\u2069\u2028"),
        (b"\xff.jpg".decode("utf-8", "surrogateescape"), r"\udcff.jpg"),
    ],
)
def test_control_characters_are_escaped_and_letters_are_not(text, expected):
    assert visible(text) == expected and visible(visible(text)) == expected
    expected.encode()  # can be printed


def test_what_is_kept_is_kept():
    assert visible("a\nb\x1bc", keep="\n") == "a\nb\\x1bc"


def test_what_is_said_is_safe_to_print(capsys):
    for told in (say, Options().say):
        told("run\x1b[2J\nline")
        assert capsys.readouterr().out == "run\\x1b[2J\nline\n"


def test_errors_are_safe_to_print_wherever_they_are_caught():
    for kind in (KerasResNetError, DataError):
        assert str(kind("No such file: a\x1b[2Jb")) == r"No such file: a\x1b[2Jb"


@pytest.mark.parametrize("text, width", [("abc", 3), ("手势", 4), ("e\u0301", 1), ("ｱ", 1), ("ア", 2), ("", 0)])
def test_columns_on_a_terminal(text, width):
    assert columns(text) == width


def test_long_text_loses_its_middle():
    assert fitted("short", 5) == "short"
    assert fitted("a rather long name, number 1", 11) == "a rat…ber 1"
    assert columns(fitted("手势" * 20, 11)) <= 11 and fitted("手势" * 20, 11).startswith("手势手…")
