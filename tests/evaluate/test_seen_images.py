"""What `evaluate` scores: never images that the run was trained on without a word, wherever they lie."""

import json
import shutil

import numpy as np
import pytest
from conftest import tiny_split
from PIL import Image

from keras_resnet import evaluate, train
from keras_resnet.cli.main import main
from keras_resnet.data import Split, load_signs, pack_folder, write_signs
from keras_resnet.errors import DataError

QUIET = {"say": lambda line: None, "verbose": 0, "model": "resnet-tiny", "epochs": 1, "recipe": "signs-quick"}
NAMES = ("left", "middle", "right")


def write_photographs(folder, count, seed, classes=NAMES):
    """Smooth pictures of 90 x 70 as JPEG, every class with its own hue, in class folders."""
    random = np.random.default_rng(seed)
    for number in range(count):
        name = classes[number % len(classes)]
        coarse = random.integers(0, 180, (6, 6, 3)).astype("uint8")
        coarse[..., NAMES.index(name)] += 70
        (folder / name).mkdir(parents=True, exist_ok=True)
        picture = Image.fromarray(coarse).resize((90, 70), Image.Resampling.BICUBIC)
        picture.save(folder / name / f"{number:03}.jpg", quality=90)
    return folder


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    return write_photographs(tmp_path_factory.mktemp("photographs") / "photos", 60, seed=1)


@pytest.fixture(scope="module")
def folder_run(photographs, tmp_path_factory):
    """A run on the folder, 12 of 60 to test on: `(outcome, path)`."""
    path = tmp_path_factory.mktemp("runs") / "folder"
    return train.run(data=photographs, out=path, test_fraction=0.2, size=32, **QUIET), path


@pytest.fixture(scope="module")
def packed_run(photographs, tmp_path_factory):
    """A run on a packed set of 48 x 48, its images resized to 32 and read from the disk: `(outcome, path, set)`."""
    folder = tmp_path_factory.mktemp("packed")
    pack_folder(photographs, folder / "set", size=48, test_fraction=0.2)
    return train.run(data=folder / "set", out=folder / "run", size=32, stream=True, **QUIET), folder / "run", folder / "set"


def scored(run, data, **how):
    """`(scores, lines)` of an evaluation."""
    lines = []
    return evaluate.report(run, data, say=lines.append, **how), lines


def is_the_runs_own(run, data):
    """Whether the test images of the run, and no others, are looked at; what was said."""
    outcome, path, *_ = run
    scores, lines = scored(path, data)
    assert (scores.images, scores.loss) == (outcome.images, pytest.approx(outcome.loss, abs=1e-6))
    return lines


def as_it_is(photographs, there):
    return photographs


def copied(photographs, there):
    return shutil.copytree(photographs, there / "copy")


def renamed(photographs, there):
    """Other names of files, in the reverse of their order."""
    for number, file in enumerate(sorted(photographs.rglob("*.jpg"), reverse=True)):
        (there / "other" / file.parent.name).mkdir(parents=True, exist_ok=True)
        shutil.copy(file, there / "other" / file.parent.name / f"{number:03}.JPG")
    return there / "other"


def linked(photographs, there):
    (there / "link").symlink_to(photographs)
    return there / "link"


@pytest.mark.parametrize("way", [as_it_is, copied, renamed, linked])
def test_of_the_runs_folder_its_test_images_are_looked_at_wherever_it_lies(way, folder_run, photographs, tmp_path):
    (line,) = is_the_runs_own(folder_run, way(photographs, tmp_path))
    assert "was trained on, or validated with, 48 of the 60 images of" in line
    assert line.endswith("they are left out: evaluating on the other 12, of which 12 are its test images")


