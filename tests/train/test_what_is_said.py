"""What a run says of its speed and its losses, on the way and in its folder."""

import csv
import json

import pytest
from conftest import tiny_split

from keras_resnet import train
from keras_resnet.cli.main import main
from keras_resnet.data import write_signs
from keras_resnet.train.callbacks import Speed

QUIET = {"model": "resnet-tiny", "recipe": "signs-quick", "epochs": 2}


def speeds_of(steps, epochs=2):
    """`images_per_second` of each epoch's log; None where there is none."""
    speed, found = Speed(batch_size=8), []
    speed.set_model(type("Model", (), {"optimizer": type("Optimizer", (), {"learning_rate": 0.1})})())
    for epoch in range(epochs):
        logs = {}
        speed.on_epoch_begin(epoch)
        for batch in range(steps):
            speed.on_train_batch_end(batch)
        speed.on_epoch_end(epoch, logs)
        found.append(logs.get("images_per_second"))
    return found, speed.images_per_second()


def test_an_epoch_of_one_step_has_no_speed_and_one_of_two_has():
    assert speeds_of(1) == ([None, None], None)
    (first, second), whole = speeds_of(2)
    assert first > 0 and second > 0 and min(first, second) <= whole <= max(first, second)


@pytest.fixture(scope="module")
def one_step(tmp_path_factory):
    """A run on 12 images, of one step an epoch: the folder, and what was printed."""
    folder = tmp_path_factory.mktemp("one-step")
    write_signs(folder / "set", tiny_split(12, 1), tiny_split(6, 2), ("left", "middle", "right"))
    return folder


def test_no_nan_is_shown_for_it(one_step, capfd):
    lines = []
    settings = {**QUIET, "data": one_step / "set", "out": one_step / "run", "verbose": 2, "say": lines.append}
    outcome = train.run(**settings)
    assert outcome.images_per_second is None
    printed = capfd.readouterr()
    assert "val_loss" in printed.out + printed.err and "nan" not in printed.out + printed.err
    with open(one_step / "run" / "log.csv") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 2 and "images_per_second" not in rows[0] and "nan" not in str(rows)
    page = (one_step / "run" / "report.html").read_text()
    assert "images per second" not in page and "images a second" not in page and ">nan<" not in page
    # The recipe smooths its labels by 0.1: of three classes at least 0.291, by hand.
    assert any("of smoothed labels, which leave at least 0.291; the test loss is not" in line for line in lines)
    assert "of smoothed labels, which leave at least 0.291; the test loss is of the labels as they are" in page


def test_commands_on_it_print_json_without_nan(one_step, capsys):
    if not (one_step / "run").exists():
        train.run(**QUIET, data=one_step / "set", out=one_step / "run", verbose=0, say=lambda line: None)
    again = ["train", "--data", str(one_step / "set"), "--model", "resnet-tiny", "--recipe", "signs-quick", "--epochs", "2"]
    for words in (["runs", str(one_step), "--no-figure"], [*again, "--out", str(one_step / "run"), "--resume"]):
        capsys.readouterr()
        assert main([*words, "--json"]) == 0
        value = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
        assert value.get("images_per_second", value.get("runs", [{}])[0].get("images_per_second")) is None


def test_a_recipe_takes_no_number_that_json_has_no_word_for():
    from keras_resnet.errors import RunError

    for field in ("learning_rate", "warmup_epochs", "weight_decay", "label_smoothing", "batch_norm_momentum", "final_rate"):
        for value in (float("nan"), float("inf"), -0.5, "much"):
            with pytest.raises(RunError, match=f"^{field}: expected .*, received "):
                train.Recipe("own", "for the tests", 3, **{field: value})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_a_command_prints_is_json_whatever_its_numbers_are(value, capsys):
    from keras_resnet.cli.output import result

    result({"a": [1.5, value, {"b": (value,)}], "c": None, "d": "NaN", "e": True}, "", as_json=True)
    printed = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert printed == {"a": [1.5, None, {"b": [None]}], "c": None, "d": "NaN", "e": True}
