"""Writes bad weight files, each of its kind, for the network of `mutant_files.stub`; nothing of the package is used.

``python bad_files.py FOLDER``: the child of `test_bad_files.py`; it reads each file in a process whose memory is watched, and
prints a JSON of name -> seconds, MB, message.
"""

import io
import json
import pickle
import struct
import sys
import zipfile
from pathlib import Path

import h5py
import mutant_files
import numpy as np

CONV = "conv1/conv1/kernel:0"
LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 102853048\n"


def edited(edit, write=mutant_files.legacy):
    """The good file after an edit of the open `h5py.File`."""
    stream = io.BytesIO(write(mutant_files.stub()))
    with h5py.File(stream, "r+") as file:
        edit(file)
    return stream.getvalue()


def put(name, value, **options):
    """An edit: another dataset in the place of one."""

    def edit(file):
        del file[name]
        if options:
            file.create_dataset(name, data=value, **options)
        else:
            file[name] = value

    return lambda: edited(edit)


def changed(name, at, value):
    """An edit: one number."""

    def edit(file):
        file[name][at] = value

    return lambda: edited(edit)


def virtual():
    layout = h5py.VirtualLayout((3, 3, 3, 4), "f4")
    layout[...] = h5py.VirtualSource("other.h5", "x", (3, 3, 3, 4))

    def edit(file):
        del file[CONV]
        file.create_virtual_dataset(CONV, layout)

    return edited(edit)


def external():
    def edit(file):
        del file[CONV]
        file.create_dataset(CONV, (3, 3, 3, 4), "f4", external=[("/etc/hostname", 0, 432)])

    return edited(edit)


def absurd():
    def edit(file):
        del file[CONV]
        file.create_dataset(CONV, (1024,) * 4, "f4", chunks=True)

    return edited(edit)


def archive(compression=zipfile.ZIP_STORED, **members):
    stream = io.BytesIO(mutant_files.archive(mutant_files.stub()))
    with zipfile.ZipFile(stream) as file:
        whole = {name: file.read(name) for name in file.namelist()}
    return mutant_files.zipped(whole | members, compression)


def graph(*layers):
    return json.dumps({"class_name": "Functional", "config": {"layers": layers}}).encode()


def header(change, fill=b""):
    """The good .safetensors file with another header."""
    content = mutant_files.safetensors(mutant_files.stub())
    (length,) = struct.unpack("<Q", content[:8])
    text = change(content[8 : 8 + length])
    return struct.pack("<Q", len(text)) + text + content[8 + length :] + fill


def row(name, **values):
    def change(text):
        rows = json.loads(text)
        rows[name] |= values
        return json.dumps(rows).encode()

    return lambda: header(change)


class Payload:
    """Unpickled by a careless reader, it makes a file."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return Path.touch, (Path(self.marker),)


def torch_zip(**members):
    return mutant_files.zipped({f"archive/{name.replace('__', '.')}": content for name, content in members.items()})


def folder_in_name_alone():
    """The good file, a tensor of which is marked as a folder: PyTorch reads nothing of it."""
    content = bytearray(mutant_files.pickled(mutant_files.stub()))
    content[content.rindex(b"archive/data/3") - 46 + 38] |= 0x10  # APPNOTE.TXT 4.3.12: a row of the archive's directory
    return bytes(content)


def in_itself():
    """A checkpoint whose state dict is the checkpoint."""
    import torch

    value = {"epoch": 3}
    value["state_dict"] = value
    stream = io.BytesIO()
    torch.save(value, stream)
    return stream.getvalue()


def heap(length):
    """The good file of Keras 3's layout, whose heap of texts ends in free space of another length."""
    content = bytearray(mutant_files.native(mutant_files.stub()))
    at = content.index(b"GCOL") + 16
    while number := int.from_bytes(content[at : at + 2], "little"):
        at += 16 + (int.from_bytes(content[at + 8 : at + 16], "little") + 7) // 8 * 8
    assert number == 0
    content[at + 8 : at + 16] = length.to_bytes(8, "little")
    return bytes(content)


def soft(file):
    file["conv1/self"] = h5py.SoftLink("/")


def into_another_file(file):
    del file[CONV]
    file[CONV] = h5py.ExternalLink("good.h5", CONV)


