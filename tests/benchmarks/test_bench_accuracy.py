"""The accuracy benchmark: its arithmetic, its table of contestants, that it goes on after a stop, and what it prints."""

import csv
import json
import math
import types

import numpy as np
import pytest
from conftest import tiny_split

from benchmarks.__main__ import main
from benchmarks.accuracy import child, protocol, report, results
from benchmarks.accuracy.contestants import GROUPS, contestant_recipe
from benchmarks.accuracy.protocol import Job, Protocol, measure_accuracy, plan
from benchmarks.accuracy.results import mean_interval, minutes_to, reach, student, summarize
from benchmarks.errors import BenchError
from keras_resnet.train import RECIPES

TINY = ("--epochs", "1", "--seeds", "0", "--model", "resnet-tiny")


def quiet(line):
    pass


def row(contestant="signs", seed=0, right=99, to_98=None, **changes):
    plain = {"group": "main", "model": "resnet50", "epochs": 40, "size": "64x64", "images": 100, "minutes": 10.0}
    plain |= {"minutes_to_99": None, "images_per_second": 50.0, "trained_on": 900, "validation_accuracy": None}
    plain |= {
        "validation_loss": None,
        "machine": "Abacus 9, 2 cores",
        "versions": "keras 3.15.1",
        "set": "a1",
        "settings": "b2",
    }
    own = {"contestant": contestant, "seed": seed, "right": right, "accuracy": right / 100, "minutes_to_98": to_98}
    return {**plain, **own, **changes}


@pytest.fixture
def fake_child(monkeypatch):
    """Runs that cost nothing: `[(name of the run, job)]` as they are made; those in ``failing`` fail."""
    made = types.SimpleNamespace(names=[], failing=())

    def train(job, say):
        made.names.append(job.name)
        if job.name in made.failing:
            raise BenchError(f"The contestant {job.name} failed (exit status 1): out of beads")
        curve = [
            {"epoch": 1, "minutes": 2.0, "right": 20, "images": 24},
            {"epoch": "end", "minutes": 4.0, "right": 24, "images": 24},
        ]
        results.write_curve(protocol.Path(job.out) / "curves" / f"{job.name}.csv", curve)
        facts = {"images_per_second": 9.5, "trained_on": 96, "onednn": True, "versions": "keras 3"}
        return {**curve[-1], "minutes_to_98": 4.0, "minutes_to_99": None, **facts}

    monkeypatch.setattr(protocol, "_train", train)
    return made


def test_minutes_to_an_accuracy_is_the_first_epoch_that_has_it():
    curve = [{"minutes": m, "right": r, "images": 330} for m, r in ((1.0, 300), (2.0, 324), (3.0, 310), (4.0, 327))]
    assert minutes_to(curve, 0.98) == 2.0  # 323.4 of 330
    assert minutes_to(curve, 0.99) == 4.0  # 326.7 of 330
    assert minutes_to(curve, 0.995) is None


def test_students_quantiles_are_the_tabulated_ones():
    # NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.2: 11, 15, 20, 30 and 100 degrees of freedom.
    published = {1: 12.706, 2: 4.303, 10: 2.228, 11: 2.201, 15: 2.131, 20: 2.086, 30: 2.042, 100: 1.984}
    for freedom, value in published.items():
        assert student(freedom) == pytest.approx(value, abs=6e-4)


def test_the_interval_of_a_mean():
    # Mean 4, standard deviation 2, standard error 2 / sqrt(3), times 4.303.
    assert mean_interval([2.0, 4.0, 6.0]) == pytest.approx([4 - 4.303 * 2 / math.sqrt(3), 4 + 4.303 * 2 / math.sqrt(3)])
    assert mean_interval([0.98, 1.0], 0, 1)[1] == 1 and mean_interval([0.5]) is None


def test_a_median_run_that_did_not_get_there():
    runs = [row(to_98=4.0), row(to_98=None, minutes=12.0), row(to_98=None, minutes=11.0)]
    assert reach(runs, 98) == {"minutes": None, "reached": 1, "not_within": 11.0}
    assert reach(runs[:1] * 2 + runs[1:2], 98) == {"minutes": 4.0, "reached": 2, "not_within": 12.0}


