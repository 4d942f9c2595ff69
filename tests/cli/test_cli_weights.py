import hashlib
import json

import pytest

import keras_resnet as kr


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "w.h5"
    kr.weights.save(kr.models.create_model("resnet-tiny", lineage="keras", input_shape=(32, 32, 3), classes=5), path)
    return path


def test_inspect_says_what_a_file_is(command, file):
    done = command("weights", "inspect", file, "--json", check=0)
    info = json.loads(done.stdout)
    assert {name: info[name] for name in ("container", "dialect", "lineage", "model", "classes", "include_top")} == {
        "container": "h5",
        "dialect": "keras_applications",
        "lineage": "keras",
        "model": "resnet-tiny",
        "classes": 5,
        "include_top": True,
    }
    assert info["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert "layer names are keras_applications's, e.g. conv2_block1_1_conv" in info["evidence"]


def test_verify_exits_0_for_a_good_file_and_1_with_one_line_for_another(command, file, tmp_path):
    done = command("weights", "verify", file, check=0)
    # 17 convolutions with a bias, as many normalisations, a dense layer
    assert "loads: resnet-tiny, lineage keras; 104 weights fit" in done.stdout
    (tmp_path / "cut.h5").write_bytes(file.read_bytes()[:5000])
    done = command("weights", "verify", "cut.h5", check=1)
    assert done.stdout == "" and done.stderr.count("\n") == 1 and "cut.h5 is truncated: expected" in done.stderr
