import hashlib
import json

import pytest

from keras_resnet.weights import KNOWN_FILES


@pytest.fixture
def home(tmp_path):
    """A Keras home of its own, and no way to the network."""
    return {"KERAS_HOME": str(tmp_path / "home"), "https_proxy": "http://127.0.0.1:9", "no_proxy": ""}


def test_list_shows_every_known_file_and_which_are_here(command, home, tmp_path):
    folder = tmp_path / "home" / "models" / "keras_resnet"
    folder.mkdir(parents=True)
    (folder / "resnet50_keras.h5").write_bytes(b"here")
    done = command("weights", "list", check=0, env=home)
    lines = {line.split()[0]: line.split() for line in done.stdout.splitlines()}
    sources = {name: " ".join(words[1:]) for name, words in lines.items() if name.startswith("[")}
    assert list(lines)[1:] == [*KNOWN_FILES, *sources]
    assert all(sources[lines[name][3]] == row.source for name, row in KNOWN_FILES.items() if row.accuracy)
    assert lines["resnet50_keras"] == ["resnet50_keras", "keras", "74.90", "[3]", "103", str(folder / "resnet50_keras.h5")]
    assert lines["resnet50_chollet_notop"] == ["resnet50_chollet_notop", "chollet", "95"]
    rows = {row["name"]: row for row in json.loads(command("weights", "list", "--json", check=0, env=home).stdout)}
    assert rows["resnet50v2_keras"] == {
        "name": "resnet50v2_keras",
        "model": "resnet50v2",
        "lineage": "keras",
        "include_top": True,
        "top1": 75.96,
        "top5": 93.034,
        "conditions": "at 299 x 299",
        "source": "keras-team/keras-applications, README at 976050c",
        "megabytes": 103,
        "url": "https://storage.googleapis.com/tensorflow/keras-applications/resnet/"
        "resnet50v2_weights_tf_dim_ordering_tf_kernels.h5",
        "md5": "3ef43a0b657b3be2300d5770ece849e0",
        "path": None,
    }
    assert rows["resnet50_keras"]["path"] == str(folder / "resnet50_keras.h5")


def test_fetch_without_a_connection_says_what_to_put_where_in_one_line(command, home, tmp_path):
    done = command("weights", "fetch", "resnet50_chollet", "--folder", tmp_path / "mine", check=1, env=home)
    assert done.stdout == ""
    first, last = done.stderr.splitlines()
    url = KNOWN_FILES["resnet50_chollet"].url
    assert first == f"Downloading resnet50_chollet from {url}"
    assert last.startswith(f"keras-resnet: resnet50_chollet cannot be downloaded from {url}: ")
    assert last.endswith(
        f"put the file (md5 a7b3fe01876f51b976af0dea6bc144eb) at {tmp_path}/mine/resnet50_chollet.h5 by other means"
    )


def test_fetch_refuses_another_file_and_an_unknown_name_in_one_line(command, home, tmp_path):
    (tmp_path / "resnet50_chollet.h5").write_bytes(b"<html>Sign in</html>")
    done = command("weights", "fetch", "resnet50_chollet", "--folder", ".", check=1, env=home)
    assert done.stderr.count("\n") == 1 and "is not resnet50_chollet: expected md5 a7b3fe" in done.stderr
    assert hashlib.md5(b"<html>Sign in</html>").hexdigest() in done.stderr and "HTML page" in done.stderr
    done = command("weights", "fetch", "resnet51", check=1, env=home)
    assert (
        done.stderr.count("\n") == 1 and "Unknown weight file: received 'resnet51'; expected one of 'resnet50_" in done.stderr
    )


@pytest.mark.parametrize(("action", "example"), [("list", "weights list"), ("fetch", "weights fetch resnet50_chollet")])
def test_help_has_an_example(command, action, example):
    done = command("weights", action, "--help", check=0)
    assert f"keras-resnet {example}" in done.stdout.partition("example:")[2]
