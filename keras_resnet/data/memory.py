"""Whether images fit into memory, asked before it is taken: a system that runs out of it may end the process without a word."""

import contextlib
import math
import os
from pathlib import Path

from keras_resnet.data.photo import height_and_width
from keras_resnet.errors import DataError

# Where Linux says how much a control group may have: version 2 and version 1.
_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
_CHANNELS = 3


def free_memory():
    """Bytes that this process may still take, as far as the system tells: about; None where it tells nothing (Windows)."""
    found = [_available()] + [_number(Path(file)) for file in _LIMITS]
    return min((value for value in found if value is not None), default=None)


def check_images(count, size, where, *, copies=1):
    """Raises a `DataError` where images would not fit into memory.

    Args:
        count: number of images.
        size: height and width in pixels, a number or `(height, width)`.
        where: what they are, the beginning of the message.
        copies: how many times they are held at once.
    """
    (height, width), free = height_and_width(size), free_memory()
    needed = copies * count * height * width * _CHANNELS
    if free is None or needed <= free:
        return
    scale = math.sqrt(free / needed)
    images = "one image" if count == 1 else f"{count:,} images"
    raise DataError(
        f"{where}: {images} of {height:,} x {width:,} pixels would take {gigabytes(needed)} of memory, and "
        f"{gigabytes(free)} are free; expected at most {int(height * scale):,} x {int(width * scale):,}"
    )


def gigabytes(count):
    """Bytes in words: ``"1.5 GB"``."""
    return f"{count / 1e9:,.1f} GB"


def _available():
    with contextlib.suppress(OSError, StopIteration, ValueError):
        lines = Path("/proc/meminfo").read_text().splitlines()
        return 1024 * int(next(line for line in lines if line.startswith("MemAvailable")).split()[1])
    with contextlib.suppress(AttributeError, OSError, ValueError):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return None


def _number(file):
    """What a file with one number says; None without a file or a number (``max``)."""
    with contextlib.suppress(OSError, ValueError):
        return int(file.read_text())
    return None
