"""What is in an image set: images per class, pixel statistics, exact duplicates."""

import hashlib

import numpy as np

from keras_resnet.data.signs import load_signs

_EXAMPLES = 5  # pairs of duplicates given in full


def check(path=None):
    """Reads a set and describes it.

    Args:
        path: as for `load_signs`.

    Returns:
        A dictionary fit for JSON:

        - `path`, `classes` (the names), `fingerprint`;
        - `train` and `test`, each with `images` (a number), `shape` (H, W, C), `per_class` (name -> number of images)
          and `pixels` (`min`, `max`, `mean`, `std` of all values, 0 to 255);
        - `duplicates`: images of `train` and of `test` that repeat an earlier one of the same split, byte for byte;
          `across`, the test images that the training split has too; `examples`, up to five pairs of indices for each
          (for `across`: training, test);
        - `groups`: distinct groups in `train`, in `test`, and in both (`across`); None where the set has no groups;
        - `warnings`: sentences on what makes a result from this set doubtful.

    Raises:
        DataError: for a set that `load_signs` refuses.
    """
    signs = load_signs(path)
    report = {
        "path": str(signs.path),
        "classes": list(signs.class_names),
        "fingerprint": signs.fingerprint(),
        "train": _describe(signs.train, signs.class_names),
        "test": _describe(signs.test, signs.class_names),
        "duplicates": _duplicates(signs.train.images, signs.test.images),
        "groups": _groups(signs.train.groups, signs.test.groups),
    }
    return report | {"warnings": _warnings(report)}


def _describe(split, class_names):
    counts = np.bincount(split.labels, minlength=len(class_names)).tolist()
    return {
        "images": len(split),
        "shape": list(split.images.shape[1:]),
        "per_class": dict(zip(class_names, counts, strict=True)),
        "pixels": _pixels(split.images),
    }


def _pixels(images):
    """Exact statistics of all values, from their histogram, a few images at a time to spare memory."""
    histogram = np.zeros(256, np.int64)
    for start in range(0, len(images), 64):
        histogram += np.bincount(images[start : start + 64].reshape(-1), minlength=256)
    values, count = np.arange(256), histogram.sum()
    mean = (histogram * values).sum() / count
    variance = (histogram * (values - mean) ** 2).sum() / count
    present = np.flatnonzero(histogram)
    return {"min": int(present[0]), "max": int(present[-1]), "mean": float(mean), "std": float(np.sqrt(variance))}


def _duplicates(train, test):
    first_train, repeats_train = _repeats(train)
    _, repeats_test = _repeats(test)
    digests = [_digest(image) for image in test]
    across = [[first_train[digest], index] for index, digest in enumerate(digests) if digest in first_train]
    found = {"train": repeats_train, "test": repeats_test, "across": across}
    return {name: len(pairs) for name, pairs in found.items()} | {
        "examples": {name: pairs[:_EXAMPLES] for name, pairs in found.items()}
    }


def _repeats(images):
    """The first index of each distinct image, and a pair (first, repeat) for every image that is not new."""
    first, pairs = {}, []
    for index, image in enumerate(images):
        earlier = first.setdefault(_digest(image), index)
        if earlier != index:
            pairs.append([earlier, index])
    return first, pairs


def _digest(image):
    return hashlib.sha256(np.ascontiguousarray(image)).digest()


def _groups(train, test):
    if train is None or test is None:
        return None
    return {
        "train": len(np.unique(train)),
        "test": len(np.unique(test)),
        "across": len(np.intersect1d(train, test)),
    }


def _warnings(report):
    texts = []
    for name in ("train", "test"):
        absent = [label for label, count in report[name]["per_class"].items() if count == 0]
        if absent:
            texts.append(f"The {name} split has no images of {', '.join(absent)}.")
        if report[name]["pixels"]["max"] <= 1:
            texts.append(f"The {name} images have no value above 1: they were scaled before they were cut to uint8.")
    leaked = report["duplicates"]["across"]
    if leaked:
        texts.append(f"Test images that are training images too: {leaked}; test accuracy flatters.")
    if report["groups"] and report["groups"]["across"]:
        texts.append(f"Groups with photos in both splits: {report['groups']['across']}; test accuracy flatters.")
    return texts
