"""Files of HDF5 that are what they seem: checksums in those that are written, all values in those that are read.

What HDF5 does not find it reads as the fill value, zero, without a word: black pixels, labels of the first class.
"""

import itertools
import math
import os

import h5py

from keras_resnet.errors import DataError


def new_hdf5(path):
    """An empty `h5py.File` to write to, without dates, in the format of HDF5 1.10, with checksums of all but the values."""
    creation, access = (h5py.h5p.create(kind) for kind in (h5py.h5p.FILE_CREATE, h5py.h5p.FILE_ACCESS))
    creation.set_obj_track_times(False)
    access.set_libver_bounds(h5py.h5f.LIBVER_V110, h5py.h5f.LIBVER_LATEST)
    h5py.h5f.create(os.fsencode(path), h5py.h5f.ACC_TRUNC, creation, access).close()
    return h5py.File(path, "r+", libver="v110")


def own_dataset(file, key, path):
    """A dataset of an open file.

    Args:
        file: an `h5py.File`.
        key: the name of the dataset, which is there.
        path: of the file, for errors.

    Raises:
        DataError: the dataset, or some of it, lies in another file or nowhere; or it is none.
    """
    link = file.get(key, getlink=True)
    if isinstance(link, h5py.ExternalLink):
        raise _not_here(path, key, f"a link to {link.filename}")
    dataset = file.get(key)
    if not isinstance(dataset, h5py.Dataset):
        kind = "a group of datasets" if isinstance(dataset, h5py.Group) else "a link that leads nowhere"
        raise DataError(f"{path}: {key!r} is {kind}; expected a dataset")
    if dataset.file.filename != file.filename:
        raise _not_here(path, key, f"a link to {dataset.file.filename}")
    if dataset.is_virtual:
        raise _not_here(path, key, "a virtual dataset, made of others")
    if dataset.external:
        raise _not_here(path, key, f"stored outside, in {', '.join(name for name, _, _ in dataset.external)}")
    _check_written(dataset, f"{path}: {key!r}")
    return dataset


def _not_here(path, key, what):
    return DataError(f"{path}: {key!r} is {what}; expected the values in the file itself")


def _check_written(dataset, where):
    """Raises a `DataError` unless each value of a dataset has its place in the file."""
    if not dataset.size:
        return
    if dataset.chunks is None:
        there, expected = dataset.id.get_storage_size(), dataset.size * dataset.dtype.itemsize
        if there < expected:  # text of any length takes more than the pointers to it in memory
            raise DataError(f"{where} has {there:,} of {expected:,} bytes: it was never written, or the file is damaged")
        return
    chunks, filters_left_out = set(), []

    def note(chunk):
        chunks.add(chunk.chunk_offset)
        filters_left_out.append(chunk.filter_mask)

    dataset.id.chunk_iter(note)
    starts = [range(0, extent, step) for extent, step in zip(dataset.shape, dataset.chunks, strict=True)]
    count = math.prod(map(len, starts))
    if len(chunks) < count or not chunks.issuperset(itertools.product(*starts)):
        raise DataError(f"{where} lacks some of its {count:,} chunks: they were never written, or the file is damaged")
    if any(filters_left_out):
        raise DataError(f"{where} is damaged: it has chunks without the checksum or compression of the others")
