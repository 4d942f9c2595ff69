"""What a class has handed in: the notebooks and modules of a folder, a file or a folder of its own for each learner."""

import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from keras_resnet.errors import GradeError
from keras_resnet.grade import cells, targets
from keras_resnet.version import __version__

_ENDINGS = (".ipynb", ".py")
# What the assignment brings along, and what systems and editors leave behind.
_HELPERS = {"resnets_utils.py", "test_utils.py", "public_tests.py", "outputs.py"}
_LEFT_BEHIND = {"__MACOSX", "__pycache__", "node_modules", "site-packages"}
_OWN_BYTES = 64 * 2**20  # of modules that are copied beside a submission


@dataclass(frozen=True)
class Submission:
    """A file that is graded by itself.

    Attributes:
        name: its path in the class's folder, with slashes.
        path: its path.
        modules: paths of the modules of the same learner, which it may import.

    A folder without a notebook or module is one too, so that its learner is not forgotten.
    """

    name: str
    path: Path
    modules: tuple = ()

    def fingerprint(self):
        """What grading it depends on, as text: the files' names and contents, and this package's version."""
        digest = hashlib.sha256(__version__.encode())
        for path in (self.path, *self.modules) if self.path.is_file() else ():
            digest.update(f"\0{path.name}\0".encode() + path.read_bytes())
        return digest.hexdigest()[:16]

    def copy_to(self, folder):
        """Copies the file and its learner's modules; returns the file's new path."""
        top = Path(os.path.commonpath([self.path.parent, *(path.parent for path in self.modules)]))
        for path in (*self.modules, self.path):
            there = Path(folder) / "submission" / path.relative_to(top)
            there.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, there)
        return Path(folder) / "submission" / self.path.relative_to(top)


def find(folder, written=()):
    """The submissions in a folder.

    A notebook or module that lies in the folder itself is one; so is, in a folder within, each file that defines a block or a
    network, or that cannot be read; where a folder has none, its first notebook or module stands for it.

    Args:
        folder: its path.
        written: paths of files that are not submissions wherever they lie.

    Returns:
        A list of `Submission` in the order of their names, and a list of str: what was left out.

    Raises:
        GradeError: no such folder, or nothing in it.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise GradeError(f"{folder}: expected a folder of notebooks (.ipynb) and modules (.py)")
    found, left_out, ours = [], [], {Path(path).resolve() for path in written}
    for entry in sorted(folder.iterdir()):
        if _is_left_behind(entry) or entry.resolve() in ours:
            continue
        if entry.is_symlink():
            left_out.append(f"{entry.name} (a link)")
        elif entry.is_dir():
            found += _of_one(entry, folder) or [Submission(entry.name, entry)]
        elif entry.suffix not in _ENDINGS:
            left_out.append(entry.name)
        elif entry.name not in _HELPERS:
            found.append(Submission(entry.name, entry))
    if not found:
        raise GradeError(f"{folder} holds no notebook (.ipynb) or module (.py)")
    return found, left_out


def _is_left_behind(path):
    return path.name.startswith(".") or path.name in _LEFT_BEHIND


def _of_one(entry, folder):
    """The submissions of a learner who has a folder."""
    files = [path for path in _files(entry) if path.name not in _HELPERS]
    chosen = [path for path in files if _defines_a_target(path)] or files[:1]
    modules = [path for path in _files(entry) if path.suffix == ".py"]
    modules = modules if sum(path.stat().st_size for path in modules) <= _OWN_BYTES else []
    others = {path: tuple(each for each in modules if each != path) for path in chosen}
    return [Submission(path.relative_to(folder).as_posix(), path, others[path]) for path in chosen]


def _files(folder):
    """The notebooks and modules below a folder, notebooks first; links are not followed."""
    found = []
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not _is_left_behind(Path(name)))
        found += [Path(parent) / name for name in sorted(names) if Path(name).suffix in _ENDINGS]
    found = [path for path in found if not _is_left_behind(path) and not path.is_symlink()]
    return sorted(found, key=lambda path: path.suffix != ".ipynb")


def _defines_a_target(path):
    """Whether a file has a function to check, or cannot be read, which its learner has to be told."""
    try:
        return targets.defined(cells.read(path))
    except GradeError:
        return True
