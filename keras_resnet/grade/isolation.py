"""Linux's namespaces around a process: no other process, no network, and some folders that are empty to it.

`unshare` of util-linux makes them, as a user's own; where a system does not allow that, `available` says so.
"""

import functools
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

_UNSHARE = ("--user", "--map-root-user", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--net", "--ipc")
# $0 takes the place of $1, the folder in which its neighbours lie too; the folder $2 becomes empty.
_MOUNT = 'mount --bind "$0" "$1" && { [ -z "$2" ] || mount -t tmpfs none "$2"; } && cd "$1" && shift 2 && exec "$@"'


@functools.cache
def available():
    """Whether this system lets a user make them."""
    if not shutil.which("unshare"):
        return False
    command = ["unshare", *_UNSHARE, "mount", "-t", "tmpfs", "none", tempfile.gettempdir()]
    return subprocess.run(command, capture_output=True).returncode == 0


def wrapped(command, own, shared, hidden):
    """A command in namespaces of its own.

    Args:
        command: list of str.
        own: the process's folder, whose content it finds at ``shared``.
        shared: the folder in which those of all processes lie.
        hidden: a folder that is to be empty; it stays as it is where Python itself, or ``shared``, lies in it.
    """
    within = any(Path(hidden).resolve() in [path, *path.parents] for path in _needed(shared))
    return ["unshare", *_UNSHARE, "sh", "-c", _MOUNT, str(own), str(shared), "" if within else str(hidden), *command]


def _needed(shared):
    roots = [sys.prefix, sys.base_prefix, sysconfig.get_path("stdlib"), sysconfig.get_path("purelib"), shared]
    return [Path(root).resolve() for root in (*roots, Path(__file__).parents[2])]
