"""Changes to small weight files at random, from a seed: of bytes, and of names, attributes, types and links."""

import io
import json
import struct
import zipfile

import h5py
import numpy as np
from mutant_files import zipped

ODD_NAMES = ("", ".", "..", "../conv1", "/", "conv1", "fc7", "x" * 300, "\u00e9", "conv1/conv1", "bn2a_branch1", "a\nb", "a:0")
ODD_BYTES = [name.encode() for name in ODD_NAMES] + [b"\xff\xfe", b"conv1/bias:0", b"bn_conv1"]
ODD_GRAPHS = (
    '{"config": {"layers": [{"class_name": 7, "config": {"name": []}}]}}',
    '{"config": 3}',
    "[" * 5000,
    "null",
    "{}",
    "[1]",
)
ODD_VALUES = (7, 1.5, "theano", b"theano", "", b"\xff\xfe", [1, 2], h5py.Empty("f"), np.zeros((2, 2)), ["conv1"], *ODD_GRAPHS)
ODD_JSON = (None, 7, -1, 2**70, 1.5, True, "", "conv1", [], {}, [[1]], {"a": 1}, "F16", "F64", "I64", "BOOL", [0, 4], [2, 2, 1])


def changed(content, change, chance):
    """The bytes after one change or a few: of bytes, or of names, attributes and types."""
    if chance.random() < 0.5:
        return _in_bytes(bytearray(content), chance)
    try:
        return change(content, chance)
    except (ValueError, TypeError, LookupError, MemoryError, OSError, RuntimeError):  # h5py and PyTorch refuse some changes
        return _in_bytes(bytearray(content), chance)


def _in_bytes(content, chance):
    for _ in range(chance.choice((1, 1, 1, 2, 4, 16))):
        at = chance.randrange(len(content) or 1)
        end = min(len(content), at + chance.choice((1, 1, 2, 4, 8, 64)))
        kind = chance.choice(("bit", "bit", "byte", "byte", "zero", "ones", "cut", "delete", "insert", "copy"))
        if kind == "bit" and content:
            content[at] ^= 1 << chance.randrange(8)
        elif kind == "byte":
            content[at:end] = chance.randbytes(end - at)
        elif kind in ("zero", "ones"):
            content[at:end] = (b"\0" if kind == "zero" else b"\xff") * (end - at)
        elif kind == "cut" and chance.random() < 0.3:
            del content[at:]
        elif kind == "delete":
            del content[at:end]
        elif kind == "insert":
            content[at:at] = chance.randbytes(end - at)
        elif kind == "copy":
            other = chance.randrange(len(content) or 1)
            content[at:end] = content[other : other + end - at]
    return bytes(content)


def in_hdf5(content, chance):
    stream = io.BytesIO(content)
    with h5py.File(stream, "r+") as file:
        for _ in range(chance.choice((1, 1, 2))):
            items = [file]
            file.visititems(lambda _, item, items=items: items.append(item))
            groups = [item for item in items if isinstance(item, h5py.Group)]
            datasets = [item for item in items if isinstance(item, h5py.Dataset)]
            chance.choice((_attribute, _attribute, _rename, _replace, _replace, _remove))(file, groups, datasets, chance)
    return stream.getvalue()


def _attribute(file, groups, datasets, chance):
    group = chance.choice([group for group in groups if len(group.attrs)])
    name = chance.choice(list(group.attrs))
    values = group.attrs[name]
    del group.attrs[name]
    if isinstance(values, np.ndarray) and chance.random() < 0.7:
        texts = list(values.astype(object))
        at, other = chance.randrange(len(texts)), chance.randrange(len(texts))
        kind = chance.randrange(5)
        if kind == 0:
            texts[at], texts[other] = texts[other], texts[at]
        elif kind == 1:
            texts.pop(at)
        elif kind == 2:
            texts.append(texts[at])
        else:
            texts[at] = chance.choice(ODD_BYTES)
        group.attrs[name] = np.array(texts) if texts else np.zeros(0)
        return
    group.attrs[chance.choice((name, name, "model_config", "layer_names0", "nb_layers", "lineage"))] = chance.choice(ODD_VALUES)


def _rename(file, groups, datasets, chance):
    item = chance.choice(groups[1:] + datasets)
    folder, _, last = item.name.rpartition("/")
    new = chance.choice((last + "_1", last + ":0", last.upper(), "vars", "9", "0", chance.choice(ODD_NAMES) or "x"))
    file.move(item.name, f"{folder}/{new}")


def _remove(file, groups, datasets, chance):
    del file[chance.choice(groups[1:] + datasets).name]


