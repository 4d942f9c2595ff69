"""What is in an image set: images per class, pixel statistics, exact duplicates."""

import hashlib
from os import PathLike
from typing import NamedTuple

import numpy as np

from keras_resnet.data.listing import listed
from keras_resnet.data.sets import fingerprint
from keras_resnet.data.source import is_photographs, load_parts
from keras_resnet.data.stored import chunks

_EXAMPLES = 5  # pairs of duplicates given in full


def check(path: str | PathLike | None = None) -> dict:
    """Reads a set, or a part of one, and describes it.

    Args:
        path: as for `load_signs`; or one of the two files of a set; or a folder of photographs, as for `load_folder`, whose
            photographs are looked at as images of 64 x 64.

    Returns:
        A dictionary fit for JSON. Its parts are those that there are of `train`, `test` and `validation`; of photographs
        without folders of such names, `all`:

        - `path`, `classes` (the names), `fingerprint`, and `photographs`, whether they are;
        - for each part `images` (a number), `shape` (H, W, C), `per_class` (name -> number of images)
          and `pixels` (`min`, `max`, `mean`, `std` of all values, 0 to 255);
        - `duplicates`: for each part the images that repeat an earlier one of it, byte for byte; `across`, the test images
          that the training split has too, and `across_validation`, the validation images, where there are both; `examples`, up
          to five pairs of indices for each (for the last two: training, other);
        - `groups`: distinct groups in `train`, in `test`, and in both (`across`); None where the set has no groups;
        - `warnings`: sentences on what makes a result from this set doubtful.

    Raises:
        DataError: in one line, for what cannot be read.
    """
    parts, names, where = load_parts(path)
    looks = {part: _look(split.images) for part, split in parts.items()}
    report = {
        "path": str(where),
        "classes": list(names),
        "fingerprint": fingerprint(parts.values()),
        "photographs": is_photographs(path),
        **{part: _describe(split, names, looks[part].histogram) for part, split in parts.items()},
        "duplicates": _duplicates({part: look.digests for part, look in looks.items()}),
        "groups": _groups(parts),
    }
    one_sided = not report["photographs"] and len(parts) == 1
    plain = {part: look.plain for part, look in looks.items()}
    return report | {"warnings": _side_warnings(parts) * one_sided + _warnings(report, plain)}


class _Look(NamedTuple):
    """What one pass over images finds: how often each value occurs, a digest of each image, which have one value alone."""

    histogram: np.ndarray
    digests: list
    plain: list


def _look(images):
    """A few images at a time, to spare memory."""
    histogram, digests, plain = np.zeros(256, np.int64), [], []
    for chunk in chunks(images, 64):
        histogram += np.bincount(chunk.reshape(-1), minlength=256)
        digests += [hashlib.sha256(np.ascontiguousarray(image)).digest() for image in chunk]
        plain += (np.ptp(chunk.reshape(len(chunk), -1), axis=1) == 0).tolist()
    return _Look(histogram, digests, plain)


def _describe(split, class_names, histogram):
    counts = np.bincount(split.labels, minlength=len(class_names)).tolist()
    return {
        "images": len(split),
        "shape": list(split.images.shape[1:]),
        "per_class": dict(zip(class_names, counts, strict=True)),
        "pixels": _pixels(histogram),
    }


def _pixels(histogram):
    """Exact statistics of all values."""
    values, count = np.arange(256), histogram.sum()
    mean = (histogram * values).sum() / count
    variance = (histogram * (values - mean) ** 2).sum() / count
    present = np.flatnonzero(histogram)
    return {"min": int(present[0]), "max": int(present[-1]), "mean": float(mean), "std": float(np.sqrt(variance))}


def _duplicates(digests):
    found = {part: _repeats(own) for part, own in digests.items()}
    for part, name in (("test", "across"), ("validation", "across_validation")):
        if {"train", part} <= digests.keys():
            found[name] = _shared(digests["train"], digests[part])
    return {name: len(pairs) for name, pairs in found.items()} | {
        "examples": {name: pairs[:_EXAMPLES] for name, pairs in found.items()}
    }


def _repeats(digests):
    """A pair (first, repeat) for every image that is not new."""
    first = _first(digests)
    return [[first[digest], index] for index, digest in enumerate(digests) if first[digest] != index]


def _shared(digests, others):
    """A pair (first, other) for every other image that is there too."""
    first = _first(digests)
    return [[first[digest], index] for index, digest in enumerate(others) if digest in first]


def _first(digests):
    """The first index of each distinct image."""
    return {digest: index for index, digest in reversed(list(enumerate(digests)))}


def _groups(parts):
    known = {part: split.groups for part, split in parts.items() if split.groups is not None}
    if not {"train", "test"} <= known.keys():
        return None
    return {
        "train": len(np.unique(known["train"])),
        "test": len(np.unique(known["test"])),
        "across": len(np.intersect1d(known["train"], known["test"])),
    }


def _side_warnings(parts):
    missing = "test" if "train" in parts else "training"
    return [f"There are no {missing} images here: to train and evaluate takes the files of both."]


def _warnings(report, plain):
    texts = []
    for name in plain:
        split = "photographs have" if name == "all" else f"{name} split has"
        absent = [label for label, count in report[name]["per_class"].items() if count == 0]
        if absent:
            texts.append(f"The {split} no images of {listed(absent, 12, count=True)}.")
        if report[name]["pixels"]["max"] <= 1:
            texts.append(f"The {name} images have no value above 1: they were scaled before they were cut to uint8.")
        elif any(plain[name]):
            numbers = listed([str(index) for index in np.flatnonzero(plain[name])], 12, count=True)
            texts.append(f"The {split} images of one value throughout, as where pixels are missing: {numbers}.")
    for name, split in (("across", "Test"), ("across_validation", "Validation")):
        if leaked := report["duplicates"].get(name):
            texts.append(f"{split} images that are training images too: {leaked}; {split.lower()} accuracy flatters.")
    if report["groups"] and report["groups"]["across"]:
        texts.append(f"Groups with photos in both splits: {report['groups']['across']}; test accuracy flatters.")
    return texts
