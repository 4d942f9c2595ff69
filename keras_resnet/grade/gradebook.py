"""Grading a class: a row for each submission, several at a time, written down as they come; the same call goes on with it."""

import csv
import html
import os
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, fields, replace
from os import PathLike
from pathlib import Path

from keras_resnet.data.memory import free_memory
from keras_resnet.errors import GradeError
from keras_resnet.files import whole
from keras_resnet.grade import cells, isolation, submissions
from keras_resnet.grade.process import Limits, Neighbors, grade_confined
from keras_resnet.grade.targets import SUBJECTS

_FRAMEWORK = 1500  # megabytes of a process besides what its learner's code may use
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # with which a spreadsheet would begin a formula
RIGHT, WRONG, MISSING, UNGRADED = "right", "not right", "missing", "not graded"


@dataclass(frozen=True)
class Row:
    """What became of a submission: text, as it stands in the table.

    Attributes:
        submission: its path in the class's folder.
        result: ``"right"``: all three are; ``"incomplete"``: what is there is right; ``"not right"``; ``"not graded"``.
        identity_block, convolutional_block, network: ``"right"``, ``"not right"`` or ``"missing"``; empty for what was not
            graded.
        sentences: a line for each mistake, beginning with the function's name; of what was not graded, why.
        advice: what does not count.
        notes: what was left out or assumed.
        seconds: how long it took.
        fingerprint: of the files; empty for what was not graded and is to be tried again.
    """

    submission: str
    result: str
    identity_block: str = ""
    convolutional_block: str = ""
    network: str = ""
    sentences: str = ""
    advice: str = ""
    notes: str = ""
    seconds: str = ""
    fingerprint: str = ""


COLUMNS = tuple(field.name for field in fields(Row))


def grade_folder(
    folder: str | PathLike,
    *,
    csv: str | PathLike | None = None,
    html: str | PathLike | None = None,
    jobs: int | None = None,
    seconds: float = 120,
    megabytes: int = 4096,
    say: Callable = print,
) -> list["Row"]:
    """Grades every submission of a class.

    Each runs in a process of its own, in a folder of its own, and can neither read nor change anything of another: see
    `confinement` and `isolation`.

    Args:
        folder: with a notebook or module for each learner, or a folder for each.
        csv: the table to write, after each submission; submissions in it that were graded and have not changed are not
            graded again.
        html: a page of the same.
        jobs: how many at a time; None for what processors and memory allow.
        seconds, megabytes: as for `grade_file`, of each.
        say: takes a line of progress.

    Returns:
        A list of `Row`, by name.

    Raises:
        GradeError: no such folder, nothing in it, or ``csv`` is another table.
        ModuleNotFoundError: Keras's backend is not installed.
    """
    found, left_out = submissions.find(folder, written=[path for path in (csv, html) if path])
    book = _read(csv) if csv else {}
    prints = {each.name: each.fingerprint() for each in found}
    rows = {name: row for name, row in book.items() if prints.get(name) == row.fingerprint}
    pending = [each for each in found if each.name not in rows]
    limits = _shares(jobs or _jobs(megabytes), len(pending), Limits(seconds, megabytes))
    for line in _opening(found, left_out, rows, pending, limits):
        say(line)
    for row in _graded(pending, Path(folder).resolve(), limits):
        rows[row.submission] = row if row.result == UNGRADED else replace(row, fingerprint=prints[row.submission])
        say(f"{len(rows)}/{len(found)} {row.submission}: {row.result}")
        _write(rows, csv, html, folder)
    _write(rows, csv, html, folder)
    return [rows[name] for name in sorted(rows)]


def _opening(found, left_out, rows, pending, limits):
    """What is said before the first submission."""
    if left_out:
        yield f"left out, for they are neither notebooks nor modules: {', '.join(left_out)}"
    if rows:
        yield f"{len(rows)} of {len(found)} stand in the table already and have not changed"
    if pending and not isolation.available():
        yield "this system gives programs no namespaces: what keeps submissions apart is Python's audit hooks alone"
    if pending:
        yield f"grading {len(pending)}, {limits[0]} at a time"


