"""Image files of one folder: which they are, what their headers say, their halves."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path

from tfi2i.data import headers
from tfi2i.data.headers import EXTENSIONS, ImageFile, shortened


def images(folder: Path) -> list[Path]:
    """Image files of a folder by extension, sorted, hidden ones left out.

    What is no file, such as a dangling link, is for the reader of headers to name.
    """
    return sorted(
        entry
        for entry in folder.iterdir()
        if entry.suffix.lower() in EXTENSIONS
        and not entry.name.startswith(".")
        and not entry.is_dir()
    )


def has_images(folder: Path) -> bool:
    """Whether images lie in a folder; not where there is no such folder."""
    return folder.is_dir() and bool(images(folder))


def indexed(root: Path, paths: Iterable[Path]) -> dict[Path, ImageFile]:
    """Read every header; name all files where that fails."""
    found, broken = {}, []
    for path in paths:
        try:
            found[path] = headers.read(path)
        except (OSError, ValueError) as error:
            broken.append(f"{relative(root, path)} ({error})")
    if broken:
        noun, them = ("image", "it") if len(broken) == 1 else ("images", "them")
        raise ValueError(
            f"{len(broken)} unreadable {noun} in '{root}': {shortened(broken)}; "
            f"replace or remove {them}"
        )
    return found


def halves(
    root: Path, paths: Sequence[Path]
) -> tuple[list[tuple[ImageFile, ImageFile]], str]:
    """Left and right half of every file, and a doubt where most look like one image."""
    whole = list(indexed(root, paths).values())
    odd = [
        f"{relative(root, image.path)} (width {image.width})"
        for image in whole
        if image.width % 2
    ]
    if odd:
        raise ValueError(
            f"side-by-side images need an even width, in '{root}': {shortened(odd)}"
        )
    unlike = sum(not looks_like_a_pair(image) for image in whole)
    doubt = f"{unlike} of {len(whole)} are not about twice as wide as high"
    pairs = [
        (
            dataclasses.replace(image, half="left"),
            dataclasses.replace(image, half="right"),
        )
        for image in whole
    ]
    return pairs, doubt if 2 * unlike > len(whole) else ""


def relative(root: Path, path: Path) -> str:
    """A path as people see it, from the data set's folder if it lies there."""
    return (path.relative_to(root) if path.is_relative_to(root) else path).as_posix()


def looks_like_a_pair(image: ImageFile) -> bool:
    """Whether the halves are no longer than a photograph, 4:3 either way."""
    return 1.5 <= image.width / image.height <= 2.7
