"""What an image set is: photographs to train on and to test on, their labels, and the names of the classes."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from keras_resnet.data.memory import check_images
from keras_resnet.data.photo import resize
from keras_resnet.data.stored import StoredImages
from keras_resnet.errors import DataError


@dataclass(frozen=True, eq=False)
class Split:
    """One part of a set: N images with their labels.

    Attributes:
        images: uint8 `(N, H, W, 3)`, RGB, 0 to 255: an array, or `StoredImages`, which are read from the disk as they are
            needed.
        labels: int64 `(N,)`, 0 to the number of classes less one.
        groups: int64 `(N,)`, equal for photos of the same person; None where that is not known.
    """

    images: np.ndarray | StoredImages
    labels: np.ndarray
    groups: np.ndarray | None = None

    def __len__(self):
        return len(self.images)

    def chosen(self, indices: np.ndarray) -> "Split":
        """The images at some indices, int64 `(M,)`, as a `Split`; of `StoredImages` nothing is read."""
        images = self.images.chosen(indices) if isinstance(self.images, StoredImages) else self.images[indices]
        return Split(images, self.labels[indices], None if self.groups is None else self.groups[indices])

    def resized(self, size: int | tuple[int, int]) -> "Split":
        """The same with images of ``size`` x ``size`` pixels."""
        images = self.images.resized(size) if isinstance(self.images, StoredImages) else resize(self.images, size)
        return Split(images, self.labels, self.groups)


@dataclass(frozen=True, eq=False)
class SignsSet:
    """A whole set: training and test images, the names of the classes, and where it was read from.

    ``validation`` is a `Split` where the set itself says which images to validate on, else None.
    """

    train: Split
    test: Split
    class_names: tuple[str, ...]
    path: Path
    validation: Split | None = None

    @property
    def splits(self) -> list["Split"]:
        """The splits that there are: training, test, and validation."""
        return [split for split in (self.train, self.test, self.validation) if split is not None]

    @property
    def image_shape(self) -> tuple[int, ...]:
        """`(H, W, C)` of every image."""
        return tuple(self.train.images.shape[1:])

    def resized(self, size: int | tuple[int, int]) -> "SignsSet":
        """The same set with images of ``size`` x ``size`` pixels; itself where they are so already.

        Raises:
            DataError: the images are not square.
        """
        height, width, _ = self.image_shape
        if height != width:
            raise DataError(f"{self.path} has images of {height} x {width}; expected square ones to resize to {size} x {size}")
        if height == size:
            return self
        in_memory = sum(len(split) for split in self.splits if not isinstance(split.images, StoredImages))
        check_images(in_memory or 1, size, self.path, copies=2)
        validation = None if self.validation is None else self.validation.resized(size)
        return SignsSet(self.train.resized(size), self.test.resized(size), self.class_names, self.path, validation)

    def fingerprint(self) -> str:
        """SHA-256, in hexadecimal, of the images and labels of its splits: equal for equal data, wherever it lies.

        Photographs that stay on the disk count by the bytes of their files, all others by their pixels.
        """
        return fingerprint(self.splits)


def fingerprint(splits) -> str:
    """SHA-256, in hexadecimal, of the images and labels of some splits; see `SignsSet.fingerprint`."""
    digest = hashlib.sha256()
    for split in splits:
        digest.update(repr(split.images.shape).encode())
        stored = isinstance(split.images, StoredImages)
        for part in split.images.contents() if stored else [np.ascontiguousarray(split.images)]:
            digest.update(part)
        digest.update(np.ascontiguousarray(split.labels, dtype="<i8"))
    return digest.hexdigest()
