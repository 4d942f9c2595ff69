"""Results in a folder: `NAME.json`, and the figures that are drawn from it."""

import json
from os import PathLike
from pathlib import Path

from keras_resnet.errors import LabError
from keras_resnet.evaluate import drawing
from keras_resnet.files import whole
from keras_resnet.lab.experiment import Result
from keras_resnet.lab.registry import EXPERIMENTS


def write(result, folder):
    """Writes a result to `NAME.json` of a folder."""
    with whole(Path(folder) / f"{result.experiment}.json") as temporary:
        temporary.write_text(json.dumps(result.to_json(), separators=(",", ":")) + "\n", encoding="utf-8")


def read(path: str | PathLike) -> Result:
    """A stored result.

    Args:
        path: of a `NAME.json`.

    Returns:
        A `Result`.

    Raises:
        LabError: no such file, not JSON, or not a result.
    """
    try:
        stored = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise LabError(f"No stored result at {path}; `keras-resnet lab run NAME --out DIR` writes one") from None
    except ValueError as problem:
        raise LabError(f"{path} is not readable as JSON: {problem}") from None
    return Result.from_json(stored)


def draw(result: Result, folder: str | PathLike) -> list[Path]:
    """Draws the figures of a result, from its stored numbers alone.

    Args:
        result: a `Result`.
        folder: where `NAME-FIGURE.png` go.

    Returns:
        Their paths, a list.
    """
    for path, (_, figure) in zip(figures_of(result, folder), EXPERIMENTS[result.experiment].figures.values(), strict=True):
        drawing.write(figure(result), path)
        _shrink(path)
    return figures_of(result, folder)


def _shrink(path):
    """Stores a picture in 256 colours, on a clear ground in 128: a third of the bytes, and it looks the same."""
    from PIL import Image

    with Image.open(path) as picture:
        clear = drawing.is_clear(picture)
        fewer = picture.convert("RGB").quantize(128 if clear else 256)
        if clear:
            fewer = fewer.convert("RGB")
            fewer.putalpha(picture.getchannel("A"))
    with whole(path) as temporary:
        fewer.save(temporary, format="PNG", optimize=True, dpi=(drawing.DPI, drawing.DPI))


def figures_of(result: Result, folder: str | PathLike) -> list[Path]:
    """Where the figures of a result stand in a folder: a list of paths."""
    return [Path(folder) / f"{result.experiment}-{name}.png" for name in EXPERIMENTS[result.experiment].figures]
