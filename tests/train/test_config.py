"""From the one declaration of an option: its flag, its check, its place in the record, its word in the command, resuming."""

import dataclasses
import json
import shlex
from types import SimpleNamespace

import pytest

from keras_resnet import train
from keras_resnet.cli.main import build_parser
from keras_resnet.cli.train import _wanted
from keras_resnet.errors import RunError
from keras_resnet.train.arguments import configure, recorded
from keras_resnet.train.config import Options, Recipe, declared, flag_of
from keras_resnet.train.record import _command, check_claim
from keras_resnet.workdir import Workdir

# What is typed after the flag of each option, and what the run is then asked for: another value than by default.
TYPED = {
    "epochs": ("5", 5), "batch_size": ("8", 8), "learning_rate": ("0.01", 0.01), "accumulate": ("4", 4),
    "early_stopping": ("3", 3), "freeze": ("stage4", "stage4"), "precision": ("bfloat16", "bfloat16"),
    "class_weights": ("", True), "seed": ("2", 2), "validation_fraction": ("0.2", 0.2), "test_fraction": ("0.3", 0.3),
    "groups": ("people.csv", "people.csv"),
    "skip_bad": ("", True), "stream": ("", True), "size": ("96", 96), "per_class": ("10", 10), "weights": ("w.h5", "w.h5"),
    "remat": ("", True), "tensorboard": ("", True),
}  # fmt: skip
# Options that may be another when a run goes on: they change no number, or what they change is compared by itself.
FREE = {"groups", "skip_bad", "remat", "tensorboard"}
OPTIONS = {**declared(Recipe), **declared(Options)}


def parsed(words):
    given, _ = _wanted(build_parser("train").parse_args(["train", *words]))
    return configure(**given)


def asked(name, *others):
    """The configuration where one flag is typed, and that without it."""
    start = ["--data", "set", "--out", "run", *([] if name == "weights" else ["--weights", "start.h5"]), *others]
    return parsed([*start, flag_of(name), *filter(None, [TYPED[name][0]])]), parsed(start)


def command_of(config):
    images, crew = SimpleNamespace(signs=SimpleNamespace(path=config.data)), SimpleNamespace(size=1)
    return _command(SimpleNamespace(config=config, images=images, crew=crew))


def value(config, name):
    return getattr(config.recipe if name in declared(Recipe) else config.options, name)


def test_every_option_with_a_flag_is_typed_here():
    assert set(TYPED) == {name for name, option in OPTIONS.items() if option.flag} and FREE < set(TYPED)


@pytest.mark.parametrize("name", TYPED)
def test_a_flag_changes_its_option_alone(name):
    config, before = asked(name)
    assert value(config, name) == TYPED[name][1] != value(before, name)
    assert [each for each in TYPED if value(config, each) != value(before, each)] == [name]


@pytest.mark.parametrize("words", [[], ["--recipe", "finetune", "--freeze", "none"], ["--no-stream"]])
@pytest.mark.parametrize("name", TYPED)
def test_the_command_of_the_record_asks_for_the_same(name, words):
    config, _ = asked(name, *words)
    assert parsed(shlex.split(command_of(config))[2:]) == config


def test_a_switch_of_the_recipe_can_be_turned_off():
    own = dataclasses.replace(train.RECIPES["signs"], class_weights=True)
    changed = configure(data="set", out="run", recipe=own, class_weights=False)
    assert "class-weights" not in command_of(changed)  # as `signs` is
    assert parsed(["--data", "set", "--out", "run", "--no-class-weights"]).recipe.class_weights is False


@pytest.mark.parametrize("name", OPTIONS)
def test_a_value_that_cannot_be_is_named_with_what_can(name):
    cls = Recipe if name in declared(Recipe) else Options
    plain = {"name": "own", "summary": "", "epochs": 1} if cls is Recipe else {}
    for wrong in ("a word that means nothing" if name not in ("weights", "groups") else 3, [], float("nan"), -1):
        with pytest.raises(RunError) as caught:
            cls(**{**plain, name: wrong})
        assert str(caught.value) == f"{name}: expected {OPTIONS[name].values.expected}, received {wrong!r}"


