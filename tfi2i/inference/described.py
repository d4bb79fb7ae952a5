"""What an export says of itself, so that it can leave its run.

A SavedModel keeps it in `assets.extra`, where TensorFlow lets other libraries write; a
`.tflite` file in a zip archive behind the model, as TFLite's own metadata does. Both
runtimes pass it over.
"""

import dataclasses
import json
import zipfile
from pathlib import Path

from tfi2i.data.pixels import PixelType

NAME = "tfi2i.json"

Pixels = tuple[PixelType | None, PixelType | None]


def describe(path: Path, input_pixels: PixelType, output_pixels: PixelType) -> None:
    """Write down in an export what its images are made of.

    Args:
        path: SavedModel folder with `saved_model.pb`, or `.tflite` file.
        input_pixels: of what it takes.
        output_pixels: of what it paints.

    Raises:
        OSError: it cannot be written.
    """
    contents = json.dumps(
        {
            "input": dataclasses.asdict(input_pixels),
            "output": dataclasses.asdict(output_pixels),
        },
        indent=2,
    )
    if path.is_dir():
        extra = path / "assets.extra"
        extra.mkdir(exist_ok=True)
        (extra / NAME).write_text(contents + "\n", encoding="utf-8")
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
    try:
        found = json.loads(contents)
        return PixelType.of(**found["input"]), PixelType.of(**found["output"])
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(
            f"What '{path}' says of its images ({NAME}) is damaged ({error}): export "
            "it again."
        ) from error


def _contents(path):
    if path.is_dir():
        file = path / "assets.extra" / NAME
        return file.read_text(encoding="utf-8") if file.is_file() else None
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.read(NAME)
    except (zipfile.BadZipFile, KeyError):
        return None
