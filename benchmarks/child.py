"""A contestant's process as the benchmark sees it: `contestant.serve` is the other side."""

import contextlib
import json
import re
import subprocess
import tempfile

from benchmarks.errors import BenchError


class Child:
    """A contestant's process, and this side of its protocol.

    Args:
        name: of the contestant, for messages.
        command: the command line, a list.
        environment: dict; None for that of this process.
    """

    def __init__(self, name, command, environment=None):
        self.name = name
        self._errors = tempfile.TemporaryFile()  # a pipe that nobody reads would fill and stop the child
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": self._errors}
        self._process = subprocess.Popen(command, env=environment, text=True, **pipes)

    def ask(self, word):
        """Sends a line and waits for the answer, a dict.

        Raises:
            BenchError: the process has ended, or answers what is no JSON.
        """
        self.send(word)
        return self.receive()

    def send(self, word):
        """Sends a line; errors as in `ask`."""
        try:
            print(word, file=self._process.stdin, flush=True)
        except BrokenPipeError:
            raise self._failure() from None

    def receive(self):
        """Waits for one answer, a dict; errors as in `ask`."""
        line = self._process.stdout.readline()
        try:
            return json.loads(line)
        except ValueError:
            raise self._failure(line) from None

    def close(self):
        """Ends the process, whatever it is doing."""
        self._process.kill()
        with contextlib.suppress(BrokenPipeError):  # what was not sent to a dead process is flushed here once more
            self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
        self._errors.close()

    def _failure(self, line=""):
        if line:
            return BenchError(f"The contestant {self.name} answered {line.strip()!r}; expected one line of JSON")
        status = self._process.wait()
        self._errors.seek(0)
        said = self._errors.read().decode(errors="replace").split("\n")
        last = next((text.strip() for text in reversed(said) if text.strip()), "it said nothing on standard error")
        ending = f"ended by signal {-status}" if status < 0 else f"exit status {status}"
        message = re.sub(r"^(\w+\.)+(?=\w+:)", "", last)  # an exception's module
        return BenchError(f"The contestant {self.name} failed ({ending}): {message}")
