"""Cross-validation: who is in which fold, that no network judges what it saw, and that a broken one goes on."""

import json

import numpy as np
import pytest
from conftest import tiny_split
from PIL import Image

from keras_resnet.cli.main import main
from keras_resnet.errors import DataError
from keras_resnet.evaluate import evaluation
from keras_resnet.train.crossval import crossval, fold_indices
from keras_resnet.workdir import Workdir


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """`(folder, groups file)`: 96 photographs of 24 people, one of them with a wrong label."""
    folder = tmp_path_factory.mktemp("photos")
    split, rows = tiny_split(96, seed=3), ["file,group"]
    for number, (image, label) in enumerate(zip(split.images, split.labels, strict=True)):
        name = ("left", "middle", "right")[label if number else 2]  # the first shows "left"
        (folder / "set" / name).mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / "set" / name / f"{number:02d}.png")
        rows.append(f"{name}/{number:02d}.png,person {number // 4}")
    (folder / "people.csv").write_text("\n".join(rows) + "\n")
    return folder / "set", folder / "people.csv"


@pytest.fixture(scope="module")
def settings(tiny_recipe):
    return {"folds": 3, "size": 32, "model": "resnet-tiny", "recipe": tiny_recipe, "epochs": 8, "verbose": 0}


@pytest.fixture(scope="module")
def found(photos, settings, tmp_path_factory):
    out = tmp_path_factory.mktemp("crossval")
    return crossval(data=photos[0], groups=photos[1], out=out, say=lambda line: None, **settings), out


def person(name):
    return int(name.partition("/")[2].removesuffix(".png")) // 4


def test_each_image_is_judged_by_the_network_of_its_fold_which_saw_no_image_of_its_person(found, photos):
    result, out = found
    people = np.array([person(name) for name in result.names])
    parts = fold_indices(result.labels, 3, groups=people)
    probabilities = np.empty((96, 3))
    for number, (held, row) in enumerate(zip(parts, result.folds, strict=True), start=1):
        assert row["images"] == len(held) and row["groups"] == len(np.unique(people[held]))
        images = np.stack([np.asarray(Image.open(photos[0] / result.names[index])) for index in held])
        probabilities[held] = evaluation.predict(Workdir(out / f"fold-{number}").load_model(), images)
        assert Workdir(out / f"fold-{number}").read()["data"]["train"] == 96 - len(held)
        right = (probabilities[held].argmax(axis=1) == result.labels[held]).mean()
        assert row["accuracy"] == pytest.approx(right)
    right = probabilities.argmax(axis=1) == result.labels
    assert result.scores.accuracy == pytest.approx(right.mean())
    assert result.interval[0] <= right.mean() <= result.interval[1]


def test_the_wrong_label_is_the_most_doubtful(found):
    result, out = found
    stored = json.loads((out / "crossval.json").read_text())
    assert stored["doubtful"][0]["image"] == "right/00.png" and stored["doubtful"][0]["looks_like"] == "left"
    assert Image.open(out / "doubtful.png").size[0] > 100 and Image.open(out / "mistakes.png").size[0] > 100
    assert {"accuracy", "interval", "folds", "images", "mean", "per_class", "mistakes"} <= set(stored)


def test_folds_that_are_done_are_kept_and_one_that_is_missing_is_made_again(found, photos, settings):
    import shutil

    result, out = found
    before = {path: path.stat().st_mtime_ns for path in out.glob("fold-*/model.keras")}
    shutil.rmtree(out / "fold-3")
    again = crossval(data=photos[0], groups=photos[1], out=out, say=lambda line: None, **settings)
    assert again.to_json() == result.to_json()
    kept = [path for path, time in before.items() if path.stat().st_mtime_ns == time]
    assert sorted(path.parent.name for path in kept) == ["fold-1", "fold-2"]


@pytest.mark.parametrize("people", [None, 12, 40])
@pytest.mark.parametrize("folds", [2, 5, 10])
def test_folds_are_even_in_every_class_and_keep_groups_together(folds, people):
    generator = np.random.default_rng(folds)
    labels = np.arange(240) % 4
    groups = None if people is None else generator.integers(0, people, 240)
    parts = fold_indices(labels, folds, groups=groups, seed=1)
    assert np.sort(np.concatenate(parts)).tolist() == list(range(240))
    for part in parts:
        counts = np.bincount(labels[part], minlength=4)
        assert np.abs(counts - 60 / folds).max() <= (1 if people is None else 0.6 * 60 / folds + 4)
    if people is not None:
        assert sum(len(np.unique(groups[part])) for part in parts) == len(np.unique(groups))


@pytest.mark.parametrize(("folds", "groups"), [(1, None), (13, None), (2.0, None), (4, np.arange(12) // 4)])
def test_folds_that_cannot_be_are_named(folds, groups):
    with pytest.raises(DataError, match="folds: expected a whole number of 2 or more, and at most the "):
        fold_indices(np.arange(12) % 2, folds, groups=groups)


def test_one_photograph_and_a_missing_set_are_one_line(tmp_path, capsys):
    (tmp_path / "one" / "left").mkdir(parents=True)
    Image.new("RGB", (40, 40)).save(tmp_path / "one" / "left" / "0.png")
    for data in ("one", "none"):
        assert main(["crossval", "--data", str(tmp_path / data), "--out", str(tmp_path / "out"), "--model", "resnet-tiny"]) == 1
        said = capsys.readouterr().err.strip().splitlines()
        assert said[-1].startswith("keras-resnet: ") and not any("Traceback" in line for line in said)