def cycle(file):
    file["conv1/self"] = file["/"]


def no_layers(file):
    for name in list(file):
        del file[name]
    del file.attrs["layer_names"]


ZEROS = np.zeros((3, 3, 3, 2_000_000), "float32")  # 216 MB, which gzip makes 0.2
BOMB = {"compression": "gzip", "chunks": (3, 3, 3, 100_000)}
QUIET = 1600 * (np.random.default_rng(2).bytes(1000) + bytes(60_000))  # 98 MB, which zip makes about 2


def half(content):
    return content[: len(content) // 2]


def bad_files(marker):
    """Name -> what writes its bytes, and what the one line about it must say."""
    code = pickle.dumps({"state_dict": Payload(marker)})
    return {
        "lfs.h5": (LFS.encode, "Git-LFS pointer"),
        "zip.h5": (lambda: mutant_files.zipped({"a": b"b"}), "zip archive without model.weights.h5"),
        "gzip.h5": (lambda: b"\x1f\x8b\x08\x00" + bytes(60), "a gzip file, of 64 bytes; expected HDF5"),
        "empty.h5": (bytes, "an empty file, of 0 bytes"),
        "no_weights.h5": (lambda: edited(no_layers), "holds no weights in a Keras layout"),
        "words_only.h5": (lambda: edited(lambda file: file.attrs.pop("layer_names")), "no attribute layer_names at its root"),
        "transposed.h5": (put(CONV, np.zeros((4, 3, 3, 3), "f4")), "conv1/kernel (4, 3, 3, 3) in the file, (3, 3, 3, 4) in"),
        "strings.h5": (put(CONV, np.full((3, 3, 3, 4), b"one")), "conv1/kernel:0 holds |S3; expected numbers"),
        "objects.h5": (put(CONV, "one"), "conv1/kernel:0 holds object; expected numbers"),
        "complex.h5": (put(CONV, np.zeros((3, 3, 3, 4), "c8")), "holds complex64; expected numbers"),
        "soft.h5": (lambda: edited(soft), "a link at 'conv1/self', which could lead into another file"),
        "into_another.h5": (lambda: edited(into_another_file), f"a link at '{CONV}', which could lead into another file"),
        "cycle.h5": (lambda: edited(cycle), "a group that holds itself, at 'conv1/self'"),
        "virtual.h5": (virtual, "conv1/kernel:0 is kept in another file (a virtual or external dataset)"),
        "external.h5": (external, "conv1/kernel:0 is kept in another file (a virtual or external dataset)"),
        "absurd.h5": (absurd, "declares the shape (1024, 1024, 1024, 1024), 4,398,046,511,104 bytes, of which 0 are there"),
        "bomb.h5": (put(CONV, ZEROS, **BOMB), "declares the shape (3, 3, 3, 2000000), 216,000,000 bytes"),
        "variance.h5": (
            changed("bn_conv1/bn_conv1/moving_variance:0", 2, -0.25),
            "bn_conv1/moving_variance holds a negative variance, -0.25",
        ),
        "too_large.h5": (put(CONV, np.full((3, 3, 3, 4), 1e300)), "conv1/kernel holds infinity"),
        "graph.h5": (lambda: edited(lambda file: file.attrs.update(model_config="{")), "is damaged or not what it seems"),
        "variable.weights.h5": (
            lambda: edited(lambda file: file.__delitem__("layers/batch_normalization/vars/2"), mutant_files.native),
            "lacks a variable of layers/batch_normalization",
        ),
        "heap.weights.h5": (lambda: heap(0), "a heap of texts at byte"),
        "heap_back.weights.h5": (lambda: heap(2**64 - 4096), "a heap of texts at byte"),
        "heap.keras": (lambda: archive(**{"model.weights.h5": heap(0)}), "a heap of texts at byte"),
        "leaves.keras": (lambda: archive(**{"../evil.txt": b"x"}), "a member that leaves its folder, '../evil.txt'"),
        "absolute.keras": (lambda: archive(**{"/tmp/evil.txt": b"x"}), "a member that leaves its folder, '/tmp/evil.txt'"),
        "bomb.keras": (
            lambda: archive(zipfile.ZIP_DEFLATED, **{"model.weights.h5": bytes(2 * 10**8)}),
            "model.weights.h5 unpacks to 200,000,000 bytes",
        ),
        "graph_bomb.keras": (
            lambda: archive(zipfile.ZIP_DEFLATED, **{"config.json": b"[" + b"[],[]," * 3 * 10**7 + b"[]]"}),
            "config.json unpacks to 180,000,004 bytes",
        ),
        "quiet_bomb.keras": (
            lambda: archive(zipfile.ZIP_DEFLATED, **{"model.weights.h5": QUIET}),
            "is damaged or not what it seems",
        ),
        "quiet_graph_bomb.keras": (
            lambda: archive(zipfile.ZIP_DEFLATED, **{"config.json": b"[" + 1600 * (QUIET[:999].hex().encode() + b" " * 60000)}),
            "the saved graph has more than 8,000,000 characters",
        ),
        "checksum.keras": (
            lambda: archive().replace(np.float32(mutant_files.stub()["fc6"]["bias"][2]).tobytes(), b"\0\0\0@"),
            "Bad CRC-32",
        ),
        "lambda.keras": (
            lambda: archive(**{"config.json": graph({"class_name": "Lambda", "config": {"function": "x"}})}),
            "has a Lambda layer, which is code of the file's own; it was not run",
        ),
        "nested_lambda.keras": (
            lambda: archive(**{"config.json": graph({"class_name": "Functional", "config": {
                "layers": [{"class_name": "Lambda", "config": {}}]}})}),
            "has a Lambda layer",
        ),
        "half.keras": (lambda: half(archive()), "a zip archive that is truncated or damaged"),
        "half.safetensors": (lambda: half(header(bytes)), "is damaged or not what it seems"),
        "long_header.safetensors": (
            lambda: struct.pack("<Q", 2**62) + header(bytes)[8:],
            "declares a header of 4,611,686,018,427,387,904 bytes",
        ),
        "twice.safetensors": (
            lambda: header(lambda text: text.replace(b"fc6.bias", b"fc6.weight")),
            "names a tensor twice in its header",
        ),
        "overlap.safetensors": (row("fc6.bias", data_offsets=[0, 24]), "is damaged or not what it seems"),
        "outside.safetensors": (row("fc6.bias", shape=[2**62, 2**62]), "is damaged or not what it seems"),
        "truth.safetensors": (row("fc6.bias", dtype="BOOL", shape=[24]), "holds BOOL; expected numbers"),
        "code.pth": (lambda: code, "could run code; it was not read"),
        "code_in_zip.pth": (lambda: torch_zip(data__pkl=code, version=b"3"), "could run code; it was not read"),
        "bomb.pth": (
            lambda: mutant_files.zipped({"a/data.pkl": bytes(10**8)}, zipfile.ZIP_DEFLATED),
            "unpacks to 100,000,000 bytes",
        ),
        "checksum.pth": (
            lambda: mutant_files.pickled(mutant_files.stub()).replace(
                np.float32(mutant_files.stub()["fc6"]["bias"][2]).tobytes(), b"\0\0\0@"
            ),
            "is not what the archive says of it",
        ),
        "folder.pth": (folder_in_name_alone, "is not what the archive says of it"),
        "in_itself.pth": (in_itself, "is damaged or not what it seems: RecursionError"),
    }  # fmt: skip


def main(folder):
    """Reads every file of the folder; the good one comes first, so that what is imported late is imported."""
    import resource
    import time

    from mutate import Model

    from keras_resnet.errors import WeightsError
    from keras_resnet.weights import load

    found = {}
    for path in sorted(Path(folder).iterdir(), key=lambda path: (not path.name.startswith("good"), path.name)):
        model, held = Model(mutant_files.stub()), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        start, message = time.perf_counter(), None
        try:
            load(model, path, lineage="ignore")
        except WeightsError as problem:
            message = str(problem)
        seconds = time.perf_counter() - start
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - held) / 1024
        same = all((variable.value == 9).all() for layer in model.layers for variable in layer.weights)
        found[path.name] = {"seconds": seconds, "mb": grown, "message": message, "unchanged": same}
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1])
