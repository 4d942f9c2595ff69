"""How a verdict is reached, stored and read; what is refused."""

import dataclasses
import json
import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT

from keras_resnet import lab
from keras_resnet.errors import LabError
from keras_resnet.lab import runner
from keras_resnet.lab.experiment import Criterion, Experiment, Result, Setting, conclude, plain

FACTS = {"machine": {"processor": "p", "cores": 2, "system": "s"}, "versions": {"numpy": "2"}}


def experiment(*criteria):
    return Experiment(
        name="variance",
        claim="A claim.",
        source="A paper.",
        protocol="A protocol.",
        criteria=criteria,
        measure=lambda setting: {"x": 1.0 + setting.seed},
        headline=lambda values: {"x": values["x"]},
        figures={},
    )


def test_a_claim_is_confirmed_where_every_criterion_is_met_for_every_seed():
    above = Criterion("x is above 1.5", lambda values: values["x"] > 1.5)
    positive = Criterion("x is above 0", lambda values: values["x"] > 0)
    values = [{"x": 1.0}, {"x": 2.0}]
    result = conclude(experiment(positive, above), True, [0, 1], values, [0.1, 0.2], FACTS)
    assert [each["met"] for each in result.criteria] == [[True, True], [False, True]]
    assert not result.passed
    assert result.spread == {"x": {"mean": 1.5, "low": 1.0, "high": 2.0}}
    assert conclude(experiment(positive), True, [0, 1], values, [0.1, 0.2], FACTS).passed


def test_a_result_goes_to_json_and_back():
    result = conclude(experiment(Criterion("any", lambda values: True)), False, [3], [{"x": np.float64(2)}], [1.0], FACTS)
    again = Result.from_json(json.loads(json.dumps(result.to_json())))
    assert again == result
    assert again.form == "full"


def test_values_are_plain_and_finite():
    value = {1: np.array([[1, 2]]), "b": np.bool_(True), "c": (np.int64(3), 0.123456789)}
    assert plain(value) == {"1": [[1, 2]], "b": True, "c": [3, 0.1234568]}
    with pytest.raises(LabError, match="A measured value is nan; expected a finite number"):
        plain({"x": [float("nan")]})


def test_criteria_are_checked_on_what_is_stored():
    criterion = Criterion("x is exactly 0.1234568", lambda values: values["x"] == 0.1234568)
    assert conclude(experiment(criterion), True, [0], [{"x": 0.12345678}], [0.0], FACTS).passed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"names": "varience"}, "Unknown experiment: received 'varience'; expected one of 'all', 'vanishing-gradients'"),
        (
            {"names": "variance", "seed": -1},
            "seed: expected a whole number of at least 0, or several different ones, received -1",
        ),
        ({"names": "variance", "seed": (1, 1)}, "received \\(1, 1\\)"),
        ({"names": "variance", "seed": ()}, "received \\(\\)"),
    ],
)
def test_what_cannot_be_run_is_one_line(arguments, message):
    with pytest.raises(LabError, match=message):
        lab.run(**arguments)


def test_what_is_no_result_is_one_line(tmp_path):
    with pytest.raises(LabError, match="No stored result at .*nothing.json"):
        lab.read(tmp_path / "nothing.json")
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(LabError, match="is not readable as JSON"):
        lab.read(tmp_path / "bad.json")
    (tmp_path / "other.json").write_text("[1]")
    with pytest.raises(LabError, match="Not the result of an experiment: received list, expected the keys"):
        lab.read(tmp_path / "other.json")


def test_a_run_that_ends_early_has_kept_the_seeds_before(tmp_path, monkeypatch):
    whole = lab.EXPERIMENTS["unrolled-paths"]

    def measure(setting):
        if setting.seed == 1:
            raise KeyboardInterrupt
        return whole.measure(setting)

    cut = dataclasses.replace(whole, measure=measure)
    monkeypatch.setitem(runner.EXPERIMENTS, "unrolled-paths", cut)
    with pytest.raises(KeyboardInterrupt):
        lab.run("unrolled-paths", quick=True, seed=(0, 1), out=tmp_path, say=lambda line: None)
    assert lab.read(tmp_path / "unrolled-paths.json").seeds == [0]


def test_the_cache_keeps_what_was_made_once():
    from keras_resnet.lab import training

    setting = Setting(quick=True, seed=0, cache={("images", True): "as it was"})
    assert training.images(setting) == "as it was"


def test_every_experiment_is_a_sentence_with_source_protocol_and_criteria():
    assert len(lab.EXPERIMENTS) == 12
    for name, each in lab.EXPERIMENTS.items():
        assert name == each.name
        assert each.claim.endswith(".")
        assert each.claim.count(". ") == 0, f"{name}: more than one sentence"
        assert each.source
        assert each.protocol.endswith(".")
        assert len(each.criteria) >= 2
        assert each.figures


def test_listing_loads_no_framework():
    code = "import keras_resnet.cli.main as m; m.main(['lab', 'list'])"
    code += "; import sys; print([name for name in ('keras', 'matplotlib') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert [line.split()[0] for line in done.stdout.splitlines()[:-1]] == list(lab.EXPERIMENTS)
