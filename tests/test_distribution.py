"""What is given away: the files of a source distribution, its description, and the oldest versions that are tried."""

import configparser
import re
import runpy
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT
from packaging.requirements import Requirement

pytest.importorskip("setuptools", reason="setuptools, which builds the distributions, is not installed")


@pytest.mark.skipif(not (ROOT / ".git").exists() or not shutil.which("git"), reason="needs git and a checkout")
def test_a_source_distribution_holds_every_file_that_git_knows(tmp_path):
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip(f"git cannot list the files: {listed.stderr.strip()}")
    command = [sys.executable, "setup.py", "-q", "egg_info", "--egg-base", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    (sources,) = tmp_path.glob("*.egg-info/SOURCES.txt")
    distributed = set(sources.read_text(encoding="utf-8").splitlines())
    forgotten = {name for name in listed.stdout.split("\0") if name and (ROOT / name).exists()} - distributed
    assert not forgotten, "MANIFEST.in (or package_data of setup.cfg, for files of the package) leaves these out"


@pytest.fixture(scope="module")
def without_relative_links():
    return runpy.run_path(str(ROOT / "setup.py"))["without_relative_links"]


@pytest.mark.parametrize(
    ("markdown", "expected"),
    [
        ("See [`weights/`](weights/README.md), [two\nwords](docs).", "See `weights/`, two\nwords."),
        ('[a](docs/a.md "A title") [b](#part) [c](<docs/c d.md>)', "a b c"),
        ("Before\n\n![A picture](docs/a.png)\n\nafter", "Before\n\n\n\nafter"),
        ("[![A badge](docs/badge.svg)](docs/ci.md)", ""),
        ("[![A badge](https://a.org/b.svg)](docs/ci.md)", "![A badge](https://a.org/b.svg)"),
        ("[![A badge](docs/badge.svg)](https://a.org)", "[](https://a.org)"),
        ("[site](https://a.org/b) <https://a.org> [mail](mailto:a@b.org)", None),
        ("`layers[0](x)` and\n```python\nnets[1](images)\n```\n", None),
        ("- [ ] to do (soon), a list[int] (of numbers)", None),
    ],
)
def test_relative_links_become_their_words(without_relative_links, markdown, expected):
    assert without_relative_links(markdown) == (markdown if expected is None else expected)


def test_the_readmes_links_are_all_of_a_kind_that_is_replaced(without_relative_links):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    text = re.sub(r"```.*?```", "", without_relative_links(readme), flags=re.DOTALL)
    assert not re.findall(r"\]\((?!https?://|mailto:).*", text)
    assert not re.findall(r"^ *\[[^\]]+\]:.*|<(?:img|a) .*", text, flags=re.MULTILINE)  # reference style, HTML


def floors(text):
    """Name -> lowest version of the requirements in an option of setup.cfg."""
    required = [Requirement(line) for line in text.splitlines() if line and not line.startswith("#")]
    return {each.name: bound.version for each in required for bound in each.specifier if bound.operator == ">="}


def test_the_oldest_versions_that_are_tried_are_the_lowest_that_are_allowed():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    fixed, extras = floors(config["options"]["install_requires"]), map(floors, config["options.extras_require"].values())
    allowed = {name: version for found in (*extras, fixed) for name, version in found.items()}
    lines = (ROOT / "tests" / "oldest.txt").read_text(encoding="utf-8").splitlines()
    oldest = dict(line.split("==") for line in lines if not line.startswith("#"))
    assert fixed.keys() <= oldest.keys()
    for name, version in oldest.items():
        assert re.fullmatch(re.escape(allowed[name]) + r"(\.0)*", version), f"{name}>={allowed[name]} in setup.cfg"
