"""Lists the image files of a folder and reads their headers."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path

from tfi2i.data import headers
from tfi2i.data.headers import EXTENSIONS, ImageFile, shortened


def images(folder: Path) -> list[Path]:
    """Lists the image files of a folder by extension, sorted, without hidden ones.

    Dangling links are listed; they are refused when their header is read.
    """
    return sorted(
        entry
        for entry in folder.iterdir()
        if entry.suffix.lower() in EXTENSIONS
        and not entry.name.startswith(".")
        and not entry.is_dir()
    )


def has_images(folder: Path) -> bool:
    """Whether a folder exists and contains image files."""
    return folder.is_dir() and bool(images(folder))


def subfolders(folder: Path) -> list[Path]:
    """Lists folders in a folder, and links to such, sorted, without hidden ones."""
    return sorted(
        entry
        for entry in folder.iterdir()
        if entry.is_dir() and not entry.name.startswith(".")
    )


def describe_unread(places: Iterable[Path], used: Iterable[Path] = ()) -> str:
    """Describes what is not read in folders of images.

    Args:
        places: the folders.
        used: folders in them that are read.

    Returns:
        Counts of other files, folders with images, and dangling links; empty where
        everything is read.
    """
    kinds: collections.Counter[str] = collections.Counter()
    inside, lost = [], []
    for place in dict.fromkeys(places):
        for entry in place.iterdir():
            if entry.name.startswith(".") or entry.is_dir():
                continue
            if entry.suffix.lower() in EXTENSIONS:
                continue
            if entry.is_symlink() and not entry.exists():
                lost.append(entry)
            else:
                kinds[entry.suffix.lower() or "no extension"] += 1
        inside += [sub for sub in subfolders(place) if _is_unread(sub, used)]
    parts = []
    if kinds:
        count, noun = kinds.total(), "file" if kinds.total() == 1 else "files"
        ranked = sorted(kinds.items(), key=lambda item: (-item[1], item[0]))
        shown = shortened([f"{kind} {number}" for kind, number in ranked])
        parts.append(f"{count} {noun} of unknown kinds ({shown})")
    if inside:
        noun = "folder" if len(inside) == 1 else "folders"
        shown = shortened([f"{sub.parent.name}/{sub.name}" for sub in inside])
        parts.append(f"{len(inside)} {noun} of images inside ({shown})")
    if lost:
        noun = "link that leads" if len(lost) == 1 else "links that lead"
        shown = shortened([f"{link.parent.name}/{link.name}" for link in sorted(lost)])
        parts.append(f"{len(lost)} {noun} nowhere or round in a circle ({shown})")
    return f"left out: {', '.join(parts)}" if parts else ""


def _is_unread(folder: Path, used: Iterable[Path]) -> bool:
    is_used = any(path == folder or folder in path.parents for path in used)
    return not is_used and has_images(folder)


def read_headers(root: Path, paths: Iterable[Path]) -> dict[Path, ImageFile]:
    """Reads the header of every file.

    Raises:
        ValueError: naming all files whose header cannot be read.
    """
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
    root: Path, paths: Sequence[Path], remedy: str
) -> tuple[list[tuple[ImageFile, ImageFile]], str]:
    """Reads the headers of side-by-side files.

    Args:
        root: folder of the data set.
        paths: the files.
        remedy: what the user can do where these are single images; empty where the
            user says that they are pairs.

    Returns:
        The left and the right half of every file; and a doubt, for the reason of the
        layout, where most files are unusually wide.

    Raises:
        ValueError: an odd width; with a `remedy`, most images are too narrow to be two.
    """
    whole = list(read_headers(root, paths).values())
    narrow = sum(not looks_like_two(image) for image in whole)
    if remedy and 2 * narrow > len(whole):
        sizes = collections.Counter(f"{image.width}x{image.height}" for image in whole)
        raise ValueError(
            f"{narrow} of {len(whole)} images in '{paths[0].parent}' are not about "
            f"twice as wide as high (most are {sizes.most_common(1)[0][0]}), as A and "
            f"B side by side would be: {remedy}, or cut them in half all the same "
            "with --data.layout side_by_side"
        )
    odd = [
        f"{relative(root, image.path)} (width {image.width})"
        for image in whole
        if image.width % 2
    ]
    if odd:
        raise ValueError(
            f"side-by-side images need an even width, in '{root}': {shortened(odd)}"
        )
    wide = sum(not looks_like_a_pair(image) for image in whole)
    pairs = [
        tuple(dataclasses.replace(image, half=half) for half in ("left", "right"))
        for image in whole
    ]
    doubt = ""
    if remedy and 2 * wide > len(whole):
        doubt = f"; but {wide} of {len(whole)} are not about twice as wide as high: "
        doubt += f"if they are single images, {remedy}"
    return pairs, doubt


def relative(root: Path, path: Path) -> str:
    """Formats a path for messages, relative to the data set where it lies there."""
    return (path.relative_to(root) if path.is_relative_to(root) else path).as_posix()


def looks_like_two(image: ImageFile) -> bool:
    """Whether the halves are at least as wide as an upright photograph, 3:4."""
    return 1.5 <= image.width / image.height


def looks_like_a_pair(image: ImageFile) -> bool:
    """Whether the halves have proportions from 3:4 to 4:3, as photographs have."""
    return looks_like_two(image) and image.width / image.height <= 2.7
