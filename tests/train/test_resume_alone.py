"""A run that goes on by the name of its folder, and runs on arrays."""

import dataclasses
import json
import shutil

import keras
import numpy as np
import pytest
from conftest import tiny_split
from PIL import Image

from keras_resnet import train
from keras_resnet.cli.main import build_parser, main
from keras_resnet.cli.train import _wanted
from keras_resnet.data import write_signs
from keras_resnet.data.augment import Augmentation
from keras_resnet.errors import DataError, RunError
from keras_resnet.train.recorded import recorded, recorded_processes
from keras_resnet.workdir import Workdir

QUIET = {"say": lambda line: None, "verbose": 0, "model": "resnet-tiny"}
NAMES = ("left", "middle", "right")


class Stop(keras.callbacks.Callback):
    """Ctrl-C at the end of the first epoch."""

    def on_epoch_end(self, epoch, logs=None):
        if epoch == 0:
            raise KeyboardInterrupt


def begun(**settings):
    with pytest.raises(KeyboardInterrupt):
        train.run(**{**QUIET, **settings}, callbacks=[Stop()])


def weights(run):
    return Workdir(run).load_model().get_weights()


def assert_same(one, other):
    for ours, theirs in zip(weights(one), weights(other), strict=True):
        np.testing.assert_array_equal(ours, theirs)


OWN = train.Recipe("own", "for the tests", 3, batch_size=8, augmentation=Augmentation(shift=0.1, mirror=True), ema=0.9)


@pytest.mark.parametrize(
    "settings",
    [
        {"recipe": "signs-quick", "epochs": 2, "accumulate": 2, "seed": 3, "per_class": 20, "size": 40},
        pytest.param({"recipe": OWN, "stream": True, "validation_fraction": 0.2, "fast": True}, marks=pytest.mark.full),
    ],
    ids=["a recipe of the table", "a recipe of one's own"],
)
def test_it_ends_as_one_without_a_break(settings, tiny_set, tmp_path):
    begun(data=tiny_set, out=tmp_path / "parts", **settings)
    lines = []
    outcome = train.resume(tmp_path / "parts", say=lines.append, verbose=0)
    assert "going on after epoch 1" in lines[0]
    assert outcome.epochs == (settings.get("epochs") or 3)
    if not settings.get("fast"):
        train.run(**QUIET, data=tiny_set, out=tmp_path / "whole", **settings)
        assert_same(tmp_path / "parts", tmp_path / "whole")
    again = recorded(tmp_path / "parts")
    assert (again["fast"], again["remat"], again["stream"]) == (settings.get("fast", False), False, settings.get("stream"))
    if settings["recipe"] is OWN:
        assert again["recipe"] == OWN


def test_a_recipe_of_ones_own_comes_back_from_the_record(tiny_run, tmp_path):
    run = shutil.copytree(tiny_run[1], tmp_path / "run")
    record = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**record, "recipe": json.loads(json.dumps(OWN.to_json()))}))
    assert recorded(run)["recipe"] == OWN


