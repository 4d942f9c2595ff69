"""`keras-resnet models`: the networks of the catalogue and what they cost."""

from keras_resnet.cli.output import add_common, result


def add_arguments(parser):
    """Adds the command's arguments."""
    parser.add_argument(
        "pattern", nargs="?", default="*", metavar="PATTERN", help="names to show, e.g. 'resnet*d'; default: all"
    )
    add_common(parser, "keras-resnet models 'resnet50*'")


def run(arguments):
    """Prints a row for each name and lineage."""
    from keras_resnet.models.count import table

    rows = table(arguments.pattern)
    wide = max(len(row["name"]) for row in rows)
    lines = [f"{'name':<{wide}}  {'lineage':<11}  {'parameters':>11}  {'trainable':>11}  {'gmacs':>8}  source"]
    for row in rows:
        lines.append(
            f"{row['name']:<{wide}}  {row['lineage']:<11}  {row['parameters']:>11,}  {row['trainable']:>11,}  "
            f"{row['gmacs']:>8.4f}  {row['source']}"
        )
    result(rows, "\n".join(lines), arguments.json)
