"""`weights="imagenet"`, names of known files and `head=`, with a tiny network's file on a server of this machine."""

import hashlib

import keras
import local_server as web
import numpy as np
import pytest
from numpy_resnet import randomize

import keras_resnet as kr
from keras_resnet.errors import ModelError, WeightsError
from keras_resnet.models.pretrained import choose
from keras_resnet.weights import KNOWN_FILES, KnownFile, download

SHAPE = (32, 32, 3)


def tiny(seed=None, **options):
    model = kr.create_model("resnet-tiny", **{"input_shape": SHAPE, **options})
    if seed is not None:
        randomize(model, seed)
    return model


def row(url, content, name="resnet-tiny_theirs", **more):
    digest = ("md5", hashlib.md5(content).hexdigest())
    fields = {"lineages": ("chollet",), "include_top": True, "megabytes": 0, "accuracy": None, "source": "", "classes": 10}
    return KnownFile(name=name, model="resnet-tiny", url=url, digest=digest, **{**fields, **more})


@pytest.fixture(scope="module")
def theirs():
    return tiny(seed=1)


@pytest.fixture
def site(monkeypatch, tmp_path, theirs):
    """A server with the file of `theirs`, and the row of the table that names it."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(download, "PAUSES", ())
    kr.weights.save(theirs, tmp_path / "theirs.h5")
    site = web.Site((tmp_path / "theirs.h5").read_bytes())
    site.set = lambda **more: monkeypatch.setitem(
        KNOWN_FILES, more.get("name", "resnet-tiny_theirs"), row(site.url(), site.content, **more)
    )
    site.set()
    yield site
    site.close()


def equal(model, other, count=None):
    """Whether the first `count` weights are the same, and there are any."""
    pairs = list(zip(model.get_weights(), other.get_weights(), strict=count is None))[:count]
    return bool(pairs) and all(np.array_equal(ours, theirs) for ours, theirs in pairs)


def test_imagenet_downloads_the_file_of_the_network_once(site, theirs):
    assert equal(tiny(weights="imagenet"), theirs)
    assert equal(tiny(weights="resnet-tiny_theirs"), theirs)
    assert len(site.seen) == 1


def test_other_classes_need_head_skip_and_are_refused_before_any_download(site, theirs):
    with pytest.raises(ModelError) as caught:
        tiny(weights="imagenet", classes=4)
    assert str(caught.value) == (
        "classes: resnet-tiny_theirs has a classifier of 10 classes, received classes=4; head='skip' loads the rest and keeps "
        "a new classifier, weights=None (ResNet50's default is 'imagenet') nothing"
    )
    assert site.seen == []
    model = tiny(weights="imagenet", classes=4, head="skip")
    assert equal(model, theirs, count=-2) and model.output_shape == (None, 4)
    assert not equal(tiny(weights="imagenet", head="skip"), theirs)  # a new classifier even for as many classes


def test_without_the_top_a_file_without_it_comes_first_and_one_with_it_will_do(site, theirs, tmp_path):
    bare = tiny(include_top=False, weights="imagenet")
    assert equal(bare, theirs, count=-2)
    kr.weights.save(bare, tmp_path / "bare.h5")
    site.content = (tmp_path / "bare.h5").read_bytes()
    site.set(name="resnet-tiny_theirs_notop", include_top=False)
    assert equal(tiny(include_top=False, weights="imagenet"), theirs, count=-2)
    assert (tmp_path / "models" / "keras_resnet" / "resnet-tiny_theirs_notop.h5").exists()
    with pytest.raises(ModelError, match="resnet-tiny_theirs_notop': the file holds no classifier, expected include_top=False"):
        tiny(weights="resnet-tiny_theirs_notop")
    assert equal(tiny(weights="resnet-tiny_theirs_notop", head="skip", classes=7), theirs, count=-2)


def test_another_number_of_channels_is_adapted_on_request(site, theirs):
    with pytest.raises(WeightsError, match="stem='adapt'"):
        tiny(weights="imagenet", input_shape=(32, 32, 1))
    model = tiny(weights="imagenet", input_shape=(32, 32, 1), stem="adapt")
    expected = theirs.get_layer("conv1").get_weights()[0].sum(axis=2, keepdims=True)
    np.testing.assert_allclose(model.get_layer("conv1").get_weights()[0], expected, rtol=1e-6, atol=1e-7)


def test_a_file_in_another_lineages_names_is_taken_where_its_row_says_so(site, theirs):
    site.set(lineages=("keras_v2",))
    with pytest.raises(WeightsError, match="belongs to another network"):
        tiny(lineage="keras_v2", weights="imagenet")
    site.set(lineages=("keras_v2",), stated="chollet")
    assert equal(tiny(lineage="keras_v2", weights="imagenet"), theirs)


def test_networks_without_a_file_are_told_what_there_is(site):
    with pytest.raises(ModelError) as caught:
        tiny(lineage="keras", weights="imagenet")
    assert str(caught.value) == (
        "weights='imagenet': no file is known for resnet-tiny of lineage keras; for resnet-tiny there are resnet-tiny_theirs; "
        "weights=None leaves random weights"
    )
    with pytest.raises(ModelError, match="for resnet20 of lineage he; there are some for resnet50, resnet101, resnet152, "):
        kr.create_model("resnet20", weights="imagenet")
    with pytest.raises(ModelError, match="they are of resnet-tiny, lineage chollet; received resnet-tiny, lineage keras"):
        tiny(lineage="keras", weights="resnet-tiny_theirs")
    assert site.seen == []


def test_what_is_neither_a_name_nor_a_file_is_said(tmp_path):
    with pytest.raises(WeightsError) as caught:
        tiny(weights="resnet50_cholet")
    assert str(caught.value) == (
        "No such file: resnet50_cholet; weights also takes None, 'imagenet' and the names that "
        "`keras-resnet weights list` shows"
    )
    with pytest.raises(WeightsError, match=f"No such file: {tmp_path}/none.h5"):
        tiny(weights=tmp_path / "none.h5")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"head": "keep"}, "Unknown head: received 'keep'; expected one of 'require', 'skip', 'global', 'flatten'"),
        ({"stem": "sum"}, "Unknown stem: received 'sum'; expected one of 'require', 'adapt', 'imagenet', 'deep', 'small'"),
    ],
)
def test_head_and_stem_take_known_values_alone(arguments, message):
    with pytest.raises(ModelError, match=message):
        tiny(**arguments)
    name, value = next(iter(arguments.items()))
    with pytest.raises(ModelError, match=f"Unknown {name}: received '{value}'; expected one of 'require', '"):
        kr.ResNet50(weights=None, **arguments)


def test_head_and_stem_still_choose_a_network():
    assert [layer.name for layer in tiny(stem="small").layers if isinstance(layer, keras.layers.MaxPooling2D)] == []
    assert any(isinstance(layer, keras.layers.Flatten) for layer in tiny(head="flatten").layers)
    assert not any(isinstance(layer, keras.layers.Flatten) for layer in tiny(head="global").layers)


@pytest.mark.parametrize(
    ("model", "lineage", "top", "name"),
    [
        ("resnet50", "chollet", True, "resnet50_chollet"),
        ("resnet50", "chollet", False, "resnet50_chollet_notop"),
        ("resnet50", "keras_v2", True, "resnet50_keras_v2"),
        ("resnet50", "keras", True, "resnet50_keras"),
        ("resnet50", "torchvision", True, "resnet50_torchvision_v2"),  # torchvision's own DEFAULT
        ("resnet50", "torchvision", False, "resnet50_torchvision_v2"),
        ("resnet50", "keras_hub", True, "resnet50_timm_a1"),  # as keras-hub's preset
        ("resnet50", "qubvel", False, "resnet50_qubvel_notop"),
        ("resnet152v2", "keras", False, "resnet152v2_keras_notop"),
        ("resnet50d", "torchvision", True, "resnet50d_timm_ra2"),
    ],
)
def test_imagenet_means_the_first_row_of_network_and_lineage(model, lineage, top, name):
    chosen = choose("imagenet", model=model, lineage=lineage, include_top=top, classes=1000)
    assert chosen.source.name == name
    assert chosen.options["head"] == ("skip" if chosen.source.include_top and not top else "require")


def test_resnet50_is_pretrained_unless_told_otherwise(monkeypatch, tmp_path):
    asked = []
    source = kr.ResNet50(weights=None, input_shape=(32, 32, 3))
    randomize(source, seed=3)
    kr.weights.save(source, tmp_path / "w.h5")
    monkeypatch.setattr(kr.weights, "fetch", lambda name: asked.append(name) or tmp_path / "w.h5")
    assert equal(kr.ResNet50(input_shape=(64, 64, 3)), source)
    other = kr.ResNet50(input_shape=(64, 64, 3), classes=6, head="skip")
    assert equal(other, source, count=-2) and other.output_shape == (None, 6)
    assert asked == ["resnet50_chollet", "resnet50_chollet"]
    with pytest.raises(
        ModelError, match=r"classifier of 1,000 classes, received classes=6; head='skip' .* default is 'imagenet'"
    ):
        kr.ResNet50(input_shape=(64, 64, 3), classes=6)
    with pytest.raises(
        ModelError, match="no file is known for resnet50 of lineage coursera; for resnet50 there are resnet50_chol"
    ):
        kr.ResNet50(lineage="coursera", classes=6)
    assert len(asked) == 2


def test_what_a_file_is_refused_for_comes_with_advice_that_a_network_can_follow(tmp_path):
    """`lineage=` of a network says which network is meant; that of `weights.load` is another argument."""
    path = tmp_path / "w.h5"
    kr.weights.save(tiny(seed=1), path)
    with pytest.raises(WeightsError) as caught:
        tiny(lineage="keras", weights=path)
    advice = "weights=None, then kr.weights.load(model, path, lineage='ignore') loads it all the same"
    assert str(caught.value).endswith(f"they differ in epsilon, pool. {advice}")
    model = tiny(lineage="keras", weights=None)
    assert len(kr.weights.load(model, path, lineage="ignore").matched) == len(model.weights)
    spoilt = tiny(seed=1)
    spoilt.get_layer("conv1").bias.assign(spoilt.get_layer("conv1").bias * np.nan)
    kr.weights.save(spoilt, path)
    with pytest.raises(WeightsError) as caught:
        tiny(weights=path)
    assert str(caught.value).endswith(
        "conv1/bias holds NaN; expected finite numbers. weights=None, then kr.weights.load(.., nonfinite='warn') takes them as "
        "they are"
    )
