"""The sample grid: which images it shows, and where."""

import numpy as np
import pytest
from PIL import Image

from keras_resnet.data.grid import sample_grid
from keras_resnet.data.signs import Split
from keras_resnet.errors import DataError


def colored(count, classes, size=64):
    """Images of one colour each: (20 + 40 x class, 3 x number, 200)."""
    labels = np.arange(count) % classes
    images = np.zeros((count, size, size, 3), np.uint8)
    images[..., 0], images[..., 1] = (20 + 40 * labels)[:, None, None], (3 * np.arange(count))[:, None, None]
    images[..., 2] = 200
    return Split(images, labels)


def shown(path):
    """Colours of the images, row by row; paper and ink are greyish, the images are not."""
    rows = []
    for line in np.asarray(Image.open(path)).astype(int):
        images = line[(line[:, 2] == 200) & (line[:, 0] % 40 == 20)]
        colors = list(dict.fromkeys(map(tuple, images.tolist())))
        if colors and (not rows or rows[-1] != colors):
            rows.append(colors)
    return rows


def test_each_row_shows_distinct_images_of_its_class(tmp_path):
    path = sample_grid(colored(60, 4), list("abcd"), tmp_path / "grid.png", per_class=5)
    rows = shown(path)
    assert [{red for red, _, _ in row} for row in rows] == [{20}, {60}, {100}, {140}]
    assert [len(row) for row in rows] == [5, 5, 5, 5]
    assert all(green // 3 % 4 == index for index, row in enumerate(rows) for _, green, _ in row)


def test_small_images_are_enlarged_without_blur(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (1, 28, 28, 3), dtype=np.uint8)
    picture = np.asarray(Image.open(sample_grid(Split(noise, np.array([0])), ["a"], tmp_path / "grid.png")))
    enlarged = noise[0].repeat(4, 0).repeat(4, 1)  # 4 x 28 = 112
    windows = np.lib.stride_tricks.sliding_window_view(picture, (112, 112, 3))[:, :, 0]
    assert any((windows[row, column] == enlarged).all() for row, column in np.ndindex(windows.shape[:2]))


def test_a_seed_gives_one_picture(tmp_path):
    pictures = [
        sample_grid(colored(60, 2), ["a", "b"], tmp_path / f"{index}.png", seed=seed, per_class=4).read_bytes()
        for index, seed in enumerate((0, 0, 1))
    ]
    assert pictures[0] == pictures[1] != pictures[2]


def test_more_columns_make_a_wider_and_lower_picture(tmp_path):
    split, names = colored(60, 6), [str(index) for index in range(6)]
    sizes = [Image.open(sample_grid(split, names, tmp_path / "grid.png", columns=count)).size for count in (1, 2)]
    assert sizes[1][0] == 2 * sizes[0][0] and sizes[1][1] < 0.6 * sizes[0][1]


def test_empty_classes_and_long_names_are_drawn(tmp_path):
    split = Split(colored(4, 2).images, np.zeros(4, int))
    path = sample_grid(split, ["a " * 200, "none of these"], tmp_path / "grid.png")
    assert len(shown(path)) == 1 and Image.open(path).width < 1000


def test_a_picture_that_no_viewer_opens_is_refused(tmp_path):
    images = np.zeros((40_000, 1, 1, 3), np.uint8)
    few, many = "at most 4591 images a class (--per-class, per_class=)", "fewer classes"
    for classes, per_class, expected in ((2, 40_000, few), (20_000, 2, many)):
        split = Split(images, np.arange(40_000) % classes)
        with pytest.raises(DataError, match=r"classes would have [\d,]+ million pixels; ") as caught:
            sample_grid(split, [str(number) for number in range(classes)], tmp_path / "grid.png", per_class=per_class)
        assert str(caught.value).endswith(f"; expected {expected}")
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_drawn_or_written_is_refused(tmp_path):
    with pytest.raises(DataError, match="^A grid of columns=1, per_class=0 was asked for; expected 1 or more$"):
        sample_grid(colored(4, 2), ["a", "b"], tmp_path / "grid.png", per_class=0)
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="^The picture cannot be written to "):
        sample_grid(colored(4, 2), ["a", "b"], tmp_path / "file" / "grid.png")
