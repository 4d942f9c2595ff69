"""The bound on a submission's memory: kept by Linux itself, watched by the grader on macOS, and missing on Windows."""

import os
import subprocess
import sys

# Linux counts all that a process allocates (RLIMIT_DATA, RLIMIT_AS); macOS takes these limits and does not keep them.
WATCHED = os.name == "posix" and not sys.platform.startswith("linux")
UNBOUND = None if os.name == "posix" else "on this system nothing bounds the memory of a submission; its time is bounded"


def resident(process: int) -> int:
    """Bytes that a process holds in memory, by the system's `ps`; 0 where it has ended."""
    done = subprocess.run(["ps", "-o", "rss=", "-p", str(process)], capture_output=True, text=True)
    return 1024 * int(done.stdout.strip() or 0)
