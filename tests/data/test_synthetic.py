"""The drawn hand signs: repeatable, balanced, labelled by what is drawn, and beyond a linear classifier."""

import dataclasses

import numpy as np
import pytest

from keras_resnet.data import hand, synthetic
from keras_resnet.data.signs import load_signs
from keras_resnet.errors import DataError

DIGITS = range(6)


@pytest.fixture(scope="module")
def drawn():
    """600 training and 120 test images of 64 x 64, with the poses that were drawn, in order."""
    poses, sample_pose = [], hand.sample_pose
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hand, "sample_pose", lambda *arguments: poses.append(sample_pose(*arguments)) or poses[-1])
        train, test = synthetic.synthetic_splits(3, train_images=600, test_images=120)
    return train, test, poses


def outline(pose, side=240, width=4.0, top=2.5):
    """The hand seen straight on: where it is, boolean `(side, side)`, and a function from `(x, y)` to its pixels."""
    down, across = np.mgrid[:side, :side].astype(np.float32)
    scale = side / width
    height, _ = hand.relief(pose, across / scale - width / 2, top - down / scale)
    return height > 0, lambda x, y: tuple(np.rint([(top - y) * scale, (x + width / 2) * scale]).astype(int))


def fingers_seen(pose):
    """Counts what sticks out of the palm, on the outline alone: runs of skin along arcs about the palm's middle."""
    seen, pixel = outline(pose)
    angle = np.deg2rad(np.linspace(-80, 80, 600))
    counts = []
    for radius in (0.95, 1.0, 1.05):
        line = seen[pixel(radius * np.sin(angle), 0.5 + radius * np.cos(angle))]
        counts.append(int(line[0]) + int((line[1:] & ~line[:-1]).sum()))
    return int(np.median(counts))


def test_the_same_seed_writes_the_same_bytes(tmp_path):
    for name in ("first", "second"):
        synthetic.make_synthetic(tmp_path / name, seed=5, size=32, train_images=24, test_images=12)
    for file in ("train_signs.h5", "test_signs.h5"):
        assert (tmp_path / "first" / file).read_bytes() == (tmp_path / "second" / file).read_bytes()


def test_another_seed_draws_other_images():
    one, other = (synthetic.synthetic_splits(seed, size=32, train_images=12, test_images=6)[0] for seed in (0, 1))
    assert not any((image == another).all() for image in one.images for another in other.images)


def test_what_is_written_is_what_is_drawn(tmp_path):
    written = synthetic.make_synthetic(tmp_path / "set", seed=2, size=32, train_images=13, test_images=6)
    train, test = synthetic.synthetic_splits(2, size=32, train_images=13, test_images=6)
    read = load_signs(tmp_path / "set")
    assert read.class_names == written.class_names == ("0", "1", "2", "3", "4", "5")
    for found, expected in ((read.train, train), (read.test, test), (written.train, train), (written.test, test)):
        assert found.images.dtype == np.uint8
        assert found.labels.dtype == np.int64
        assert np.array_equal(found.images, expected.images)
        assert np.array_equal(found.labels, expected.labels)


def test_classes_are_balanced_and_in_random_order(drawn):
    train, test, _ = drawn
    assert np.bincount(train.labels).tolist() == [100] * 6
    assert np.bincount(test.labels).tolist() == [20] * 6
    assert sorted(np.bincount(synthetic.synthetic_splits(0, size=16, train_images=15, test_images=6)[0].labels)) == [
        2, 2, 2, 3, 3, 3,
    ]  # fmt: skip
    repeats = (train.labels[1:] == train.labels[:-1]).mean()
    assert 0.08 < repeats < 0.26  # 1/6 in random order, 0 or nearly 1 in a regular one


def test_no_image_occurs_twice(drawn):
    train, test, _ = drawn
    assert len({image.tobytes() for image in (*train.images, *test.images)}) == 720