def test_summary_over_seeds_and_against_the_baseline():
    rows = [row(seed=0, right=99, to_98=5.0), row(seed=1, right=97), row(seed=2, right=100, to_98=4.0)]
    rows += [row("stock", seed=0, right=89, minutes=95.0), row("stock", seed=1, right=91, minutes=99.0)]
    found = summarize(rows, "stock")
    signs, stock = found["signs"], found["stock"]
    assert signs["accuracy"] == pytest.approx(0.98667, abs=1e-5) and (signs["lowest"], signs["highest"]) == (0.97, 1.0)
    # scipy.stats.binomtest(296, 300).proportion_ci(method="wilson")
    assert signs["pooled"] == pytest.approx([0.966224, 0.994803], abs=1e-6)
    assert signs["to_98"] == {"minutes": 5.0, "reached": 2, "not_within": 10.0} and stock["minutes"] == 97.0
    assert signs["against"]["difference"] == pytest.approx(((0.99 - 0.89) + (0.97 - 0.91)) / 2)  # of the seeds that both have
    assert signs["against"]["times_98"] == {"times": 95.0 / 5.0, "at_least": True} and signs["against"]["times_99"] is None
    assert stock["against"] is None and stock["interval"] == pytest.approx([0.90 - 12.706 * 0.01, 1.0])


def test_a_baseline_that_gets_there_gives_a_ratio():
    found = summarize([row(to_98=5.0), row("stock", to_98=40.0)], "stock")
    assert found["signs"]["against"]["times_98"] == {"times": 8.0, "at_least": False}


def test_each_contestant_is_one_change_of_its_recipe():
    names = [name for group in GROUPS.values() for name in group.contestants]
    assert len(names) == len(set(names)) and all(group.baseline in group.contestants for group in GROUPS.values())
    base = RECIPES["signs"].to_json()

    def changed(group, name, start=base):
        recipe = contestant_recipe(group, name).to_json()
        return {key: value for key, value in recipe.items() if value != start[key]}

    assert contestant_recipe("main", "stock") is None
    assert changed("main", "signs") == changed("ablation", "recipe") == changed("few", "few-scratch") == {}
    assert changed("ablation", "no-warm-up") == {"warmup_epochs": 0} and changed("ablation", "constant-rate") == {
        "final_rate": 1
    }
    assert changed("ablation", "mirror") == {"augmentation": {**base["augmentation"], "mirror": True}}
    bare = changed("ablation", "no-augmentation")
    assert list(bare) == ["augmentation"] and not any(bare["augmentation"].values())
    for name in GROUPS["ablation"].contestants:
        assert len(set(changed("ablation", name)) - {"ema", "recalibrate"}) <= 1
    assert changed("few", "few-finetune", RECIPES["finetune"].to_json()) == {}


