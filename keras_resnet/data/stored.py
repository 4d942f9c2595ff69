"""Images that stay on the disk and are read as they are needed, a block at a time, and the order in which that goes well.

A block is some consecutive images, about a megabyte. An epoch takes the blocks in random order, opens a window of them at a
time, and mixes the images within the window. Every image comes once an epoch; those of one batch come from any of the blocks
of a window, 32 MB of pixels. That is as good as a full shuffle where neighbours in the file have nothing to do with each
other, as `data pack` writes them, and where the set is no larger than a window: there it is the full shuffle. In a file
sorted by class each window still holds blocks from all over the file, and the share of a class in a window of B blocks varies
with a standard deviation of about sqrt(p (1 - p) / B); with B = 32 and p = 0.1, 5 percent points.
"""

import collections
import threading

import numpy as np

from keras_resnet.data.photo import height_and_width, read_photo, resize
from keras_resnet.errors import DataError
from keras_resnet.files import open_hdf5

IN_MEMORY = 100_000_000  # bytes of pixels up to which a set is read into memory at once, unless the user says otherwise
BLOCK, WINDOW = 1 << 20, 1 << 25  # bytes of pixels read at once, and mixed with each other
_AT_ONCE = 1 << 28  # bytes of pixels that are read together where images are only looked at


def stays_on_disk(stream, size):
    """Whether a set is read as it is needed: what the user said, or where nothing was said (None) by its size in bytes."""
    return size > IN_MEMORY if stream is None else stream


