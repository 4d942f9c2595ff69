"""Which formats can be written and run here, and exports of the tiny run."""

import pytest

from keras_resnet.deploy import engines
from keras_resnet.deploy.formats import FORMATS, is_installed

WRITABLE = [name for name, row in FORMATS.items() if is_installed(*row.modules) and is_installed("tensorflow")]


def needs_engine(name):
    """Skips a test where an engine is not installed."""
    row = engines.ENGINES[name]
    if not is_installed(row.module):
        pytest.skip(f"the engine {name} needs {row.module}: the extra {row.extra}")


def needs(format, int8=False):
    """Skips a test where a format cannot be written here."""
    import keras

    row = FORMATS[format]
    missing = [module for module in (*row.modules, *(row.int8 or () if int8 else ())) if not is_installed(module)]
    if missing:
        pytest.skip(f"{format} needs {' and '.join(missing)}: the extra {row.extra or 'tensorflow'}")
    if keras.backend.backend() != "tensorflow":
        pytest.skip("export writes from Keras on TensorFlow")


@pytest.fixture(scope="session")
def tiny_export(tiny_run, tmp_path_factory):
    """Exports of the tiny run by format and precision, each made once: `Exported`."""
    from keras_resnet import deploy

    made, folder = {}, tmp_path_factory.mktemp("exports")

    def get(format, int8=False):
        needs(format, int8)
        if (format, int8) not in made:
            path = folder / f"{format}{'-int8' if int8 else ''}{FORMATS[format].ending}"
            made[format, int8] = deploy.export(tiny_run[1], path, format=format, int8=int8)
        return made[format, int8]

    return get


@pytest.fixture
def a_format():
    """The quickest format to write of those that can be written here."""
    for name in ("openvino", "onnx", "litert", "saved_model"):
        if name in WRITABLE:
            needs(name)
            return name
    return needs("openvino")
