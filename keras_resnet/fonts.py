"""Fonts for the names in pictures: letters that DejaVu Sans lacks, as those of Chinese, come from what is installed."""

import functools
import logging
import unicodedata

_log = logging.getLogger(__name__)
_told: set[str] = set()


@functools.cache
def others(letters, first):
    """Installed fonts for the letters that a font lacks. Where none has them, that is logged, once for each letter.

    Args:
        letters: a frozenset of str.
        first: the file of the font that is used.

    Returns:
        A tuple of font files, the one with the most of these letters first; each has some that those before it lack.
    """
    missing, found = lacking(first, letters), []
    candidates = {file: missing - lacking(file, missing) for file in _installed()} if missing else {}
    while missing and (best := max(candidates, key=lambda file: _merit(file, candidates[file] & missing), default=None)):
        if not candidates[best] & missing:
            break
        found.append(best)
        missing -= candidates[best]
    _tell(
        missing,
        "no installed font has the letters %s: pictures show boxes in their place; a font such as Noto Sans, or for Chinese, "
        "Japanese and Korean Noto Sans CJK, has them",
    )
    return tuple(found)


def lacking(file, letters):
    """Those of some letters that a font has no picture of; all of them, where the file is no font that can be read."""
    from matplotlib.ft2font import FT2Font

    try:
        font = FT2Font(file)
    except (OSError, RuntimeError):
        return frozenset(letters)
    return frozenset(letter for letter in letters if _is_drawn(letter) and not font.get_char_index(ord(letter)))


def tell_of_order(letters, shaped, by):
    """Says once that letters which are written from right to left come out otherwise.

    Args:
        letters: a frozenset of str.
        shaped: whether ``by``, the name of what draws them, puts such letters in their order and joins them.
    """
    leftwards = {letter for letter in letters if unicodedata.bidirectional(letter) in ("R", "AL")}
    if not shaped:
        _tell(leftwards, f"{by} draws the letters %s from left to right and does not join them; a newer one does")


def _tell(letters, text):
    new = sorted(set(letters) - _told)
    if new:
        _told.update(new)
        _log.warning(text, "".join(new[:12]) + (" ..." if len(new) > 12 else ""))


def _is_drawn(letter):
    return unicodedata.category(letter)[0] not in "CZ"  # control and format characters, spaces


def _installed():
    """All font files but that of last resort, which has a box for every letter."""
    from matplotlib import font_manager

    files = {*font_manager.findSystemFonts(), *(entry.fname for entry in font_manager.fontManager.ttflist)}
    return sorted(file for file in files if "LastResort" not in file)


def _merit(file, letters):
    """By how many letters, and by how plain it is, a font is chosen."""
    return len(letters), "Regular" in file, -len(file)
