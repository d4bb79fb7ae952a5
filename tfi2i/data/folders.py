"""Which image files make up a split: layouts, pairs, sizes, orientation.

Only names and headers are read here, so a folder of thousands is checked in
about a second and everything wrong with it is told before anything is decoded.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from tfi2i.data import excluded, listing
from tfi2i.data.headers import EXTENSIONS, ImageFile, shortened

Layout = Literal["auto", "side_by_side", "folders", "targets"]
LAYOUTS = ("auto", "side_by_side", "folders", "targets")
SPLITS = ("train", "val", "test")


@dataclasses.dataclass(frozen=True)
class Sample:
    """One training example.

    Attributes:
        name: file stem, unique in its split.
        a: the image of domain A, None where only targets are read.
        b: the image of domain B, or the target.
    """

    name: str
    a: ImageFile | None
    b: ImageFile


@dataclasses.dataclass(frozen=True)
class PairedFiles:
    """The files of one split and how they were read.

    Attributes:
        layout: the layout found: `side_by_side`, `folders` or `targets`.
        folders: where the images lie: one folder, or those of A and B.
        reason: one line for people: what was taken for A and for B, and why.
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
    targets_only: bool = False,
    exclude: str | Path | None = None,
) -> PairedFiles:
    """Find the paired images of one split.

    Looked for in this order, unless `layout` says which: folders `split/a` and
    `split/b` (then `split/A`, `split/B`), folders `splitA` and `splitB`,
    side-by-side images `split/*` (A left, B right), any two sub-folders of
    `split`. Files in two folders are matched by stem, whatever the extension.

    Args:
        directory: the data set's folder.
        split: `train`, `val` or `test`.
        layout: `auto` looks; the others accept one form only. `targets` is
            single images in `split`, and needs `targets_only`.
        a: name of the folder that holds domain A.
        b: name of the folder that holds domain B.
        targets_only: the input will be made from the target, so A is not
            needed: of two folders only B's is read, of side-by-side images
            (which then must be asked for) the right half.
        exclude: file that lists images to leave out, unread, by their paths from
            `directory`; of two folders, their partners are left out, too.

    Returns:
        The files, with displayed sizes and EXIF orientation from the headers.

    Raises:
        FileNotFoundError: the folder, the split or the list does not exist.
        ValueError: no images, unmatched or duplicate stems, an odd width, an
            unreadable header, no such layout, or a list that names nothing there.
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
    out = excluded.read(root, exclude)
    found = two_folders(root, split, layout, a, b)
    if found is not None:
        folder_a, folder_b, reason = found
        if targets_only:
            return _targets(root, folder_b, out, "folders", f"targets only, {reason}")
        check_different(folder_a, folder_b)
        return match_folders(root, folder_a, folder_b, out, reason)
    flat = one_folder(root, split, layout, a, b)
    if layout == "targets" or (layout == "auto" and targets_only):
        return _targets(root, flat, out, "targets", "single images, read as targets")
    return _side_by_side(root, flat, out, targets_only, asked=layout == "side_by_side")


def available_splits(
    directory: str | Path, *, a: str = "A", b: str = "B"
) -> tuple[str, ...]:
    """Say which of `train`, `val` and `test` a data set has.

    Args:
        directory: the data set's folder.
        a: name of domain A, for folders such as `trainA`.
        b: name of domain B.

    Returns:
        The names found, in that order; empty where the folder does not exist.
    """
    root = Path(directory)
    return tuple(
        split
        for split in SPLITS
        if (root / split).is_dir()
        or any(
            (root / f"{split}{first}").is_dir() and (root / f"{split}{second}").is_dir()
            for first, second in ((a, b), ("A", "B"))
        )
    )


def check_split(root: Path, split: str) -> None:
    """Refuse a data folder that does not exist, and a split that never does."""
    if split not in SPLITS:
        raise ValueError(f"unknown split '{split}': expected {_listed(SPLITS, 'or')}")
    if not root.exists():
        raise FileNotFoundError(f"data folder '{root}' does not exist")
    if not root.is_dir():
        raise NotADirectoryError(f"'{root}' is a file, expected a folder of images")


def check_different(folder_a: Path, folder_b: Path) -> None:
    """Refuse one folder for both domains, however it is spelt or linked."""
    if folder_a.samefile(folder_b):
        raise ValueError(
            f"A ('{folder_a}') and B ('{folder_b}') are the same folder: expected "
            "two, whose names are --data.a and --data.b"
        )


def two_folders(
    root: Path, split: str, layout: Layout, a: str, b: str
) -> tuple[Path, Path, str] | None:
    """Folders of A and of B, and the reason; None where images come before them."""
    if layout not in ("auto", "folders"):
        return None
    for folder_a, folder_b in candidates(root, split, a, b):
        if folder_a.is_dir() and folder_b.is_dir():
            return folder_a, folder_b, _folders_reason(root, folder_a, folder_b)
    flat = root / split
    if layout == "auto" and listing.has_images(flat):
        return None
    return _any_two_folders(flat, a, b)


def candidates(root: Path, split: str, a: str, b: str) -> list[tuple[Path, Path]]:
    """Where folders of A and of B may be: the names asked for, then A and B."""
    return [
        folders
        for first, second in dict.fromkeys(((a, b), ("A", "B")))
        for folders in (
            (root / split / first, root / split / second),
            (root / f"{split}{first}", root / f"{split}{second}"),
        )
    ]


def one_folder(root: Path, split: str, layout: Layout, a: str, b: str) -> Path:
    """The folder that holds a split's images, where `two_folders` finds none."""
    flat = root / split
    if split not in available_splits(root, a=a, b=b):
        raise FileNotFoundError(_split_missing(root, split, a, b))
    if layout == "folders":
        raise ValueError(
            f"'{flat}' does not hold two folders of images: expected "
            f"'{flat / a}' and '{flat / b}'"
        )
    if not listing.has_images(flat):
        raise ValueError(
            f"no images in '{flat}': expected {' '.join(EXTENSIONS)} files side by "
            f"side (A left, B right), or the folders '{a}' and '{b}'"
        )
    return flat


