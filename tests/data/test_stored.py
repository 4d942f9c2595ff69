"""Images that stay on the disk: the same values as in memory, each block read once, and an order that mixes them."""

import collections

import h5py
import numpy as np
import pytest

from keras_resnet.data import load_signs, stored, write_signs
from keras_resnet.data.pipeline import Batches
from keras_resnet.data.sets import Split
from keras_resnet.data.stored import Hdf5Images, PhotoImages, StoredImages, shuffled
from keras_resnet.errors import DataError


def numbered(count, size=8):
    """Image i has the value i in all pixels of its first two channels together, so that it can be told from the others."""
    images = np.zeros((count, size, size, 3), np.uint8)
    images[..., 0], images[..., 1] = np.arange(count)[:, None, None] % 256, np.arange(count)[:, None, None] // 256
    return images


def numbers(images):
    return images[:, 0, 0, :2].astype(int) @ (1, 256)


class Counted(Hdf5Images):
    """Counts how often each block is read."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.reads = collections.Counter()

    def read(self, start, stop):
        self.reads[start] += 1
        return super().read(start, stop)


@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks of 10 images of 8 x 8, windows of 4 blocks."""
    monkeypatch.setattr(stored, "BLOCK", 10 * 192)
    monkeypatch.setattr(stored, "WINDOW", 40 * 192)


@pytest.fixture
def source(tmp_path, small_blocks):
    with h5py.File(tmp_path / "images.h5", "w") as file:
        file["x"] = numbered(205)
    return Counted(tmp_path / "images.h5", "x", (205, 8, 8, 3))


def test_indexing_is_that_of_an_array(source):
    images, array = StoredImages(source), numbered(205)
    for key in (3, -1, slice(None), slice(7, 31, 3), np.array([204, 0, 7, 7]), [5, 2], slice(0, 0)):
        np.testing.assert_array_equal(images[key], array[key])
    part = images.chosen(np.array([200, 3, 50, 199]))
    assert part.shape == (4, 8, 8, 3) and numbers(part[:]).tolist() == [200, 3, 50, 199]
    assert numbers(part.chosen([2, 0])[:]).tolist() == [50, 200]
    with pytest.raises(IndexError):
        images[205]


def test_an_epoch_holds_every_image_once_and_reads_every_block_once(source):
    batches = Batches(Split(StoredImages(source), np.zeros(205, int)), 2, batch_size=5, augmentation=None)
    batches._order = shuffled(batches.split.images, np.random.default_rng(0))
    seen = np.concatenate([numbers(batches[index][0]) for index in range(len(batches))])
    assert sorted(seen) == list(range(205))
    assert set(source.reads.values()) == {1} and len(source.reads) == 21


def test_the_order_mixes_blocks_from_all_over_the_file_and_differs_from_epoch_to_epoch(source):
    images = StoredImages(source)
    first, second = (images.shuffled(np.random.default_rng(seed)) for seed in (0, 1))
    assert sorted(first) == list(range(205)) and (first != second).mean() > 0.9
    window = first[:40]  # four blocks: the images of each stand nowhere together
    assert len(np.unique(window // 10)) == 4 and np.ptp(window // 10) > 4
    assert np.mean(np.diff(window) == 1) < 0.2
    np.testing.assert_array_equal(first, images.shuffled(np.random.default_rng(0)))


def test_a_set_within_a_window_is_shuffled_as_in_memory(source, monkeypatch):
    monkeypatch.setattr(stored, "WINDOW", 210 * 192)
    expected = np.random.default_rng(3).permutation(205)
    np.testing.assert_array_equal(shuffled(StoredImages(source), np.random.default_rng(3)), expected)


def test_images_kept_in_memory_are_two_windows_at_most(source):
    images = StoredImages(source)
    for index in range(205):
        images[index]
    assert len(images._blocks._kept) == 8


def test_blocks_are_whole_chunks_of_a_compressed_file(tmp_path, small_blocks):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("x", data=numbered(50), chunks=(4, 8, 8, 3), compression="gzip")
    images = Hdf5Images(tmp_path / "a.h5", "x", (50, 8, 8, 3), 4)
    assert images.block == 8  # two chunks: the most whole ones within ten images
    np.testing.assert_array_equal(StoredImages(images)[:], numbered(50))


def test_a_set_on_the_disk_is_the_set_in_memory(tmp_path):
    generator = np.random.default_rng(0)
    splits = [Split(generator.integers(0, 256, (n, 12, 12, 3), "uint8"), np.arange(n) % 2, np.arange(n)) for n in (20, 7)]
    write_signs(tmp_path, *splits, ("a", "b"))
    memory, disk = load_signs(tmp_path), load_signs(tmp_path, stream=True)
    assert isinstance(disk.train.images, StoredImages) and isinstance(memory.train.images, np.ndarray)
    assert disk.fingerprint() == memory.fingerprint() and disk.image_shape == memory.image_shape
    for part in ("train", "test"):
        np.testing.assert_array_equal(getattr(disk, part).images[:], getattr(memory, part).images)
        np.testing.assert_array_equal(getattr(disk.resized(9), part).images[:], getattr(memory.resized(9), part).images)


def test_size_decides_where_nobody_does(monkeypatch, tmp_path):
    write_signs(tmp_path, *(Split(numbered(n), np.zeros(n, int)) for n in (20, 10)), ("a",))
    monkeypatch.setattr(stored, "IN_MEMORY", 10 * 192)
    signs = load_signs(tmp_path)
    assert isinstance(signs.train.images, StoredImages) and isinstance(signs.test.images, np.ndarray)
    assert isinstance(load_signs(tmp_path, stream=False).train.images, np.ndarray)


def test_a_file_that_goes_or_shrinks_is_one_line(source, tmp_path):
    images = StoredImages(source)
    images[0]
    with h5py.File(tmp_path / "images.h5", "w") as file:
        file["x"] = numbered(100)
    with pytest.raises(DataError, match="images.h5 has changed while it was in use: x has no images 200 to 204 any more$"):
        images[204]
    (tmp_path / "images.h5").unlink()
    with pytest.raises(DataError, match=r"^No such file: .*images\.h5$"):
        images[150]


def test_photographs_are_told_apart_by_their_files(tmp_path):
    from PIL import Image

    files = [tmp_path / f"{number}.png" for number in range(2)]
    for file, image in zip(files, numbered(2), strict=True):
        Image.fromarray(image).save(file)
    images = StoredImages(PhotoImages(files, 8))
    np.testing.assert_array_equal(images[:], numbered(2))
    contents = b"".join(images.contents())
    assert contents == b"8" + b"".join(file.read_bytes() for file in files)
    files[1].unlink()
    with pytest.raises(DataError, match="1.png cannot be read: No such file or directory"):
        list(images.contents())
