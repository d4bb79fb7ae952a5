"""Exports on disk: which there are, and which way they translate."""

import re
from pathlib import Path

from tfi2i.inference.export_metadata import described_way
from tfi2i.ways import DIRECTIONS

SUFFIXES = (".tflite", ".onnx")

# How `tfi2i export` ends the names that it gives.
_NAME = re.compile(rf"_({'|'.join(DIRECTIONS)})(_(float16|dynamic|int8|mixed))?$")
_ROUNDED = re.compile(r"_(float16|dynamic|int8|mixed)$")


def is_export(path: Path) -> bool:
    """Whether a path is that of a SavedModel, a `.tflite` or an `.onnx` file."""
    if path.is_file():
        return path.suffix in SUFFIXES
    return saved_model(path) is not None


def exports_of(run: Path) -> list[Path]:
    """The exports of a run: SavedModels first, then files that are not quantized."""
    paths = [path for path in (run / "export").glob("*") if is_export(path)]

    def order(path):
        is_rounded = _ROUNDED.search(path.stem) is not None
        needs_extra = path.suffix == ".onnx"
        return path.is_file(), is_rounded, needs_extra, path.name

    # A name with a dot is one that is being written, or was when it was killed.
    return sorted((p for p in paths if not p.name.startswith(".")), key=order)


def saved_model(path: Path) -> Path | None:
    """The folder of a SavedModel's newest version, None where there is none."""
    if (path / "saved_model.pb").is_file():
        return path
    if not path.is_dir():
        return None
    versions = [
        folder
        for folder in path.iterdir()
        if folder.name.isdecimal() and (folder / "saved_model.pb").is_file()
    ]
    return max(versions, key=lambda folder: int(folder.name), default=None)


def direction_of(path: Path) -> str | None:
    """Which way a file or SavedModel translates.

    None where neither the export nor its name says it.
    """
    path = path.absolute()
    if path.is_file():
        name = path.stem
    else:
        # A SavedModel's folder may be that of one version.
        name = path.parent.name if path.name.isdecimal() else path.name
    found = _NAME.search(name)
    if found is not None or not is_export(path):
        return found and found[1]
    return described_way(path if path.is_file() else saved_model(path))


def check_direction(path: Path, direction: str) -> None:
    """Refuses a direction that is not an export's.

    Raises:
        ValueError: its name says another one, or none.
    """
    known = direction_of(path)
    if known is None:
        raise ValueError(
            f"--direction is {direction!r}, but '{path}' does not say which way it "
            "translates, by a name that ends in _a2b or _b2a: leave --direction out."
        )
    if direction != known:
        raise ValueError(f"'{path}' translates {known}, not {direction}.")
