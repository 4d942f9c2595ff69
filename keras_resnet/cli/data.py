"""``keras-resnet data``: check, pack, make and show image sets."""

import argparse
import contextlib
import dataclasses
import logging
from pathlib import Path

from keras_resnet.cli import output
from keras_resnet.errors import DataError
from keras_resnet.text import visible

# Part of what `data.load_parts` reads -> what it is called.
_PARTS = {"train": "train", "test": "test", "validation": "validation", "all": "images"}


def add_arguments(parser):
    """Adds the four subcommands and their arguments to the parser of ``keras-resnet data``."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    _add_check(actions)
    _add_pack(actions)
    _add_synthetic(actions)
    _add_show(actions)
    parser.epilog = "example:\n  keras-resnet data check signs"


def run(arguments):
    """Runs the subcommand that was parsed."""
    actions = {"check": _check, "pack": _pack, "synthetic": _synthetic, "show": _show}
    actions[arguments.action](arguments)


def _add_action(actions, name, summary, example):
    parser = actions.add_parser(name, help=summary, description=summary, formatter_class=argparse.RawDescriptionHelpFormatter)
    output.add_common(parser, example)
    return parser


def _add_set(parser):
    parser.add_argument(
        "set",
        nargs="?",
        metavar="SET",
        help="folder with train_signs.h5 and test_signs.h5, one .h5 file, or folders of photographs (default: ./datasets)",
    )


def _add_check(actions):
    parser = _add_action(
        actions, "check", "check a set: classes, pixels, exact duplicates", "keras-resnet data check signs --json"
    )
    _add_set(parser)


def _add_pack(actions):
    parser = _add_action(
        actions,
        "pack",
        "pack a folder of class folders of photographs to a set",
        "keras-resnet data pack photos signs --size 64 --groups people.csv --test-fraction 0.2",
    )
    parser.add_argument("source", metavar="SRC", help="folder with one subfolder of photographs for each class")
    parser.add_argument("destination", metavar="DIR", help="folder for train_signs.h5 and test_signs.h5")
    text = "height and width in pixels, as 64 or, height first, as 32x48 (default: %(default)s)"
    parser.add_argument("--size", type=_size, default=64, help=text)
    parser.add_argument(
        "--test-fraction", type=float, default=0.2, metavar="F", help="share of each class to test on (default: 0.2)"
    )
    parser.add_argument(
        "--groups", metavar="FILE.csv", help="columns file and group: the photos of one group stay in one split"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the split and the order (default: %(default)s)")
    parser.add_argument("--skip-bad", action="store_true", help="leave out photographs that cannot be read")


def _size(text):
    """``"64"`` as 64, ``"32x48"`` as `(32, 48)`."""
    sides = text.split("x")
    if len(sides) > 2 or not all(map(str.isdecimal, sides)):
        raise argparse.ArgumentTypeError(f"expected a number or HEIGHTxWIDTH, received {text!r}")
    return int(text) if len(sides) == 1 else tuple(map(int, sides))


def _add_synthetic(actions):
    parser = _add_action(
        actions, "synthetic", "draw a set of hand signs for 0 to 5", "keras-resnet data synthetic signs --seed 0"
    )
    parser.add_argument("destination", metavar="DIR", help="folder for train_signs.h5 and test_signs.h5")
    parser.add_argument("--seed", type=int, default=0, help="same seed, same bytes (default: %(default)s)")


def _add_show(actions):
    parser = _add_action(
        actions, "show", "draw samples, one row a class, as PNG", "keras-resnet data show signs --out signs.png"
    )
    _add_set(parser)
    parser.add_argument("--out", metavar="FILE", help="the picture (default: SET_samples.png, here)")
    parser.add_argument("--split", choices=_PARTS, help="default: train, or what there is")
    parser.add_argument("--per-class", type=int, default=8, metavar="N", help="images a class (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the choice of images (default: %(default)s)")


def _check(arguments):
    from keras_resnet.data.audit import check

    report = check(arguments.set)
    output.result(report, _check_text(report), arguments.json)


def _check_text(report):
    parts = [part for part in _PARTS if part in report]
    height, width, channels = report[parts[0]]["shape"]
    shape = f"{'photographs as ' if report['photographs'] else ''}images {height} x {width} x {channels}"
    lines = [f"{report['path']}: {len(report['classes'])} classes, {shape}", ""]
    rows = [[name, *(report[part]["per_class"][name] for part in parts)] for name in report["classes"]]
    rows.append(["all", *(report[part]["images"] for part in parts)])
    lines += [*output.table(["class", *map(_PARTS.get, parts)], rows), ""]
    for part in parts:
        pixels = report[part]["pixels"]
        spread = f"mean {pixels['mean']:.1f}, standard deviation {pixels['std']:.1f}"
        lines.append(f"pixels, {part}: {pixels['min']} to {pixels['max']}, {spread}")
    lines += _duplicates_text(report["duplicates"], parts)
    if report["groups"]:
        groups = report["groups"]
        lines.append(f"groups: {groups['train']} in train, {groups['test']} in test, {groups['across']} in both")
    return lines + [f"warning: {text}" for text in report["warnings"]]


def _duplicates_text(duplicates, parts):
    counts = [f"{duplicates[part]} in {part}" for part in parts]
    across = {"across": "test", "across_validation": "validation"}
    counts += [f"{duplicates[name]} of {part} in train" for name, part in across.items() if name in duplicates]
    lines = [f"exact duplicates: {', '.join(counts)}"]
    for name, pairs in duplicates["examples"].items():
        lines += [f"  {name}: image {first} = image {second}" for first, second in pairs]
    return lines


def _pack(arguments):
    from keras_resnet.data.pack import pack_folder
    from keras_resnet.data.photo import HEIC_ADVICE, HEIC_ENDINGS

    with _progress_shown():
        report = pack_folder(
            arguments.source,
            arguments.destination,
            size=arguments.size,
            test_fraction=arguments.test_fraction,
            groups=arguments.groups,
            seed=arguments.seed,
            skip_bad=arguments.skip_bad,
        )
    _say_list("left alone, no photograph of a class", report.left_alone)
    if any(Path(name).suffix.lower() in HEIC_ENDINGS for name in report.left_alone):
        output.say(f"HEIC photographs are among them, {HEIC_ADVICE}")
    _say_list(f"in {arguments.groups}, but not a photograph here", report.extra_rows)
    _say_list("skipped", report.skipped)
    images = {"train": sum(report.train.values()), "test": sum(report.test.values())}
    text = _summary(report.path, report.class_names, images)
    if report.groups:
        text += f"; {report.groups['train']} and {report.groups['test']} groups"
    if report.skipped:
        text += f"; {len(report.skipped)} unreadable photographs skipped"
    output.result(dataclasses.asdict(report) | {"images": images}, text, arguments.json)


def _summary(path, class_names, images):
    return f"{path}: {len(class_names)} classes, {images['train']:,} training and {images['test']:,} test images"


def _say_list(title, values, limit=10):
    if values:
        output.say(f"{title}: {len(values)}")
        for value in values[:limit]:
            output.say(visible(f"  {value}"))
        if len(values) > limit:
            output.say(f"  ... and {len(values) - limit} more")


@contextlib.contextmanager
def _progress_shown():
    """Shows the progress that the data modules log."""
    logger = logging.getLogger("keras_resnet.data")
    level = logger.level
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.setLevel(level)


def _synthetic(arguments):
    from keras_resnet.data.synthetic import make_synthetic

    with _progress_shown():
        signs = make_synthetic(arguments.destination, seed=arguments.seed)
    value = {
        "path": str(signs.path),
        "classes": list(signs.class_names),
        "images": {"train": len(signs.train), "test": len(signs.test)},
        "fingerprint": signs.fingerprint(),
    }
    output.result(value, _summary(signs.path, signs.class_names, value["images"]), arguments.json)


def _show(arguments):
    from keras_resnet.data.grid import sample_grid
    from keras_resnet.data.source import load_parts

    parts, names, where = load_parts(arguments.set)
    part = arguments.split or next(iter(parts))
    if part not in parts:
        raise DataError(f"{where} has no {part} images; expected --split {' or '.join(parts)}")
    out = arguments.out or f"{where.resolve().stem}_samples.png"
    path = sample_grid(parts[part], names, Path(out), seed=arguments.seed, per_class=arguments.per_class)
    output.result({"picture": str(path), "split": part}, str(path), arguments.json)