def _any_two_folders(flat: Path, a: str, b: str) -> tuple[Path, Path, str] | None:
    """The only two sub-folders of a split, whatever their names."""
    if not flat.is_dir():
        return None
    folders = sorted(
        entry
        for entry in flat.iterdir()
        if entry.is_dir() and not entry.name.startswith(".")
    )
    if len(folders) != 2:
        return None
    swapped = folders[0].name == b or folders[1].name == a
    folder_a, folder_b = reversed(folders) if swapped else folders
    named = {a, b} & {folder_a.name, folder_b.name}
    why = "the other by its name" if named else "in alphabetical order"
    reason = _folders_reason(flat.parent, folder_a, folder_b)
    return folder_a, folder_b, f"{reason} (the only two folders, {why})"


def _folders_reason(root: Path, folder_a: Path, folder_b: Path) -> str:
    a, b = (listing.relative(root, folder) for folder in (folder_a, folder_b))
    return f"two folders: A is {a}, B is {b}"


def match_folders(
    root: Path,
    folder_a: Path,
    folder_b: Path,
    out: excluded.Excluded = excluded.NOTHING,
    reason: str = "",
) -> PairedFiles:
    """Pair the files of two folders by stem, whatever the extension.

    Args:
        root: the data set's folder, from which messages name files.
        folder_a: images of domain A.
        folder_b: images of domain B.
        out: images to leave out, with their partners.
        reason: why these two folders.

    Raises:
        ValueError: no images, unmatched or duplicate stems, an unreadable header.
    """
    stems_a, out_a = _by_stem(folder_a, out)
    stems_b, out_b = _by_stem(folder_b, out)
    # Another file of the name may be the one that is kept.
    gone = (out_a - stems_a.keys()) | (out_b - stems_b.keys())
    for stems in (stems_a, stems_b):
        for stem in gone & stems.keys():
            del stems[stem]
    if not stems_a and not stems_b:
        raise ValueError(out.nothing_left(folder_a))
    lonely = []
    for here, mine, there, other in (
        (folder_a, stems_a, folder_b, stems_b),
        (folder_b, stems_b, folder_a, stems_a),
    ):
        names = [path.name for stem, path in mine.items() if stem not in other]
        if names:
            lonely.append(
                f"{len(names)} in {listing.relative(root, here)} without a partner in "
                f"{listing.relative(root, there)} ({shortened(names)})"
            )
    if lonely:
        raise ValueError(
            f"unmatched images in '{root}': {'; '.join(lonely)}; "
            "pairs need the same file name in both folders"
        )
    files = listing.indexed(root, [*stems_a.values(), *stems_b.values()])
    samples = tuple(
        Sample(stem, files[stems_a[stem]], files[stems_b[stem]])
        for stem in sorted(stems_a)
    )
    reason += out.note(len(gone))
    return PairedFiles("folders", (folder_a, folder_b), reason, samples)


