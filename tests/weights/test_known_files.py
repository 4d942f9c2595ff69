"""The table of known files: its rows name networks of the catalogue, and the README shows the same table."""

import re
from collections import Counter

import pytest
from conftest import ROOT

import keras_resnet as kr
from keras_resnet.architectures.catalog import CATALOG, resolve
from keras_resnet.architectures.facts import facts_by_lineage
from keras_resnet.models.count import count
from keras_resnet.weights import KNOWN_FILES, known_files

ROWS = [pytest.param(row, id=row.name) for row in KNOWN_FILES.values()]


def table():
    """The table of the known files in `weights/README.md`."""
    lines = ["| name | network, lineage | MB | top-1 / top-5 | as published in | hash |", "|---|---|---|---|---|---|"]
    for row in KNOWN_FILES.values():
        figures = "" if row.accuracy is None else " / ".join(f"{figure:g}" for figure in row.accuracy)
        figures += f", {row.conditions}" if row.conditions else ""
        where = row.source if row.accuracy else ""
        kind, digits = row.digest
        network = f"{row.model}, {', '.join(row.lineages)}"
        lines.append(f"| [`{row.name}`]({row.url}) | {network} | {row.megabytes} | {figures} | {where} | {kind} `{digits}` |")
    return "\n".join(lines)


@pytest.mark.parametrize("row", ROWS)
def test_a_row_is_of_a_network_of_the_catalogue_and_of_its_size(row):
    assert set(row.lineages) <= set(CATALOG[row.model].lineages)
    spec = resolve(row.model, row.lineage)
    assert spec.classes == row.classes == 1000
    parameters = count(spec, include_top=row.include_top).parameters
    bytes_each = 2 if row.name in ("wide_resnet50_2_torchvision_v1", "wide_resnet101_2_torchvision_v1") else 4
    assert abs(row.megabytes - bytes_each * parameters / 1e6) <= 0.01 * row.megabytes + 1


@pytest.mark.parametrize("row", ROWS)
def test_a_row_has_a_hash_a_url_and_figures_that_can_be(row):
    kind, digits = row.digest
    assert re.fullmatch({"md5": "[0-9a-f]{32}", "sha256": "[0-9a-f]{8}|[0-9a-f]{64}"}[kind], digits)
    assert re.fullmatch(r"https://[\w.-]+(/[\w.-]+)+\.(h5|pth)", row.url)
    assert kind == "md5" or row.published_name.endswith(f"-{digits}.pth")  # PyTorch's libraries write it into the name
    assert row.file_name == row.name + row.url[row.url.rindex(".") :]
    if row.accuracy is not None:
        assert row.include_top and 68 < row.accuracy[0] < row.accuracy[1] < 97
    assert row.source and (row.name.endswith("_notop") != row.include_top)


def test_names_and_files_are_unique():
    assert [name for name, row in KNOWN_FILES.items() if name != row.name] == []
    assert max(Counter(row.file_name for row in KNOWN_FILES.values()).values()) == 1
    urls = {}
    for row in KNOWN_FILES.values():
        urls.setdefault(row.digest, set()).add(row.url)
    assert all(len(same) == 1 for same in urls.values())
    assert len({row.url for row in KNOWN_FILES.values()}) == len(urls)


def test_lineages_of_one_row_compute_the_same():
    rows = [row for row in KNOWN_FILES.values() if len(row.lineages) > 1]
    assert {row.name for row in rows} == {f"resnet{depth}_timm_a1" for depth in (18, 34, 50, 101, 152)}
    for row in rows:
        first, *others = (facts_by_lineage("post")[lineage] for lineage in row.lineages)
        assert not any(first.differences(other) for other in others)


def test_some_rows_are_as_published():
    # keras 3.15, keras/src/applications/resnet.py; fchollet/deep-learning-models, resnet50.py and README.
    assert KNOWN_FILES["resnet50_keras"].digest == ("md5", "2cb95161c43110f7111970584f804107")
    row = KNOWN_FILES["resnet50_chollet_notop"]
    assert row.url.endswith("/v0.2/resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5")
    assert row.digest == ("md5", "a268eb855778b3df3c7506639542a6af")
    assert KNOWN_FILES["resnet50_chollet"].accuracy == (74.704, 92.020)
    row = KNOWN_FILES["resnet50_torchvision_v1"]
    assert (row.url, row.accuracy) == ("https://download.pytorch.org/models/resnet50-0676ba61.pth", (76.130, 92.862))


