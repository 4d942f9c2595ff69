"""The process in which a learner's code runs: `python -m keras_resnet.grade.child FILE REPORT MEGABYTES SECONDS`.

It writes one JSON value a line into REPORT, as it goes: ``{"note": ..}``, ``{"start": name}``, ``{"grade": ..}``.
"""

import dataclasses
import json
import os
import sys

# What is looked for -> the names it may have, and its check.
TARGETS = {
    "the identity block": (("identity_block",), "check_identity_block"),
    "the convolutional block": (("convolutional_block", "conv_block"), "check_conv_block"),
    "the network": (("ResNet50",), "check_resnet50"),
}


def main(path, report, megabytes, seconds):
    """Loads the file's definitions, checks each of the targets among them, and writes the report."""
    import keras

    from keras_resnet.grade import cells

    pieces = cells.read(path)
    keras.ops.zeros(1)  # the framework has its memory before the limit counts
    _limit(megabytes, seconds)
    os.chdir(os.path.dirname(os.path.abspath(path)))
    sys.path.insert(0, os.getcwd())
    sys.argv = [path]
    with open(report, "w", encoding="utf-8") as file:
        _check(pieces, lambda value: print(json.dumps(value), file=file, flush=True))


def _check(pieces, write):
    from keras_resnet import grade
    from keras_resnet.grade.definitions import Definitions
    from keras_resnet.grade.grading import graded
    from keras_resnet.grade.sentences import mistake

    wanted = [name for names, _ in TARGETS.values() for name in names]
    found = Definitions(pieces, wanted)
    for note in found.notes:
        write({"note": note})
    for names, check in TARGETS.values():
        for name in names:
            if name not in found.own:
                continue
            write({"start": name})
            try:
                outcome = getattr(grade, check)(found.names[name])
            except SystemExit:
                outcome = graded(name, [mistake("exit", name=name)])
            write({"grade": dataclasses.asdict(dataclasses.replace(outcome, name=name))})


def _limit(megabytes, seconds):
    """Bounds the memory that this process allocates from here on, and its processor time; where the system can do that."""
    try:
        import resource
    except ImportError:  # Windows: the parent's clock is the only limit
        return
    with open("/proc/self/statm", encoding="ascii") if os.path.exists("/proc/self/statm") else open(os.devnull) as file:
        pages = file.read().split()
    used = int(pages[5]) * resource.getpagesize() if pages else 0
    _lower(resource, resource.RLIMIT_DATA, used + megabytes * 2**20)
    spent = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
    _lower(resource, resource.RLIMIT_CPU, int(spent + seconds * (os.cpu_count() or 1)) + 1)
    _lower(resource, resource.RLIMIT_CORE, 0)


def _lower(resource, which, value):
    hard = resource.getrlimit(which)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(which, (value, hard))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