def _side_by_side(
    root: Path, folder: Path, out: excluded.Excluded, targets_only: bool, asked: bool
) -> PairedFiles:
    """Split every file of a folder down the middle: A left, B right.

    Unless `asked` to, the reason says so where most do not look like pairs.
    """
    stems, gone = _by_stem(folder, out)
    names = sorted(stems)
    pairs, doubt = listing.halves(root, [stems[name] for name in names])
    samples = tuple(
        Sample(name, None if targets_only else left, right)
        for name, (left, right) in zip(names, pairs, strict=True)
    )
    where = listing.relative(root, folder)
    reason = f"side by side in {where}: A is the left half, B the right"
    if targets_only:
        reason = f"side by side in {where}: targets only, the right half"
    if doubt and not asked:
        reason += (
            f"; but {doubt}: if they are single images, draw their inputs with "
            "--data.input edges, or put A and B into two folders"
        )
    reason += out.note(len(gone))
    return PairedFiles("side_by_side", (folder,), reason, samples)


def _targets(
    root: Path, folder: Path, out: excluded.Excluded, layout: Layout, reason: str
) -> PairedFiles:
    """Single images, each a target."""
    stems, gone = _by_stem(folder, out)
    files = listing.indexed(root, stems.values())
    samples = tuple(Sample(s, None, files[stems[s]]) for s in sorted(stems))
    if layout == "targets" and all(
        image.width == 2 * image.height for image in files.values()
    ):
        reason += "; all are twice as wide as high: if they are pairs, "
        reason += "say so with --data.layout side_by_side"
    reason += out.note(len(gone))
    return PairedFiles(layout, (folder,), reason, samples)


def _by_stem(folder: Path, out: excluded.Excluded) -> tuple[dict[str, Path], set[str]]:
    """Stem to file, and the stems of files that are left out.

    A stem may occur once, since it names the sample.
    """
    found, gone = out.part(listing.images(folder))
    if not found:
        raise ValueError(f"no images in '{folder}': expected {' '.join(EXTENSIONS)}")
    stems: dict[str, Path] = {}
    repeated = []
    for path in found:
        first = stems.setdefault(path.stem, path)
        if first != path:
            repeated.append(f"{first.name} and {path.name}")
    if repeated:
        raise ValueError(
            f"images of one name in '{folder}': {shortened(repeated)}; keep one of each"
        )
    return stems, {path.stem for path in gone}


def _split_missing(root: Path, split: str, a: str, b: str) -> str:
    splits = available_splits(root, a=a, b=b)
    has = f"it has {_listed(splits, 'and')}" if splits else "it has no split at all"
    return (
        f"'{root}' has no '{split}' split ({has}): expected "
        f"{split}/*.jpg (A left, B right), {split}/{a} and {split}/{b}, "
        f"or {split}A and {split}B"
    )


def _listed(names: Sequence[str], conjunction: str) -> str:
    if len(names) == 1:
        return names[0]
    return f"{', '.join(names[:-1])} {conjunction} {names[-1]}"
