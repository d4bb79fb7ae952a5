"""What an export says of itself, so that it can leave its run.

A SavedModel keeps it in `assets.extra`, where TensorFlow lets other libraries write; a
`.tflite` file in a zip archive behind the model, as TFLite's own metadata does; an
`.onnx` file among its properties. The runtimes pass it over.
"""

import contextlib
import dataclasses
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

from tfi2i.data.pixels import PixelType
from tfi2i.errors import not_installed, reason

NAME = "tfi2i.json"

Pixels = tuple[PixelType | None, PixelType | None]


def describe(
    path: Path,
    input_pixels: PixelType,
    output_pixels: PixelType,
    way: str | None = None,
) -> None:
    """Writes pixel types and direction into an export.

    Args:
        path: SavedModel folder with `saved_model.pb`, `.tflite` or `.onnx` file.
        input_pixels: of what it takes.
        output_pixels: of what it paints.
        way: name of the way that it translates; None where nothing says it.

    Raises:
        OSError: it cannot be written.
    """
    contents = json.dumps(
        {
            "input": dataclasses.asdict(input_pixels),
            "output": dataclasses.asdict(output_pixels),
            "way": way,
        },
        indent=2,
    )
    if path.is_dir():
        extra = path / "assets.extra"
        extra.mkdir(exist_ok=True)
        (extra / NAME).write_text(contents + "\n", encoding="utf-8")
        return
    if path.suffix == ".onnx":
        import onnx

        properties = onnx.ModelProto()
        onnx.helper.set_model_props(properties, {NAME: contents})
        # Messages that follow each other in a file are read as one.
        with path.open("ab") as file:
            file.write(properties.SerializeToString())
        return
    with zipfile.ZipFile(path, "a") as archive:
        # A fixed date, so that equal models are equal files.
        archive.writestr(zipfile.ZipInfo(NAME), contents)


def described(path: Path) -> Pixels:
    """What an export's images are made of; None where it does not say.

    Args:
        path: as for `describe`.

    Raises:
        ValueError: what it says of itself is damaged.
    """
    contents = _contents(path)
    if contents is None:
        return None, None
    with _explained(path):
        found = json.loads(contents)
        return PixelType.of(**found["input"]), PixelType.of(**found["output"])


def described_way(path: Path) -> str | None:
    """Name of the way that an export translates; None where it does not say.

    Args:
        path: as for `describe`.

    Raises:
        ValueError: what it says of itself is damaged.
    """
    contents = _contents(path)
    with _explained(path):
        found = {} if contents is None else json.loads(contents)
        return found.get("way")


def _contents(path):
    if path.is_dir():
        file = path / "assets.extra" / NAME
        with _explained(path):
            return file.read_text(encoding="utf-8") if file.is_file() else None
    if path.suffix == ".onnx":
        return _property(path)
    with _explained(path):
        # Any bytes may follow a model.
        if not zipfile.is_zipfile(path):
            return None
        with zipfile.ZipFile(path) as archive:
            return archive.read(NAME) if NAME in archive.namelist() else None


def _property(path):
    try:
        import onnx
    except ImportError as error:
        raise not_installed(f"'{path}'", error, "onnx") from error
    try:
        model = onnx.load(path, load_external_data=False)
    except MemoryError:
        raise
    except Exception:
        # Whoever runs it says why not.
        return None
    found = {entry.key: entry.value for entry in model.metadata_props}
    return found.get(NAME)


@contextlib.contextmanager
def _explained(path) -> Iterator[None]:
    """Turns whatever readers raise into the error that an export is damaged."""
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:
        raise ValueError(
            f"What '{path}' says of its images ({NAME}) is damaged ({reason(error)}): "
            "export it again."
        ) from error
