"""The engines that run an exported network, each loaded alone: none of them imports a framework.

An engine is a function: images uint8 `(N, H, W, 3)`, RGB, 0 to 255, to float32 `(N, outputs)`.
"""

import contextlib
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np

from keras_resnet.deploy.formats import FORMATS, require
from keras_resnet.deploy.metadata import ASSETS, FEATURES, INPUT, KEY, PROBABILITIES
from keras_resnet.errors import DeployError, one_of

FLOAT, HALF, INT8 = PRECISIONS = ("float32", "bfloat16", "int8")
KERAS = "keras"
_BATCH = 64  # images at once, so that memory does not grow with their number
_LONGEST = 200  # characters of an engine's message that are repeated


@dataclass(frozen=True)
class Engine:
    """One engine.

    Attributes:
        format: what it reads, a key of `formats.FORMATS`.
        module: what it is imported as.
        extra: of this package, that installs it.
        precisions: in which it can compute.
        open: `(path, precision)` to a function of images of one batch.
        text: `(path)` to the metadata in the file, or None.
    """

    format: str
    module: str
    extra: str
    precisions: tuple
    open: Callable
    text: Callable


def load(path: str | PathLike, engine: str, precision: str = FLOAT) -> Callable:
    """Loads an exported network into its engine.

    Args:
        path: the file, or the folder of a SavedModel.
        engine: a key of `ENGINES`.
        precision: ``"float32"``; ``"bfloat16"`` computes a float32 file so, where engine and processor can; ``"int8"`` for a
            file that was written in it.

    Returns:
        A function: images uint8 `(N, H, W, 3)` to float32 `(N, outputs)`.

    Raises:
        DeployError: the engine is not installed, does not read the file, or cannot compute so on this machine.
    """
    row = engine_of(engine, precision)
    require(f"engine={engine!r}", (row.module,), row.extra)
    if not Path(path).exists():
        raise DeployError(f"No such file: {path}")
    try:
        run = row.open(str(path), precision)
    except DeployError:
        raise
    except Exception as problem:  # each engine has exceptions of its own, and built-in ones, for what it cannot read
        raise DeployError(f"{path} cannot be read by {engine}: {_short(problem)}") from None
    return lambda images: _in_batches(run, images)


def engine_of(engine: str, precision: str) -> Engine:
    """The `Engine` of a name; a `DeployError` for another one, or one that does not compute in a precision."""
    if engine not in ENGINES:
        raise DeployError(one_of("engine", engine, ENGINES))
    if precision not in PRECISIONS:
        raise DeployError(one_of("precision", precision, PRECISIONS))
    row = ENGINES[engine]
    if precision not in row.precisions:
        raise DeployError(f"precision: {engine} computes in {' or '.join(row.precisions)}, received {precision!r}")
    return row


def metadata_in(path) -> dict | None:
    """What stands in an exported file of itself; None where nothing does."""
    row = next(row for row in ENGINES.values() if FORMATS[row.format].ending == Path(path).suffix)
    text = row.text(str(path))
    return None if text is None else json.loads(text)


def has_bfloat16() -> bool:
    """Whether OpenVINO would compute in bfloat16 on this processor."""
    return "BF16" in _openvino_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


@contextlib.contextmanager
def no_telemetry():
    """Within the `with` block `import openvino` and `import nncf` find no telemetry: both otherwise tell Google Analytics of
    every import and conversion, unless the user has forbidden it (openvino_telemetry's `opt_in_out`)."""
    name = "openvino_telemetry"
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # importing it raises ImportError, for which both have a stand-in
    try:
        yield
    finally:
        del sys.modules[name]


def _in_batches(run, images):
    parts = [run(np.ascontiguousarray(images[start : start + _BATCH])) for start in range(0, len(images), _BATCH)]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _openvino_core():
    with no_telemetry():
        import openvino
    return openvino.Core()


