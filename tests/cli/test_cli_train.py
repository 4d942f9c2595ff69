import json

import numpy as np
import pytest
from PIL import Image


def one_json(done):
    return json.loads(done.stdout)  # raises where anything else stands on standard output


def test_train_evaluate_and_predict_from_the_command_line(command, tiny_set, tmp_path):
    train = command("train", "--data", tiny_set, "--model", "resnet-tiny", "--epochs", 2, "--out", "run", "--json", check=0)
    outcome = one_json(train)
    assert set(outcome) >= {"accuracy", "loss", "images", "run", "epochs", "seconds", "images_per_second"}
    assert outcome["images"] == 24 and outcome["epochs"] == 2 and outcome["run"] == "run"
    assert "Epoch 1/2" in train.stderr and "0000 00:00" not in train.stderr  # TensorFlow's own lines

    evaluated = one_json(command("evaluate", "run", "--data", tiny_set, "--json", check=0))
    assert {name: evaluated[name] for name in ("accuracy", "loss", "images")} == {
        name: outcome[name] for name in ("accuracy", "loss", "images")
    }

    photo = np.full((40, 60, 3), 20, "uint8")
    photo[:, 37:50] = 200  # the right third of the central 40 x 40
    Image.fromarray(photo).save(tmp_path / "photo.png")
    Image.fromarray(photo // 100 + 253).save(tmp_path / "white.png")
    done = command("predict", "run", "photo.png", "white.png", "--json", check=0)
    rows = one_json(done)["predictions"]
    assert [row["image"] for row in rows] == ["photo.png", "white.png"]
    for row in rows:
        assert row["probability"] == max(row["probabilities"].values()) == row["probabilities"][row["class"]]
        assert sum(row["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert "warning: white.png: its brightness, 254, is far from" in done.stderr
    drawn = command("predict", "run", "photo.png", "--out", "answer.png", check=0).stdout
    assert drawn.startswith(f"photo.png: {rows[0]['class']} (") and drawn.endswith("Picture: answer.png\n")
    assert Image.open(tmp_path / "answer.png").format == "PNG"

    again = command("train", "--data", tiny_set, "--model", "resnet-tiny", "--out", "run", check=1)
    assert again.stdout == "" and len(again.stderr.splitlines()) == 1
    assert "keras-resnet: run holds a run already; go on with it by --resume" in again.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("evaluate", "nowhere", "--data", "SET"), "keras-resnet: No run folder at nowhere; `keras-resnet train"),
        (("predict", "nowhere", "photo.png"), "keras-resnet: No run folder at nowhere"),
        (("train", "--data", "nowhere", "--out", "run"), "keras-resnet: No such"),
        (("train", "--data", "SET", "--out", "run", "--model", "vgg"), "keras-resnet: Unknown model: received 'vgg'"),
        (("train", "--data", "SET", "--out", "run", "--recipe", "cake"), "keras-resnet: Unknown recipe: received 'cake'"),
    ],
)
def test_an_error_is_one_line_and_status_1(command, tiny_set, arguments, message):
    done = command(*(str(tiny_set) if word == "SET" else word for word in arguments))
    assert done.returncode == 1 and done.stdout == ""
    assert len(done.stderr.splitlines()) == 1 and done.stderr.startswith(message), done.stderr


def test_debug_shows_the_traceback_and_usage_errors_exit_with_2(command):
    assert "Traceback" in command("evaluate", "nowhere", "--data", "x", "--debug").stderr
    done = command("train")
    assert done.returncode == 2 and "--data" in done.stderr
    assert command("bake").returncode == 2


def test_evaluating_another_kind_of_set_names_both(command, tiny_run, tmp_path):
    from conftest import tiny_split

    from keras_resnet.data import write_signs

    write_signs(tmp_path / "larger", tiny_split(9, 1, size=48), tiny_split(9, 2, size=48), ("left", "middle", "right"))
    done = command("evaluate", tiny_run[1], "--data", tmp_path / "larger", check=1)
    assert "has images of (48, 48, 3); the run was trained on (32, 32, 3)" in done.stderr
