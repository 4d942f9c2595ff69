"""A web server on this machine for the tests: it sends one file, and misbehaves as it is told, one request after the other."""

import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Site:
    """Answers every request in the manner of the next of `plan`; the last one goes on. `seen` has path and Range of each."""

    def __init__(self, content):
        self.content, self.plan, self.seen = content, [whole], []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def url(self, path="/file.h5"):
        return f"http://127.0.0.1:{self.server.server_port}{path}"

    @property
    def ranges(self):
        return [asked for _, asked in self.seen]

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def _handler(site):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            site.seen.append((self.path, self.headers.get("Range")))
            answer = site.plan.pop(0) if len(site.plan) > 1 else site.plan[0]
            answer(self, site.content)

        def log_message(self, *_):
            pass

    return Handler


def send(handler, status, body, /, *, length=None, **headers):
    """Sends an answer; `length` other than the body's is a lie about it. Underscores in names of headers become hyphens."""
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(body) if length is None else length))
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


def _start(handler):
    asked = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
    return int(asked[1]) if asked else 0


def whole(handler, content):
    """All that is asked for."""
    cut(len(content))(handler, content)


def cut(count):
    """The first `count` bytes of what is asked for, then the end of the connection."""

    def answer(handler, content):
        start = _start(handler)
        if start >= len(content):
            return send(handler, 416, b"", Content_Range=f"bytes */{len(content)}")
        body, span = content[start : start + count], f"bytes {start}-{len(content) - 1}/{len(content)}"
        headers = {"Content_Range": span} if "Range" in handler.headers else {}
        send(handler, 206 if headers else 200, body, length=len(content) - start, **headers)

    return answer


def without_ranges(handler, content):
    """The whole file, whatever is asked for."""
    send(handler, 200, content)


def another_range(handler, content):
    """A part from the beginning, whatever is asked for."""
    send(handler, 206, content[:100], Content_Range=f"bytes 0-99/{len(content)}")


def status(code):
    """A status without a file."""
    return lambda handler, content: send(handler, code, b"nothing here")


def page(handler, content, kind="text/html; charset=utf-8"):
    """A login page, with status 200."""
    send(handler, 200, b"<!DOCTYPE html><html><body>Sign in</body></html>", Content_Type=kind)


def redirect(target):
    """A redirection."""
    return lambda handler, content: send(handler, 302, b"", Location=target)
