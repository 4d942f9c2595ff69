"""`predict` on folders, to CSV files, and with pictures."""

import csv
import json
import os
import shutil

import numpy as np
import pytest
from conftest import tiny_split
from PIL import Image

from keras_resnet.cli.main import main


@pytest.fixture
def photographs(tmp_path, monkeypatch):
    """A folder of 24 photographs, some of them in folders below, with files that are none."""
    monkeypatch.chdir(tmp_path)
    for number, image in enumerate(tiny_split(24, 5).images):
        place = tmp_path / "photos" / ("" if number < 3 else f"person {number % 3}")
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(place / f"photo{number}.{'jpg' if number % 2 else 'PNG'}")
    (tmp_path / "photos" / "notes.txt").write_text("")
    (tmp_path / "photos" / ".hidden.png").write_text("")
    return tmp_path / "photos"


def predict(capsys, *words):
    """Exit status, standard output and the lines of standard error."""
    capsys.readouterr()
    status = main(["predict", "--engine", "keras", *map(str, words)])
    printed = capsys.readouterr()
    return status, printed.out, printed.err.splitlines()


def test_a_folder_is_its_photographs_in_natural_order(tiny_run, photographs, capsys):
    status, out, err = predict(capsys, tiny_run[1], "photos", "--json")
    names = [row["image"] for row in json.loads(out)["predictions"]]
    assert status == 0 and len(names) == 24
    assert names[:5] == [f"photos/person 0/photo{number}.{'jpg' if number % 2 else 'PNG'}" for number in (3, 6, 9, 12, 15)]
    assert names[-3:] == ["photos/photo0.PNG", "photos/photo1.jpg", "photos/photo2.PNG"]
    assert err == ["photos: left out: 1 other file (notes.txt)"]
    together = json.loads(predict(capsys, tiny_run[1], "photos/photo0.PNG", "photos", "--json")[1])["predictions"]
    assert len(together) == 25 and together[0] == json.loads(out)["predictions"][-3]


def test_what_a_folder_has_beside_photographs_that_can_be_read_is_said(tiny_run, photographs, capsys, monkeypatch):
    monkeypatch.setattr("keras_resnet.data.listing.reads_heic", lambda: False)
    (photographs / "person 1" / "gone.jpg").symlink_to("nowhere.jpg")
    (photographs / "phone.HEIC").write_bytes(b"")
    for clutter in (".DS_Store", "Thumbs.db"):
        (photographs / clutter).write_bytes(b"")
    (photographs / "__MACOSX").mkdir()
    (photographs / "__MACOSX" / "photo0.jpg").write_bytes(b"")
    status, out, err = predict(capsys, tiny_run[1], "photos")
    assert status == 0 and len(out.splitlines()) == 24 and len(err) == 1
    assert "1 HEIC photograph (phone.HEIC), which `pip install pillow-heif` makes readable" in err[0]
    assert "1 broken link (person 1/gone.jpg)" in err[0] and "1 other file (notes.txt)" in err[0]


def test_the_csv_file_has_a_line_for_each(tiny_run, photographs, capsys):
    status, out, _ = predict(capsys, tiny_run[1], "photos", "--csv", "answers/all.csv", "--json")
    predictions = json.loads(out)["predictions"]
    with open("answers/all.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0])[:4] == ["image", "class", "probability", "warning"]
    assert [row["image"] for row in rows] == [row["image"] for row in predictions]
    for row, expected in zip(rows, predictions, strict=True):
        assert (row["class"], float(row["probability"])) == (expected["class"], expected["probability"])
        for name, value in expected["probabilities"].items():
            assert float(row[f"probability of {name}"]) == value


def test_predictions_come_before_a_picture_of_the_first_twenty(tiny_run, photographs, capsys, monkeypatch):
    drawn = []
    monkeypatch.setattr("keras_resnet.evaluate.photos", lambda rows, names, path: drawn.append([row[0] for row in rows]))
    status, out, err = predict(capsys, tiny_run[1], "photos", "--out", "answer.png")
    assert status == 0 and len(out.splitlines()) == 25 and out.endswith("%)\nPicture: answer.png\n")
    assert len(drawn[0]) == 20 and err[-1] == "The picture shows the first 20 of 24 photographs"


@pytest.mark.parametrize("flags", [(), ("--json",)])
def test_where_the_picture_cannot_be_drawn_the_predictions_are_there(flags, tiny_run, photographs, capsys):
    status, out, err = predict(capsys, tiny_run[1], "photos/photo0.PNG", "--out", "photos/notes.txt/answer.png", *flags)
    assert status == 1 and "photo0.PNG" in out and "Picture" not in out and len(err) == 1
    if flags:
        assert len(json.loads(out)["predictions"]) == 1


def damage(folder):
    (folder / "photo1.jpg").write_bytes((folder / "photo1.jpg").read_bytes()[:200])
    (folder / "person 2" / "photo5.jpg").write_bytes(b"")


def test_broken_photographs_are_left_out_on_request(tiny_run, photographs, capsys):
    damage(photographs)
    status, out, err = predict(capsys, tiny_run[1], "photos", "--json")
    assert (status, out) == (1, "") and err[-1].endswith("; --skip-bad leaves out what cannot be read")
    status, out, err = predict(capsys, tiny_run[1], "photos", "--skip-bad", "--json", "--csv", "all.csv")
    value = json.loads(out)
    assert status == 0 and len(value["predictions"]) == 22
    assert value["skipped"] == ["photos/person 2/photo5.jpg", "photos/photo1.jpg"]
    assert sum(line.startswith("Left out: photos/") for line in err) == 2
    with open("all.csv") as stream:
        assert len(stream.readlines()) == 23


def test_where_all_are_broken_there_is_nothing(tiny_run, photographs, capsys):
    (photographs / "photo1.jpg").write_bytes(b"")
    status, out, _ = predict(capsys, tiny_run[1], "photos/photo1.jpg", "--skip-bad", "--json", "--out", "a.png")
    value = json.loads(out)
    assert status == 0 and (value["predictions"], value["picture"]) == ([], None) and not os.path.exists("a.png")


@pytest.mark.parametrize("content", ["nothing", "notes.txt"])
def test_a_folder_without_photographs_is_named(content, tiny_run, photographs, capsys):
    (photographs.parent / "other" / "deep").mkdir(parents=True)
    if content != "nothing":
        shutil.copy(photographs / content, photographs.parent / "other" / "deep")
    status, out, err = predict(capsys, tiny_run[1], "other")
    assert (status, out) == (1, "") and err[0].startswith("keras-resnet: No photographs in the folder other or below; expected")


def test_more_photographs_than_are_decoded_at_once(tiny_run, photographs, capsys, monkeypatch):
    from keras_resnet.cli import predict as command

    whole = json.loads(predict(capsys, tiny_run[1], "photos", "--json")[1])["predictions"]
    monkeypatch.setattr(command, "AT_ONCE", 7)
    pieces = json.loads(predict(capsys, tiny_run[1], "photos", "--json")[1])["predictions"]
    assert [row["image"] for row in pieces] == [row["image"] for row in whole]
    for one, other in zip(pieces, whole, strict=True):
        np.testing.assert_allclose(list(one["probabilities"].values()), list(other["probabilities"].values()), atol=1e-6)
