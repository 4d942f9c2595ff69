"""Small weight files in every container, written by plain libraries, and what plain readers find in a file.

Nothing of the package is used here. `mutate.py` compares.
"""

import io
import json
import zipfile

import h5py
import numpy as np

NORM = ("gamma", "beta", "moving_mean", "moving_variance")
TORCH = {"kernel": "weight", "gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}


def stub():
    """The weights of three layers: name -> role -> array."""
    generator = np.random.default_rng(0)
    return {"conv1": _conv(generator, 3, 3, 4), "bn_conv1": _norm(generator, 4), "fc6": _dense(generator, 4, 6)}


def tiny():
    """Four stages of one bottleneck each, under Chollet's names."""
    generator, channels = np.random.default_rng(1), 2
    layers = {"conv1": _conv(generator, 3, 3, 2), "bn_conv1": _norm(generator, 2)}
    for stage in (2, 3, 4, 5):
        for branch, side, inputs, outputs in (("2a", 1, channels, 2), ("2b", 3, 2, 2), ("2c", 1, 2, 4), ("1", 1, channels, 4)):
            layers[f"res{stage}a_branch{branch}"] = _conv(generator, side, inputs, outputs)
            layers[f"bn{stage}a_branch{branch}"] = _norm(generator, outputs)
        channels = 4
    return {**layers, "fc1000": _dense(generator, 4, 3)}


def _conv(generator, side, inputs, outputs):
    return {"kernel": _random(generator, side, side, inputs, outputs), "bias": _random(generator, outputs)}


def _dense(generator, inputs, outputs):
    return {"kernel": _random(generator, inputs, outputs), "bias": _random(generator, outputs)}


def _norm(generator, channels):
    return {role: _random(generator, channels) ** 2 + np.float32(0.5) for role in NORM}


def _random(generator, *shape):
    return generator.standard_normal(shape, "float32")


def legacy(layers, libver=None):
    """The layout of Keras 1 and 2, as bytes."""
    stream = io.BytesIO()
    with h5py.File(stream, "w", libver=libver) as file:
        file.attrs["layer_names"] = np.array([name.encode() for name in layers])
        file.attrs["backend"], file.attrs["keras_version"] = b"tensorflow", b"2.2.4"
        for name, weights in layers.items():
            group = file.create_group(name)
            group.attrs["weight_names"] = np.array([f"{name}/{role}:0".encode() for role in weights])
            for role, array in weights.items():
                group[f"{name}/{role}:0"] = array
    return stream.getvalue()


def native(layers):
    """The layout of Keras 3, as bytes."""
    stream, counts = io.BytesIO(), {}
    with h5py.File(stream, "w") as file:
        for name, weights in layers.items():
            kind = group_kind(weights)
            number = counts[kind] = counts.get(kind, -1) + 1
            group = file.create_group(f"layers/{kind}_{number}/vars" if number else f"layers/{kind}/vars")
            group.attrs["name"] = name
            for index, array in enumerate(weights.values()):
                group[str(index)] = array
    return stream.getvalue()


def group_kind(weights):
    if "gamma" in weights:
        return "batch_normalization"
    return "conv2d" if weights["kernel"].ndim == 4 else "dense"


def archive(layers):
    """A .keras archive, as bytes."""
    classes = {"batch_normalization": "BatchNormalization", "conv2d": "Conv2D", "dense": "Dense"}
    graph = [{"class_name": classes[group_kind(weights)], "config": {"name": name}} for name, weights in layers.items()]
    config = {"class_name": "Functional", "config": {"name": "net", "layers": graph}}
    return zipped({"metadata.json": b"{}", "config.json": json.dumps(config).encode(), "model.weights.h5": native(layers)})


def zipped(members, compression=zipfile.ZIP_STORED):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as file:
        for name, content in members.items():
            file.writestr(zipfile.ZipInfo(name), content, compress_type=compression)
    return stream.getvalue()


def state(layers):
    """PyTorch's names and axes."""
    found = {}
    for name, weights in layers.items():
        for role, array in weights.items():
            turned = array.transpose(3, 2, 0, 1) if array.ndim == 4 else array.T
            found[f"{name}.{TORCH.get(role, role)}"] = np.ascontiguousarray(turned)
        if "gamma" in weights:
            found[f"{name}.num_batches_tracked"] = np.array(7)
    return found


def safetensors(layers):
    from safetensors.numpy import save

    return save(state(layers))


def pickled(layers, zipped=True):
    import torch

    stream = io.BytesIO()
    torch.save(
        {name: torch.from_numpy(array) for name, array in state(layers).items()}, stream, _use_new_zipfile_serialization=zipped
    )
    return stream.getvalue()


def in_keras_axes(array):
    return array.transpose(2, 3, 1, 0) if array.ndim == 4 else array.T


class Expected:
    """What a plain reader finds in a changed file, by the places that it had before.

    Args:
        found: `(layer, role)` -> array, or another key for what has another name than any weight had before.
        turned: whether the file says that its kernels are Theano's.
    """

    def __init__(self, found, turned=False):
        self.found, self.turned = found, turned

    def allows(self, layer, role, value, known):
        """Whether a model's weight is what stands at its place; or, where that is gone, under a name that is new."""
        exact = self.found.get((layer, role))
        places = [exact] if exact is not None else [array for key, array in self.found.items() if key not in known]
        return any(self._equal(np.asarray(array), role, value) for array in places)

    def _equal(self, array, role, value):
        if array.dtype.kind not in "fiu":
            return False
        with np.errstate(all="ignore"):
            array = array.astype("float32")
        if self.turned and role == "kernel" and array.ndim == 4:
            array = array[::-1, ::-1]
        return array.shape == value.shape and np.array_equal(array, value)


def read_hdf5(source, layers):
    """What plain h5py finds; ``source`` is a path or a stream."""
    with h5py.File(source, "r") as file:
        if "layer_names" in file.attrs or "model_weights" in file:
            return _read_legacy(file, layers)
        return _read_native(file, layers)


def _read_legacy(file, layers):
    root = file if "layer_names" in file.attrs else file["model_weights"]
    backend = root.attrs.get("backend", file.attrs.get("backend", b""))
    found = {}
    for name in root.attrs["layer_names"]:
        for weight in root[name].attrs.get("weight_names", ()):
            path = f"{_text(name)}/{_text(weight)}"
            words = _text(weight).removesuffix(":0").split("/")
            key = (_text(name), words[-1]) if words[-1] in layers.get(_text(name), ()) else path
            found[key] = root[path][()]
    return Expected(found, _text(backend) == "theano")


def _read_native(file, layers):
    found = {}
    for group, item in file["layers"].items():
        if "vars" not in item:
            continue
        name = _text(item["vars"].attrs.get("name", group))
        for index, dataset in item["vars"].items():
            roles = list(layers.get(name, ()))
            role = roles[int(index)] if int(index) < len(roles) else index
            found[name, role] = dataset[()]
    return Expected(found)


def read_archive(path, layers):
    """What plain zipfile and h5py find."""
    with zipfile.ZipFile(path) as file:
        return read_hdf5(io.BytesIO(file.read("model.weights.h5")), layers)


def read_safetensors(path, layers):
    """What the safetensors package finds; bfloat16, which NumPy lacks, through PyTorch."""
    from safetensors.torch import load_file

    return _of_torch({name: tensor.float().numpy() for name, tensor in load_file(path).items()}, layers)


def read_pickled(path, layers):
    """What plain `torch.load` finds."""
    import torch

    value = torch.load(path, map_location="cpu", weights_only=True)
    while isinstance(value.get("state_dict"), dict):
        value = value["state_dict"]
    tensors = {name: value for name, value in value.items() if isinstance(value, torch.Tensor)}
    return _of_torch({name: tensor.detach().float().numpy() for name, tensor in tensors.items()}, layers)


def _of_torch(tensors, layers):
    words = {f"{layer}.{TORCH.get(role, role)}": (layer, role) for layer, weights in layers.items() for role in weights}
    return Expected({words.get(name, name): in_keras_axes(array) for name, array in tensors.items()})


def _text(value):
    return value.decode() if isinstance(value, bytes) else str(value)
