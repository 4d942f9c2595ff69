"""The figures of the stored results: legends beside the data, lines that can be seen, names that are explained."""

import numpy as np
import PIL.Image
import pytest
from conftest import ROOT
from matplotlib.colors import to_rgb

from keras_resnet import lab
from keras_resnet.cli import main
from keras_resnet.errors import LabError
from keras_resnet.evaluate import drawing

FROZEN = ROOT / "docs" / "lab"
FIGURES = [(name, figure) for name, each in lab.EXPERIMENTS.items() for figure in each.figures]


def drawn(name, figure):
    """A figure of a stored result, laid out."""
    made = lab.EXPERIMENTS[name].figures[figure][1](lab.read(FROZEN / f"{name}.json"))
    made.canvas.draw()
    return made


def pixels_of(path):
    with PIL.Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"), int)


@pytest.mark.parametrize(("name", "figure"), FIGURES)
def test_no_legend_lies_over_data_or_beyond_the_figure(name, figure):
    made = drawn(name, figure)
    for axes in made.axes:
        if legend := axes.get_legend():
            box = legend.get_window_extent()
            assert not any(box.overlaps(other.get_window_extent()) for other in made.axes)
            assert made.bbox.x0 <= box.x0 and box.x1 <= made.bbox.x1 + 1 and made.bbox.y0 <= box.y0 + 1


@pytest.mark.parametrize("figure", ["gradient", "saturation"])
def test_every_panel_of_vanishing_gradients_shows_its_lines(figure):
    """Of tanh and ReLU all lines lay on one, on the sigmoid's axis of thirty decades."""
    for axes in drawn("vanishing-gradients", figure).axes:
        heights = [axes.transData.transform(line.get_xydata())[:, 1] for line in axes.lines]
        spread = np.ptp(np.concatenate(heights)) / axes.bbox.height
        if figure == "gradient":
            assert spread > 0.5
            means = sorted(height[:10].mean() for height in heights[:3])  # of 50 layers, at the input: three lines
            assert min(np.diff(means)) > 0.01 * axes.bbox.height


@pytest.mark.parametrize(
    ("name", "figure"), [("operation-order", "growth"), ("operation-order", "training"), ("vanishing-gradients", "saturation")]
)
def test_a_line_that_lies_on_another_lets_its_edges_be_seen(name, figure):
    made = drawn(name, figure)
    pixels = np.asarray(made.canvas.buffer_rgba())[..., :3].astype(int)
    for axes in made.axes:
        box = axes.bbox
        panel = pixels[int(pixels.shape[0] - box.y1) : int(pixels.shape[0] - box.y0), int(box.x0) : int(box.x1)]
        for line in axes.lines:
            color = 255 * np.array(to_rgb(line.get_color()))
            assert (np.abs(panel - color).max(axis=-1) < 8).sum() > 50, line.get_label()


@pytest.mark.parametrize(
    ("name", "figure", "kinds"),
    [
        ("vanishing-gradients", "gradient", {"plain", "residual", "common"}),
        ("vanishing-gradients", "saturation", {"plain", "residual", "common"}),
        ("operation-order", "growth", {"branch end", "reverse", "common", "full pre-activation"}),
        ("operation-order", "training", {"branch end", "reverse", "common", "full pre-activation"}),
        ("variance", "blocks", {"residual", "scaled", "normalised", "post-normalised"}),
        ("variance", "links", {"residual link", "scaled link", "normalised link"}),
    ],
)
def test_every_kind_of_block_is_a_formula_in_its_legend(name, figure, kinds):
    labels = [text.get_text() for text in drawn(name, figure).axes[0].get_legend().get_texts()]
    formulas = dict(label.split(": ") for label in labels if ": " in label)
    assert set(formulas) == kinds and all("x" in formula for formula in formulas.values())
    caption = lab.EXPERIMENTS[name].figures[figure][0]
    assert "g the" in caption or "ReLU g" in caption


def test_a_caption_explains_the_kinds_that_are_titles():
    for figure, kinds in (("links", 4), ("blocks", 4)):
        caption = lab.EXPERIMENTS["shattered-gradients"].figures[figure][0]
        assert caption.count(": ") == kinds and "scaled" in caption and "ReLU" in caption


def test_a_folder_is_drawn_again_from_its_numbers(tmp_path, capsys):
    (tmp_path / "variance.json").write_bytes((FROZEN / "variance.json").read_bytes())
    old = tmp_path / "variance-links.png"
    old.write_bytes((FROZEN / "identity-appended.png").read_bytes())
    assert main.main(["lab", "draw", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"Page: {tmp_path}/lab.html\n"
    made = lab.EXPERIMENTS["variance"].figures["links"][1](lab.read(FROZEN / "variance.json"))
    expected = pixels_of(drawing.write(made, tmp_path / "expected.png"))
    assert pixels_of(old).shape == expected.shape and np.abs(pixels_of(old) - expected).mean() < 1  # in 256 colours
    assert (tmp_path / "variance.json").read_bytes() == (FROZEN / "variance.json").read_bytes()
    with pytest.raises(LabError, match="holds no results of the lab; `keras-resnet lab run NAME --out .*` writes one"):
        lab.write_page(tmp_path / "nothing")


def test_the_page_turns_drawings_dark_and_leaves_photographs():
    page = (FROZEN / "lab.html").read_text(encoding="utf-8")
    assert page.count('<img class="clear"') == 1  # the photographs of `features`
    assert page.count('<img class="drawn"') == len(FIGURES) - 1
