"""Locks that keep other processes from an open file, where the system and the file system know them."""

import errno
import logging
import os

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_log = logging.getLogger(__name__)

# How file systems say that they know no locks (network mounts without a lock service, some in user space).
_UNKNOWN = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)


def known() -> bool:
    """Whether the system knows locks of this kind: Windows does not, and there renames and removes no open file either."""
    return fcntl is not None


def take(handle: int, path: str | os.PathLike, *, wait: bool = False) -> None:
    """Locks an open file until it is closed, by this process or by its end; warns where the file system knows no locks.

    Args:
        handle: number of the open file.
        path: its name, for the warning.
        wait: for a process that holds it.

    Raises:
        BlockingIOError: another process holds it, and ``wait`` is False.
    """
    if fcntl is None:
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError as problem:
        if problem.errno not in _UNKNOWN:
            raise
        _log.warning("%s: this file system knows no locks; let no second process write there", path)
