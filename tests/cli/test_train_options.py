"""The command line of training: help, dry runs, options that reach the run, and comparing runs."""

import json

import pytest
from conftest import tiny_split

from keras_resnet.cli.main import build_parser
from keras_resnet.cli.train import _wanted
from keras_resnet.train.options import settings
from keras_resnet.train.recipes import RECIPES


def test_help_shows_each_recipe_in_one_line(command):
    lines = command("train", "--help", check=0).stdout.splitlines()
    for name, recipe in RECIPES.items():
        line = next(line for line in lines if line.split()[:1] == [name])
        assert f"{recipe.epochs} epochs: {recipe.summary}" in line and len(line) <= 130


def keywords(*arguments):
    parsed = build_parser("train").parse_args(["train", "--data", "d", "--out", "o", *arguments])
    given, _ = _wanted(parsed)
    return {name: value for name, value in given.items() if name not in ("data", "out", "model", "say", "resume")}


def test_flags_become_arguments_of_the_run():
    given = keywords(
        "--recipe", "finetune", "--epochs", "5", "--batch-size", "8", "--learning-rate", "0.01", "--accumulate", "4",
        "--precision", "bfloat16", "--class-weights", "--early-stopping", "3", "--freeze", "none", "--weights", "w.h5",
        "--size", "96", "--per-class", "10", "--seed", "2", "--validation-fraction", "0.2", "--tensorboard",
    )  # fmt: skip
    recipe, options = settings(given.pop("recipe"), given.pop("epochs"), given)
    chosen = (recipe.epochs, recipe.batch_size, recipe.learning_rate, recipe.accumulate, recipe.precision)
    assert chosen == (5, 8, 0.01, 4, "bfloat16")
    assert (recipe.class_weights, recipe.early_stopping, recipe.freeze) == (True, 3, None)
    assert (options.weights, options.size, options.per_class, options.seed) == ("w.h5", 96, 10, 2)
    assert (options.validation_fraction, options.tensorboard) == (0.2, True)


def test_without_flags_a_recipe_is_as_it_stands():
    for name, expected in RECIPES.items():
        given = keywords("--recipe", name)
        assert settings(given.pop("recipe"), None, given)[0] == expected


def test_a_dry_run_says_what_would_happen_and_writes_nothing(command, tiny_set, tmp_path):
    arguments = ("train", "--data", tiny_set, "--model", "resnet-tiny", "--epochs", 3, "--out", "run", "--dry-run")
    plan = json.loads(command(*arguments, "--json", check=0).stdout)
    assert (plan["images"], plan["steps"]) == ({"train": 87, "validation": 9, "test": 24}, 6)
    assert plan["minutes"] > 0 and plan["memory_mb"] > 0 and list(tmp_path.iterdir()) == []
    text = command(*arguments, "--size", 40, check=0).stdout
    assert "input:   40 x 40 pixels, 3 classes" in text and "--size 40 --out run" in text
    assert list(tmp_path.iterdir()) == []


def test_the_recorded_command_makes_the_same_run_and_runs_are_compared(command, tiny_set, tmp_path):
    words = ("--data", tiny_set, "--model", "resnet-tiny", "--epochs", 2, "--batch-size", 8, "--accumulate", 2)
    command("train", *words, "--class-weights", "--per-class", 20, "--out", "runs/a", check=0)
    record = json.loads((tmp_path / "runs" / "a" / "run.json").read_text())
    assert record["recipe"]["accumulate"] == 2 and record["per_class"] == 20
    again = command(*record["command"].split()[1:], "--resume", check=0)  # refused unless every setting is the same
    assert "runs/a is complete: nothing is left to do" in again.stderr

    done = command("runs", "runs", "--json", check=0)
    value = json.loads(done.stdout)
    assert value["figure"] == "runs/runs.png" and (tmp_path / "runs" / "runs.png").read_bytes()[:4] == b"\x89PNG"
    (row,) = value["runs"]
    assert (row["run"], row["epochs"], row["accuracy"]) == ("a", 2, record["result"]["test"]["accuracy"])
    text = command("runs", "runs", "--no-figure", check=0).stdout
    assert text.splitlines()[1].split()[:3] == ["a", "resnet-tiny", "signs"] and "Curves" not in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("train", "--out", "run", "--recipe", "finetune"), "keras-resnet: The recipe finetune freezes the network to stage3"),
        (("train", "--out", "run", "--accumulate", "0"), "keras-resnet: accumulate: expected at least 1, received 0"),
        (("train", "--out", "run", "--per-class", "99"), "keras-resnet: per_class: expected at most 29, the images to train"),
        (("train", "--out", "run", "--weights", "no.h5"), "keras-resnet: No such file: no.h5"),
        (("train", "--out", "run", "--size", "16"), "keras-resnet: "),
        (("runs", "nowhere"), "keras-resnet: No such folder: nowhere; expected one with run folders in it"),
    ],
)
def test_an_error_is_one_line(command, tiny_set, arguments, message):
    data = ("--data", tiny_set) if arguments[0] == "train" else ()
    done = command(*arguments, *data, check=1)
    assert done.stdout == "" and len(done.stderr.splitlines()) == 1 and done.stderr.startswith(message), done.stderr
    if "--size" in arguments:
        assert "images resized to 16 x 16, and resnet50 takes 32 x 32 or more" in done.stderr


def test_balanced_accuracy_is_told_where_classes_differ(command, tiny_run, tmp_path):
    from keras_resnet.data import Split, write_signs

    test = tiny_split(24, 2)
    write_signs(tmp_path / "rare", tiny_split(9, 1), Split(test.images[:13], test.labels[:13]), ("left", "middle", "right"))
    assert "balanced accuracy" not in command("evaluate", tiny_run[1], "--data", "rare", check=0).stdout
    keep = [index for index in range(24) if test.labels[index] != 2 or index < 6]
    rare = Split(test.images[keep], test.labels[keep])
    write_signs(tmp_path / "rarer", tiny_split(9, 1), rare, ("left", "middle", "right"))
    assert "balanced accuracy" in command("evaluate", tiny_run[1], "--data", "rarer", check=0).stdout.splitlines()[0]