def test_labels_are_the_number_of_fingers_held_out(drawn):
    train, test, poses = drawn
    labels = [*train.labels, *test.labels]
    assert [len(pose.out) for pose in poses] == labels
    fours = [pose for pose in poses if pose.digit == 4]
    assert all(hand.THUMB not in pose.out for pose in fours)


@pytest.mark.parametrize("digit", DIGITS)
def test_the_fingers_can_be_counted_on_the_outline(digit):
    poses = [hand.sample_pose(digit, np.random.default_rng([digit, number])) for number in range(30)]
    assert {pose.palm for pose in poses} == {True, False}
    assert [fingers_seen(pose) for pose in poses] == [digit] * len(poses)


def test_the_count_notices_a_finger_too_few():
    pose = hand.sample_pose(4, np.random.default_rng(0))
    assert fingers_seen(dataclasses.replace(pose, out=pose.out[:-1])) == 3


def test_both_hands_both_sides_and_both_ways_to_show_three_occur(drawn):
    _, _, poses = drawn
    for share in (np.mean([pose.mirrored for pose in poses]), np.mean([pose.palm for pose in poses])):
        assert 0.35 < share < 0.75
    threes = {pose.out for pose in poses if pose.digit == 3}
    assert threes == {(hand.INDEX, hand.MIDDLE, hand.RING), (hand.THUMB, hand.INDEX, hand.MIDDLE)}


