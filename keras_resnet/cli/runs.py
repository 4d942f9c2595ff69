"""`keras-resnet runs`: run folders side by side."""

from keras_resnet.cli.output import add_common, line, result


def add_arguments(parser):
    """Adds the command's arguments."""
    parser.add_argument("folder", metavar="DIR", help="folder with run folders in it or below")
    parser.add_argument("--figure", metavar="PNG", help="where to draw the validation curves (default: DIR/runs.png)")
    parser.add_argument("--no-figure", action="store_true", help="draw nothing")
    add_common(parser, "keras-resnet runs runs")


def run(arguments):
    """Prints the table and draws the curves."""
    from pathlib import Path

    from keras_resnet.evaluate.comparison import compare, draw, drawable, table

    rows, figure = compare(arguments.folder), None
    if not arguments.no_figure and drawable(rows):
        figure = arguments.figure or Path(arguments.folder) / "runs.png"
    result({"runs": [row.to_json() for row in rows], "figure": figure and str(figure)}, table(rows), arguments.json)
    if figure:
        draw(rows, figure)
        if not arguments.json:
            line(f"Curves: {figure}")
