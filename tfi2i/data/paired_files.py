"""Finds the image files of a split of pairs, whatever the layout of the data set.

Only names and headers are read, so that a folder of thousands is checked in about a
second, and everything wrong with it is reported before anything is decoded.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

from tfi2i.data import exclusion_list, folder_listing, name_matching
from tfi2i.data.grouped_splits import Unit
from tfi2i.data.headers import EXTENSIONS, ImageFile, shortened
from tfi2i.data.split_folders import (
    FolderNames,
    Layout,
    available_splits,
    check_different,
    check_split,
    one_folder,
    other_folders,
    two_folders,
)
from tfi2i.data.validation_share import Share

LAYOUTS = ("auto", "side_by_side", "folders", "targets")


@dataclasses.dataclass(frozen=True)
class Sample:
    """One training example.

    Attributes:
        name: what the names of its files have in common, unique in the split.
        a: the image of domain A; None where only targets are read.
        b: the image of domain B, or the target.
    """

    name: str
    a: ImageFile | None
    b: ImageFile


@dataclasses.dataclass(frozen=True)
class PairedFiles:
    """The files of one split, and the layout in which they were found.

    Attributes:
        layout: the layout found: `side_by_side`, `folders` or `targets`.
        folders: the folder of the images, or those of A and B.
        reason: one line for users: what was taken for A and for B, and why.
        samples: sorted by name.
    """

    layout: Layout
    folders: tuple[Path, ...]
    reason: str
    samples: tuple[Sample, ...]

    def __len__(self) -> int:
        """Number of samples."""
        return len(self.samples)


def find_pairs(
    directory: str | Path,
    split: str,
    *,
    layout: Layout = "auto",
    a: str = "A",
    b: str = "B",
    usual: tuple[str, str] = ("A", "B"),
    targets_only: bool = False,
    exclude: str | Path | None = None,
    share: Share | None = None,
) -> PairedFiles:
    """Finds the paired images of one split.

    The layouts are tried in this order, unless `layout` names one: folders `split/a`
    and `split/b`; folders `splita` and `splitb` (also `a_split`, `a/split` and the
    like; where `a` contains the name of a split, as `train` or `images_train`, that
    name is replaced); images in `split` and in the one folder beside it, of the same
    names; side-by-side images `split/*` (A left, B right); any two sub-folders of
    `split`. Folder names that the user gives, other than A and B, are used or refused.
    Files in two folders are matched by `name_matching.matching`.

    Args:
        directory: folder of the data set.
        split: `train`, `val` or `test`.
        layout: `auto` tries all; the others accept one layout only. `targets` is
            single images in `split`, and needs `targets_only`.
        a: name of the folder of domain A.
        b: name of the folder of domain B.
        usual: names that the user did not give; A and B may stand in for them.
        targets_only: the inputs will be made from the targets, so that A is not
            needed: of two folders only B's is read, of side-by-side images
            (which then must be asked for) the right half.
        exclude: file that lists images to leave out, unread, by their paths from
            `directory`; in two folders, their partners are left out, too.
        share: the part of the training images that is the split `val`, where there is
            no such folder; the images may then lie in `directory` itself. None: no
            part.

    Returns:
        The files, with displayed sizes and EXIF orientation from the headers.

    Raises:
        FileNotFoundError: the folder, the split or the list does not exist.
        ValueError: no images, unmatched or duplicate names, names of both sides of
            pairs in one folder, an odd width, images too narrow to be two, an
            unreadable header, an unknown layout, a list that names nothing in the
            folder, or too few images for the share.
    """
    root = Path(directory)
    if layout not in LAYOUTS:
        raise ValueError(f"unknown layout '{layout}': expected one of {LAYOUTS}")
    if layout == "targets" and not targets_only:
        raise ValueError(
            "layout 'targets' has no input images: pass --data.input edges to make "
            "the input from the target, or choose 'side_by_side' or 'folders'"
        )
    check_split(root, split)
    out = exclusion_list.read(root, exclude)
    called = FolderNames.of(a, b, usual)
    if share is None or not share.applies(root, split, called):
        return _find(root, split, layout, called, targets_only, out)
    unsplit = not available_splits(root, a=called.a, b=called.b)
    every = _find(root, "train", layout, called, targets_only, out, unsplit)
    units = [_to_unit(sample) for sample in every.samples]
    kept = {unit.name for unit in share.part(units, split)}
    samples = tuple(sample for sample in every.samples if sample.name in kept)
    reason = f"{every.reason}; {share.note(len(samples), len(units), split)}"
    return dataclasses.replace(every, samples=samples, reason=reason)


def _to_unit(sample: Sample) -> Unit:
    files = (sample.b.path,) if sample.a is None else (sample.a.path, sample.b.path)
    files = tuple(dict.fromkeys(files))
    return Unit("pairs" if len(files) == 2 else "images", sample.name, files)


def _find(
    root: Path,
    split: str,
    layout: Layout,
    called: FolderNames,
    targets_only: bool,
    out: exclusion_list.Excluded,
    unsplit: bool = False,
) -> PairedFiles:
    """Finds the files of a whole split, or all files of an unsplit folder."""
    found = two_folders(root, split, layout, called, unsplit)
    if found is not None:
        folder_a, folder_b, reason = found
        if targets_only:
            reason = f"targets only, {reason}"
            return _from_targets(root, folder_b, out, "folders", reason)
        check_different(folder_a, folder_b)
        return match_folders(root, folder_a, folder_b, out, reason)
    flat = one_folder(root, split, layout, called, unsplit)
    if layout == "auto" and not targets_only:
        check_no_sides(flat, "edges")
    if layout == "targets" or (layout == "auto" and targets_only):
        reason = "single images, read as targets"
        return _from_targets(root, flat, out, "targets", reason)
    remedy = "" if layout == "side_by_side" else single_images(root, split, "edges")
    return _from_halves(root, flat, out, targets_only, remedy)


def check_no_sides(folder: Path, made: str = "") -> None:
    """Refuses one folder whose file names show that it holds both sides of pairs.

    Args:
        folder: a folder of images.
        made: an input that may be made from single images; empty where none may.

    Raises:
        ValueError: naming the two sides.
    """
    paths = folder_listing.images(folder)
    found = name_matching.sides(paths)
    if found is None:
        return
    half = len({name_matching.stem(path) for path in paths}) // 2
    other = f"--data.input {made} (single images) or " if made else ""
    raise ValueError(
        f"'{folder}' seems to hold both sides of pairs as files of their own: {half} "
        f"are called {found[0]} and {half} {found[1]}, alike but for that; move each "
        f"side to a folder, '{folder / 'A'}' and '{folder / 'B'}' (which "
        f"tfi2i data pair also joins), or say that they are no such pairs with {other}"
        "--data.layout side_by_side"
    )


def single_images(root: Path, split: str, made: str = "") -> str:
    """What the user can do where single images look like pairs side by side.

    Args:
        root: folder of the data set.
        split: the split of the images.
        made: an input that may be made from them; empty where none may.
    """
    ways = [f"draw their inputs with --data.input {made}"] if made else []
    ways.append(f"name the folders of A and B, as {other_folders(root, split)}")
    return ", or ".join(ways)


def match_folders(
    root: Path,
    folder_a: Path,
    folder_b: Path,
    out: exclusion_list.Excluded = exclusion_list.NOTHING,
    reason: str = "",
) -> PairedFiles:
    """Pairs the files of two folders by `name_matching.matching`.

    Extensions may differ.

    Args:
        root: folder of the data set, to which paths in messages are relative.
        folder_a: images of domain A.
        folder_b: images of domain B.
        out: images to leave out, with their partners.
        reason: why these two folders.

    Raises:
        ValueError: no images, unmatched or duplicate names, an unreadable header.
    """
    found = name_matching.matching(
        folder_listing.images(folder_a), folder_listing.images(folder_b)
    )
    named_a, out_a = _by_name(folder_a, out, lambda path: found.key(0, path))
    named_b, out_b = _by_name(folder_b, out, lambda path: found.key(1, path))
    # Unless another file of the name is kept.
    gone = (out_a - named_a.keys()) | (out_b - named_b.keys())
    for named in (named_a, named_b):
        for name in gone & named.keys():
            del named[name]
    if not named_a and not named_b:
        raise ValueError(out.nothing_left(folder_a))
    unmatched = []
    for here, mine, there, other in (
        (folder_a, named_a, folder_b, named_b),
        (folder_b, named_b, folder_a, named_a),
    ):
        alone = [path.name for name, path in mine.items() if name not in other]
        if alone:
            unmatched.append(
                f"{len(alone)} in {folder_listing.relative(root, here)} without a "
                f"partner in {folder_listing.relative(root, there)} "
                f"({shortened(alone)})"
            )
    if unmatched:
        raise ValueError(
            f"unmatched images in '{root}': {'; '.join(unmatched)}; pairs need the "
            "same file name in both folders, but for what all names of a folder begin "
            "or end with, as 1_A.png and 1_B.png"
        )
    files = folder_listing.read_headers(root, [*named_a.values(), *named_b.values()])
    samples = tuple(
        Sample(name, files[named_a[name]], files[named_b[name]])
        for name in sorted(named_a)
    )
    reason += found.note + out.note(len(gone)) + unread(folder_a, folder_b)
    return PairedFiles("folders", (folder_a, folder_b), reason, samples)


def unread(*folders: Path) -> str:
    """What else the folders contain, for the reason of a layout."""
    left_out = folder_listing.describe_unread(folders, folders)
    return f"; {left_out}" if left_out else ""


def _from_halves(
    root: Path,
    folder: Path,
    out: exclusion_list.Excluded,
    targets_only: bool,
    remedy: str,
) -> PairedFiles:
    """Takes the halves of a folder's files: A left, B right.

    A `remedy` means that the user did not ask for it, and single images are refused.
    """
    named, gone = _by_name(folder, out)
    every = sorted(named)
    pairs, doubt = folder_listing.halves(root, [named[name] for name in every], remedy)
    samples = tuple(
        Sample(name, None if targets_only else left, right)
        for name, (left, right) in zip(every, pairs, strict=True)
    )
    where = folder_listing.relative(root, folder)
    reason = f"side by side in {where}: A is the left half, B the right"
    if targets_only:
        reason = f"side by side in {where}: targets only, the right half"
    reason += doubt + out.note(len(gone)) + unread(folder)
    return PairedFiles("side_by_side", (folder,), reason, samples)


def _from_targets(
    root: Path, folder: Path, out: exclusion_list.Excluded, layout: Layout, reason: str
) -> PairedFiles:
    """Takes each image of a folder as a target."""
    named, gone = _by_name(folder, out)
    files = folder_listing.read_headers(root, named.values())
    samples = tuple(Sample(name, None, files[named[name]]) for name in sorted(named))
    if layout == "targets" and all(
        image.width == 2 * image.height for image in files.values()
    ):
        reason += "; all are twice as wide as high: if they are pairs, "
        reason += "say so with --data.layout side_by_side"
    reason += out.note(len(gone)) + unread(folder)
    return PairedFiles(layout, (folder,), reason, samples)


def _by_name(
    folder: Path,
    out: exclusion_list.Excluded,
    key: Callable[[Path], str] = name_matching.stem,
) -> tuple[dict[str, Path], set[str]]:
    """Lists a folder by the names of samples.

    Returns:
        Name to file, and the names of the files that are left out.

    Raises:
        ValueError: no images, or two of one name.
    """
    found, gone = out.part(folder_listing.images(folder))
    if not found:
        raise ValueError(f"no images in '{folder}': expected {' '.join(EXTENSIONS)}")
    named: dict[str, Path] = {}
    repeated = []
    for path in found:
        first = named.setdefault(key(path), path)
        if first != path:
            repeated.append(f"{first.name} and {path.name}")
    if repeated:
        raise ValueError(
            f"images of one name in '{folder}': {shortened(repeated)}; keep one of each"
        )
    return named, {key(path) for path in gone}