def test_the_hand_is_in_the_frame_and_its_arm_leaves_it():
    """Fingertips are inside the picture, the thumb is on the side that the pose says, and the edge cuts the arm."""
    side = 96
    down, across = np.mgrid[:side, :side] + 0.5
    pixels = np.stack([across.ravel(), down.ravel(), np.ones(side * side)])
    for number in range(60):
        generator = np.random.default_rng([number, 1])
        pose = hand.sample_pose(number % 6, generator)
        camera = synthetic._camera(pose, generator, side)
        tips = [hand.finger_line(pose, finger)[-1] for finger in hand.FINGERS if finger in pose.out]
        tips += [hand.thumb_line(pose)[-1], (0.33, 0.9)]  # the last, the knuckle of the little finger
        x, y, w = camera @ np.column_stack([np.array(tips), np.ones(len(tips))]).T
        x, y = x / w, y / w
        assert 0 < x.min() < x.max() < side
        assert 0 < y.min() < y.max() < side
        assert (x[-2] > x[-1]) == pose.mirrored
        x, y, w = np.linalg.inv(camera) @ pixels
        seen = (hand.relief(pose, (x / w).astype(np.float32), (y / w).astype(np.float32))[0] > 0).reshape(side, side)
        rim = np.concatenate([seen[-1], seen[side // 2 :, 0], seen[side // 2 :, -1]])
        assert rim.any()
        assert not seen[0].any()
        assert 0.08 < seen.mean() < 0.6


def test_images_vary_in_skin_and_wall(drawn):
    """The corner of the wall and the middle of the hand range from dark to light, and most walls are light."""
    train, _, _ = drawn
    corner = train.images[:, :8, :8].mean(axis=(1, 2, 3))
    darkest = np.percentile(train.images[:, 16:48, 16:48].mean(axis=3), 10, axis=(1, 2))
    assert (corner > 150).mean() > 0.6
    assert corner.min() < 90
    assert np.percentile(darkest, 90) - np.percentile(darkest, 10) > 50


def test_a_linear_classifier_stays_under_sixty_percent(drawn):
    """Ridge regression on standardised pixels, with the regularisation that is best on the test images themselves."""
    train, test, _ = drawn
    pixels = train.images.reshape(len(train.images), -1).astype(np.float32)
    mean, deviation = pixels.mean(axis=0), pixels.std(axis=0)
    pixels = (pixels - mean) / deviation
    unseen = (test.images.reshape(len(test.images), -1) - mean) / deviation
    alike = (pixels @ pixels.T).astype(np.float64) / pixels.shape[1]
    across = (unseen @ pixels.T).astype(np.float64) / pixels.shape[1]
    accuracies = []
    for regularisation in (0.001, 0.01, 0.03, 0.1, 0.3, 1.0, 10.0):
        weights = np.linalg.solve(alike + regularisation * np.eye(len(alike)), np.eye(6)[train.labels] - 1 / 6)
        accuracies.append(((across @ weights).argmax(axis=1) == test.labels).mean())
    assert 0.2 < max(accuracies) < 0.6  # above the 1/6 of chance: there is something to see


@pytest.mark.parametrize("size", [16, 50, 64])
def test_one_image_has_the_size_asked_for(size):
    image = synthetic.draw_hand_sign(3, np.random.default_rng(0), size)
    assert image.shape == (size, size, 3)
    assert image.dtype == np.uint8
    assert image.std() > 10


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seed": -1}, "The synthetic set has seed=-1; expected a whole number, 0 or more."),
        ({"seed": "a"}, "The synthetic set has seed='a'; expected a whole number, 0 or more."),
        ({"size": 8}, "The synthetic set has size=8; expected a whole number, 16 or more."),
        ({"train_images": 5}, "The synthetic set has train_images=5; expected a whole number, 6 or more."),
        ({"test_images": 6.5}, "The synthetic set has test_images=6.5; expected a whole number, 6 or more."),
    ],
)
def test_arguments_out_of_range_are_named(tmp_path, arguments, message):
    with pytest.raises(DataError) as problem:
        synthetic.make_synthetic(tmp_path / "set", **arguments)
    assert str(problem.value) == message
    assert not (tmp_path / "set").exists()


def test_a_digit_or_size_that_cannot_be_drawn_is_named():
    generator = np.random.default_rng(0)
    with pytest.raises(DataError, match="^Cannot draw a hand sign for 6; expected a whole number from 0 to 5.$"):
        synthetic.draw_hand_sign(6, generator)
    with pytest.raises(DataError, match="^Cannot draw a hand sign of size 15; expected 16 pixels or more.$"):
        synthetic.draw_hand_sign(1, generator, 15)


def test_masks_hold_the_hand_from_the_wrist_on_and_nothing_else():
    """Fingertips and knuckles, moved by the camera of the same draw, are in the mask; the arm below the wrist is not."""
    for number in range(60):
        pose = hand.sample_pose(number % 6, generator := np.random.default_rng([number, 1]))
        camera = synthetic._camera(pose, generator, 64)
        _, mask = synthetic.draw_with_mask(number % 6, np.random.default_rng([number, 1]), 64)

        def shown(points, camera=camera, mask=mask):
            x, y, w = camera @ np.column_stack([np.array(points), np.ones(len(points))]).T
            column, row = (x / w).astype(int), (y / w).astype(int)
            inside = (column >= 0) & (column < 64) & (row >= 0) & (row < 64)
            return mask[row[inside], column[inside]]

        tips = [hand.finger_line(pose, finger)[-1] for finger in hand.FINGERS if finger in pose.out]
        assert shown([*tips, (0.25, 0.8), (0, 0.6), (-0.2, 0.7)]).all()
        assert not shown([(0, -0.15), (0.05, -0.4), (-1.2, 0.5), (1.2, 0.5)]).any()
        assert 0.05 < mask.mean() < 0.45


def test_masks_are_those_of_the_images():
    """Brightness along the outline: the images differ more across it than along a copy of it that is moved away."""
    splits = synthetic.synthetic_splits(3, train_images=24, test_images=12)
    masks = synthetic.synthetic_masks(3, train_images=24, test_images=12)
    contrasts = []
    for split, part in zip(splits, masks, strict=True):
        assert part.shape == (len(split), 64, 64) and part.dtype == bool
        for image, mask in zip(split.images.astype(float), part, strict=True):
            other = np.roll(mask, 32, axis=1)
            contrasts.append([np.abs(image[each].mean(axis=0) - image[~each].mean(axis=0)).sum() for each in (mask, other)])
    right, moved = np.array(contrasts).T
    assert (right > moved).mean() > 0.9
    with pytest.raises(DataError, match="seed=-1"):
        synthetic.synthetic_masks(-1)