def test_from_within_the_folder(folder_run, photographs, monkeypatch, capsys):
    monkeypatch.chdir(photographs)
    assert main(["evaluate", str(folder_run[1]), "--data", ".", "--json"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["loss"] == pytest.approx(folder_run[0].loss, abs=1e-6)
    assert "48 of the 60 images of ." in printed.err


def test_a_packed_set_of_the_same_photographs(folder_run, photographs, tmp_path):
    pack_folder(photographs, tmp_path / "same", size=32, test_fraction=0.2)
    assert is_the_runs_own(folder_run, tmp_path / "same") == []  # its test images are the run's
    pack_folder(photographs, tmp_path / "other", size=32, test_fraction=0.5, seed=3)
    scores, (line,) = scored(folder_run[1], tmp_path / "other")
    assert 0 < scores.images < 12 and f"{30 - scores.images} of the 30 images" in line


def test_a_run_on_a_packed_and_resized_set(packed_run, photographs):
    assert is_the_runs_own(packed_run, packed_run[2]) == []
    assert is_the_runs_own(packed_run, load_signs(packed_run[2])) == []
    assert "48 of the 60 images" in is_the_runs_own(packed_run, photographs)[0]  # made as the set's images were


def test_part_of_the_folder(folder_run, photographs, tmp_path):
    """The first seven of each class, and a new one each: what the run has not seen is looked at."""
    for name in NAMES:
        (tmp_path / "part" / name).mkdir(parents=True)
        for file in sorted((photographs / name).iterdir())[:7]:
            shutil.copy(file, tmp_path / "part" / name)
    write_photographs(tmp_path / "new", 3, seed=5)
    for name in NAMES:
        (file,) = (tmp_path / "new" / name).iterdir()
        file.rename(tmp_path / "part" / name / "new.jpg")
    scores, (line,) = scored(folder_run[1], tmp_path / "part")
    seen = int(line.partition("validated with, ")[2].split()[0])
    assert scores.images == 24 - seen > 3 and line.endswith(f"of which {scores.images - 3} are its test images")


def training_images(run_folder, signs, to):
    """A set whose test images are all of ``signs``' training images."""
    write_signs(to, signs.test, signs.train, signs.class_names)
    return to


def test_where_all_were_trained_on_it_is_refused_unless_asked_for(packed_run, tmp_path, capsys):
    _, run, data = packed_run
    path = training_images(run, load_signs(data), tmp_path / "swapped")
    with pytest.raises(DataError) as caught:
        evaluate.report(run, path)
    assert str(caught.value) == (
        f"{run} was trained on, or validated with, 48 of the 48 images of {path}; name images that it has not seen, or look at "
        "all of them with --all (all_images=True)"
    )
    assert main(["evaluate", str(run), "--data", str(path)]) == 1
    assert capsys.readouterr().err.count("\n") == 1
    assert scored(run, path, all_images=True)[0].images == 48
    assert main(["evaluate", str(run), "--data", str(path), "--all", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["images"] == 48


def test_folders_of_training_and_test_photographs_with_a_leak(folder_run, photographs, tmp_path):
    write_photographs(tmp_path / "parted" / "train", 6, seed=8)
    write_photographs(tmp_path / "parted" / "test", 9, seed=9)
    assert scored(folder_run[1], tmp_path / "parted")[0].images == 9
    for name in NAMES:  # at least one of four was trained on
        for file in sorted((photographs / name).iterdir())[:4]:
            shutil.copy(file, tmp_path / "parted" / "test" / name / f"leak-{file.name}")
    (line,) = scored(folder_run[1], tmp_path / "parted")[1]
    assert "of the 21 images of" in line


def test_all_of_them_where_that_is_asked_for(folder_run, photographs):
    scores, lines = scored(folder_run[1], photographs, all_images=True)
    assert (scores.images, lines) == (60, [])


def test_new_images_are_all_looked_at(folder_run, tmp_path):
    write_photographs(tmp_path / "new", 9, seed=2)
    scores, lines = scored(folder_run[1], tmp_path / "new")
    assert (scores.images, lines) == (9, [])


def test_the_same_pictures_at_another_size_are_told(folder_run, photographs, tmp_path):
    pack_folder(photographs, tmp_path / "larger", size=64, test_fraction=0.5)
    scores, (line,) = scored(folder_run[1], tmp_path / "larger")
    assert scores.images == 30 and "of 30 images that were compared look like images that the run was trained on" in line
    assert int(line.split()[0]) >= 18  # 12 of the 60 it has not seen


def test_test_images_that_are_training_images_too_are_told(tmp_path):
    train_split, test = tiny_split(30, 1), tiny_split(9, 2)
    images = np.concatenate([train_split.images[:3], test.images])
    leaky = Split(images, np.concatenate([train_split.labels[:3], test.labels]))
    write_signs(tmp_path / "set", train_split, leaky, NAMES)
    lines = []
    outcome = train.run(data=tmp_path / "set", out=tmp_path / "run", **{**QUIET, "say": lines.append})
    assert outcome.images == 12
    assert sum("3 of the test images are training or validation images too, pixel for pixel" in line for line in lines) == 1
    assert scored(tmp_path / "run", tmp_path / "set")[0].images == 12


def test_what_the_weights_had_seen_before_is_remembered(packed_run, photographs, tmp_path):
    """A run that begins from another's weights, on images of which the other had some to train on and some to test on."""
    lines, earlier = [], packed_run[1]
    pack_folder(photographs, tmp_path / "other", size=48, test_fraction=0.5, seed=4)
    settings = {**QUIET, "say": lines.append, "size": 32}
    outcome = train.run(data=tmp_path / "other", out=tmp_path / "run", weights=earlier, **settings)
    (told,) = [line for line in lines if "pixel for pixel" in line]
    assert "or were such of the run whose weights it began from" in told and 18 <= int(told.split()[0]) <= 30
    assert outcome.images == 30
    write_photographs(tmp_path / "new", 30, seed=7)
    train.run(data=tmp_path / "new", out=tmp_path / "second", weights=tmp_path / "run", test_fraction=0.2, **settings)
    count = told.split()[0]
    with pytest.raises(DataError, match=f"with, {count} of the 30 images of .*, {count} of them in the run whose weights it"):
        evaluate.report(tmp_path / "second", tmp_path / "other")


def test_images_that_few_per_class_left_out_are_unseen(tmp_path):
    split = tiny_split(60, 1)
    write_signs(tmp_path / "set", split, tiny_split(9, 2), NAMES)
    train.run(data=tmp_path / "set", out=tmp_path / "run", per_class=5, validation_fraction=0.2, **QUIET)
    write_signs(tmp_path / "swapped", tiny_split(9, 2), split, NAMES)
    with pytest.raises(DataError, match="was trained on, or validated with, 27 of the 60 images"):  # 3 x 5 and 12
        evaluate.report(tmp_path / "run", tmp_path / "swapped")


def test_a_run_without_marks_says_that_it_does_not_know(folder_run, photographs, tmp_path):
    shutil.copytree(folder_run[1], tmp_path / "run")
    (tmp_path / "run" / "images.npz").unlink()
    with pytest.raises(DataError, match="images.npz is missing, .* is unknown; name a set .* or look at all 60 with --all"):
        evaluate.report(tmp_path / "run", photographs)
    pack_folder(photographs, tmp_path / "set", size=32, test_fraction=0.2)
    (line,) = scored(tmp_path / "run", tmp_path / "set")[1]
    assert line.endswith("whether the run has seen these images is unknown")


def test_damaged_marks_are_one_line(folder_run, photographs, tmp_path):
    shutil.copytree(folder_run[1], tmp_path / "run")
    (tmp_path / "run" / "images.npz").write_bytes(b"")
    with pytest.raises(DataError, match="images.npz is damaged: .*; --all .* looks at all images, seen or not$"):
        evaluate.report(tmp_path / "run", photographs)
    assert scored(tmp_path / "run", photographs, all_images=True)[0].images == 60


def test_a_folder_val_is_known_and_left_out_too(tmp_path):
    parts = {"train": 12, "val": 6, "test": 9}
    for seed, (part, count) in enumerate(parts.items(), start=20):
        write_photographs(tmp_path / "parted" / part, count, seed=seed)
    outcome = train.run(data=tmp_path / "parted", out=tmp_path / "run", size=32, **QUIET)
    assert is_the_runs_own((outcome, tmp_path / "run"), tmp_path / "parted") == []
    shutil.copytree(tmp_path / "parted" / "test", tmp_path / "mixed")
    shutil.copytree(tmp_path / "parted" / "val", tmp_path / "mixed", dirs_exist_ok=True, copy_function=copy_beside)
    (line,) = is_the_runs_own((outcome, tmp_path / "run"), tmp_path / "mixed")
    assert "was trained on, or validated with, 6 of the 15 images of" in line
    with pytest.raises(DataError, match="was trained on, or validated with, 6 of the 6 images of"):
        evaluate.report(tmp_path / "run", tmp_path / "parted" / "val")


def copy_beside(source, target):
    return shutil.copy(source, target.replace(".jpg", "-2.jpg"))
