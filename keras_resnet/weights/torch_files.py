"""PyTorch's files: .safetensors through its package, .pth through `torch.load(weights_only=True)`, which runs no code."""

import contextlib
import json

import numpy as np

from keras_resnet.errors import WeightsError
from keras_resnet.weights.stored import Stored, StoredTensor, guarded

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
    with file:
        yield _stored(path, "safetensors", {name: _lazy(path, file, name, start, header[name]) for name in file.keys()})


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

    def read():
        with guarded(f"{path}: {name}"):
            if row["dtype"] != "BF16":  # which NumPy has not got
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
        with guarded(path):
            value = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as problem:
        if isinstance(problem, WeightsError) and "weights_only" not in str(problem).lower():
            raise
        raise WeightsError(
            f"{path} holds more than tensors and plain values, so that reading it could run code; it was not read"
        ) from None
    state = _state_dict(value, torch)
    if not state:
        raise WeightsError(f"{path} holds no state dict: expected names and tensors, received {type(value).__name__}")
    yield _stored(path, "pth", {name: _tensor(tensor, torch) for name, tensor in state.items()})


def _state_dict(value, torch):
    """The names and tensors of a state dict, or of the one within a checkpoint."""
    if not isinstance(value, dict):
        return {}
    inner = next((inner for key in _INNER if (inner := _state_dict(value.get(key), torch))), None)
    if inner:  # beside it a checkpoint may keep tensors that are no weights
        return inner
    return {name: tensor for name, tensor in value.items() if isinstance(name, str) and isinstance(tensor, torch.Tensor)}


def _tensor(tensor, torch):
    def read():
        values = tensor.detach()
        return (values.float() if values.dtype in (torch.bfloat16, torch.float16) else values).numpy()

    return StoredTensor(tuple(tensor.shape), read)


def _stored(path, container, tensors):
    layers = {}
    for name, tensor in tensors.items():
        layer, _, weight = name.rpartition(".")
        layers.setdefault(layer or name, {})[weight] = tensor
    if not layers:
        raise WeightsError(f"{path} holds no tensors")
    return Stored(str(path), container, layers)
