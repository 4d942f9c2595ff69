"""What an exported network says of itself: in the file where its format has room for that, and in a JSON file beside it.

Needs no framework and no engine.
"""

import hashlib
import json
from pathlib import Path

import numpy as np
from PIL import Image

from keras_resnet.data.photo import middle
from keras_resnet.errors import DeployError
from keras_resnet.files import whole
from keras_resnet.version import __version__

KEY = "keras_resnet"  # of the metadata in a file
ASSETS = "assets.extra"  # TensorFlow's place for files that a server is to have and the graph does not need
INPUT, PROBABILITIES, FEATURES = "images", "probabilities", "features"
FILTERS = {"lanczos": Image.Resampling.LANCZOS, "bilinear": Image.Resampling.BILINEAR}  # Pillow's, with antialiasing


def photograph_of_run(record: dict) -> dict:
    """How a run makes a photograph into what its network takes: as the images of its set were made, then resized as they were.

    Args:
        record: of the run, `run.json`.
    """
    shape = record["data"]["shape"]
    sizes = [list(record["data"].get("set_shape", shape)[:2]), list(shape[:2])]
    steps = [{"size": size, "filter": name} for size, name in zip(sizes, ("lanczos", "bilinear"), strict=True)]
    return photograph(steps if sizes[0] != sizes[1] else steps[:1])


def photograph(steps: list) -> dict:
    """How a photograph becomes an image, with its steps of resizing: dicts of ``size`` (height, width) and ``filter``."""
    return {
        "orientation": "as the EXIF data say",
        "transparency": "on white",
        "crop": "the largest central part of the shape of the first size",
        "resize": steps,
        "resampling": "Pillow's Image.resize with box=crop: antialiased, its filter reaches across the edge of the crop",
    }


def prepared(description: dict, pixels: np.ndarray) -> np.ndarray:
    """A photograph as a description says that it is prepared.

    Args:
        description: as `photograph` returns it.
        pixels: uint8 `(H, W, 3)`, upright, RGB.

    Returns:
        uint8 `(height, width, 3)`.
    """
    image, steps = Image.fromarray(pixels), description["resize"]
    box = middle(image.size, *steps[0]["size"])
    for step in steps:
        image, box = image.resize(step["size"][::-1], FILTERS[step["filter"]], box=box), None
    return np.asarray(image)


def described(*, name, classes, image_shape, preparation, preprocessing, source, precision, output, calibration=None) -> dict:
    """The metadata of an export, plain values alone.

    Args:
        name: of the network.
        classes: list of str, in the order of the probabilities.
        image_shape: `(H, W, 3)`.
        preparation: what `photograph` returns.
        preprocessing: what the file itself does to pixels, in words.
        source: dict of ``name`` and ``sha256`` of what was exported.
        precision: of the file.
        output: name of what it gives.
        calibration: of the probabilities, as the run's record has it; None for none.
    """
    return {
        "package": f"keras_resnet {__version__}",
        "network": name,
        "precision": precision,
        "input": {"name": INPUT, "shape": [None, *image_shape], "dtype": "uint8", "range": [0, 255], "channels": "RGB"},
        "output": {"name": output, "dtype": "float32"},
        "classes": list(classes),
        "photograph": preparation,
        "preprocessing": preprocessing,
        "calibration": calibration,
        "source": source,
    }


def beside(path) -> Path:
    """The JSON file of an export."""
    path = Path(path)
    return path.with_name(f"{path.name}.json")


def write(path, metadata: dict, report: dict) -> None:
    """Writes the JSON file beside an export: its metadata, what the check found, and the hashes by which `read` knows it."""
    content = {**metadata, **report, "files": _digests(path)}
    with whole(beside(path)) as temporary:
        temporary.write_text(json.dumps({**content, "digest": _digest_of(content)}, indent=2) + "\n", encoding="utf-8")


def read(path) -> dict:
    """What stands in the JSON file beside an export, after a look at whether both are as they were written.

    Raises:
        DeployError: there is none; or it, or the export, is damaged or was changed.
    """
    path, file = Path(path), beside(path)
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        written = content.pop("digest")
        names = dict(content["files"])
    except FileNotFoundError:
        raise DeployError(f"{path} is no export of this package: {file} is missing") from None
    except (ValueError, KeyError, TypeError, AttributeError, OSError):
        raise DeployError(f"{file} is damaged: export the network again") from None
    if _digest_of(content) != written:
        raise DeployError(f"{file} was changed after it was written: export the network again")
    found = _digests(path)
    wrong = sorted(name for name in {*names, *found} if names.get(name) != found.get(name))
    if wrong:
        how = "is missing" if wrong[0] not in found else "was changed, or is another network's"
        raise DeployError(f"{path.parent / wrong[0]} {how}: export the network again")
    return content


def files_of(path) -> list:
    """The files that an export is made of, but for the JSON: one, OpenVINO's two, or those of a SavedModel's folder."""
    path = Path(path)
    if path.is_dir():
        return sorted(file for file in path.rglob("*") if file.is_file())
    others = [path.with_suffix(".bin")] if path.suffix == ".xml" else []
    return [file for file in (path, *others) if file.exists()]


def digest(path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _digests(path):
    path = Path(path)
    return {file.relative_to(path.parent).as_posix(): digest(file) for file in files_of(path)}


def _digest_of(content):
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
