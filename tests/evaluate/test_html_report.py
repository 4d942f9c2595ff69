import base64
import math
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from keras_resnet.errors import DataError
from keras_resnet.evaluate.metrics import score
from keras_resnet.evaluate.page import html_report

VOID = {"meta", "link", "img", "br", "hr"}  # elements without an end tag, of those that a page here may hold


class Page(HTMLParser):
    """Reads a page: its text, its images, what it refers to; fails where tags do not nest."""

    def __init__(self, source):
        super().__init__()
        self.open, self.text, self.images, self.references, self.tags, self.rows = [], [], [], [], set(), []
        self.feed(source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.tags.add(tag)
        if tag not in VOID:
            self.open.append(tag)
        if tag == "img":
            self.images.append(attributes)
        if tag == "tr":
            self.rows.append([])
        self.references += [attributes[name] for name in ("src", "href", "srcset", "action") if name in attributes]

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, f"</{tag}> closes nothing"

    def handle_data(self, data):
        if "style" not in self.open:
            self.text.append(data)
        if self.open and self.open[-1] in ("th", "td"):
            self.rows[-1].append(data)

    @property
    def words(self):
        return " ".join("".join(f" {part}" for part in self.text).split())


@pytest.fixture
def scores():
    """Nine of ten images right; the class `<b>` holds the mistake, the class `none` no images."""
    probabilities = np.eye(3)[[0] * 5 + [1] * 4 + [0]]
    probabilities[9] = [0.75, 0.25, 0]
    return score(probabilities, np.array([0] * 5 + [1] * 5), ['fist & "thumb"', "<b>", "none"])


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "picture.png"
    Image.fromarray(np.arange(30 * 15 * 3, dtype=np.uint8).reshape(15, 30, 3)).save(path)
    return path


@pytest.fixture
def page(tmp_path, scores, picture):
    summary = {
        "model": "resnet50",
        "data": "signs <small>",
        "epochs": 12,
        "seconds": 374.6,
        "images_per_second": 53.71,
        "command": "keras-resnet train --data 'a & b' --out <run>",
        "accuracy": 0.1,
    }
    path = html_report(
        tmp_path / "run" / "report.html",
        title="Signs & <script>alert(1)</script>",
        summary=summary,
        scores=scores,
        figures={"curves": picture, "confusion": picture, "mistakes": picture, "sample <grid>": picture},
        log={"epoch": [0.0, 1.0], "loss": [1.25, 0.5], "val_loss": [math.nan, 0.75]},
        settings={"seed": 0, "recipe": {"adam": {"epsilon": 1e-7}, "flip": True, "decay": None, "zoom": [0.9, 1.1]}},
    )
    return Page(path.read_text(encoding="utf-8"))


def test_the_page_refers_to_nothing_outside(page):
    assert len(page.images) == 4
    assert all(image["src"].startswith("data:image/png;base64,") for image in page.images)
    assert all(reference.startswith("data:") for reference in page.references)
    assert not page.tags & {"script", "iframe", "object", "embed", "b", "grid", "run"}


def test_images_are_the_files_at_their_size(page, picture):
    for image in page.images:
        assert base64.b64decode(image["src"].partition(",")[2]) == picture.read_bytes()
        assert (image["width"], image["height"]) == ("20", "10")
    assert page.images[1]["alt"] == 'Confusion matrix: fist & "thumb", <b>, none'


def test_drawings_turn_dark_and_photographs_do_not(tmp_path, scores, picture):
    clear = tmp_path / "clear.png"
    Image.new("RGBA", (30, 15), (200, 100, 50, 0)).save(clear)
    figures = {**dict.fromkeys(("curves", "confusion", "reliability"), picture), "mistakes": clear, "one's own": picture}
    path = html_report(tmp_path / "r.html", title="T", summary={}, scores=scores, figures=figures)
    source = path.read_text(encoding="utf-8")
    assert [image["class"] for image in Page(source).images] == ["drawn", "drawn", "drawn", "clear", "photographs"]
    assert "img.drawn { filter: invert" in source and "img.photographs" not in source


def test_a_broad_figure_is_moved_sideways_on_a_narrow_screen(tmp_path, scores):
    least = {}
    for width in (600, 1500):  # pixels of the file; a CSS pixel has 1.5 of them
        Image.new("RGB", (width, 300)).save(tmp_path / "p.png")
        path = html_report(tmp_path / "r.html", title="T", summary={}, scores=scores, figures={"curves": tmp_path / "p.png"})
        [image] = Page(path.read_text(encoding="utf-8")).images
        least[width] = image.get("style")
    assert least == {600: None, 1500: "min-width: 800px"}


def test_cells_of_figures_are_not_split_letter_by_letter(tmp_path, scores):
    """`overflow-wrap: anywhere` lets a column shrink to one letter; only what may be one long word has it."""
    path = html_report(tmp_path / "r.html", title="T", summary={}, scores=scores, figures={})
    rules = re.findall(r"([^{}]+)\{[^{}]*overflow-wrap: anywhere", path.read_text(encoding="utf-8"))
    selectors = {part.strip() for rule in rules for part in rule.split(",")}
    assert selectors == {"h1", "p", "figcaption", "dd", "pre", ".settings td"}


def test_the_headline(page):
    low, high = 0.5958, 0.9821  # Wilson, 9 of 10: (p + z2/2n -+ z sqrt(pq/n + z2/4n2)) / (1 + z2/n), by hand
    assert f"Test accuracy 90.0 % 95 % interval {100 * low:.1f} % to {100 * high:.1f} %" in page.words
    loss = -(9 * math.log(1 - 1e-7) + math.log(0.25)) / 10
    assert f"Test loss {loss:.3g} in nats" in page.words
    assert "Test images 10 1 wrong Epochs 12 Training time 6 min 15 s Speed 53.7 images a second" in page.words
    assert "model: resnet50 · data: signs <small>" in page.words


@pytest.mark.parametrize(
    ("images", "weighted", "shown"),
    [((5, 5), False, False), ((6, 4), False, False), ((5, 5), True, True), ((8, 5), False, True)],
)
def test_balanced_accuracy_is_shown_where_classes_differ_or_were_weighted(tmp_path, images, weighted, shown):
    labels = np.repeat([0, 1], images)
    probabilities = np.eye(2)[np.where(np.arange(len(labels)) == len(labels) - 1, 0, labels)]  # the last one is wrong
    some = score(probabilities, labels, ["a", "b"])
    path = html_report(tmp_path / "r.html", title="T", summary={"balanced": weighted}, scores=some, figures={})
    words = Page(path.read_text(encoding="utf-8")).words
    mean = f"{100 * (1 + (images[1] - 1) / images[1]) / 2:.1f} %"
    assert (f"Balanced accuracy {mean} mean recall of the classes" in words) is shown
    assert (f"Balanced accuracy (mean recall) {mean}; expected calibration error" in words) is shown
    assert shown or "Expected calibration error" in words and "Balanced" not in words


def test_every_string_is_escaped(page):
    assert "Signs & <script>alert(1)</script>" in page.words
    assert "keras-resnet train --data 'a & b' --out <run>" in page.words
    assert "Sample <grid>" in page.words


def test_the_tables(page):
    assert ['fist & "thumb"', "5", "83.3 %", "100.0 %", "90.9 %"] in page.rows
    assert ["<b>", "5", "100.0 %", "80.0 %", "88.9 %"] in page.rows
    assert ["none", "0", "–", "–", "–"] in page.rows
    for row in (["seed", "0"], ["adam.epsilon", "1e-07"], ["flip", "yes"], ["decay", "none"], ["zoom", "0.9, 1.1"]):
        assert row in page.rows
    assert ["1", "1.25", "–"] in page.rows and ["2", "0.5", "0.75"] in page.rows


def test_the_least_it_takes(tmp_path):
    perfect = score(np.eye(2), np.arange(2), ["a", "b"])
    path = html_report(tmp_path / "r.html", title="T", summary={}, scores=perfect, figures={"mistakes": None})
    page = Page(path.read_text(encoding="utf-8"))
    assert "Mistakes None on 2 test images." in page.words
    assert "100.0 %" in page.words and page.images == []
    for absent in ("Epochs", "Training time", "Recipe", "Every epoch", "Do it again"):
        assert absent not in page.words


@pytest.mark.parametrize("seconds, text", [(0.4, "0 s"), (59.6, "1 min 00 s"), (3725, "1 h 02 min")])
def test_durations(tmp_path, scores, seconds, text):
    path = html_report(tmp_path / "r.html", title="T", summary={"seconds": seconds}, scores=scores, figures={})
    assert f"Training time {text}" in Page(path.read_text(encoding="utf-8")).words


def test_a_bad_figure_is_named_and_an_older_page_stays(tmp_path, scores):
    page, figure = tmp_path / "r.html", tmp_path / "curves.png"
    page.write_text("older")
    for content, kind in ((None, "not there"), (b"PK\x03\x04", "a zip archive")):
        if content:
            figure.write_bytes(content)
        with pytest.raises(DataError, match=f"Figure 'curves': .*curves.png is {kind}; expected a PNG image"):
            html_report(page, title="T", summary={}, scores=scores, figures={"curves": figure})
    assert page.read_text() == "older"


@pytest.mark.parametrize(("floor", "shown"), [(None, False), (0.42, True)])
def test_that_the_losses_of_smoothed_labels_are_others_is_said(tmp_path, floor, shown):
    some = score(np.eye(2)[[0, 1, 1]], [0, 1, 0], ["a", "b"])
    Image.new("RGB", (30, 15)).save(tmp_path / "curves.png")
    pictures = {"curves": tmp_path / "curves.png"}
    path = html_report(tmp_path / "r.html", title="T", summary={"floor": floor}, scores=some, figures=pictures)
    words = Page(path.read_text(encoding="utf-8")).words
    assert ("Their losses are of smoothed labels, which leave at least 0.42; the test loss is of the labels" in words) is shown
    assert ("in nats, of labels as they are" in words) is shown
