"""Photographs that cannot be read: found before the first step, left out on request, and mended after training."""

import json
import shutil

import keras
import numpy as np
import pytest
from conftest import tiny_split
from PIL import Image

from keras_resnet import evaluate, train
from keras_resnet.cli.main import main
from keras_resnet.errors import DataError, RunError
from keras_resnet.train import opened

QUIET = {"say": lambda line: None, "verbose": 0, "model": "resnet-tiny", "recipe": "signs-quick", "epochs": 1, "size": 32}
NAMES = ("left", "middle", "right")


def write_photographs(folder, count=45, seed=1):
    split = tiny_split(count, seed)
    for number, (image, label) in enumerate(zip(split.images, split.labels, strict=True)):
        (folder / NAMES[label]).mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / NAMES[label] / f"{number:02}.png")
    return folder


@pytest.fixture
def photographs(tmp_path):
    return write_photographs(tmp_path / "photos")


def cut(file):
    file.write_bytes(file.read_bytes()[:500])


def page(file):
    file.write_bytes(b"<html>")


def empty(file):
    file.write_bytes(b"")


def broken(photographs, damage, *names):
    for name in names:
        damage(photographs / name)


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("damage", [cut, page, empty])
def test_a_broken_photograph_ends_a_run_before_its_first_step(damage, stream, photographs, tmp_path):
    broken(photographs, damage, "middle/22.png")
    with pytest.raises(DataError, match=r"middle/22.png .*; --skip-bad \(skip_bad=True\) leaves it out$"):
        train.run(data=photographs, out=tmp_path / "run", test_fraction=0.2, stream=stream, **QUIET)
    assert not (tmp_path / "run").exists()


