import numpy as np
import pytest

from keras_resnet.errors import DataError
from keras_resnet.evaluate.calibration import fit_temperature, tempered


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def sample(count, temperature, seed, classes=6):
    """Logits, and labels drawn with the probabilities that these have at a temperature."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(0, 3, (count, classes))
    labels = [generator.choice(classes, p=row) for row in softmax(logits / temperature)]
    return logits, np.array(labels)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_temperature_that_made_the_labels_is_found(temperature):
    logits, labels = sample(8000, temperature, seed=1)
    found = fit_temperature(softmax(logits), labels)
    assert found.temperature == pytest.approx(temperature, rel=0.04)
    assert found.interval[0] < temperature < found.interval[1]
    assert found.ece_after < 0.015 and found.images == 8000
    assert temperature == 1 or found.ece_before > 0.05


def test_the_interval_holds_the_temperature_in_nineteen_of_twenty_sets():
    """Of 100 sets, 95 are expected, with a standard deviation of 2; a bootstrap of 80 images is a little too narrow."""
    inside = 0
    for seed in range(100):
        logits, labels = sample(80, 2.0, seed)
        low, high = fit_temperature(softmax(logits), labels).interval
        inside += low <= 2.0 <= high
    assert 87 <= inside <= 99


def test_the_fit_is_the_least_loss():
    """Against SciPy's minimum of the loss with Platt's targets."""
    optimize = pytest.importorskip("scipy.optimize")
    logits, labels = sample(60, 0.7, seed=4)
    targets = np.full(logits.shape, 1 / 62 / 5)
    targets[np.arange(60), labels] = 61 / 62

    def loss(logarithm):
        return -(targets * np.log(softmax(logits / np.exp(logarithm)))).sum()

    expected = np.exp(optimize.minimize_scalar(loss, bounds=(-3, 3), method="bounded", options={"xatol": 1e-8}).x)
    assert fit_temperature(softmax(logits), labels).temperature == pytest.approx(expected, rel=1e-3)


def test_probabilities_change_as_their_logits_divided_would_and_keep_their_order():
    logits, _ = sample(50, 1.0, seed=2)
    for temperature in (0.3, 1.0, 4.0):
        np.testing.assert_allclose(tempered(softmax(logits), temperature), softmax(logits / temperature), atol=1e-12)
    assert (tempered(softmax(logits), 7.0).argmax(axis=1) == logits.argmax(axis=1)).all()
    with_zeros = np.array([[1.0, 0.0, 0.0]], np.float32)
    np.testing.assert_allclose(tempered(with_zeros, 0.5), with_zeros, atol=1e-30)


def test_few_images_that_are_all_right_make_nothing_certain():
    """Unsure probabilities, all right: their mean becomes that of the targets, (N + 1) / (N + 2), not 1."""
    for count in (3, 20, 200):
        labels = np.arange(count) % 3
        found = fit_temperature(np.eye(3)[labels] * 0.7 + 0.1, labels)
        sure = tempered(np.eye(3)[labels] * 0.7 + 0.1, found.temperature).max(axis=1).mean()
        assert sure == pytest.approx((count + 1) / (count + 2), abs=2e-3)


def test_fewer_images_leave_the_temperature_less_sure():
    widths = []
    for count in (40, 400, 4000):
        logits, labels = sample(count, 2.0, seed=3)
        low, high = fit_temperature(softmax(logits), labels).interval
        widths.append(np.log(high / low))
    assert widths[0] > 2 * widths[1] > 4 * widths[2]


def test_a_calibration_reads_as_one_line_and_is_json():
    logits, labels = sample(500, 2.0, seed=3)
    found = fit_temperature(softmax(logits), labels)
    assert found.text.startswith(f"Temperature {found.temperature:.2f} (") and ", of 500 validation images: " in found.text
    assert set(found.to_json()) == {"temperature", "interval", "images", "ece_before", "ece_after"}


@pytest.mark.parametrize(
    ("probabilities", "labels"),
    [(np.ones(4), [0]), (np.ones((2, 1)), [0, 0]), (np.ones((2, 3)), [0, 1]), (np.eye(3), [0, 1]), (np.eye(3), [0, 1, 3])],
)
def test_what_is_no_probability_or_label_is_named(probabilities, labels):
    with pytest.raises(DataError, match="; expected"):
        fit_temperature(probabilities, labels)
