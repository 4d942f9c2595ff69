import pytest

from keras_resnet.architectures.layer_names import GRAMMARS, HEAD, INPUT, STEM, Place, keras_name, layer_name, place_of

# Written down from each library's own files and sources.
NAMES = [
    ("chollet", Place(STEM, 0, "1", "norm"), "bn_conv1"),
    ("chollet", Place(2, 0, "0", "conv"), "res2a_branch1"),
    ("chollet", Place(4, 5, "3", "norm"), "bn4f_branch2c"),
    ("chollet", Place(HEAD, 0, "1", "dense"), "fc1000"),
    ("chollet", Place(INPUT, 0, "1", "norm"), "bn_data"),
    ("chollet", Place(STEM, 0, "3", "conv"), "conv1c"),
    ("chollet", Place(STEM, 0, "2", "norm"), "bn_conv1b"),
    ("chollet", Place(4, 1, "pre", "norm"), "bn4b_preact"),
    ("chollet", Place(4, 1, "gate2", "conv"), "res4b_gate2"),
    ("chollet", Place(HEAD, 0, "post", "norm"), "bn_post"),
    ("coursera", Place(HEAD, 0, "1", "dense"), "fc6"),
    ("broad", Place(2, 0, "2", "pad"), "padding2a_branch2b"),
    ("broad", Place(5, 2, "out", "add"), "res5c"),
    ("broad", Place(5, 2, "1", "act"), "res5c_branch2a_relu"),
    ("keras", Place(STEM, 0, "pool", "pad"), "pool1_pad"),
    ("keras", Place(3, 3, "1", "conv"), "conv3_block4_1_conv"),
    ("keras", Place(5, 0, "0", "norm"), "conv5_block1_0_bn"),
    ("keras", Place(5, 2, "out", "add"), "conv5_block3_add"),
    ("keras_preact", Place(5, 2, "out", "add"), "conv5_block3_out"),
    ("keras_preact", Place(4, 0, "pre", "norm"), "conv4_block1_preact_bn"),
    ("keras_preact", Place(HEAD, 0, "post", "norm"), "post_bn"),
    ("keras_hub", Place(STEM, 0, "3", "conv"), "conv3_conv"),
    ("keras_hub", Place(2, 0, "1", "conv"), "stack0_block0_1_conv"),
    ("keras_hub_preact", Place(5, 2, "pre", "norm"), "stack3_block2_pre_activation_bn"),
    ("torchvision", Place(2, 0, "1", "conv"), "layer1.0.conv1"),
    ("torchvision", Place(5, 2, "3", "norm"), "layer4.2.bn3"),
    ("torchvision", Place(3, 0, "0", "norm"), "layer2.0.downsample.1"),
    ("torchvision", Place(3, 1, "gate2", "conv"), "layer2.1.se.fc2"),
    ("timm_deep", Place(STEM, 0, "2", "norm"), "conv1.4"),
    ("timm_deep", Place(3, 0, "0", "conv"), "layer2.0.downsample.0"),
    ("timm_average", Place(3, 0, "0", "conv"), "layer2.0.downsample.1"),
    ("qubvel", Place(INPUT, 0, "1", "norm"), "bn_data"),
    ("qubvel", Place(2, 0, "0", "conv"), "stage1_unit1_sc"),
    ("qubvel", Place(3, 1, "pre", "norm"), "stage2_unit2_bn1"),
    ("qubvel", Place(3, 1, "1", "norm"), "stage2_unit2_bn2"),
    ("qubvel", Place(HEAD, 0, "1", "act"), "softmax"),
]


@pytest.mark.parametrize(("grammar", "place", "name"), NAMES)
def test_names_are_the_libraries_own(grammar, place, name):
    assert layer_name(grammar, place, classes=6) == name
    assert place_of(grammar, name) == place
    assert place_of(grammar, keras_name(name)) == place
    assert "." not in keras_name(name)


def test_blocks_are_lettered_or_numbered():
    def labels(numbered):
        return [layer_name("chollet", Place(4, index, "1", "conv"), numbered=numbered)[4:-9] for index in (0, 1, 22)]

    assert labels(()) == ["a", "b", "w"]
    assert labels((3, 4)) == ["a", "b1", "b22"]  # KaimingHe/deep-residual-networks, ResNet-101-deploy.prototxt
    assert labels((3, 5)) == ["a", "b", "w"]
    assert layer_name("chollet", Place(4, 35, "1", "conv")) == "res4b35_branch2a"  # the alphabet has ended
    assert place_of("chollet", "res4b_branch2a") == place_of("chollet", "res4b1_branch2a") == Place(4, 1, "1", "conv")


@pytest.mark.parametrize("grammar", GRAMMARS)
def test_every_name_leads_back_to_its_place(grammar):
    seen = {}
    zones = {"input": (INPUT,), "stem": (STEM,), "head": (HEAD,), "block": (2, 3, 4, 5)}
    for zone, branch, role in GRAMMARS[grammar]:
        for stage in zones[zone]:
            for index in range(36) if zone == "block" else (0,):
                place = Place(stage, index, branch, role)
                name = layer_name(grammar, place, numbered=(3, 4), classes=12)
                if name is not None:
                    assert place_of(grammar, name) == place
                    assert seen.setdefault(name, place) == place


def test_other_names_have_no_place():
    for name in ("activation_3", "res4b_branch2d", "xconv1", "conv1_", "fc", "layer1.0.conv1", ""):
        assert place_of("chollet", name) is None
    assert layer_name("chollet", Place(2, 0, "out", "add")) is None
    assert keras_name(None) is None


def test_chollets_names_have_one_for_every_layer_with_weights_and_mean_the_same_everywhere():
    weighted = {key for rows in GRAMMARS.values() for key in rows if key[2] in ("conv", "norm", "dense")}
    assert weighted <= GRAMMARS["chollet"].keys()
    zones = {"input": INPUT, "stem": STEM, "head": HEAD, "block": 3}
    for zone, branch, role in weighted:
        place = Place(zones[zone], 0, branch, role)
        name = layer_name("chollet", place)
        assert all(place_of(grammar, name) in (None, place) for grammar in GRAMMARS), name