def test_from_the_command_line_and_from_another_folder(tiny_set, tmp_path, monkeypatch, capsys):
    """The paths of the record were relative to the folder in which the run was started."""
    shutil.copytree(tiny_set, tmp_path / "project" / "set")
    monkeypatch.chdir(tmp_path / "project")
    begun(data="set", out="run", recipe="signs-quick", epochs=2)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert main(["train", "--resume", "../project/run", "--json"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["epochs"] == 2 and "going on after epoch 1" in printed.err
    assert main(["train", "--resume", "../project/run"]) == 0
    printed = capsys.readouterr()
    assert "is complete: nothing is left to do; to train longer, begin another run from its weights, with" in printed.err
    monkeypatch.chdir(tmp_path / "project")
    given, _ = _wanted(build_parser("train").parse_args(["train", "--out", "run", "--resume", "--processes", "2"]))
    assert given == {**recorded("run"), "say": given["say"]}  # the same by the older words
    (tmp_path / "project" / "set").rename(tmp_path / "moved")
    assert main(["train", "--resume", "run"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("lay at set, where nothing is by now; name their place with --data")
    assert main(["train", "--resume", "run", "--data", "../moved"]) == 0


def write_grouped(folder, groups):
    """45 photographs of nine people in class folders, and the file that says who they are; its lines."""
    split = tiny_split(45, 1)
    lines = ["file,group"]
    for number, (image, label) in enumerate(zip(split.images, split.labels, strict=True)):
        (folder / NAMES[label]).mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / NAMES[label] / f"{number}.png")
        lines.append(f"{NAMES[label]}/{number}.png,{number % 9}")
    groups.write_text("\n".join(lines))
    return lines


def test_a_folder_with_groups(tmp_path, monkeypatch):
    lines = write_grouped(tmp_path / "photos", tmp_path / "people.csv")
    monkeypatch.chdir(tmp_path)
    settings = {"data": "photos", "groups": "people.csv", "test_fraction": 0.2, "size": 32}
    settings |= {"recipe": "signs-quick", "epochs": 2}
    begun(**settings, out="run")
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path / "sub")
    assert train.resume("../run", say=print, verbose=0).epochs == 2
    monkeypatch.chdir(tmp_path)
    begun(**settings, out="other")
    (tmp_path / "people.csv").write_text("\n".join(line.replace(",8", ",7") for line in lines))
    with pytest.raises(RunError, match="have changed since the run in .* was begun$"):
        train.resume("other", verbose=0, say=print)


def test_a_groups_file_that_moved_with_its_photographs(tmp_path):
    (tmp_path / "photos").mkdir()
    write_grouped(tmp_path / "photos", tmp_path / "photos" / "people.csv")
    settings = {"data": tmp_path / "photos", "groups": tmp_path / "photos" / "people.csv", "test_fraction": 0.2, "size": 32}
    begun(**settings, out=tmp_path / "run", recipe="signs-quick", epochs=2)
    (tmp_path / "photos").rename(tmp_path / "moved")
    assert recorded(tmp_path / "run", data=tmp_path / "moved")["groups"] == str(tmp_path / "moved" / "people.csv")


def test_groups_of_a_set_that_have_changed_are_noticed(tmp_path):
    split, test = tiny_split(60, 1), tiny_split(9, 2)
    write_signs(tmp_path / "set", dataclasses.replace(split, groups=np.arange(60) // 6), test, NAMES)
    begun(data=tmp_path / "set", out=tmp_path / "run", recipe="signs-quick", epochs=2)
    write_signs(tmp_path / "set", dataclasses.replace(split, groups=np.arange(60) // 3), test, NAMES)
    with pytest.raises(RunError, match="^The groups of the images have changed since the run in .* was begun$"):
        train.resume(tmp_path / "run", verbose=0, say=print)


def test_training_longer_is_told_how(tiny_run, tiny_set, tmp_path, capsys):
    run = shutil.copytree(tiny_run[1], tmp_path / "a run")
    for words in (["--resume", run, "--epochs", 20], ["--resume", run, "--epochs", 20, "--dry-run"]):
        assert main(["train", *map(str, words)]) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert "was begun with epochs of recipe tiny 8, and now it is 20; its learning rate falls to its end" in line
        assert line.endswith(f"begin another run from its weights, with --weights '{run}' --epochs 12 --out OTHER")
    longer = train.run(**QUIET, data=tiny_set, out=tmp_path / "longer", weights=run, epochs=1, recipe="signs-quick")
    assert longer.epochs == 1  # what the line says works
    assert main(["train", "--resume", str(run), "--epochs", "4"]) == 1
    assert capsys.readouterr().err.endswith("was begun with epochs of recipe tiny 8, and now it is 4\n")


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        ([], 2, "the following arguments are required: --data, --out (or --resume RUN)"),
        (["--data", "set"], 2, "required: --out (or"),
        (["--resume"], 2, "required: --data, --out (or"),
        (["--resume", "nowhere"], 1, "No run folder at nowhere"),
        (["--out", "nowhere", "--resume"], 1, "No run folder at nowhere"),
        (["--resume", "run", "--out", "other"], 1, "--resume run names the run to go on with; expected no --out beside it"),
    ],
)
def test_what_is_missing_or_too_much(words, status, message, capsys):
    if status == 2:
        with pytest.raises(SystemExit) as caught:
            main(["train", *words])
        assert caught.value.code == 2
    else:
        assert main(["train", *words]) == 1
    assert message in capsys.readouterr().err


def test_processes_stand_in_the_record(tiny_run, tmp_path):
    run = shutil.copytree(tiny_run[1], tmp_path / "run")
    assert recorded_processes(run) is None
    record = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**record, "processes": 3}))
    assert recorded_processes(run) == 3


@pytest.mark.parametrize("change", [{"cutmix": 1}, {"augmentation": {"blur": 1}}, {"augmentation": 3}])
def test_a_recipe_of_a_later_version_is_named(change, tiny_run, tmp_path):
    run = shutil.copytree(tiny_run[1], tmp_path / "run")
    record = json.loads((run / "run.json").read_text())
    record["recipe"] |= change
    (run / "run.json").write_text(json.dumps(record))
    with pytest.raises(RunError, match="run.json has a recipe that this version does not know: "):
        train.resume(run)


ARRAYS = {"images": tiny_split(60, 1), "test": tiny_split(12, 2)}


def pair(split):
    return split.images, split.labels


@pytest.mark.parametrize("both", [True, False])
def test_a_run_on_arrays_is_that_on_the_set(both, tmp_path):
    """With test images it is the very run that a set of the same images gives; without, a fifth is kept to test on."""
    settings = {**QUIET, "recipe": "signs-quick", "epochs": 2, "validation_fraction": 0.2}
    lines = []
    data = (pair(ARRAYS["images"]), pair(ARRAYS["test"])) if both else pair(ARRAYS["images"])
    outcome = train.run(**{**settings, "say": lines.append}, data=data, out=tmp_path / "arrays")
    assert any("No test images were given: 20% of the 60" in line for line in lines) is not both
    record = json.loads((tmp_path / "arrays" / "run.json").read_text())
    assert record["data"]["path"] is None
    assert record["command"].startswith("keras_resnet.train.run(data=..., model='resnet-tiny', ")
    assert "resnet-tiny on the arrays" in (tmp_path / "arrays" / "report.html").read_text()
    assert outcome.images == 12
    if both:
        write_signs(tmp_path / "set", ARRAYS["images"], ARRAYS["test"], ("0", "1", "2"))
        train.run(**settings, data=tmp_path / "set", out=tmp_path / "of-set")
        assert_same(tmp_path / "arrays", tmp_path / "of-set")


def test_a_run_on_arrays_goes_on_with_them(tmp_path, capsys):
    settings = {"data": pair(ARRAYS["images"]), "out": tmp_path / "run", "recipe": "signs-quick", "epochs": 2, "fast": True}
    lines = []
    begun(**settings, say=lines.append)
    assert "Go on with\n  keras_resnet.train.run(data=..., " in lines[-1] and lines[-1].endswith(", resume=True)")
    assert main(["train", "--resume", str(tmp_path / "run")]) == 1
    assert "was trained on arrays in memory: call train.run with them again, and with resume=True" in capsys.readouterr().err
    images, labels = settings["data"]
    changed = images.copy()
    changed[0, 0, 0, 0] ^= 1
    with pytest.raises(RunError, match="^The images in the arrays have changed since the run in"):
        train.run(**{**QUIET, **settings, "data": (changed, labels)}, resume=True)
    assert train.resume(tmp_path / "run", data=(images, labels), say=print, verbose=0).epochs == 2


@pytest.mark.parametrize(("name", "value"), [("groups", "people.csv"), ("stream", True)])
def test_what_is_of_no_use_with_arrays_is_refused(name, value, tmp_path):
    with pytest.raises(DataError, match=f"^{name}: expected none for arrays in memory, received {value}$"):
        train.run(**QUIET, data=pair(ARRAYS["images"]), out=tmp_path / "run", **{name: value})


def test_arrays_are_planned_and_resized_too(tmp_path):
    plan = train.plan(data=pair(ARRAYS["images"]), out=tmp_path / "run", model="resnet-tiny", size=40, say=lambda line: None)
    assert plan.images == {"train": 42, "validation": 6, "test": 12} and plan.shape == (40, 40, 3)
