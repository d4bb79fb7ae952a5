"""Finds the image files of two domains whose images are no pairs.

Names and counts need not match. As in `paired_files`, only names and headers are read.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

from tfi2i.data import (
    exclusion_list,
    folder_listing,
    name_matching,
    paired_files,
    split_folders,
)
from tfi2i.data.grouped_splits import Unit
from tfi2i.data.headers import EXTENSIONS, ImageFile
from tfi2i.data.validation_share import Share

LAYOUTS = ("auto", "folders", "side_by_side")


@dataclasses.dataclass(frozen=True)
class UnpairedFiles:
    """The files of one split, and the layout in which they were found.

    Attributes:
        layout: the layout found: `folders` or `side_by_side`.
        folders: the folders of A and B, or the one of all images.
        reason: one line for users: what was taken for A and for B, and why.
        a: images of domain A, sorted by file name.
        b: images of domain B, likewise; their number may differ.
    """

    layout: split_folders.Layout
    folders: tuple[Path, ...]
    reason: str
    a: tuple[ImageFile, ...]
    b: tuple[ImageFile, ...]


def find_unpaired(
    directory: str | Path,
    split: str,
    *,
    layout: split_folders.Layout = "auto",
    a: str = "A",
    b: str = "B",
    usual: tuple[str, str] = ("A", "B"),
    exclude: str | Path | None = None,
    share: Share | None = None,
) -> UnpairedFiles:
    """Finds the images of both domains of one split.

    Searches as `paired_files.find_pairs` does, but names, numbers and sizes of images
    do not matter.

    Args:
        directory: folder of the data set.
        split: `train`, `val` or `test`.
        layout: `auto` tries both; `folders` and `side_by_side` accept that layout only.
        a: name of the folder of domain A.
        b: name of the folder of domain B.
        usual: as in `paired_files.find_pairs`.
        exclude: file that lists images to leave out, unread, by their paths from
            `directory`.
        share: the part of each domain's training images that is the split `val`,
            where there is no such folder; the images may then lie in `directory`
            itself. None: no part.

    Returns:
        The files, with displayed sizes and EXIF orientation from the headers.

    Raises:
        FileNotFoundError: the data folder, the split, one domain's folder or the
            list does not exist.
        ValueError: a domain without images, one folder for both domains, an odd
            width, images too narrow to be two, an unreadable header, an unknown
            layout, a list that names nothing in the folder, or too few images for the
            share.
    """
    root = Path(directory)
    if layout not in LAYOUTS:
        raise ValueError(
            f"--data.layout is '{layout}', expected {', '.join(LAYOUTS[:-1])} or "
            f"{LAYOUTS[-1]}: unpaired images are those of A and those of B"
        )
    split_folders.check_split(root, split)
    out = exclusion_list.read(root, exclude)
    called = split_folders.FolderNames.of(a, b, usual)
    if share is None or not share.applies(root, split, called):
        return _find(root, split, layout, called, out)
    unsplit = not split_folders.available_splits(root, a=called.a, b=called.b)
    every = _find(root, "train", layout, called, out, unsplit)
    units = [
        Unit(domain, name_matching.stem(image.path), (image.path,))
        for domain, images in _by_domain(every)
        for image in images
    ]
    chosen = share.part(units, split)
    kept = {(unit.kind, unit.files[0]) for unit in chosen}
    parts = {
        domain: tuple(image for image in images if (domain, image.path) in kept)
        for domain, images in _by_domain(every)
    }
    if every.layout == "side_by_side":
        parts["B"] = tuple(i for i in every.b if ("A", i.path) in kept)
    reason = f"{every.reason}; {share.note(len(chosen), len(units), split)}"
    return dataclasses.replace(every, reason=reason, a=parts["A"], b=parts["B"])


def _by_domain(files: UnpairedFiles) -> list[tuple[str, tuple[ImageFile, ...]]]:
    """The files of each domain; side-by-side files, which hold both, once."""
    if files.layout == "side_by_side":
        return [("A", files.a)]
    return [("A", files.a), ("B", files.b)]


def _find(
    root: Path,
    split: str,
    layout: split_folders.Layout,
    called: split_folders.FolderNames,
    out: exclusion_list.Excluded,
    unsplit: bool = False,
) -> UnpairedFiles:
    """Finds the files of a whole split, or all files of an unsplit folder."""
    found = split_folders.two_folders(root, split, layout, called, unsplit)
    if found is not None:
        return _from_two_folders(root, *found, out)
    flat = root if unsplit else root / split
    if layout == "folders" or (
        layout == "auto" and not folder_listing.has_images(flat)
    ):
        _check_no_domain_is_missing(root, split, called.a, called.b)
    flat = split_folders.one_folder(root, split, layout, called, unsplit)
    if layout == "auto":
        paired_files.check_no_sides(flat)
    remedy = "" if layout == "side_by_side" else paired_files.single_images(root, split)
    return _from_halves(root, flat, out, remedy)


def _from_two_folders(
    root: Path,
    folder_a: Path,
    folder_b: Path,
    reason: str,
    out: exclusion_list.Excluded,
) -> UnpairedFiles:
    """Takes all images of two folders."""
    split_folders.check_different(folder_a, folder_b)
    paths_a, out_a = out.part(folder_listing.images(folder_a))
    paths_b, out_b = out.part(folder_listing.images(folder_b))
    empty = [
        f"'{folder}' (domain {name})"
        for name, folder, paths in (("A", folder_a, paths_a), ("B", folder_b, paths_b))
        if not paths
    ]
    if empty:
        raise ValueError(f"no images in {' and '.join(empty)}: {_expected()}")
    files = folder_listing.read_headers(root, [*paths_a, *paths_b])
    return UnpairedFiles(
        "folders",
        (folder_a, folder_b),
        f"{reason}; unpaired, {len(paths_a)} and {len(paths_b)} images"
        f"{out.note(len(out_a) + len(out_b))}{paired_files.unread(folder_a, folder_b)}",
        tuple(files[path] for path in paths_a),
        tuple(files[path] for path in paths_b),
    )


def _from_halves(
    root: Path, folder: Path, out: exclusion_list.Excluded, remedy: str
) -> UnpairedFiles:
    """Takes the halves of a folder's images: A left, B right.

    A `remedy` means that the user did not ask for it, and single images are refused.
    """
    paths, gone = out.part(folder_listing.images(folder))
    pairs, doubt = folder_listing.halves(root, paths, remedy)
    where = folder_listing.relative(root, folder)
    reason = (
        f"side by side in {where}: A is the left half, B the right; unpaired, "
        f"{len(pairs)} images{doubt}{out.note(len(gone))}{paired_files.unread(folder)}"
    )
    left, right = zip(*pairs, strict=True)
    return UnpairedFiles("side_by_side", (folder,), reason, left, right)


def _check_no_domain_is_missing(root: Path, split: str, a: str, b: str) -> None:
    """Refuses a split that has the folder of one domain only."""
    found = split_folders.only_one(root, split, a, b)
    if found is not None:
        there, missing, domain = found
        raise FileNotFoundError(
            f"no folder '{missing}' (domain {domain}) beside '{there}': {_expected()}"
        )


def _expected() -> str:
    return f"expected {' '.join(EXTENSIONS)} files of both domains, of any names"
