import math
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from keras_resnet.errors import DataError
from keras_resnet.evaluate import drawing, figures
from keras_resnet.evaluate.log import read_log
from keras_resnet.evaluate.metrics import score

LOG = {
    "epoch": [0.0, 1.0, 2.0],
    "accuracy": [0.2, 0.6, 0.9],
    "loss": [1.8, 0.9, 0.3],
    "learning_rate": [1e-3, 5e-4, 1e-4],
    "val_accuracy": [0.1, 0.5, 0.8],
    "val_loss": [2.0, 1.1, 0.6],
}


@pytest.fixture
def kept(monkeypatch):
    """The matplotlib figures that were drawn, to ask them what they show."""
    drawn = []

    def keep(*size, **options):
        drawn.append(make(*size, **options))
        return drawn[-1]

    make = drawing.new_figure
    monkeypatch.setattr(drawing, "new_figure", keep)
    return drawn


def colors(path):
    """The set of colours of a PNG, as hexadecimal text."""
    red, green, blue = np.moveaxis(np.asarray(Image.open(path).convert("RGB"), dtype=int), -1, 0)
    return {f"#{color:06x}" for color in np.unique(65536 * red + 256 * green + blue)}


def scored(classes, wrong=0, each=3):
    """Scores of `each` images a class; the first `wrong` images are given the next class, ever less surely."""
    labels = np.repeat(np.arange(classes), each)
    probabilities = np.eye(classes)[labels]
    for index in range(wrong):
        sure = 0.95 - 0.01 * index
        probabilities[index] = (1 - sure) / (classes - 1)
        probabilities[index, (labels[index] + 1) % classes] = sure
    return score(probabilities, labels, [str(name) for name in range(classes)])


