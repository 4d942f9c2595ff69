import json
import math

import numpy as np
import pytest

from keras_resnet.errors import DataError
from keras_resnet.evaluate.metrics import calibration_error, percent, score, smoothed_floor, wilson_interval

# Seven images of three classes; the fourth class has none and is never predicted.
PROBABILITIES = np.array(
    [
        [0.7, 0.2, 0.1, 0.0],  # true 0, said 0
        [0.1, 0.8, 0.1, 0.0],  # true 0, said 1: wrong
        [0.5, 0.3, 0.2, 0.0],  # true 0, said 0
        [0.2, 0.6, 0.2, 0.0],  # true 1, said 1
        [0.0, 1.0, 0.0, 0.0],  # true 1, said 1
        [0.1, 0.5, 0.4, 0.0],  # true 2, said 1: wrong
        [0.0, 1.0, 0.0, 0.0],  # true 2, said 1: wrong, and its class has probability 0
    ]
)
LABELS = np.array([0, 0, 0, 1, 1, 2, 2])
NAMES = ["zero", "one", "two", "three"]


@pytest.fixture
def scores():
    return score(PROBABILITIES, LABELS, NAMES)


def test_counts_by_hand(scores):
    assert scores.images == 7
    assert scores.accuracy == 4 / 7
    assert scores.confusion.tolist() == [[2, 1, 0, 0], [0, 2, 0, 0], [0, 2, 0, 0], [0, 0, 0, 0]]
    assert scores.balanced_accuracy == pytest.approx((2 / 3 + 1 + 0) / 3)  # the class without images is left out


@pytest.mark.parametrize(
    ("counts", "imbalanced"), [((4, 4, 0), False), ((6, 4, 0), False), ((7, 4, 0), True), ((1, 9, 3), True)]
)
def test_a_set_is_imbalanced_from_half_as_many_again(counts, imbalanced):
    labels = np.repeat(range(3), counts)
    assert score(np.eye(3)[labels], labels, ["a", "b", "c"]).imbalanced is imbalanced


def test_loss_by_hand(scores):
    of_truth = [0.7, 0.1, 0.5, 0.6, 1 - 1e-7, 0.4, 1e-7]  # Keras clips to [1e-7, 1 - 1e-7]
    assert scores.loss == pytest.approx(-sum(map(math.log, of_truth)) / 7, rel=1e-12)


def test_classes_by_hand(scores):
    zero, one, two, three = scores.per_class
    assert (zero.name, zero.images, zero.precision, zero.recall) == ("zero", 3, 1.0, 2 / 3)
    assert zero.f1 == pytest.approx(2 * 1 * (2 / 3) / (1 + 2 / 3))
    assert (one.images, one.precision, one.recall) == (2, 2 / 5, 1.0)
    assert (two.images, two.precision, two.recall, two.f1) == (2, None, 0.0, 0.0)
    assert (three.images, three.precision, three.recall, three.f1) == (0, None, None, None)


def test_mistakes_come_most_confident_first(scores):
    assert [(m.index, m.true, m.predicted, m.probability) for m in scores.mistakes] == [
        (6, 2, 1, 1.0),
        (1, 0, 1, 0.8),
        (5, 2, 1, 0.5),
    ]


def test_json_is_plain_and_complete(scores):
    value = json.loads(json.dumps(scores.to_json(), allow_nan=False))
    assert value["accuracy"] == 4 / 7
    assert value["images"] == 7
    assert value["classes"] == NAMES
    assert value["confusion"][2] == [0, 2, 0, 0]
    assert value["per_class"][3] == {"name": "three", "images": 0, "precision": None, "recall": None, "f1": None}
    assert value["accuracy_interval"] == pytest.approx(wilson_interval(4, 7))
    assert {"loss", "balanced_accuracy", "calibration_error"} <= value.keys()


def test_scores_cannot_be_changed(scores):
    with pytest.raises(ValueError, match="read-only"):
        scores.confusion[0, 0] = 9


def test_float32_and_half_precision_are_accepted():
    for dtype in (np.float16, np.float32):
        assert score(PROBABILITIES.astype(dtype), LABELS.astype(np.uint8), range(4)).accuracy == 4 / 7


# 8 of 10: (0.8 + 0.19207 -+ 0.31361) / 1.38415, worked by hand. 0 and 10 of 10: z^2 / (n + z^2) and its complement.
@pytest.mark.parametrize(
    "correct, total, expected",
    [(8, 10, (0.4902, 0.9433)), (0, 10, (0.0, 0.2775)), (10, 10, (0.7225, 1.0))],
)
def test_wilson_interval(correct, total, expected):
    assert wilson_interval(correct, total) == pytest.approx(expected, abs=5e-5)