def test_several_are_told_by_their_number(photographs, tmp_path, capsys):
    broken(photographs, cut, "left/00.png", "left/03.png", "right/02.png")
    words = ["train", "--data", photographs, "--out", tmp_path / "run", "--test-fraction", 0.2, "--size", 32, "--epochs", 1]
    assert main([*map(str, words), "--model", "resnet-tiny"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "3 of 45 photographs cannot be read; --skip-bad (skip_bad=True) leaves them out; the first: " in line
    assert main([*map(str, words), "--dry-run"]) == 1


@pytest.mark.parametrize(("part", "purpose"), [("test", "test"), ("val", "validate")])
def test_a_broken_photograph_of_folders_with_parts(part, purpose, tmp_path):
    write_photographs(tmp_path / "photos" / "train")
    write_photographs(tmp_path / "photos" / "test", 9, seed=2)
    write_photographs(tmp_path / "photos" / "val", 9, seed=3)
    (name,) = (file.relative_to(tmp_path / "photos") for file in (tmp_path / "photos" / part / "left").glob("*6.png"))
    broken(tmp_path / "photos", cut, name)
    with pytest.raises(DataError, match=str(name)):
        train.run(data=tmp_path / "photos", out=tmp_path / "run", stream=True, **QUIET)
    for file in (tmp_path / "photos" / part).rglob("*.png"):
        page(file)
    with pytest.raises(DataError, match=f"No photograph of .*photos to {purpose} on can be read; expected at least one$"):
        train.run(data=tmp_path / "photos", out=tmp_path / "run", skip_bad=True, **QUIET)


@pytest.mark.parametrize("stream", [True, pytest.param(False, marks=pytest.mark.full)])
def test_they_are_left_out_on_request(stream, photographs, tmp_path):
    broken(photographs, cut, "left/00.png", "right/44.png")
    lines = []
    settings = {**QUIET, "data": photographs, "test_fraction": 0.2, "stream": stream, "skip_bad": True, "say": lines.append}
    outcome = train.run(out=tmp_path / "run", **settings)
    told = lines[0].splitlines()
    assert told[0] == "Left out, 2 of 45 photographs:" and len(told) == 3
    assert {line.split()[0] for line in told[1:]} == {str(photographs / name) for name in ("left/00.png", "right/44.png")}
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["data"]["train"] + record["data"]["test"] == 43 and outcome.images == record["data"]["test"]
    assert len(record["data"]["skipped"]) == 2 and "--skip-bad" in record["command"]
    with pytest.raises(DataError, match="cannot be read"):
        evaluate.report(tmp_path / "run", photographs)
    train.run(out=tmp_path / "run", resume=True, **settings)  # the same are left out again: nothing has changed


def test_a_class_that_is_left_out_whole_is_told(photographs, tmp_path):
    broken(photographs, page, *(f"left/{file.name}" for file in (photographs / "left").iterdir()))
    with pytest.raises(DataError, match="^No photograph of the class left to train on can be read; expected at least one$"):
        train.run(data=photographs, out=tmp_path / "run", test_fraction=0.2, skip_bad=True, **QUIET)


def test_the_progress_is_told(photographs, tmp_path, monkeypatch):
    monkeypatch.setattr(opened, "_EVERY", 0)
    lines = []
    train.run(data=photographs, out=tmp_path / "run", test_fraction=0.2, **{**QUIET, "say": lines.append})
    assert lines[0] == "Looked at 1 of 45 images" and "Looked at 45 of 45 images" in lines


class At(keras.callbacks.Callback):
    def __init__(self, action):
        super().__init__()
        self.on_train_end = lambda logs=None: action()


@pytest.fixture(params=["after the last epoch", "before the test"])
def broken_at_the_end(request, photographs, tmp_path):
    """A run whose photographs broke when it had trained: its settings, and a folder with the photographs as they were."""
    settings = {**QUIET, "data": photographs, "out": tmp_path / "run", "test_fraction": 0.2, "stream": True}
    kept = shutil.copytree(photographs, tmp_path / "kept")

    def break_all(line="Evaluating"):
        if line.startswith("Evaluating"):
            for file in photographs.rglob("*.png"):
                cut(file)

    late = {"callbacks": [At(break_all)]} if request.param == "after the last epoch" else {"say": break_all}
    with pytest.raises(DataError, match="cannot be read"):
        train.run(**{**settings, **late})
    record = json.loads((settings["out"] / "run.json").read_text())
    assert record["status"] == ("running" if "callbacks" in late else "trained")
    return settings, kept


def test_a_run_whose_training_is_done_is_finished_on_mended_photographs(broken_at_the_end, photographs):
    settings, kept = broken_at_the_end
    for file in kept.rglob("*.png"):  # the same pictures in other bytes
        Image.open(file).save(photographs / file.relative_to(kept), compress_level=1)
    lines = []
    outcome = train.run(**{**settings, "say": lines.append}, resume=True)
    assert any("have changed since the run in" in line and "its training is done" in line for line in lines)
    assert outcome.images == 9 and outcome.epochs == 1
    record = json.loads((settings["out"] / "run.json").read_text())
    assert record["status"] == "complete" and record["result"]["tested_on"] != record["data"]["fingerprint"]
    assert evaluate.report(settings["out"], kept, say=lambda line: None).loss == pytest.approx(outcome.loss, abs=1e-6)


def test_where_photographs_are_gone_instead_none_that_was_trained_on_is_scored(broken_at_the_end, photographs):
    """Without some of them the folder is cut otherwise: what the run has seen is left out."""
    settings, kept = broken_at_the_end
    for file in kept.rglob("*.png"):
        shutil.copy(file, photographs / file.relative_to(kept))
    for file in sorted((photographs / "left").iterdir())[:6]:
        file.unlink()
    lines = []
    outcome = train.run(**{**settings, "say": lines.append}, resume=True)
    own = evaluate.report(settings["out"], photographs, say=lambda line: None)
    (told,) = [line for line in lines if "they are left out" in line]
    assert outcome.images == int(told.partition("evaluating on the other ")[2].split(",")[0]) <= own.images < 9


def test_before_training_is_done_changed_photographs_are_refused(photographs, tmp_path):
    settings = {**QUIET, "data": photographs, "out": tmp_path / "run", "test_fraction": 0.2, "stream": True, "epochs": 2}

    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train.run(**settings, callbacks=[Stop()])
    Image.fromarray(np.zeros((32, 32, 3), np.uint8)).save(photographs / "left" / "00.png")
    with pytest.raises(RunError, match="have changed since the run in .* was begun$"):
        train.run(**settings, resume=True)
