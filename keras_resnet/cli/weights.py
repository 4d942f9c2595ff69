"""`keras-resnet weights`: what a weight file is, whether it would load, other dialects, and the files that others published."""

from argparse import RawDescriptionHelpFormatter

from keras_resnet.cli.output import add_common, result
from keras_resnet.cli.quiet import load_keras


def add_arguments(parser):
    """Adds the command's arguments."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, summary, run_it in (
        ("inspect", "say what a weight file is, by its content, and what decided", _inspect),
        ("verify", "exit 0 for a file that would load, else 1 with the reason in one line", _verify),
    ):
        action = actions.add_parser(name, help=summary, description=summary, formatter_class=RawDescriptionHelpFormatter)
        action.add_argument(
            "file", metavar="FILE", help="HDF5 of Keras 1, 2 or 3, .keras, .safetensors, a file of torch.save; or a run folder"
        )
        _add_kernels(action)
        add_common(action, f"keras-resnet weights {name} resnet50.h5")
        action.set_defaults(run=run_it)
    _add_convert(actions)
    _add_diff(actions)
    _add_known_files(actions)
    parser.epilog = "example:\n  keras-resnet weights inspect resnet50.h5\n  keras-resnet weights fetch resnet50_chollet"


def _add_kernels(action):
    action.add_argument(
        "--kernels",
        choices=("theano", "tensorflow"),
        help="who computed, where the file does not say; Theano turns kernels",
    )


def _add_convert(actions):
    summary = "write a weight file in another library's dialect"
    action = actions.add_parser("convert", help=summary, description=summary, formatter_class=RawDescriptionHelpFormatter)
    action.add_argument("source", metavar="SOURCE", help="a weight file of any known library, or a run folder")
    action.add_argument("target", metavar="TARGET", help="the new file: .h5, .hdf5, .weights.h5 or .safetensors")
    action.add_argument(
        "--dialect",
        required=True,
        help="chollet, keras_applications (.h5, .hdf5, .weights.h5), torchvision (.safetensors) or keras3 (.weights.h5)",
    )
    action.add_argument(
        "--lineage",
        default="require",
        choices=("require", "ignore"),
        help="ignore: write it even though the dialect's own library would compute something else; default: require",
    )
    _add_kernels(action)
    action.add_argument(
        "--nonfinite",
        default="refuse",
        choices=("refuse", "warn"),
        help="warn: write NaN, infinity and negative variances as they are; default: refuse",
    )
    add_common(action, "keras-resnet weights convert resnet50.h5 resnet50.weights.h5 --dialect chollet")
    action.set_defaults(run=_convert)


def _add_diff(actions):
    summary = "exit 0 for two weight files of the same tensors, else 1 and the layers that differ most"
    action = actions.add_parser("diff", help=summary, description=summary, formatter_class=RawDescriptionHelpFormatter)
    action.add_argument("a", metavar="A", help="a weight file of any known library, or a run folder")
    action.add_argument("b", metavar="B", help="another")
    _add_kernels(action)
    add_common(action, "keras-resnet weights diff resnet50.h5 converted.safetensors")
    action.set_defaults(run=_diff)


def _add_known_files(actions):
    summary = "list the published weight files that are known, and which are here"
    action = actions.add_parser("list", help=summary, description=summary, formatter_class=RawDescriptionHelpFormatter)
    add_common(action, "keras-resnet weights list")
    action.set_defaults(run=_list)
    summary = "download a known weight file, check its hash, and print its path"
    action = actions.add_parser("fetch", help=summary, description=summary, formatter_class=RawDescriptionHelpFormatter)
    action.add_argument("name", metavar="NAME", help="as `keras-resnet weights list` shows it")
    action.add_argument(
        "--folder", metavar="DIR", help="where to keep it; default: models/keras_resnet in $KERAS_HOME or ~/.keras"
    )
    add_common(action, "keras-resnet weights fetch resnet50_chollet")
    action.set_defaults(run=_fetch)


def run(arguments):
    """Runs the action; returns the exit status of one that has several."""
    return arguments.run(arguments)


def _weight_file(path):
    from keras_resnet.weights.containers import of_run

    return of_run(path)


def _inspect(arguments):
    from dataclasses import asdict

    from keras_resnet.weights import inspect

    info = asdict(inspect(_weight_file(arguments.file), kernels=arguments.kernels))
    lines = [f"{name:<12} {'-' if value is None else value}" for name, value in info.items() if name != "evidence"]
    result(info, lines + _evidence(info["evidence"]), arguments.json)


def _verify(arguments):
    load_keras()
    from keras_resnet.weights import verify

    info, report = verify(_weight_file(arguments.file), kernels=arguments.kernels)
    value = {"file": info.path, "model": info.model, "lineage": info.lineage, "weights": len(report.matched)}
    lines = [f"{info.path} loads: {info.model}, lineage {info.lineage}; {report}", *_evidence(info.evidence)]
    result({**value, "evidence": info.evidence}, lines, arguments.json)


def _convert(arguments):
    from dataclasses import asdict, replace

    from keras_resnet.weights import convert

    options = {name: getattr(arguments, name) for name in ("lineage", "kernels", "nonfinite")}
    report = convert(_weight_file(arguments.source), arguments.target, arguments.dialect, **options)
    lines = [str(replace(report, converted=())), *report.converted]
    result(asdict(report), "\n  ".join(lines), arguments.json)


def _diff(arguments):
    from dataclasses import asdict

    from keras_resnet.weights import diff

    found = diff(_weight_file(arguments.a), _weight_file(arguments.b), kernels=arguments.kernels)
    largest = {name: value if value < float("inf") else None for name, value in found.largest.items()}  # JSON has no infinity
    result({"same": found.same, "worst": found.worst, **asdict(found), "largest": largest}, str(found), arguments.json)
    return 0 if found.same else 1


def _evidence(texts):
    return [f"{'evidence' if number == 0 else '':<12} {text}" for number, text in enumerate(texts)]


def _list(arguments):
    from keras_resnet.weights import fetching
    from keras_resnet.weights.known_files import KNOWN_FILES

    rows = [_known(row, fetching.at_hand(row)) for row in KNOWN_FILES.values()]
    wide = max(len(row["name"]) for row in rows)
    sources = list(dict.fromkeys(row["source"] for row in rows if row["top1"] is not None))
    lines = [f"{'name':<{wide}}  {'lineage':<11}  {'top-1':>6}      {'MB':>4}  here"]
    for row in rows:
        top_1 = "" if row["top1"] is None else f"{row['top1']:.2f} [{sources.index(row['source']) + 1}]"
        here = "" if row["path"] is None else row["path"]
        lines.append(f"{row['name']:<{wide}}  {row['lineage']:<11}  {top_1:>10}  {row['megabytes']:>4}  {here}".rstrip())
    lines += [f"[{number}] {source}" for number, source in enumerate(sources, 1)]
    result(rows, "\n".join(lines), arguments.json)


def _known(row, path):
    top_1, top_5 = row.accuracy or (None, None)
    return {
        "name": row.name,
        "model": row.model,
        "lineage": row.lineage,
        "include_top": row.include_top,
        "top1": top_1,
        "top5": top_5,
        "conditions": row.conditions,
        "source": row.source,
        "megabytes": row.megabytes,
        "url": row.url,
        row.digest[0]: row.digest[1],
        "path": None if path is None else str(path),
    }


def _fetch(arguments):
    from keras_resnet.weights import fetch

    path = fetch(arguments.name, arguments.folder)
    result({"name": arguments.name, "path": str(path)}, str(path), arguments.json)
