"""Text from elsewhere as a terminal may print it, and the columns that it takes there."""

import os
import re
import shlex
import subprocess
import unicodedata
from collections.abc import Sequence

# What may move the cursor, ring, recolour, end a line or turn the order of letters: control characters, line and paragraph
# separators, bidirectional embeddings and overrides, and the surrogates that stand for bytes of a name that is not UTF-8.
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def visible(text, keep=""):
    r"""Text with its control characters escaped, as ``\x1b``, but for those in ``keep``."""
    return _CONTROLS.sub(lambda found: found[0] if found[0] in keep else found[0].encode("unicode_escape").decode(), text)


def say(text):
    """Prints lines that may name what comes from elsewhere."""
    print(visible(str(text), keep="\n"))


def typed(*words: str | os.PathLike) -> str:
    """Words of a command line as one types them in the system's own shell: with quotes where they need any."""
    texts: Sequence[str] = [os.fspath(word) for word in words]
    return subprocess.list2cmdline(texts) if os.name == "nt" else shlex.join(texts)


def columns(text):
    """The columns of a terminal that a text takes: two for a wide letter of East Asia, none for a combining mark."""
    return sum(
        0 if unicodedata.category(letter) in ("Mn", "Me", "Cf") else 1 + (unicodedata.east_asian_width(letter) in "WF")
        for letter in text
    )


def fitted(text, length):
    """Text of at most ``length`` columns, without its middle where it is longer: endings tell names apart."""
    kept, shorter = len(text), text
    while columns(shorter) > length:
        kept -= 1
        shorter = f"{text[: kept - kept // 2]}…{text[len(text) - kept // 2 :]}"
    return shorter
