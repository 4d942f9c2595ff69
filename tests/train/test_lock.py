import os
import subprocess
import sys
import threading

import pytest
from conftest import ROOT

from keras_resnet import train
from keras_resnet.errors import RunError
from keras_resnet.train.lock import locked

HOLD = """
import sys, pathlib
from keras_resnet.train.lock import locked
with locked(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds `RUN`."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, tmp_path / "run"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_a_second_process_is_told_the_number_of_the_first(holder, tiny_set, tiny_recipe, tmp_path):
    message = f"run is in use: process {holder.pid} is training in it; wait for its end, or name another folder with --out$"
    with pytest.raises(RunError, match=message):
        train.run(data=tiny_set, out=tmp_path / "run", recipe=tiny_recipe, model="resnet-tiny", resume=True, say=print)
    assert [file.name for file in (tmp_path / "run").iterdir()] == [".lock"]


def test_the_lock_of_a_killed_process_holds_nothing_and_its_folder_is_free(holder, tmp_path):
    holder.kill()
    holder.wait()
    assert (tmp_path / "run" / ".lock").exists()
    with locked(tmp_path / "run"):
        assert (tmp_path / "run" / ".lock").read_text() == f"{os.getpid()}\n"
    assert list((tmp_path / "run").iterdir()) == []


@pytest.mark.parametrize("make", [os.symlink, os.link])
def test_a_lock_that_is_a_link_is_never_written_to(tmp_path, make):
    (tmp_path / "run").mkdir()
    (tmp_path / "theirs").write_text("theirs")
    make(tmp_path / "theirs", tmp_path / "run" / ".lock")
    with pytest.raises(RunError, match="lock is a .*, which may belong to somebody else; delete it and run again$"):
        locked(tmp_path / "run").__enter__()
    assert (tmp_path / "theirs").read_text() == "theirs"


def test_one_at_a_time_however_many_try(tmp_path):
    """Each holder counts itself in and out; the lock file comes and goes all the while."""
    inside, most, turns = [], [], []

    def work():
        while len(turns) < 200:
            try:
                with locked(tmp_path):
                    inside.append(1)
                    most.append(len(inside))
                    inside.pop()
                    turns.append(1)
            except RunError:
                continue

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 1 and list(tmp_path.iterdir()) == []
