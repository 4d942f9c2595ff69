"""What a check returns: whether the work is right, and a sentence for each mistake."""

import textwrap
from dataclasses import dataclass


@dataclass(frozen=True, repr=False)
class Grade:
    """The outcome of a check; in a notebook cell it shows itself.

    Attributes:
        name: what was checked, as the learner calls it.
        passed: whether it is right.
        sentences: tuple of str, one for each mistake; none for what is right.
        mistakes: tuple of str, the rows of `sentences.MISTAKES` that they come from.
        advice: tuple of str: what does not count, such as the names of layers.
        subject: what it was checked as: ``"identity block"``, ``"convolutional block"`` or ``"network"``.
    """

    name: str
    passed: bool
    sentences: tuple = ()
    mistakes: tuple = ()
    advice: tuple = ()
    subject: str = ""

    def __str__(self):
        if self.passed:
            verdict = "right."
        elif len(self.sentences) == 1:
            verdict = "not right yet."
        else:
            verdict = f"not right yet, in {len(self.sentences)} points."
        points = [_filled("  - ", sentence) for sentence in self.sentences]
        points += [_filled("  advice: ", sentence) for sentence in self.advice]
        return "\n".join([f"{self.name}: {verdict}", *points])

    __repr__ = __str__


def _filled(start, text):
    return textwrap.fill(text, 100, initial_indent=start, subsequent_indent="    ", break_on_hyphens=False)


def graded(name, found, advice=(), subject=""):
    """A `Grade` of a list of `sentences.Mistake`; right where the list is empty."""
    distinct = list(dict.fromkeys(found))
    rows = tuple(mistake.row for mistake in distinct)
    return Grade(name, not distinct, tuple(map(str, distinct)), rows, tuple(advice), subject)