def test_kerass_hashes_are_those_of_the_installed_keras():
    from keras.src.applications.resnet import BASE_WEIGHTS_PATH, WEIGHTS_HASHES

    ours = {row.model: [] for row in KNOWN_FILES.values() if row.lineage == "keras"}
    for row in KNOWN_FILES.values():
        if row.lineage == "keras":
            ours[row.model].append(row.digest[1])
            assert row.url == f"{BASE_WEIGHTS_PATH}{row.published_name}"
    assert len(ours) == 6
    assert {model: tuple(digests) for model, digests in ours.items()} == {model: WEIGHTS_HASHES[model] for model in ours}


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "w.h5"
    kr.weights.save(kr.create_model("resnet-tiny", input_shape=(32, 32, 3), classes=5), path)
    return path


def known(file, kind, digits):
    return known_files.KnownFile(
        "theirs",
        "resnet-tiny",
        ("chollet",),
        True,
        "https://there/w.h5",
        (kind, digits(file)),
        0,
        (75.96, 93.034),
        "",
        "at 299",
    )


def sha256(file):
    return known_files.digest_of(file, "sha256")


def test_inspect_and_verify_tell_a_known_file_by_its_hash(file, monkeypatch):
    assert kr.weights.verify(file)[0].evidence[-1] == "no known file has this md5 or sha256"
    assert not any("known file" in text for text in kr.weights.inspect(file).evidence)
    monkeypatch.setitem(KNOWN_FILES, "theirs", known(file, "sha256", lambda file: sha256(file)[:8]))
    figures = "of the known file theirs, published with top-1 75.96 %, top-5 93.034 %, at 299"
    assert kr.weights.inspect(file).evidence[-1] == f"the sha256 begins as that {figures}"
    monkeypatch.setitem(KNOWN_FILES, "theirs", known(file, "sha256", sha256))
    assert kr.weights.inspect(file).evidence[-1] == f"the sha256 is that {figures}"
    assert kr.weights.verify(file)[0].evidence[-1] == f"the sha256 is that {figures}"
    monkeypatch.setitem(KNOWN_FILES, "theirs", known(file, "md5", lambda file: known_files.digest_of(file, "md5")))
    assert not any("known file" in text for text in kr.weights.inspect(file).evidence)
    assert kr.weights.verify(file)[0].evidence[-1] == f"the md5 is that {figures}"


def test_hashes_are_those_of_the_standard(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")  # RFC 1321, A.5; FIPS 180-4's example
    assert known_files.digest_of(tmp_path / "abc", "md5") == "900150983cd24fb0d6963f7d28e17f72"
    assert known_files.digest_of(tmp_path / "abc", "sha256").startswith("ba7816bf8f01cfea414140de5dae2223")
    assert KNOWN_FILES["resnet50_keras"].hash == "md5 2cb95161c43110f7111970584f804107"
    assert KNOWN_FILES["resnet50_torchvision_v1"].hash == "sha256 0676ba61 (the first digits)"


def test_the_readme_has_the_table():
    text = (ROOT / "weights" / "README.md").read_text(encoding="utf-8")
    said = "PYTHONPATH=.:tests python tests/weights/test_known_files.py"
    assert table() in text, f"weights/README.md is behind the table: {said}"
    assert said in text


def test_every_published_accuracy_names_its_source():
    rows = {line.split("`")[1]: [cell.strip() for cell in line.split("|")] for line in table().splitlines()[2:]}
    assert rows["resnet50_qubvel"][5] == "qubvel/classification_models, README"
    assert rows["resnet50_keras"][5] == "keras.io/api/applications"  # its conditions say so too
    assert rows["resnet101_keras"][5] == "keras-team/keras-applications, README at 976050c"
    assert {name: bool(cells[5]) for name, cells in rows.items()} == {
        name: row.accuracy is not None for name, row in KNOWN_FILES.items()
    }


def test_the_changelog_counts_the_files():
    assert f"`fetch`: {len(KNOWN_FILES)} published files" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


if __name__ == "__main__":
    print(table())
