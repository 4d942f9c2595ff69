"""An exported network in 8-bit integers, by NNCF, with the layers left in float32 that lose accuracy in them."""

import contextlib
import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from keras_resnet.deploy.engines import no_telemetry
from keras_resnet.deploy.metadata import INPUT
from keras_resnet.deploy.sources import all_layers
from keras_resnet.deploy.writers import save_openvino

CALIBRATED = 300  # images, NNCF's own default
_ALIKE = 0.9999  # cosine of the angle between two kernels


@dataclass(frozen=True, eq=False)
class Judge:
    """What accuracy is to be kept, and on what.

    Attributes:
        images: uint8 `(N, H, W, 3)`.
        truth: int64 `(N,)`, their classes.
        max_drop: points of accuracy, 0 to 100, that may be lost.
    """

    images: np.ndarray
    truth: np.ndarray
    max_drop: float

    def accuracy(self, answers: np.ndarray) -> float:
        """The share of images whose largest answer is that of their class."""
        return float((answers.argmax(axis=1) == self.truth).mean())


def quantize(path: Path, format: str, calibration: np.ndarray, judge: Judge | None = None) -> None:
    """Turns a float32 file of OpenVINO or ONNX into one of 8-bit integers, in its place.

    Args:
        path: of the file.
        format: ``"openvino"`` or ``"onnx"``.
        calibration: uint8 `(N, H, W, 3)`, what the scales are taken from.
        judge: None quantizes every layer that has integers; a `Judge` has those left in float32 that lose most, one after the
            other, until the accuracy is kept.
    """
    read, save, run = _FORMATS[format]
    with _quiet_nncf() as nncf:
        data = nncf.Dataset([image[None] for image in calibration], lambda image: {INPUT: image})
        model = read(path)
        if judge is None:
            model = nncf.quantize(model, data, subset_size=len(calibration))
        else:
            model = nncf.quantize_with_accuracy_control(
                model,
                data,
                nncf.Dataset(list(judge.images)),
                lambda found, images: (judge.accuracy(run(found, np.stack(list(images)))), None),
                max_drop=judge.max_drop / 100,
                drop_type=nncf.DropType.ABSOLUTE,
                subset_size=len(calibration),
            )
    draft = path.with_name(f"int8-{path.name}")  # the weights of a model that was read are still in its file
    save(model, draft)
    del model
    for ending in (".xml", ".bin") if format == "openvino" else (".onnx",):
        os.replace(draft.with_suffix(ending), path.with_suffix(ending))


def float_layers(path: Path, format: str, network) -> tuple:
    """The layers of a network that an int8 file of it computes in float32 still, by name.

    Converters rename layers and fold batch normalisation into kernels, each output channel times a number: a kernel is
    recognised by its first output channel's direction.

    Args:
        path: of the file.
        format: its format.
        network: the `keras.Model` that it was made from.
    """
    kernels = {layer.path: np.asarray(layer.kernel) for layer in all_layers(network) if hasattr(layer, "kernel")}
    return tuple(_name_of(found, kernels) for found in _FLOAT_KERNELS[format](path))


def _name_of(found, kernels):
    """The layer whose kernel `(H, W, in, out)` or `(in, out)` was found, as `(out, in, H, W)` or with transposed axes."""
    for name, kernel in kernels.items():
        one = np.moveaxis(kernel, (-1, -2), (0, 1))[0].ravel()
        for other in (found[0].ravel(), found[..., 0].ravel()):
            lengths = np.linalg.norm(one) * np.linalg.norm(other)
            if one.shape == other.shape and lengths and abs(one @ other) > _ALIKE * lengths:
                return name.rpartition("/")[2]
    return f"a layer with a kernel of {' x '.join(map(str, found.shape))}"


@contextlib.contextmanager
def _quiet_nncf() -> Iterator:
    """NNCF, without its progress bars and its lines of information."""
    with no_telemetry():
        import nncf
    import rich

    logger, console = logging.getLogger("nncf"), rich.get_console()
    before = logger.level, console.is_jupyter
    logger.setLevel(logging.ERROR)
    console.is_jupyter = False  # there the bars are pictures, which no redirection hides
    try:
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
            yield nncf
    finally:
        logger.setLevel(before[0])
        console.is_jupyter = before[1]


def _read_openvino(path):
    with no_telemetry():
        import openvino
    return openvino.Core().read_model(str(path))


def _run_openvino(compiled, images):
    return next(iter(compiled({INPUT: images}).values()))


def _read_onnx(path):
    import onnx

    return onnx.load(str(path))


def _save_onnx(model, path):
    import onnx

    onnx.save(model, str(path))


def _run_onnx(model, images):
    import onnxruntime

    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {INPUT: images})[0]


def _float_in_openvino(path):
    for node in _read_openvino(path).get_ops():
        if node.get_type_name() not in ("Convolution", "GroupConvolution", "MatMul"):
            continue
        kernel, passed = node.input_value(1).get_node(), set()
        while kernel.inputs():
            passed.add(kernel.get_type_name())
            kernel = kernel.input_value(0).get_node()
        if "FakeQuantize" not in passed and kernel.get_element_type().to_string() == "f32":
            yield kernel.data


def _float_in_onnx(path):
    from onnx.numpy_helper import to_array

    graph = _read_onnx(path).graph
    stored = {each.name: each for each in graph.initializer}
    for node in graph.node:
        if node.op_type in ("Conv", "Gemm", "MatMul") and node.input[1] in stored:  # else it comes out of DequantizeLinear
            yield to_array(stored[node.input[1]])


_FORMATS: dict[str, tuple[Callable, Callable, Callable]] = {
    "openvino": (_read_openvino, save_openvino, _run_openvino),
    "onnx": (_read_onnx, _save_onnx, _run_onnx),
}
_FLOAT_KERNELS: dict[str, Callable] = {"openvino": _float_in_openvino, "onnx": _float_in_onnx, "litert": lambda path: ()}
