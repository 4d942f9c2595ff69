"""A file's first kernel in a network for another number of input channels."""

import keras
import numpy as np
import pytest
from numpy_resnet import randomize

import keras_resnet as kr
from keras_resnet.errors import WeightsError


def net(channels, seed, classes=5, **options):
    model = kr.models.create_model("resnet-tiny", input_shape=(32, 32, channels), classes=classes, **options)
    randomize(model, seed)
    return model


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A network for three channels, and its file."""
    path = tmp_path_factory.mktemp("stem") / "w.h5"
    model = net(3, 1)
    kr.weights.save(model, path)
    return model, path


def unchanged(before, model):
    return all(np.array_equal(ours, theirs) for ours, theirs in zip(before, model.get_weights(), strict=True))


def expected_kernel(kernel, channels):
    """timm's rule, one output channel of the loop at a time."""
    height, width, given, out = kernel.shape
    result = np.zeros((height, width, channels, out))
    if channels == 1:
        for channel in range(given):
            result[:, :, 0] += kernel[:, :, channel]
        return result
    for channel in range(channels):
        result[:, :, channel] = kernel[:, :, channel % given] * given / channels
    return result


@pytest.mark.parametrize("channels", [1, 2, 4, 6])
def test_the_kernel_is_timms_and_everything_else_the_files(saved, channels):
    source, path = saved
    model = net(channels, 2)
    report = kr.weights.load(model, path, stem="adapt")
    kernel = source.get_layer("conv1").get_weights()[0]
    np.testing.assert_allclose(
        model.get_layer("conv1").get_weights()[0], expected_kernel(kernel, channels), rtol=1e-6, atol=1e-7
    )
    for ours, theirs in zip(model.weights[1:], source.weights[1:], strict=True):
        np.testing.assert_array_equal(ours, theirs)
    rule = "summed" if channels == 1 else f"repeated in turn and scaled by 3/{channels},"
    assert report.converted == (f"the first kernel, of 3 input channels, {rule} for {channels}",)
    assert report.complete and rule in str(report)


@pytest.mark.parametrize("channels", [1, 6])
def test_equal_channels_give_equal_logits(saved, channels):
    source, path = saved
    logits = keras.Model(source.input, source.layers[-1].input)
    model = net(channels, 2)
    kr.weights.load(model, path, stem="adapt")
    adapted = keras.Model(model.input, model.layers[-1].input)
    grey = np.random.default_rng(0).normal(size=(2, 32, 32, 1)).astype("float32")
    ours, theirs = (np.array(net(np.repeat(grey, n, 3), training=False)) for net, n in ((adapted, channels), (logits, 3)))
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5 * np.abs(theirs).max())
    assert np.abs(theirs).max() > 0.1


def test_the_reverse_a_file_of_one_channel_in_a_network_of_three(tmp_path):
    source, model = net(1, 1), net(3, 2)
    kr.weights.save(source, tmp_path / "w.h5")
    kr.weights.load(model, tmp_path / "w.h5", stem="adapt")
    grey = np.random.default_rng(0).normal(size=(2, 32, 32, 1)).astype("float32")
    np.testing.assert_allclose(
        np.array(model(np.repeat(grey, 3, 3), training=False)), np.array(source(grey, training=False)), rtol=1e-5, atol=1e-6
    )


def test_model_from_builds_for_the_channels_asked_for(saved):
    source, path = saved
    model = kr.weights.model_from(path, input_shape=(32, 32, 4), stem="adapt")
    assert model.input_shape == (None, 32, 32, 4)
    kernel = source.get_layer("conv1").get_weights()[0]
    np.testing.assert_allclose(model.get_layer("conv1").get_weights()[0], expected_kernel(kernel, 4), rtol=1e-6)
    with pytest.raises(WeightsError, match="stem='adapt'"):
        kr.weights.model_from(path, input_shape=(32, 32, 4))


def test_only_on_request_and_the_error_says_how(saved):
    _, path = saved
    model = net(1, 2)
    before = model.get_weights()
    with pytest.raises(WeightsError, match=r"conv1/kernel \(7, 7, 3, \d+\) in the file, \(7, 7, 1, \d+\) in the.*stem='adapt'"):
        kr.weights.load(model, path)
    assert unchanged(before, model)


def test_both_ends_can_differ(saved):
    _, path = saved
    model = net(1, 2, classes=7)
    head = model.get_layer("fc1000").get_weights()
    with pytest.raises(WeightsError, match="stem='adapt' gives .*; head='skip' keeps the model's classifier"):
        kr.weights.load(model, path)
    with pytest.raises(WeightsError) as caught:
        kr.weights.load(model, path, stem="adapt")
    assert "head='skip'" in str(caught.value) and "stem='adapt'" not in str(caught.value)
    assert kr.weights.load(model, path, stem="adapt", head="skip").complete
    assert unchanged(head, model.get_layer("fc1000"))


def test_another_kernel_than_one_of_other_channels_is_not_adapted(saved):
    _, path = saved
    model = net(1, 2, stem_width=24)
    before = model.get_weights()
    with pytest.raises(WeightsError, match=r"conv1/kernel \(7, 7, 3, \d+\) in the file") as caught:
        kr.weights.load(model, path, stem="adapt")
    assert "stem=" not in str(caught.value) and unchanged(before, model)


def test_a_file_that_fits_is_left_as_it_is(saved):
    source, path = saved
    model = net(3, 2)
    assert kr.weights.load(model, path, stem="adapt").converted == ()
    assert unchanged(source.get_weights(), model)


def test_a_wrong_value_names_the_choices(saved):
    _, path = saved
    with pytest.raises(WeightsError, match="Unknown stem: received 'sum'; expected one of 'require', 'adapt'"):
        kr.weights.load(net(3, 2), path, stem="sum")
    with pytest.raises(WeightsError, match="Unknown stem: received 'sum'"):
        kr.weights.model_from(path, stem="sum")