def test_read_log_takes_what_keras_writes(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("epoch,accuracy,loss,val_loss\n0,0.25,1.5,NA\n1,0.5,,2.5e-1\n2,0.7")
    log = read_log(path)
    assert list(log) == ["epoch", "accuracy", "loss", "val_loss"]
    assert log["epoch"] == [0.0, 1.0, 2.0]
    assert log["accuracy"] == [0.25, 0.5, 0.7]
    assert log["loss"][0] == 1.5 and math.isnan(log["loss"][1]) and math.isnan(log["loss"][2])
    assert math.isnan(log["val_loss"][0]) and log["val_loss"][1] == 0.25


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "log.csv is empty; expected the CSV log of a training run"),
        ("epoch,loss\n0,abc\n", "log.csv, line 2: loss is 'abc'; expected a number"),
        ("epoch,loss\n0,1,2\n", "log.csv, line 2: 3 cells; expected 2, one a column"),
        (None, "No such file: .*log.csv; expected the CSV log"),
    ],
)
def test_read_log_names_what_is_wrong(tmp_path, text, message):
    if text is not None:
        (tmp_path / "log.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        read_log(tmp_path / "log.csv")


def test_curves_draw_the_log_from_epoch_one(tmp_path, kept):
    path = tmp_path / "new" / "curves.png"
    assert figures.curves(LOG, path, test_accuracy=0.875) == path
    loss, accuracy, rate = kept[0].axes
    assert [line.get_ydata().tolist() for line in loss.lines] == [LOG["loss"], LOG["val_loss"]]
    assert loss.lines[0].get_xdata().tolist() == [1, 2, 3]
    assert [line.get_label() for line in accuracy.lines] == ["training", "validation", "test, after training: 87.5 %"]
    assert set(accuracy.lines[2].get_ydata()) == {0.875}
    assert rate.lines[0].get_ydata().tolist() == LOG["learning_rate"]
    assert {figures.BLUE, figures.ORANGE} <= colors(path)
    assert not [other for other in path.parent.iterdir() if other != path]


def test_no_line_of_the_curves_runs_through_their_legend(tmp_path, kept):
    """Accuracies that leave no corner of their axes empty."""
    accuracy, validation = [0.05, 0.95] * 20, [0.95, 0.05] * 20
    even = {"loss": [1.0] * 40, "val_loss": [1.0] * 40, "learning_rate": [0.1] * 40}
    figures.curves({**even, "accuracy": accuracy, "val_accuracy": validation}, tmp_path / "c.png", test_accuracy=0.5)
    legends = [axes.get_legend() for axes in kept[0].axes if axes.get_legend()]
    assert [len(legend.get_texts()) for legend in legends] == [2, 3]
    for legend in legends:
        assert not any(legend.get_window_extent().overlaps(axes.get_window_extent()) for axes in kept[0].axes)


def test_curves_without_validation_and_rate(tmp_path, kept):
    path = figures.curves({"loss": [1.0, 0.01], "accuracy": [0.5, 1.0]}, tmp_path / "c.png")
    loss, accuracy = kept[0].axes
    assert [line.get_label() for line in accuracy.lines] == ["training"]
    assert loss.get_yscale() == "log" and loss.lines[0].get_xdata().tolist() == [1, 2]
    assert figures.BLUE in colors(path) and figures.ORANGE not in colors(path)


def test_curves_with_gaps_and_a_diverged_loss(tmp_path, kept):
    log = {"loss": [2.0, math.nan], "accuracy": [0.5, math.nan], "val_loss": [math.nan] * 2, "val_accuracy": [0.1, 0.2]}
    figures.curves(log, tmp_path / "c.png")
    assert [len(axes.lines) for axes in kept[0].axes] == [1, 2]
    assert "training unknown" in kept[0].axes[0].texts[0].get_text()


@pytest.mark.parametrize(
    "log, message",
    [
        ({"loss": [1.0]}, r"no column 'accuracy'; received \['loss'\], expected loss and accuracy"),
        ({"loss": [], "accuracy": []}, "has no epochs; expected at least one"),
        ({"loss": [1.0], "accuracy": [1.0, 2.0]}, r"differ in length: received \{'loss': 1, 'accuracy': 2\}"),
    ],
)
def test_curves_name_what_is_wrong(tmp_path, log, message):
    with pytest.raises(DataError, match=message):
        figures.curves(log, tmp_path / "c.png")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("classes, written", [(2, 3), (20, 21), (30, 31)])
def test_confusion_writes_counts_where_they_fit(tmp_path, kept, classes, written):
    path = figures.confusion(scored(classes, wrong=1), tmp_path / "m.png")
    axes = kept[0].axes[0]
    texts = {tuple(text.get_position()): text.get_text() for text in axes.texts}
    assert len(texts) == written  # the diagonal and the one mistake
    if written:
        assert texts[0, 0] == "2" and texts[1, 0] == "1" and texts[1, 1] == "3"  # (column, row)
    assert axes.get_ylabel() == "True class" and axes.get_xlabel() == "Predicted class"
    assert [label.get_text() for label in axes.get_yticklabels()] == [str(name) for name in range(classes)]
    assert figures.BLUE in colors(path)


@pytest.mark.parametrize("classes", [2, 20, 30, 42, 43, 100, 1000])
def test_names_and_cells_of_any_number_of_classes_can_be_read(classes):
    side, size, step = figures._room(classes)
    cell = 72 * side / classes
    assert side <= 20 and size <= 0.8 * cell * step  # names do not touch
    assert size >= 4.4 and (step == 1 or classes > 250)


def test_counts_that_would_not_fit_are_not_written():
    matrix, shades = np.full((2, 2), 12345), np.ones((2, 2, 3))
    for cell, written in ((40, 4), (12, 0)):
        axes = drawing.new_figure(3, 3).add_subplot()
        figures._write_counts(axes, matrix, shades, cell)
        assert len(axes.texts) == written


def test_confusion_colors_by_share_of_the_true_class(tmp_path, kept):
    figures.confusion(scored(2, wrong=3), tmp_path / "m.png")  # all images of class 0 are called 1
    shades = kept[0].axes[0].images[0].get_array()
    assert shades[0, 0].tolist() == [1, 1, 1]  # nothing there: white
    assert (shades[0, 1] * 255).round().tolist() == [0xD9, 0x69, 0x1E]  # orange, all of row 0
    assert (shades[1, 1] * 255).round().tolist() == [0x2B, 0x6C, 0xB0]  # blue, all of row 1


def test_confusion_takes_odd_names_and_a_class_without_images(tmp_path, kept):
    names = ["$x_1$", "a name of more than eighteen letters", "<b>"]
    figures.confusion(score(np.eye(3)[:2], np.arange(2), names), tmp_path / "m.png")
    shown = kept[0].axes[0].get_yticklabels()
    assert [label.get_text() for label in shown] == ["$x_1$", "a name of more th…", "<b>"]
    assert not any(label.get_parse_math() for label in shown)


def test_the_key_of_the_confusion_matrix_is_two_strips_with_their_names(tmp_path, kept):
    figures.confusion(scored(2, wrong=1), tmp_path / "m.png")
    [key] = kept[0].axes[0].child_axes
    names = dict(zip(key.get_yticks(), [label.get_text() for label in key.get_yticklabels()], strict=True))
    shades = (key.images[0].get_array() * 255).round().astype(int)  # rows from below
    assert names == {0.5: "wrong", 1.5: "right"}
    assert shades[0, -1].tolist() == [0xD9, 0x69, 0x1E] and shades[1, -1].tolist() == [0x2B, 0x6C, 0xB0]
    assert shades[0, 0].tolist() == shades[1, 0].tolist() == [255, 255, 255]
    assert key.get_xlabel() == "Share of the images of the true class" and key.get_xlim() == (0, 1)


def contrast(one, other):
    """Of two colours, 1 to 21: WCAG 2.2, "contrast ratio"."""
    lights = []
    for color in (one, other):
        levels = [int(color[start : start + 2], 16) / 255 for start in (1, 3, 5)]
        linear = [level / 12.92 if level <= 0.04045 else ((level + 0.055) / 1.055) ** 2.4 for level in levels]
        lights.append(np.dot(linear, (0.2126, 0.7152, 0.0722)))
    return (max(lights) + 0.05) / (min(lights) + 0.05)


def test_mistakes_stand_on_a_clear_ground_with_letters_for_light_and_dark_pages(tmp_path, kept):
    images = np.zeros((9, 8, 8, 3), np.uint8)
    path = figures.mistakes(images, scored(3, wrong=2), tmp_path / "w.png")
    with Image.open(path) as picture:
        assert picture.mode == "RGBA" and picture.getpixel((0, 0))[3] == 0
    [color] = {axes.title.get_color() for axes in kept[0].axes}
    for page in ("#ffffff", "#16191d"):
        assert contrast(color, page) > 4


def test_mistakes_show_the_right_images(tmp_path, kept):
    scores = scored(3, wrong=4)
    images = np.stack([np.full((8, 8, 3), 20 * index, np.uint8) for index in range(9)])
    path = figures.mistakes(images, scores, tmp_path / "w.png", limit=3)
    panels = kept[0].axes
    assert [axes.get_title() for axes in panels] == [
        "true 0, said 1 (95 %)",
        "true 0, said 1 (94 %)",
        "true 0, said 1 (93 %)",
    ]
    assert [int(axes.images[0].get_array().max()) for axes in panels] == [0, 20, 40]
    assert kept[0].get_suptitle() == "4 of 9 test images wrong; the 3 most confident"
    assert {"#000000", "#141414", "#282828"} <= colors(path)


def test_without_mistakes_there_is_no_file(tmp_path):
    old = tmp_path / "w.png"
    old.write_bytes(b"of an earlier evaluation")
    assert figures.mistakes(np.zeros((6, 4, 4, 3), np.uint8), scored(2), old) is None
    assert not old.exists()


@pytest.mark.parametrize(
    "shape, dtype, message",
    [
        ((5, 4, 4, 3), np.uint8, r"Images of shape \(5, 4, 4, 3\), uint8; expected \(6, H, W, 3\), uint8"),
        ((6, 4, 4, 3), np.float32, r"\(6, 4, 4, 3\), float32; expected \(6, H, W, 3\), uint8"),
        ((6, 4, 4), np.uint8, r"\(6, 4, 4\), uint8; expected"),
    ],
)
def test_mistakes_refuse_other_images(tmp_path, shape, dtype, message):
    with pytest.raises(DataError, match=message):
        figures.mistakes(np.zeros(shape, dtype), scored(2, wrong=1), tmp_path / "w.png")


def test_no_framework_and_no_pyplot_is_loaded(tmp_path):
    code = (
        "import sys; from keras_resnet import evaluate as e; early = 'matplotlib' in sys.modules;"
        "e.curves({'loss': [1.0], 'accuracy': [0.5]}, sys.argv[1]); e.html_report; e.score;"
        "print(early, [m for m in ('keras', 'tensorflow', 'torch', 'jax', 'matplotlib.pyplot') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "c.png"], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False []"


def test_public_names():
    from keras_resnet import evaluate

    assert all(callable(getattr(evaluate, name)) for name in evaluate.__all__)
    assert evaluate.mistakes is figures.mistakes
    with pytest.raises(AttributeError, match="keras_resnet.evaluate.*has no attribute 'nothing'"):
        evaluate.nothing  # noqa: B018


def test_the_least_loss_of_smoothed_labels_is_drawn_where_there_is_one(tmp_path, kept):
    figures.curves(LOG, tmp_path / "curves.png", floor=0.25)
    figures.curves(LOG, tmp_path / "plain.png")
    (first, _, _), (second, _, _) = kept[0].axes, kept[1].axes
    assert set(first.lines[2].get_ydata()) == {0.25} and len(second.lines) == 2
    assert first.get_legend().get_texts()[-1].get_text() == "least with smoothed labels: 0.25"
