"""Which image files make up two domains whose images are no pairs.

Names and numbers need not match. As in `folders`, only names and headers are read.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

from tfi2i.data import excluded, folders, listing
from tfi2i.data.headers import EXTENSIONS, ImageFile

LAYOUTS = ("auto", "folders", "side_by_side")


@dataclasses.dataclass(frozen=True)
class UnpairedFiles:
    """The files of one split and how they were read.

    Attributes:
        layout: the layout found: `folders` or `side_by_side`.
        folders: where the images lie: those of A and B, or one folder.
        reason: one line for people: what was taken for A and for B, and why.
        a: images of domain A, sorted by file name.
        b: images of domain B, likewise, as many or not.
    """

    layout: folders.Layout
    folders: tuple[Path, ...]
    reason: str
    a: tuple[ImageFile, ...]
    b: tuple[ImageFile, ...]


def find_unpaired(
    directory: str | Path,
    split: str,
    *,
    layout: folders.Layout = "auto",
    a: str = "A",
    b: str = "B",
    exclude: str | Path | None = None,
) -> UnpairedFiles:
    """Find the images of both domains of one split.

    Looked for in this order, unless `layout` says which: folders `split/a` and
    `split/b`, folders `splita` and `splitb` (then both with the names A and B),
    side-by-side images `split/*`, whose left halves are A and right halves B,
    any two sub-folders of `split`. The images' names, numbers and sizes do not
    matter.

    Args:
        directory: the data set's folder.
        split: `train`, `val` or `test`.
        layout: `auto` looks; `folders` and `side_by_side` accept that form only.
        a: name of the folder that holds domain A.
        b: name of the folder that holds domain B.
        exclude: file that lists images to leave out, unread, by their paths from
            `directory`.

    Returns:
        The files, with displayed sizes and EXIF orientation from the headers.

    Raises:
        FileNotFoundError: the data folder, the split, one domain's folder or the
            list does not exist.
        ValueError: a domain without images, one folder for both domains, an odd
            width, an unreadable header, a layout that does not exist, or a list that
            names nothing in the folder.
    """
    root = Path(directory)
    if layout not in LAYOUTS:
        raise ValueError(
            f"--data.layout is '{layout}', expected {', '.join(LAYOUTS[:-1])} or "
            f"{LAYOUTS[-1]}: unpaired images are those of A and those of B"
        )
    folders.check_split(root, split)
    out = excluded.read(root, exclude)
    found = folders.two_folders(root, split, layout, a, b)
    if found is not None:
        return _from_two_folders(root, *found, out)
    if layout == "folders" or not listing.has_images(root / split):
        _check_no_domain_is_missing(root, split, a, b)
    flat = folders.one_folder(root, split, layout, a, b)
    return _from_halves(root, flat, out, asked=layout == "side_by_side")


def _from_two_folders(
    root: Path, folder_a: Path, folder_b: Path, reason: str, out: excluded.Excluded
) -> UnpairedFiles:
    """All images of two folders."""
    folders.check_different(folder_a, folder_b)
    paths_a, out_a = out.part(listing.images(folder_a))
    paths_b, out_b = out.part(listing.images(folder_b))
    empty = [
        f"'{folder}' (domain {name})"
        for name, folder, paths in (("A", folder_a, paths_a), ("B", folder_b, paths_b))
        if not paths
    ]
    if empty:
        raise ValueError(f"no images in {' and '.join(empty)}: {_expected()}")
    files = listing.indexed(root, [*paths_a, *paths_b])
    return UnpairedFiles(
        "folders",
        (folder_a, folder_b),
        f"{reason}; unpaired, {len(paths_a)} and {len(paths_b)} images"
        f"{out.note(len(out_a) + len(out_b))}",
        tuple(files[path] for path in paths_a),
        tuple(files[path] for path in paths_b),
    )


def _from_halves(
    root: Path, folder: Path, out: excluded.Excluded, asked: bool
) -> UnpairedFiles:
    """Left and right halves of a folder's images.

    Unless `asked` for, the reason says so where most do not look like pairs.
    """
    paths, gone = out.part(listing.images(folder))
    pairs, doubt = listing.halves(root, paths)
    where = listing.relative(root, folder)
    reason = (
        f"side by side in {where}: A is the left half, B the right; unpaired, "
        f"{len(pairs)} images"
    )
    if doubt and not asked:
        reason += (
            f"; but {doubt}: if they are single images, put those of A and those of B "
            "into two folders"
        )
    reason += out.note(len(gone))
    left, right = zip(*pairs, strict=True)
    return UnpairedFiles("side_by_side", (folder,), reason, left, right)


def _check_no_domain_is_missing(root: Path, split: str, a: str, b: str) -> None:
    for candidates in folders.candidates(root, split, a, b):
        exist = [folder.is_dir() for folder in candidates]
        if any(exist):
            missing = candidates[exist.index(False)]
            raise FileNotFoundError(
                f"no folder '{missing}' (domain {'AB'[exist.index(False)]}) beside "
                f"'{candidates[exist.index(True)]}': {_expected()}"
            )


def _expected() -> str:
    return f"expected {' '.join(EXTENSIONS)} files of both domains, of any names"