def test_wilson_bounds_solve_the_score_equation():
    for correct, total, z in ((3, 7, 1.959964), (118, 120, 1.959964), (50, 1000, 2.575829)):
        for bound in wilson_interval(correct, total, z):
            assert abs(correct / total - bound) == pytest.approx(z * math.sqrt(bound * (1 - bound) / total), rel=1e-9)


def test_wilson_is_exact_at_the_ends():
    for total in (1, 3, 120, 999):
        low, high = wilson_interval(0, total)[1], wilson_interval(total, total)[0]
        assert wilson_interval(0, total)[0] == 0.0 and wilson_interval(total, total)[1] == 1.0
        assert low == pytest.approx(1.959964**2 / (total + 1.959964**2))
        assert high == pytest.approx(1 - low)


def test_calibration_error_by_hand():
    # Two bins of 15: confidence 0.95 (all four right: gap 0.05), confidence 0.55 (one of two right: gap 0.05).
    probabilities = np.array([[0.95, 0.05]] * 4 + [[0.55, 0.45]] * 2)
    assert calibration_error(probabilities, np.array([0, 0, 0, 0, 0, 1])) == pytest.approx(0.05)
    assert calibration_error(probabilities, np.array([1, 1, 1, 1, 0, 1])) == pytest.approx((4 * 0.95 + 2 * 0.05) / 6)
    assert calibration_error(np.eye(3), np.arange(3)) == 0.0


@pytest.mark.parametrize(
    "fraction, decimals, text",
    [
        (1, 1, "100.0 %"),
        (0.9999, 1, "> 99.9 %"),
        (0.97, 0, "97 %"),
        (0.996, 0, "> 99 %"),
        (0.0001, 1, "< 0.1 %"),
        (0, 0, "0 %"),
    ],
)
def test_percent_never_rounds_to_certainty(fraction, decimals, text):
    assert percent(fraction, decimals) == text


def test_accuracy_text():
    perfect_but_five = score(np.eye(2)[[0] * 115 + [1] * 5], np.zeros(120, int), "ab")
    assert perfect_but_five.accuracy_text == "95.8 % (90.6 to 98.2)"


@pytest.mark.parametrize(
    "probabilities, labels, message",
    [
        (PROBABILITIES[:, :3], LABELS, r"shape \(7, 3\); expected \(N, 4\), one column a class"),
        (PROBABILITIES[0], LABELS, r"shape \(4,\); expected \(N, 4\)"),
        (PROBABILITIES[:0], LABELS[:0], r"shape \(0, 4\); expected \(N, 4\)"),
        (PROBABILITIES, LABELS[:5], r"Labels of shape \(5,\), int64; expected \(7,\) integers, one an image"),
        (PROBABILITIES, LABELS * 1.0, r"Labels of shape \(7,\), float64; expected \(7,\) integers"),
        (PROBABILITIES, LABELS + 2, r"Labels from 2 to 4; expected 0 to 3"),
        (PROBABILITIES, LABELS - 1, r"Labels from -1 to 1; expected 0 to 3"),
        (PROBABILITIES * 2, LABELS, r"Row 0 of the probabilities sums to 2, .* sum to 1 \(a softmax, not logits\)"),
        (PROBABILITIES - [[0.5, -0.5, 0, 0]], LABELS, r"Row 1 .* smallest value -0.4; expected values in \[0, 1\]"),
        (np.where(PROBABILITIES == 0.6, np.nan, PROBABILITIES), LABELS, r"Row 3 of the probabilities sums to nan"),
    ],
)
def test_bad_input_is_named(probabilities, labels, message):
    with pytest.raises(DataError, match=message) as error:
        score(probabilities, labels, NAMES)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("correct, total", [(0, 0), (3, 2), (-1, 5)])
def test_wilson_refuses_impossible_counts(correct, total):
    with pytest.raises(DataError, match=f"No interval for {correct} right of {total} images; expected"):
        wilson_interval(correct, total)


@pytest.mark.parametrize(("smoothing", "classes"), [(0.1, 6), (0.3, 2), (1.0, 5), (0.0, 4)])
def test_the_floor_of_smoothed_labels_is_the_least_that_kerass_loss_gives(smoothing, classes):
    """At the smoothed labels themselves, where cross-entropy has its minimum; anything else gives more."""
    import keras

    loss = keras.losses.CategoricalCrossentropy(label_smoothing=smoothing)
    label = np.eye(classes)[:1]
    best = label * (1 - smoothing) + smoothing / classes
    floor = smoothed_floor(smoothing, classes)
    assert floor == pytest.approx(float(loss(label, best)), abs=1e-6)
    for other in np.random.default_rng(0).dirichlet(np.ones(classes), 20):
        assert float(loss(label, other[None])) >= floor - 1e-6
