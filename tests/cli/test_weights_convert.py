import json

import h5py
import numpy as np
import pytest

import keras_resnet as kr


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "w.h5"
    kr.weights.save(kr.models.create_model("resnet-tiny", lineage="keras_hub", input_shape=(32, 32, 3), classes=5), path)
    return path


def test_convert_writes_the_file_and_says_what_was_done(command, file, tmp_path):
    done = command("weights", "convert", file, "there.safetensors", "--dialect", "torchvision", check=0)
    first, *more = done.stdout.splitlines()
    assert first == f"there.safetensors: 104 weights of {file} as safetensors, dialect torchvision, lineage keras_hub"
    assert more == [
        "  kernels transposed to (out, in, height, width)",
        "  num_batches_tracked set to 0, which the file lacks",
    ]
    tensors = pytest.importorskip("safetensors.numpy").load_file(tmp_path / "there.safetensors")
    with h5py.File(file) as stored:
        kernel = stored["conv1_conv/conv1_conv/kernel:0"][()]
    np.testing.assert_array_equal(tensors["conv1.weight"], kernel.transpose(3, 2, 0, 1))
    done = command("weights", "diff", file, "there.safetensors", check=0)
    assert done.stdout == "the same tensors in 35 layers\n"


def test_convert_as_json(command, file):
    done = command("weights", "convert", file, "there.weights.h5", "--dialect", "keras3", "--json", check=0)
    report = json.loads(done.stdout)
    assert report["target"] == "there.weights.h5" and report["source"] == str(file)
    assert {name: report[name] for name in ("container", "dialect", "lineage", "weights", "converted")} == {
        "container": "weights.h5",
        "dialect": "keras3",
        "lineage": "keras_hub",
        "weights": 87,
        "converted": [],
    }


def test_another_lineage_exits_1_with_one_line_unless_ignored(command, file, tmp_path):
    arguments = ("weights", "convert", file, "there.h5", "--dialect", "chollet")
    done = command(*arguments, check=1)
    assert done.stdout == "" and done.stderr.count("\n") == 1
    assert "is keras_hub (epsilon 1e-05, " in done.stderr and "chollet (epsilon 0.001, " in done.stderr
    assert not (tmp_path / "there.h5").exists()
    done = command(*arguments, "--lineage", "ignore", check=0)
    assert "the lineage was ignored: " in done.stdout and (tmp_path / "there.h5").exists()
    done = command("weights", "convert", file, "there.h5", "--dialect", "caffe2", check=1)
    assert "expected one of 'chollet', 'keras_applications', 'torchvision', 'keras3'" in done.stderr


def test_diff_exits_1_where_tensors_differ(command, file, tmp_path):
    other = kr.models.create_model("resnet-tiny", lineage="keras_hub", input_shape=(32, 32, 3), classes=5)
    kr.weights.load(other, file)
    other.get_layer("conv1_bn").gamma.assign(other.get_layer("conv1_bn").gamma + 0.125)
    kr.weights.save(other, tmp_path / "other.weights.h5")
    done = command("weights", "diff", file, "other.weights.h5", check=1)
    assert done.stderr == ""
    assert done.stdout.splitlines()[1:] == ["1 of 35 layers differ; the largest differences:", "  conv1_bn  0.125"]
    value = json.loads(command("weights", "diff", file, "other.weights.h5", "--json", check=1).stdout)
    assert (value["same"], value["worst"], value["largest"]["conv1_bn"]) == (False, "conv1_bn", 0.125)
    assert json.loads(command("weights", "diff", file, file, "--json", check=0).stdout)["same"] is True
    done = command("weights", "diff", file, "none.h5", check=1)
    assert done.stdout == "" and done.stderr == "keras-resnet: No such file: none.h5\n"


@pytest.mark.parametrize("action", ["convert", "diff"])
def test_help_has_an_example(command, action):
    assert f"example:\n  keras-resnet weights {action} " in command("weights", action, "--help", check=0).stdout


def test_what_was_converted_stands_a_line_each(command, file):
    done = command("weights", "convert", file, "v.h5", "--dialect", "keras_applications", "--lineage", "ignore", check=0)
    first, *more = done.stdout.splitlines()
    assert first.startswith("v.h5: 104 weights of ")
    assert all(line.startswith("  ") for line in more) and not any(line.startswith("  they differ") for line in more)
    (ignored,) = (line for line in more if "the lineage was ignored" in line)
    assert "; they differ in epsilon, stride" in ignored


def test_numbers_that_are_none_are_written_on_request(command, file, tmp_path):
    with h5py.File(file) as stored, h5py.File(tmp_path / "nan.h5", "w") as other:
        for name in stored:
            stored.copy(name, other)
        other.attrs.update(stored.attrs)
        other["conv1_conv/conv1_conv/kernel:0"][0, 0, 0, 0] = np.nan
    arguments = ("weights", "convert", "nan.h5", "v.weights.h5", "--dialect", "keras3")
    done = command(*arguments, check=1)
    assert done.stderr.endswith("conv1_conv/kernel holds NaN; expected finite numbers. nonfinite='warn' (--nonfinite warn) "
                                "takes them as they are\n")  # fmt: skip
    assert not (tmp_path / "v.weights.h5").exists()
    done = command(*arguments, "--nonfinite", "warn", check=0)
    assert "conv1_conv/kernel holds NaN" in done.stderr and (tmp_path / "v.weights.h5").exists()