def test_the_constant_rate_is_constant_after_the_warm_up():
    from keras_resnet.train.optimizer import schedule

    recipe = contestant_recipe("ablation", "constant-rate")
    rates = [float(schedule(recipe, 10, 20)(step)) for step in range(200)]
    np.testing.assert_allclose(rates[:21], recipe.learning_rate * np.arange(21) / 20, rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(rates[20:], recipe.learning_rate, rtol=1e-5)


def test_without_re_estimation_the_running_statistics_stay(tiny_set, tiny_recipe, tiny_run, tmp_path):
    import dataclasses

    from keras_resnet import train
    from keras_resnet.errors import RunError

    recipe = dataclasses.replace(tiny_recipe, recalibrate=False)
    said = []
    train.run(data=tiny_set, out=tmp_path / "run", model="resnet-tiny", recipe=recipe, say=said.append, verbose=0)
    assert not any("Re-estimating" in line for line in said)
    model = train.trainer.Workdir(tmp_path / "run").load_model()
    other = train.trainer.Workdir(tiny_run[1]).load_model()
    pairs = {one.path: (np.array(one), np.array(two)) for one, two in zip(model.weights, other.weights, strict=True)}
    means = [pair for path, pair in pairs.items() if path.endswith("moving_mean")]
    assert means and not any(np.allclose(*pair, rtol=1e-3) for pair in means)
    kernels = [pair for path, pair in pairs.items() if path.endswith("kernel") and pair[0].ndim == 4]  # the last is calibrated
    assert all(np.allclose(*pair, rtol=1e-2, atol=1e-3) for pair in kernels)
    with pytest.raises(RunError, match="^recalibrate: expected True with averaged weights"):
        dataclasses.replace(recipe, ema=0.9)
    with pytest.raises(RunError, match="^final_rate: expected 0 to 1, received 1.5"):
        dataclasses.replace(recipe, final_rate=1.5)


def test_a_choice_that_the_recipe_has_not_got_is_not_left_out(tiny_set, tmp_path):
    said = []
    jobs = plan(Protocol(tiny_set, tmp_path, "ablation"), said.append)
    unchanged = [name for name in GROUPS["ablation"].contestants if contestant_recipe("ablation", name) == RECIPES["signs"]]
    assert {job.contestant for job in jobs} == set(GROUPS["ablation"].contestants) - set(unchanged) | {"recipe"}
    assert len(said) == len(unchanged) - 1 and all("is what the recipe does as it stands" in line for line in said)
    assert {(job.model, job.epochs, job.size, job.resize) for job in jobs} == {("resnet18", 20, "32x32", 32)}
    assert [job.seed for job in jobs] == sorted(job.seed for job in jobs) and {job.seed for job in jobs} == {0, 1}
    assert len({job.settings for job in jobs}) == len(jobs) / 2


def test_a_stopped_command_goes_on_and_a_failure_does_not_end_it(tiny_set, tmp_path, fake_child):
    protocol, said = Protocol(str(tiny_set), str(tmp_path / "out"), seeds=(0, 1)), []
    fake_child.failing = ("stock-0",)
    failed = measure_accuracy(protocol, say=said.append)
    error = "The contestant stock-0 failed (exit status 1): out of beads"
    assert failed == [{"contestant": "stock", "seed": 0, "error": error}] and error in said
    assert fake_child.names == ["signs-0", "stock-0", "signs-1", "stock-1"]
    rows = results.read(tmp_path / "out")
    assert [(each["contestant"], each["seed"], each["accuracy"]) for each in rows] == [
        ("signs", 0, 1),
        ("signs", 1, 1),
        ("stock", 1, 1),
    ]
    assert rows[0]["low"] == pytest.approx(0.862024, abs=1e-5) and rows[0]["high"] == 1  # Wilson, 24 of 24
    fake_child.names, fake_child.failing = [], ()
    assert measure_accuracy(protocol, say=said.append) == [] and fake_child.names == ["stock-0"]
    assert any(line.startswith("3 of 4 runs stand in ") for line in said)
    assert measure_accuracy(protocol, say=said.append) == [] and fake_child.names == ["stock-0"]


def test_results_of_other_settings_are_refused_before_anything_runs(tiny_set, tmp_path, fake_child, monkeypatch):
    from dataclasses import replace

    from keras_resnet.data import write_signs

    protocol = Protocol(str(tiny_set), str(tmp_path / "out"), only=("signs",), seeds=(0,))
    measure_accuracy(protocol, say=quiet)
    write_signs(tmp_path / "other", tiny_split(12, seed=3), tiny_split(6, seed=4), ("left", "middle", "right"))
    epochs = RECIPES["signs"].epochs
    for changes, message in (
        ({"epochs": 7}, f"was made with epochs {epochs} and not with what is asked for now 7; name another folder with --out"),
        ({"model": "resnet18"}, "was made with model resnet50 and not with what is asked for now resnet18"),
        ({"data": str(tmp_path / "other")}, "was made with set "),
    ):
        with pytest.raises(BenchError, match=message) as caught:
            measure_accuracy(replace(protocol, **changes, seeds=(1, 0)), say=quiet)
        assert str(caught.value).startswith(f"{tmp_path}/out/results.csv: signs, seed 0 ") and "\n" not in str(caught.value)
    monkeypatch.setitem(RECIPES, "signs", replace(RECIPES["signs"], summary="reworded"))
    measure_accuracy(protocol, say=quiet)
    monkeypatch.setitem(RECIPES, "signs", replace(RECIPES["signs"], learning_rate=0.5))
    with pytest.raises(BenchError, match="was made with another recipe, or other weights, and not"):
        measure_accuracy(protocol, say=quiet)
    assert fake_child.names == ["signs-0"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "data: expected the path of an image set, received none; --data SET, or --report"),
        (("--only", "torch"), "Unknown contestant: received 'torch'; expected one of 'signs', 'stock'."),
        (("--ablation", "--only", "stock"), "Unknown contestant: received 'stock'; expected one of 'recipe', 'no-warm-up'"),
        (("--epochs", "0"), "epochs: expected at least 1, received 0"),
        (("--seeds", "1,1"), "seeds: expected different numbers from 0 on, received [1, 1]"),
        (("--few",), "weights: expected a weight file or run folder that few-finetune starts from, received none"),
        (("--few", "--only", "few-scratch"), "model: expected a name of the catalogue where no weights are given"),
        (("--weights", "w.h5"), "weights: expected none, main starts from random numbers, received w.h5"),
        (("--report",), "No results in "),
    ],
)
def test_a_bad_argument_is_one_line_and_status_1(tiny_set, tmp_path, capsys, words, message):
    data = ("--data", str(tiny_set)) if words else ()
    assert main(["accuracy", "--out", str(tmp_path / "out"), *data, *words]) == 1
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.startswith(f"benchmarks: {message}") and captured.err.count("\n") == 1