def _replace(file, groups, datasets, chance):
    """Another dataset, group or link in the place of a dataset."""
    name = chance.choice(datasets).name
    array = file[name][()]
    del file[name]
    kind = chance.randrange(12)
    if kind == 0:
        file[name] = h5py.SoftLink(chance.choice((name, "/", "/conv1", "/nowhere")))
    elif kind == 1:
        file[name] = h5py.ExternalLink(chance.choice(("/etc/hostname", "other.h5")), "/x")
    elif kind == 2:
        file[name] = file[chance.choice(groups).name]  # a hard link, which may close a cycle
    elif kind == 3:
        file.create_group(name)
    elif kind == 4:
        complex_ = array.astype("complex64")
        file[name] = chance.choice((h5py.Empty("f"), "text", array > 0, complex_, array[None], array.T, array[..., :0]))
    elif kind == 5:
        file.create_dataset(name, shape=tuple(side * 10**6 for side in array.shape), dtype="f4", chunks=True)
    elif kind == 6:
        file.create_dataset(name, data=array, chunks=True, compression="gzip", shuffle=True, fletcher32=chance.random() < 0.5)
    elif kind == 7:
        file.create_virtual_dataset(name, _virtual(array))
    else:
        array.flat[chance.randrange(array.size)] = chance.choice((np.nan, np.inf, -np.inf, -1, 1e38, 3e38, 0))
        with np.errstate(all="ignore"):
            file[name] = array.astype(chance.choice((">f4", "f8", ">f8", "f2", "i4", "u1", "f4", "i8")))


def _virtual(array):
    layout = h5py.VirtualLayout(array.shape, "f4")
    layout[...] = h5py.VirtualSource("other.h5", "x", array.shape)
    return layout


def in_archive(content, chance):
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        members = {name: file.read(name) for name in file.namelist()}
    compression = chance.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
    kind = chance.randrange(4)
    if kind == 0:
        members["model.weights.h5"] = in_hdf5(members["model.weights.h5"], chance)
    elif kind == 1:
        members["model.weights.h5"] = _in_bytes(bytearray(members["model.weights.h5"]), chance)
    elif kind == 2:
        members["config.json"] = _in_json(members["config.json"], chance)
    else:
        name = chance.choice(list(members))
        members[chance.choice(("../x", "/x", "x/data.pkl", name.upper(), "a\\..\\b"))] = members.pop(name)
    return zipped(members, compression)


def _in_json(content, chance):
    """Another value in the place of some value, name or item."""
    value = json.loads(content)
    holders = []

    def walk(item):
        if isinstance(item, dict | list) and item:
            holders.append(item)
            for inner in item.values() if isinstance(item, dict) else item:
                walk(inner)

    walk(value)
    for _ in range(chance.choice((1, 1, 3))):
        holder = chance.choice(holders)
        key = chance.choice(list(holder)) if isinstance(holder, dict) else chance.randrange(len(holder))
        holder[key] = chance.choice(ODD_JSON)
    return json.dumps(value).encode()


def in_header(content, chance):
    (length,) = struct.unpack("<Q", content[:8])
    header = content[8 : 8 + length]
    kind = chance.randrange(4)
    if kind == 0:
        header = _in_json(header, chance)
    elif kind == 1:
        rows = json.loads(header)
        name = chance.choice(list(rows))
        rows[chance.choice((f"module.{name}", name.upper(), "a.weight", *ODD_NAMES))] = rows.pop(name)
        header = json.dumps(rows).encode()
    elif kind == 2:
        words = ((b"F32", b"I32"), (b"F32", b"U32"), (b"bn_", b"nb_"), (b"conv1.", b"c.conv1."))
        header = header.replace(*chance.choice(words))
    else:
        return struct.pack("<Q", chance.choice((0, 1, length - 1, length + 1, 2**31, 2**63, 2**64 - 1))) + content[8:]
    return struct.pack("<Q", len(header)) + header + content[8 + length :]


def in_state(content, chance):
    import torch

    values = torch.load(io.BytesIO(content), weights_only=True)
    for _ in range(chance.choice((1, 1, 3))):
        name = chance.choice(list(values))
        tensor = values[name]
        if not isinstance(tensor, torch.Tensor):
            continue
        kind = chance.randrange(5)
        if kind == 0:
            values[chance.choice((f"module.{name}", str(name).upper(), 3, *ODD_NAMES))] = values.pop(name)
        elif kind == 1:
            other = chance.choice([value for value in values.values() if isinstance(value, torch.Tensor)])
            values[name] = other if chance.random() < 0.5 else other.reshape(-1)[:1].expand(tensor.shape)
        elif kind == 2:
            dtypes = (torch.float16, torch.bfloat16, torch.float64, torch.int32, torch.bool, torch.complex64, torch.uint8)
            values[name] = tensor.to(chance.choice(dtypes))
        elif kind == 3:
            kinds = (tensor.to_sparse(), tensor.to("meta"), torch.nn.Parameter(tensor.float()))
            values[name] = chance.choice((None, 3, "text", [], {}, *kinds))
        else:
            values = chance.choice(({"state_dict": values}, {"module." + str(key): value for key, value in values.items()}))
    stream = io.BytesIO()
    torch.save(values, stream, _use_new_zipfile_serialization=chance.random() < 0.7)
    return stream.getvalue()