def _openvino(path, precision):
    core, openvino = _openvino_core(), sys.modules["openvino"]
    if precision == HALF and not has_bfloat16():
        raise DeployError("precision: this processor has no bfloat16 instructions; expected 'float32' or 'int8'")
    # Without the hint OpenVINO takes bfloat16 by itself where the processor has it.
    hint = "bf16" if precision == HALF else "f32"
    settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": hint}
    compiled = core.compile_model(core.read_model(path), "CPU", settings)
    _output_name([port.get_any_name() for port in compiled.inputs], [port.get_any_name() for port in compiled.outputs], path)
    request = compiled.create_infer_request()

    def run(images):
        request.set_input_tensor(0, openvino.Tensor(images, shared_memory=images.flags.writeable))  # else it is copied
        request.infer()
        return request.get_output_tensor(0).data.copy()  # the next call writes over it

    return run


def _onnxruntime(path, precision):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    _output_name([each.name for each in session.get_inputs()], [each.name for each in session.get_outputs()], path)
    return lambda images: session.run(None, {INPUT: images})[0]


def _litert(path, precision):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(path, num_threads=os.cpu_count())
    signature = next(iter(interpreter.get_signature_list().values()), {"inputs": [], "outputs": []})
    _output_name(signature["inputs"], signature["outputs"], path)
    place, answer = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    allocated = None

    def run(images):
        nonlocal allocated
        if images.shape != allocated:
            interpreter.resize_tensor_input(place, images.shape)
            interpreter.allocate_tensors()
            allocated = images.shape
        interpreter.set_tensor(place, images)
        interpreter.invoke()
        return interpreter.get_tensor(answer)

    return run


def _tensorflow(path, precision):
    import tensorflow as tf

    loaded = tf.saved_model.load(path)
    call = loaded.signatures["serving_default"]
    name = _output_name(list(call.structured_input_signature[1]), list(call.structured_outputs), path)

    def run(images, kept=loaded):  # the signature alone does not keep the variables alive
        return call(**{INPUT: tf.constant(images)})[name].numpy()

    return run


def _text_in_openvino(path):
    model = _openvino_core().read_model(path)
    return model.get_rt_info([KEY]).astype(str) if model.has_rt_info([KEY]) else None


def _text_in_onnx(path):
    import onnxruntime

    return onnxruntime.InferenceSession(path).get_modelmeta().custom_metadata_map.get(KEY)


def _text_in_litert(path):
    from ai_edge_litert import schema_py_generated as schema

    model = schema.Model.GetRootAs(Path(path).read_bytes(), 0)
    entries = (model.Metadata(index) for index in range(model.MetadataLength()))
    buffers = [model.Buffers(entry.Buffer()) for entry in entries if entry.Name() == KEY.encode()]
    return buffers[0].DataAsNumpy().tobytes().decode() if buffers else None


def _text_in_saved_model(path):
    file = Path(path) / ASSETS / f"{KEY}.json"
    return file.read_text(encoding="utf-8") if file.exists() else None


def _output_name(inputs, outputs, path):
    """What a file gives; a `DeployError` where its inputs and outputs are not those of an export of this package."""
    if list(inputs) != [INPUT] or list(outputs) not in ([PROBABILITIES], [FEATURES]):
        raise DeployError(
            f"{path} takes {', '.join(inputs) or 'nothing'} and gives {', '.join(outputs) or 'nothing'}; expected {INPUT} and "
            f"{PROBABILITIES}, as `keras-resnet export` writes them"
        )
    return outputs[0]


def _short(problem):
    """A message as one short line."""
    text = " ".join(str(problem).split()) or type(problem).__name__
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


ENGINES = {
    "openvino": Engine("openvino", "openvino", "openvino", PRECISIONS, _openvino, _text_in_openvino),
    "onnxruntime": Engine("onnx", "onnxruntime", "onnx", (FLOAT, INT8), _onnxruntime, _text_in_onnx),
    "litert": Engine("litert", "ai_edge_litert", "litert", (FLOAT, INT8), _litert, _text_in_litert),
    "tensorflow": Engine("saved_model", "tensorflow", "", (FLOAT,), _tensorflow, _text_in_saved_model),
}