def test_another_file_of_that_name_is_refused(tmp_path):
    (tmp_path / "results.csv").write_text("contestant,seed\nsigns,zero\n")
    with pytest.raises(BenchError, match="results.csv is not what this command wrote: expected the columns group, contestant"):
        results.read(tmp_path)


def test_the_clock_stands_still_while_the_test_images_are_looked_at(monkeypatch, tmp_path):
    now = [100.0]
    monkeypatch.setattr(child.time, "perf_counter", lambda: now[0])

    class Slow:
        def predict(self, images, **settings):
            now[0] += 600.0  # ten minutes
            return np.eye(2)[[0, 1, 1]]

    replies = []
    curve = child.Curve(tmp_path / "c.csv", np.zeros((3, 1)), np.array([0, 1, 0]), replies.append)
    curve.start()
    now[0] += 60
    curve.look(1, Slow())
    now[0] += 120
    curve.look(2, Slow())
    now[0] += 30
    curve.add("end", 3)
    assert [each["minutes"] for each in curve.rows] == [1.0, 3.0, 3.5] and [each["right"] for each in curve.rows] == [2, 2, 3]
    assert replies == curve.rows
    with open(tmp_path / "c.csv") as stream:
        assert [each["epoch"] for each in csv.DictReader(stream)] == ["1", "2", "end"]


def test_a_run_from_end_to_end(tiny_set, measure, tmp_path):
    words = ("accuracy", "--data", tiny_set, "--out", tmp_path / "out", "--only", "signs", *TINY)
    done = measure(*words, "--json", check=0)
    value = json.loads(done.stdout)
    (found,) = value["results"]
    assert found["right"] == round(found["accuracy"] * 24) and found["images"] == 24 and value["failed"] == []
    assert (found["trained_on"], found["epochs"], found["size"], found["model"]) == (87, 1, "32x32", "resnet-tiny")
    record = json.loads((tmp_path / "out" / "runs" / "signs-0" / "run.json").read_text())
    assert record["result"]["test"]["accuracy"] == found["accuracy"] and record["recipe"]["name"] == "signs"
    curve = results.read_curve(tmp_path / "out", "signs", 0)
    assert [each["epoch"] for each in curve] == ["1", "end"] and curve[-1]["right"] == found["right"]
    assert 0 < curve[0]["minutes"] < found["minutes"] == curve[-1]["minutes"] < 5
    assert 0 <= found["validation_accuracy"] <= 1 and found["validation_loss"] > 0 and "keras_resnet " in found["versions"]
    assert "  epoch 1: " in done.stderr and "  finished: " in done.stderr
    again = measure(*words, check=0)
    assert "1 of 1 runs stand in " in again.stderr and "epoch 1" not in again.stderr
    reported = measure("accuracy", "--out", tmp_path / "out", "--report", check=0)
    assert reported.stdout == again.stdout and reported.stderr == ""
    assert (tmp_path / "out" / "accuracy.png").read_bytes().startswith(b"\x89PNG")


def test_a_failing_child_is_reported_and_the_status_is_1(tiny_set, measure, tmp_path):
    words = ("accuracy", "--data", tiny_set, "--out", tmp_path / "out", "--only", "signs", *TINY)
    folder = tmp_path / "out" / "runs" / "signs-0"
    folder.mkdir(parents=True)
    (folder / "thesis.txt").write_text("not a run")
    done = measure(*words)
    assert done.returncode == 1 and "signs-0 failed (exit status 1): " in done.stderr and "not a run folder" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("benchmarks: No results in ")  # none at all, as this was the only run
    assert (folder / "thesis.txt").exists()


