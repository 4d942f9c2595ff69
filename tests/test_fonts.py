"""Letters that DejaVu Sans lacks come from an installed font, or it is said, once, that none has them."""

import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from PIL import Image

from keras_resnet import fonts
from keras_resnet.data import Split, sample_grid
from keras_resnet.evaluate import drawing, figures
from keras_resnet.evaluate.metrics import score


def make_font(path, letters, family):
    """A font in which each of some letters is a full square."""
    pen = TTGlyphPen(None)
    for number, point in enumerate([(0, -200), (0, 900), (1000, 900), (1000, -200)]):
        (pen.lineTo if number else pen.moveTo)(point)
    pen.closePath()
    empty, square = TTGlyphPen(None).glyph(), pen.glyph()
    names = [f"g{number}" for number in range(len(letters))]
    builder = FontBuilder(1000)
    builder.setupGlyphOrder([".notdef", *names])
    builder.setupCharacterMap(dict(zip(map(ord, letters), names, strict=True)))
    builder.setupGlyf({".notdef": empty, **dict.fromkeys(names, square)})
    builder.setupHorizontalMetrics(dict.fromkeys([".notdef", *names], (1000, 0)))
    builder.setupHorizontalHeader(ascent=900, descent=-200)
    builder.setupNameTable({"familyName": family, "styleName": "Regular"})
    builder.setupOS2(sTypoAscender=900, sTypoDescender=-200, usWinAscent=900, usWinDescent=200)
    builder.setupPost()
    builder.save(path)
    return str(path)


@pytest.fixture
def installed(monkeypatch):
    """The fonts that are found to be installed; what was found and said in other tests is forgotten."""
    files = []
    monkeypatch.setattr(fonts, "_installed", lambda: files)
    monkeypatch.setattr(fonts, "_told", set())
    fonts.others.cache_clear()
    yield files
    fonts.others.cache_clear()


def dark(path):
    return int((np.asarray(Image.open(path).convert("L")) < 90).sum())


def grid(path, *names):
    split = Split(np.full((len(names), 8, 8, 3), 200, np.uint8), np.arange(len(names)))
    return sample_grid(split, names, path)


def matrix(path, *names):
    return figures.confusion(score(np.eye(len(names)), np.arange(len(names)), names), path)


@pytest.mark.parametrize("draw", [grid, matrix])
def test_an_installed_font_is_used(tmp_path, caplog, installed, draw):
    without = dark(draw(tmp_path / "a.png", "手势", "plain"))
    assert [record.getMessage() for record in caplog.records] == [
        "no installed font has the letters 势手: pictures show boxes in their place; a font such as Noto Sans, or for Chinese, "
        "Japanese and Korean Noto Sans CJK, has them"
    ]
    caplog.clear()
    fonts.others.cache_clear()
    installed += [make_font(tmp_path / "one.ttf", "手", "One"), make_font(tmp_path / "both.ttf", "手势", "Both")]
    assert dark(draw(tmp_path / "b.png", "手势", "plain")) > without + 500  # two full squares
    assert not caplog.records


def test_a_mixed_name_takes_letters_from_several_fonts(tmp_path, installed, monkeypatch):
    installed += [make_font(tmp_path / "one.ttf", "手", "One hand"), make_font(tmp_path / "other.ttf", "ह", "Other hand")]
    drawn, make = [], drawing.new_figure
    monkeypatch.setattr(drawing, "new_figure", lambda *size: drawn.append(make(*size)) or drawn[-1])
    matrix(tmp_path / "a.png", "a 手 ह", "b")
    families = drawn[0].axes[0].get_yticklabels()[0].get_fontfamily()
    assert families[0] in ("sans-serif", "DejaVu Sans") and set(families[1:]) == {"One hand", "Other hand"}


def test_it_is_said_once(tmp_path, caplog, installed):
    for name in ("手", "手", "势"):
        grid(tmp_path / "a.png", name, "b")
        matrix(tmp_path / "a.png", name, "b")
    assert [record.getMessage()[:36] for record in caplog.records] == [
        "no installed font has the letters 手:", "no installed font has the letters 势:",
    ]  # fmt: skip


@pytest.mark.parametrize("draw", [grid, matrix])
def test_letters_of_dejavu_need_nothing(tmp_path, caplog, recwarn, installed, draw):
    draw(tmp_path / "a.png", "élan", "قبضة", "שלום", "кулак", "φ")
    assert not caplog.records and not [warning for warning in recwarn if "Glyph" in str(warning.message)]


def test_letters_from_right_to_left_are_drawn_so_or_it_is_said(caplog, installed):
    letters = frozenset("قبضة a")
    fonts.tell_of_order(letters, True, "Matplotlib 3.11")
    assert not caplog.records
    for _ in range(2):
        fonts.tell_of_order(letters, False, "Matplotlib 3.8")
    letters = "".join(sorted(letters - set(" a")))
    assert [record.getMessage() for record in caplog.records] == [
        f"Matplotlib 3.8 draws the letters {letters} from left to right and does not join them; a newer one does"
    ]


def test_what_is_no_font_is_passed_over(tmp_path, installed):
    (tmp_path / "bad.ttf").write_bytes(b"no font")
    good = make_font(tmp_path / "good.ttf", "手", "Good")
    installed += [str(tmp_path / "bad.ttf"), str(tmp_path / "absent.ttf"), good]
    assert fonts.others(frozenset("手 a"), str(tmp_path / "bad.ttf")) == (good,)
