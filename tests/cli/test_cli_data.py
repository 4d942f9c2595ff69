"""``keras-resnet data``: what each subcommand prints, where, and the exit status."""

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from keras_resnet.cli.main import main
from keras_resnet.data import synthetic
from keras_resnet.data.signs import Split, load_signs, write_signs


@pytest.fixture
def signs(tmp_path):
    """A set of 12 and 6 noise images of three classes in the folder `signs`."""
    random = np.random.default_rng(0)
    splits = [Split(random.integers(0, 256, (count, 8, 8, 3), dtype=np.uint8), np.arange(count) % 3) for count in (12, 6)]
    write_signs(tmp_path / "signs", *splits, ("one", "two", "three"))
    return tmp_path / "signs"


@pytest.fixture
def photos(tmp_path):
    """Five photos each of two classes, and a file that is none."""
    for name in ("fist", "palm"):
        for number in range(5):
            (tmp_path / "photos" / name).mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (20, 10), (number, 2, 3)).save(tmp_path / "photos" / name / f"{number}.JPG")
    (tmp_path / "photos" / "LICENSE").write_text("free")
    return tmp_path / "photos"


def run(capsys, *words):
    status = main(["data", *map(str, words)])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_check_prints_a_table(capsys, signs):
    status, out, err = run(capsys, "check", signs)
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == f"{signs}: 3 classes, images 8 x 8 x 3"
    assert [line.split() for line in lines[2:7]] == [
        ["class", "train", "test"], ["one", "4", "2"], ["two", "4", "2"], ["three", "4", "2"], ["all", "12", "6"],
    ]  # fmt: skip
    assert "exact duplicates: 0 in train, 0 in test, 0 of test in train" in lines


def test_check_json_is_one_value_alone_on_standard_output(capsys, signs):
    status, out, err = run(capsys, "check", signs, "--json")
    value = json.loads(out)
    assert (status, err) == (0, "")
    assert value["train"]["per_class"] == {"one": 4, "two": 4, "three": 4} and value["test"]["images"] == 6
    assert value["duplicates"]["across"] == 0


def test_an_error_is_one_line_and_status_1(capsys, tmp_path):
    for flags in ((), ("--json",)):
        status, out, err = run(capsys, "check", tmp_path / "absent", *flags)
        assert (status, out) == (1, "")
        assert err.startswith(f"keras-resnet: No such file or folder: {tmp_path / 'absent'}; ") and err.count("\n") == 1


def test_pack_packs_and_reports(capsys, photos, tmp_path):
    status, out, err = run(capsys, "pack", photos, tmp_path / "set", "--size", 16, "--test-fraction", 0.4)
    assert status == 0
    assert out == f"{tmp_path / 'set'}: 2 classes, 6 training and 4 test images\n"
    assert err.splitlines() == ["read 10 of 10 photographs", "left alone, no photograph of a class: 1", "  LICENSE"]
    assert load_signs(tmp_path / "set").image_shape == (16, 16, 3)


def test_pack_says_what_reads_heic(capsys, photos, tmp_path, monkeypatch):
    monkeypatch.setattr("keras_resnet.data.listing.reads_heic", lambda: False)
    (photos / "fist" / "9.HEIC").write_bytes(b"")
    status, _, err = run(capsys, "pack", photos, tmp_path / "set", "--size", 16)
    assert status == 0 and "  fist/9.HEIC\n" in err
    assert "HEIC photographs are among them, which `pip install pillow-heif` makes readable, or an export as JPEG\n" in err


def test_pack_json_with_groups_and_a_bad_photo(capsys, photos, tmp_path):
    (photos / "fist" / "bad.png").write_text("no image")
    files = [f"{name}/{number}.JPG,{number}" for name in ("fist", "palm") for number in range(5)]
    (tmp_path / "people.csv").write_text("\n".join(["file,group", *files, "fist/bad.png,0", "fist/gone.png,0"]))
    arguments = ("pack", photos, tmp_path / "set", "--groups", tmp_path / "people.csv", "--seed", 1)
    status, out, err = run(capsys, *arguments)
    assert (status, out) == (1, "") and "bad.png cannot be read as an image" in err.splitlines()[-1]
    status, out, err = run(capsys, *arguments, "--skip-bad", "--json")
    value = json.loads(out)
    assert status == 0 and value["images"] == {"train": 8, "test": 2} and value["groups"] == {"train": 4, "test": 1}
    assert value["test"] == {"fist": 1, "palm": 1} and value["class_names"] == ["fist", "palm"]
    assert len(value["skipped"]) == 1 and value["left_alone"] == ["LICENSE"]
    assert value["extra_rows"] == ["fist/gone.png"]
    assert "fist/gone.png" in err and "bad.png" in err


