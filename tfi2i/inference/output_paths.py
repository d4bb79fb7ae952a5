"""Inputs of a translation, and the path of each output."""

from __future__ import annotations

import dataclasses
import functools
import glob
import os
import re
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from tfi2i.data.headers import EXTENSIONS
from tfi2i.data.pixels import PixelType
from tfi2i.data.writing import WRITABLE, can_hold, suffix_for

_VERSION = re.compile(r"\.v?\d+", re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class Jobs:
    """The images to translate.

    Attributes:
        images: paths of each input and its output.
        is_single: whether the source is one image, not a folder or a glob.
        left_out: files whose names are not those of images.
        failed: one line for each folder that cannot be read.
    """

    images: list[tuple[Path, Path]]
    is_single: bool = False
    left_out: tuple[Path, ...] = ()
    failed: tuple[str, ...] = ()


@dataclasses.dataclass
class _Found:
    """Files of a folder or glob, and unreadable folders, as in `Jobs`."""

    images: list[Path] = dataclasses.field(default_factory=list)
    left_out: list[Path] = dataclasses.field(default_factory=list)
    failed: list[str] = dataclasses.field(default_factory=list)

    def add(self, path: Path) -> None:
        """Adds a file by its name; damaged images fail when they are read."""
        if path.name.startswith("."):
            return
        is_image = path.suffix.lower() in EXTENSIONS
        (self.images if is_image else self.left_out).append(path)


def find_jobs(source: str, output: Path, pixels: PixelType, keeps_alpha: bool) -> Jobs:
    """Finds the inputs, and gives outputs suffixes whose formats can hold them.

    Args:
        source: file, folder or glob.
        output: file or folder.
        pixels: of the outputs.
        keeps_alpha: whether outputs may have alpha besides.

    Raises:
        FileNotFoundError, ValueError: as `translate_files`.
    """
    path = Path(source)

    def below(name: Path | str) -> Path:
        target = output / name
        suffix = suffix_for(target.suffix, pixels)
        if keeps_alpha and suffix.lower() == ".bmp":
            suffix = ".png"
        return target.with_suffix(suffix)

    if path.is_file():
        is_folder = _is_folder(output, pixels)
        target = below(path.name) if is_folder else output
        _check_targets([(path, target)])
        return Jobs([(path, target)], is_single=True)
    if path.is_dir():
        found = _walk(path, output)
        jobs = [(image, below(image.relative_to(path))) for image in found.images]
    elif glob.has_magic(source):
        found = _matches(source, output)
        jobs = [(image, below(image.name)) for image in found.images]
    else:
        raise FileNotFoundError(f"'{path}' does not exist.")
    if not jobs and not found.failed:
        number = len(found.left_out)
        noun = "file" if number == 1 else "files"
        others = f" ({number} other {noun})" if number else ""
        raise ValueError(
            f"No images in '{source}'{others}: expected {' '.join(EXTENSIONS)}."
        )
    _check_folder(output)
    _check_targets(jobs)
    return Jobs(jobs, False, tuple(found.left_out), tuple(found.failed))


def _walk(folder: Path, output: Path) -> _Found:
    """Files below a folder, also through links.

    Hidden folders are skipped, and links that lead back to a folder above.
    """
    found = _Found()
    destination = os.path.realpath(output)

    def enter(place: Path, above: tuple[str, ...]) -> None:
        real = os.path.realpath(place)
        if real in above:
            return
        if _is_below(destination, real):
            raise ValueError(
                f"The output '{output}' is inside the input '{place}', where it would "
                "be translated next time: choose a folder elsewhere."
            )
        try:
            entries = sorted(place.iterdir())
        except OSError as error:
            found.failed.append(f"{place}: {error.strerror}")
            return
        for entry in entries:
            if not entry.is_dir():
                found.add(entry)
            elif not entry.name.startswith("."):
                enter(entry, (*above, real))

    enter(folder, ())
    found.images.sort()
    return found


def _matches(pattern: str, output: Path) -> _Found:
    """Files that a glob matches, without the outputs of an earlier call."""
    destination = os.path.realpath(output)
    found, is_any_left = _Found(), False
    for path in _globbed(pattern):
        if _is_below(os.path.realpath(path), destination):
            is_any_left = is_any_left or path.suffix.lower() in EXTENSIONS
        else:
            found.add(path)
    if is_any_left and not found.images:
        raise ValueError(
            f"All that '{pattern}' matches is in the output '{output}': choose another "
            "output folder."
        )
    return found


def _globbed(pattern: str) -> Iterator[Path]:
    """Sorted files, without those behind links that lead back to a folder above."""

    @functools.cache
    def goes_round(folder: Path) -> bool:
        folders = [os.path.realpath(place) for place in (folder, *folder.parents)]
        return len(set(folders)) < len(folders)

    for path in sorted(map(Path, glob.glob(pattern, recursive=True))):
        if not path.is_dir() and not goes_round(path.parent):
            yield path


def _is_below(path: str, folder: str) -> bool:
    return Path(path).is_relative_to(folder)


def _check_targets(jobs):
    # Unlike Path.resolve, this does not fail for links that go round.
    inputs = {os.path.realpath(image) for image, _ in jobs}
    targets = set()
    for image, target in jobs:
        if os.path.realpath(target) in inputs:
            raise ValueError(
                f"'{target}' is one of the inputs: choose another output folder."
            )
        if target in targets:
            raise ValueError(
                f"Two inputs would become '{target}', one of them '{image}': translate "
                "them one by one."
            )
        targets.add(target)


def _known_suffixes():
    return {*Image.registered_extensions(), *WRITABLE, *EXTENSIONS}


def _check_folder(output: Path) -> None:
    """Refuses a new folder whose name has the suffix of an image."""
    if not output.is_dir() and output.suffix.lower() in _known_suffixes():
        raise ValueError(
            f"'{output}' is called like an image, but several images need a folder: "
            "choose a name without that suffix."
        )


def _is_folder(output: Path, pixels: PixelType) -> bool:
    """Whether the output of one image is a folder that gets it."""
    suffix = output.suffix.lower()
    if output.is_dir() or not suffix or _VERSION.fullmatch(suffix):
        return True
    if suffix not in WRITABLE:
        is_known = suffix in _known_suffixes()
        folder = "a folder" if is_known else "a folder that exists"
        raise ValueError(
            f"'{output}' would be an image of a kind that is not written; expected "
            f"{' '.join(WRITABLE)}, or {folder}."
        )
    if not can_hold(suffix, pixels):
        raise ValueError(
            f"'{output}' cannot hold what is painted, {pixels.channels} channels of "
            f"{pixels.dtype}; expected {suffix_for(suffix, pixels)}."
        )
    return False
