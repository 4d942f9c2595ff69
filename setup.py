import re
from pathlib import Path

from setuptools import setup

_PICTURE = r"!\[[^\]]*\]"
_RELATIVE = r"\((?!<?(?:https?://|mailto:))[^()]*\)"
_LINK = rf"\[(?P<words>(?:{_PICTURE}\([^()]*\)|[^\[\]])*)\]{_RELATIVE}"
_PARTS = re.compile(rf"(?P<code>```.*?```|`[^`\n]*`)|{_PICTURE}{_RELATIVE}|{_LINK}", re.DOTALL)


def without_relative_links(markdown):
    """The text for a package index, which has no files to link to: relative links become words, relative pictures go."""
    return _PARTS.sub(lambda part: part["code"] or without_relative_links(part["words"] or ""), markdown)


if __name__ == "__main__":
    readme = Path(__file__).with_name("README.md").read_text(encoding="utf-8")
    setup(long_description=without_relative_links(readme))
