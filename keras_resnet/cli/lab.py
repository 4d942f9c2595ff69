"""`keras-resnet lab`: claims about residual networks, each an experiment."""

import argparse

from keras_resnet.cli.output import add_common, result, say
from keras_resnet.cli.quiet import load_keras

_LIST = "the experiments and their claims"
_RUN = "run one experiment or all and say whether the claim is confirmed"
_DRAW = "draw the figures and lab.html of a folder again, from its stored results"


def add_arguments(parser):
    """Adds the subcommands and their arguments."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help=_LIST, description=_LIST, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_common(listing, "keras-resnet lab list")
    running = actions.add_parser("run", help=_RUN, description=_RUN, formatter_class=argparse.RawDescriptionHelpFormatter)
    running.add_argument("name", metavar="NAME", help="an experiment of `lab list`, or all")
    running.add_argument("--quick", action="store_true", help="smaller and shorter: all in minutes")
    text = "of everything random (default: 0); given several times, each is measured and the spread told"
    running.add_argument("--seed", type=int, action="append", metavar="N", help=text)
    text = "folder of results as JSON, figures and lab.html (default: %(default)s)"
    running.add_argument("--out", metavar="DIR", default="lab", help=text)
    add_common(running, "keras-resnet lab run all --quick --out lab")
    drawing = actions.add_parser("draw", help=_DRAW, description=_DRAW, formatter_class=argparse.RawDescriptionHelpFormatter)
    drawing.add_argument("folder", metavar="DIR", help="folder of results as JSON")
    add_common(drawing, "keras-resnet lab draw lab")
    parser.epilog = "example:\n  keras-resnet lab run variance"


def run(arguments):
    """Runs the subcommand that was parsed."""
    return {"list": _list, "run": _run, "draw": _draw}[arguments.action](arguments)


def _list(arguments):
    from keras_resnet.lab import EXPERIMENTS

    rows = [{"experiment": each.name, "claim": each.claim, "source": each.source} for each in EXPERIMENTS.values()]
    wide = max(map(len, EXPERIMENTS))
    result(rows, "\n".join(f"{row['experiment']:<{wide}}  {row['claim']}" for row in rows), arguments.json)


def _run(arguments):
    from keras_resnet import lab
    from keras_resnet.errors import LabError, one_of

    if arguments.name != "all" and arguments.name not in lab.EXPERIMENTS:  # told before the framework has loaded
        raise LabError(one_of("experiment", arguments.name, ("all", *lab.EXPERIMENTS)))
    load_keras()
    seeds = arguments.seed or [0]
    results = lab.run(arguments.name, quick=arguments.quick, seed=seeds, out=arguments.out, say=say)
    value = [
        {
            "experiment": each.experiment,
            "claim": each.claim,
            "passed": each.passed,
            "result": each.to_json(),
            "figures": [str(path) for path in lab.figures_of(each, arguments.out)],
        }
        for each in results
    ]
    result(value, "\n".join(_text(each) for each in results) + f"\n\nPage: {arguments.out}/lab.html", arguments.json)


def _draw(arguments):
    from keras_resnet import lab

    page = lab.write_page(arguments.folder, again=True)
    result({"page": str(page)}, f"Page: {page}", arguments.json)


def _text(each):
    """A result as lines: the verdict, the claim, and the criteria."""
    lines = [f"{each.experiment}: {'confirmed' if each.passed else 'not confirmed'}", f"  {each.claim}"]
    for criterion in each.criteria:
        met = criterion["met"]
        told = ("yes" if met[0] else "no") if len(met) == 1 else f"{sum(met)} of {len(met)} seeds"
        lines.append(f"  {told:<4} {criterion['text']}")
    return "\n".join(lines)
