import hashlib
import json

import pytest

import keras_resnet as kr
from keras_resnet.cli.main import main
from keras_resnet.errors import WeightsError


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


def test_a_run_folder_stands_for_its_weights(capsys, file, tiny_run):
    run = tiny_run[1]
    assert main(["weights", "inspect", str(run), "--json"]) == 0
    info = json.loads(capsys.readouterr().out)
    assert info["path"] == str(run / "weights.h5") and info["classes"] == 3 and info["model"] == "resnet-tiny"
    assert info["sha256"] == hashlib.sha256((run / "weights.h5").read_bytes()).hexdigest()
    assert main(["weights", "diff", str(run), str(run / "weights.h5")]) == 0
    with pytest.raises(WeightsError, match="is a run folder, whose weights are in .*weights.h5; expected a weight file"):
        kr.weights.inspect(run)


def test_an_image_set_is_told_from_weights(capsys, tiny_set):
    for path in (tiny_set, tiny_set / "train_signs.h5", tiny_set / "test_signs.h5"):
        assert main(["weights", "inspect", str(path)]) == 1
        err = capsys.readouterr().err
        assert f"{path} is an image set, which `keras-resnet data check {path}` describes; expected" in err
        assert main(["data", "check", str(path)]) == 0  # the advice can be followed
        capsys.readouterr()
