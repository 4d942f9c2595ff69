"""What the comparison of two networks' answers says, against closed forms and simulation."""

import numpy as np
import pytest

from keras_resnet.deploy import parity
from keras_resnet.errors import DataError, DeployError
from keras_resnet.evaluate.metrics import paired_interval


def softmax(logits):
    powers = np.exp(logits)
    return (powers / powers.sum(axis=1, keepdims=True)).astype("float32")


LOGITS = np.random.default_rng(0).normal(0, 3, (20, 5))
ANSWERS = softmax(LOGITS)


def test_logits_come_back_from_probabilities_but_for_a_constant():
    expected = LOGITS - LOGITS.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(parity.logits(ANSWERS), expected, atol=1e-5)


def test_the_largest_difference_is_that_of_the_logits():
    shift = np.zeros_like(LOGITS)
    shift[7, 2] = 0.5  # which takes 0.1 from each of the five, since logits are told but for a constant
    found = parity.compare(ANSWERS, softmax(LOGITS + shift))
    assert found.largest_logit_difference == pytest.approx(0.4, abs=1e-5)
    assert found.largest_logit == pytest.approx(np.abs(LOGITS - LOGITS.mean(axis=1, keepdims=True)).max(), abs=1e-4)
    assert found.images == 20 and "logits differ by up to 0.4 on 20 images, expected at most 0.000" in found.fault(0.5)


@pytest.mark.parametrize(("factor", "faulty"), [(0.9, False), (1.1, True)])
def test_a_ten_thousandth_of_the_largest_logit_is_what_may_differ(factor, faulty):
    largest = np.abs(parity.logits(ANSWERS)).max()
    shift = np.zeros_like(LOGITS)
    shift[:, 0] = factor * 1e-4 * largest / 0.8
    assert (parity.compare(ANSWERS, softmax(LOGITS + shift)).fault(0.5) is not None) == faulty


def test_one_other_class_is_a_fault_however_close_the_logits():
    answers = np.full((4, 2), 0.5, "float32")
    answers[2] += np.float32([1e-7, -1e-7])
    found = parity.compare(answers, np.float32([[0.5, 0.5], [0.5, 0.5], [0.49999997, 0.5], [0.5, 0.5]]))
    assert found.agreement == 0.75 and "75.0 % of 4 images" in found.fault(0.5)


def test_probabilities_at_the_end_of_float32_are_no_difference():
    tiny = np.float32([[1, 1e-38, 0]])
    assert parity.compare(tiny, np.float32([[1, 0, 1e-44]])).largest_logit_difference == 0


@pytest.mark.parametrize("answers", [np.full((20, 5), np.nan, "float32"), ANSWERS[:, :4], ANSWERS[:19]])
def test_no_numbers_and_other_shapes_are_refused(answers):
    with pytest.raises(DeployError):
        parity.compare(ANSWERS, answers)


def test_every_batch_size_is_asked_for_and_every_image_answered():
    sizes, images = [], np.arange(47)

    def engine(batch):
        sizes.append(len(batch))
        return batch[:, None]

    np.testing.assert_array_equal(parity.in_batches(engine, images)[:, 0], images)
    assert sizes == [1, 3, 16, 1, 3, 16, 1, 3, 3] and sum(sizes) == 47


def test_accuracy_before_and_after_by_hand():
    truth = ANSWERS.argmax(axis=1)
    labels, after = truth.copy(), ANSWERS.copy()
    labels[0] = (truth[0] + 1) % 5  # wrong before
    after[1:3] = np.roll(after[1:3], 1, axis=1)  # two lost
    found = parity.accuracy_of(ANSWERS, after, labels)
    assert (found.before, found.after, found.images, found.labeled) == (19 / 20, 17 / 20, 20, True)
    assert found.interval == paired_interval(0, 2, 20)
    lossy = parity.Parity(20, 1, 1, 0.9, found)
    assert "difference -10.0 points" in lossy.fault(9.9) and "expected at most 9.9 points lost" in lossy.fault(9.9)
    assert lossy.fault(10.0) is None
    alone = parity.accuracy_of(ANSWERS, after, None)
    assert (alone.before, alone.after, alone.labeled) == (1, 18 / 20, False) and "agreement with the source" in str(alone)


def test_the_interval_covers_the_true_difference_as_often_as_it_says():
    random = np.random.default_rng(0)
    gained, lost, total = 0.03, 0.06, 150
    counts = random.multinomial(total, [gained, lost, 1 - gained - lost], 4000)
    covered = [low <= gained - lost <= high for low, high in (paired_interval(up, down, total) for up, down, _ in counts)]
    assert 0.935 < np.mean(covered) < 0.985


def test_equal_answers_on_few_images_are_no_certainty():
    low, high = paired_interval(0, 0, 10)
    assert low == -high and 0.1 < high < 0.25
    with pytest.raises(DataError):
        paired_interval(3, 8, 10)
