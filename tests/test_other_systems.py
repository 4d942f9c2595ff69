"""What Windows, macOS and file systems without locks do otherwise, imitated: no such system is at hand."""

import errno
import fcntl
import logging
import os
import shlex
import types
import unicodedata
from pathlib import Path

import local_server
import numpy as np
import pytest
from downloads import CONTENT, refused

from keras_resnet import environment, files, locks, text
from keras_resnet.data.groups import read_groups
from keras_resnet.errors import DataError
from keras_resnet.train.lock import locked
from keras_resnet.weights import fetch
from keras_resnet.workdir import Workdir


@pytest.fixture
def windows(monkeypatch):
    """No `fcntl`; a file open for reading alone is not flushed; an open file is neither removed nor renamed."""
    fsync, unlink, replace = os.fsync, Path.unlink, os.replace

    def flush(handle):
        if fcntl.fcntl(handle, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            raise OSError(errno.EBADF, "Bad file descriptor")
        fsync(handle)

    def closed(path):
        held = [os.readlink(f"/proc/self/fd/{handle}") for handle in os.listdir("/proc/self/fd") if _is_open(handle)]
        if str(Path(path).absolute()) in held:
            raise PermissionError(errno.EACCES, "The process cannot access the file because it is being used", str(path))

    def move(old, new):
        closed(old), closed(new)
        replace(old, new)

    def remove(self, missing_ok=False):
        closed(self)
        unlink(self, missing_ok=missing_ok)

    monkeypatch.setattr(locks, "fcntl", None)
    monkeypatch.setattr(files, "_keep_names", lambda folder: None)  # of POSIX alone: see there
    monkeypatch.setattr(os, "fsync", flush)
    monkeypatch.setattr(os, "replace", move)
    monkeypatch.setattr(Path, "unlink", remove)


def _is_open(handle):
    return os.path.islink(f"/proc/self/fd/{handle}")


def test_windows_writes_files_whole(windows, tmp_path):
    for content in ("first", "second"):
        with files.whole(tmp_path / "record.json") as temporary:
            temporary.write_text(content)
        assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("record.json", content)]


@pytest.mark.parametrize("parts", ["whole", "cut", "refused", "another was quicker"])
def test_windows_downloads(windows, site, cache, monkeypatch, parts):
    """Whatever happens, the partial file is closed before it is renamed or removed."""
    if parts == "cut":
        site.plan = [local_server.cut(60_000), local_server.whole]
    if parts == "refused":
        site.plan = [local_server.status(404)]
        assert "404" in refused()
        assert os.listdir(cache) == []
        return
    if parts == "another was quicker":
        found = iter([None, cache / "tiny.h5"])
        monkeypatch.setattr("keras_resnet.weights.fetching._found", lambda *_, **__: next(found))
        assert fetch("tiny") == cache / "tiny.h5" and os.listdir(cache) == []
        return
    assert fetch("tiny").read_bytes() == CONTENT and os.listdir(cache) == ["tiny.h5"]


@pytest.fixture(params=[errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS], ids=errno.errorcode.get)
def without_locks(monkeypatch, request):
    def flock(handle, operation):
        raise OSError(request.param, os.strerror(request.param))

    monkeypatch.setattr(fcntl, "flock", flock)


def test_a_file_system_without_locks_is_said_and_used(without_locks, tmp_path, caplog):
    with caplog.at_level(logging.WARNING), locked(tmp_path / "run"):
        assert (tmp_path / "run" / ".lock").read_text() == f"{os.getpid()}\n"
    assert "run/.lock: this file system knows no locks; let no second process write there" in caplog.text
    assert list((tmp_path / "run").iterdir()) == []


def test_a_download_without_locks(without_locks, site, caplog):
    assert fetch("tiny").read_bytes() == CONTENT
    assert "this file system knows no locks" in caplog.text


def table(path, *rows):
    path.write_text("file,group\n" + "".join(f"{file},{group}\n" for file, group in rows), encoding="utf-8")
    return path


NAMES = ["Zoë/José.jpg", "Zoë/Ana.jpg", "b/Måns.jpg"]


@pytest.mark.parametrize("theirs", ["NFC", "NFD"])
@pytest.mark.parametrize("ours", ["NFC", "NFD"])
@pytest.mark.parametrize("separator", ["/", "\\"])
def test_a_group_table_of_another_system_finds_its_photographs(tmp_path, theirs, ours, separator):
    written = [unicodedata.normalize(theirs, name).replace("/", separator) for name in NAMES]
    groups = table(tmp_path / "people.csv", *zip([f".{separator}{written[0]}", *written[1:]], ["z", "a", "m"], strict=True))
    found, extra = read_groups(groups, [unicodedata.normalize(ours, name) for name in NAMES])
    np.testing.assert_array_equal(found, [2, 0, 1])
    assert extra == ()


def test_two_spellings_of_one_photograph_in_two_groups_are_refused(tmp_path):
    spellings = [unicodedata.normalize(form, "a/José.jpg") for form in ("NFC", "NFD")]
    groups = table(tmp_path / "people.csv", (spellings[0], "x"), (spellings[1], "y"))
    with pytest.raises(DataError, match="gives a/José.jpg two groups, x and y"):
        read_groups(groups, spellings)


@pytest.mark.parametrize("name", [".DS_Store", "Thumbs.db", "desktop.ini", "._run.json"])
def test_what_a_system_leaves_behind_makes_no_folder_taken(tmp_path, name):
    (tmp_path / name).write_text("")
    assert Workdir(tmp_path).is_free()
    (tmp_path / "notes.txt").write_text("")
    assert not Workdir(tmp_path).is_free()


@pytest.mark.parametrize(("system", "expected"), [("nt", 'train --data "my photos" --out it\'s'), ("posix", None)])
def test_a_command_that_is_shown_can_be_typed(monkeypatch, system, expected):
    """On Windows its quotes are double; single ones are letters of a name there."""
    words = ["train", "--data", "my photos", "--out", "it's"]
    monkeypatch.setattr(text, "os", types.SimpleNamespace(name=system, fspath=os.fspath))
    assert text.typed(*words) == expected or shlex.split(text.typed(*words)) == words


def test_apples_gpu_is_no_processor(monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert environment._torch()["devices"] == ["Apple GPU (MPS)"]
    monkeypatch.setattr("keras.backend.backend", lambda: "torch")
    with environment.deterministic() as holds:
        assert holds is False


def test_float64_stays_off_apples_gpu(monkeypatch):
    torch = pytest.importorskip("torch")
    from keras_resnet import autodiff

    apple = type("Tensor", (), {"device": torch.device("mps")})()
    monkeypatch.setattr(autodiff.keras.ops, "zeros", lambda shape: apple)
    assert autodiff._torch_device(np.zeros(2)) == "cpu"
    assert autodiff._torch_device(np.zeros(2, "float32")) == torch.device("mps")
