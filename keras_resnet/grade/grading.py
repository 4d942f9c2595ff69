"""What a check returns: whether the work is right, and a sentence for each mistake."""

import textwrap
from dataclasses import dataclass


@dataclass(frozen=True, repr=False)
class Grade:
    """The outcome of a check; in a notebook cell it shows itself.

    Attributes:
        name: what was checked, as the learner calls it.
        passed: whether it is right.
        sentences: tuple of str, one for each mistake; of a right one, remarks, or none.
        mistakes: tuple of str, the rows of `sentences.MISTAKES` that they come from.
    """

    name: str
    passed: bool
    sentences: tuple = ()
    mistakes: tuple = ()

    def __str__(self):
        if self.passed:
            verdict = "right."
        elif len(self.sentences) == 1:
            verdict = "not right yet."
        else:
            verdict = f"not right yet, in {len(self.sentences)} points."
        points = [
            textwrap.fill(sentence, 100, initial_indent="  - ", subsequent_indent="    ", break_on_hyphens=False)
            for sentence in self.sentences
        ]
        return "\n".join([f"{self.name}: {verdict}", *points])

    __repr__ = __str__


def graded(name, found, remarks=()):
    """A `Grade` of a list of `sentences.Mistake`; right where the list is empty."""
    if not found:
        return Grade(name, True, tuple(remarks))
    distinct = list(dict.fromkeys(found))
    return Grade(name, False, tuple(map(str, distinct)), tuple(mistake.row for mistake in distinct))
