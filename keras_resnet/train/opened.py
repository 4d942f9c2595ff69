"""Every image of a set opened and decoded before a run's first step, so that a broken one is found then and not hours later."""

import math
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np

from keras_resnet.data import Split
from keras_resnet.data.memory import check_images
from keras_resnet.data.recognition import mark, stack
from keras_resnet.data.stored import chunks, stays_on_disk
from keras_resnet.errors import DataError

_THREADS, _AHEAD = 2, 256  # what decodes photographs, and how many may be decoded before they are looked at
_EVERY = 2  # seconds between two lines of progress
_TOLD = 10  # photographs left out that are named one by one


def open_all(signs, options, photographs=False):
    """Opens every image of a set.

    Args:
        signs: a `SignsSet`.
        options: an `Options`: ``skip_bad`` leaves broken photographs out, ``stream`` says whether the others stay on the disk.
        photographs: whether the images are photographs that are decoded as they are needed.

    Returns:
        `(SignsSet, SignsSet, skipped)`: the set without its broken images, of photographs in memory where they are few; the
        same with the marks of the images in their place; a line for each image left out.

    Raises:
        DataError: an image cannot be read; one line for all of them.
    """
    splits = {name: value for name, value in vars(signs).items() if isinstance(value, Split)}
    opened, marked, faults = {}, {}, []
    progress = _Progress(sum(map(len, splits.values())), options.say)
    for name, split in splits.items():
        keep = photographs and not stays_on_disk(options.stream, math.prod(split.images.shape))
        if keep:
            check_images(len(split), tuple(split.images.shape[1:3]), signs.path)
        images, good, marks = _open(split.images, keep, photographs, progress, faults)
        chosen = split if len(good) == len(split) else split.chosen(good)
        opened[name] = replace(chosen, images=images if keep else chosen.images)
        marked[name] = replace(chosen, images=marks)
    if faults and not options.skip_bad:
        raise DataError(_refusal(faults, progress.total))
    opened, marked = replace(signs, **opened), replace(signs, **marked)
    if faults:
        _tell(faults, progress.total, options.say)
        _check_classes(opened)
    return opened, marked, tuple(map(str, faults))


def _open(images, keep, photographs, progress, faults):
    """The images as an array (None unless ``keep``), the indices of the good ones, and their marks; adds to ``faults``."""
    pixels, good, found = np.empty(images.shape, np.uint8) if keep else None, [], []
    for index, image in enumerate(_decoded(images) if photographs else _each(images)):
        progress.one_more()
        if isinstance(image, DataError):
            faults.append(image)
            continue
        if keep:
            pixels[len(good)] = image
        good.append(index)
        found.append(mark(image))
    return None if pixels is None else pixels[: len(good)], np.array(good, np.int64), stack(found)


def _each(images):
    for chunk in chunks(images):
        yield from chunk


def _decoded(images):
    """Photographs in their order, for one that cannot be read its `DataError`."""

    def read(index):
        try:
            return images[index]
        except DataError as fault:
            return fault

    with ThreadPoolExecutor(_THREADS) as threads:
        for start in range(0, len(images), _AHEAD):
            yield from threads.map(read, range(start, min(start + _AHEAD, len(images))))


class _Progress:
    """A line every two seconds, for as long as that takes."""

    def __init__(self, total, say):
        self.total, self._say, self._done, self._told = total, say, 0, time.monotonic()

    def one_more(self):
        self._done += 1
        if time.monotonic() - self._told > _EVERY:
            self._say(f"Looked at {self._done:,} of {self.total:,} images")
            self._told = time.monotonic()


def _refusal(faults, total):
    if len(faults) == 1:
        return f"{faults[0]}; --skip-bad (skip_bad=True) leaves it out"
    told = f"{len(faults):,} of {total:,} photographs cannot be read; --skip-bad (skip_bad=True) leaves them out"
    return f"{told}; the first: {faults[0]}"


def _tell(faults, total, say):
    more = f"\n  ... and {len(faults) - _TOLD:,} more" if len(faults) > _TOLD else ""
    names = "".join(f"\n  {fault}" for fault in faults[:_TOLD])
    say(f"Left out, {len(faults):,} of {total:,} photographs:{names}{more}")


def _check_classes(signs):
    for index, name in enumerate(signs.class_names):
        if not (signs.train.labels == index).any():
            raise DataError(f"No photograph of the class {name} to train on can be read; expected at least one")
    for split, purpose in ((signs.test, "test"), (signs.validation, "validate")):
        if split is not None and not len(split):
            raise DataError(f"No photograph of {signs.path} to {purpose} on can be read; expected at least one")