def _jobs(megabytes):
    """How many submissions processors and memory can hold."""
    free = free_memory()
    if free is None:
        return 1
    return max(1, min(os.cpu_count() or 1, free // (2**20 * (megabytes + _FRAMEWORK))))


def _shares(jobs, pending, limits):
    """How many at a time, and the limits of each."""
    jobs = max(1, min(jobs, pending))
    return jobs, replace(limits, threads=max(1, (os.cpu_count() or 1) // jobs))


def _graded(pending, folder, limits):
    """A `Row` for each submission, as they come; those that run when this ends early are stopped."""
    jobs, own = limits
    stop = threading.Event()
    with tempfile.TemporaryDirectory() as shared, ThreadPoolExecutor(jobs) as pool:
        tasks = [
            pool.submit(_row, each, folder, Path(shared).resolve(), number, own, stop) for number, each in enumerate(pending)
        ]
        try:
            for task in as_completed(tasks):
                yield task.result()
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)


def _row(submission, folder, shared, number, limits, stop):
    """Grades one submission in a folder of its own."""
    own, started = shared / str(number), time.monotonic()
    own.mkdir()
    try:
        cells.read(submission.path)  # what is no notebook is told at once
        path = submission.copy_to(own)
        neighbors = Neighbors(folder, shared, isolation.available())
        graded = grade_confined(submission.name, path, own, limits, neighbors, stop)
        row = _of_grade(submission.name, graded)
    except (GradeError, OSError) as problem:
        why = str(problem).replace(str(submission.path), submission.name)
        row = Row(submission.name, UNGRADED, sentences=" ".join(why.split()))
    return replace(row, seconds=f"{time.monotonic() - started:.0f}")


def _of_grade(name, graded):
    verdicts = {subject: [each.passed for each in graded.grades if each.subject == subject] for subject in SUBJECTS}
    words = [RIGHT if all(passed) else WRONG for passed in verdicts.values() if passed]
    result = WRONG if WRONG in words else RIGHT if len(words) == len(SUBJECTS) else "incomplete"
    columns = {subject: (RIGHT if all(passed) else WRONG) if passed else MISSING for subject, passed in verdicts.items()}
    return Row(
        submission=name,
        result=result,
        **{subject.replace(" ", "_"): word for subject, word in columns.items()},
        sentences="\n".join(_named(each.name, sentence) for each in graded.grades for sentence in each.sentences),
        advice="\n".join(_named(each.name, advice) for each in graded.grades for advice in each.advice),
        notes="\n".join(graded.notes),
    )


def _named(name, sentence):
    return sentence if sentence.startswith(name) else f"{name}: {sentence}"


def _read(path):
    """The rows of a table: name -> `Row`; none where there is no file, or nothing in it."""
    path = Path(path)
    if not path.exists():
        return {}
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            columns, *rows = [*csv.reader(file)] or [COLUMNS]
    except (OSError, UnicodeDecodeError, csv.Error) as problem:
        raise GradeError(f"{path} cannot be read as a table: {problem}; give another path") from None
    if tuple(columns) != COLUMNS or any(len(row) != len(COLUMNS) for row in rows):
        raise GradeError(f"{path} is a table of something else: expected the columns {', '.join(COLUMNS)}; give another path")
    return {row.submission: row for row in (Row(*map(_plain, row)) for row in rows)}


def _write(rows, table, page, folder):
    ordered = [rows[name] for name in sorted(rows)]
    if table:
        with whole(table) as temporary, open(temporary, "w", newline="", encoding="utf-8-sig") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows({key: _quoted(value) for key, value in asdict(row).items()} for row in ordered)
    if page:
        with whole(page) as temporary:
            temporary.write_text(_page(ordered, Path(folder).resolve().name), encoding="utf-8")


def _quoted(text):
    """Text that a spreadsheet takes for text."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _plain(text):
    return text[1:] if text[:1] == "'" and text[1:].startswith(_FORMULA) else text


def _page(rows, title):
    results = [row.result for row in rows]
    counts = ", ".join(f"{results.count(word)} {word}" for word in dict.fromkeys(results))
    body = "\n".join(map(_table_row, rows))
    return _PAGE.format(title=html.escape(title), counts=html.escape(counts), body=body)


def _table_row(row):
    cells = zip(_VERDICTS, (row.result, row.identity_block, row.convolutional_block, row.network), strict=True)
    words = [f'<td class="word {word.replace(" ", "-")}" data-of="{of}">{word}</td>' for of, word in cells]
    lines = [f"<li>{html.escape(line)}</li>" for line in row.sentences.splitlines()]
    lines += [f'<li class="aside">{html.escape(line)}</li>' for line in (*row.advice.splitlines(), *row.notes.splitlines())]
    return f"<tr><th>{html.escape(row.submission)}</th>{''.join(words)}<td><ul>{''.join(lines)}</ul></td></tr>"


_VERDICTS = ("result", *SUBJECTS)
_PAGE = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Grades: {title}</title>
<style>
:root {{ color-scheme: light dark; --line: #8886; --good: #1a7f37; --bad: #b3261e; }}
@media (prefers-color-scheme: dark) {{ :root {{ --good: #4ac26b; --bad: #ff8a80; }} }}
body {{ font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 80rem; padding: 0 1rem; }}
table {{ border-collapse: collapse; width: 100%; }}
th, td {{ border-top: 1px solid var(--line); padding: .45rem .6rem; text-align: left; vertical-align: top; }}
tbody th {{ font-weight: 600; overflow-wrap: anywhere; }}
td.word {{ white-space: nowrap; }} td.right {{ color: var(--good); }} td.not-right, td.not-graded {{ color: var(--bad); }}
ul {{ margin: 0; padding-left: 1.1rem; }} li.aside {{ opacity: .7; }}
@media (max-width: 50rem) {{
  thead {{ display: none; }} tr, th, td {{ display: block; border: 0; padding: .15rem 0; }}
  tr {{ border-top: 1px solid var(--line); padding: .6rem 0; }}
  td.word:before {{ content: attr(data-of) ": "; color: CanvasText; }} td.word:empty {{ display: none; }}
}}
</style>
<h1>{title}</h1>
<p>{counts}</p>
<table>
<thead><tr><th>submission</th><th>result</th><th>identity block</th><th>convolutional block</th><th>network</th>
<th>what to mend, and remarks</th></tr></thead>
<tbody>
{body}
</tbody>
</table>
</html>
"""
