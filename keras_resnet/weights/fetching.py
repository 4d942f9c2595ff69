"""Getting a known weight file: from where it lies already, or from its url, going on where an earlier download stopped."""

import contextlib
import os
import sys
import time
from os import PathLike
from pathlib import Path
from urllib.parse import urlsplit

from keras_resnet import files, locks
from keras_resnet.errors import WeightsError
from keras_resnet.text import visible
from keras_resnet.weights import download, known_files


def fetch(name: str, folder: str | PathLike | None = None, *, url: str | None = None) -> Path:
    """Returns the path of a known weight file, and downloads it first where it is not there.

    A file that is there is used if its hash is the published one: in the folder, or, where none is given, among those that
    Keras itself has downloaded. A download that stopped goes on where it stopped. Progress goes to standard error.

    Args:
        name: of a known file, e.g. ``"resnet50_chollet"``; `KNOWN_FILES` has them all.
        folder: where to keep it; None for ``models/keras_resnet`` in ``$KERAS_HOME`` or ``~/.keras``.
        url: another place to download it from, http or https.

    Returns:
        A `pathlib.Path`.

    Raises:
        WeightsError: an unknown name; a file of another content; no connection: the message names url, hash and the path to
            which a file that was brought by other means belongs.
    """
    row = known_files.find(name)
    url = row.url if url is None else url
    if urlsplit(url).scheme not in ("http", "https"):
        raise WeightsError(f"{name}: expected a url of http or https, received {url}")
    path = (cache_folder() if folder is None else Path(folder)) / row.file_name
    part = path.with_name(f"{path.name}.part")
    try:
        found = _found(row, path, elsewhere=folder is None)
        if found:
            return found
        path.parent.mkdir(parents=True, exist_ok=True)
        with _alone(part) as stream:
            found = _found(row, path, elsewhere=False)  # another process may have brought it while this one waited
            if found:
                _remove(stream, part)
                return found
            _fill(row, url, stream, path)
    except OSError as problem:
        reason = problem.strerror or problem
        raise WeightsError(f"{name} cannot be kept at {path}: {reason}; another folder, or KERAS_HOME, moves it") from None
    return path


def cache_folder():
    """Where known files are kept: a folder of their own, for Chollet's and Keras's files share one name."""
    return _keras_models() / "keras_resnet"


def at_hand(row):
    """Where a known file lies already, its hash not looked at; None where it does not."""
    return next((path for path in (cache_folder() / row.file_name, *_elsewhere(row)) if path.is_file()), None)


def _keras_models():
    home = os.environ.get("KERAS_HOME")
    return (Path(home) if home else Path.home() / ".keras") / "models"


def _elsewhere(row):
    """Where else it may lie: under another name of the same file, or where Keras puts it."""
    twins = [twin for twin in known_files.KNOWN_FILES.values() if twin.digest == row.digest and twin is not row]
    return [*(cache_folder() / twin.file_name for twin in twins), _keras_models() / row.published_name]


def _found(row, path, elsewhere):
    """The path of the file that is there; None where there is none.

    Raises:
        WeightsError: another content is at ``path``.
    """
    if path.exists():
        _check(row, path, "delete it and run again")
        return path
    for other in _elsewhere(row) if elsewhere else ():
        if other.is_file() and _received(row, other).startswith(row.digest[1]):
            return other
    return None


def _received(row, path):
    return known_files.digest_of(path, row.digest[0])


def _check(row, path, advice):
    if path.is_dir():
        raise WeightsError(f"{path} is a folder; expected the file {row.name}: {advice}")
    received = _received(row, path)
    if not received.startswith(row.digest[1]):
        raise WeightsError(
            f"{path} is not {row.name}: expected {row.hash}, received {received}; it is {files.describe(path)}, of "
            f"{path.stat().st_size:,} bytes: {advice}"
        )


@contextlib.contextmanager
def _alone(part):
    """Yields the partial file, open at its end and locked; an empty one goes.

    A second process waits for the first; a lock ends with its process.
    """
    while True:
        with open(part, "ab", opener=lambda path, flags: files.open_own(path, flags, WeightsError)) as stream:
            _lock(stream)
            if not _is_at(stream, part):  # the process that this one waited for has made it the whole file
                continue
            try:
                yield stream
            finally:
                if not stream.closed and _is_at(stream, part) and os.fstat(stream.fileno()).st_size == 0:
                    _remove(stream, part)
            return


def _lock(stream):
    """On Windows two processes at once hinder each other, and the hash keeps a mixture from passing."""
    try:
        locks.take(stream.fileno(), stream.name)
    except BlockingIOError:
        print(visible(f"Waiting for another process that downloads {stream.name}"), file=sys.stderr, flush=True)
        locks.take(stream.fileno(), stream.name, wait=True)


def _release_on_windows(stream):
    """Closes the file where an open one can be neither renamed nor removed; elsewhere the lock must hold meanwhile."""
    if not locks.known():
        stream.close()


def _remove(stream, part):
    _release_on_windows(stream)
    part.unlink()


def _is_at(stream, path):
    return path.exists() and os.path.samestat(os.fstat(stream.fileno()), os.stat(path))


def _fill(row, url, stream, path):
    """Downloads into the partial file, checks it and gives it its name."""
    part = Path(stream.name)
    by_hand = f"without a connection, put the file ({row.hash}) at {path} by other means"
    try:
        download.into(stream, url, _Progress(row.name, url), most=_most(row))
    except download.Refused as problem:
        raise WeightsError(f"{row.name} cannot be downloaded from {url}: {problem}; {by_hand}") from None
    except download.Cut as problem:
        there = os.fstat(stream.fileno()).st_size
        raise WeightsError(
            f"{row.name}: the download from {url} stopped {download.ATTEMPTS} times, at last with: {problem}; {there:,} bytes "
            f"are in {part}: run again to go on from there; {by_hand}"
        ) from None
    os.fsync(stream.fileno())
    try:
        _check(row, part, "it has been removed; run again")
    except WeightsError as problem:
        stream.truncate(0)
        raise WeightsError(f"{url} did not send {row.name}: {problem}") from None
    _release_on_windows(stream)
    os.replace(part, path)


def _most(row):
    """Bytes that a known file has at most: its size is known about."""
    return int(1e6 * (1.25 * row.megabytes + 10))


class _Progress:
    """Says on standard error how far a download is: once a second on a terminal, every ten seconds in a log."""

    def __init__(self, name, url):
        self.name, self.stream = name, sys.stderr
        self.terminal = self.stream.isatty()
        self.began = self.said = time.monotonic()
        self.start = None
        print(visible(f"Downloading {name} from {url}"), file=self.stream, flush=True)

    def __call__(self, there, total):
        """Takes the number of bytes that are there, and of all bytes or None."""
        now = time.monotonic()
        self.start = there if self.start is None else self.start
        finished = there == total
        if now - self.said < (1 if self.terminal else 10) and not (finished and self.terminal):
            return
        self.said = now
        share = f" of {total / 1e6:.1f} MB, {100 * there / total:.0f} %" if total else " MB"
        rate = max(there - self.start, 0) / 1e6 / max(now - self.began, 1e-3)
        line = f"{self.name}: {there / 1e6:.1f}{share}, {rate:.1f} MB/s"
        if self.terminal:
            print(f"\r{line:<79}", end="\n" if finished else "", file=self.stream, flush=True)
        else:
            print(line, file=self.stream, flush=True)
