import json
import subprocess
import sys

from conftest import ROOT


def test_rows_as_json(command):
    rows = json.loads(command("models", "resnet18*", "--json", check=0).stdout)
    assert [(row["name"], row["lineage"]) for row in rows[:2]] == [("resnet18", "torchvision"), ("resnet18", "keras_hub")]
    assert {row["name"] for row in rows} == {"resnet18", "resnet18d"}
    assert rows[0].keys() == {"name", "lineage", "parameters", "trainable", "gmacs", "source"}
    assert (rows[0]["parameters"], rows[0]["trainable"], rows[0]["gmacs"]) == (11_699_112, 11_689_512, 1.8141)


def test_rows_as_text(command):
    done = command("models", "resnet50", check=0)
    header, *lines = done.stdout.splitlines()
    assert header.split() == ["name", "lineage", "parameters", "trainable", "gmacs", "source"]
    assert lines[0].split()[:5] == ["resnet50", "chollet", "25,636,712", "25,583,592", "3.8343"]
    assert len(lines) == 9
    assert done.stderr == ""


def test_a_pattern_without_a_match_is_named(command):
    done = command("models", "vgg*", check=1)
    assert done.stdout == ""
    assert done.stderr.startswith("keras-resnet: No model matches 'vgg*'; the names are resnet18, resnet34, ")
    assert done.stderr.count("\n") == 1


def test_the_list_loads_no_framework():
    program = (
        "import sys, keras_resnet.cli.main as m\n"
        "m.main(['models', '--json'])\n"
        "print(*[n for n in ('keras', 'tensorflow', 'numpy', 'torch', 'jax') if n in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stderr.split() == []
    assert len(json.loads(done.stdout)) > 60
