"""What a submission's process may do: tried in processes of their own, for it is for the rest of a process."""

import json
import subprocess
import sys

import pytest
from conftest import ROOT

from keras_resnet.grade import isolation

# What is tried -> the code, with `own`, `other` and `shared` as paths.
REFUSED = {
    "writing beside": "open(shared + '/x', 'w')",
    "writing at home": "open(os.path.expanduser('~/keras_resnet_was_here'), 'a')",
    "writing by number": "os.open(other + '/theirs.txt', os.O_WRONLY)",
    "reading a neighbour": "open(other + '/theirs.txt').read()",
    "reading through a link": "os.symlink(other + '/theirs.txt', 'link.txt')",
    "reading by a way around": "open(own + '/../other/theirs.txt').read()",
    "reading after a change of folder": "(os.chdir(other), open('theirs.txt'))",
    "listing the neighbours": "os.listdir(shared)",
    "walking through the neighbours": "next(os.scandir(other))",
    "removing a neighbour": "os.remove(other + '/theirs.txt')",
    "moving a neighbour": "os.rename(other + '/theirs.txt', own + '/mine.txt')",
    "moving over a neighbour": "os.rename(own + '/mine.txt', other + '/theirs.txt')",
    "a hard link": "os.link(other + '/theirs.txt', own + '/link.txt')",
    "making a folder": "os.mkdir(other + '/new')",
    "changing rights": "os.chmod(other + '/theirs.txt', 0)",
    "forking": "os.fork()",
    "a program": "subprocess.run(['true'])",
    "a shell": "os.system('true')",
    "another program in its place": "os.execv('/bin/true', ['true'])",
    "a spawned program": "os.posix_spawn('/bin/true', ['true'], {})",
    "a process of Python's": "multiprocessing.Process(target=print).start()",
    "ending its parent": "os.kill(os.getppid(), 0)",
    "ending its parent's group": "os.killpg(os.getpgid(os.getppid()), 0)",
    "ending all": "os.kill(-1, 0)",
    "the network": "socket.create_connection(('127.0.0.1', 9))",
    "a name in the network": "socket.getaddrinfo('localhost', 9)",
    "C": "ctypes.CDLL(None)",
    "more memory": "resource.setrlimit(resource.RLIMIT_DATA, (-1, -1))",
}
ALLOWED = {
    "writing in its own folder": "open('new.txt', 'w').write('new')",
    "making folders there": "(os.mkdir('folder'), open('folder/x', 'w'), os.listdir('folder'))",
    "removing there": "os.remove('mine.txt')",
    "reading there": "open(own + '/read.txt').read()",
    "reading Python's own": "(open(os.__file__).read(), os.listdir(os.path.dirname(os.__file__)))",
    "importing": "__import__('colorsys')",
    "nowhere": "open(os.devnull, 'w').write('gone')",
    "a thread": "(thread := threading.Thread(target=int), thread.start(), thread.join())",
    "its own process": "os.kill(os.getpid(), 0)",
    "a temporary file": "tempfile.TemporaryFile().write(b'x')",
}
TRY = """
import ctypes, json, multiprocessing, os, resource, socket, subprocess, sys, tempfile, threading
from keras_resnet.grade import confinement

shared = sys.argv[1]
own, other, tempfile.tempdir = shared + "/own", shared + "/other", shared + "/own"
confinement.confine(own, [shared])
found = {}
for name, code in json.loads(sys.stdin.read()).items():
    os.chdir(own)
    try:
        eval(code)
        found[name] = ""
    except PermissionError as error:
        found[name] = str(error)
print(json.dumps(found))
"""


@pytest.fixture
def shared(tmp_path):
    for name in ("own", "other"):
        (tmp_path / name).mkdir()
    for name in ("own/mine.txt", "own/read.txt", "other/theirs.txt"):
        (tmp_path / name).write_text(name)
    return tmp_path


def tried(codes, shared):
    """What became of each piece of code: the text of its refusal, or nothing."""
    command = [sys.executable, "-c", TRY, str(shared)]
    options = {"capture_output": True, "text": True, "timeout": 60, "start_new_session": True}
    done = subprocess.run(command, input=json.dumps(codes), env={"PYTHONPATH": str(ROOT), "PATH": "/bin:/usr/bin"}, **options)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.skipif(sys.platform == "win32", reason="the system has other calls")
def test_what_reaches_others_is_refused(shared):
    found = tried(REFUSED, shared)
    assert [name for name, text in found.items() if not text.startswith("the grader does not let a submission")] == []
    assert (shared / "other" / "theirs.txt").read_text() == "other/theirs.txt"
    assert found["reading a neighbour"].endswith("theirs.txt'") and " read " in found["reading a neighbour"]


@pytest.mark.skipif(sys.platform == "win32", reason="the system has other calls")
def test_what_a_submission_needs_is_not(shared):
    assert tried(ALLOWED, shared) == dict.fromkeys(ALLOWED, "")
    assert (shared / "own" / "new.txt").read_text() == "new"


AROUND = """
import ctypes, json, os, sys
libc = ctypes.CDLL(None)  # what Python's hooks do not see
other = sys.argv[1]
print(json.dumps({
    "folder": sorted(os.listdir(".")), "neighbours": os.path.exists(other), "handed in": os.listdir(sys.argv[2]),
    "processes": [int(name) for name in os.listdir("/proc") if name.isdigit()],
    "ended": libc.kill(int(sys.argv[3]), 9),
}))
"""


@pytest.mark.skipif(not isolation.available(), reason="the system gives a user no namespaces")
def test_namespaces_hide_neighbors_processes_and_submissions(tmp_path):
    shared, handed_in = tmp_path / "shared", tmp_path / "handed_in"
    for folder in (shared / "1", shared / "2", handed_in):
        folder.mkdir(parents=True)
    (shared / "1" / "mine.txt").write_text("mine")
    (handed_in / "theirs.py").write_text("secret = 1")
    bystander = subprocess.Popen(["sleep", "60"])
    arguments = [str(shared / "2"), str(handed_in), str(bystander.pid)]
    command = isolation.wrapped([sys.executable, "-c", AROUND, *arguments], shared / "1", shared, handed_in)
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["folder"] == ["mine.txt"] and not found["neighbours"] and found["handed in"] == []
    assert found["processes"] == [1] and found["ended"] == -1
    assert bystander.poll() is None and (handed_in / "theirs.py").exists()
    bystander.kill()
    bystander.wait()


@pytest.mark.skipif(not isolation.available(), reason="the system gives a user no namespaces")
def test_a_folder_around_python_itself_is_not_hidden(tmp_path):
    (tmp_path / "1").mkdir()
    command = isolation.wrapped([sys.executable, "-c", "print('here')"], tmp_path / "1", tmp_path, "/")
    assert subprocess.run(command, capture_output=True, text=True, timeout=60).stdout == "here\n"
