"""Which image files make up two domains whose images are no pairs.

Names and numbers need not match. As in `folders`, only names and headers are read.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

from tfi2i.data import excluded, folders, listing, names, places
from tfi2i.data.dealing import Unit
from tfi2i.data.headers import EXTENSIONS, ImageFile
from tfi2i.data.shares import Share

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

    layout: places.Layout
    folders: tuple[Path, ...]
    reason: str
    a: tuple[ImageFile, ...]
    b: tuple[ImageFile, ...]


def find_unpaired(
    directory: str | Path,
    split: str,
    *,
    layout: places.Layout = "auto",
    a: str = "A",
    b: str = "B",
    usual: tuple[str, str] = ("A", "B"),
    exclude: str | Path | None = None,
    share: Share | None = None,
) -> UnpairedFiles:
    """Find the images of both domains of one split.

    Looked for as `folders.find_pairs` does, but names, numbers and sizes of images do
    not matter.

    Args:
        directory: the data set's folder.
        split: `train`, `val` or `test`.
        layout: `auto` looks; `folders` and `side_by_side` accept that form only.
        a: name of the folder that holds domain A.
        b: name of the folder that holds domain B.
        usual: names that nobody gave, in whose place A and B may stand.
        exclude: file that lists images to leave out, unread, by their paths from
            `directory`.
        share: how much of each domain's training images is the split `val`, where
            there is no such folder; the images may then lie in `directory` itself.
            None: nothing.

    Returns:
        The files, with displayed sizes and EXIF orientation from the headers.

    Raises:
        FileNotFoundError: the data folder, the split, one domain's folder or the
            list does not exist.
        ValueError: a domain without images, one folder for both domains, an odd
            width, images too narrow to be two, an unreadable header, a layout that
            does not exist, a list that names nothing in the folder, or a share of too
            few.
    """
    root = Path(directory)
    if layout not in LAYOUTS:
        raise ValueError(
            f"--data.layout is '{layout}', expected {', '.join(LAYOUTS[:-1])} or "
            f"{LAYOUTS[-1]}: unpaired images are those of A and those of B"
        )
    places.check_split(root, split)
    out = excluded.read(root, exclude)
    called = places.Names.of(a, b, usual)
    if share is None or not share.applies(root, split, called):
        return _found(root, split, layout, called, out)
    unsplit = not places.available_splits(root, a=called.a, b=called.b)
    every = _found(root, "train", layout, called, out, unsplit)
    units = [
        Unit(domain, names.stem(image.path), (image.path,))
        for domain, images in _sides(every)
        for image in images
    ]
    chosen = share.part(units, split)
    kept = {(unit.kind, unit.files[0]) for unit in chosen}
    parts = {
        domain: tuple(image for image in images if (domain, image.path) in kept)
        for domain, images in _sides(every)
    }
    if every.layout == "side_by_side":
        parts["B"] = tuple(i for i in every.b if ("A", i.path) in kept)
    reason = f"{every.reason}; {share.note(len(chosen), len(units), split)}"
    return dataclasses.replace(every, reason=reason, a=parts["A"], b=parts["B"])


def _sides(files: UnpairedFiles) -> list[tuple[str, tuple[ImageFile, ...]]]:
    """Files of each domain; of side-by-side ones, which hold both, once."""
    if files.layout == "side_by_side":
        return [("A", files.a)]
    return [("A", files.a), ("B", files.b)]


def _found(
    root: Path,
    split: str,
    layout: places.Layout,
    called: places.Names,
    out: excluded.Excluded,
    unsplit: bool = False,
) -> UnpairedFiles:
    """The files of a whole split, or those of a folder that nobody split."""
    found = places.two_folders(root, split, layout, called, unsplit)
    if found is not None:
        return _from_two_folders(root, *found, out)
    flat = root if unsplit else root / split
    if layout == "folders" or (layout == "auto" and not listing.has_images(flat)):
        _check_no_domain_is_missing(root, split, called.a, called.b)
    flat = places.one_folder(root, split, layout, called, unsplit)
    if layout == "auto":
        folders.check_no_sides(flat)
    remedy = "" if layout == "side_by_side" else folders.single_images(root, split)
    return _from_halves(root, flat, out, remedy)


def _from_two_folders(
    root: Path, folder_a: Path, folder_b: Path, reason: str, out: excluded.Excluded
) -> UnpairedFiles:
    """All images of two folders."""
    places.check_different(folder_a, folder_b)
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
        f"{out.note(len(out_a) + len(out_b))}{folders.unread(folder_a, folder_b)}",
        tuple(files[path] for path in paths_a),
        tuple(files[path] for path in paths_b),
    )


def _from_halves(
    root: Path, folder: Path, out: excluded.Excluded, remedy: str
) -> UnpairedFiles:
    """Left and right halves of a folder's images.

    Where there is a `remedy`, nobody asked for it, and single images are refused.
    """
    paths, gone = out.part(listing.images(folder))
    pairs, doubt = listing.halves(root, paths, remedy)
    where = listing.relative(root, folder)
    reason = (
        f"side by side in {where}: A is the left half, B the right; unpaired, "
        f"{len(pairs)} images{doubt}{out.note(len(gone))}{folders.unread(folder)}"
    )
    left, right = zip(*pairs, strict=True)
    return UnpairedFiles("side_by_side", (folder,), reason, left, right)


def _check_no_domain_is_missing(root: Path, split: str, a: str, b: str) -> None:
    found = places.only_one(root, split, a, b)
    if found is not None:
        there, missing, domain = found
        raise FileNotFoundError(
            f"no folder '{missing}' (domain {domain}) beside '{there}': {_expected()}"
        )


def _expected() -> str:
    return f"expected {' '.join(EXTENSIONS)} files of both domains, of any names"
