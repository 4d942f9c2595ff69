"""PyTorch's files: .safetensors through its package, .pth through `torch.load(weights_only=True)`, which runs no code.

Written are .safetensors alone.
"""

import contextlib
import json
import re
import warnings

import numpy as np

from keras_resnet.errors import WeightsError
from keras_resnet.weights.weight_file import ORIGIN, Stored, StoredTensor, check_size, guarded

# Where training scripts keep the state dict in a checkpoint.
_INNER = ("state_dict", "model_state_dict", "model", "state_dict_ema", "net", "network")
_HEADER = 100_000_000  # bytes: the format's own limit of a header, huggingface/safetensors, README


@contextlib.contextmanager
def safetensors(path):
    """A .safetensors file as a `Stored`.

    Raises:
        WeightsError: damaged; or the safetensors package is not installed.
    """
    try:
        from safetensors import SafetensorError, safe_open
    except ImportError:
        raise WeightsError(f"{path} is a safetensors file; install the package safetensors to read it") from None
    with guarded(path, SafetensorError):
        start, header = _header(path)
        file = safe_open(path, framework="numpy")  # checks the header against the file's length
        said = {name: text for name, text in header.get("__metadata__", {}).items() if name in ORIGIN}
    with file:
        with guarded(path):
            tensors = {name: _lazy(path, file, name, start, header[name]) for name in file.keys()}
        widened = sum(header[name]["dtype"] == "BF16" for name in tensors)
        yield _stored(path, "safetensors", tensors, said=said, widened=widened)


def write_safetensors(path, layers, attributes=()):
    """Writes a .safetensors file.

    Args:
        path: of a file that is written anew.
        layers: layer name -> weight name -> array.
        attributes: a dict of str, for the file's metadata.

    Raises:
        WeightsError: the safetensors package is not installed.
    """
    try:
        from safetensors import SafetensorError
        from safetensors.numpy import save_file
    except ImportError:
        raise WeightsError("install the package safetensors to write such a file") from None
    tensors = {
        f"{layer}.{name}": np.ascontiguousarray(array).reshape(array.shape)  # which makes scalars arrays of one
        for layer, weights in layers.items()
        for name, array in weights.items()
    }
    try:
        save_file(tensors, path, metadata={"format": "pt", **dict(attributes)})  # "pt": Hugging Face's readers ask for it
    except SafetensorError as problem:  # a full disk too
        raise OSError(str(problem)) from None


def _header(path):
    """Where the data starts, and the header's rows; names that come twice are refused, which the package does not."""
    with open(path, "rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if length > _HEADER:
            raise WeightsError(f"{path} declares a header of {length:,} bytes; expected at most {_HEADER:,}")
        text = stream.read(length)

    def rows(pairs):
        found = dict(pairs)
        if len(found) < len(pairs):
            raise WeightsError(f"{path} names a tensor twice in its header")
        return found

    return 8 + length, json.loads(text, object_pairs_hook=rows)


def _lazy(path, file, name, start, row):
    shape = tuple(row["shape"])
    if not re.fullmatch(r"[FIU](8|16|32|64)|BF16", row["dtype"]):
        raise WeightsError(f"{path}: {name} holds {row['dtype']}; expected numbers")

    def read():
        with guarded(f"{path}: {name}"):
            if row["dtype"] != "BF16":  # which NumPy lacks
                return file.get_tensor(name)
            first, last = row["data_offsets"]
            with open(path, "rb") as stream:
                stream.seek(start + first)
                return from_bfloat16(np.frombuffer(stream.read(last - first), "<u2")).reshape(shape)

    return StoredTensor(shape, read)


def from_bfloat16(halves):
    """float32 of bfloat16 given as uint16: they are its upper 16 bits."""
    return (halves.astype(np.uint32) << 16).view(np.float32)


@contextlib.contextmanager
def pickled(path):
    """A file of `torch.save`, of the zip format or the older stream, as a `Stored`.

    Raises:
        WeightsError: damaged, holds more than tensors and plain values, no state dict inside; or PyTorch is not installed.
    """
    try:
        import torch
    except ImportError:
        raise WeightsError(f"{path} is a file of PyTorch; install torch to read it, or a .safetensors file instead") from None
    try:
        with guarded(path), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on the protocol of the pickle
            value = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as problem:
        if isinstance(problem, WeightsError) and "weights_only" not in str(problem).lower():
            raise
        raise WeightsError(
            f"{path} holds more than tensors and plain values, so that reading it could run code; it was not read"
        ) from None
    with guarded(path):
        state = _state_dict(value, torch)
        tensors = {name: _tensor(tensor, torch, f"{path}: {name}") for name, tensor in state.items()}
    if not state:
        raise WeightsError(f"{path} holds no state dict: expected names and tensors, received {type(value).__name__}")
    widened = sum(tensor.dtype is torch.bfloat16 for tensor in state.values())
    yield _stored(path, "pth", tensors, widened=widened)


def _state_dict(value, torch):
    """The names and tensors of a state dict, or of the one within a checkpoint."""
    if not isinstance(value, dict):
        return {}
    inner = next((inner for key in _INNER if (inner := _state_dict(value.get(key), torch))), None)
    if inner:  # beside it a checkpoint may keep tensors that are no weights
        return inner
    return {name: tensor for name, tensor in value.items() if isinstance(name, str) and isinstance(tensor, torch.Tensor)}


def _tensor(tensor, torch, what):
    kind, plain = tensor.dtype, tensor.layout is torch.strided and tensor.device.type == "cpu"
    if not plain or kind.is_complex or kind is torch.bool or tensor.is_quantized:
        raise WeightsError(f"{what} holds {kind}, {tensor.layout}, on {tensor.device}; expected plain numbers")
    check_size(what, tensor.shape, tensor.element_size(), tensor.untyped_storage().nbytes())

    def read():
        with guarded(what):
            values = tensor.detach()
            return (values.float() if values.dtype is torch.bfloat16 else values).numpy()

    return StoredTensor(tuple(tensor.shape), read)


def _stored(path, container, tensors, *, said=None, widened=0):
    layers = {}
    for name, tensor in tensors.items():
        if not name.isprintable():
            raise WeightsError(f"{path} names a tensor {name!r}, which is no name")
        layer, _, weight = name.rpartition(".")
        layers.setdefault(layer or name, {})[weight] = tensor
    if not layers:
        raise WeightsError(f"{path} holds no tensors")
    return Stored(str(path), container, layers, said=said or {}, widened=widened)