def test_pack_takes_a_size_that_is_not_square(capsys, photos, tmp_path):
    status, _, _ = run(capsys, "pack", photos, tmp_path / "set", "--size", "16x24")
    assert status == 0 and load_signs(tmp_path / "set").image_shape == (16, 24, 3)
    for size in ("16x", "axb", "1x2x3", "-4"):
        with pytest.raises(SystemExit):
            run(capsys, "pack", photos, tmp_path / "set", "--size", size)


def test_check_and_show_take_class_folders_and_one_side_of_a_set(capsys, photos, signs, tmp_path):
    status, out, err = run(capsys, "check", photos)
    assert status == 0 and err == f"warning: {photos}: left out: 1 other file (LICENSE)\n"
    lines = out.splitlines()
    assert lines[0] == f"{photos}: 2 classes, photographs as images 64 x 64 x 3"
    assert [line.split() for line in lines[2:6]] == [["class", "images"], ["fist", "5"], ["palm", "5"], ["all", "10"]]
    assert any(line.startswith("exact duplicates: ") and line.endswith(" in all") for line in lines)
    status, out, _ = run(capsys, "check", signs / "test_signs.h5")
    assert status == 0 and out.splitlines()[2].split() == ["class", "test"]
    for path, part in ((photos, "all"), (signs / "test_signs.h5", "test")):
        status, out, _ = run(capsys, "show", path, "--out", tmp_path / "a.png", "--json")
        assert status == 0 and json.loads(out)["split"] == part and Image.open(tmp_path / "a.png").format == "PNG"
    status, _, err = run(capsys, "show", signs / "test_signs.h5", "--split", "train")
    assert status == 1 and err == f"keras-resnet: {signs / 'test_signs.h5'} has no train images; expected --split test\n"


def test_synthetic_passes_the_seed_on(capsys, tmp_path, monkeypatch, signs):
    calls = []

    def make_synthetic(path, *, seed=0):
        calls.append((path, seed))
        return load_signs(signs)

    monkeypatch.setattr(synthetic, "make_synthetic", make_synthetic)
    status, out, _ = run(capsys, "synthetic", tmp_path / "new", "--seed", 5, "--json")
    assert status == 0 and calls == [(str(tmp_path / "new"), 5)]
    assert json.loads(out)["images"] == {"train": 12, "test": 6}


def test_show_draws_a_png_and_prints_its_path(capsys, signs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, out, _ = run(capsys, "show", signs, "--per-class", 3)
    assert (status, out) == (0, "signs_samples.png\n")
    assert Image.open("signs_samples.png").format == "PNG"
    status, out, _ = run(capsys, "show", signs, "--out", tmp_path / "test.png", "--split", "test", "--json")
    assert status == 0 and json.loads(out) == {"picture": str(tmp_path / "test.png"), "split": "test"}
    assert Image.open("test.png").width < Image.open("signs_samples.png").width  # two images a class, not three


@pytest.mark.parametrize("action", ["check", "pack", "synthetic", "show"])
def test_help_has_an_example(capsys, action):
    with pytest.raises(SystemExit) as caught:
        main(["data", action, "--help"])
    out = capsys.readouterr().out
    assert caught.value.code == 0 and f"example:\n  keras-resnet data {action} " in out
    assert "--json" in out and "--debug" in out


@pytest.mark.parametrize("words", [["data"], ["data", "pack", "photos"], ["data", "pack", "a", "b", "--size", "large"]])
def test_a_usage_error_is_status_2(capsys, words):
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2


def test_no_framework_is_imported(signs, tmp_path):
    program = (
        "import sys; from keras_resnet.cli.main import main; signs, picture = sys.argv[1:]; "
        "main(['data', 'check', signs]); main(['data', 'show', signs, '--out', picture]); "
        "print(sorted({'keras', 'tensorflow', 'torch', 'jax', 'matplotlib.pyplot'} & set(sys.modules)))"
    )
    words = [sys.executable, "-c", program, str(signs), str(tmp_path / "a.png")]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
