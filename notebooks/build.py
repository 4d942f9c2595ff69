"""Makes the notebooks from their sources, a text file each in `source/`. Edit the source, not the notebook.

    python notebooks/build.py             # writes all notebooks; stored outputs stay where no code of the notebook changed
    python notebooks/build.py --run 05    # executes those whose names begin so, in this folder, and stores the outputs

A source is Python in which a line `# %%` begins a cell of code and `# %% [markdown]` one of text, which stands in comments.
What stands between START and END CODE HERE is the solution of an exercise: such a source makes two notebooks, NAME.ipynb, where
only the comments between the two lines are left, and NAME_solution.ipynb, where all is.

A line may end in `# smoke: OLD -> NEW, ...`, which changes it in the short form that the tests execute, or in `# solution: ..`,
which changes it in the solution. No notebook shows these remarks.
"""

import argparse
import ast
import base64
import io
import json
import re
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
START, END = "### START CODE HERE ###", "### END CODE HERE ###"
_CHANGE = re.compile(r"  # (smoke|solution): (.+)$")
_METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def cells_of(source, forms=()):
    """The cells of a source: a list of `(kind, text)`, kind ``"markdown"`` or ``"code"``.

    Args:
        source: the text.
        forms: ``"smoke"``, ``"solution"``: whose changes are made.
    """
    cells = []
    for line in source.splitlines():
        line = changed(line, forms)
        if line.startswith("# %%"):
            cells.append(("markdown" if "[markdown]" in line else "code", []))
        elif cells:
            cells[-1][1].append(line)
    return [(kind, _text(kind, lines)) for kind, lines in cells]


def changed(line, forms):
    """A line without the remark that changes it, and changed where the remark is for one of the forms."""
    found = _CHANGE.search(line)
    if found is None:
        return line
    line = line[: found.start()]
    for change in found[2].split(", ") if found[1] in forms else ():
        old, new = change.split(" -> ")
        if old not in line:
            raise ValueError(f"{line.strip()!r} holds no {old!r} to be changed")
        line = line.replace(old, new)
    return line


def blanked(text):
    """A cell without its solution: between the markers the comments stay, and one empty line for each run of code."""
    lines, inside = [], False
    for line in text.splitlines():
        if inside and line.strip() != END:
            if line.lstrip().startswith("#"):
                lines.append(line)
            elif lines[-1]:
                lines.append("")
            continue
        if line.strip() in (START, END):
            inside = line.strip() == START
        lines.append(line)
    return "\n".join(lines)


def notebooks(*forms):
    """All notebooks as their sources say: dict of file name -> notebook, a dict as in the JSON, without outputs.

    Args:
        forms: ``"smoke"`` for the short form.
    """
    made = {}
    for path in sorted((FOLDER / "source").glob("*.py")):
        source = path.read_text(encoding="utf-8")
        cells = cells_of(source, forms)
        if any(START in text for _, text in cells):
            made[f"{path.stem}.ipynb"] = _notebook([(kind, blanked(text)) for kind, text in cells])
            made[f"{path.stem}_solution.ipynb"] = _notebook(cells_of(source, (*forms, "solution")))
        else:
            made[f"{path.stem}.ipynb"] = _notebook(cells)
    return made


def code_of(notebook):
    """The sources of a notebook's cells of code: a list of str."""
    return ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]


def execute(notebook, folder, timeout=3600):
    """Runs a notebook from top to bottom in a folder; returns it with its outputs.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell stopped.
    """
    import nbclient
    import nbformat

    node = nbformat.reads(json.dumps(notebook), as_version=4)
    options = {"timeout": timeout, "kernel_name": "python3", "coalesce_streams": True}
    nbclient.NotebookClient(node, resources={"metadata": {"path": folder}}, **options).execute()
    for cell in node.cells:
        cell.metadata.pop("execution", None)  # times of day
        for output in cell.get("outputs", ()):
            if "image/png" in output.get("data", {}):
                output.data["image/png"] = _fewer_colours(output.data["image/png"])
    node.metadata = notebook["metadata"]
    return json.loads(nbformat.writes(node))


def write(path, notebook):
    """Writes a notebook as Jupyter would."""
    text = json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True)
    path.write_text(text + "\n", encoding="utf-8")


def main():
    """Builds, and executes those asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", nargs="+", default=[], metavar="NAME", help="execute the notebooks whose names begin so")
    asked = tuple(parser.parse_args().run)
    for name, notebook in notebooks().items():
        path = FOLDER / name
        if asked and not name.startswith(asked):
            continue
        if asked:
            print(f"running {name}", file=sys.stderr)
            notebook = execute(notebook, FOLDER)
        elif path.exists():
            _keep_outputs(notebook, json.loads(path.read_text(encoding="utf-8")), name)
        write(path, notebook)


def _text(kind, lines):
    if kind == "markdown":
        lines = [line.removeprefix("#").removeprefix(" ") for line in lines]
    return "\n".join(lines).strip("\n")


def _notebook(cells):
    made = []
    for number, (kind, text) in enumerate(cells):
        cell = {"cell_type": kind, "id": f"cell-{number:02d}", "metadata": {}, "source": text.splitlines(keepends=True)}
        made.append({**cell, "execution_count": None, "outputs": []} if kind == "code" else cell)
    return {"cells": made, "metadata": _METADATA, "nbformat": 4, "nbformat_minor": 5}


def _fewer_colours(picture):
    """A PNG in base64, in 256 colours: a third of the bytes, and drawings and small photographs look the same."""
    from PIL import Image

    smaller = io.BytesIO()
    with Image.open(io.BytesIO(base64.b64decode(picture))) as image:
        image.convert("RGB").quantize(256).save(smaller, format="PNG", optimize=True)
    return base64.b64encode(smaller.getvalue()).decode("ascii")


def _keep_outputs(notebook, old, name):
    """Takes over the outputs of the notebook as it was, where its code is still that."""
    if [_parsed(text) for text in code_of(notebook)] != [_parsed(text) for text in code_of(old)]:
        print(f"{name}: its code has changed, its outputs are gone; --run {name.split('.')[0]} makes new ones", file=sys.stderr)
        return
    kept = [cell for cell in old["cells"] if cell["cell_type"] == "code"]
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            before = kept.pop(0)
            cell["outputs"], cell["execution_count"] = before["outputs"], before["execution_count"]


def _parsed(text):
    """Code without its comments and line breaks, which no output depends on."""
    return ast.dump(ast.parse(text))


if __name__ == "__main__":
    main()
