"""Recognising images by what they show, wherever they lie and whatever their files are called.

An image's mark is a hash of its pixels, and its mean colours on a grid of 8 x 8. Equal pixels have equal hashes. A picture that
was resized or compressed again has other pixels, and nearly the same mean colours: of 1,642 photographs of hands the colours at
32, 48, 64, 100 and 128 pixels, and after JPEG at quality 50, differ by 2.4 or less (root mean square, of 255); those of two
photographs, also of one person before one wall, by 6.9 or more.
"""

import hashlib

import numpy as np
from PIL import Image

from keras_resnet.data.stored import chunks
from keras_resnet.errors import DataError, KerasResNetError
from keras_resnet.files import read_arrays, whole

# Of a run; an image that is in several counts for the last. Earlier are those that the weights it began from had seen.
SEEN = ("earlier", "train", "validation")
PARTS = (*SEEN, "test")
HASH, GRID = 16, 8
ALIKE = 2.5  # root mean square of the differences of mean colours, 0 to 255
_AT_ONCE = 8192  # known images that are compared with all given ones at once
LENGTH = HASH + GRID * GRID * 3  # bytes of a mark


def marks(images):
    """The marks of images, uint8 `(N, 208)`.

    Args:
        images: uint8 `(N, H, W, 3)`, in memory or on the disk.
    """
    return stack(mark(image) for chunk in chunks(images) for image in chunk)


def stack(found):
    """Single marks as an array, uint8 `(N, 208)`, also where there are none."""
    return np.array(list(found), np.uint8).reshape(-1, LENGTH)


def mark(image):
    """The mark of one image, uint8 `(H, W, 3)`: uint8 `(208,)`."""
    digest = hashlib.blake2b(repr(image.shape).encode() + np.ascontiguousarray(image).tobytes(), digest_size=HASH).digest()
    colors = np.asarray(Image.fromarray(image).resize((GRID, GRID), Image.Resampling.BOX))
    return np.concatenate([np.frombuffer(digest, np.uint8), colors.reshape(-1)])


def recognize(given, known):
    """The part of a run that each image is of, by its pixels.

    Args:
        given: marks.
        known: dict of the names in `PARTS` to marks.

    Returns:
        Array of str `(N,)`: a name, or ``""`` for an image that is of none.
    """
    part_of = {bytes(row[:HASH]): part for part in PARTS for row in known[part]}
    return np.array([part_of.get(bytes(row[:HASH]), "") for row in given], dtype="U10")


def alike(given, known):
    """Which images look like one of the known, to a grid of mean colours: bool `(N,)`.

    Args:
        given, known: marks.
    """
    # Products and sums of these are whole numbers below 2 ** 24: float32 computes them exactly.
    one = given[:, HASH:].astype(np.float32)
    lengths, found = (one**2).sum(axis=1)[:, None], np.zeros(len(one), bool)
    for rows in chunks(known, _AT_ONCE):
        other = rows[:, HASH:].astype(np.float32)
        squares = lengths + (other**2).sum(axis=1) - 2 * one @ other.T
        found |= (squares <= ALIKE**2 * one.shape[1]).any(axis=1)
    return found


def seen(known):
    """The marks of all images that a run has seen.

    Args:
        known: dict of the names in `PARTS` to marks.
    """
    return np.concatenate([known[part] for part in SEEN])


def save(path, known):
    """Writes the marks of a run's images, a dict of the names in `PARTS`, as NumPy's archive."""
    with whole(path) as temporary:
        np.savez(temporary, **{part: known[part] for part in PARTS})


def load(path):
    """The dict that `save` wrote.

    Raises:
        DataError: the file is damaged.
    """
    try:
        known = read_arrays(path)
    except KerasResNetError as problem:
        raise DataError(f"{path} is damaged: {problem}") from None
    for part in PARTS:
        if part not in known:
            raise DataError(f"{path} is damaged: it has no array {part}")
        rows = known[part]
        if rows.dtype != np.uint8 or rows.shape[1:] != (LENGTH,):
            raise DataError(f"{path} is damaged: {part} is {rows.dtype} {rows.shape}; expected uint8 (images, {LENGTH})")
    return known
