"""The results that are part of the documentation: measured over three seeds, in agreement with the criteria as they stand."""

import pytest
from conftest import ROOT

from keras_resnet import lab

FROZEN = ROOT / "docs" / "lab"


@pytest.mark.parametrize("name", list(lab.EXPERIMENTS))
def test_a_frozen_result_is_of_the_experiment_as_it_stands(name):
    result, experiment = lab.read(FROZEN / f"{name}.json"), lab.EXPERIMENTS[name]
    for field in ("claim", "source", "protocol"):
        assert getattr(result, field) == getattr(experiment, field)
    assert result.form == "full"
    assert result.seeds == [0, 1, 2]
    again = [{"text": each.text, "met": [each.met(values) for values in result.values]} for each in experiment.criteria]
    assert result.criteria == again
    assert result.passed == all(all(each["met"]) for each in again)
    for label, row in result.spread.items():
        numbers = [experiment.headline(values)[label] for values in result.values]
        assert (row["low"], row["high"]) == pytest.approx((min(numbers), max(numbers)), rel=1e-6)
    assert sum(result.seconds) / 3 < 3600


@pytest.mark.parametrize("name", list(lab.EXPERIMENTS))
def test_the_figures_of_a_frozen_result_are_there_and_can_be_drawn_again(name, tmp_path):
    result = lab.read(FROZEN / f"{name}.json")
    for path in lab.figures_of(result, FROZEN):
        assert path.stat().st_size < 100_000
    for path in lab.draw(result, tmp_path):
        assert path.read_bytes()[:4] == b"\x89PNG"


def test_the_frozen_page_shows_every_verdict():
    page = (FROZEN / "lab.html").read_text(encoding="utf-8")
    for name in lab.EXPERIMENTS:
        verdict = "confirmed" if lab.read(FROZEN / f"{name}.json").passed else "not confirmed"
        start = page.index(f'<h2 id="{name}">')
        assert f">{verdict}<" in page[start : start + 200]