def test_some_results_with_a_failure_are_printed_and_the_status_is_1(tiny_set, tmp_path, fake_child, capsys):
    fake_child.failing = ("stock-1",)
    words = ["accuracy", "--data", str(tiny_set), "--out", str(tmp_path / "out"), "--seeds", "0,1", "--json"]
    assert main(words) == 1
    captured = capsys.readouterr()
    value = json.loads(captured.out)
    assert [run["contestant"] for run in value["failed"]] == ["stock"] and list(value["groups"]["main"]) == ["signs", "stock"]
    assert value["groups"]["main"]["signs"]["seeds"] == [0, 1] and value["groups"]["main"]["stock"]["seeds"] == [0]
    assert captured.err.splitlines()[-1] == "failed: stock, seed 1: The contestant stock-1 failed (exit status 1): out of beads"


def test_few_images_from_weights_against_from_scratch(tiny_set, tiny_run, tmp_path):
    protocol = Protocol(
        str(tiny_set), str(tmp_path), "few", ("few-scratch", "few-free"), (0,), epochs=1, weights=str(tiny_run[1])
    )
    jobs = plan(protocol, quiet)
    assert [(job.contestant, job.model, job.weights) for job in jobs] == [
        ("few-scratch", "resnet-tiny", None),
        ("few-free", "resnet-tiny", str(tiny_run[1])),
    ]
    facts = child.ours(jobs[1], contestant_recipe("few", "few-free"), quiet)
    assert facts["trained_on"] == 30 and facts["images"] == 24  # 10 of each of three classes
    record = json.loads((tmp_path / "runs" / "few-free-0" / "run.json").read_text())
    assert record["per_class"] == 10 and record["weights"]["path"] == str(tiny_run[1] / "weights.h5")
    assert facts["validation_accuracy"] > 0.9  # the weights are those of a trained network, on the same images


def test_stock_trains_on_all_images_as_they_are_in_0_to_1(tiny_set, tmp_path, monkeypatch):
    import keras

    seen = []

    def network(shape, classes):
        inputs = keras.Input(shape)
        model = keras.Model(inputs, keras.layers.Dense(classes, activation="softmax")(keras.layers.Flatten()(inputs)))
        fit = model.fit
        monkeypatch.setattr(
            model, "fit", lambda x, y, **settings: (seen.append((x, model, settings)), fit(x, y, **settings))[1]
        )
        return model

    monkeypatch.setattr(child, "stock_network", network)
    (job,) = plan(Protocol(str(tiny_set), str(tmp_path), only=("stock",), seeds=(3,), epochs=4), quiet)
    assert job.model == "keras.applications.ResNet50"
    facts = child.stock(job, quiet)
    ((images, model, settings),) = seen
    assert images.shape == (96, 32, 32, 3) and images.dtype == "float32" and 0.5 < images.max() <= 1
    assert type(model.optimizer) is keras.optimizers.Adam and float(model.optimizer.learning_rate) == pytest.approx(1e-3)
    assert (settings["batch_size"], settings["epochs"]) == (32, 4)
    right = (
        model.predict(tiny_split(24, seed=2).images / np.float32(255), verbose=0).argmax(axis=1) == np.arange(24) % 3
    ).sum()
    assert (facts["trained_on"], facts["images"], facts["right"]) == (96, 24, right)
    assert len(results.read_curve(tmp_path, "stock", 3)) == 4


def test_stock_child_has_onednn_as_stock_has_it_and_a_stopped_run_begins_anew(monkeypatch, tmp_path, fake_child):
    monkeypatch.undo()
    fields = {"group": "main", "seed": 0, "model": "m", "epochs": 1, "size": "1x1", "set": "", "settings": "", "data": "d"}
    children = []

    class Fake:
        def __init__(self, name, words, environment):
            children.append((name, words, environment))

        def receive(self):
            return {"facts": {"right": 1}}

        def close(self):
            pass

    monkeypatch.setattr(protocol, "Child", Fake)
    job = Job(contestant="stock", out=str(tmp_path), resize=None, weights=None, **fields)
    job.run.mkdir(parents=True)
    (job.run / "run.json").write_text("{}")
    assert protocol._train(job, quiet) == {"right": 1} and not job.run.exists()
    ((name, words, environment),) = children
    assert name == "stock-0" and Job(**json.loads(words[-1])) == job and words[1:3] == ["-m", "benchmarks.accuracy.child"]
    assert environment["CUDA_VISIBLE_DEVICES"] == "-1"


