"""Downloading a url into a file that may hold a beginning of it already, over connections that break."""

import http.client
import math
import os
import re
import time
import urllib.error
import urllib.request

from keras_resnet.text import visible
from keras_resnet.version import __version__

TIMEOUT = 30  # seconds without a byte
PAUSES = (1, 2, 4)  # seconds before each further attempt
ATTEMPTS = 1 + len(PAUSES)
CHUNK = 1 << 18
_BUSY = (408, 425, 429, 500, 502, 503, 504)  # answers that another attempt may change: RFC 9110, section 15, and RFC 6585


class Cut(Exception):
    """The connection broke; what came before is in the file."""


class Refused(Exception):
    """There is no connection, or the server does not send the file: another attempt would change nothing."""


def into(stream, url, progress, most=math.inf):
    """Downloads a url into a file, and goes on after what is there.

    Args:
        stream: a binary file, open for appending; what it holds is taken for the beginning of the download.
        url: http or https; redirections are followed.
        progress: is called with the number of bytes that are there, and of all bytes or None.
        most: bytes that the file can have.

    Raises:
        Cut: the connection broke at every attempt.
        Refused: there is no connection, or the server answers that it has no such file, or sends more than it can have.
    """
    for pause in (*PAUSES, None):
        try:
            return _attempt(stream, url, progress, most)
        except Cut:
            if pause is None:
                raise
            time.sleep(pause)


def _attempt(stream, url, progress, most):
    there = os.fstat(stream.fileno()).st_size
    response = _ask(stream, url, there)
    if response is None:
        return
    with response:
        there, total = _extent(stream, response, there)
        stream.truncate(there)
        if total is not None and total > most:
            _refuse_longer(stream, most)
        most = total or most
        while chunk := _read(response):
            there += len(chunk)
            if there > most:
                _refuse_longer(stream, most)
            stream.write(chunk)
            progress(there, total)
        stream.flush()
    if total is not None and there < total:
        raise Cut(f"the connection ended after {there:,} of {total:,} bytes")


def _refuse_longer(stream, most):
    stream.truncate(0)
    raise Refused(f"the server sends more than {most:,} bytes, which the file has not")


def _ask(stream, url, there):
    """The server's response, or None where it says that all is there already."""
    headers = {"User-Agent": f"keras-resnet50/{__version__}", "Accept-Encoding": "identity"}
    if there:
        headers["Range"] = f"bytes={there}-"
    try:
        return _opener().open(urllib.request.Request(url, headers=headers), timeout=TIMEOUT)
    except urllib.error.HTTPError as answer:
        with answer:
            if answer.code == 416 and there:
                if answer.headers.get("Content-Range") == f"bytes */{there}":
                    return None
                stream.truncate(0)
                raise Cut(f"the server has no more than {there:,} bytes of it") from None
            said = visible(" ".join(f"the server answers {answer.code} {answer.reason}".split()))
        raise (Cut if answer.code in _BUSY else Refused)(said) from None
    except urllib.error.URLError as problem:
        broken = isinstance(problem.reason, TimeoutError | ConnectionResetError | BrokenPipeError)
        raise (Cut if broken else Refused)(_words(problem.reason)) from None
    except http.client.InvalidURL as problem:
        raise Refused(_words(problem)) from None
    except (OSError, http.client.HTTPException) as problem:
        raise Cut(_words(problem)) from None


def _extent(stream, response, there):
    """Where the response begins, and how long the whole is, or None."""
    if response.headers.get_content_type() == "text/html":
        raise Refused("the server sent an HTML page (a login or error page?)")
    if response.status != 206:  # the server sends the whole file
        length = response.headers.get("Content-Length", "")
        return 0, int(length) if length.isdecimal() else None
    sent = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
    if not sent or int(sent[1]) != there:
        stream.truncate(0)
        raise Cut(f"the server sent another range than the bytes from {there:,} on")
    return there, None if sent[2] == "*" else int(sent[2])


def _read(response):
    try:
        return response.read(CHUNK)
    except (OSError, http.client.HTTPException) as problem:
        raise Cut(_words(problem)) from None


def _words(problem):
    """An exception as a phrase; some have no text."""
    return visible(" ".join(str(getattr(problem, "strerror", None) or problem).split())) or type(problem).__name__


class _Redirection(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, request, response, code, message, headers, target):
        """Follows, but never out of an encrypted connection."""
        if request.full_url.startswith("https:") and not target.lower().startswith("https:"):
            raise urllib.error.URLError(f"the server redirects from https to {target}")
        return super().redirect_request(request, response, code, message, headers, target)


def _opener():
    """Knows http and https alone: a redirection to file: or ftp: leads nowhere."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler,
        urllib.request.UnknownHandler,
        urllib.request.HTTPHandler,
        urllib.request.HTTPSHandler,
        urllib.request.HTTPDefaultErrorHandler,
        urllib.request.HTTPErrorProcessor,
        _Redirection,
    ):
        opener.add_handler(handler())
    return opener
