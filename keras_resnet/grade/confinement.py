"""What a learner's code may do in its process: use so much time and memory, write into one folder, and reach nobody else.

Python's audit hooks see what goes through Python; where the system has namespaces, `isolation` keeps the rest away too.
"""

import os
import sys
from pathlib import Path

_PROCESSES = {"os.fork", "os.forkpty", "os.exec", "os.posix_spawn", "os.spawn", "os.system", "subprocess.Popen", "pty.spawn"}
_PROCESSES |= {"os.startfile", "ctypes.dlopen", "ctypes.dlsym", "ctypes.dlsym/handle", "ctypes.call_function", "ctypes.cdata"}
_LIMITS = {"resource.setrlimit", "resource.prlimit"}
_NETWORK = {"socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo", "socket.gethostbyname"}
_LISTING = {"os.listdir", "os.scandir"}
# Event -> how many of its first arguments are paths that it changes.
_CHANGING = {"os.remove": 1, "os.rename": 2, "os.rmdir": 1, "os.mkdir": 1, "os.link": 2, "os.symlink": 2, "os.truncate": 1}
_CHANGING |= {"os.chmod": 1, "os.chown": 1, "os.utime": 1, "os.setxattr": 1}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_FILE_BYTES = 64 * 2**20


def limit(megabytes, seconds):
    """Bounds the memory that this process allocates from here on, its processor time and its files; where the system can."""
    try:
        import resource
    except ImportError:  # Windows: the parent's clock is the only limit
        return
    pages = Path("/proc/self/statm")
    if pages.exists():  # elsewhere the system does not keep this limit: see `memory`
        used = int(pages.read_text(encoding="ascii").split()[5]) * resource.getpagesize()
        _lower(resource, resource.RLIMIT_DATA, used + megabytes * 2**20)
    spent = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
    _lower(resource, resource.RLIMIT_CPU, int(spent + seconds * (os.cpu_count() or 1)) + 1)
    _lower(resource, resource.RLIMIT_FSIZE, _FILE_BYTES)
    _lower(resource, resource.RLIMIT_CORE, 0)


def _lower(resource, which, value):
    hard = resource.getrlimit(which)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(which, (value, hard))


def confine(writable, hidden=()):
    """From here on, for the rest of this process, whatever reaches beyond it is refused with a PermissionError.

    Args:
        writable: the one folder into which may be written.
        hidden: folders of which nothing may be read, but for what lies in ``writable``.
    """
    writable, hidden = os.path.realpath(writable), [os.path.realpath(path) for path in hidden]

    def may_write(path):
        return isinstance(path, int) or _within(path, [writable, os.devnull])

    def may_read(path):
        return isinstance(path, int) or not _within(path, hidden) or _within(path, [writable])

    def watch(event, arguments):
        if event == "open":
            path, mode, flags = arguments
            writes = bool(set(mode or "") & set("wax+")) or bool((flags or 0) & _WRITING)
            if path is not None and not (may_write(path) if writes else may_read(path)):
                _refuse(f"{'write' if writes else 'read'} {os.fspath(path)!r}")
        elif event in _CHANGING:
            for path in arguments[: _CHANGING[event]]:
                if not may_write(path):
                    _refuse(f"change {os.fspath(path)!r}")
        elif event in _LISTING and not may_read(arguments[0] or "."):
            _refuse(f"list {os.fspath(arguments[0] or '.')!r}")
        elif event in _PROCESSES or event in _LIMITS:
            _refuse(f"start another program or change its limits ({event})")
        elif event in _NETWORK:
            _refuse(f"use the network ({event})")
        elif event in ("os.kill", "os.killpg") and arguments[0] != os.getpid():
            _refuse("send a signal to another process")
        elif event == "import" and arguments[1] and _within(arguments[1], [writable]):
            _refuse(f"load {arguments[1]!r}")

    sys.addaudithook(watch)


def _within(path, folders):
    path = os.path.realpath(os.fsdecode(path))
    return any(path == folder or path.startswith(folder.rstrip(os.sep) + os.sep) for folder in folders)


def _refuse(what):
    raise PermissionError(f"the grader does not let a submission {what}")
