import numpy as np
import pytest

from keras_resnet.data.augment import Augmentation, augment


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (8, 24, 32, 3)).astype("uint8")


def draw(images, seed=1, **amounts):
    return augment(images, Augmentation(**amounts), np.random.default_rng(seed))


def test_nothing_asked_changes_nothing(images):
    np.testing.assert_array_equal(draw(images), images)


def test_the_argument_is_not_touched_and_the_seed_decides(images):
    amounts = {"shift": 0.2, "rotation": 20, "zoom": 0.2, "brightness": 0.2, "contrast": 0.3, "color": 0.1, "erase": 0.3}
    before = images.copy()
    first = draw(images, **amounts)
    np.testing.assert_array_equal(images, before)
    assert first.dtype == np.uint8 and first.shape == images.shape
    np.testing.assert_array_equal(draw(images, **amounts), first)
    assert (draw(images, seed=2, **amounts) != first).mean() > 0.5


def test_a_move_of_almost_nothing_is_the_identity_but_for_rounding(images):
    assert np.abs(draw(images, rotation=1e-9).astype(int) - images).max() <= 1


def test_shift_moves_by_whole_pixels_as_drawn():
    """A white dot lands where the generator's own numbers say; the sign is checked too."""
    image = np.zeros((1, 32, 32, 3), "uint8")
    image[0, 16, 16] = 255
    for seed in range(5):
        generator = np.random.default_rng(seed)
        generator.uniform(-1, 1), generator.uniform(-1, 1)  # rotation, zoom: not asked for
        x, y = 16.5 + generator.uniform(-1, 1, 2) * 0.25 * 32  # the dot's centre, moved
        moved = draw(image, seed=seed, shift=0.25)[0, :, :, 0].astype(float)
        rows, columns = np.mgrid[:32, :32] + 0.5
        assert (moved * columns).sum() / moved.sum() == pytest.approx(x, abs=0.3)
        assert (moved * rows).sum() / moved.sum() == pytest.approx(y, abs=0.3)


def test_rotation_turns_by_the_angle_drawn():
    """The direction of a bar, from its second moments, against the generator's own number."""
    rows, columns = np.mgrid[:64, :64] - 31.5
    image = np.where((abs(rows) < 3) & (abs(columns) < 24), 255, 0).astype("uint8")
    image = np.repeat(image[None, :, :, None], 3, axis=3)
    for seed in range(4):
        angle = np.random.default_rng(seed).uniform(-1, 1) * 40
        turned = draw(image, seed=seed, rotation=40)[0, :, :, 0].astype(float)
        xx, yy, xy = ((turned * a * b).sum() for a, b in ((columns, columns), (rows, rows), (columns, rows)))
        # Rows count downwards: a positive turn, counter-clockwise as one looks at it, is negative here.
        assert np.rad2deg(0.5 * np.arctan2(2 * xy, xx - yy)) == pytest.approx(-angle, abs=1.5)


def test_zoom_changes_the_area_by_its_square():
    rows, columns = np.mgrid[:64, :64] - 31.5
    image = np.repeat(np.where(rows**2 + columns**2 < 15**2, 255, 0).astype("uint8")[None, :, :, None], 3, axis=3)
    for seed in range(4):
        generator = np.random.default_rng(seed)
        generator.uniform(-1, 1)
        scale = 1 + generator.uniform(-1, 1) * 0.3
        area = draw(image, seed=seed, zoom=0.3)[0, :, :, 0].sum() / image[0, :, :, 0].sum()
        assert area == pytest.approx(scale**2, rel=0.03)


def test_light_is_gain_about_the_mean_then_offset_then_the_color_of_the_light():
    image = np.random.default_rng(0).integers(80, 150, (1, 16, 16, 3)).astype("uint8")
    for seed in range(4):
        generator = np.random.default_rng(seed)
        contrast, color = 1 + generator.uniform(-1, 1) * 0.3, 1 + generator.uniform(-1, 1, 3) * 0.1
        offset = 255 * generator.uniform(-1, 1) * 0.1
        expected = (contrast * (image[0] - image.mean()) + image.mean() + offset) * color
        received = draw(image, seed=seed, brightness=0.1, contrast=0.3, color=0.1)[0]
        assert np.abs(received - expected).max() <= 0.501
        assert abs(contrast - 1) > 0.005 and abs(offset) > 0.2  # the numbers drawn would show


def test_mirror_turns_about_half_and_only_if_asked(images):
    many = np.tile(images, (25, 1, 1, 1))
    mirrored = (draw(many, mirror=True) == many[:, :, ::-1]).all(axis=(1, 2, 3))
    assert 70 < mirrored.sum() < 130  # of 200; binomial: 4 standard deviations
    np.testing.assert_array_equal(draw(images, mirror=False), images)


def test_erase_lays_one_grey_square_on_half(images):
    erased = (draw(np.tile(images, (25, 1, 1, 1)), erase=0.5) != np.tile(images, (25, 1, 1, 1))).any(axis=3)
    counts = erased.sum(axis=(1, 2))
    assert 70 < (counts > 0).sum() < 130
    assert counts.max() <= 12 * 12
