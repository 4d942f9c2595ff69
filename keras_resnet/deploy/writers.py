"""Writing a network in each format, its metadata in the file, and in 8-bit integers."""

import contextlib
import json
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import keras
import numpy as np

from keras_resnet.deploy.engines import no_telemetry
from keras_resnet.deploy.metadata import ASSETS, INPUT, KEY


def write(network: keras.Model, path: Path, format: str, metadata: dict) -> None:
    """Writes a network in float32, its metadata in the file.

    Args:
        network: takes images uint8 `(N, H, W, 3)` by the name `images`, gives a dict of one tensor.
        path: of the file, with the format's ending.
        format: a key of `formats.FORMATS`.
        metadata: plain values.
    """
    with _quiet():
        _WRITERS[format](network, path)
        stamp(path, format, metadata)


def stamp(path: Path, format: str, metadata: dict) -> None:
    """Puts metadata into a file that was written, in place of those in it."""
    _STAMPS[format](path, json.dumps(metadata))


def write_litert_int8(network: keras.Model, path: Path, images: np.ndarray) -> None:
    """Writes a network in 8-bit integers throughout, scaled by what its layers give for images, uint8 `(N, H, W, 3)`."""
    import tensorflow as tf

    with _quiet():
        _export(
            network,
            path,
            "litert",
            optimizations=[tf.lite.Optimize.DEFAULT],
            representative_dataset=lambda: ([image[None]] for image in images),
            target_spec={"supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]},
        )


def save_openvino(model, path) -> None:
    """Writes an OpenVINO model; left alone OpenVINO writes float32 weights as float16."""
    with no_telemetry():
        import openvino
    openvino.save_model(model, str(path), compress_to_fp16=False)


def _export(network, path, format, **settings):
    """Keras's own export. Its OpenVINO writer takes no `Path`, and the one for ONNX no network that was never called, unless it
    is told what the network takes."""
    taken = keras.InputSpec(dtype="uint8", shape=network.inputs[0].shape)
    taken.name = INPUT
    network.export(str(path), format=format, verbose=False, input_signature=[taken], **settings)


def _openvino(network, path):
    with no_telemetry():
        _export(network, path, "openvino")


def _stamp_openvino(path, text):
    with no_telemetry():
        import openvino
    model = openvino.Core().read_model(str(path))
    model.set_rt_info(text, [KEY])
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:  # the weights of a model that was read are still in its file
        save_openvino(model, Path(folder) / path.name)
        del model
        for file in Path(folder).iterdir():
            os.replace(file, path.parent / file.name)


def _stamp_onnx(path, text):
    import onnx

    model = onnx.load(str(path))
    del model.metadata_props[:]
    model.metadata_props.add(key=KEY, value=text)
    onnx.save(model, str(path))


def _stamp_litert(path, text):
    """An entry of the file's list of metadata, and the buffer that it points to (tensorflow/lite/schema/schema.fbs)."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(bytearray(path.read_bytes()), 0)
    entry, buffer = schema.MetadataT(), schema.BufferT()
    buffer.data = np.frombuffer(text.encode(), np.uint8)
    entry.name, entry.buffer = KEY, len(model.buffers)
    model.buffers.append(buffer)
    model.metadata = [each for each in model.metadata or [] if each.name != KEY.encode()] + [entry]
    builder = flatbuffers.Builder(path.stat().st_size + len(text) + 1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(builder.Output())


def _stamp_saved_model(path, text):
    folder = path / ASSETS
    folder.mkdir(exist_ok=True)
    (folder / f"{KEY}.json").write_text(text, encoding="utf-8")


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Hides what third parties warn programmers of: tf2onnx of NumPy's old names, TensorFlow of its converter's defaults."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", UserWarning)
        yield


_WRITERS: dict[str, Callable] = {
    "openvino": _openvino,
    "onnx": lambda network, path: _export(network, path, "onnx"),
    "litert": lambda network, path: _export(network, path, "litert"),
    "saved_model": lambda network, path: _export(network, path, "tf_saved_model"),
}
_STAMPS: dict[str, Callable] = {
    "openvino": _stamp_openvino,
    "onnx": _stamp_onnx,
    "litert": _stamp_litert,
    "saved_model": _stamp_saved_model,
}
