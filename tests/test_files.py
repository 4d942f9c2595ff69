"""What a file is by its first bytes, HDF5 opened with clear errors, and files that appear whole or not at all."""

import os
import zipfile

import h5py
import numpy as np
import pytest

from keras_resnet.errors import DataError
from keras_resnet.files import describe, hdf5_length, irregular, is_clutter, open_hdf5, open_own, whole

LIBRARY_VERSIONS = {"earliest": 0, "v108": 2, "latest": 3}  # h5py's libver -> version of the superblock it writes


def write_hdf5(path, libver="earliest"):
    with h5py.File(path, "w", libver=libver) as file:
        file["numbers"] = np.arange(5000)
    return path


@pytest.mark.parametrize(
    "content, description",
    [
        (b"", "an empty file"),
        (b"\n <!DOCTYPE html><html><body>Sign in</body></html>", "an HTML page"),
        (b'<?xml version="1.0"?><html></html>', "an HTML page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 9\n", "a Git-LFS pointer"),
        (b"\x1f\x8b\x08\x00", "a gzip file"),
        (b"weights", "not a format known here"),
    ],
)
def test_describe_reads_the_first_bytes_not_the_name(tmp_path, content, description):
    path = tmp_path / "train_signs.h5"
    path.write_bytes(content)
    assert describe(path).startswith(description)


def test_describe_knows_files_written_by_others(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.h5", "w") as archive:
        archive.writestr("x", "y")
    with zipfile.ZipFile(tmp_path / "b.h5", "w"):
        pass
    np.save(tmp_path / "c.npy", np.zeros(3))
    assert describe(tmp_path / "a.h5") == "a zip archive"
    assert describe(tmp_path / "b.h5") == "an empty zip archive"
    assert describe(tmp_path / "c.npy") == "a NumPy array"
    assert describe(write_hdf5(tmp_path / "d.txt")) == "an HDF5 file"


@pytest.mark.parametrize("libver, version", LIBRARY_VERSIONS.items())
def test_an_intact_file_opens_and_declares_its_length(tmp_path, libver, version):
    path = write_hdf5(tmp_path / "a.h5", libver)
    assert path.read_bytes()[8] == version
    assert hdf5_length(path) == path.stat().st_size
    with open_hdf5(path) as file:
        assert file["numbers"][-1] == 4999


@pytest.mark.parametrize("libver", LIBRARY_VERSIONS)
def test_a_truncated_file_is_refused_with_both_lengths(tmp_path, libver):
    path = write_hdf5(tmp_path / "a.h5", libver)
    full = path.stat().st_size
    os.truncate(path, 30_001)
    with pytest.raises(DataError) as caught, open_hdf5(path, DataError):
        pass
    assert str(caught.value) == f"{path} is truncated: expected {full:,} bytes, received 30,001; fetch it again"


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "is an empty file, of 0 bytes; expected an HDF5 file"),
        (b"<html>404</html>", "is an HTML page (a login or error page saved under this name?), of 16 bytes; expected"),
        (b"version https://git-lfs.github.com", "is a Git-LFS pointer (the file itself was not downloaded"),
        (b"\x89HDF\r\n\x1a\n" + b"\xff" * 100, "cannot be opened as HDF5: "),
        (b"\x89HDF\r\n\x1a\n\x00", "cannot be opened as HDF5: "),
    ],
)
def test_what_is_not_hdf5_is_refused_in_one_line(tmp_path, content, message):
    path = tmp_path / "a.h5"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught, open_hdf5(path, DataError):
        pass
    assert str(caught.value).startswith(f"{path} {message}")
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    with pytest.raises(DataError, match="^No such file: .*absent.h5$"), open_hdf5(tmp_path / "absent.h5", DataError):
        pass
    with pytest.raises(DataError, match="is a folder; expected an HDF5 file$"), open_hdf5(tmp_path, DataError):
        pass


def test_what_would_be_waited_for_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe.h5")
    with (
        pytest.raises(DataError, match="pipe.h5 is a named pipe; expected an HDF5 file$"),
        open_hdf5(tmp_path / "pipe.h5", DataError),
    ):
        pass
    assert irregular(tmp_path / "pipe.h5") == "a named pipe" and irregular(tmp_path) == "a folder"
    assert irregular("/dev/null") == "a device"
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to("file")
    assert [irregular(tmp_path / name) for name in ("file", "link", "nothing")] == [None] * 3


def test_a_file_of_ours_is_opened_and_nothing_else(tmp_path):
    os.close(open_own(tmp_path / "a.part", os.O_WRONLY))
    os.close(open_own(tmp_path / "a.part", os.O_WRONLY))
    (tmp_path / "theirs").write_text("theirs")
    (tmp_path / "b.part").symlink_to("theirs")
    (tmp_path / "c.part").symlink_to("nothing")
    os.link(tmp_path / "theirs", tmp_path / "d.part")
    os.mkfifo(tmp_path / "e.part")
    for name, kind in {"b": "a link", "c": "a link", "d": "a second name of another file", "e": "a named pipe"}.items():
        with pytest.raises(DataError) as caught:
            open_own(tmp_path / f"{name}.part", os.O_RDWR, DataError)
        expected = f"{tmp_path}/{name}.part is {kind}, which may belong to somebody else; delete it and run again"
        assert str(caught.value) == expected
    assert (tmp_path / "theirs").read_text() == "theirs" and not (tmp_path / "nothing").exists()


def test_clutter_is_known_by_its_name():
    for name in (".DS_Store", "._photo.jpg", "__MACOSX", "Thumbs.db", "thumbs.db", ".ipynb_checkpoints", "desktop.ini"):
        assert is_clutter(name)
    assert not any(map(is_clutter, ("photo.jpg", "macosx", "thumbs", "0")))


def test_errors_of_the_caller_pass_through(tmp_path):
    with pytest.raises(OSError, match="^mine$"), open_hdf5(write_hdf5(tmp_path / "a.h5"), DataError):
        raise OSError("mine")


def test_whole_makes_folders_and_replaces(tmp_path):
    path = tmp_path / "new" / "folder" / "a.txt"
    for text in ("first", "second"):
        with whole(path) as temporary:
            assert temporary.parent == path.parent and temporary.suffix == ".txt"
            temporary.write_text(text)
        assert path.read_text() == text
    assert os.listdir(path.parent) == ["a.txt"]
    umask = os.umask(0)
    os.umask(umask)
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask


@pytest.mark.parametrize("exception", [ValueError, KeyboardInterrupt])
def test_whole_leaves_an_older_file_as_it_was(tmp_path, exception):
    path = tmp_path / "a.txt"
    path.write_text("older")
    with pytest.raises(exception), whole(path) as temporary:
        temporary.write_text("half of the new")
        raise exception
    assert path.read_text() == "older"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_whole_names_the_file_that_a_full_disk_had_no_room_for(tmp_path):
    for make in (lambda: OSError(28, "No space left on device"), lambda: OSError(27, "File too large")):
        with pytest.raises(OSError) as caught, whole(tmp_path / "a.txt"):
            raise make()
        assert caught.value.filename == str(tmp_path / "a.txt") and os.listdir(tmp_path) == []
    with pytest.raises(OSError) as caught, whole(tmp_path / "a.txt"):
        open(tmp_path / "b.txt")
    assert caught.value.filename == str(tmp_path / "b.txt")  # one that says its file is left as it is


def test_whole_leaves_nothing_where_there_was_nothing(tmp_path):
    with pytest.raises(ValueError), whole(tmp_path / "a.txt"):
        raise ValueError
    assert os.listdir(tmp_path) == []