def test_the_table_of_the_main_group(tmp_path):
    rows = [row(seed=seed, right=99, to_98=5.0, minutes_to_99=6.0 + seed) for seed in (0, 1)]
    rows += [row("stock", seed=seed, right=89, minutes=95.0 + seed, model="keras.applications.ResNet50") for seed in (0, 1)]
    for each in rows:
        results.append(tmp_path, each)
    reported = report.report(tmp_path)
    lines = report.tables(reported).splitlines()
    assert lines[0].startswith("main: resnet50, keras.applications.ResNet50; 40 epochs, images 64x64, 100 test images; ")
    cells = [line.split("  ") for line in lines[2:5]]
    cells = [[cell.strip() for cell in line if cell.strip()] for line in cells]
    assert cells[0][-3:] == ["to 99 %", "times stock, 98 %", "times stock, 99 %"]
    # Wilson's interval of 198 of 200 and of 178 of 200, from scipy.stats.binomtest.
    assert cells[1] == [
        "signs",
        "0,1",
        "99.00",
        "99.00",
        "99.00",
        "99.00 to 99.00",
        "96.43 to 99.73",
        "10.0",
        "5.0",
        "6.5",
        "> 19.0",
        "> 14.6",
    ]
    assert cells[2] == [
        "stock",
        "0,1",
        "89.00",
        "89.00",
        "89.00",
        "89.00 to 89.00",
        "83.91 to 92.62",
        "95.5",
        "not in 95.0",
        "not in 95.0",
        "-",
        "-",
    ]
    assert "Abacus 9, 2 cores; keras 3.15.1" in lines and lines[-1] == f"Picture: {tmp_path}/accuracy.png"


def test_the_table_of_the_ablation_compares_validation_accuracies(tmp_path):
    for name, scores in (("recipe", (0.90, 0.92)), ("mirror", (0.88, 0.91))):
        for seed, score in enumerate(scores):
            results.append(tmp_path, row(name, seed, group="ablation", validation_accuracy=score, validation_loss=0.25))
    reported = report.report(tmp_path)
    line = next(line for line in report.tables(reported).splitlines() if line.startswith("mirror"))
    # Differences -2 and -1: mean -1.5, standard error 0.5, times 12.706.
    assert line.split() == ["mirror", "0,1", "89.50", "-1.50", "-7.85", "to", "+4.85", "0.2500", "99.00", "+0.00", "10.0"]
    assert reported["pictures"] == {}


def test_the_picture_shows_each_run_in_its_place(tmp_path, monkeypatch):
    rows = [row(right=99, minutes=11.0), row("stock", right=85, minutes=90.0)]
    for each, shares in zip(rows, ((50, 99), (10, 85)), strict=True):
        curve = [
            {"epoch": n, "minutes": each["minutes"] * n / 2, "right": s, "images": 100} for n, s in enumerate(shares, start=1)
        ]
        results.write_curve(tmp_path / "curves" / f"{each['contestant']}-0.csv", curve)
    drawn = []
    finish = report._finish_panel
    monkeypatch.setattr(report, "_finish_panel", lambda axes, *rest: (finish(axes, *rest), drawn.append(axes)))
    report.draw(rows, tmp_path, tmp_path / "p.png")
    whole, top = drawn
    lines = {line.get_label(): line for line in whole.lines if not line.get_label().startswith("_")}
    np.testing.assert_allclose(lines["signs"].get_xydata(), [[5.5, 0.5], [11, 0.99]])
    np.testing.assert_allclose(lines["stock"].get_xydata(), [[45, 0.1], [90, 0.85]])
    assert whole.get_ylim() == (0, 1) and top.get_ylim() == (0.9, 1) and whole.get_xscale() == "log"
    level = [line.get_ydata()[0] for line in top.lines if line.get_linestyle() not in ("-", "None")]
    assert level == [0.98, 0.99]
    ends = [tuple(line.get_xydata()[0]) for line in top.lines if line.get_marker() == "o"]
    assert ends == [(11.0, 0.99)]  # that of stock lies below the panel


@pytest.mark.full
def test_stock_keras_trains_with_onednn_as_tensorflow_has_it(tiny_set, measure, tmp_path):
    from keras_resnet import environment

    words = ("accuracy", "--data", tiny_set, "--out", tmp_path / "out", "--only", "stock", "--epochs", 1, "--seeds", 0)
    (found,) = json.loads(measure(*words, "--json", check=0).stdout)["results"]
    assert found["onednn"] == str(environment.onednn_by_default()) and found["trained_on"] == 96
    assert found["model"] == "keras.applications.ResNet50" and found["validation_accuracy"] is None