class StoredImages:
    """Images on the disk that are indexed as an array is: by an int, a slice, or an array of ints.

    Args:
        source: a `Hdf5Images`, `PhotoImages` or `ResizedImages`.
        rows: int64 `(N,)`, the images of the source that these are, in this order; None for all.

    Attributes:
        shape: `(N, H, W, 3)`.
        dtype: uint8; pixels are RGB, 0 to 255.

    Raises, when it is indexed:
        DataError: what is on the disk cannot be read.
    """

    dtype, ndim = np.dtype("uint8"), 4

    def __init__(self, source, rows=None):
        self._blocks = source if isinstance(source, _Blocks) else _Blocks(source)
        self._rows = np.arange(self._blocks.source.shape[0]) if rows is None else np.asarray(rows, np.int64)

    @property
    def shape(self):
        return (len(self._rows), *self._blocks.source.shape[1:])

    def __len__(self):
        return len(self._rows)

    def __getitem__(self, key):
        rows = self._rows[key]
        wanted, size = np.atleast_1d(rows), self._blocks.source.block
        images, numbers = np.empty((len(wanted), *self.shape[1:]), np.uint8), wanted // size
        for number in np.unique(numbers):
            here = np.flatnonzero(numbers == number)
            images[here] = self._blocks[number][wanted[here] - number * size]
        return images if np.ndim(rows) else images[0]

    def chosen(self, indices):
        """Those at some indices, as `StoredImages`; nothing is read."""
        return StoredImages(self._blocks, self._rows[indices])

    def resized(self, size):
        """The same images at ``size`` x ``size`` pixels, each resized when it is read."""
        return StoredImages(ResizedImages(self._blocks.source, size), self._rows)

    def shuffled(self, random):
        """An order of the images, int64 `(N,)`, that opens one window of blocks after the other.

        Args:
            random: a `numpy.random.Generator`.
        """
        source = self._blocks.source
        _, block = np.unique(self._rows // source.block, return_inverse=True)
        count, window = block.max(initial=-1) + 1, _window(source)
        if count <= window:
            return random.permutation(len(self))
        windows = (random.permutation(count) // window)[block]
        return np.lexsort((random.permutation(len(self)), windows))

    @property
    def files(self):
        """The paths of photographs, a list; None for images that are no files of their own."""
        source = self._blocks.source
        return [source.files[row] for row in self._rows] if isinstance(source, PhotoImages) else None

    def contents(self):
        """The bytes by which these images are told from others, piece by piece."""
        yield from self._blocks.source.contents(self)


def shuffled(images, random):
    """A random order of images, int64 `(N,)`, whether they are an array or `StoredImages`."""
    return images.shuffled(random) if isinstance(images, StoredImages) else random.permutation(len(images))


def chunks(images, count=256):
    """The images in pieces of at most ``count`` and about 256 MB, arrays uint8, in their order."""
    if hasattr(images, "shape"):  # else they are a sequence of arrays, which are in memory
        count = max(1, min(count, _AT_ONCE // _bytes(images.shape)))
    for start in range(0, len(images), count):
        yield images[start : start + count]


class Hdf5Images:
    """A dataset of images in an HDF5 file, uint8 `(N, H, W, 3)`.

    The file is opened for every block, so that one that has gone is noticed, and no handle is carried into other processes.
    What is compressed is read in whole chunks of the file: a chunk is the least that HDF5 reads.

    Args:
        path, key: of the dataset.
        shape: its shape, checked when the set was opened.
        chunk: images in a chunk of the file; None where it has none.
    """

    def __init__(self, path, key, shape, chunk=None):
        self.path, self.key, self.shape = path, key, tuple(shape)
        least = chunk or 1
        self.block = least * max(1, BLOCK // (least * _bytes(shape)))

    def read(self, start, stop):
        """uint8 `(stop - start, H, W, 3)`."""
        with open_hdf5(self.path, DataError) as file:
            try:
                images = file[self.key][start:stop]
            except (OSError, RuntimeError, KeyError) as problem:
                raise DataError(f"{self.path} is damaged: {' '.join(str(problem).split())}") from None
        if images.shape != (stop - start, *self.shape[1:]):
            gone = f"{self.key} has no images {start} to {stop - 1} any more"
            raise DataError(f"{self.path} has changed while it was in use: {gone}")
        return images

    def contents(self, images):
        """The pixels, as for a set in memory."""
        for chunk in chunks(images, self.block):
            yield np.ascontiguousarray(chunk)


class PhotoImages:
    """Photographs, each decoded when it is needed.

    Args:
        files: their paths.
        size: height and width in pixels, as for `photo.read_photo`.
    """

    block = 1

    def __init__(self, files, size):
        self.files, self.size, self.shape = tuple(files), size, (len(files), *height_and_width(size), 3)

    def read(self, start, stop):
        """uint8 `(stop - start, height, width, 3)`."""
        return np.stack([read_photo(file, self.size) for file in self.files[start:stop]])

    def contents(self, images):
        """The bytes of the files, which are read far more quickly than decoded, and the size."""
        yield "x".join(str(side) for side in dict.fromkeys(self.shape[1:3])).encode()
        for row in images._rows:
            try:
                yield self.files[row].read_bytes()
            except OSError as problem:
                raise DataError(f"{self.files[row]} cannot be read: {problem.strerror}") from None


class ResizedImages:
    """Another source, its images resized when they are read: of those that get larger, fewer at once."""

    def __init__(self, source, size):
        self.source, self.shape = source, (source.shape[0], size, size, 3)
        self.block = max(1, source.block // max(1, _bytes(self.shape) // _bytes(source.shape)))

    def read(self, start, stop):
        """uint8 `(stop - start, size, size, 3)`."""
        return resize(self.source.read(start, stop), self.shape[1])


class _Blocks:
    """The blocks of a source by number. The last two windows of them are kept, so that each is read once an epoch."""

    def __init__(self, source):
        self.source, self._kept, self._lock = source, collections.OrderedDict(), threading.Lock()
        self._most = 2 * _window(source) if source.block > 1 else 0

    def __getitem__(self, number):
        with self._lock:
            if number in self._kept:
                self._kept.move_to_end(number)
                return self._kept[number]
        start = int(number) * self.source.block
        images = self.source.read(start, min(start + self.source.block, self.source.shape[0]))
        with self._lock:  # two threads may have read the same block: that costs time and nothing else
            self._kept[number] = images
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return images


def _window(source):
    """Blocks in a window."""
    return max(2, WINDOW // (source.block * _bytes(source.shape)))


def _bytes(shape):
    """Of an image."""
    return int(np.prod(shape[1:]))