def test_true_and_false_are_no_numbers():
    for name, option in OPTIONS.items():
        if option.values.kind in (int, float):
            cls, plain = (Recipe, ("own", "", 1)) if name in declared(Recipe) else (Options, ())
            with pytest.raises(RunError, match=f"^{name}: expected .*, received True$"):
                dataclasses.replace(cls(*plain), **{name: True})


def written(config, folder):
    """The parts of a record that resuming compares, in a run folder: its `Workdir`, and the record."""
    weights = config.options.weights
    record = {
        "status": "running", "command": "", "started_in": str(folder), "model": config.model, "recipe": config.recipe.to_json(),
        **config.options.to_json(), "weights": weights and {"path": weights, "sha256": weights, "head": "skip"},
        "class_names": ["a", "b"], "versions": {}, "data": {"path": str(folder), "fingerprint": "f", "groups": None},
    }  # fmt: skip
    record = json.loads(json.dumps(record))
    (folder / "run").mkdir(exist_ok=True)
    Workdir(folder / "run").write(record)
    return Workdir(folder / "run"), record


@pytest.mark.parametrize("name", TYPED)
def test_what_changes_the_numbers_is_compared_when_a_run_goes_on(name, tmp_path):
    config, before = asked(name)
    _, changed = written(config, tmp_path)
    workdir, same = written(before, tmp_path)
    assert check_claim(workdir, same, True, print) == "train"
    if name in FREE:
        assert check_claim(workdir, changed, True, print) == "train"
    else:
        with pytest.raises(RunError, match=f"was begun with {name} .*, and now it is {TYPED[name][1]}"):
            check_claim(workdir, changed, True, print)


@pytest.mark.parametrize("name", TYPED)
def test_a_run_goes_on_with_the_options_of_its_record(name, tmp_path):
    config, _ = asked(name)
    written(config, tmp_path)
    again = configure(**recorded(tmp_path / "run"))
    assert (again.recipe, again.model, again.resume) == (config.recipe, config.model, True)
    assert again.options.plain() == config.options.plain()


@pytest.mark.parametrize("layout", ["photographs that were not parted", "before there were switches"])
def test_records_of_earlier_versions(layout, tmp_path):
    """They said null of photographs where nothing was asked of them, and lacked what their version did not know."""
    config = configure(data="set", out="run")
    workdir, record = written(config, tmp_path)
    old = {**record, "photographs": None}
    if layout == "before there were switches":
        for name in ("switches", "photographs", "stream", "size", "per_class"):
            del old[name]
    workdir.write(old)
    assert configure(**recorded(workdir.path)).options == config.options
    assert check_claim(workdir, record, True, print) == "train"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"switches": {"warp": True}}, "has an option that this version does not know: warp$"),
        ({"switches": {"remat": "yes"}}, "is not the record of a run: remat: expected True or False, received 'yes'$"),
        ({"per_class": "ten"}, "is not the record of a run: per_class: expected None or at least 1, received 'ten'$"),
        ({"photographs": {"test_fraction": 2}}, "is not the record of a run: test_fraction: expected None or more than 0"),
    ],
)
def test_a_damaged_option_of_a_record_is_named(change, message, tmp_path):
    workdir, record = written(configure(data="set", out="run"), tmp_path)
    workdir.write({**record, **change})
    with pytest.raises(RunError, match=f"run.json {message}"):
        recorded(workdir.path)


def test_help_of_the_classes_says_what_each_option_is():
    for cls in (Recipe, Options):
        for name, option in declared(cls).items():
            assert f"    {name}: " in cls.__doc__ and option.text.split()[-1] in cls.__doc__
